"""Rules between constants of a chip: each names the key to change and says in one sentence what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seneca_sim.chip.instructions import PUBLISHED_LANES, Instructions

__all__ = ["Rule", "broken_rules"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on some constants, reported at the first of them."""

    keys: tuple[str, ...]
    """Dotted names of the constants that it reads."""
    objection: Callable[..., str | None]
    """From their values, in order, to the sentence that says what is wrong, or None."""


def broken_rules(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (dotted key, sentence) of every rule that the values break; rules on absent values are passed over.

    >>> broken_rules({"noc.buffer_flits": 4, "noc.max_flits": 9})
    [('noc.buffer_flits', 'a router buffer of 4 flits cannot hold a packet of noc.max_flits = 9; use at least 9')]
    """
    broken = []
    for rule in RULES:
        if all(key in values for key in rule.keys):
            sentence = rule.objection(*(values[key] for key in rule.keys))
            if sentence is not None:
                broken.append((rule.keys[0], sentence))
    return broken


def _holds_packet(place: str) -> Callable[[int, int], str | None]:
    def objection(flits: int, max_flits: int) -> str | None:
        if flits >= max_flits:
            return None
        return f"{place} of {flits} flits cannot hold a packet of noc.max_flits = {max_flits}; use at least {max_flits}"

    return objection


def _value_capacity(max_flits: int, flit_bits: int, *header_fields: int) -> str | None:
    header = -(-sum(header_fields) // flit_bits)
    if max_flits > header:
        return None
    return (
        f"a packet of {max_flits} flits has no room for a value after {header} header flits; use at least {header + 1}"
    )


def _mesh_is_whole(columns: int, rows: int) -> str | None:
    if (columns == 0) == (rows == 0):
        return None
    return f"a mesh of {columns} columns and {rows} rows is none; give both, or 0 for both to have it chosen"


def _mesh_within_limit(max_cores: int, columns: int, rows: int) -> str | None:
    if columns * rows <= max_cores:
        return None
    return (
        f"the mesh of {columns} x {rows} holds more cores than this limit of {max_cores}; raise it to {columns * rows}"
    )


def _needs_lanes(unit: str) -> Callable[[bool, bool], str | None]:
    def objection(enabled: bool, lanes: bool) -> str | None:
        return (
            f"{unit} serves the lanes, but core.npe.enabled is false; switch it off too"
            if enabled and not lanes
            else None
        )

    return objection


def _period_is_used(period: int, pipelined: bool) -> str | None:
    if period == 0 or pipelined:
        return None
    return f"a period of {period} cycles has no effect while flow.pipelined is false; set it to 0 or pipeline the steps"


def _steps_overlap(period: int, barrier: str) -> str | None:
    if period == 0 or barrier != "global":
        return None
    return (
        f"steps of a global barrier do not overlap, so an arrival period of {period} cycles has no meaning; "
        "set it to 0 or flow.barrier to layer"
    )


def _total_fits_parts(total: float, npe: float, memory: float, loop: float, event: float) -> str | None:
    shared = (loop + event) / PUBLISHED_LANES
    parts = npe + memory + shared
    if abs(parts - total) <= 0.05 + 1e-9 and total >= memory + shared - 1e-9:
        return None
    return (
        f"the printed total {total} pJ does not round its parts, which give {parts:.4g} pJ "
        f"(npe + memory + (loop + event) / {PUBLISHED_LANES}); change both"
    )


RULES = (
    Rule(("noc.buffer_flits", "noc.max_flits"), _holds_packet("a router buffer")),
    Rule(("noc.input_flits", "noc.max_flits"), _holds_packet("a NoC FIFO")),
    Rule(
        ("noc.max_flits", "noc.flit_bits", "noc.kind_bits", "noc.group_bits", "noc.y_bits", "noc.x_bits"),
        _value_capacity,
    ),
    Rule(("noc.columns", "noc.rows"), _mesh_is_whole),
    Rule(("noc.max_cores", "noc.columns", "noc.rows"), _mesh_within_limit),
    Rule(("core.loop_controller.enabled", "core.npe.enabled"), _needs_lanes("the loop controller")),
    Rule(("core.event_generator.enabled", "core.npe.enabled"), _needs_lanes("the event generator")),
    Rule(("flow.period", "flow.pipelined"), _period_is_used),
    Rule(("flow.period", "flow.barrier"), _steps_overlap),
    *(
        Rule(
            tuple(f"instructions.{name}.{part}_pj" for part in ("total", "npe", "memory", "loop", "event")),
            _total_fits_parts,
        )
        for name in Instructions.model_fields
    ),
)

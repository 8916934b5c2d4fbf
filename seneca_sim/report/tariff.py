"""The tariff of a run: every counted thing that has a price, who pays for it, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from seneca_sim.chip.prices import Price, PriceTable, price_table
from seneca_sim.report.record import EdgeFacts, Instructions, LayerFacts, Record

__all__ = ["HOST_COUNTERS", "Charge", "tariff"]

HOST_COUNTERS = ("flits", "link_flits", "ejected_flits", "values", "dropped_values", "received_values")
"""Counts of the host ports, in the order of `Counts.host`."""
_FLITS = {"flits": "flit.injected", "link_flits": "flit.link", "ejected_flits": "flit.ejected"}


@dataclass(frozen=True, slots=True)
class Charge:
    """One counted thing of one owner and its price for one component."""

    table: Literal["part", "inlet", "host", "static", "waiting"]
    """Where it is counted: parts and inlets of the counts, host ports, powered core-cycles, waiting RISC-V cycles."""
    owner: int
    """Layer of a part, edge of an inlet; 0 for the others."""
    counter: str
    factor: int
    """Things for each count: executions of an instruction in a chunk, otherwise 1."""
    thing: str
    component: str
    price_pj: float
    formula: str
    constants: tuple[str, ...]


def tariff(record: Record) -> tuple[Charge, ...]:
    """Return all charges of a run."""
    prices = price_table(record.chip)
    charges = [charge for number, layer in enumerate(record.layers) for charge in _layer_charges(prices, number, layer)]
    charges += [charge for number, edge in enumerate(record.edges) for charge in _edge_charges(prices, number, edge)]
    for counter, name in _FLITS.items():
        charges += _priced("host", 0, counter, 1, "host", prices[name])
    charges += _priced("static", 0, "", 1, "static", prices["core.cycle"])
    charges += _priced("waiting", 0, "", 1, "waiting", prices["riscv.idle_cycle"])
    return tuple(charge for charge in charges if charge.price_pj)


def _layer_charges(prices: PriceTable, number: int, layer: LayerFacts) -> Iterator[Charge]:
    """Yield what a layer's output work costs."""
    for counter, instructions, program in (
        ("update_chunks", layer.update, "update"),
        ("pool_chunks", layer.pool, "pool"),
        ("emit_chunks", layer.emit, "emit"),
    ):
        yield from _program(prices, "part", number, counter, instructions, program)
    yield from _priced("part", number, "events", 1, "fire", prices["event.generated"])
    yield from _priced("part", number, "rv_cycles", 1, "fire and send", prices["riscv.busy_cycle"])
    for counter, name in _FLITS.items():
        yield from _priced("part", number, counter, 1, "send", prices[name])


def _edge_charges(prices: PriceTable, number: int, edge: EdgeFacts) -> Iterator[Charge]:
    """Yield what the work on an edge's events costs."""
    yield from _program(prices, "inlet", number, "chunks", edge.integrate, f"integrate {edge.name}")
    yield from _priced("inlet", number, "rv_cycles", 1, f"decode {edge.name}", prices["riscv.busy_cycle"])


def _program(
    prices: PriceTable,
    table: Literal["part", "inlet"],
    owner: int,
    counter: str,
    instructions: Instructions,
    program: str,
) -> Iterator[Charge]:
    """Yield what the instructions of a program cost."""
    for name, executions in instructions:
        yield from _priced(table, owner, counter, executions, program, prices[f"instruction.{name}"])


def _priced(
    table: Literal["part", "inlet", "host", "static", "waiting"],
    owner: int,
    counter: str,
    factor: int,
    work: str,
    price: Price,
) -> Iterator[Charge]:
    """Yield one charge for each component of a price."""
    for part in price.parts:
        yield Charge(
            table,
            owner,
            counter,
            factor,
            f"{work}: {price.counted}",
            part.component,
            part.pj,
            part.formula,
            part.constants,
        )

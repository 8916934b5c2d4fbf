"""Timing: integer counts of a network on a chip, by cycle or in closed form."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from seneca_sim.errors import RequestError
from seneca_sim.yaml_positions import did_you_mean

if TYPE_CHECKING:
    from seneca_sim.activity.trace import Trace
    from seneca_sim.chip import Chip
    from seneca_sim.engine.counts import Counts
    from seneca_sim.graph.network import Network
    from seneca_sim.mapping.types import Mapping

__all__ = ["ENGINES", "simulate"]

ENGINES = ("reference", "fast", "estimate")
"""Names of the engines: two equal cycle-level ones, and one in closed form."""


def simulate(
    network: Network,
    mapping: Mapping,
    trace: Trace,
    chip: Chip,
    engine: str = "fast",
    progress: Callable[[int, int], None] | None = None,
) -> Counts:
    """Run a mapped network on a chip and return the counts of one of the `ENGINES`.

    `progress` is called with (steps done, steps). Raises RequestError if there is no such engine.
    """
    if engine not in ENGINES:
        raise RequestError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}{did_you_mean(engine, ENGINES)}")
    from seneca_sim.engine.costs import costs_of

    run: Callable[..., Counts] = import_module(f"seneca_sim.engine.{engine}").run
    return run(network, mapping, trace, chip.timing(), costs_of(network, chip), progress)

"""Timing: integer counts of a network on a chip, by cycle or in closed form."""

from __future__ import annotations

import os
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
ROUTER_BYTES = 2048
"""About what an engine keeps for a router, its buffers and its links."""


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

    _check_memory(network, mapping, trace.n_steps)
    run: Callable[..., Counts] = import_module(f"seneca_sim.engine.{engine}").run
    return run(network, mapping, trace, chip.timing(), costs_of(network, chip), progress)


def _check_memory(network: Network, mapping: Mapping, steps: int) -> None:
    """Raise `RequestError` if the counts of a run alone would not fit into this machine's memory."""
    from seneca_sim.engine.counts import INLET_COUNTERS, PART_COUNTERS

    inlets = sum(len(network.layers[part.layer].edges) for part in mapping.parts)
    per_step = 8 * (len(mapping.parts) * (len(PART_COUNTERS) + 3) + inlets * len(INLET_COUNTERS) + 11)
    routers = mapping.mesh[0] * mapping.mesh[1]
    needed = steps * per_step + routers * ROUTER_BYTES
    present = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else needed
    if needed > present:
        raise RequestError(
            f"{steps} steps of {len(mapping.parts)} parts on a mesh of {routers} routers need {needed / 2**30:.1f} GiB for their "
            f"counts, this machine has {present / 2**30:.1f} GiB; run fewer steps or a smaller mesh"
        )

"""The chip as readable SimPy processes: the executable form of `engine/timing.md`."""

from __future__ import annotations

from seneca_sim.activity.trace import Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs
from seneca_sim.engine.counts import Counts
from seneca_sim.engine.reference.system import Progress, System
from seneca_sim.graph.network import Network
from seneca_sim.mapping.types import Mapping

__all__ = ["run"]


def run(
    network: Network,
    mapping: Mapping,
    trace: Trace,
    timing: Timing,
    costs: Costs,
    progress: Progress | None = None,
) -> Counts:
    """Run a mapped network on a chip, cycle by cycle, and return what happened."""
    return System(network, mapping, trace, timing, costs, progress).run()

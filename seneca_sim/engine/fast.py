"""The compiled engine: the chip of `engine/timing.md`, equal to `reference` in every cycle and count."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from seneca_sim.activity.trace import Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs
from seneca_sim.engine.counts import Counts
from seneca_sim.engine.deadlock import explain_deadlock
from seneca_sim.engine.plan import Plan, make_plan
from seneca_sim.errors import DeadlockError
from seneca_sim.graph.network import Network
from seneca_sim.mapping.types import Mapping

if TYPE_CHECKING:
    from seneca_sim.kernels.chip_machine import Machine

__all__ = ["Progress", "core_events", "run"]

Progress = Callable[[int, int], None]
"""Called with (steps done, steps)."""
CYCLES_A_CALL = 1 << 20


def run(
    network: Network,
    mapping: Mapping,
    trace: Trace,
    timing: Timing,
    costs: Costs,
    progress: Progress | None = None,
) -> Counts:
    """Simulate a mapped network on a trace, cycle by cycle, and return its counts.

    Raises DeadlockError, which names who waits for whom, if the chip can make no further progress.
    """
    plan = make_plan(network, mapping, trace, timing, costs)
    return _counts(_execute(plan, progress))


def core_events(network: Network, mapping: Mapping, trace: Trace, timing: Timing, costs: Costs) -> tuple[int, Counts]:
    """Return (core-events, counts) of a run: a core-event is one unit finishing one task, job or packet-hop."""
    machine = _execute(make_plan(network, mapping, trace, timing, costs), None)
    return int(machine.totals["events_done"][0]), _counts(machine)


def _execute(plan: Plan, progress: Progress | None) -> Machine:
    """Run the compiled chip to its end and return its final state."""
    from seneca_sim.engine.machine import build_machine, grow, margin_of
    from seneca_sim.kernels.chip_run import FULL, QUIET, begin, open_phase
    from seneca_sim.kernels.chip_run import run as run_machine

    machine = build_machine(plan)
    steps, margin = plan.trace.n_steps, margin_of(plan)
    begin(machine)
    while True:
        status = run_machine(machine, int(machine.totals["now"][0]) + CYCLES_A_CALL, margin)
        if status == FULL:
            machine = grow(machine)
        elif status == QUIET:
            if int(machine.totals["steps_done"][0]) == steps:
                break
            if not (machine.settings["barrier"][0] and open_phase(machine)):
                raise DeadlockError(explain_deadlock(plan, machine))
        if progress is not None:
            progress(int(machine.totals["steps_done"][0]), steps)
    return machine


def _counts(machine: Machine) -> Counts:
    """Collect the counts of a finished run."""
    makespan = int(machine.totals["last_effect"][0])
    cores = machine.cores
    states = machine.core_states.copy()
    np.add.at(states, (np.arange(len(cores)), cores["idle_state"]), makespan - cores["idle_since"])
    return Counts(
        makespan=makespan,
        parts=machine.part_counts,
        part_times=machine.part_times,
        inlets=machine.inlet_counts,
        cores=states,
        npe_busy=cores["lc_busy"].copy(),
        fifo_max=np.stack([cores["tasks_max"], cores["room_max"], cores["flits_max"]], axis=1),
        links=machine.link_counts,
        host=machine.host_counts,
        steps=machine.step_times,
    )

"""The compiled engine: the chip of `engine/timing.md`, equal to `reference` in every cycle and count."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.trace import Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs
from seneca_sim.engine.counts import Counts
from seneca_sim.engine.fast.deadlock import explain_deadlock, is_unfinished
from seneca_sim.engine.fast.plan import Plan, make_plan
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
    return int(machine.totals["events_done"]), _counts(machine)


def _execute(plan: Plan, progress: Progress | None) -> Machine:
    """Run the compiled chip to its end and return its final state."""
    from seneca_sim.engine.fast.machine import build_machine, grow, margin_of
    from seneca_sim.kernels.chip_run import FULL, QUIET, begin, open_phase
    from seneca_sim.kernels.chip_run import run as run_machine

    machine = build_machine(plan)
    steps, margin = plan.trace.n_steps, margin_of(plan)
    begin(machine.address)
    while True:
        status = run_machine(machine.address, int(machine.totals["now"]) + CYCLES_A_CALL, margin)
        if status == FULL:
            grow(machine, margin)
        elif status == QUIET and not (machine.settings["barrier"] and open_phase(machine.address)):
            if int(machine.totals["steps_done"]) < steps or is_unfinished(plan, machine):
                raise DeadlockError(explain_deadlock(plan, machine))
            return machine
        if progress is not None:
            progress(int(machine.totals["steps_done"]), steps)


def _counts(machine: Machine) -> Counts:
    """Collect the counts of a finished run."""
    makespan, cores, settings = int(machine.totals["last_effect"]), machine["cores"], machine.settings
    steps, parts, inlets = int(settings["steps"]), int(settings["n_parts"]), int(settings["n_inlets"])
    states = _plain(machine["states"]).reshape(len(cores), -1).copy()
    np.add.at(states, (np.arange(len(cores)), cores["idle_state"]), makespan - cores["idle_since"])
    return Counts(
        makespan=makespan,
        parts=_plain(machine["part_counts"]).reshape(steps, parts, -1),
        part_times=_plain(machine["part_times"]).reshape(steps, parts, -1),
        inlets=_plain(machine["inlet_counts"]).reshape(steps, inlets, -1),
        cores=states,
        npe_busy=cores["lc_busy"].copy(),
        fifo_max=np.stack([cores["tasks_max"], cores["room_max"], cores["flits_max"]], axis=1, dtype=np.int64),
        links=np.stack([machine["ports"]["flits"], machine["ports"]["waited"]], axis=1).reshape(-1, 5, 2),
        host=_plain(machine["host_counts"]).reshape(steps, -1),
        steps=_plain(machine["steps"]).reshape(steps, -1),
    )


def _plain(table: NDArray[np.void]) -> NDArray[np.int64]:
    """Return records of int64 fields as a plain array, fields last."""
    return table.view(np.int64)

"""Pools of the compiled chip are never written past their ends, however many steps a run has."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.engine import fast, reference
from seneca_sim.engine.fast.machine import build_machine, margin_of
from seneca_sim.engine.fast.plan import make_plan
from seneca_sim.events.sparse import LayerTrace
from seneca_sim.kernels.chip_run import begin
from tests.engine.random_systems import random_system

STEPS = 4000


def silent(system, steps):
    """Return a system's trace with no events in `steps` steps."""
    nothing = LayerTrace(
        np.zeros(steps + 1, np.int64), np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int32), None,
        np.zeros(steps, np.int64), np.zeros(steps, np.int64),
    )  # fmt: skip
    values = replace(nothing, value=np.zeros(0, np.float32))
    layers = tuple(nothing if layer.value is None else values for layer in system.trace.layers)
    return replace(system.trace, layers=layers, sops=np.zeros((steps, system.trace.sops.shape[1]), np.int64))


@pytest.mark.parametrize("period", [0, 700])
def test_thousands_of_steps_take_no_more_entries_than_the_wheel_has(period: int) -> None:
    system = random_system(1)
    timing = replace(system.timing, period=period, pipelined=True, barrier="layer")
    plan = make_plan(system.network, system.mapping, silent(system, STEPS), timing, system.costs)
    machine = build_machine(plan)
    begin(machine.address)
    assert int(machine.settings["n_entries"]) < STEPS
    assert int(machine.totals["nodes_used"]) <= margin_of(plan)


@pytest.mark.parametrize("period", [0, 700])
def test_thousands_of_steps_give_the_counts_of_the_reference(period: int) -> None:
    system = random_system(1)
    timing = replace(system.timing, period=period, pipelined=True, barrier="layer")
    arguments = (system.network, system.mapping, silent(system, STEPS), timing, system.costs)
    one, other = reference.run(*arguments), fast.run(*arguments)
    assert one.makespan == other.makespan
    assert np.array_equal(one.steps, other.steps)
    assert np.array_equal(one.host, other.host)
    assert np.array_equal(one.parts, other.parts)

"""Chips in which next to nothing happens for billions of cycles take no longer to simulate than others."""

from dataclasses import fields, replace

import numpy as np
import pytest

from seneca_sim.engine import fast, reference
from seneca_sim.engine.counts import Counts
from tests.engine.random_systems import random_system


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5])
def test_the_clock_jumps_over_a_billion_idle_cycles_to_the_right_one(seed: int) -> None:
    system = random_system(seed)
    timing = replace(system.timing, period=10**9, pipelined=True, barrier="layer", order="depth-first")
    one, other = (
        engine.run(system.network, system.mapping, system.trace, timing, system.costs) for engine in (reference, fast)
    )
    assert other.makespan > (system.trace.n_steps - 1) * 10**9
    for field in fields(Counts):
        assert np.array_equal(getattr(one, field.name), getattr(other, field.name)), field.name


def test_slow_units_are_waited_for_without_stepping_through_their_cycles() -> None:
    system = random_system(1)
    timing = replace(system.timing, router_cycles=10**8)
    one, other = (
        engine.run(system.network, system.mapping, system.trace, timing, system.costs) for engine in (reference, fast)
    )
    assert one.makespan == other.makespan > 10**8

"""The two engines are one chip: `fast` equals `reference` in every cycle and every count, on random systems.

Longer runs: ``SENECA_DIFFERENTIAL_CASES=20000 pytest tests/engine/test_differential.py``; ``SENECA_DIFFERENTIAL_FIRST``
sets the first seed.
"""

import os
from dataclasses import fields

import numpy as np
import pytest

from seneca_sim.engine import fast, reference
from seneca_sim.engine.counts import CORE_STATES, INLET_COUNTERS, PART_COUNTERS, STEP_TIMES, Counts
from seneca_sim.errors import DeadlockError, GraphError
from tests.engine.random_systems import RandomSystem, enriched_system, random_system

CASES = int(os.environ.get("SENECA_DIFFERENTIAL_CASES", "400"))
FIRST = int(os.environ.get("SENECA_DIFFERENTIAL_FIRST", "0"))
BATCHES = 20
COLUMNS = {
    "parts": PART_COUNTERS,
    "inlets": INLET_COUNTERS,
    "part_times": ("start", "first_output", "done"),
    "cores": CORE_STATES,
    "fifo_max": ("task", "event", "noc"),
    "links": ("flits", "waited"),
    "host": ("flits", "link_flits", "ejected", "sent", "dropped", "received"),
    "steps": STEP_TIMES,
}


def outcome(engine, system: RandomSystem) -> Counts | type[Exception]:
    """Return the counts of a run, or the kind of its refusal."""
    try:
        return engine.run(system.network, system.mapping, system.trace, system.timing, system.costs)
    except (DeadlockError, GraphError) as error:
        return type(error)


def differences(one: Counts, other: Counts) -> list[str]:
    """Return where two counts differ, one line a place."""
    found = [] if one.makespan == other.makespan else [f"makespan {one.makespan} != {other.makespan}"]
    for field in fields(Counts):
        if field.name == "makespan":
            continue
        left, right = getattr(one, field.name), getattr(other, field.name)
        assert left.shape == right.shape, field.name
        for place in np.argwhere(left != right):
            column = COLUMNS[field.name][place[-1]] if field.name in COLUMNS else ""
            found.append(f"{field.name}{place.tolist()} {column}: {left[tuple(place)]} != {right[tuple(place)]}")
    return found


@pytest.mark.parametrize("batch", range(BATCHES))
def test_fast_equals_reference_in_every_cycle_and_count(batch: int) -> None:
    compared = 0
    for seed in range(FIRST + batch, FIRST + CASES, BATCHES):
        system = random_system(seed)
        one, other = outcome(reference, system), outcome(fast, system)
        if isinstance(one, Counts) and isinstance(other, Counts):
            assert differences(one, other) == [], f"seed {seed}"
            compared += 1
        else:
            assert one == other == GraphError, f"seed {seed}: {one} and {other}"
    assert compared > 0.8 * CASES / BATCHES


@pytest.mark.parametrize("batch", range(BATCHES))
def test_fast_equals_reference_on_cells_products_and_upsampling(batch: int) -> None:
    for seed in range(FIRST + batch, FIRST + CASES, BATCHES):
        system = enriched_system(seed)
        one, other = outcome(reference, system), outcome(fast, system)
        assert isinstance(one, Counts), f"seed {seed}: {one}"
        assert isinstance(other, Counts), f"seed {seed}: {other}"
        assert differences(one, other) == [], f"seed {seed}"


def test_row_credits_never_deadlock_at_the_provisioned_rows() -> None:
    outcomes = [outcome(fast, random_system(seed, flow_control="row_credits")) for seed in range(FIRST, FIRST + CASES)]
    assert not any(result is DeadlockError for result in outcomes)


def test_without_flow_control_both_engines_agree_on_who_deadlocks() -> None:
    results = []
    for seed in range(FIRST, FIRST + CASES // 4):
        system = random_system(seed, flow_control="none")
        one, other = outcome(reference, system), outcome(fast, system)
        if isinstance(one, Counts) and isinstance(other, Counts):
            assert differences(one, other) == [], f"seed {seed}"
        else:
            assert one == other, f"seed {seed}: {one} and {other}"
        results.append(one)
    assert any(result is DeadlockError for result in results)

"""The interval of loads over admitted densities: both ends against search, and never outside."""

import numpy as np
import pytest

from seneca_sim.reproduce.admissible import Admissible, Loads, largest_load, least_load


def drawn(seed, layers=4, cores=6):
    """Return bounds that can be met, and loads of cores that receive one or two layers."""
    rng = np.random.default_rng(seed)
    lowest = rng.uniform(0.0, 0.2, layers)
    highest = lowest + rng.uniform(0.1, 0.5, layers)
    operations = rng.uniform(1.0, 10.0, layers)
    total = float(operations @ (lowest + rng.uniform(0.2, 0.8) * (highest - lowest)))
    rates = rng.uniform(0.0, 5.0, (cores, layers)) * (rng.random((cores, layers)) < 0.5)
    return Admissible(lowest, highest, operations, total), Loads(rng.uniform(0.0, 0.2, cores), rates)


def admitted(bounds, number, rng):
    """Draw densities within the bounds that meet the total: random directions on the plane, clipped by rejection."""
    found = []
    while len(found) < number:
        densities = rng.uniform(bounds.lowest, bounds.highest)
        free = rng.integers(len(densities))
        rest = bounds.total - bounds.operations @ densities + bounds.operations[free] * densities[free]
        densities[free] = rest / bounds.operations[free]
        if bounds.lowest[free] <= densities[free] <= bounds.highest[free]:
            found.append(densities)
    return np.array(found)


@pytest.mark.parametrize("seed", range(8))
def test_no_admitted_densities_lie_outside_the_interval_and_both_ends_are_reached(seed):
    bounds, loads = drawn(seed)
    least, below, at_least = least_load(bounds, loads)
    most, at_most = largest_load(bounds, loads)
    for densities, load in ((at_least, least), (at_most, most)):
        assert bounds.operations @ densities == pytest.approx(bounds.total)
        assert (densities >= bounds.lowest - 1e-12).all()
        assert (densities <= bounds.highest + 1e-12).all()
        assert loads.of(densities).max() == pytest.approx(load)
    assert below <= least <= most
    assert least == pytest.approx(below, rel=0.03)
    worst = [loads.of(densities).max() for densities in admitted(bounds, 500, np.random.default_rng(seed))]
    assert below <= min(worst)
    assert max(worst) <= most * (1 + 1e-12)


def test_a_total_that_leaves_no_choice_gives_one_load():
    ends = np.array([0.5, 1.0])
    bounds = Admissible(ends, ends, np.array([2.0, 3.0]), 4.0)
    loads = Loads(np.zeros(2), np.array([[1.0, 0.0], [1.0, 2.0]]))
    assert least_load(bounds, loads)[0] == pytest.approx(2.5)
    assert largest_load(bounds, loads)[0] == pytest.approx(2.5)


def test_layers_that_cause_no_operations_keep_their_density():
    bounds = Admissible(np.array([0.1, 1.0]), np.array([0.9, 1.0]), np.array([10.0, 0.0]), 5.0)
    assert bounds.most(np.array([1.0, 7.0])).tolist() == [0.5, 1.0]

"""What holds of every system, whatever its network, activity, mapping and chip."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.engine import simulate
from seneca_sim.engine.counts import INLET_COUNTERS, Counts
from seneca_sim.engine.reference import run
from seneca_sim.engine.reference.system import System
from tests.engine.invariants import check_all
from tests.engine.random_systems import RandomSystem, enriched_system, random_mapping, random_system
from tests.engine.test_network_walks import MULTICAST
from tests.engine.test_walks import ONE_CORE, RECURRENT

SEEDS = [seed for seed in range(44) if any(layer.is_output for layer in random_system(seed).network.layers)]


def playable(seed: int, **timing: object) -> RandomSystem:
    """Return a random system whose packets have one header flit and so fit into its buffers."""
    return random_system(seed, **({"group_bits": 8} | timing))


def counts_of(system: RandomSystem) -> Counts:
    return run(system.network, system.mapping, system.trace, system.timing, system.costs)


def assert_equal(one: Counts, other: Counts) -> None:
    for field in fields(Counts):
        assert np.array_equal(getattr(one, field.name), getattr(other, field.name)), field.name


@pytest.mark.parametrize("seed", SEEDS)
def test_events_tokens_values_and_cycles_are_conserved(seed: int) -> None:
    system = playable(seed)
    check_all(system.network, system.mapping, system.trace, system.timing, system.costs, counts_of(system))


@pytest.mark.parametrize("seed", range(60))
def test_cells_products_and_upsampling_conserve_them_too(seed: int) -> None:
    system = enriched_system(seed, group_bits=8)
    check_all(system.network, system.mapping, system.trace, system.timing, system.costs, counts_of(system))


@pytest.mark.parametrize("seed", SEEDS[:8])
def test_the_order_in_which_units_decide_within_a_cycle_changes_nothing(seed: int) -> None:
    system = playable(seed)
    inputs = system.network, system.mapping, system.trace, system.timing, system.costs
    plain = run(*inputs)
    for shuffle in (1, 2):
        assert_equal(System(*inputs, shuffle=shuffle).run(), plain)


@pytest.mark.parametrize("case", [MULTICAST, RECURRENT], ids=["multicast", "recurrent"])
def test_a_contended_walk_is_the_same_in_every_order(case) -> None:  # type: ignore[no-untyped-def]
    for shuffle in range(4):
        assert_equal(case.run(shuffle), case.run())


@pytest.mark.parametrize("seed", SEEDS[:8])
def test_synaptic_operations_do_not_depend_on_the_mapping(seed: int) -> None:
    system = playable(seed, masked="dense")
    totals = []
    for draw in range(3):
        mapping = random_mapping(np.random.default_rng(draw), system.network, system.timing)
        counts = run(system.network, mapping, system.trace, system.timing, system.costs)
        inlets = iter(range(counts.inlets.shape[1]))
        edges: dict[tuple[int, int], int] = {}
        for part in mapping.parts:
            for edge in range(len(system.network.layers[part.layer].edges)):
                sops = counts.inlets[:, next(inlets), INLET_COUNTERS.index("sops")].sum()
                if system.network.layers[part.layer].pool is None:  # neurons under windows of two parts count twice
                    edges[part.layer, edge] = edges.get((part.layer, edge), 0) + int(sops)
        totals.append(edges)
    assert totals[0] == totals[1] == totals[2]


def test_a_core_without_parts_is_idle_all_the_time() -> None:
    counts = replace(ONE_CORE, mesh=(2, 1)).run()
    assert counts.cores[1].tolist() == [0, 0, 0, 0, 0, 0, counts.makespan]
    assert counts.cores[0].tolist() == ONE_CORE.run().cores[0].tolist()


def test_progress_is_reported_at_the_end_of_every_step() -> None:
    calls: list[tuple[int, int]] = []
    network, mapping, trace, timing, costs = RECURRENT.inputs()
    run(network, mapping, trace, timing, costs, progress=lambda done, steps: calls.append((done, steps)))
    assert calls == [(1, 2), (2, 2)]


def test_a_described_chip_runs_a_mapped_network() -> None:
    network, mapping, trace, _, _ = ONE_CORE.inputs()
    counts = simulate(network, mapping, trace, load_chip("seneca"), engine="reference")
    assert counts.steps[0, 4] == counts.makespan > 0

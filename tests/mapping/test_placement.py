"""Placement: the mesh, the way that packets go, and the optimum of small systems by brute force."""

import itertools
import sys

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.errors import MappingError
from seneca_sim.mapping.automatic import automatic_mapping
from seneca_sim.mapping.placement import Traffic, flit_hops, host_rows, mesh_size, place_cores, serpentine, traffic
from seneca_sim.mapping.placement_check import optimal_placement
from seneca_sim.mapping.types import Part
from tests.mapping.systems import chain, conv, host, layer, network, whole
from tests.networks import random_network

SENECA = load_chip("seneca")
COMPUTE_BOUND = load_chip("seneca-seed-table")


def random_traffic(rng, cores, hosts=1):
    half = np.triu(rng.integers(0, 10, (cores, cores)) * (rng.random((cores, cores)) < 0.5), 1).astype(float)
    return Traffic(half + half.T, rng.integers(0, 10, (cores, hosts)).astype(float))


def test_meshes_are_near_square_and_hold_the_cores():
    for cores in range(1, 60):
        columns, rows = mesh_size(SENECA, cores)
        assert columns * rows >= cores > columns * (rows - 1)
        assert 0 <= columns - rows <= 1
    assert mesh_size(load_chip("seneca", ["noc.columns=8", "noc.rows=2"]), 3) == (8, 2)


def test_a_serpentine_visits_every_place_once_step_by_step():
    places = serpentine(12, 4)
    assert len(set(places)) == 12
    assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in itertools.pairwise(places))


def test_host_ports_are_spread_over_the_rows():
    assert [host_rows(n, 6) for n in (1, 2, 3)] == [(3,), (1, 4), (1, 3, 5)]


def test_small_systems_are_placed_as_well_as_by_trying_all_places():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        load = random_traffic(rng, 5)
        nodes = [(x, y) for x in range(3) for y in range(2)]
        best = min(flit_hops(load, pick, (0,)) for pick in itertools.permutations(nodes, 5))
        assert flit_hops(load, place_cores(load, (3, 2), (0,), 0), (0,)) == best, seed


def test_annealing_never_loses_to_the_serpentine_and_repeats_itself():
    for seed in range(5):
        load = random_traffic(np.random.default_rng(seed), 14, hosts=2)
        places = place_cores(load, (4, 4), (0, 2), seed)
        assert len(set(places)) == 14
        assert all(0 <= x < 4 and 0 <= y < 4 for x, y in places)
        assert flit_hops(load, places, (0, 2)) <= flit_hops(load, serpentine(14, 4), (0, 2))
        assert places == place_cores(load, (4, 4), (0, 2), seed)


def test_traffic_of_a_chain_in_closed_form():
    """Dense maps: each position of the input and of the convolution sends a packet of 3 flits; a token and a credit a row."""
    net = chain()
    load = traffic(net, SENECA, whole(net), 2, None)
    assert load.hosts[0, 0] == 64 * 3 + 8 * 2
    assert load.cores[0, 1] == load.cores[1, 0] == 64 * 3 + 8 * 2
    assert load.hosts[1, 0] == 1 + 5 + 2, "10 values of 4 + 8 bits: two pairs a flit"


def test_rows_travel_only_to_the_parts_that_they_reach():
    net = network(host(), layer("a", 2, 8, conv(0, 2, 2)), layer("b", 2, 8, conv(1, 2, 2), is_output=True))
    halves = [Part(2, 1 + half, (0, 2), (4 * half, 4 * half + 4), (0, 8), 4) for half in (0, 1)]
    load = traffic(net, SENECA, [Part(1, 0, (0, 2), (0, 8), (0, 8), 4), *halves], 3, None)
    assert load.cores[0, 1] == load.cores[0, 2] == 5 * (8 * 2 + 2)


def test_columns_travel_only_between_the_parts_that_share_them():
    """Halves of the columns of two layers: each sends the other half no more than the column that its kernel reaches over."""
    net = network(host(), layer("a", 2, 8, conv(0, 2, 2)), layer("b", 2, 8, conv(1, 2, 2), is_output=True))
    halves = [
        Part(number, 2 * number - 2 + half, (0, 2), (0, 8), (4 * half, 4 * half + 4), 4)
        for number in (1, 2)
        for half in (0, 1)
    ]
    load = traffic(net, SENECA, halves, 4, None)
    assert load.cores[0, 2] == load.cores[1, 3] == 8 * (4 * 2 + 2)
    assert load.cores[0, 3] == load.cores[1, 2] == 8 * (1 * 2 + 2)
    assert load.hosts[0, 0] == load.hosts[1, 0] == 8 * (5 * 3 + 2)


def test_every_part_sends_packets_and_tokens_of_its_own_and_gets_credits_of_its_own():
    """Halves of the channels: a packet has one flit for its header, whoever sends it, and one for a channel of two or for both."""
    net = network(host(), layer("a", 2, 8, conv(0, 2, 2)), layer("b", 2, 8, conv(1, 2, 2), is_output=True))
    halves = [Part(1, half, (half, half + 1), (0, 8), (0, 8), 4) for half in (0, 1)]
    load = traffic(net, SENECA, [*halves, Part(2, 2, (0, 2), (0, 8), (0, 8), 4)], 3, None)
    assert load.cores[0, 2] == load.cores[1, 2] == 8 * (8 * 2 + 2)
    assert load.cores[0, 1] == 0


def test_annealing_brings_together_what_belongs_together():
    """Sixteen groups of nine that talk among themselves, numbered in turn: blocks of 3 x 3 on the mesh are the best there is."""
    cores = np.zeros((144, 144))
    for a, b in itertools.permutations(range(144), 2):
        cores[a, b] = a % 16 == b % 16
    load = Traffic(cores, np.zeros((144, 1)))
    blocks = [(3 * (core % 16 % 4) + core // 16 % 3, 3 * (core % 16 // 4) + core // 48) for core in range(144)]
    best = flit_hops(load, blocks, (0,))
    assert best == 16 * 72
    assert flit_hops(load, place_cores(load, (12, 12), (0,), 0), (0,)) < 1.1 * best
    assert flit_hops(load, serpentine(144, 12), (0,)) > 4 * best


@pytest.mark.parametrize("seed", [0, 1])
def test_mappings_place_every_core_once(seed):
    net = random_network(np.random.default_rng(3))
    mapping = automatic_mapping(net, SENECA, goal="power-of-two", seed=seed)
    assert len(set(mapping.place)) == len(mapping.place) == mapping.n_cores


def test_annealing_is_within_five_percent_of_the_best_of_all_placements_on_small_meshes():
    """All 40 320 placements of eight cores on 4 x 2, too many for the mapper: the optimum itself, not another search."""
    gaps = []
    nodes = np.asarray([(x, y) for y in range(2) for x in range(4)])
    places = np.asarray(list(itertools.permutations(range(8))))
    for seed in range(6):
        rng = np.random.default_rng(seed)
        between = np.triu(rng.integers(0, 100, (8, 8)) * (rng.random((8, 8)) < 0.6), 1).astype(float)
        load = Traffic(between + between.T, rng.integers(0, 50, (8, 1)).astype(float))
        hops = np.abs(nodes[:, None] - nodes).sum(axis=2)
        west = nodes[:, 0] + 1 + np.abs(nodes[:, 1] - 1)
        ways = sum(load.cores[a, b] * hops[places[:, a], places[:, b]] for a in range(8) for b in range(a))
        least = float((ways + west[places] @ load.hosts[:, 0]).min())
        gaps.append(flit_hops(load, place_cores(load, (4, 2), (1,), seed), (1,)) / least - 1)
    assert min(gaps) >= 0
    assert max(gaps) <= 0.05


def loads_of_mappings():
    """Traffic of real pipelines on small meshes."""
    for channels, cores in (((16, 32, 16), 8), ((32, 32), 9)):
        layers = [host(size=12)]
        for number, wide in enumerate(channels):
            edge = conv(number, layers[-1].shape[0], wide)
            layers.append(layer(f"conv{number}", wide, 12, edge, is_output=number == len(channels) - 1))
        net = network(*layers)
        mapping = automatic_mapping(net, COMPUTE_BOUND, goal="power-of-two", cores=cores)
        yield traffic(net, COMPUTE_BOUND, mapping.parts, mapping.n_cores, None), mapping


def test_cp_sat_finds_the_best_of_all_placements():
    pytest.importorskip("ortools", reason="OR-Tools is not installed (extra ortools)")
    for seed in range(4):
        load = random_traffic(np.random.default_rng(seed), 5)
        nodes = [(x, y) for x in range(3) for y in range(2)]
        best = min(flit_hops(load, pick, (0,)) for pick in itertools.permutations(nodes, 5))
        checked = optimal_placement(load, (3, 2), (0,))
        assert checked.proven
        assert checked.flit_hops == pytest.approx(best)
        assert checked.bound == pytest.approx(best)


def test_annealed_mappings_are_within_five_percent_of_what_cp_sat_proves():
    pytest.importorskip("ortools", reason="OR-Tools is not installed (extra ortools)")
    for load, mapping in loads_of_mappings():
        checked = optimal_placement(load, mapping.mesh, mapping.host_rows, seconds=20.0)
        found = flit_hops(load, mapping.place, mapping.host_rows)
        assert found >= checked.bound * (1 - 1e-6)
        assert checked.proven
        assert checked.gap(found) <= 0.05


def test_the_check_says_what_is_missing(monkeypatch):
    load = random_traffic(np.random.default_rng(0), 5)
    with pytest.raises(MappingError) as refusal:
        optimal_placement(load, (2, 2), (0,))
    assert str(refusal.value) == "5 cores do not fit a mesh of 2 x 2 = 4; use a larger mesh"
    monkeypatch.setitem(sys.modules, "ortools.sat.python", None)
    with pytest.raises(MappingError) as refusal:
        optimal_placement(load, (3, 2), (0,))
    assert str(refusal.value) == (
        "the check of placements needs OR-Tools, which is not installed; install seneca-sim[ortools]"
    )

"""Strips of columns: the cheapest nested cut against brute force, loads along columns against rows, reports of mappings."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.chip import load_chip
from seneca_sim.graph.network import Layer, Network
from seneca_sim.mapping.automatic import automatic_mapping
from seneca_sim.mapping.balance import Allocation
from seneca_sim.mapping.balanced import packings, strip_cuts, strip_problem
from seneca_sim.mapping.cost import layer_cost
from seneca_sim.mapping.relief import mapping_report
from seneca_sim.mapping.splits import even_ranges
from seneca_sim.mapping.strips import COUNTS, cheapest, strip_ranges
from seneca_sim.mapping.types import Mapping, Part
from tests.mapping.systems import conv, host, layer, network

SENECA = load_chip("seneca")
COMPUTE_BOUND = load_chip("seneca-seed-table")


def blocks(channels: tuple[int, ...], size: int) -> Network:
    """A chain of 3x3 convolutions."""
    layers: list[Layer] = [host(size=size)]
    for number, wide in enumerate(channels):
        before = layers[-1].shape[0]
        last = number == len(channels) - 1
        layers.append(layer(f"conv{number}", wide, size, conv(number, before, wide), is_output=last))
    return network(*layers)


@settings(max_examples=25, deadline=None)
@given(
    channels=st.lists(st.integers(1, 20), min_size=1, max_size=3).map(tuple),
    size=st.integers(1, 5),
    cores=st.integers(1, 30),
    compute_bound=st.booleans(),
)
def test_parts_of_their_own_have_the_least_bottleneck_of_all_nested_cuts(channels, size, cores, compute_bound):
    net, chip = blocks(channels, size), COMPUTE_BOUND if compute_bound else SENECA
    problem = strip_problem(net, chip, None, dict.fromkeys(range(1, len(net.layers)), 3), {})
    cells = [list(itertools.product(range(len(one.choices)), range(len(one.counts)))) for one in problem.layers]
    least = np.inf
    for chosen in itertools.product(*cells):
        if sum(one.parts[cell] for one, cell in zip(problem.layers, chosen, strict=True)) <= cores:
            least = min(least, problem.latency(chosen) - problem.waits(chosen))
    loads = sorted(
        {float(load) for one in problem.layers for load in (one.loads[None] * one.slowing[:, None, :]).ravel()}
    )
    fewest = [cheapest(problem.layers, problem.parents, load, np.inf) for load in loads if np.isfinite(load)]
    within = [load for load, found in zip(loads, fewest, strict=False) if found is not None and found[0] <= cores]
    assert min(within, default=np.inf) == pytest.approx(least)


def largest_load(allocation):
    load = dict.fromkeys(allocation.cores, 0.0)
    cores = iter(allocation.cores)
    for split in allocation.splits:
        for cycles in split.loads:
            for _ in split.channels:
                load[next(cores)] += cycles
    return max(load.values())


def test_more_cores_never_raise_the_largest_load_of_strips_or_packings():
    problem = strip_problem(blocks((16, 32, 16), 12), COMPUTE_BOUND, None, dict.fromkeys(range(1, 4), 3), {})
    counts = (3, 6, 12, 24)
    apart = [min(map(largest_load, strip_cuts(problem, cores))) for cores in counts]
    shared = [min(map(largest_load, packings(problem, cores, 2_000_000, 1e12))) for cores in counts]
    assert apart == sorted(apart, reverse=True)
    assert shared == sorted(shared, reverse=True)
    assert apart[-1] < apart[0] / 4


def test_an_allocation_is_found_again_in_the_tables_where_strips_express_it():
    problem = strip_problem(blocks((16, 32, 16), 12), COMPUTE_BOUND, None, dict.fromkeys(range(1, 4), 3), {})
    cells = ((0, 1), (1, 3), (0, 0))
    allocation = problem.splits(cells)
    assert problem.cells(allocation, allocation.n_cores) == cells
    assert problem.cells(allocation, allocation.n_cores - 1) is None
    by_rows = replace(allocation.splits[0], axis="rows")
    assert problem.cells(Allocation((by_rows, *allocation.splits[1:]), allocation.cores), 100) is None


def test_strips_of_different_numbers_nest():
    for columns, number in itertools.product((7, 20, 80), COUNTS):
        cuts = {start for start, _ in strip_ranges(columns, 2 * number)}
        assert {start for start, _ in strip_ranges(columns, number)} <= cuts


def test_loads_along_columns_are_those_along_rows_of_the_whole_map():
    net = blocks((5, 9), 6)
    for number in (1, 2):
        along = [layer_cost(net, SENECA, number, None, None, axis) for axis in ("rows", "columns")]
        first, last = np.asarray([0]), np.asarray([5])
        rows, columns = (float(cost.cycles_of(cost.channels, first, last)[0]) for cost in along)
        assert rows == pytest.approx(float(along[0].cycles(along[0].channels)[0, 5]))
        assert columns == pytest.approx(rows)


def test_large_maps_are_cut_by_columns_because_ranges_of_rows_would_wait_for_each_other():
    net = blocks((8, 8), 80)
    mapping = automatic_mapping(net, COMPUTE_BOUND, cores=16)
    assert {part.rows for part in mapping.parts} == {(0, 80)}
    assert len({part.columns for part in mapping.parts}) > 1


def test_a_report_names_the_bottleneck_its_bound_and_what_relieves_it():
    net = blocks((16, 32), 12)
    mapping = automatic_mapping(net, COMPUTE_BOUND, goal="power-of-two")
    report = mapping_report(net, COMPUTE_BOUND, mapping)
    assert report.busiest.layers == ("conv1",)
    assert report.bound_by == "compute"
    total = sum(core.cycles for core in report.cores)
    assert report.bound_cycles == pytest.approx(total / 2, rel=0.01)
    assert report.gap == pytest.approx(report.busiest.cycles / report.bound_cycles - 1)
    by_axis = {relief.axis: relief for relief in report.reliefs}
    assert set(by_axis) == {"channels", "columns"}
    assert all(relief.more_cores == 1 for relief in report.reliefs)
    assert all(0.45 < relief.cycles / report.busiest.cycles < 0.6 for relief in report.reliefs)
    assert "relief: conv1 in 2 ranges of columns: 1 more core" in report.text()
    assert json.loads(json.dumps(report.plain()))["busiest_core"] == report.busiest.core


def test_layers_that_share_the_busiest_core_are_told_apart_even_if_none_is_half_of_its_load():
    net = blocks((16, 16, 16, 16), 12)
    report = mapping_report(net, COMPUTE_BOUND, automatic_mapping(net, COMPUTE_BOUND, goal="fewest-cores"))
    assert len(report.cores) == 1
    assert max(layer.own_cycles for layer in report.layers) < 0.5 * report.busiest.cycles
    assert "cores of their own" in {relief.axis for relief in report.reliefs}


@pytest.mark.parametrize(
    ("ranges", "relief"), [(2, "conv0 in 3 ranges of rows: 1 more core"), (6, "none by a finer cut")]
)
def test_maps_cut_by_rows_are_relieved_by_more_ranges_of_rows_while_there_are_any(ranges, relief):
    net = blocks((8,), 6)
    parts = [Part(1, core, (0, 8), rows, (0, 6), 6) for core, rows in enumerate(even_ranges(6, ranges))]
    mapping = Mapping(net.name, tuple(parts), (ranges, 1), tuple((core, 0) for core in range(ranges)))
    assert f"relief: {relief}" in mapping_report(net, COMPUTE_BOUND, mapping).text()

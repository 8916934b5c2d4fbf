"""One rating for every allocation: closed forms, the same as that of the refinement, the engine beside it, and what follows."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import seneca_sim as ss
from seneca_sim.chip import load_chip
from seneca_sim.mapping.automatic import automatic_mapping
from seneca_sim.mapping.balance import Allocation
from seneca_sim.mapping.balanced import strip_problem
from seneca_sim.mapping.cost import layer_cost
from seneca_sim.mapping.pipeline import row_pipeline, row_shares
from seneca_sim.mapping.provision import provision_rows
from seneca_sim.mapping.rating import Rater
from seneca_sim.mapping.refine import step_latency
from seneca_sim.mapping.splits import Split
from seneca_sim.mapping.task import USEFUL_WINDOW
from seneca_sim.simulation import simulate
from tests.mapping.systems import add, conv, dense, host, layer, network, whole
from tests.mapping.traces import random_trace

SENECA = load_chip("seneca")
TABLE = load_chip("seneca-seed-table")
NUMBERS = (3, 4, 5, 6, 8, 10, 12, 16)


def chain(channels, size, first=2, strides=()):
    layers = [host(first, size)]
    for number, wide in enumerate(channels):
        before, stride = layers[-1], 2 if number in strides else 1
        edge = conv(number, before.shape[0], wide, stride=stride)
        size = -(-size // stride)
        layers.append(layer(f"conv{number}", wide, size, edge, is_output=number == len(channels) - 1))
    return network(*layers)


def classifier():
    first = layer("conv0", 8, 16, conv(0, 2, 8), pool=2)
    second = layer("conv1", 16, 8, conv(1, 8, 16))
    return network(host(size=16), first, second, layer("out", 10, 1, dense(second, 2, 10), is_output=True))


def residual():
    layers = [layer("a", 8, 12, conv(0, 2, 8)), layer("b", 16, 12, conv(1, 8, 16)), layer("c", 8, 12, conv(2, 16, 8))]
    return network(host(size=12), *layers, layer("join", 8, 12, add(1), add(3), is_output=True))


NETWORKS = {
    "equal": chain((16, 16, 16), 16, first=16),
    "strided": chain((8, 16, 32), 24, strides=(1,)),
    "wide": chain((24, 40, 8), 12),
    "classifier": classifier(),
    "residual": residual(),
}


def rater_of(net, chip, trace=None):
    rows = provision_rows(net, whole(net), window=chip.flow.window.value)
    ahead = max(0, USEFUL_WINDOW - chip.flow.window.value)
    state_rows = {part.layer: row + ahead for part, row in zip(whole(net), rows, strict=True)}
    return Rater(net, chip, trace, state_rows, by_pace=chip.flow.pipelined.value)


def allocation_of(mapping):
    """The allocation of a mapping; loads and memory are for the rater to find."""
    splits, cores = [], []
    for number in sorted({part.layer for part in mapping.parts}):
        parts = [part for part in mapping.parts if part.layer == number]
        by_rows = len({part.rows for part in parts}) > 1
        spans = sorted({part.rows if by_rows else part.columns for part in parts})
        channels = sorted({part.channels for part in parts})
        core = {(part.rows if by_rows else part.columns, part.channels): part.core for part in parts}
        cores += [core[one] for one in itertools.product(spans, channels)]
        axis = "rows" if by_rows else "columns"
        splits.append(Split(number, tuple(channels), tuple(spans), (), (), axis))
    return Allocation(tuple(splits), tuple(cores))


def rating(net, chip, mapping, trace=None):
    return rater_of(net, chip, trace).rating(allocation_of(mapping))


@pytest.mark.parametrize(("held", "latency"), [(0.0, 200), (0.5, 150), (1.0, 100)])
def test_ranges_served_in_turn_begin_when_the_one_before_has_taken_in_all_but_what_fifos_hold(held, latency):
    net = chain((4,), 10)
    share = {1: np.full(10, 0.1)}
    pipeline = row_pipeline(net, {1: 10}, share, {1: ((0, 5), (5, 10))})
    loads = {(1, 0): np.asarray([100.0]), (1, 1): np.asarray([100.0])}
    found = pipeline.latency(loads, {1: np.ones(1)}, {(1, 0): held})
    assert float(found[0]) == pytest.approx(latency)


def test_ranges_fed_by_ranges_of_their_own_work_side_by_side():
    """Both ranges of the first layer end at 50; the second layer ends one row later."""
    net = chain((4, 4), 10)
    share = {number: np.full(10, 0.1) for number in (1, 2)}
    halves = ((0, 5), (5, 10))
    pipeline = row_pipeline(net, {1: 10, 2: 10}, share, {1: halves, 2: halves})
    loads = {(number, part): np.asarray([50.0]) for number in (1, 2) for part in (0, 1)}
    found = pipeline.latency(loads, {1: np.ones(1), 2: np.ones(1)}, {(1, 0): 1.0, (2, 0): 1.0})
    assert float(found[0]) == pytest.approx(60)


def test_the_work_of_layers_on_one_core_adds_up():
    net = NETWORKS["equal"]
    rater = rater_of(net, TABLE)
    problem = strip_problem(net, TABLE, None, {1: 4, 2: 4, 3: 4}, {})
    apart = problem.splits([(0, 0)] * 3)
    loads = [split.load for split in apart.splits]
    assert max(loads) < rater.rating(apart) < 1.2 * max(loads)
    assert sum(loads) <= rater.rating(Allocation(apart.splits, (0, 0, 0))) < 1.1 * sum(loads)
    assert loads[0] + loads[2] <= rater.rating(Allocation(apart.splits, (0, 1, 0))) < 1.2 * (loads[0] + loads[2])


def test_a_rating_is_that_of_the_refinement_where_packets_are_as_assumed():
    net = NETWORKS["strided"]
    rows = dict.fromkeys((1, 2, 3), 4)
    problem = strip_problem(net, TABLE, None, rows, {})
    shares = {number: row_shares(layer_cost(net, TABLE, number, None)) for number in rows}
    pipeline, rater = row_pipeline(net, rows, shares), Rater(net, TABLE, None, rows)
    cells = [[(0, 0), (0, 0), (0, 0)], [(0, 1), (0, 1), (1, 1)], [(0, 0), (0, 1), (0, 3)], [(0, 3), (0, 3), (0, 1)]]
    refinement = step_latency(problem, pipeline, np.asarray(cells))
    assert [rater.rating(problem.splits(cut)) for cut in cells] == pytest.approx(refinement.tolist())


@pytest.mark.parametrize("chip", [SENECA, TABLE], ids=["seneca", "seed-table"])
@pytest.mark.parametrize("name", NETWORKS)
def test_balanced_is_never_rated_worse_than_powers_of_two_or_than_fewer_cores(name, chip):
    net = NETWORKS[name]
    before = np.inf
    for cores in (number for number in NUMBERS if number >= len(net.layers) - 1):
        mapping = automatic_mapping(net, chip, cores=cores)
        powers = automatic_mapping(net, chip, goal="power-of-two", cores=cores)
        assert mapping.n_cores <= cores
        found = rating(net, chip, mapping)
        assert found <= rating(net, chip, powers) * (1 + 1e-9)
        assert found <= before * (1 + 1e-9)
        before = found


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [0, 1])
def test_parts_with_nothing_to_do_are_rated_as_such(rows):
    """Events in no row or in the top row only, memories for a few rows of a channel: ranges of rows of which most are idle."""
    net = chain((2,), 6, first=1)
    trace = random_trace(np.random.default_rng(0), net, steps=1, density=0.9)
    quiet = replace(trace, layers=tuple(first_rows(each, rows * 6) for each in trace.layers))
    chip = load_chip("seneca-seed-table", ["core.data_memory_bits=600"])
    for cores in (4, 32):
        found, powers = (
            rating(net, chip, automatic_mapping(net, chip, goal=goal, cores=cores, trace=quiet), quiet)
            for goal in ("balanced", "power-of-two")
        )
        assert found <= powers


def first_rows(events, positions):
    """The events of a layer at its first positions."""
    kept = int((events.position < positions).sum())
    values = int(events.first_event[kept])
    return replace(
        events,
        step_start=np.array([0, kept]),
        position=events.position[:kept],
        first_event=events.first_event[: kept + 1],
        channel=events.channel[:values],
        neuron_events=np.array([values]),
    )


def latency_us(net, chip, mapping, trace):
    return float(simulate(net, activity=trace, chip=chip, mapping=mapping).steps["latency_us"].iloc[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_ratings_are_near_the_latencies_of_the_engine_and_order_mappings_alike(name):
    net = NETWORKS[name]
    trace = random_trace(np.random.default_rng(0), net, steps=1, density=0.5)
    cases = [
        automatic_mapping(net, TABLE, goal=goal, cores=cores, trace=trace)
        for goal, cores in itertools.product(("balanced", "power-of-two"), (4, 8, 16))
    ]
    ours = np.asarray([rating(net, TABLE, mapping, trace) for mapping in cases]) / float(TABLE.clock_mhz.value)
    engine = np.asarray([latency_us(net, TABLE, mapping, trace) for mapping in cases])
    assert np.abs(ours / engine - 1).max() < 0.3
    assert np.corrcoef(ours, engine)[0, 1] > 0.95


@pytest.mark.parametrize("size", [28, 32])
def test_equal_layers_on_as_many_cores_are_as_fast_as_with_a_core_each(size):
    net = chain((16, 16, 16), size, first=16)
    trace = random_trace(np.random.default_rng(0), net, steps=1)
    balanced, powers = (automatic_mapping(net, SENECA, goal=goal, cores=3) for goal in ("balanced", "power-of-two"))
    assert latency_us(net, SENECA, balanced, trace) <= latency_us(net, SENECA, powers, trace)


@pytest.mark.parametrize("cores", [4, 8])
def test_steps_of_the_shipped_network_follow_faster_than_with_powers_of_two(cores):
    ends = [
        float(ss.simulate("digits-sigma-delta", events="digits", goal=goal, cores=cores).steps["end_us"].iloc[-1])
        for goal in ("balanced", "power-of-two")
    ]
    assert ends[0] < ends[1]

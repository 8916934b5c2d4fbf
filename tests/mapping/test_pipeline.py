"""Latency of a step row by row: closed forms, the engine beside it, and cuts that lower it."""

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.errors import MappingError
from seneca_sim.mapping.automatic import automatic_mapping
from seneca_sim.mapping.balanced import strip_problem
from seneca_sim.mapping.cost import layer_cost
from seneca_sim.mapping.memory import core_memory
from seneca_sim.mapping.pipeline import SharedCores, row_pipeline, row_shares
from seneca_sim.mapping.provision import provision_rows
from seneca_sim.mapping.refine import refined, step_latency
from seneca_sim.mapping.validate import mapping_findings
from seneca_sim.simulation import simulate
from tests.mapping.systems import conv, host, layer, network
from tests.mapping.traces import random_trace

TABLE = load_chip("seneca-seed-table")


def chain(channels, size, last_stride=1):
    layers = [host(size=size)]
    for number, wide in enumerate(channels):
        last = number == len(channels) - 1
        before, stride = layers[-1], last_stride if last else 1
        rows = -(-before.shape[1] // stride)
        edge = conv(number, before.shape[0], wide, stride=stride)
        layers.append(layer(f"conv{number}", wide, rows, edge, is_output=last))
    return network(*layers)


def even(net):
    return {number: np.full(each.shape[1], 1 / each.shape[1]) for number, each in enumerate(net.layers) if number}


def latency(net, loads, rows=4, strips=None):
    pipeline = row_pipeline(net, dict.fromkeys(loads, rows), even(net))
    counts = {number: np.asarray([float((strips or {}).get(number, 1))]) for number in loads}
    return float(
        pipeline.latency({(number, 0): np.asarray([float(load)]) for number, load in loads.items()}, counts, {})[0]
    )


def test_a_layer_ends_one_row_after_the_one_that_feeds_it():
    net = chain((4, 4), 10)
    assert latency(net, {1: 100, 2: 100}) == pytest.approx(110)
    assert latency(net, {1: 100, 2: 10}) == pytest.approx(101)


def test_few_rows_at_the_end_weigh_as_much_as_they_take():
    """The last of five rows of the second layer needs the last row of the first: 1/5 of its load comes after it."""
    net = chain((4, 4), 10, last_stride=2)
    assert latency(net, {1: 100, 2: 100}) == pytest.approx(110)
    assert latency(net, {1: 100, 2: 50}) == pytest.approx(100)


def test_strips_served_in_turn_begin_late():
    """Four strips of the second layer, one of the first: the last one begins with the last quarter of the row."""
    net = chain((4, 4), 10)
    together = latency(net, {1: 100, 2: 80}, strips={1: 4, 2: 4})
    assert latency(net, {1: 100, 2: 80}, strips={2: 4}) > together


def test_latency_is_at_most_a_fifth_below_that_of_the_cycle_level_engine():
    net = chain((8, 16, 16, 8), 12)
    mapping = automatic_mapping(net, TABLE, goal="power-of-two")
    costs = {number: layer_cost(net, TABLE, number, None) for number in range(1, len(net.layers))}
    loads = {number: float(cost.cycles(cost.channels)[0, -1]) for number, cost in costs.items()}
    rows = {part.layer: part.state_rows for part in mapping.parts}
    pipeline = row_pipeline(net, rows, {number: row_shares(cost) for number, cost in costs.items()})
    ones = {number: np.ones(1) for number in loads}
    ours = float(pipeline.latency({(number, 0): np.asarray([load]) for number, load in loads.items()}, ones, {})[0])
    assert ours > max(loads.values())
    trace = random_trace(np.random.default_rng(0), net, steps=1, density=1.1)
    run = simulate(net, activity=trace, chip=TABLE, mapping=mapping, engine="reference")
    cycles = float(run.steps["latency_us"].iloc[0]) * float(TABLE.clock_mhz.value)
    assert 0.8 * cycles < ours < cycles


def problem_of(net):
    parts = automatic_mapping(net, TABLE, goal="power-of-two").parts
    rows = dict(zip([part.layer for part in parts], provision_rows(net, parts), strict=True))
    shares = {number: row_shares(layer_cost(net, TABLE, number, None)) for number in rows}
    return strip_problem(net, TABLE, None, rows, {}), row_pipeline(net, rows, shares)


def test_refined_cuts_have_a_lower_latency_within_the_cores():
    net = chain((32, 32, 64, 64), 24, last_stride=2)
    problem, pipeline = problem_of(net)
    gains = []
    for cores in (6, 10, 16, 24):
        start = least(problem, cores)
        before = float(step_latency(problem, pipeline, np.asarray([start]))[0])
        after, cut = refined(problem, pipeline, start, cores)
        assert after == pytest.approx(float(step_latency(problem, pipeline, np.asarray([cut]))[0]))
        assert problem.splits(cut).n_cores <= cores
        gains.append(before / after - 1)
    assert min(gains) >= 0
    assert max(gains) > 0.01


def least(problem, cores):
    """The cut with the least largest load, by trying loads."""
    for load in np.geomspace(1e3, 1e9, 400):
        if (found := problem.within(load, 1.0, cores)) is not None:
            return found
    return None


def test_balanced_fills_free_memory_with_state_rows():
    net = chain((8, 8), 24)
    few = automatic_mapping(net, TABLE, goal="power-of-two")
    many = automatic_mapping(net, TABLE, cores=2)
    assert [part.state_rows for part in few.parts] == [4, 4]
    assert {part.state_rows for part in many.parts} == {10}
    assert mapping_findings(net, TABLE, many) == ()


def test_state_rows_beyond_the_least_stop_where_memory_ends():
    """A row of 24 x 8 sums of 16 bits is 3072 bits: what is left holds some rows more, not six."""
    net = chain((8, 8), 24)
    need = core_memory(net, TABLE, automatic_mapping(net, TABLE, goal="power-of-two")).cores.sum(axis=1).max()
    small = load_chip("seneca-seed-table", [f"core.data_memory_bits={need + 2 * 3072 + 100}"])
    mapping = automatic_mapping(net, small, cores=2)
    assert mapping_findings(net, small, mapping) == ()
    assert [part.state_rows for part in mapping.parts][1] == 6


def test_cuts_looked_at_together_are_those_looked_at_alone():
    """More cuts than a block of the kernel holds."""
    net = chain((8, 16, 16, 8), 12, last_stride=2)
    pipeline = row_pipeline(net, dict.fromkeys(range(1, 5), 5), even(net))
    rng = np.random.default_rng(0)
    loads = {(number, 0): rng.uniform(10, 100, 300) for number in range(1, 5)}
    strips = {number: rng.integers(1, 9, 300).astype(np.float64) for number in range(1, 5)}
    together = pipeline.latency(loads, strips, {})
    for cut in range(0, 300, 37):
        here = slice(cut, cut + 1)
        alone = pipeline.latency(
            {key: load[here] for key, load in loads.items()}, {key: count[here] for key, count in strips.items()}, {}
        )
        assert float(alone[0]) == float(together[cut])


def test_layers_on_cores_of_their_own_share_nothing():
    net = chain((8, 16, 16, 8), 12, last_stride=2)
    pipeline = row_pipeline(net, dict.fromkeys(range(1, 5), 5), even(net))
    loads = {(number, 0): np.asarray([10.0 * number]) for number in range(1, 5)}
    strips = {number: np.ones(1) for number in range(1, 5)}
    own = SharedCores({part: (np.asarray([part[0] - 1]), load) for part, load in loads.items()}, 4)
    alone = float(pipeline.latency(loads, strips, {})[0])
    assert pipeline.shared_latency(loads, strips, {}, own) == pytest.approx(alone)
    one = SharedCores({part: (np.zeros(1, np.int64), load) for part, load in loads.items()}, 1)
    assert pipeline.shared_latency(loads, strips, {}, one) > sum(float(load[0]) for load in loads.values()) > alone


def test_rows_that_wait_for_each_other_are_refused():
    net = chain((4, 4), 10)
    with pytest.raises(MappingError, match="rows wait for each other"):
        row_pipeline(net, {1: 1, 2: 1}, even(net))

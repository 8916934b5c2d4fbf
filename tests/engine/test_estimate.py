"""The closed-form engine: it counts what `fast` counts, and its times are off by no more than is stated here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.chip.timing import Timing
from seneca_sim.engine import estimate, fast, simulate
from seneca_sim.engine.costs import Costs, EdgeCosts, LayerCosts
from seneca_sim.engine.counts import INLET_COUNTERS, Counts
from seneca_sim.engine.estimate.groups import gathers
from seneca_sim.errors import DeadlockError, GraphError, RequestError
from seneca_sim.graph.network import Network
from seneca_sim.mapping import automatic_mapping
from seneca_sim.mapping.types import Part
from tests.engine.random_systems import RandomSystem, enriched_system, random_system
from tests.engine.systems import Case, conv, layer, source

BATCHES = 10
SEEDS = 300
OF_ORDER = ("rv_cycles", "tasks", "chunks", "sops", "lc_cycles")
"""What the order of arrival decides where several senders feed groups that form across packets."""


def both(system: RandomSystem) -> tuple[Counts, Counts] | None:
    """Return the counts of `fast` and of the estimate; None for a system that cannot run."""
    inputs = system.network, system.mapping, system.trace, system.timing, system.costs
    try:
        return fast.run(*inputs), estimate.run(*inputs)
    except (DeadlockError, GraphError):
        return None


def races(system: RandomSystem) -> list[bool]:
    """Return for each inlet whether the order in which values arrive decides how its groups form."""
    parts = [part.layer for part in system.mapping.parts]
    return [
        gathers(edge, system.timing.group_scope) and parts.count(edge.source) > 1
        for number in parts
        for edge in system.network.layers[number].edges
    ]


@pytest.mark.parametrize("draw", [random_system, enriched_system])
@pytest.mark.parametrize("batch", range(BATCHES))
def test_everything_that_is_counted_is_exact(batch: int, draw: Callable[[int], RandomSystem]) -> None:
    compared = 0
    for seed in range(batch, SEEDS, BATCHES):
        system = draw(seed)
        counts = both(system)
        if counts is None:
            continue
        exact, estimated = counts
        assert np.array_equal(exact.parts, estimated.parts), seed
        assert np.array_equal(exact.host, estimated.host), seed
        assert np.array_equal(exact.links[..., 0], estimated.links[..., 0]), seed
        racing = np.array(races(system), np.bool_)
        assert np.array_equal(exact.inlets[:, ~racing], estimated.inlets[:, ~racing]), seed
        fixed = [number for number, name in enumerate(INLET_COUNTERS) if name not in OF_ORDER]
        assert np.array_equal(exact.inlets[..., fixed], estimated.inlets[..., fixed]), seed
        if not racing.any():
            assert np.array_equal(exact.cores[:, 0], estimated.cores[:, 0]), seed
            assert np.array_equal(exact.npe_busy, estimated.npe_busy), seed
        compared += 1
    assert compared >= SEEDS / BATCHES * 0.8


def test_states_sum_to_the_makespan_and_only_what_happens_has_a_time() -> None:
    for seed in range(100):
        counts = both(random_system(seed))
        if counts is None:
            continue
        exact, estimated = counts
        assert (estimated.cores.sum(axis=1) == estimated.makespan).all(), seed
        assert (estimated.cores >= 0).all(), seed
        assert np.array_equal(exact.steps < 0, estimated.steps < 0), seed
        assert np.array_equal(exact.part_times < 0, estimated.part_times < 0), seed
        assert (np.diff(estimated.steps[:, 4]) >= 0).all(), seed
        assert estimated.makespan >= estimated.steps.max(), seed


def times(counts: Counts) -> tuple[float, float]:
    """Return (mean latency from the first flit to the last output or token, mean interval between steps) in cycles."""
    _, first, _, last, end = counts.steps.T
    begun = np.where(first >= 0, first, counts.steps[:, 0])
    return float((np.where(last >= 0, last, end) - begun).mean()), float(end[-1] / len(end))


def ratios(pairs: list[tuple[Counts, Counts]]) -> np.ndarray:
    """Return (pairs, 2): estimated over exact latency and interval."""
    return np.array([np.divide(times(estimated), times(exact)) for exact, estimated in pairs])


def report(name: str, found: np.ndarray) -> None:
    """Print the errors of a set of systems."""
    for column, what in enumerate(("latency", "interval")):
        share = np.quantile(found[:, column], [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
        off = np.median(np.abs(found[:, column] - 1))
        print(f"{name}, {len(found)} systems: {what} x {np.round(share, 2).tolist()}, median error {off:.1%}")


def test_times_of_systems_with_tiny_buffers_are_off_by_a_tenth_and_rarely_by_a_third() -> None:
    pairs = [counts for counts in map(both, map(random_system, range(250))) if counts is not None]
    found = ratios(pairs)
    report("random systems, FIFOs of a few entries", found)
    off = np.abs(np.log(found))
    assert (np.median(off, axis=0) < np.log([1.1, 1.06])).all()
    assert (np.quantile(off, 0.9, axis=0) < np.log([1.35, 1.22])).all()
    assert (off < np.log([2.5, 2])).all()


def hears_this_step(network: Network) -> bool:
    """Return whether every output has a path without delay from an input; else "latency" has no meaning."""
    heard: list[bool] = []
    for each in network.layers:
        heard.append(each.is_input or any(not edge.delay and heard[edge.source] for edge in each.edges))
    return all(heard[number] for number, each in enumerate(network.layers) if each.is_output)


def test_times_of_cells_products_and_upsampling_are_as_good() -> None:
    systems = [system for system in map(enriched_system, range(250)) if hears_this_step(system.network)]
    found = ratios([counts for counts in map(both, systems) if counts is not None])
    report("random systems with all features", found)
    off = np.abs(np.log(found))
    assert len(found) > 130
    assert (np.median(off, axis=0) < np.log([1.08, 1.06])).all()
    assert (np.quantile(off, 0.9, axis=0) < np.log([1.35, 1.22])).all()
    assert (off < np.log([2.5, 2])).all()


SHIPPED = {
    "shipped chip": [],
    "steps do not overlap": ["flow.pipelined=false"],
    "a step every 60000 cycles": ["flow.period=60000"],
    "conventional order": ["flow.order=conventional"],
    "global barrier": ["flow.order=conventional", "flow.barrier=global"],
    "ideal network": ["noc.kind=ideal"],
    "RISC-V alone": [f"core.{unit}.enabled=false" for unit in ("event_generator", "loop_controller", "npe")],
}


@pytest.mark.parametrize("model", ["digits-sigma-delta", "digits-lif"])
@pytest.mark.parametrize("changes", SHIPPED.values(), ids=SHIPPED)
def test_intervals_of_shipped_networks_are_within_a_fifth_and_latencies_within_a_half(
    model: str, changes: list[str]
) -> None:
    from seneca_sim.request import Request
    from seneca_sim.simulation import network_of, sources_of, trace_of

    request = Request(model, steps=6)
    sources = sources_of(request)
    network = network_of(request, sources)
    trace = trace_of(request, sources, network, None)
    chip = load_chip("seneca", changes)
    mappings = [automatic_mapping(network, chip, cores=cores, trace=trace) for cores in (1, 4, 8)]
    pairs = [
        tuple(simulate(network, mapping, trace, chip, engine) for engine in ("fast", "estimate"))
        for mapping in mappings
    ]
    found = ratios(pairs)  # type: ignore[arg-type]
    report(f"{model}, {' '.join(changes)}", found)
    off = np.abs(np.log(found))
    conventional = "flow.order=conventional" in changes
    assert (off[0] < np.log([1.2 if conventional else 1.03, 1.01])).all(), "one core"
    assert (off < np.log([1.55, 1.22])).all()
    for exact, estimated in pairs:
        assert np.array_equal(exact.parts, estimated.parts)


WIDE = Timing(task_fifo=64, event_fifo=64, buffer_flits=64, input_flits=256)


@pytest.mark.parametrize(("fire", "update"), [(1, 90), (30, 90), (120, 2), (30, 2)])
def test_one_core_works_at_the_pace_of_its_slower_unit(fire: int, update: int) -> None:
    columns = 20
    case = Case(
        layers=(source(1, columns), layer("row", (1, 1, columns), conv(0, kernel=1), is_output=True)),
        parts=(Part(1, 0, (0, 1), (0, 1), (0, columns), 1),),
        events={},
        steps=5,
        timing=replace(WIDE, rv_fire=fire),
        costs=Costs((LayerCosts(), LayerCosts(update_cycles=update)), (EdgeCosts(),)),
    )
    pace = columns * max(fire, update + 1)
    ends = estimate.run(*case.inputs()).steps[:, 4]
    assert np.diff(ends) == pytest.approx([pace] * 4, rel=0.05)
    assert ends == pytest.approx(fast.run(*case.inputs()).steps[:, 4], rel=0.05)


@pytest.mark.parametrize("hops", [0, 3])
@pytest.mark.parametrize("router", [0, 4])
def test_the_way_of_one_event_is_exact_to_a_few_cycles(hops: int, router: int) -> None:
    case = Case(
        layers=(source(1, 1), layer("neuron", (1, 1, 1), conv(0, kernel=1), is_output=True)),
        parts=(Part(1, hops, (0, 1), (0, 1), (0, 1), 1),),
        events={0: [(0, 0, 0, 0)], 1: [(0, 0, 0, 0)]},
        timing=replace(WIDE, router_cycles=router, rv_packet=20, rv_value=10, rv_fire=15, rv_out_packet=12),
        mesh=(hops + 1, 1),
        costs=Costs((LayerCosts(), LayerCosts(update_cycles=30, emit_cycles=5)), (EdgeCosts(chunk_cycles=40),)),
    )
    exact, estimated = fast.run(*case.inputs()), estimate.run(*case.inputs())
    assert np.abs(exact.steps - estimated.steps).max() <= 30 + 2 * (router + 1)


@pytest.mark.parametrize("slow", [1, 2, 3])
def test_a_pipeline_ends_a_step_in_the_time_of_its_slowest_layer(slow: int) -> None:
    side, update = 4, 60
    layers = [source(side, side)]
    layers += [
        layer(f"stage{stage}", (1, side, side), conv(stage - 1, kernel=1), is_output=stage == 3) for stage in (1, 2, 3)
    ]
    case = Case(
        layers=tuple(layers),
        parts=tuple(Part(stage, stage - 1, (0, 1), (0, side), (0, side), side) for stage in (1, 2, 3)),
        events={},
        steps=6,
        timing=WIDE,
        mesh=(3, 1),
        costs=Costs(tuple(LayerCosts(update_cycles=update if k == slow else 5) for k in range(4)), (EdgeCosts(),) * 3),
    )
    assert np.diff(estimate.run(*case.inputs()).steps[:, 4])[2:] == pytest.approx(
        [side * side * (update + 1)] * 3, rel=0.01
    )


def test_a_link_that_two_flows_share_bounds_every_step() -> None:
    rows, columns, channels = 4, 30, 32
    shape = channels, rows, columns
    full = [(t, y, x, c) for t in range(3) for y in range(rows) for x in range(columns) for c in range(channels)]
    one = Case(
        layers=(
            source(rows, columns),
            layer("a", shape, conv(0, channels, kernel=1)),
            layer("b", shape, conv(0, channels, kernel=1)),
            layer("c", (1, rows, columns), conv(1, 1, channels, kernel=1), is_output=True),
            layer("d", (1, rows, columns), conv(2, 1, channels, kernel=1), is_output=True),
        ),
        parts=tuple(
            Part(number, number - 1, (0, width), (0, rows), (0, columns), rows)
            for number, width in ((1, channels), (2, channels), (3, 1), (4, 1))
        ),
        events={1: full, 2: full},
        steps=3,
        timing=replace(WIDE, group_size=32, max_flits=33, rv_value=0, rv_out=0, rv_position=0),
        mesh=(4, 1),
        costs=Costs((LayerCosts(neurons_per_chunk=32, value_bits=16),) * 5, (EdgeCosts(neurons_per_chunk=32),) * 4),
    )
    exact, estimated = fast.run(*one.inputs()), estimate.run(*one.inputs())
    flits = 2 * rows * columns * 33
    assert (estimated.links[1, 1, 0] / 3) == pytest.approx(flits, rel=0.05)
    assert np.diff(exact.steps[:, 4]) == pytest.approx([flits] * 2, rel=0.1)
    assert np.diff(estimated.steps[:, 4]) == pytest.approx([flits] * 2, rel=0.01)
    assert estimated.steps[:, 4] == pytest.approx(exact.steps[:, 4], rel=0.08)


def test_a_network_without_an_output_is_refused() -> None:
    case = Case(
        layers=(source(1, 1), layer("neuron", (1, 1, 1), conv(0, kernel=1))),
        parts=(Part(1, 0, (0, 1), (0, 1), (0, 1), 1),),
        events={},
    )
    with pytest.raises(GraphError) as caught:
        estimate.run(*case.inputs())
    assert str(caught.value) == "network 'case' has no output layer, so no step would ever end; mark one as output"


def test_an_unknown_engine_is_refused_with_the_three_names() -> None:
    with pytest.raises(RequestError) as caught:
        simulate(None, None, None, None, "estimator")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "engine must be one of reference, fast, estimate, not 'estimator'; did you mean estimate?"
    )


def test_engines_are_found_by_name_and_agree_where_they_must() -> None:
    from tests.report.records import small_mapping, small_network

    system = replace(random_system(0), network=small_network())
    rng = np.random.default_rng(0)
    from tests.engine.random_systems import random_trace

    trace = random_trace(rng, system.network, 2)
    chip = load_chip("seneca")
    told: list[tuple[int, int]] = []
    runs = {
        name: simulate(system.network, small_mapping(), trace, chip, name, lambda *done: told.append(done))
        for name in ("reference", "fast", "estimate")
    }
    assert np.array_equal(runs["reference"].steps, runs["fast"].steps)
    assert np.array_equal(runs["estimate"].parts, runs["fast"].parts)
    assert told[-1] == (2, 2)

"""Several sums, transposed convolutions, nearest upsampling and broadcast edges cost what their rules say."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from seneca_sim.engine import fast, reference
from seneca_sim.engine.costs import Costs, EdgeCosts, LayerCosts
from seneca_sim.engine.counts import Counts
from seneca_sim.engine.fast.machine import build_machine
from seneca_sim.engine.fast.plan import make_plan
from seneca_sim.errors import DeadlockError
from seneca_sim.graph.network import Edge, Layer
from seneca_sim.graph.neurons import GruCell, LstmCell, Product
from seneca_sim.mapping.types import Part
from tests.engine.invariants import touched
from tests.engine.systems import Case, Event, conv, inlet_counts, layer, part_counts, source, walked
from tests.engine.test_feature_walks import CELL, NEAREST, PYRAMID, SCALED, TRANSPOSED

WHOLE = (0, 1)


def lstm(first: int, end: int, per_chunk: int, mask: list[int] | None = None, **timing: object) -> Case:
    """Return one position of a cell of three channels, of which the chip holds some, that gets one value of one channel.

    `mask`: the outputs (of 4 sums x 3 channels) whose weight is not masked.
    """
    edge = conv(0, out=12, kernel=1, sums=4)
    if mask is not None:
        edge = replace(edge, mask=np.isin(np.arange(12), mask).reshape(12, 1, 1, 1))
    spans = [span for span in ((0, first), (first, end), (end, 3)) if span[0] < span[1]]
    return Case(
        layers=(source(1, 1), Layer("cell", LstmCell(), (3, 1, 1), (edge,), is_output=True)),
        parts=tuple(Part(1, 0, span, WHOLE, WHOLE, state_rows=1) for span in spans),
        events={0: [(0, 0, 0, 0)]},
        costs=Costs((LayerCosts(),) * 2, (EdgeCosts(per_chunk, chunk_cycles=2),)),
    ).with_timing(event_fifo=8, **timing)


@pytest.mark.parametrize("per_chunk", [1, 3, 5, 8, 16])
@pytest.mark.parametrize("end", [1, 2, 3])
def test_chunks_are_cut_across_the_ends_of_sums(end: int, per_chunk: int) -> None:
    counts = inlet_counts(lstm(0, end, per_chunk).checked(), 0, 0)
    chunks = -(-4 * end // per_chunk)
    assert (counts["tasks"], counts["rounds"], counts["chunks"], counts["sops"]) == (1, 1, chunks, 4 * end)
    assert counts["lc_cycles"] == 1 + 2 * chunks


@pytest.mark.parametrize(
    ("per_chunk", "mask", "chunks", "sops"),
    [
        # Channels 1 and 2 of sums of 3 channels: the round is the outputs 1 2 | 4 5 | 7 8 | 10 11.
        (2, [4], 1, 2),
        (3, [4], 1, 3),  # 1 2 4 | 5 7 8 | 10 11
        (3, [4, 5], 2, 6),
        (3, [11], 1, 2),
        (3, [2, 5, 11], 3, 8),
        (3, [0, 3, 6, 9], 0, 0),  # channel 0 is on another part
        (8, [7], 1, 8),
    ],
)
@pytest.mark.parametrize("engine", [reference, fast])
def test_masked_chunks_are_skipped_sum_after_sum(engine, per_chunk, mask, chunks, sops) -> None:  # type: ignore[no-untyped-def]
    case = lstm(1, 3, per_chunk, mask, masked="chunk_skip", rv_skip=1)
    counts = inlet_counts(engine.run(*case.inputs()), 0, 1)
    tests = -(-8 // per_chunk)
    assert counts["skip_tests"] == tests
    assert (counts.get("tasks", 0), counts.get("chunks", 0), counts.get("sops", 0)) == (chunks > 0, chunks, sops)
    assert counts["rv_cycles"] == 2 + 1 + 1 + tests + 1  # packet, value, kernel position, tests, token


@pytest.mark.parametrize("sums", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_the_latency_of_a_cell_grows_by_the_chunks_of_its_sums(sums: int, channels: int) -> None:
    edge = conv(0, out=sums * channels, kernel=1, sums=sums)
    case = Case(
        layers=(source(1, 1), Layer("cell", GruCell(), (channels, 1, 1), (edge,), is_output=True)),
        parts=(Part(1, 0, (0, channels), WHOLE, WHOLE, 1),),
        events={0: [(0, 0, 0, 0)], 1: [(0, 0, 0, 0)]},
        costs=Costs((LayerCosts(), LayerCosts(8, 9, 0, 1)), (EdgeCosts(4, chunk_cycles=10),)),
    ).with_timing(event_fifo=8)
    decoded = 4 + (2 + 1 + 1)
    integrated = decoded + 1 + 10 * -(-sums * channels // 4)
    fired = integrated + 1 + (9 + 1)
    received = fired + 1 + (2 + 1) + 4  # event generator; the values' packet; injection to reception
    assert case.checked().steps[0, 2] == received


def assert_alike(case: Case) -> None:
    """Compare the engines in every count and cycle."""
    one, other = case.run(), fast.run(*case.inputs())
    for field in fields(Counts):
        assert np.array_equal(getattr(one, field.name), getattr(other, field.name)), field.name


def strip(edge: Edge, size: int, neurons: int, events: list[Event], **fields: object) -> Case:
    """Return a layer of one row that sees a row of inputs through an edge."""
    return Case(
        layers=(source(1, size), layer("row", (1, 1, neurons), edge, is_output=True)),
        parts=(Part(1, 0, WHOLE, WHOLE, (0, neurons), state_rows=1),),
        events={0: events},
        **fields,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("kernel", [1, 2, 4, 5])
@pytest.mark.parametrize("upsample", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_transposed_convolution_integrates_a_position_for_each_tap(
    kernel: int, upsample: int, padding: int, stride: int
) -> None:
    weight = np.ones((1, 1, 1, kernel), np.float32)
    edge = Edge("t", 0, "conv", weight, upsample=(1, upsample), padding=(0, padding), stride=(1, stride))
    size, neurons = 6, ((6 - 1) * upsample + 2 * padding - kernel) // stride + 1
    events = [(0, 0, place, 0) for place in range(size)]
    counts = inlet_counts(strip(edge, size, neurons, events).checked(), 0, 0)
    # Input p touches neuron n where n x stride = p x upsample + padding - tap.
    taps = {(p, n) for p in range(size) for n in range(neurons) if 0 <= p * upsample + padding - n * stride < kernel}
    assert counts.get("rounds", 0) == counts.get("sops", 0) == len(taps)
    reached = {p for p, _ in taps}
    assert counts.get("values", 0) == len(reached)
    assert counts.get("rv_cycles", 0) == 3 * len(reached) + len(taps) + (len(reached) > 0)


@pytest.mark.parametrize("upsample", [1, 2, 3, 4])
def test_nearest_upsampling_integrates_as_many_positions_as_a_value_stands_for(upsample: int) -> None:
    edge = Edge("n", 0, "add", None, upsample=(1, upsample), padding=(0, upsample - 1))
    assert [touched(edge, 1, place, 3, range(3 * upsample)) for place in range(3)] == [
        list(range(place * upsample, (place + 1) * upsample)) for place in range(3)
    ]
    events = [(0, 0, 0, 0), (0, 0, 2, 0)]
    assert inlet_counts(strip(edge, 3, 3 * upsample, events).checked(), 0, 0)["sops"] == 2 * upsample
    if upsample > 1:  # a map that is a column too short cuts the last value's neurons
        assert inlet_counts(strip(edge, 3, 3 * upsample - 1, events).checked(), 0, 0)["sops"] == 2 * upsample - 1


def spread(edge: Edge, channels: int, events: list[Event], rows: int, columns: int, **fields: object) -> Case:
    """Return a product of a map of two channels, which is silent, with a vector of some events."""
    x = Edge("x", 0, "add", None)
    return Case(
        layers=(
            source(rows, columns, channels=2),
            Layer("vector", None, (channels, 1, 1)),
            Layer("product", Product(), (2, rows, columns), (x, edge), is_output=True),
        ),
        parts=(Part(2, 0, (0, 2), (0, rows), (0, columns), state_rows=rows),),
        events={1: events},
        host_rows=(0, 0),
        costs=Costs((LayerCosts(),) * 3, (EdgeCosts(1, 2),) * 2),
        **fields,  # type: ignore[arg-type]
    ).with_timing(event_fifo=16)


MATRIX = Edge("s", 1, "conv", np.ones((2, 6, 1, 1), np.float32), broadcast=True, first_sum=1)
DEPTHWISE = Edge("s", 1, "conv", np.ones((2, 1, 1, 1), np.float32), groups=2, broadcast=True, first_sum=1)
ADDED = Edge("s", 1, "add", None, broadcast=True, first_sum=1)


@pytest.mark.parametrize("scope", ["position", "row", "pixel"])
@pytest.mark.parametrize("map_", [(1, 1), (1, 5), (4, 3)])
@pytest.mark.parametrize("group_scope", ["packet", "step"])
def test_a_broadcast_costs_the_same_however_large_the_map(scope: str, map_: tuple[int, int], group_scope: str) -> None:
    case = spread(MATRIX, 6, [(0, 0, 0, channel) for channel in range(5)], *map_)
    counts = inlet_counts(case.with_timing(task_scope=scope, group_scope=group_scope, group_size=2).checked(), 0, 1)
    # 5 values are groups of 2, 2 and 1, each with both channels in chunks of one.
    assert {name: counts[name] for name in ("tasks", "rounds", "chunks", "sops")} == {
        "tasks": 3,
        "rounds": 3,
        "chunks": 6,
        "sops": 10,
    }
    # The last group is a third job; with `step` it ends the packet without a task, and is flushed when (0, 0) fires.
    jobs = [2 + 5, 1, 1] + ([1] if group_scope == "step" else [])
    assert counts["rv_cycles"] == sum(jobs) + 1


@pytest.mark.parametrize("edge", [DEPTHWISE, ADDED], ids=["depthwise", "add"])
@pytest.mark.parametrize("group_scope", ["packet", "step"])
def test_channels_of_a_depthwise_broadcast_never_share_a_group(edge: Edge, group_scope: str) -> None:
    case = spread(edge, 2, [(0, 0, 0, 0), (0, 0, 0, 1)], 2, 2).with_timing(group_scope=group_scope)
    counts = inlet_counts(case.checked(), 0, 1)
    assert counts["tasks"] == counts["rounds"] == counts["chunks"] == counts["sops"] == 2
    assert counts["rv_cycles"] == (2 + 2) + 1 + 1


@pytest.mark.parametrize("engine", [reference, fast])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("group_scope", ["packet", "step"])
def test_a_broadcast_touches_no_position(engine, masked: bool, group_scope: str) -> None:  # type: ignore[no-untyped-def]
    edge = replace(MATRIX, mask=np.ones((2, 6, 1, 1), np.bool_)) if masked else MATRIX
    case = spread(edge, 6, [(0, 0, 0, 0)], 2, 3).with_timing(masked="chunk_skip", group_scope=group_scope)
    costs = Costs((LayerCosts(),) * 2 + (LayerCosts(evaluate="touched"),), (EdgeCosts(1, 2),) * 2)
    silent = part_counts(engine.run(*replace(case, costs=costs).inputs()), 0, 0)
    assert (silent["untouched_positions"], silent["markers"], silent.get("fire_tasks", 0)) == (6, 2, 0)
    case = replace(case, costs=costs, events={**case.events, 0: [(0, 1, 1, 0)]})
    touched_one = part_counts(engine.run(*case.inputs()), 0, 0)
    assert (touched_one["untouched_positions"], touched_one["fire_tasks"]) == (5, 1)


@pytest.mark.parametrize("engine", [reference, fast])
def test_a_mask_of_a_broadcast_is_that_of_its_channels(engine) -> None:  # type: ignore[no-untyped-def]
    mask = np.zeros((2, 6, 1, 1), np.bool_)
    mask[1, 3] = True
    for channel, chunks in ((2, 0), (3, 1)):
        case = spread(replace(MATRIX, mask=mask), 6, [(0, 0, 0, channel)], 3, 2)
        case = case.with_timing(masked="chunk_skip")
        counts = inlet_counts(engine.run(*case.inputs()), 0, 1)
        assert (counts["rounds"], counts["skip_tests"], counts.get("chunks", 0)) == (1, 2, chunks)


@pytest.mark.parametrize("engine", [reference, fast])
def test_a_broadcast_needs_state_for_the_whole_map(engine) -> None:  # type: ignore[no-untyped-def]
    case = spread(MATRIX, 6, [], 3, 1)
    assert isinstance(engine.run(*case.inputs()), Counts)
    short = replace(case, parts=(replace(case.parts[0], state_rows=2),))
    with pytest.raises(DeadlockError, match="deadlock"):
        engine.run(*short.inputs())


def test_the_next_step_of_a_vector_is_granted_when_the_last_row_has_fired() -> None:
    _, lines = walked(replace(spread(MATRIX, 6, [], 3, 1), steps=2))
    fired = int(next(entry for entry in lines["core 0 riscv"] if "fire (2, 0)" in entry).split("-")[1].split(" ")[0])
    tokens = [int(entry.split("-")[0]) for entry in lines["host 0"]]
    assert tokens[:4] == [0, 1, 2, 3]  # three rows of x, the vector
    # Then rows 0 to 2 of x, one after the other as rows fire; the vector's credit is the last and comes after all rows.
    assert len(tokens) == 8
    assert tokens[-1] > fired > tokens[4]


BEHIND = Case(
    layers=(
        source(1, 2),
        layer("wide", (1, 1, 4), conv(0, kernel=1, upsample=(1, 2)), conv(1, delay=1), is_output=True),
    ),
    parts=(
        Part(1, 0, WHOLE, WHOLE, (0, 3), state_rows=1),
        Part(1, 1, WHOLE, WHOLE, (3, 4), state_rows=1),
    ),
    events={0: [(0, 0, 0, 0)], 1: [(0, 0, 3, 0)]},
    steps=2,
    mesh=(2, 1),
)
"""Column 3 of the map lies behind the last tap: its part hears of a step only through replays."""


def test_a_part_that_no_forward_edge_reaches_does_not_hold_its_replay_back() -> None:
    assert inlet_counts(BEHIND.checked(), 1, 3)["sops"] == 1
    assert_alike(BEHIND)


def test_the_feeds_of_a_part_are_those_of_its_inlets_where_one_has_none() -> None:
    machine = build_machine(make_plan(*BEHIND.inputs()))
    inlets, feeds = machine["inlets"], machine["feeds"]
    assert inlets["n_feeds"].tolist() == [1, 2, 0, 2]
    for part in machine["parts"]:
        own = range(part["inlet_first"], part["inlet_first"] + part["n_inlets"])
        first, last = inlets[own[0]], inlets[own[-1]]
        bounds = range(first["feed_first"], last["feed_first"] + last["n_feeds"])
        assert [number for number, feed in enumerate(feeds) if feed["inlet"] in own] == list(bounds)


@pytest.mark.parametrize("case", [CELL, NEAREST, TRANSPOSED, SCALED, PYRAMID])
def test_both_engines_walk_alike(case: Case) -> None:
    assert_alike(case)

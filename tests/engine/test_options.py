"""Every option of the chip does what its rule says, in systems small enough to count by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.engine.costs import Costs, EdgeCosts, LayerCosts
from seneca_sim.graph.network import Edge, MaxPool
from seneca_sim.mapping.types import Part
from tests.engine.systems import CHEAP, Case, conv, inlet_counts, layer, part_counts, source, walked
from tests.engine.test_walks import ONE_CORE, RECURRENT

LAYER = LayerCosts(update_cycles=2, emit_cycles=1)
EDGE = EdgeCosts(chunk_cycles=2)

POOLED = Case(
    layers=(source(3, 3), layer("pool", (1, 3, 3), conv(0, kernel=1), pool=MaxPool((2, 2), (1, 1)), is_output=True)),
    parts=(Part(1, 0, (0, 1), (0, 2), (0, 2), state_rows=2),),
    events={0: [(0, 0, 0, 0), (0, 2, 2, 0)], 1: [(0, 1, 1, 0)]},
    costs=Costs((LAYER, replace(LAYER, pool_cycles=1)), (EDGE,)),
)
DENSE = Case(
    layers=(source(2, 2), layer("dense", (2, 1, 1), Edge("all", 0, "dense", np.ones((2, 1, 2, 2))), is_output=True)),
    parts=(Part(1, 0, (0, 2), (0, 1), (0, 1), state_rows=1),),
    events={0: [(0, 0, 0, 0), (0, 0, 1, 0), (0, 1, 1, 0)]},
)
CENTRE = Case(
    layers=(source(3, 3, channels=2), layer("conv", (1, 3, 3), conv(0, inp=2), is_output=True)),
    parts=(Part(1, 0, (0, 1), (0, 3), (0, 3), state_rows=3),),
    events={0: [(0, 1, 1, 0), (0, 1, 1, 1)]},
    timing=replace(CHEAP, group_size=1, task_fifo=16),
)
POINT = Case(
    layers=(source(1, 1), layer("point", (4, 1, 1), conv(0, out=4, kernel=1), is_output=True)),
    parts=(Part(1, 0, (0, 4), (0, 1), (0, 1), state_rows=1),),
    events={0: [(0, 0, 0, 0)], 1: [(0, 0, 0, channel) for channel in range(4)]},
)
CHAIN = Case(
    layers=(
        source(1, 1),
        layer("first", (1, 1, 1), conv(0, kernel=1)),
        layer("last", (1, 1, 1), conv(1), is_output=True),
    ),
    parts=(Part(1, 0, (0, 1), (0, 1), (0, 1), state_rows=1), Part(2, 1, (0, 1), (0, 1), (0, 1), state_rows=1)),
    events={},
    mesh=(2, 1),
)


def test_overlapping_pooling_windows_update_every_neuron_once() -> None:
    counts = part_counts(POOLED.checked(), 0, 0)
    assert counts["fire_tasks"] == counts["emit_chunks"] == 4
    assert counts["update_chunks"] == 9
    assert counts["pool_chunks"] == 4 * 4
    assert counts["lc_cycles"] == 4 * (1 + 1) + 9 * 2 + 16 * 1


def test_incomplete_windows_of_a_folded_pool_touch_nothing() -> None:
    pooled = layer("pooled", (1, 2, 2), conv(0, kernel=1, pool=(2, 2)), is_output=True)
    case = Case(
        layers=(source(5, 4), pooled),
        parts=(Part(1, 0, (0, 1), (0, 2), (0, 2), state_rows=2),),
        events={0: [(0, 3, 3, 0), (0, 4, 0, 0)]},
    )
    counts = case.checked()
    assert counts.host[0].tolist() == [2 + 4, 0, 2 + 4, 1, 1, 0]
    assert inlet_counts(counts, 0, 0)["sops"] == 1


@pytest.mark.parametrize(("scope", "tasks"), [("step", 1), ("packet", 3)])
def test_dense_groups_form_across_packets_or_within_them(scope: str, tasks: int) -> None:
    counts = inlet_counts(DENSE.with_timing(group_scope=scope).checked(), 0, 0)
    assert counts["tasks"] == counts["rounds"] == tasks
    assert counts["chunks"] == 2 * tasks
    assert counts["sops"] == 3 * 2


def test_an_open_group_is_pushed_when_full_and_flushed_when_its_position_fires() -> None:
    counts, lines = walked(DENSE.with_timing(group_size=2))
    assert inlet_counts(counts, 0, 0)["tasks"] == 2
    work = [entry.split(" ", 1)[1] for entry in lines["core 0 riscv"]]
    assert work[:7] == [
        "decode packet (0, 0)",
        "decode packet (0, 1)",
        "decode token 0",
        "decode packet (1, 1)",
        "decode token 1",
        "flush (0, 0)",
        "fire (0, 0)",
    ]


@pytest.mark.parametrize(
    ("scope", "tasks", "decoding"),
    [("position", 18, 4 + 9 + 9), ("row", 6, 4 + 9 + 3), ("pixel", 2, 4 + 9 + 1)],
)
def test_a_task_holds_one_kernel_position_or_row_or_all(scope: str, tasks: int, decoding: int) -> None:
    counts = inlet_counts(CENTRE.with_timing(task_scope=scope).checked(), 0, 0)
    assert counts["tasks"] == tasks
    assert counts["rounds"] == 2 * 9
    assert counts["lc_cycles"] == tasks * 1 + 18 * 2
    assert counts["rv_cycles"] == decoding + 3


def test_values_of_other_convolution_groups_are_dropped_and_counted() -> None:
    depthwise = Edge("depthwise", 0, "conv", np.ones((2, 1, 1, 1)), groups=2)
    case = Case(
        layers=(source(1, 1, channels=2), layer("out", (2, 1, 1), depthwise, is_output=True)),
        parts=(Part(1, 0, (0, 1), (0, 1), (0, 1), 1), Part(1, 1, (1, 2), (0, 1), (0, 1), 1)),
        events={0: [(0, 0, 0, 0), (0, 0, 0, 1)]},
        mesh=(2, 1),
    )
    for inlet in (0, 1):
        counts = inlet_counts(case.checked(), 0, inlet)
        assert (counts["values"], counts["dropped_values"], counts["sops"]) == (2, 1, 1)


def test_a_packet_without_a_value_for_the_part_is_dropped_in_one_job() -> None:
    shifted = Edge("concatenate", 0, "add", None, target_offset=1)
    case = Case(
        layers=(source(1, 1), layer("out", (2, 1, 1), shifted, is_output=True)),
        parts=(Part(1, 0, (0, 1), (0, 1), (0, 1), 1), Part(1, 1, (1, 2), (0, 1), (0, 1), 1)),
        events={0: [(0, 0, 0, 0)]},
        mesh=(2, 1),
    )
    counts = case.checked()
    assert inlet_counts(counts, 0, 0) == {
        "packets": 1,
        "values": 1,
        "dropped_values": 1,
        "tokens": 1,
        "rv_cycles": 3 + 1,
    }
    assert inlet_counts(counts, 0, 1)["sops"] == 1


def test_every_channel_of_an_add_edge_is_a_round_of_its_own() -> None:
    case = Case(
        layers=(source(1, 1, channels=3), layer("out", (3, 1, 1), Edge("skip", 0, "add", None), is_output=True)),
        parts=(Part(1, 0, (0, 3), (0, 1), (0, 1), 1),),
        events={0: [(0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 0, 2)]},
        timing=replace(CHEAP, event_fifo=3),
    )
    counts = inlet_counts(case.checked(), 0, 0)
    assert counts["tasks"] == counts["rounds"] == counts["chunks"] == counts["sops"] == 3


@pytest.mark.parametrize(("masked", "chunks", "tests"), [("dense", 2, 0), ("chunk_skip", 1, 2)])
def test_chunks_in_which_every_weight_is_masked_are_skipped(masked: str, chunks: int, tests: int) -> None:
    mask = np.array([False, False, True, False]).reshape(4, 1, 1, 1)
    layers = POINT.layers[0], layer("point", (4, 1, 1), conv(0, out=4, kernel=1, mask=mask), is_output=True)
    costs = Costs((LAYER, LAYER), (replace(EDGE, neurons_per_chunk=2),))
    counts = inlet_counts(replace(POINT, layers=layers, costs=costs).with_timing(masked=masked).checked(), 0, 0)
    assert counts["chunks"] == chunks
    assert counts["sops"] == 2 * chunks
    assert counts.get("skip_tests", 0) == tests
    assert counts["rv_cycles"] == 2 + 1 + 1 + tests + 1


def test_a_task_without_chunks_is_not_pushed_and_touches_nothing() -> None:
    mask = np.zeros((4, 1, 1, 1), np.bool_)
    layers = POINT.layers[0], layer("point", (4, 1, 1), conv(0, out=4, kernel=1, mask=mask), is_output=True)
    costs = Costs((LAYER, replace(LAYER, evaluate="touched")), (EDGE,))
    case = replace(POINT, layers=layers, costs=costs, events={0: POINT.events[0]}).with_timing(masked="chunk_skip")
    counts = case.checked()
    assert "tasks" not in inlet_counts(counts, 0, 0)
    assert part_counts(counts, 0, 0)["markers"] == 1


def test_an_inline_build_does_the_tasks_in_its_riscv_jobs() -> None:
    inline, built = ONE_CORE.with_timing(inline=True).checked(), ONE_CORE.checked()
    assert inline.npe_busy.tolist() == [0]
    assert inline.fifo_max[0, 0] == 0
    assert inline.cores[0, 0] == built.cores[0, 0] + built.npe_busy[0]


def test_without_an_event_generator_riscv_scans_every_record() -> None:
    counts = ONE_CORE.with_timing(event_generator=False, rv_scan=3).checked()
    assert counts.cores[0, 0] == ONE_CORE.checked().cores[0, 0] + 8 * 3


def test_channels_beyond_the_event_fifo_are_fired_by_several_tasks() -> None:
    counts = part_counts(POINT.with_timing(event_fifo=3).checked(), 0, 0)
    assert counts["fire_tasks"] == counts["packets"] == 2
    assert counts["events"] == 4


def test_the_conventional_order_fires_after_the_last_input_of_the_step() -> None:
    counts, lines = walked(replace(ONE_CORE, steps=2).with_timing(order="conventional"))
    work = [entry.split(" ", 1)[1] for entry in lines["core 0 riscv"]]
    assert work.index("fire (0, 0)") == work.index("decode token 3") + 1
    assert "credits" not in part_counts(counts, 0, 0)
    assert part_counts(counts, 1, 0)["credits"] == 1


def test_global_barriers_open_one_phase_after_the_other() -> None:
    counts, lines = walked(CHAIN.with_timing(order="conventional", barrier="global", barrier_cycles=7))
    # Each phase opens 7 cycles after the last effect: of nothing (0), of the first token (11), of the second (31).
    assert lines["host 0"] == ["7-8 send token 0"]
    assert lines["core 0 riscv"][:2] == ["10-11 decode token 0", "18-19 fire (0, 0)"]
    assert lines["core 1 riscv"][:2] == ["30-31 decode token 0", "38-39 fire (0, 0)"]
    assert counts.steps.tolist() == [[7, 7, -1, -1, 50]]


def test_steps_are_released_at_their_period() -> None:
    steps = replace(ONE_CORE, steps=3).with_timing(period=200).checked().steps
    assert steps[:, 0].tolist() == [0, 200, 400]
    assert steps[1, 4] - steps[1, 0] == steps[2, 4] - steps[2, 0]


def test_without_pipelining_a_step_is_released_when_the_one_before_has_ended() -> None:
    steps = replace(ONE_CORE, steps=3).with_timing(pipelined=False).checked().steps
    assert steps[1:, 0].tolist() == steps[:-1, 4].tolist()


def test_untouched_positions_are_skipped_and_mark_the_ends_of_rows() -> None:
    costs = Costs((LAYER, replace(LAYER, evaluate="touched")), (EDGE,))
    counts = part_counts(replace(ONE_CORE, costs=costs, events={}).checked(), 0, 0)
    assert (counts["markers"], counts["untouched_positions"], counts["lc_cycles"]) == (4, 8, 4)
    assert "fire_tasks" not in counts


def test_a_position_with_a_value_in_the_trace_is_evaluated_even_if_untouched() -> None:
    costs = Costs((LAYER, replace(LAYER, evaluate="touched")), (EDGE,))
    counts = part_counts(replace(ONE_CORE, costs=costs, events={1: [(0, 1, 0, 0)]}).checked(), 0, 0)
    assert (counts["fire_tasks"], counts["events"], counts["untouched_positions"]) == (1, 1, 7)


def test_sigma_delta_layers_evaluate_everything_once() -> None:
    costs = Costs((LAYER, replace(LAYER, evaluate="touched_later")), (EDGE,))
    counts = replace(ONE_CORE, costs=costs, events={}, steps=2).checked()
    assert part_counts(counts, 0, 0)["fire_tasks"] == 8
    assert part_counts(counts, 1, 0)["untouched_positions"] == 8


def test_an_early_replay_does_not_wait_for_its_step() -> None:
    _, lines = walked(RECURRENT.with_timing(early_replay=True))
    assert lines["core 0 riscv"][0] == "0-2 replay token 0"


def test_input_layers_at_one_row_share_its_port() -> None:
    both = layer("out", (1, 2, 1), conv(0, kernel=1), conv(1, kernel=1), is_output=True)
    case = Case(
        layers=(source(2, 1), source(2, 1), both),
        parts=(Part(2, 0, (0, 1), (0, 2), (0, 1), 2),),
        events={0: [(0, 1, 0, 0)], 1: [(0, 0, 0, 0)]},
        host_rows=(0, 0),
    )
    case.checked()
    _, lines = walked(case)
    assert lines["host 0"] == [
        "0-1 send token 0",
        "1-3 send packet (1, 0)",
        "3-4 send token 1",
        "4-6 send packet (0, 0)",
        "6-7 send token 0",
        "7-8 send token 1",
    ]


def test_an_unloaded_mesh_is_as_fast_as_the_ideal_network() -> None:
    case = replace(CHAIN, events={0: [(0, 0, 0, 0)], 1: [(0, 0, 0, 0)], 2: [(0, 0, 0, 0)]})
    for cycles in (0, 1, 4):
        mesh, ideal = (case.with_timing(noc=noc, router_cycles=cycles).checked() for noc in ("mesh", "ideal"))
        assert mesh.steps.tolist() == ideal.steps.tolist()
        assert mesh.links.tolist() == ideal.links.tolist()


@pytest.mark.parametrize(("period", "release"), [(20, 57), (200, 200)])
def test_a_step_behind_a_global_barrier_waits_for_its_phase_and_for_its_time(period: int, release: int) -> None:
    case = replace(CHAIN, steps=2).with_timing(order="conventional", barrier="global", barrier_cycles=7, period=period)
    # Step 0 ends at 50, so that the next phase opens at 57; a step takes 43 cycles.
    assert case.checked().steps.tolist() == [[7, 7, -1, -1, 50], [release, release, -1, -1, release + 43]]

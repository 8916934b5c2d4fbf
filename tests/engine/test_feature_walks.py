"""Walks by hand, as in `test_walks.py`, of cells, nearest upsampling, transposed convolutions and broadcast edges.

Costs of CHEAP and TASK: a first decode job 2 + 1 a value (+ 1 a kernel position), token, fire, skip and credit 1, a packet's values
2 + 1 each, a replay 1 a position; a task 1 + 2 a chunk, a fire task 1 + 2 + 1. From the start of an injection a token is
received after 3 cycles, a packet of two flits after 4.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seneca_sim.engine.costs import Costs, EdgeCosts, LayerCosts
from seneca_sim.graph.network import Edge, Layer
from seneca_sim.graph.neurons import GruCell, Product
from seneca_sim.mapping.types import Part
from tests.engine.systems import Case, conv, inlet_counts, layer, part_counts, source, states, table, walked

CELL = Case(
    layers=(
        source(1, 1),
        Layer(
            "cell",
            GruCell(),
            (2, 1, 1),
            (
                conv(0, out=6, kernel=1, sums=3),
                conv(1, out=6, inp=2, kernel=1, delay=1, first_sum=1, sums=3),
            ),
            is_output=True,
        ),
    ),
    parts=(Part(1, 0, (0, 2), (0, 1), (0, 1), state_rows=1),),
    events={0: [(0, 0, 0, 0)], 1: [(0, 0, 0, 1)]},
    steps=2,
    costs=Costs(
        (LayerCosts(), LayerCosts(neurons_per_chunk=2, update_cycles=2)),
        (EdgeCosts(neurons_per_chunk=4, chunk_cycles=2),) * 2,
    ),
)
"""A cell of two channels: each value meets 3 sums x 2 channels = 6 outputs, which are two chunks of 4 and 2."""


def test_a_value_of_a_cell_meets_every_sum_in_one_task() -> None:
    counts, lines = walked(CELL)
    # The credit of row 0 of step 1 is injected at 15 and received at 18.
    assert lines["host 0"] == table("""
        0-2 send packet (0, 0)
        2-3 send token 0
        18-19 send token 0
    """)
    assert lines["core 0 riscv"] == table("""
        4-8 decode packet (0, 0)
        8-9 decode token 0
        9-11 replay token 0
        11-12 inject token 0
        12-13 decode token 0
        13-14 fire (0, 0)
        14-15 send credit 0
        15-16 inject credit 0
        19-22 send values (0, 0)
        22-24 inject packet (0, 0)
        24-25 send token 0
        25-26 inject token 0
        26-27 decode token 0
        27-31 replay values (0, 0)
        31-32 inject packet (0, 0)
        32-36 decode packet (0, 0)
        36-37 replay token 0
        37-38 inject token 0
        38-39 decode token 0
        39-40 fire (0, 0)
        46-47 send token 0
        47-48 inject token 0
    """)
    # A task of two chunks lasts 1 + 2 x 2 = 5 cycles; the neurons are one chunk of their own program.
    assert lines["core 0 loop controller"] == table("""
        8-13 integrate (0, 0)
        14-18 fire (0, 0)
        36-41 integrate (0, 0)
        41-45 fire (0, 0)
    """)
    assert counts.makespan == 47 + 3
    integrated = {"packets": 1, "values": 1, "tokens": 1, "tasks": 1, "rounds": 1, "chunks": 2, "sops": 6}
    integrated |= {"rv_cycles": 4 + 1, "lc_cycles": 5}
    silent = {"tokens": 1, "rv_cycles": 1}
    assert [inlet_counts(counts, step, 0) for step in (0, 1)] == [integrated, silent]
    assert [inlet_counts(counts, step, 1) for step in (0, 1)] == [silent, integrated]


NEAREST = Case(
    layers=(
        source(2, 1),
        layer("up", (1, 3, 2), Edge("add", 0, "add", None, upsample=(2, 2), padding=(1, 1)), is_output=True),
    ),
    parts=(Part(1, 0, (0, 1), (0, 3), (0, 2), state_rows=2),),
    events={0: [(0, 0, 0, 0), (0, 1, 0, 0)], 1: [(0, 2, 0, 0)]},
)
"""Each of two values goes to 2 x 2 neurons of a map of 3 x 2, so that the second one's lower two do not exist."""


def test_nearest_upsampling_gives_a_value_to_every_neuron_that_it_stands_for() -> None:
    counts, lines = walked(NEAREST)
    # Row 1 touches neuron row 2 alone: with two state rows it is granted when row 0 has fired (at 19); received at 23.
    assert lines["host 0"] == table("""
        0-2 send packet (0, 0)
        2-3 send token 0
        23-25 send packet (1, 0)
        25-26 send token 1
    """)
    assert lines["core 0 riscv"] == table("""
        4-8 decode packet (0, 0)
        8-9 decode packet (0, 0)
        9-10 decode packet (0, 0)
        12-13 decode packet (0, 0)
        13-14 decode token 0
        15-16 fire (0, 0)
        18-19 fire (0, 1)
        19-20 send credit 1
        20-21 inject credit 1
        25-26 fire (1, 0)
        27-31 decode packet (1, 0)
        31-32 send token 0
        32-33 inject token 0
        33-34 fire (1, 1)
        34-35 decode packet (1, 0)
        35-36 decode token 1
        36-37 fire (2, 0)
        40-41 send token 1
        41-42 inject token 1
        42-43 fire (2, 1)
        47-50 send values (2, 0)
        50-52 inject packet (2, 0)
        52-53 send token 2
        53-54 inject token 2
    """)
    assert lines["core 0 loop controller"] == table("""
        8-11 integrate (0, 0)
        11-14 integrate (0, 0)
        14-17 integrate (0, 0)
        17-20 integrate (0, 0)
        20-24 fire (0, 0)
        24-28 fire (0, 1)
        28-32 fire (1, 0)
        32-35 integrate (1, 0)
        35-39 fire (1, 1)
        39-42 integrate (1, 0)
        42-46 fire (2, 0)
        46-50 fire (2, 1)
    """)
    # The last token waits a cycle for the packet of two flits ahead of it: visible at 54, eligible at 55.
    assert counts.makespan == 56
    integrated = {"tasks": 6, "rounds": 6, "chunks": 6, "sops": 4 + 2, "lc_cycles": 6 * 3}
    arrived = {"packets": 2, "values": 2, "tokens": 2, "rv_cycles": (4 + 3) + (4 + 1) + 2}
    assert inlet_counts(counts, 0, 0) == arrived | integrated


TRANSPOSED = Case(
    layers=(source(1, 2), layer("wide", (1, 1, 4), conv(0, kernel=1, upsample=(1, 3)), is_output=True)),
    parts=(Part(1, 0, (0, 1), (0, 1), (0, 4), state_rows=1),),
    events={0: [(0, 0, 0, 0), (0, 0, 1, 0)]},
)
"""A transposed convolution of one tap with stride 3: inputs 0 and 1 touch neurons 0 and 3, nothing those between."""


def test_neurons_between_the_taps_of_a_transposed_convolution_wait_for_nothing() -> None:
    counts, lines = walked(TRANSPOSED)
    assert lines["host 0"] == table("""
        0-2 send packet (0, 0)
        2-4 send packet (0, 1)
        4-5 send token 0
    """)
    # The second packet passes input 0 at 12: neurons 0 to 2 are ready, and fire ahead of the token that neuron 3 needs.
    # From then on room for two values in the event FIFO is what is missing: (0, 0) leaves it at 20, (0, 1) at 24.
    assert lines["core 0 riscv"] == table("""
        4-8 decode packet (0, 0)
        8-12 decode packet (0, 1)
        12-13 fire (0, 0)
        13-14 fire (0, 1)
        14-15 decode token 0
        20-21 fire (0, 2)
        24-25 fire (0, 3)
        32-33 send token 0
        33-34 inject token 0
    """)
    assert counts.makespan == 33 + 3
    assert states(counts, 0) == {"busy": 15, "event_room": 5 + 3, "input": 4 + 7, "idle": 2}
    assert inlet_counts(counts, 0, 0)["sops"] == 2


SCALED = Case(
    layers=(
        source(1, 2),
        Layer("vector", None, (2, 1, 1)),
        Layer(
            "product",
            Product(),
            (1, 1, 2),
            (conv(0, kernel=1), conv(1, inp=2, kernel=1, broadcast=True, first_sum=1)),
            is_output=True,
        ),
    ),
    parts=(Part(2, 0, (0, 1), (0, 1), (0, 2), state_rows=1),),
    events={0: [(0, 0, 1, 0)], 1: [(0, 0, 0, 0), (0, 0, 0, 1)], 2: [(0, 0, 1, 0)]},
    steps=2,
    host_rows=(0, 0),
)
"""A map of two positions, scaled by a number that two channels of a vector add up to."""


def test_every_position_of_a_product_waits_for_the_vector_which_is_integrated_once() -> None:
    counts, lines = walked(SCALED)
    # Both inputs share the port. When both positions have fired (at 17) both are granted the next step: 21 and 23.
    assert lines["host 0"] == table("""
        0-2 send packet (0, 1)
        2-3 send token 0
        3-5 send packet (0, 0)
        5-6 send token 0
        21-22 send token 0
        23-24 send token 0
    """)
    # The vector's packet of two values costs 2 + 2 and no kernel position; its group is flushed once, not once a position.
    assert lines["core 0 riscv"] == table("""
        4-8 decode packet (0, 1)
        8-9 decode token 0
        9-13 decode packet (0, 0)
        13-14 decode token 0
        14-15 flush (0, 0)
        15-16 fire (0, 0)
        16-17 fire (0, 1)
        17-18 send credit 0
        18-19 inject credit 0
        19-20 send credit 0
        20-21 inject credit 0
        24-25 decode token 0
        26-27 decode token 0
        27-30 send values (0, 1)
        30-32 inject packet (0, 1)
        32-33 send token 0
        33-34 inject token 0
        34-35 fire (0, 0)
        35-36 fire (0, 1)
        44-45 send token 0
        45-46 inject token 0
    """)
    assert lines["core 0 loop controller"] == table("""
        8-11 integrate (0, 1)
        15-18 integrate (0, 0)
        18-22 fire (0, 0)
        22-26 fire (0, 1)
        35-39 fire (0, 0)
        39-43 fire (0, 1)
    """)
    assert counts.makespan == 45 + 3
    once = {"tasks": 1, "rounds": 1, "chunks": 1, "lc_cycles": 3}
    assert inlet_counts(counts, 0, 0) == once | {"packets": 1, "values": 1, "tokens": 1, "sops": 1, "rv_cycles": 5}
    assert inlet_counts(counts, 0, 1) == once | {
        "packets": 1,
        "values": 2,
        "tokens": 1,
        "sops": 2,
        "rv_cycles": 4 + 1 + 1,
    }


PYRAMID = Case(
    layers=(
        source(4, 1),
        layer("fine", (1, 4, 1), conv(0, kernel=1), is_output=True),
        layer("coarse", (1, 2, 1), conv(1, kernel=1, stride=(2, 1), delay=1), is_output=True),
    ),
    parts=(
        Part(1, 0, (0, 1), (0, 4), (0, 1), state_rows=1),
        Part(2, 0, (0, 1), (0, 2), (0, 1), state_rows=1),
    ),
    events={0: [(0, 2, 0, 0)], 1: [(0, 2, 0, 0), (0, 3, 0, 0)], 2: [(1, 1, 0, 0)]},
    steps=2,
)
"""Two levels, both outputs; the coarse one sees every other row of what the fine one sent a step before."""


def test_a_forward_delay_edge_with_a_stride_replays_what_touches_it() -> None:
    counts = replace(PYRAMID, timing=replace(PYRAMID.timing, event_fifo=4)).checked()
    # Rows 0 and 2 reach the coarse level: a replay job of 1 + 1 with a token each. Rows 1 and 3 cost a job of 1.
    # Step 1 replays the value of row 2 in a job of 1 + 2 + 1, and its token in one of 1; that of row 3 reaches no one.
    assert [inlet_counts(counts, step, 1)["tokens"] for step in (0, 1)] == [2, 2]
    assert inlet_counts(counts, 1, 1) == {
        "packets": 1,
        "values": 1,
        "tokens": 2,
        "tasks": 1,
        "rounds": 1,
        "chunks": 1,
        "sops": 1,
        "rv_cycles": (2 + 1 + 1) + 2,
        "lc_cycles": 3,
    }
    assert part_counts(counts, 1, 0)["replay_values"] == 1
    # Step 0 on RISC-V: 4 fires, 2 values of 2 + 1, 4 tokens; 2 packets of 2 flits and 4 tokens injected; replays 2 + 1 + 2 + 1
    # and the injection of their 2 tokens; no credit has been granted by then but those of rows 1 to 3, of 1 + 1 each.
    assert part_counts(counts, 0, 0)["rv_cycles"] == 4 + 2 * 3 + 4 + 2 * 2 + 4 + 6 + 2 + 3 * 2


def test_a_step_ends_with_the_last_token_of_all_outputs() -> None:
    counts = PYRAMID.checked()
    ended = counts.part_times[:, :, 2] + 3  # the end of a token's job: injected then, received 3 cycles later
    assert counts.steps[:, 4].tolist() == ended.max(axis=1).tolist()
    assert np.ptp(ended, axis=1).min() > 0
    assert counts.host[:, 5].tolist() == [2, 1]

"""Walks over several cores and tight networks, derived by hand as in `test_walks.py`."""

from __future__ import annotations

from seneca_sim.mapping.types import Part
from tests.engine.systems import Case, conv, layer, row_pair, source, states, table, walked

PRODUCERS = Case(
    layers=(
        source(2, 2),
        layer("split", (1, 2, 2), conv(0, kernel=1)),
        layer("join", (1, 2, 1), row_pair(1), is_output=True),
    ),
    parts=(
        Part(1, 0, (0, 1), (0, 2), (0, 1), state_rows=1),
        Part(1, 1, (0, 1), (0, 2), (1, 2), state_rows=1),
        Part(2, 2, (0, 1), (0, 2), (0, 1), state_rows=1),
    ),
    events={0: [(0, 0, 0, 0), (0, 1, 1, 0)], 1: [(0, 0, 1, 0), (0, 1, 0, 0)], 2: [(0, 0, 0, 0)]},
    mesh=(3, 1),
)
"""Two parts, a column each and unequal in work, feed one that needs both columns; every row waits for credits."""


def test_a_consumer_waits_for_the_slower_of_two_producers() -> None:
    counts, lines = walked(PRODUCERS)
    assert lines["host 0"] == table("""
        0-2 send packet (0, 0)
        2-3 send token 0
        15-17 send packet (1, 1)
        17-18 send token 1
    """)
    assert lines["core 0 riscv"] == table("""
        4-8 decode packet (0, 0)
        8-9 decode token 0
        9-10 fire (0, 0)
        10-11 send credit 1
        11-12 inject credit 1
        16-17 send token 0
        17-18 inject token 0
        20-21 decode token 1
        38-39 decode credit 1
        39-40 fire (1, 0)
        45-48 send values (1, 0)
        48-50 inject packet (1, 0)
        50-51 send token 1
        51-52 inject token 1
    """)
    assert lines["core 1 riscv"] == table("""
        7-8 decode token 0
        8-9 fire (0, 1)
        9-10 send credit 1
        10-11 inject credit 1
        14-17 send values (0, 1)
        17-19 inject packet (0, 1)
        19-20 send token 0
        20-21 inject token 0
        21-25 decode packet (1, 1)
        25-26 decode token 1
        38-39 decode credit 1
        39-40 fire (1, 1)
        45-46 send token 1
        46-47 inject token 1
    """)
    assert lines["core 2 riscv"] == table("""
        23-27 decode packet (0, 1)
        27-28 decode token 0
        28-29 decode token 0
        29-30 fire (0, 0)
        30-31 send credit 1
        31-32 inject credit 1
        32-33 send credit 1
        33-34 inject credit 1
        35-38 send values (0, 0)
        38-40 inject packet (0, 0)
        40-41 send token 0
        41-42 inject token 0
        51-52 decode token 1
        56-60 decode packet (1, 0)
        60-61 decode token 1
        61-62 fire (1, 0)
        68-69 send token 1
        69-70 inject token 1
    """)
    assert counts.makespan == 76
    assert states(counts, 0) == {"busy": 20, "credit": 17, "input": 15, "idle": 24}
    assert states(counts, 1) == {"busy": 20, "credit": 12, "input": 15, "idle": 29}
    assert states(counts, 2) == {"busy": 27, "input": 43, "idle": 6}
    # Per router the flits and waits of N, E, S, W, local: at 19 the host's token loses the way east to core 0's.
    assert counts.links.tolist() == [
        [[0, 0], [8, 1], [0, 0], [6, 0], [5, 0]],
        [[0, 0], [8, 0], [0, 0], [6, 0], [5, 0]],
        [[0, 0], [0, 0], [0, 0], [6, 0], [8, 0]],
    ]
    assert counts.steps.tolist() == [[0, 0, 46, 46, 76]]


MULTICAST = Case(
    layers=(source(1, 3), layer("wide", (7, 1, 3), conv(0, out=7, kernel=1), is_output=True)),
    parts=tuple(
        Part(1, core, channels, (0, 1), (0, 3), state_rows=1)
        for core, channels in enumerate(((0, 1), (1, 2), (2, 3), (3, 7)))
    ),
    events={0: [(0, 0, 0, 0), (0, 0, 1, 0), (0, 0, 2, 0)]},
    mesh=(2, 2),
).with_timing(task_fifo=1, event_fifo=4, buffer_flits=3, input_flits=3)
"""The host's packets go to four cores; the fourth holds four channels and is slow, and every buffer is small."""


def test_a_multicast_goes_on_branch_by_branch_and_waits_for_the_slowest() -> None:
    counts, lines = walked(MULTICAST)
    assert lines["host 0"] == table("""
        0-2 send packet (0, 0)
        4-6 send packet (0, 1)
        10-12 send packet (0, 2)
        12-13 send token 0
    """)
    assert lines["core 0 riscv"] == table("""
        4-8 decode packet (0, 0)
        10-14 decode packet (0, 1)
        15-16 fire (0, 0)
        18-22 decode packet (0, 2)
        22-23 decode token 0
        23-24 fire (0, 1)
        26-27 fire (0, 2)
        34-35 send token 0
        35-36 inject token 0
    """)
    for core in (1, 2):
        assert lines[f"core {core} riscv"] == table("""
            6-10 decode packet (0, 0)
            12-16 decode packet (0, 1)
            17-18 fire (0, 0)
            20-24 decode packet (0, 2)
            24-25 decode token 0
            25-26 fire (0, 1)
            28-29 fire (0, 2)
            36-37 send token 0
            37-38 inject token 0
        """)
    assert lines["core 3 riscv"] == table("""
        8-12 decode packet (0, 0)
        14-18 decode packet (0, 1)
        22-23 fire (0, 0)
        31-35 decode packet (0, 2)
        35-36 decode token 0
        44-45 fire (0, 1)
        66-67 fire (0, 2)
        81-82 send token 0
        82-83 inject token 0
    """)
    assert counts.makespan == 89
    assert states(counts, 0) == {"busy": 18, "task_fifo": 5, "input": 13, "idle": 53}
    assert states(counts, 1) == states(counts, 2) == {"busy": 18, "task_fifo": 5, "input": 15, "idle": 51}
    assert states(counts, 3) == {"busy": 18, "event_room": 29, "task_fifo": 12, "input": 24, "idle": 6}
    assert counts.fifo_max.tolist() == [[1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 4, 3]]
    # N, E, S, W, local: the second and third packet wait two cycles for each core; two tokens meet on the way to the host.
    assert counts.links.tolist() == [
        [[0, 0], [7, 0], [7, 0], [4, 1], [7, 4]],
        [[0, 0], [0, 0], [7, 0], [1, 0], [7, 4]],
        [[2, 0], [0, 0], [0, 0], [0, 0], [7, 4]],
        [[0, 0], [0, 0], [0, 0], [1, 0], [7, 4]],
    ]
    assert counts.host.tolist() == [[7, 21, 28, 3, 0, 0]]
    assert counts.steps.tolist() == [[0, 0, -1, -1, 89]]


CONGESTED = Case(
    layers=(source(1, 3), layer("out", (1, 1, 3), conv(0, kernel=1), is_output=True)),
    parts=(Part(1, 0, (0, 1), (0, 1), (0, 3), state_rows=1),),
    events={1: [(0, 0, 0, 0), (0, 0, 1, 0), (0, 0, 2, 0)]},
).with_timing(event_fifo=1, router_cycles=10, buffer_flits=2)
"""A slow router whose buffers hold one packet, and an event FIFO for one value."""


def test_a_value_keeps_its_room_until_its_packet_is_in_the_network() -> None:
    counts, lines = walked(CONGESTED)
    # The router lets packets go at 33, 46 and 59, two cycles each: the outbox is full before 35, before 48 and before 61.
    assert lines["core 0 riscv"] == table("""
        12-13 decode token 0
        13-14 fire (0, 0)
        19-22 send values (0, 0)
        22-24 inject packet (0, 0)
        24-25 fire (0, 1)
        30-33 send values (0, 1)
        35-37 inject packet (0, 1)
        37-38 fire (0, 2)
        43-46 send values (0, 2)
        48-50 inject packet (0, 2)
        50-51 send token 0
        61-62 inject token 0
    """)
    assert counts.makespan == 73
    assert states(counts, 0) == {"busy": 21, "network": 14, "event_room": 10, "input": 17, "idle": 11}
    assert counts.steps.tolist() == [[0, 0, 35, 61, 73]]

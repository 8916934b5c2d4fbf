"""Walks: small systems whose every job was derived by hand from `engine/timing.md`, cycle by cycle.

A line reads "start-end work": the unit works in the cycles from `start` up to, not including, `end`.
"""

from __future__ import annotations

from seneca_sim.activity.excerpt import excerpt
from seneca_sim.engine.reference.system import System
from seneca_sim.graph.network import Edge
from seneca_sim.mapping.types import Part
from tests.engine.systems import Case, conv, inlet_counts, layer, line, part_counts, source, states, table, walked

ONE_CORE = Case(
    layers=(source(4, 2), layer("conv", (1, 4, 2), conv(0), is_output=True)),
    parts=(Part(1, 0, (0, 1), (0, 4), (0, 2), state_rows=3),),
    events={0: [(0, 0, 0, 0), (0, 2, 1, 0)], 1: [(0, 0, 1, 0), (0, 2, 0, 0)]},
)
"""A 3x3 convolution of a 4x2 map on one core with three state rows; one event in rows 0 and 2, in and out."""


def test_one_core_fires_a_3x3_convolution_row_by_row() -> None:
    counts, lines = walked(ONE_CORE)
    # Rows 0 and 1 are granted from the start; the credits of rows 2 and 3 arrive at 23 and 25.
    assert lines["host 0"] == table("""
        0-2 send packet (0, 0)
        2-3 send token 0
        3-4 send token 1
        23-25 send packet (2, 1)
        25-26 send token 2
        26-27 send token 3
    """)
    assert lines["core 0 riscv"] == table("""
        4-8 decode packet (0, 0)
        8-9 decode packet (0, 0)
        9-10 decode packet (0, 0)
        12-13 decode packet (0, 0)
        13-14 decode token 0
        14-15 decode token 1
        15-16 fire (0, 0)
        18-19 fire (0, 1)
        19-20 send credit 2
        20-21 inject credit 2
        21-22 send credit 3
        22-23 inject credit 3
        27-31 decode packet (2, 1)
        31-34 send values (0, 1)
        34-36 inject packet (0, 1)
        36-37 send token 0
        37-38 inject token 0
        38-39 decode packet (2, 1)
        39-40 decode packet (2, 1)
        40-41 decode packet (2, 1)
        43-44 decode packet (2, 1)
        46-47 decode packet (2, 1)
        47-48 decode token 2
        48-49 decode token 3
        49-50 fire (1, 0)
        52-53 fire (1, 1)
        59-60 fire (2, 0)
        63-64 send token 1
        64-65 inject token 1
        65-66 fire (2, 1)
        67-70 send values (2, 0)
        70-72 inject packet (2, 0)
        72-73 send token 2
        73-74 inject token 2
        74-75 fire (3, 0)
        75-76 fire (3, 1)
        84-85 send token 3
        85-86 inject token 3
    """)
    assert lines["core 0 loop controller"] == table("""
        8-11 integrate (0, 0)
        11-14 integrate (0, 0)
        14-17 integrate (0, 0)
        17-20 integrate (0, 0)
        20-24 fire (0, 0)
        24-28 fire (0, 1)
        31-34 integrate (2, 1)
        39-42 integrate (2, 1)
        42-45 integrate (2, 1)
        45-48 integrate (2, 1)
        48-51 integrate (2, 1)
        51-54 integrate (2, 1)
        54-58 fire (1, 0)
        58-62 fire (1, 1)
        62-66 fire (2, 0)
        66-70 fire (2, 1)
        75-79 fire (3, 0)
        79-83 fire (3, 1)
    """)
    assert counts.makespan == 88
    assert states(counts, 0) == {"busy": 50, "task_fifo": 10, "event_room": 10, "input": 16, "idle": 2}
    assert counts.npe_busy.tolist() == [10 * 3 + 8 * 4]
    assert counts.fifo_max.tolist() == [[2, 2, 4]]
    assert part_counts(counts, 0, 0) == {
        "fire_tasks": 8,
        "update_chunks": 8,
        "emit_chunks": 8,
        "events": 2,
        "packets": 2,
        "tokens": 4,
        "credits": 2,
        "flits": 2 * 2 + 4 + 2,
        "ejected_flits": 10,
        "rv_cycles": 8 * 1 + 2 * (3 + 2) + 4 * (1 + 1) + 2 * (1 + 1),
        "lc_cycles": 8 * 4,
    }
    assert inlet_counts(counts, 0, 0) == {
        "packets": 2,
        "values": 2,
        "tokens": 4,
        "tasks": 10,
        "rounds": 10,
        "chunks": 10,
        "sops": 10,
        "rv_cycles": (4 + 3) + (4 + 5) + 4,
        "lc_cycles": 30,
    }
    # Router (0, 0): to the core 2 packets and 4 tokens; to the host 2 packets, 4 tokens, 2 credits, none of which waits.
    assert counts.links[0].tolist() == [[0, 0], [0, 0], [0, 0], [10, 0], [8, 0]]
    assert counts.host.tolist() == [[8, 0, 8, 2, 0, 2]]
    # Released at 0, first flit at 0; outputs arrive at 38 and 74, the token of the last row at 88.
    assert counts.steps.tolist() == [[0, 0, 38, 74, 88]]
    assert counts.part_times.tolist() == [[[4, 34, 85]]]


STRIDED = Case(
    layers=(
        source(4, 2),
        layer(
            "strided",
            (1, 2, 1),
            conv(0, stride=(2, 2)),
            conv(0, kernel=1, stride=(2, 2)),
            is_output=True,
        ),
    ),
    parts=(Part(1, 0, (0, 1), (0, 2), (0, 1), state_rows=2),),
    events={0: [(0, 0, 0, 0), (0, 1, 1, 0), (0, 2, 0, 0), (0, 3, 0, 0)], 1: [(0, 1, 0, 0)]},
).with_timing(noc="ideal", task_scope="row")
"""A 3x3 convolution with stride 2 beside a 1x1 branch with stride 2, which sees one position of four."""


def test_a_stride_2_branch_hears_only_of_the_positions_that_touch_it() -> None:
    counts, lines = walked(STRIDED)
    # Everything is granted from the start; a packet started in cycle s is whole in the NoC FIFO at s + 2 + its flits.
    assert lines["host 0"] == table("""
        0-2 send packet (0, 0)
        2-3 send token 0
        3-5 send packet (1, 1)
        5-6 send token 1
        6-8 send packet (2, 0)
        8-9 send token 2
        9-11 send packet (3, 0)
        11-12 send token 3
    """)
    # Packets at even positions and tokens of even rows are decoded for both edges, the 3x3 edge first.
    assert lines["core 0 riscv"] == table("""
        4-8 decode packet (0, 0)
        8-12 decode packet (0, 0)
        12-13 decode token 0
        13-14 decode token 0
        14-18 decode packet (1, 1)
        18-19 decode packet (1, 1)
        19-20 decode token 1
        20-21 fire (0, 0)
        22-26 decode packet (2, 0)
        26-30 decode packet (2, 0)
        30-31 send token 0
        31-32 inject token 0
        32-33 decode token 2
        33-34 decode token 2
        34-38 decode packet (3, 0)
        38-39 decode token 3
        39-40 fire (1, 0)
        46-49 send values (1, 0)
        49-51 inject packet (1, 0)
        51-52 send token 1
        52-53 inject token 1
    """)
    assert lines["core 0 loop controller"] == table("""
        8-11 integrate (0, 0)
        12-15 integrate (0, 0)
        18-21 integrate (1, 1)
        21-24 integrate (1, 1)
        24-28 fire (0, 0)
        28-31 integrate (2, 0)
        31-34 integrate (2, 0)
        38-41 integrate (3, 0)
        41-45 fire (1, 0)
    """)
    assert counts.makespan == 55
    assert states(counts, 0) == {"busy": 42, "task_fifo": 1, "input": 10, "idle": 2}
    assert counts.fifo_max.tolist() == [[2, 1, 11]]
    integrated = {"tasks": 5, "rounds": 5, "chunks": 5, "sops": 5, "lc_cycles": 15}
    assert inlet_counts(counts, 0, 0) == {"packets": 4, "values": 4, "tokens": 4, "rv_cycles": 21} | integrated
    integrated = {"tasks": 2, "rounds": 2, "chunks": 2, "sops": 2, "lc_cycles": 6}
    assert inlet_counts(counts, 0, 1) == {"packets": 2, "values": 2, "tokens": 2, "rv_cycles": 10} | integrated
    fired = {"fire_tasks": 2, "update_chunks": 2, "emit_chunks": 2, "events": 1, "lc_cycles": 8}
    sent = {"packets": 1, "tokens": 2, "flits": 4, "ejected_flits": 4, "rv_cycles": 11}
    assert part_counts(counts, 0, 0) == fired | sent
    assert counts.steps.tolist() == [[0, 0, 53, 53, 55]]


RESIDUAL = Case(
    layers=(
        source(4, 1),
        layer("body", (1, 4, 1), conv(0)),
        layer("sum", (1, 4, 1), conv(1, kernel=1), Edge("skip", 0, "add", None), is_output=True),
    ),
    parts=(
        Part(1, 0, (0, 1), (0, 4), (0, 1), state_rows=3),
        Part(2, 0, (0, 1), (0, 4), (0, 1), state_rows=2),
    ),
    events={0: [(0, 0, 0, 0), (0, 2, 0, 0)], 1: [(0, 1, 0, 0)]},
)
"""A residual block on one core: the skip path arrives a row before the body and waits in a second state row."""


def test_a_skip_path_waits_in_state_rows_for_the_lag_of_the_body() -> None:
    counts, lines = walked(RESIDUAL)
    # Row 2 needs the credits of the body (at 22) and of the sum (at 31), row 3 that of the sum (at 73).
    assert lines["host 0"] == table("""
        0-2 send packet (0, 0)
        2-3 send token 0
        3-4 send token 1
        31-33 send packet (2, 0)
        33-34 send token 2
        73-74 send token 3
    """)
    assert lines["core 0 riscv"] == table("""
        4-8 decode packet (0, 0)
        8-12 decode packet (0, 0)
        12-13 decode packet (0, 0)
        13-14 decode token 0
        14-15 decode token 0
        15-16 decode token 1
        16-17 decode token 1
        17-18 fire (0, 0)
        18-19 send credit 2
        19-20 inject credit 2
        20-21 send credit 3
        21-22 inject credit 3
        23-24 send token 0
        24-25 inject token 0
        25-26 decode token 0
        26-27 fire (0, 0)
        27-28 send credit 2
        28-29 inject credit 2
        32-33 send token 0
        33-34 inject token 0
        35-39 decode packet (2, 0)
        39-43 decode packet (2, 0)
        43-44 decode packet (2, 0)
        44-45 decode packet (2, 0)
        45-46 decode token 2
        46-47 decode token 2
        47-48 fire (1, 0)
        57-60 send values (1, 0)
        60-61 inject packet (1, 0)
        61-62 send token 1
        62-66 decode packet (1, 0)
        66-67 inject token 1
        67-68 decode token 1
        68-69 fire (1, 0)
        69-70 send credit 3
        70-71 inject credit 3
        74-75 send token 1
        75-76 inject token 1
        76-77 decode token 3
        77-78 decode token 3
        78-79 fire (2, 0)
        79-80 fire (3, 0)
        84-85 send token 2
        85-86 inject token 2
        86-87 decode token 2
        87-88 fire (2, 0)
        88-89 send token 3
        89-90 inject token 3
        90-91 decode token 3
        91-92 fire (3, 0)
        93-94 send token 2
        94-95 inject token 2
        97-98 send token 3
        98-99 inject token 3
    """)
    assert counts.makespan == 101
    assert states(counts, 0) == {"busy": 71, "input": 28, "idle": 2}
    fired = {"fire_tasks": 4, "update_chunks": 4, "emit_chunks": 4, "tokens": 4, "credits": 2, "lc_cycles": 16}
    body = {"events": 1, "packets": 1, "flits": 2, "ejected_flits": 2, "rv_cycles": 20}
    assert part_counts(counts, 0, 0) == fired | body
    assert part_counts(counts, 0, 1) == fired | {"flits": 6, "ejected_flits": 6, "rv_cycles": 16}
    assert [inlet_counts(counts, 0, inlet)["rv_cycles"] for inlet in range(3)] == [15, 8, 12]
    assert [inlet_counts(counts, 0, inlet)["sops"] for inlet in range(3)] == [5, 1, 2]


RECURRENT = Case(
    layers=(source(2, 1), layer("cell", (1, 2, 1), conv(0, kernel=1), conv(1, kernel=1, delay=1), is_output=True)),
    parts=(Part(1, 0, (0, 1), (0, 2), (0, 1), state_rows=2),),
    events={0: [(0, 0, 0, 0)], 1: [(0, 0, 0, 0), (1, 1, 0, 0)]},
    steps=2,
)
"""A recurrent cell of two rows over two steps; what it sent in step 0 is replayed to itself in step 1."""


def test_a_recurrent_cell_begins_with_what_it_holds_of_the_step_before() -> None:
    network, mapping, trace, timing, costs = RECURRENT.inputs()
    system = System(network, mapping, excerpt(network, trace, 1), timing, costs)
    system.run()
    assert [line(entry) for entry in system.entries if entry.unit == "host 0"] == table("""
        0-1 send token 0
        1-2 send token 1
    """)
    assert [line(entry) for entry in system.entries if entry.unit == "core 0 riscv"] == table("""
        3-4 decode token 0
        4-5 decode token 1
        5-9 replay values (0, 0)
        9-10 inject packet (0, 0)
        10-14 decode packet (0, 0)
        14-15 replay token 0
        15-16 inject token 0
        16-17 decode token 0
        17-18 fire (0, 0)
        18-20 replay token 1
        20-21 inject token 1
        21-22 decode token 1
        22-23 fire (1, 0)
        23-24 send token 0
        24-25 inject token 0
        28-31 send values (1, 0)
        31-33 inject packet (1, 0)
        33-34 send token 1
        34-35 inject token 1
    """)


def test_a_recurrent_cell_replays_the_step_before_row_by_row() -> None:
    counts, lines = walked(RECURRENT)
    # Rows 0 and 1 of step 1 are granted when the rows of step 0 have fired: their credits arrive at 19 and 33.
    assert lines["host 0"] == table("""
        0-2 send packet (0, 0)
        2-3 send token 0
        3-4 send token 1
        19-20 send token 0
        33-34 send token 1
    """)
    assert lines["core 0 riscv"] == table("""
        4-8 decode packet (0, 0)
        8-9 decode token 0
        9-10 decode token 1
        10-12 replay token 0
        12-13 inject token 0
        13-14 decode token 0
        14-15 fire (0, 0)
        15-16 send credit 0
        16-17 inject credit 0
        17-19 replay token 1
        19-20 inject token 1
        20-23 send values (0, 0)
        23-25 inject packet (0, 0)
        25-26 send token 0
        26-27 inject token 0
        27-28 decode token 1
        28-29 fire (1, 0)
        29-30 send credit 1
        30-31 inject credit 1
        31-32 decode token 0
        32-36 replay values (0, 0)
        36-37 inject packet (0, 0)
        37-38 send token 1
        38-39 inject token 1
        39-43 decode packet (0, 0)
        43-44 decode token 1
        44-45 replay token 0
        45-46 inject token 0
        46-47 decode token 0
        47-48 fire (0, 0)
        48-50 replay token 1
        50-51 inject token 1
        51-52 decode token 1
        52-53 fire (1, 0)
        53-54 send token 0
        54-55 inject token 0
        58-61 send values (1, 0)
        61-63 inject packet (1, 0)
        63-64 send token 1
        64-65 inject token 1
    """)
    assert counts.makespan == 67
    assert states(counts, 0) == {"busy": 58, "input": 7, "idle": 2}
    assert counts.steps.tolist() == [[0, 0, 27, 27, 41], [0, 19, 65, 65, 67]]
    assert counts.part_times.tolist() == [[[4, 23, 38]], [[31, 61, 64]]]
    fired = {"fire_tasks": 2, "update_chunks": 2, "emit_chunks": 2, "events": 1, "tokens": 4, "lc_cycles": 8}
    first = {"packets": 1, "flits": 4, "ejected_flits": 4, "rv_cycles": 17}
    second = {"packets": 2, "replay_values": 1, "credits": 2, "flits": 6, "ejected_flits": 6, "rv_cycles": 25}
    assert part_counts(counts, 0, 0) == fired | first
    assert part_counts(counts, 1, 0) == fired | second
    integrated = {"tasks": 1, "rounds": 1, "chunks": 1, "sops": 1, "lc_cycles": 3}
    active = {"packets": 1, "values": 1, "tokens": 2, "rv_cycles": 6} | integrated
    silent = {"tokens": 2, "rv_cycles": 2}
    assert [inlet_counts(counts, step, 0) for step in (0, 1)] == [active, silent]
    assert [inlet_counts(counts, step, 1) for step in (0, 1)] == [silent, active]

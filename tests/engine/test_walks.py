"""Walks: small systems whose every job was derived by hand from `engine/timing.md`, cycle by cycle.

A line reads "start-end work": the unit works in the cycles from `start` up to, not including, `end`.
"""

from __future__ import annotations

from seneca_sim.mapping.types import Part
from tests.engine.systems import Case, conv, inlet_counts, layer, part_counts, source, states, table, walked

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

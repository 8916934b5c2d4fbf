"""The chip at the grain of rows: its records, and the queue of units that wait for their time.

A coarse view of the machine of `engine/timing.md`: cores take whole input rows and fire whole output rows, and one cycle is
no different from another. Times are cycles as floats. Indices are -1 for none. A row *through time* is step x rows + row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import inner_kernel

__all__ = [
    "CORE", "ENTRY", "INLET", "ITEM", "PART", "ROUTE", "ROUTE_ROW", "ROW", "SENDER", "SETTINGS", "Machine", "next_unit", "wake",
]  # fmt: skip


def _record(times: str, indices: str) -> np.dtype[np.void]:
    """Return a dtype of float64 fields, then int64 fields.

    >>> _record("begin end", "row").names
    ('begin', 'end', 'row')
    """
    return np.dtype([(n, np.float64) for n in times.split()] + [(n, np.int64) for n in indices.split()])


CORE = _record("control compute room", "part_first part_end first last local_first local_last")
"""Ends of the last work on RISC-V, loop controller and event FIFO; its parts in `table`, latest layer first; its queues of items,
from the network and from itself."""
PART = _record(
    "share at_end heard_at", "core sender replay width early heard_step inlet_first inlet_end entry_first entry_end"
)
"""`share` of an input row that must have arrived before the first output of a row fires, `at_end`: share of the outputs of a row
that wait for its end; `heard`: the latest step of which something has arrived without delay, and when; its entries in `table`."""
INLET = _record("", "part item_at items taken need_at delayed local")
"""Items a step; `taken`: items served through time without gaps; table of items needed by each output row; `local`: all its
producers are on its core."""
ITEM = _record("riscv lanes last begin arrive start done", "inlet step missing next served")
"""A row that arrives at an inlet in one step: cycles of decoding and integration, those of its last packet; arrival of the first
and the last packet, begin and end of its service; routes whose part of it has not left; next in the queue of its core."""
SENDER = _record("", "unit part route row_at rows total next waits output")
"""A part, a part's replay or a host: rows of a step and of all, the next of them; whether that waits for its consumers."""
ROW = _record("riscv lanes held sends made closing begin end fired", "")
"""A row that a sender sends: cycles on each unit, of sending and making the values of a position, of its token; its times."""
ROUTE = _record("", "row_at rows entry_first entry_end sender_first sender_end")
"""Senders (in `table`) of the same rows and columns of a layer: they reach the same inlets."""
ROUTE_ROW = _record("begin end open", "senders closed")
"""A row of a route: first and last time at which senders send it; when all consumers let it leave; senders that have not sent it,
entries that do not let it leave."""
ENTRY = _record("near far way", "route inlet place_at grant_at height room_at granted free")
"""A route reaches an inlet: cycles on the way from its nearest and farthest sender, and of credits; tables of the item of each
row, of output rows that must have fired before a row is granted, and of items that must have been served before there is room
for it (-1: there always is); rows through time that are granted, and that find room."""
SETTINGS = _record("", "steps cores units queued pipelined period waived")
"""`waived`: a chip that would deadlock goes on without credits."""


class Machine(NamedTuple):
    """All state of a run."""

    settings: NDArray[Any]
    cores: NDArray[Any]
    parts: NDArray[Any]
    inlets: NDArray[Any]
    items: NDArray[Any]
    senders: NDArray[Any]
    rows: NDArray[Any]
    routes: NDArray[Any]
    route_rows: NDArray[Any]
    entries: NDArray[Any]
    table: NDArray[np.int64]
    fractions: NDArray[np.float64]
    """Of the item in `room_at` that must have been served."""
    ports: NDArray[np.int64]
    """(ports, 2) first and end, in `table`, of the senders of each host port; lowest layer first."""
    key: NDArray[np.float64]
    """By unit (cores, then host ports, then items): when it is looked at."""
    heap: NDArray[np.int64]
    place: NDArray[np.int64]
    """Where each unit is in the heap."""
    release: NDArray[np.float64]
    """(T,) when the steps are released; inf while not known."""
    ends: NDArray[np.float64]
    """(T,) last end-of-step token."""
    awaited: NDArray[np.int64]
    """(T,) output parts that have not ended a step."""
    to_host: NDArray[np.float64]
    """By core: cycles to the host."""


@inner_kernel
def wake(m: Any, unit: int, time: float) -> None:
    """Look at a unit at some time, or sooner if it waits for a sooner one."""
    at = m.place[unit]
    if at < 0:
        at = m.settings[0].queued
        m.settings[0].queued = at + 1
    elif time >= m.key[unit]:
        return
    m.key[unit] = time
    while at > 0:
        above = (at - 1) // 2
        other = m.heap[above]
        if m.key[other] < time or (m.key[other] == time and other < unit):
            break
        m.heap[at] = other
        m.place[other] = at
        at = above
    m.heap[at] = unit
    m.place[unit] = at


@inner_kernel
def next_unit(m: Any) -> int:
    """Take the unit with the least time from the queue; of several, the one with the lowest number."""
    first = m.heap[0]
    m.place[first] = -1
    size = m.settings[0].queued - 1
    m.settings[0].queued = size
    if size == 0:
        return int(first)
    unit = m.heap[size]
    time = m.key[unit]
    at = 0
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size:
            left, right = m.heap[below], m.heap[below + 1]
            if m.key[right] < m.key[left] or (m.key[right] == m.key[left] and right < left):
                below += 1
        other = m.heap[below]
        if time < m.key[other] or (time == m.key[other] and unit < other):
            break
        m.heap[at] = other
        m.place[other] = at
        at = below
    m.heap[at] = unit
    m.place[unit] = at
    return int(first)

"""The chip at the grain of rows: its records, and the queue of units that wait for their time.

A coarse view of the machine of `engine/timing.md`: cores take whole input rows and fire whole output rows, and one cycle is
no different from another. Times are cycles as floats. Indices are -1 for none. A row *through time* is step x rows + row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from seneca_sim.kernels import inner_kernel


def _record(times: str, indices: str) -> np.dtype[np.void]:
    """Return a dtype of float64 fields, then int64 fields.

    >>> _record("begin end", "row").names
    ('begin', 'end', 'row')
    """
    return np.dtype([(n, np.float64) for n in times.split()] + [(n, np.int64) for n in indices.split()])


CORE = _record("control compute room to_host", "part_first part_end first last local_first local_last")
"""Ends of the last work on RISC-V, loop controller and event FIFO; cycles to the host; its parts in `table`, latest layer first;
its queues of items, from the network and from itself."""
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
SETTINGS = _record("", "steps cores ports units entries queued pipelined period waived")
"""`waived`: a chip that would deadlock goes on without credits."""


UNIT = _record("key", "place")
"""A core, host port or item, in this order: when it is looked at, and its place in the queue."""
WAITING = _record("", "unit")
"""The queue: a heap of units, the first one first."""
STEP = _record("release ends", "awaited")
"""A step: its release (`inf` while not known), its last end-of-step token, output parts that have not ended it."""
PORT = _record("", "first end")
"""Senders of a host port, in `table`; lowest layer first."""
NUMBER = _record("", "value")
SHARE = _record("value", "")
"""What `room_at` says of the item that must have been served: its share."""
_SLOTS: dict[str, int] = {}


class Machine:
    """All state of a run: arrays by name, and the address that kernels get of a table of their addresses."""

    __slots__ = ("_addresses", "arrays")

    def __init__(self, **arrays: NDArray[np.void]) -> None:
        """Keep one array for each noun, with at least one place each."""
        self.arrays = arrays
        self._addresses = np.array([arrays[name].ctypes.data for name in _SLOTS], np.int64)

    def __getitem__(self, name: str) -> NDArray[np.void]:
        """Return the array of a noun."""
        return self.arrays[name]

    @property
    def address(self) -> int:
        """Address of the table; valid as long as this object lives."""
        return int(self._addresses.ctypes.data)


def _records(name: str, dtype: np.dtype[np.void]) -> Callable[[int, int], Any]:
    """Add an array of records to the machine; return the compiled accessor of its places."""
    slot = _SLOTS.setdefault(name, len(_SLOTS))
    record, word = numba.from_dtype(dtype), ir.IntType(64)

    @intrinsic
    def place(_: Any, m: Any, index: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            table = builder.inttoptr(builder.add(arguments[0], word(8 * slot)), word.as_pointer())
            at = context.cast(builder, arguments[1], signature.args[1], types.int64)
            address = builder.add(builder.load(table), builder.mul(at, word(dtype.itemsize)))
            return builder.inttoptr(address, context.get_value_type(record))

        return record(types.int64, index), emit

    return cast("Callable[[int, int], Any]", place)


_settings_at = _records("settings", SETTINGS)
core_at = _records("cores", CORE)
part_at = _records("parts", PART)
inlet_at = _records("inlets", INLET)
item_at = _records("items", ITEM)
sender_at = _records("senders", SENDER)
row_at = _records("rows", ROW)
route_at = _records("routes", ROUTE)
route_row_at = _records("route_rows", ROUTE_ROW)
entry_at = _records("entries", ENTRY)
unit_at = _records("units", UNIT)
waiting_at = _records("queue", WAITING)
step_at = _records("steps", STEP)
port_at = _records("ports", PORT)
_number_at = _records("table", NUMBER)
_share_at = _records("shares", SHARE)


@inner_kernel
def settings_of(m: int) -> Any:
    """Return the settings."""
    return _settings_at(m, 0)


@inner_kernel
def look(m: int, at: int) -> int:
    """Return a number of the table."""
    return int(_number_at(m, at).value)


@inner_kernel
def share_at(m: int, at: int) -> float:
    """Return a share."""
    return float(_share_at(m, at).value)


@inner_kernel
def wake(m: int, unit: int, time: float) -> None:
    """Look at a unit at some time, or sooner if it waits for a sooner one."""
    settings, own = settings_of(m), unit_at(m, unit)
    at = own.place
    if at < 0:
        at = settings.queued
        settings.queued = at + 1
    elif time >= own.key:
        return
    own.key = time
    while at > 0:
        above = (at - 1) // 2
        number = waiting_at(m, above).unit
        other = unit_at(m, number)
        if other.key < time or (other.key == time and number < unit):
            break
        waiting_at(m, at).unit = number
        other.place = at
        at = above
    waiting_at(m, at).unit = unit
    own.place = at


@inner_kernel
def next_unit(m: int) -> int:
    """Take the unit with the least time from the queue; of several, the one with the lowest number."""
    settings, first = settings_of(m), int(waiting_at(m, 0).unit)
    unit_at(m, first).place = -1
    size = settings.queued - 1
    settings.queued = size
    if size == 0:
        return first
    unit = waiting_at(m, size).unit
    own = unit_at(m, unit)
    at = 0
    while 2 * at + 1 < size:
        below = 2 * at + 1
        number = waiting_at(m, below).unit
        if below + 1 < size:
            right = waiting_at(m, below + 1).unit
            if unit_at(m, right).key < unit_at(m, number).key or (
                unit_at(m, right).key == unit_at(m, number).key and right < number
            ):
                below, number = below + 1, right
        other = unit_at(m, number)
        if own.key < other.key or (own.key == other.key and unit < number):
            break
        waiting_at(m, at).unit = number
        other.place = at
        at = below
    waiting_at(m, at).unit = unit
    own.place = at
    return first

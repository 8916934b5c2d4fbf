"""Prophesee's `.dat`: text lines that start with `%`, two bytes (event type, event size), then 8 bytes an event.

Little-endian: u32 time in microseconds, u32 with x in bits 0-13, y in bits 14-27 and polarity in bit 28. Lines
`% Width N` and `% Height N` state the sensor's size; old files lack them. Type 0x00 (2D events) and 0x0C (change
detection) are read. The camera's clock runs freely: the first time step begins with the first event; where the clock
falls by more than half of its 32 bits, it has wrapped, and time goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seneca_sim.errors import FileFormatError
from seneca_sim.events.formats.header import header_lines
from seneca_sim.events.formats.words import room
from seneca_sim.events.recording import Columns, EventSource

__all__ = ["open_source"]

EVENT_BYTES = 8
EVENT_TYPES = (0x00, 0x0C)


def open_source(path: Path) -> EventSource:
    """Open a `.dat` file; times in microseconds."""
    with path.open("rb") as file:
        offset, stated = header_lines(path, file)
        kind = file.read(2)
    if len(kind) < 2:
        raise FileFormatError(
            f"{path.name}: byte {offset}: expected the event type and size, but the file ends; it is truncated"
        )
    if kind[0] not in EVENT_TYPES or kind[1] != EVENT_BYTES:
        raise FileFormatError(
            f"{path.name}: byte {offset}: expected event type 0 or 12 of 8 bytes, got type {kind[0]} of {kind[1]} bytes; "
            "only 2D and CD events are read"
        )
    offset += 2
    whole, rest = divmod(path.stat().st_size - offset, EVENT_BYTES)
    if rest:
        raise FileFormatError(
            f"{path.name}: byte {offset + whole * EVENT_BYTES}: the file ends inside event {whole}, after {rest} of its 8 bytes; "
            "it is truncated"
        )
    width, height = (stated.get(name, "") for name in ("width", "height"))
    geometry = all(text.isdecimal() and len(text) <= 9 for text in (width, height))
    return EventSource(
        path,
        "Prophesee DAT",
        lambda max_events: _decode(path, offset, max_events),
        size=(int(width), int(height)) if geometry else None,
        start_us=None,
        n_events=whole,
        first_byte=offset,
        event_bytes=EVENT_BYTES,
    )


def _decode(path: Path, offset: int, max_events: int) -> Iterator[Columns]:
    """Yield the events of a file."""
    from seneca_sim.kernels.decode_words import decode_dat

    state = np.zeros(2, np.int64)
    with path.open("rb") as file:
        file.seek(offset)
        while len(words := np.fromfile(file, "<u4", 2 * max_events)):
            events = room(len(words) // 2)
            decode_dat(words, state, *events.arrays)
            yield events

"""Event Stream (`.es`, version 2, DVS events): `Event Stream`, three bytes of version, the type, width and height, then bytes.

An event is a byte with the time since the one before (7 bits) and polarity, then x and y (u16, little-endian); a byte 255
lets 127 us pass, 254 (reset) none. Rows are read as they are numbered in the file. Times start at 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seneca_sim.errors import FileFormatError
from seneca_sim.events.formats.words import room
from seneca_sim.events.recording import Columns, EventSource

__all__ = ["open_source"]

MAGIC = b"Event Stream"
TYPES = {0: "generic events", 1: "DVS events", 2: "ATIS events", 3: "colour events", 4: "colour events"}
DVS = 1
HEADER_BYTES = 20
EVENT_BYTES = 5


def open_source(path: Path) -> EventSource:
    """Open an `.es` file; times in microseconds."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if not header.startswith(MAGIC):
        what = "the file is empty" if not header else f"expected {MAGIC.decode()!r}, got {header[:12]!r}"
        raise FileFormatError(f"{path.name}: byte 0: {what}; is this an Event Stream recording?")
    if len(header) < HEADER_BYTES:
        raise FileFormatError(f"{path.name}: byte {len(header)}: the file ends inside its header; it is truncated")
    if header[12] != 2 or header[15] != DVS:
        raise FileFormatError(
            f"{path.name}: version {header[12]}.{header[13]}.{header[14]} with {TYPES.get(header[15], f'type {header[15]}')} "
            "is not read; expected version 2 with DVS events"
        )
    size = int.from_bytes(header[16:18], "little"), int.from_bytes(header[18:20], "little")
    return EventSource(path, "Event Stream", lambda max_events: _decode(path, max_events), size=size)


def _decode(path: Path, max_events: int) -> Iterator[Columns]:
    """Yield the events of a file."""
    from seneca_sim.kernels.decode_words import decode_es

    state, place, left = np.zeros(2, np.int64), HEADER_BYTES, np.zeros(0, np.uint8)
    with path.open("rb") as file:
        file.seek(HEADER_BYTES)
        while True:
            read = np.fromfile(file, np.uint8, EVENT_BYTES * max_events)
            data = np.concatenate([left, read])
            events = room(len(data))
            n = decode_es(data, state, *events.arrays)
            place, left = place + int(state[1]), data[state[1] :]
            if n:
                yield events.piece(0, n, fixed=False)
            if not len(read):
                break
    if len(left):
        raise FileFormatError(
            f"{path.name}: byte {place}: the file ends inside an event, after {len(left)} of its {EVENT_BYTES} bytes; "
            "it is truncated"
        )

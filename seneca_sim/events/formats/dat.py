"""Prophesee's `.dat`: text lines that start with `%`, two bytes (event type, event size), then 8 bytes an event.

Little-endian: u32 time in microseconds, u32 with x in bits 0-13, y in bits 14-27 and polarity in bit 28. Lines
`% Width N` and `% Height N` state the sensor's size; old files lack them. Type 0x00 (2D events) and 0x0C (change
detection) are read. The camera's clock runs freely: the first time step begins with the first event.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seneca_sim.errors import FileFormatError
from seneca_sim.events.stream import EventStream

__all__ = ["read"]

EVENT_BYTES = 8
EVENT_TYPES = (0x00, 0x0C)
MASK_14 = (1 << 14) - 1


def _header(path: Path, data: bytes) -> tuple[int, dict[str, int]]:
    """Return the offset behind the text lines and the integers stated in them, by lower-case name."""
    offset, stated = 0, {}
    while data[offset : offset + 1] == b"%":
        end = data.find(b"\n", offset)
        if end < 0:
            raise FileFormatError(f"{path.name}: byte {offset}: the header line has no end; the file is truncated")
        words = data[offset + 1 : end].split()
        if len(words) == 2 and words[1].isdigit() and len(words[1]) <= 9:
            stated[words[0].decode("ascii", "replace").lower()] = int(words[1])
        offset = end + 1
    return offset, stated


def read(path: Path) -> EventStream:
    """Read a `.dat` file; times in microseconds."""
    data = path.read_bytes()
    offset, stated = _header(path, data)
    if len(data) < offset + 2:
        raise FileFormatError(
            f"{path.name}: byte {offset}: expected the event type and size, but the file ends; it is truncated"
        )
    kind, size = data[offset], data[offset + 1]
    if kind not in EVENT_TYPES or size != EVENT_BYTES:
        raise FileFormatError(
            f"{path.name}: byte {offset}: expected event type 0 or 12 of 8 bytes, got type {kind} of {size} bytes; "
            "only 2D and CD events are read"
        )
    offset += 2
    whole, rest = divmod(len(data) - offset, EVENT_BYTES)
    if rest:
        raise FileFormatError(
            f"{path.name}: byte {offset + whole * EVENT_BYTES}: the file ends inside event {whole}, after {rest} of its 8 bytes; "
            "it is truncated"
        )
    words = np.frombuffer(data, "<u4", offset=offset).reshape(-1, 2)
    t_us = words[:, 0].astype(np.int64)
    x = (words[:, 1] & MASK_14).astype(np.int32)
    y = (words[:, 1] >> 14 & MASK_14).astype(np.int32)
    geometry = {"width", "height"} <= stated.keys()
    return EventStream(
        t_us=t_us,
        x=x,
        y=y,
        p=(words[:, 1] >> 28 & 1).astype(np.uint8),
        width=stated["width"] if geometry else int(x.max(initial=0)) + 1,
        height=stated["height"] if geometry else int(y.max(initial=0)) + 1,
        source=path.name,
        geometry_stated=geometry,
        start_us=int(t_us.min()) if len(t_us) else 0,
        first_byte=offset,
        event_bytes=EVENT_BYTES,
    )

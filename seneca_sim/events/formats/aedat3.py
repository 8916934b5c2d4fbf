"""AEDAT 3.1 (`.aedat`, DVS128 Gesture as it was published): text lines that start with `#`, then packets of one kind of event.

A packet is a header of 28 bytes (little-endian: kind and source i16, then event size, time offset, time overflow, capacity,
number and valid number of events, i32) and its events. Polarity events (kind 1) are two words: validity in bit 0, polarity
in bit 1, y in bits 2-16, x in bits 17-31; time in microseconds, of which the header's overflow counts the upper bits. Other
kinds are passed over. The header names the camera (`#Source 1: DVS128`). Packets may overlap in time; events are sorted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import FileFormatError
from seneca_sim.events.formats.cameras import JAER, sensor_size
from seneca_sim.events.formats.header import header_lines
from seneca_sim.events.recording import Columns, EventSource

__all__ = ["open_source"]

HEADER = struct.Struct("<hh6i")
POLARITY = 1
EVENT_BYTES = 8
MAX_PACKET = 1 << 28
"""Largest packet that is read at once [bytes]."""


def open_source(path: Path) -> EventSource:
    """Open a file; times in microseconds."""
    with path.open("rb") as file:
        offset, stated = header_lines(path, file, b"#")
    encoding = stated.get("format", "RAW")
    if encoding.upper() != "RAW":
        raise FileFormatError(
            f"{path.name}: AEDAT 3.1 in the encoding {encoding[:40]!r} is not read; convert the recording to AEDAT 2.0 or 4.0"
        )
    size = sensor_size(JAER, stated.get("source", ""))
    return EventSource(
        path, "AEDAT 3.1", lambda max_events: _decode(path, offset, max_events), size=size, start_us=None
    )


def _decode(path: Path, offset: int, max_events: int) -> Iterator[Columns]:
    """Yield the events of a file, packets gathered to blocks."""
    waiting: list[tuple[NDArray[np.uint32], int]] = []
    held = 0
    for words, overflow in _packets(path, offset):
        waiting.append((words, overflow))
        held += len(words)
        if held >= max_events:
            yield _columns(waiting)
            waiting, held = [], 0
    if held:
        yield _columns(waiting)


def _packets(path: Path, offset: int) -> Iterator[tuple[NDArray[np.uint32], int]]:
    """Yield the words (events, 2) of each packet of polarity events, and the upper bits of its times."""
    with path.open("rb") as file:
        file.seek(offset)
        while header := file.read(HEADER.size):
            if len(header) < HEADER.size:
                raise FileFormatError(
                    f"{path.name}: byte {offset}: the file ends inside a packet's header, after {len(header)} of its "
                    f"{HEADER.size} bytes; it is truncated"
                )
            kind, _, event_bytes, _, overflow, _, number, _ = HEADER.unpack(header)
            n_bytes = event_bytes * number
            if event_bytes < 1 or number < 0 or overflow < 0 or n_bytes > MAX_PACKET:
                raise FileFormatError(
                    f"{path.name}: byte {offset}: a packet states {number} events of {event_bytes} bytes; the file is damaged"
                )
            data = _body(path, file, offset, n_bytes)
            offset += HEADER.size + n_bytes
            if kind == POLARITY and event_bytes == EVENT_BYTES:
                yield np.frombuffer(data, "<u4").reshape(-1, 2), overflow


def _body(path: Path, file: IO[bytes], offset: int, n_bytes: int) -> bytes:
    """Return the events of the packet that begins at a byte."""
    data = file.read(n_bytes)
    if len(data) < n_bytes:
        raise FileFormatError(
            f"{path.name}: byte {offset}: the file ends inside a packet, after {len(data)} of {n_bytes} bytes of events; "
            "it is truncated"
        )
    return data


def _columns(packets: list[tuple[NDArray[np.uint32], int]]) -> Columns:
    """Return the valid events of packets as columns."""
    words = np.concatenate([packet for packet, _ in packets])
    overflow = np.repeat([upper for _, upper in packets], [len(packet) for packet, _ in packets])
    valid = (words[:, 0] & 1).astype(bool)
    address, t_us = words[valid, 0], words[valid, 1].astype(np.int64)
    return Columns(
        t_us | overflow[valid].astype(np.int64) << 31,
        (address >> 17).astype(np.int32),
        (address >> 2 & 0x7FFF).astype(np.int32),
        (address >> 1 & 1).astype(np.uint8),
        fixed=False,
    )

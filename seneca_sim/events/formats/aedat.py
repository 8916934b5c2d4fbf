"""jAER's AEDAT 2.0 (`.aedat`): text lines that start with `#`, then big-endian pairs of u32 address and u32 time.

The header names the camera (`# AEChip: ...DAVIS240C`), which fixes the layout of addresses and the sensor's size. Rows
and columns are read as they are numbered in the file: jAER counts rows from the bottom and some cameras mirror columns.
Frames, inertial measurements and outside events of DAVIS cameras are passed over. The clock runs freely: the first time
step begins with the first event; where it falls by more than half of its 32 bits, it has wrapped, and time goes on.
AEDAT 3.1 and 4 go to readers of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seneca_sim.errors import FileFormatError
from seneca_sim.events.formats import aedat3, aedat4
from seneca_sim.events.formats.cameras import JAER, sensor_size
from seneca_sim.events.formats.header import header_lines
from seneca_sim.events.formats.words import Decoded, refuse_outside, room
from seneca_sim.events.recording import Columns, EventSource

__all__ = ["MAGIC", "open_source"]

MAGIC = b"#!AER-DAT"
EVENT_BYTES = 8


class Addresses(NamedTuple):
    """Where the addresses of a camera hold what; the order is that of the kernel."""

    special: int
    """Bits of which none is set in a pixel's address."""
    x_shift: int
    x_mask: int
    y_shift: int
    y_mask: int
    polarity_shift: int
    inverted: int
    """1 if a polarity of 0 means ON."""


DAVIS = Addresses(1 << 31 | 1 << 10, 12, 0x3FF, 22, 0x1FF, 11, 0)
DVS128 = Addresses(1 << 15, 1, 0x7F, 8, 0xFFFFFF, 0, 1)
"""Bits above the row are none of this camera: they put events off the sensor, which is refused."""
ROWS = "{}: rows and columns are those of the file; jAER counts rows from the bottom"


def open_source(path: Path) -> EventSource:
    """Open an `.aedat` file; times in microseconds."""
    with path.open("rb") as file:
        start = file.read(len(MAGIC) + 3)
        file.seek(0)
        if start == MAGIC + b"4.0":
            return aedat4.open_source(path)
        if start == MAGIC + b"3.1":
            return aedat3.open_source(path)
        if start != MAGIC + b"2.0":
            raise FileFormatError(_other(path, start))
        offset, stated = header_lines(path, file, b"#")
    whole, rest = divmod(path.stat().st_size - offset, EVENT_BYTES)
    if rest:
        raise FileFormatError(
            f"{path.name}: byte {offset + whole * EVENT_BYTES}: the file ends inside event {whole}, after {rest} of its 8 bytes; "
            "it is truncated"
        )
    camera, size, assumptions = _camera(path, stated.get("aechip", ""))
    return EventSource(
        path,
        "AEDAT 2.0",
        lambda max_events: _decode(path, offset, camera, size, max_events),
        size=size,
        start_us=None,
        assumptions=assumptions,
    )


def _other(path: Path, start: bytes) -> str:
    """Say what is wrong with a file that is no AEDAT 2.0."""
    if not start:
        return f"{path.name}: byte 0: the file is empty; expected an AEDAT recording, which begins with #!AER-DAT2.0"
    if start.startswith(MAGIC):
        version = start[len(MAGIC) :].decode("ascii", "replace")
        return f"{path.name}: AEDAT {version} is not read; convert the recording to AEDAT 2.0 or 4.0"
    return f"{path.name}: byte 0: expected #!AER-DAT2.0, got {start!r}; is this an AEDAT recording?"


def _camera(path: Path, chip: str) -> tuple[Addresses, tuple[int, int], tuple[str, ...]]:
    """Return the layout and size of the camera that the header names; where it names none, DVS128 is assumed."""
    if not chip:
        return (
            DVS128,
            (128, 128),
            (f"{path.name}: the header names no camera (# AEChip), DVS128 was assumed", ROWS.format(path.name)),
        )
    size = sensor_size(JAER, chip)
    if size is not None:
        return DAVIS if "davis" in chip.lower() else DVS128, size, (ROWS.format(path.name),)
    known = "DAVIS128, DAVIS208, DAVIS240, DAVIS346, DAVIS640, DVS128"
    raise FileFormatError(
        f"{path.name}: the camera {chip.rpartition('.')[2][:40]!r} is unknown; known are {known}: convert the recording to .csv"
    )


def _decode(path: Path, offset: int, camera: Addresses, size: tuple[int, int], max_events: int) -> Iterator[Columns]:
    """Yield the events of a file."""
    from seneca_sim.kernels.decode_words import decode_aedat

    layout, state = np.array(camera, np.int64), np.zeros(2, np.int64)
    first_event = 0
    with path.open("rb") as file:
        file.seek(offset)
        while len(words := np.fromfile(file, "<u4", 2 * max_events)):
            before, events = state.copy(), room(len(words) // 2)
            n = decode_aedat(words, state, *events.arrays, layout)
            columns = events.piece(0, n, fixed=False)
            made = Decoded(decode_aedat, words, 2, offset, before, (*events.arrays, layout))
            refuse_outside(path, columns, size, first_event, made)
            yield columns
            first_event += n
            offset += 4 * len(words)

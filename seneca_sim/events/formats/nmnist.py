"""The 5-byte format of N-MNIST and N-Caltech101 (`.bin`) and of SLAYER (`.bs2`).

Per event: x, y, then 24 bits big-endian: 1 bit polarity, 23 bits time in microseconds. The row number 240 marks a
time overflow: 8192 us are added to everything after it (Orchard et al. 2015, `Read_Ndataset.m`). The file does not
state the size of the sensor. A recording that fits N-MNIST's 34x34 pixels gets its customary length of 300 ms.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seneca_sim.errors import FileFormatError
from seneca_sim.events.stream import EventStream

__all__ = ["read"]

EVENT_BYTES = 5
OVERFLOW_ROW = 240
OVERFLOW_US = 1 << 13
NMNIST_SIDE = 34
NMNIST_DURATION_US = 300_000


def read(path: Path) -> EventStream:
    """Read a `.bin` or `.bs2` file; times in microseconds."""
    data = np.fromfile(path, np.uint8)
    whole, rest = divmod(len(data), EVENT_BYTES)
    if not whole and not rest:
        raise FileFormatError(f"{path.name}: byte 0: the file is empty; a recording has {EVENT_BYTES} bytes an event")
    if rest:
        raise FileFormatError(
            f"{path.name}: byte {whole * EVENT_BYTES}: the file ends inside event {whole}, after {rest} of its 5 bytes; "
            "it is truncated or not in the N-MNIST format"
        )
    x, y, high, middle, low = data.reshape(-1, EVENT_BYTES).astype(np.int64).T
    t_us = (high & 0x7F) << 16 | middle << 8 | low
    mark = y == OVERFLOW_ROW
    t_us += OVERFLOW_US * np.cumsum(mark)
    event = ~mark
    x, y = x[event].astype(np.int32), y[event].astype(np.int32)
    width, height = (int(axis.max(initial=0)) + 1 for axis in (x, y))
    return EventStream(
        t_us=t_us[event],
        x=x,
        y=y,
        p=(high[event] >> 7).astype(np.uint8),
        width=width,
        height=height,
        source=path.name,
        geometry_stated=False,
        duration_us=NMNIST_DURATION_US if max(width, height) <= NMNIST_SIDE else None,
        first_byte=None if mark.any() else 0,
        event_bytes=EVENT_BYTES,
    )

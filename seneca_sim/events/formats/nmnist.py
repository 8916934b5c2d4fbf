"""The 5-byte format of N-MNIST and N-Caltech101 (`.bin`) and of SLAYER (`.bs2`).

Per event: x, y, then 24 bits big-endian: 1 bit polarity, 23 bits time in microseconds. The row number 240 marks a
time overflow: 8192 us are added to everything after it (Orchard et al. 2015, `Read_Ndataset.m`). The file does not
state the size of the sensor. A recording that fits N-MNIST's 34x34 pixels gets its customary length of 300 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seneca_sim.errors import FileFormatError
from seneca_sim.events.formats.words import room
from seneca_sim.events.recording import Columns, EventSource

__all__ = ["open_source"]

EVENT_BYTES = 5
NMNIST_SIDE = 34
NMNIST_DURATION_US = 300_000


def open_source(path: Path) -> EventSource:
    """Open a `.bin` or `.bs2` file; times in microseconds."""
    size = path.stat().st_size
    whole, rest = divmod(size, EVENT_BYTES)
    if not size:
        raise FileFormatError(f"{path.name}: byte 0: the file is empty; a recording has {EVENT_BYTES} bytes an event")
    if rest:
        raise FileFormatError(
            f"{path.name}: byte {whole * EVENT_BYTES}: the file ends inside event {whole}, after {rest} of its 5 bytes; "
            "it is truncated or not in the N-MNIST format"
        )
    return EventSource(
        path,
        "N-MNIST",
        lambda max_events: _decode(path, max_events),
        customary=(NMNIST_SIDE, NMNIST_DURATION_US),
        first_byte=0,
        event_bytes=EVENT_BYTES,
        any_order=True,
    )


def _decode(path: Path, max_events: int) -> Iterator[Columns]:
    """Yield the events of a file."""
    from seneca_sim.kernels.decode_words import decode_nmnist

    state = np.zeros(1, np.int64)
    with path.open("rb") as file:
        while len(data := np.fromfile(file, np.uint8, EVENT_BYTES * max_events)):
            events = room(len(data) // EVENT_BYTES)
            n = decode_nmnist(data, state, *events.arrays)
            yield events.piece(0, n, fixed=not state[0])

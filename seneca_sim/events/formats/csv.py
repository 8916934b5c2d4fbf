"""Events as text: a header line that names the columns t, x, y, p (any order, others ignored), then one event a line.

Times are integers in microseconds; p is 1 or 0 (or 1 and -1). Lines that start with # are comments; the comment
``# sensor 34x34`` states the sensor's width and height, ``# start 5000`` where the first time step begins [us].
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import FileFormatError
from seneca_sim.events.stream import EventStream, coordinates

__all__ = ["read"]

COLUMNS = ("t", "x", "y", "p")


def _numbers(path: Path, lines: list[tuple[int, str]], n_columns: int) -> NDArray[np.int64]:
    """Return the integers of the (line number, text) pairs as (events, columns)."""
    rows = []
    for number, line in lines:
        fields = line.split(",")
        try:
            row = [int(field) for field in fields]
            np.array(row, np.int64)
        except (ValueError, OverflowError):
            raise FileFormatError(
                f"{path.name}: line {number}: expected integers of 64 bits separated by commas, got {line!r}"
            ) from None
        if len(row) != n_columns:
            raise FileFormatError(
                f"{path.name}: line {number}: expected {n_columns} columns, got {len(row)}; is the file truncated?"
            )
        rows.append(row)
    return np.array(rows, np.int64).reshape(-1, n_columns)


def read(path: Path) -> EventStream:
    """Read a `.csv` file of events."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path.name}: byte {error.start}: not UTF-8 text; is this a CSV file?") from None
    numbered = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    sensor = next((found for _, line in numbered if (found := re.match(r"#\s*sensor\s+(\d+)x(\d+)$", line))), None)
    start = next((found for _, line in numbered if (found := re.match(r"#\s*start\s+(\d+)$", line))), None)
    lines = [(number, line) for number, line in numbered if not line.startswith("#")]
    if not lines:
        raise FileFormatError(f"{path.name}: the file holds no lines; expected a header t,x,y,p and one event a line")
    header = [name.strip().lower() for name in lines[0][1].split(",")]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise FileFormatError(
            f"{path.name}: line {lines[0][0]}: the header lacks {', '.join(missing)}; expected the column names t, x, y, p"
        )
    numbers = _numbers(path, lines[1:], len(header))
    t_us, x, y, p = (numbers[:, header.index(name)] for name in COLUMNS)
    return EventStream(
        t_us=t_us,
        x=coordinates(x),
        y=coordinates(y),
        p=(p > 0).astype(np.uint8),
        width=int(sensor[1]) if sensor else max(int(x.max(initial=0)) + 1, 1),
        height=int(sensor[2]) if sensor else max(int(y.max(initial=0)) + 1, 1),
        source=path.name,
        geometry_stated=sensor is not None,
        start_us=int(start[1]) if start else 0,
    )

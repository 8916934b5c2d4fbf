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
from seneca_sim.events.recording import Columns, EventSource
from seneca_sim.events.stream import coordinates

__all__ = ["open_source"]

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
                f"{path.name}: line {number}: expected integers of 64 bits separated by commas, got {line[:60]!r}"
            ) from None
        if len(row) != n_columns:
            raise FileFormatError(
                f"{path.name}: line {number}: expected {n_columns} columns, got {len(row)}; is the file truncated?"
            )
        rows.append(row)
    return np.array(rows, np.int64).reshape(-1, n_columns)


def _stated(path: Path, lines: list[tuple[int, str]], pattern: str) -> list[int] | None:
    """Return the integers of the first comment that matches a pattern, None if there is none."""
    for number, line in lines:
        if found := re.match(pattern, line, re.ASCII):
            if max(map(len, found.groups())) > 18:
                raise FileFormatError(f"{path.name}: line {number}: expected integers of 64 bits, got {line[:60]!r}")
            return [int(text) for text in found.groups()]
    return None


def open_source(path: Path) -> EventSource:
    """Open a `.csv` file of events."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path.name}: byte {error.start}: not UTF-8 text; is this a CSV file?") from None
    numbered = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    sensor = _stated(path, numbered, r"#\s*sensor\s+(\d+)x(\d+)$")
    start = _stated(path, numbered, r"#\s*start\s+(\d+)$")
    lines = [(number, line) for number, line in numbered if not line.startswith("#")]
    if not lines:
        raise FileFormatError(f"{path.name}: the file holds no lines; expected a header t,x,y,p and one event a line")
    header = [name.strip().lower() for name in lines[0][1].split(",")]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise FileFormatError(
            f"{path.name}: line {lines[0][0]}: the header lacks {', '.join(missing)}; expected the column names t, x, y, p"
        )
    twice = [name for name in COLUMNS if header.count(name) > 1]
    if twice:
        raise FileFormatError(
            f"{path.name}: line {lines[0][0]}: the header names {', '.join(twice)} more than once; keep one column of each"
        )
    numbers = _numbers(path, lines[1:], len(header))
    t_us, x, y, p = (numbers[:, header.index(name)] for name in COLUMNS)
    columns = Columns(t_us, coordinates(x), coordinates(y), (p > 0).astype(np.uint8))
    return EventSource(
        path,
        "CSV",
        lambda _: iter((columns,)),
        size=(sensor[0], sensor[1]) if sensor else None,
        start_us=start[0] if start else 0,
    )

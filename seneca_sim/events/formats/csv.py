"""Events as text: a header line that names the columns t, x, y, p (any order, others ignored), then one event a line.

Times are integers in microseconds; p is 1 or 0 (or 1 and -1). Lines that start with # are comments; before the header the
comment ``# sensor 34x34`` states the sensor's width and height, ``# start 5000`` where the first time step begins [us].
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import FileFormatError
from seneca_sim.events.recording import Columns, EventSource
from seneca_sim.events.stream import coordinates

__all__ = ["open_source"]

COLUMNS = ("t", "x", "y", "p")
LIMIT = 1 << 63
EXACT = 1 << 53
"""Largest whole number up to which every one is a float."""
SMALL = 1 << 20
"""Files up to this size [bytes] are read line by line: sooner than pandas is there."""


class _Header(NamedTuple):
    """What stands before the events."""

    byte: int
    """Where the first line of events begins."""
    line: int
    """Number of that line."""
    names: list[str]
    sensor: list[int] | None
    start: list[int] | None


def open_source(path: Path) -> EventSource:
    """Open a `.csv` file of events."""
    header = _read_header(path)
    return EventSource(
        path,
        "CSV",
        lambda max_events: _decode(path, header, max_events),
        size=(header.sensor[0], header.sensor[1]) if header.sensor else None,
        start_us=header.start[0] if header.start else 0,
        any_order=True,
    )


def _text(path: Path, line: bytes, byte: int) -> str:
    """Return a line as text."""
    try:
        return line.decode("utf-8-sig" if byte == 0 else "utf-8").strip()
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path.name}: byte {byte + error.start}: not UTF-8 text; is this a CSV file?") from None


def _read_header(path: Path) -> _Header:
    """Read the comments before the names of the columns, and these."""
    sensor = start = None
    with path.open("rb") as file:
        byte, number = 0, 0
        while line := file.readline():
            number += 1
            text = _text(path, line, byte)
            byte += len(line)
            if text.startswith("#"):
                sensor = sensor or _stated(path, number, text, r"#\s*sensor\s+(\d+)x(\d+)$")
                start = start or _stated(path, number, text, r"#\s*start\s+(\d+)$")
            elif text:
                return _Header(byte, number + 1, _names(path, number, text), sensor, start)
    raise FileFormatError(f"{path.name}: the file holds no lines; expected a header t,x,y,p and one event a line")


def _names(path: Path, number: int, text: str) -> list[str]:
    """Return the names of the columns."""
    names = [name.strip().lower() for name in text.split(",")]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise FileFormatError(
            f"{path.name}: line {number}: the header lacks {', '.join(missing)}; expected the column names t, x, y, p"
        )
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise FileFormatError(
            f"{path.name}: line {number}: the header names {', '.join(twice)} more than once; keep one column of each"
        )
    return names


def _stated(path: Path, number: int, text: str, pattern: str) -> list[int] | None:
    """Return the integers of a comment that matches a pattern, None if it does not."""
    found = re.match(pattern, text, re.ASCII)
    if found is None:
        return None
    if max(map(len, found.groups())) > 18:
        raise FileFormatError(f"{path.name}: line {number}: expected integers of 64 bits, got {text[:60]!r}")
    return [int(digits) for digits in found.groups()]


def _decode(path: Path, header: _Header, max_events: int) -> Iterator[Columns]:
    """Yield the events of a file; what pandas does not read at once is read line by line, which finds the line at fault."""
    order = [header.names.index(name) for name in COLUMNS]
    done = 0
    with path.open("rb") as file:
        if path.stat().st_size > SMALL:
            try:
                for numbers in _tables(file, header, max_events):
                    yield _columns(numbers, order)
                    done += len(numbers)
                return
            except (ValueError, OverflowError, Warning):
                pass
        rows = islice(_rows(path, file, header), done, None)
        while piece := list(islice(rows, max_events)):
            yield _columns(np.array(piece, np.int64), order)


def _columns(numbers: NDArray[np.int64], order: list[int]) -> Columns:
    """Return an (events, columns) table as columns."""
    t, x, y, p = (numbers[:, k] for k in order)
    return Columns(t.copy(), coordinates(x), coordinates(y), (p > 0).astype(np.uint8))


def _tables(file: IO[bytes], header: _Header, max_events: int) -> Iterator[NDArray[np.int64]]:
    """Yield the integers of a file as (events, columns), by pandas."""
    import pandas as pd

    file.seek(header.byte)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tables = pd.read_csv(
            file,
            names=range(len(header.names)),
            header=None,
            index_col=False,
            dtype=np.int64,
            comment="#",
            quoting=csv.QUOTE_NONE,
            engine="c",
            chunksize=max_events,
        )
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            table = next(tables, None)
        if table is None:
            return
        yield table.to_numpy()


def _rows(path: Path, file: IO[bytes], header: _Header) -> Iterator[list[int]]:
    """Yield the integers of each line that is no comment."""
    file.seek(header.byte)
    byte = header.byte
    for number, line in enumerate(file, header.line):
        text = _text(path, line, byte)
        byte += len(line)
        if not text or text.startswith("#"):
            continue
        fields = text.split(",")
        try:
            row = [_integer(field) for field in fields]
        except ValueError:
            row = [LIMIT]
        if max(row) >= LIMIT or min(row) < -LIMIT:
            raise FileFormatError(
                f"{path.name}: line {number}: expected integers of 64 bits separated by commas, got {text[:60]!r}"
            )
        if len(row) != len(header.names):
            raise FileFormatError(
                f"{path.name}: line {number}: expected {len(header.names)} columns, got {len(row)}; is the file truncated?"
            )
        yield row


def _integer(field: str) -> int:
    """Return a whole number, which may be written as a fraction (``8.0``, ``7e3``), as pandas reads it."""
    try:
        return int(field)
    except ValueError:
        number = float(field)
        if not number.is_integer() or abs(number) > EXACT:
            raise
        return int(number)

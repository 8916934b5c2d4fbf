"""NumPy archives: events as arrays t, x, y, p, or frames under the key ``frames``.

Times are in microseconds. Beside events there may be single integers: width and height of the sensor, start_us (where the
first time step begins, 0 by default) and duration_us (the length to feed by default). Frames are (T, channels, rows,
columns), or, where the archive's string ``layout`` says ``THWC``, (T, rows, columns, channels); (T, rows, columns) is one
channel. A network with several inputs takes its frames under the names of its input layers. Pickled objects are refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError, FileFormatError
from seneca_sim.events.formats.arrays import (
    Header,
    array_pieces,
    member_names,
    open_member,
    read_header,
    read_small,
    reading,
)
from seneca_sim.events.formats.frames import frame_recording
from seneca_sim.events.recording import Columns, EventSource, FrameRecording
from seneca_sim.events.stream import EventStream, coordinates
from seneca_sim.whole_file import whole_file

__all__ = ["open_source", "read_arrays", "save_events"]

COLUMNS = ("t", "x", "y", "p")
SINGLE = ("width", "height", "start_us", "duration_us", "layout", "fps")
MAX_BYTES = 1 << 32
"""Unpacked size above which an archive is not read as a whole."""


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive by name; refuse what is not an archive of plain arrays."""
    with reading(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            for member in archive.infolist():
                with archive.open(member) as stream:
                    read_header(path, member.filename, stream, member.file_size)
        if size > MAX_BYTES:
            raise FileFormatError(
                f"{path.name}: the archive unpacks to {size} bytes, more than {MAX_BYTES}; split the recording"
            )
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def _headers(path: Path, archive: zipfile.ZipFile) -> dict[str, Header]:
    """Return the header of each array."""
    headers = {}
    for name in member_names(archive):
        with open_member(path, archive, name) as (_, header):
            headers[name] = header
    return headers


def open_source(path: Path) -> EventSource | FrameRecording:
    """Open a `.npz` file of events or of frames."""
    with reading(path), zipfile.ZipFile(path) as archive:
        headers = _headers(path, archive)
        numbers = {name: read_small(path, archive, name) for name in SINGLE if name in headers}
    if "frames" in headers and not set(headers) & set(COLUMNS):
        return _frames(path, headers["frames"], numbers)
    missing = [name for name in COLUMNS if name not in headers]
    if missing:
        raise FileFormatError(
            f"{path.name}: the arrays {', '.join(missing)} are missing; found {', '.join(sorted(headers)) or 'none'}"
        )
    for name in COLUMNS:
        shape, dtype, _ = headers[name]
        if len(shape) != 1 or dtype.kind not in "iub":
            raise FileFormatError(f"{path.name}: array {name} must be a list of integers, not {dtype} of shape {shape}")
    lengths = [headers[name].shape[0] for name in COLUMNS]
    if len(set(lengths)) > 1:
        raise EventsError(
            f"{path.name}: t, x, y and p must be equally long, not {', '.join(map(str, lengths[:3]))} and {lengths[3]}"
        )
    geometry = {"width", "height"} <= headers.keys()
    return EventSource(
        path,
        "NumPy archive",
        lambda max_events: _decode(path, max_events),
        size=(_number(path, numbers, "width", 1), _number(path, numbers, "height", 1)) if geometry else None,
        start_us=_number(path, numbers, "start_us", 0),
        duration_us=_number(path, numbers, "duration_us", 1) if "duration_us" in headers else None,
        n_events=lengths[0],
        any_order=True,
    )


def _decode(path: Path, max_events: int) -> Iterator[Columns]:
    """Yield the events of an archive."""
    with reading(path), zipfile.ZipFile(path) as archive, ExitStack() as stack:
        columns = []
        for name in COLUMNS:
            stream, header = stack.enter_context(open_member(path, archive, name))
            columns.append(array_pieces(stream, header, max_events))
        for t, x, y, p in zip(*columns, strict=True):
            yield Columns(
                t.astype(np.int64),
                coordinates(x),
                coordinates(y),
                (p > 0).view(np.uint8),
            )


def _frames(path: Path, header: Header, numbers: dict[str, NDArray[Any]]) -> FrameRecording:
    """Return the recording of the array ``frames``."""

    def pieces(max_frames: int) -> Iterator[NDArray[Any]]:
        with reading(path), zipfile.ZipFile(path) as archive, open_member(path, archive, "frames") as (stream, again):
            yield from array_pieces(stream, again, max_frames)

    layout = str(numbers["layout"]) if "layout" in numbers else None
    fps = numbers.get("fps")
    rate = float(fps) if fps is not None and fps.dtype.kind in "iuf" and fps > 0 else None
    return frame_recording(path, "NumPy archive", header, pieces, layout=layout, rate_hz=rate, where="array frames")


def _number(path: Path, numbers: dict[str, NDArray[Any]], name: str, least: int) -> int:
    """Return a single integer of an archive, 0 where there is none."""
    array = numbers.get(name, np.int64(0))
    if array.shape != () or array.dtype.kind not in "iu" or int(array) < least * (name in numbers):
        raise FileFormatError(f"{path.name}: {name} must be one integer >= {least}, not {array.tolist()!r}")
    return int(array)


def save_events(path: str | Path, stream: EventStream) -> None:
    """Write a recording as a `.npz` file that `read_events` reads back; coordinates as 16-bit, times as 64-bit integers.

    >>> import tempfile
    >>> from seneca_sim.events import read_events
    >>> one = np.ones(1, np.int32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_events(f"{folder}/one.npz", EventStream(5 * one.astype(np.int64), one, one, one.astype(np.uint8), 2, 2, "one"))
    ...     read_events(f"{folder}/one.npz").t_us
    array([5])
    """
    arrays: dict[str, Any] = {
        "t": stream.t_us,
        "x": stream.x.astype(np.uint16),
        "y": stream.y.astype(np.uint16),
        "p": stream.p,
        "width": np.int64(stream.width),
        "height": np.int64(stream.height),
    }
    if stream.start_us:
        arrays["start_us"] = np.int64(stream.start_us)
    if stream.duration_us is not None:
        arrays["duration_us"] = np.int64(stream.duration_us)
    with whole_file(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)

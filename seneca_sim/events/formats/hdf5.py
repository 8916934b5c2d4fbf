"""HDF5: events as `events/{x,y,t,p}` or `{x,y,t,p}`, or frames as one array `data` (N, channels, rows, columns).

Events are those of DSEC (times count from `t_offset`, which is added; `ms_to_idx` is not needed), of Prophesee's Gen1 and
1 Mpx data sets as `.dat.h5` (with `height` and `width`), and of whoever stores columns: times are integers in microseconds. The
clock runs freely: the first time step begins with the first event, in a DSEC file at its offset. Frames are those of RVT's
preprocessing (`data`, 2 x bins channels; `timestamps_us.npy` beside the file states their times). Prophesee's ECF is refused.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError, FileFormatError
from seneca_sim.events.formats.arrays import Header
from seneca_sim.events.formats.frames import frame_recording
from seneca_sim.events.recording import Columns, EventSource, FrameRecording
from seneca_sim.events.stream import coordinates
from seneca_sim.graph.hdf5 import SafeGroup, open_hdf5

__all__ = ["open_source"]

COLUMNS = ("t", "x", "y", "p")
FILTERS = {32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32015: "Zstandard", 32026: "Blosc2"}
ECF = 0x8ECF
"""Number of Prophesee's codec among HDF5's filters."""


def open_source(path: Path) -> EventSource | FrameRecording:
    """Open an HDF5 file of events, times in microseconds, or of frames."""
    with open_hdf5(path) as root:
        if "CD" in root:
            raise FileFormatError(
                f"{path.name}: the events are packed by Prophesee's codec (ECF), which is not read; convert the recording with "
                "Metavision's metavision_hdf5_to_csv or to RAW (EVT3)"
            )
        if "data" in root and "events" not in root:
            return _frames(path, root)
        group = root.child("events") if "events" in root else root
        missing = [name for name in COLUMNS if name not in group]
        if missing:
            raise FileFormatError(
                f"{path.name}: {group.group.name} lacks {', '.join(missing)}; expected events/x, y, t, p or the array data "
                f"with frames, found {', '.join(group.names()[:10]) or 'nothing'}"
            )
        lengths = [_length(path, group, name) for name in COLUMNS]
        if len(set(lengths)) > 1:
            raise EventsError(
                f"{path.name}: t, x, y and p must be equally long, not {', '.join(map(str, lengths[:3]))} and {lengths[3]}"
            )
        sizes = [_number(path, [group, root], name) for name in ("width", "height")]
        offset = _number(path, [root, group], "t_offset")
    return EventSource(
        path,
        "HDF5",
        lambda max_events: _decode(path, offset or 0, max_events),
        size=None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1]),
        start_us=offset,
        n_events=lengths[0],
        any_order=True,
    )


def _length(path: Path, group: SafeGroup, name: str) -> int:
    """Return the length of a column; refuse what are no integers, or packed in a way that cannot be unpacked here."""
    stored = group.stored(name)
    if stored.ndim != 1 or stored.dtype.kind not in "iub":
        raise FileFormatError(
            f"{path.name}: {stored.name} must be a list of integers, not {stored.dtype} of shape {stored.shape}"
        )
    _check_storage(path, stored)
    return int(stored.shape[0])


def _check_storage(path: Path, stored: Any) -> None:
    """Refuse an array that states more numbers than the file holds, or is packed by a filter that is not installed."""
    if stored.shape is None or stored.chunks is None:
        held, stated, what = stored.id.get_storage_size(), stored.size or 0, "bytes"
        stated *= stored.dtype.itemsize
    else:
        pieces = (-(-length // chunk) for length, chunk in zip(stored.shape, stored.chunks, strict=True))
        held, stated, what = stored.id.get_num_chunks(), math.prod(pieces), "chunks"
    if held < stated:
        raise FileFormatError(
            f"{path.name}: {stored.name} states {stated} {what}, but holds {held}; the file is incomplete, export it again"
        )
    _check_filters(path, stored)


def _check_filters(path: Path, stored: Any) -> None:
    """Refuse an array that is packed by a filter that is not installed."""
    import h5py

    packing = stored.id.get_create_plist()
    for k in range(packing.get_nfilters()):
        code = packing.get_filter(k)[0]
        if not h5py.h5z.filter_avail(code):
            _load_filters()
        if code == ECF or not h5py.h5z.filter_avail(code):
            raise FileFormatError(
                f"{path.name}: {stored.name} is packed by the HDF5 filter {code} ({FILTERS.get(code, 'unknown')}), which is not "
                "installed; pip install 'seneca-sim[hdf5]', or repack the file with gzip"
            )


def _load_filters() -> None:
    """Let the package hdf5plugin, where it is installed, register its filters."""
    try:
        import hdf5plugin  # noqa: F401
    except ImportError:
        return


def _number(path: Path, groups: list[SafeGroup], name: str) -> int | None:
    """Return a single integer >= 0, which may be an array of one or an attribute of one of the groups; None if there is none."""
    for group in groups:
        if name in group:
            value = group.array(name)
        elif group.has_attribute(name):
            value = np.asarray(group.attributes()[name])
        else:
            continue
        if value.size != 1 or value.dtype.kind not in "iu" or int(value.reshape(())) < 0:
            raise FileFormatError(f"{path.name}: {name} must be one integer >= 0, not {str(value.tolist())[:60]}")
        return int(value.reshape(()))
    return None


def _decode(path: Path, offset: int, max_events: int) -> Iterator[Columns]:
    """Yield the events of a file."""
    with open_hdf5(path) as root:
        group = root.child("events") if "events" in root else root
        t, x, y, p = (group.stored(name) for name in COLUMNS)
        for first in range(0, len(t), max_events):
            piece = slice(first, first + max_events)
            yield Columns(
                t[piece].astype(np.int64) + offset,
                coordinates(x[piece]),
                coordinates(y[piece]),
                (p[piece] > 0).view(np.uint8),
            )


def _frames(path: Path, root: SafeGroup) -> FrameRecording:
    """Return the recording of the array ``data``."""
    stored = root.stored("data")
    _check_storage(path, stored)

    def pieces(max_frames: int) -> Iterator[NDArray[Any]]:
        with open_hdf5(path) as again:
            frames = again.stored("data")
            for first in range(0, len(frames), max_frames):
                yield frames[first : first + max_frames]

    rate = _rate(path, int(stored.shape[0])) if stored.ndim else None
    header = Header(tuple(stored.shape), stored.dtype, fortran=False)
    return frame_recording(path, "HDF5", header, pieces, layout="TCHW", rate_hz=rate, where="the array data")


def _rate(path: Path, n_frames: int) -> float | None:
    """Return the frames a second that `timestamps_us.npy` beside the file states, None if there is no such file."""
    beside = path.with_name("timestamps_us.npy")
    if not beside.is_file():
        return None
    try:
        times = np.load(beside, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError, EOFError, struct.error) as error:
        raise FileFormatError(f"{beside.name}: the array is damaged or no .npy file ({str(error)[:80]})") from None
    if times.ndim != 1 or times.dtype.kind not in "iu" or len(times) != n_frames:
        raise FileFormatError(
            f"{beside.name}: expected {n_frames} integers, one for each frame of {path.name}, "
            f"not {times.dtype} of shape {times.shape}"
        )
    step = float(np.median(np.diff(times.astype(np.int64)))) if n_frames > 1 else 0.0
    return 1e6 / step if step > 0 else None

"""Write a recording of events, block by block: NumPy archives and Prophesee's `.dat`."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError, RequestError
from seneca_sim.events.recording import Recording
from seneca_sim.whole_file import whole_file

__all__ = ["write_recording"]

LARGEST_DAT_US = 1 << 32
"""Times of `.dat` files have 32 bits."""


def write_recording(recording: Recording, path: Path) -> int:
    """Write a recording; the suffix chooses the format (`.npz`, `.dat`). Return the number of events.

    >>> from seneca_sim.events.inputs import opened
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_recording(opened("digits"), Path(folder, "digits.dat"))
    2218
    """
    if not path.parent.is_dir():
        raise RequestError(f"{path}: there is no folder {str(path.parent)!r}; make it, or choose another")
    match path.suffix.lower():
        case ".dat":
            return _write_dat(recording, path)
        case ".npz":
            return _write_npz(recording, path)
        case _:
            raise RequestError(f"{path}: recordings are written as .npz or .dat")


def _write_dat(recording: Recording, path: Path) -> int:
    """Write text lines, event type and size, then 8 bytes an event."""
    if recording.width > 1 << 14 or recording.height > 1 << 14:
        raise EventsError(f"{path}: .dat holds up to 16384x16384 pixels, not {recording.width}x{recording.height}")
    n_events = 0
    with whole_file(path) as file:
        header = (
            f"% Data file containing CD events.\n% Version 2\n% Height {recording.height}\n% Width {recording.width}\n"
        )
        file.write(header.encode() + bytes([0x0C, 8]))
        for block in recording.blocks():
            if int(block.t_us[-1]) >= LARGEST_DAT_US:
                raise EventsError(f"{path}: .dat holds times up to {LARGEST_DAT_US - 1} us; write .npz")
            words = np.empty((block.n_events, 2), "<u4")
            words[:, 0] = block.t_us
            words[:, 1] = block.x | block.y << 14 | block.p.astype(np.int64) << 28
            file.write(words.tobytes())
            n_events += block.n_events
    return n_events


def _write_npz(recording: Recording, path: Path) -> int:
    """Write the arrays t, x, y, p and the sensor's size; the columns wait in files until their number is known."""
    types = {"t": "<i8", "x": "<u2", "y": "<u2", "p": "|u1"}
    n_events = 0
    with tempfile.TemporaryDirectory() as folder:
        columns = {name: Path(folder, name) for name in types}
        for block in recording.blocks():
            arrays: dict[str, NDArray[Any]] = {"t": block.t_us, "x": block.x, "y": block.y, "p": block.p}
            for name, kind in types.items():
                with columns[name].open("ab") as column:
                    column.write(arrays[name].astype(kind).tobytes())
            n_events += block.n_events
        facts = {"width": recording.width, "height": recording.height, "start_us": recording.start_us}
        if recording.duration_us is not None:
            facts["duration_us"] = recording.duration_us
        with whole_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
            for name, kind in types.items():
                with archive.open(_member(name), "w", force_zip64=True) as target:
                    _copy_column(columns[name], kind, n_events, target)
            for name, value in facts.items():
                with archive.open(_member(name), "w") as target:
                    np.lib.format.write_array(target, np.array(value, np.int64), allow_pickle=False)
    return n_events


def _member(name: str) -> zipfile.ZipInfo:
    """Return an entry of an archive that carries no date, so that equal recordings give equal files."""
    info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _copy_column(column: Path, kind: str, n_events: int, target: IO[bytes]) -> None:
    """Write one array of an archive from a file of plain numbers."""
    np.lib.format.write_array_header_1_0(target, {"descr": kind, "fortran_order": False, "shape": (n_events,)})
    if n_events:
        with column.open("rb") as source:
            while piece := source.read(1 << 22):
                target.write(piece)

"""NumPy arrays of frames (`.npy`): (T, rows, columns), (T, channels, rows, columns) or (T, rows, columns, channels).

An array does not state the order of its axes. Four axes are read as (T, channels, rows, columns), unless the last is 1, 3
or 4 long and the second is longer, as pictures have it: then channels come last. Frames of one row are no pictures. What was
assumed is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError
from seneca_sim.events.formats.arrays import Header, array_pieces, read_header, reading
from seneca_sim.events.recording import FrameRecording

__all__ = ["frame_recording", "open_source"]

PICTURE_CHANNELS = (1, 3, 4)


def open_source(path: Path) -> FrameRecording:
    """Open a `.npy` file of frames."""

    def pieces(max_frames: int) -> Iterator[NDArray[Any]]:
        with reading(path, ".npy"), path.open("rb") as file:
            yield from array_pieces(file, read_header(path, "the array", file, size), max_frames)

    size = path.stat().st_size
    with reading(path, ".npy"), path.open("rb") as file:
        header = read_header(path, "the array", file, size)
        if header.dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    return frame_recording(path, "NumPy array", header, pieces)


def _likely_layout(shape: tuple[int, ...]) -> str:
    """Return the order of four axes that do not state it.

    >>> _likely_layout((9, 480, 640, 3)), _likely_layout((9, 3, 480, 640))
    ('THWC', 'TCHW')
    """
    pictures = shape[3] in PICTURE_CHANNELS and shape[1] not in PICTURE_CHANNELS and shape[1] > 2 and shape[2] > 1
    return "THWC" if pictures else "TCHW"


def frame_recording(
    path: Path,
    kind: str,
    header: Header,
    pieces: Callable[[int], Iterator[NDArray[Any]]],
    *,
    layout: str | None = None,
    rate_hz: float | None = None,
    where: str = "the array",
) -> FrameRecording:
    """Return the frames of an array with this header, which `pieces` gives so many at a time, in the order of its axes."""
    shape, dtype, fortran = header
    if dtype.kind not in "iubf":
        raise EventsError(f"{path.name}: {where} must hold numbers, not {dtype}")
    if len(shape) not in (3, 4) or 0 in shape[1:]:
        raise EventsError(
            f"{path.name}: {where} has the shape {shape}; frames are (T, rows, columns), (T, channels, rows, columns) "
            "or (T, rows, columns, channels)"
        )
    if fortran:
        raise EventsError(f"{path.name}: {where} is stored in Fortran order; save numpy.ascontiguousarray of it")
    if layout not in (None, "TCHW", "THWC"):
        raise EventsError(f"{path.name}: layout must be TCHW or THWC, not {layout!r}")
    assumptions: tuple[str, ...] = ()
    if len(shape) == 4 and layout is None:
        layout = _likely_layout(shape)
        assumptions = (f"{path.name}: {where} of shape {shape} was read as {layout}",)
    frame = (1, *shape[1:]) if len(shape) == 3 else shape[1:]
    if len(shape) == 4 and layout == "THWC":
        frame = (shape[3], *shape[1:3])

    def decode(max_frames: int) -> Iterator[NDArray[Any]]:
        for piece in pieces(max_frames):
            if piece.ndim == 3:
                yield piece[:, None]
            else:
                yield np.ascontiguousarray(piece.transpose(0, 3, 1, 2)) if layout == "THWC" else piece

    frame_us = None if rate_hz is None else round(1e6 / rate_hz)
    return FrameRecording(path, kind, shape[0], (frame[0], frame[1], frame[2]), decode, frame_us, assumptions)

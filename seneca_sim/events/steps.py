"""Slice a recording into time steps of a network's input: by time or by number of events, in the representation it expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError, RequestError
from seneca_sim.events.sparse import LayerTrace, sparse_steps
from seneca_sim.events.stream import EventStream

__all__ = ["Slicing", "Window", "frame_steps", "stream_steps"]

MAX_STEPS = 10_000_000
"""Beyond this a recording was probably stamped by a clock that started long before it."""
Representation = Literal["binary", "count", "signed_count"]


@dataclass(frozen=True, slots=True)
class Slicing:
    """How time becomes steps: `slice_us` long each, or `slice_events` events each; the first `steps` of them (None: all)."""

    slice_us: int = 1000
    slice_events: int | None = None
    steps: int | None = None
    start_us: int | None = None
    """Where step 0 begins [us]; None: where the recording says."""

    def __post_init__(self) -> None:
        """Refuse lengths below one."""
        for name in ("slice_us", "slice_events", "steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise RequestError(f"{name} must be at least 1, not {value}")


@dataclass(frozen=True, slots=True)
class Window:
    """Which pixels a network sees: axes swapped, a crop (left, top, width, height), then blocks of pool x pool pixels as one."""

    swap_xy: bool = False
    flip_polarity: bool = False
    crop: tuple[int, int, int, int] | None = None
    pool: int = 1

    def __post_init__(self) -> None:
        """Refuse empty crops and pools."""
        if self.pool < 1:
            raise RequestError(f"pool must be at least 1, not {self.pool}")
        if self.crop is not None and (min(self.crop[:2]) < 0 or min(self.crop[2:]) < 1):
            raise RequestError(f"crop must be left, top >= 0 and width, height >= 1, not {self.crop}")


def _bins(stream: EventStream, slicing: Slicing) -> tuple[NDArray[np.int64], int]:
    """Return the (N,) step of each event, -1 outside all steps, and the number of steps.

    What comes after the agreed length of a recording counts at its end, as N-MNIST's users have it (299 ms in 1 ms bins).
    """
    start_us = stream.start_us if slicing.start_us is None else slicing.start_us
    t_us = stream.t_us
    if stream.duration_us is not None:
        t_us = np.minimum(t_us, stream.start_us + stream.duration_us - 1)
    later = t_us >= start_us
    if slicing.slice_events is not None:
        step = np.full(stream.n_events, -1, np.int64)
        order = np.argsort(t_us, kind="stable")
        order = order[later[order]]
        step[order] = np.arange(len(order)) // slicing.slice_events
    else:
        step = np.where(later, (t_us - start_us) // slicing.slice_us, -1)
    n_steps = slicing.steps
    if n_steps is None:
        recorded = int(step.max(initial=-1)) + 1
        agreed = (
            None if stream.duration_us is None or slicing.slice_events else -(-stream.duration_us // slicing.slice_us)
        )
        n_steps = recorded if agreed is None else agreed
    if n_steps < 1:
        raise EventsError(
            f"{stream.source}: no event at or after {start_us} us; state the number of steps or an earlier start_us"
        )
    if n_steps > MAX_STEPS:
        raise EventsError(
            f"{stream.source}: {n_steps} steps from {start_us} us to the last event are too many; "
            "ask for fewer steps or longer ones, or state where the recording starts (start_us)"
        )
    return np.where(step < n_steps, step, -1), n_steps


def _coordinates(stream: EventStream, window: Window) -> tuple[NDArray[np.int32], NDArray[np.int32], int, int]:
    """Return column and row of each event as the network sees it (-1: cropped away), and the width and height it sees."""
    x, y, width, height = stream.x, stream.y, stream.width, stream.height
    if window.swap_xy:
        x, y, width, height = y, x, height, width
    if window.crop is not None:
        left, top, width, height = window.crop
        kept = (x >= left) & (x < left + width) & (y >= top) & (y < top + height)
        x, y = np.where(kept, x - left, -1), np.where(kept, y - top, -1)
    if window.pool > 1:
        x, y, width, height = x // window.pool, y // window.pool, -(-width // window.pool), -(-height // window.pool)
    return x, y, width, height


def _check_geometry(stream: EventStream, window: Window, seen: tuple[int, int], shape: tuple[int, int, int]) -> None:
    """Refuse a recording whose pixels are not those of the network's input."""
    (width, height), (_, rows, columns) = seen, shape
    exact = stream.geometry_stated or window.crop is not None
    if (width, height) == (columns, rows) or (not exact and width <= columns and height <= rows):
        return
    if exact:
        raise EventsError(
            f"{stream.source}: the recording has {width}x{height} pixels (width x height), "
            f"but the network's input has {columns}x{rows}; crop or pool the recording, or give one from a sensor of that size"
        )
    x, y, _, _ = _coordinates(stream, window)
    k = int(np.argmax((x >= columns) | (y >= rows)))
    raise EventsError(
        f"{stream.source}: {stream.place(k)} at x = {stream.x[k]}, y = {stream.y[k]} lies outside the network's input of "
        f"{columns}x{rows} pixels (width x height); crop or pool the recording, swap_xy if its axes are exchanged, "
        "or give one from a sensor of that size"
    )


def stream_steps(
    stream: EventStream,
    shape: tuple[int, int, int],
    representation: Representation,
    slicing: Slicing,
    window: Window | None = None,
) -> LayerTrace:
    """Return the input events of each step for a network input of `shape` (channels, rows, columns).

    Two channels are the polarities (0 OFF, 1 ON; exchanged by `flip_polarity`), one channel merges them. `binary` is 1
    for any number of events in a bin, `count` is their number, `signed_count` is ON minus OFF in one channel.

    >>> x, y, p = np.array([[0, 0, 1], [0, 0, 0], [1, 1, 0]])
    >>> stream = EventStream(np.array([0, 10, 1500]), x, y, p, width=2, height=1, source="three")
    >>> trace = stream_steps(stream, (1, 1, 2), "signed_count", Slicing(slice_us=1000))
    >>> trace.step_start, trace.position, trace.value
    (array([0, 1, 2]), array([0, 1], dtype=int32), array([ 2, -1], dtype=int32))
    """
    window = window or Window()
    channels, rows, columns = shape
    allowed = (1,) if representation == "signed_count" else (1, 2)
    if channels not in allowed:
        raise EventsError(
            f"{stream.source}: the network's input has {channels} channels, but a recording as {representation} has "
            f"{' or '.join(map(str, allowed))}; give frames (an .npz file with the key frames)"
        )
    step, n_steps = _bins(stream, slicing)
    x, y, width, height = _coordinates(stream, window)
    _check_geometry(stream, window, (width, height), shape)
    kept = (step >= 0) & (x >= 0)
    polarity = (stream.p ^ 1 if window.flip_polarity else stream.p)[kept].astype(np.int64)
    channel = polarity if channels == 2 else np.zeros_like(polarity)
    cells = ((step[kept] * rows + y[kept]) * columns + x[kept]) * channels + channel
    cell, inverse, count = np.unique(cells, return_inverse=True, return_counts=True)
    if representation == "binary":
        return sparse_steps(cell, None, n_steps, shape)
    if representation == "signed_count":
        count = np.bincount(inverse, weights=2.0 * polarity - 1.0, minlength=len(cell)).astype(np.int64)
        cell, count = cell[count != 0], count[count != 0]
    return sparse_steps(cell, count.astype(np.int32), n_steps, shape)


def frame_steps(frames: NDArray[np.float32], representation: str, source: str) -> LayerTrace:
    """Return the non-zero values of (T, channels, rows, columns) frames as input events, one frame a step.

    >>> trace = frame_steps(np.array([[[[0, 1]]], [[[1, 1]]]], np.float32), "binary", "two frames")
    >>> trace.position, trace.value is None
    (array([1, 0, 1], dtype=int32), True)
    """
    n_steps, channels, rows, columns = frames.shape
    if not np.isfinite(frames).all():
        raise EventsError(
            f"{source}: frame {int(np.argwhere(~np.isfinite(frames))[0][0])} holds a value that is not a finite number"
        )
    if representation == "binary" and not np.isin(frames, (0, 1)).all():
        raise EventsError(
            f"{source}: the network expects frames of 0 and 1, but values reach from {frames.min()} to {frames.max()}"
        )
    raster = frames.transpose(0, 2, 3, 1).reshape(-1)
    cell = np.flatnonzero(raster)
    return sparse_steps(cell, None if representation == "binary" else raster[cell], n_steps, (channels, rows, columns))

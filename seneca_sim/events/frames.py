"""Frames become a network's input: cut and resized, in its colours and its range, one a step or each for several.

In this order: axes swapped, a crop, `pool` or `resize` (every pixel is the mean over the area that it covers), grey from
colours or colours from grey, the range, mean and deviation, all as the contract states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError
from seneca_sim.events.recording import FrameRecording
from seneca_sim.events.sparse import LayerTrace, differences, sparse_steps
from seneca_sim.events.steps import MAX_STEPS
from seneca_sim.events.view import View, check_crop, ways_out
from seneca_sim.graph.network import InputContract, Layer
from seneca_sim.units import counted

__all__ = ["frame_notes", "frame_step_count", "frame_steps", "frame_traces", "seen_frames"]

GREY = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in brightness (ITU-R BT.601)."""
Frames = NDArray[np.float32]


def frame_steps(frames: Frames, representation: str, source: str, first: int = 0) -> LayerTrace:
    """Return the non-zero values of (T, channels, rows, columns) frames as input events, one frame a step.

    Raises an `EventsError` that begins with `source` for values that are not finite, or not 0 and 1 where spikes are expected.

    >>> trace = frame_steps(np.array([[[[0, 1]]], [[[1, 1]]]], np.float32), "binary", "two frames")
    >>> trace.position, trace.value is None
    (array([1, 0, 1], dtype=int32), True)
    """
    n_steps, channels, rows, columns = frames.shape
    if not np.isfinite(frames).all():
        number = first + int(np.argwhere(~np.isfinite(frames))[0][0])
        raise EventsError(f"{source}: frame {number} holds a value that is not a finite number")
    if representation == "binary" and not np.isin(frames, (0, 1)).all():
        raise EventsError(
            f"{source}: the network expects frames of 0 and 1, but values reach from {frames.min()} to {frames.max()}"
        )
    raster = frames.transpose(0, 2, 3, 1).reshape(-1)
    cell = np.flatnonzero(raster)
    return sparse_steps(cell, None if representation == "binary" else raster[cell], n_steps, (channels, rows, columns))


def frame_traces(
    recording: FrameRecording, layer: Layer, contract: InputContract, view: View, steps: int | None
) -> Iterator[LayerTrace]:
    """Yield the steps of a recording of frames for one input layer, several at once; the first `steps` of them."""
    total = frame_step_count(f"{recording.path.name}: there are", recording.n_frames, contract.repeat, steps)
    traces = _steps(recording, layer, contract, view, total)
    return differences(traces, layer.shape) if contract.differences else traces


def _steps(
    recording: FrameRecording, layer: Layer, contract: InputContract, view: View, steps: int
) -> Iterator[LayerTrace]:
    done, repeat = 0, min(contract.repeat, steps)
    for block in recording.blocks():
        left = steps - done * repeat
        frames = seen_frames(block[: -(-left // repeat)], recording.path.name, layer, contract, view)
        if layer.precision.event.startswith("int"):
            frames = np.rint(frames)
        yield frame_steps(frames, contract.representation, recording.path.name, done).repeated(repeat).first(left)
        done += len(frames)
        if done * repeat >= steps:
            return


def frame_step_count(where: str, frames: int, repeat: int, steps: int | None) -> int:
    """Return how many steps so many frames are fed in, each for `repeat` steps; refuse more steps than they give.

    >>> frame_step_count("a.npz: there are", 4, 3, None), frame_step_count("a.npz: there are", 4, 3, 7)
    (12, 7)
    """
    total = frames * repeat if steps is None else steps
    if frames * repeat < max(total, 1):
        each = "" if repeat == 1 else f", each for {repeat} steps"
        raise EventsError(
            f"{where} {frames} frames{each}, but the run asks for {counted(steps or 1, 'step')}; ask for fewer"
        )
    if total > MAX_STEPS:
        raise EventsError(
            f"{where} {frames} frames, each for {repeat} steps: more than {MAX_STEPS} in all; ask for fewer"
        )
    return total


def seen_frames(frames: NDArray[Any], source: str, layer: Layer, contract: InputContract, view: View) -> Frames:
    """Return (T, channels, rows, columns) frames of a file as a network's input layer sees them."""
    pictures = contract.representation == "frame"
    _, rows, columns = layer.shape
    if view.swap_xy != contract.swap_xy:
        frames = frames.swapaxes(2, 3)
    if view.crop is not None:
        left, top, width, height = view.crop
        check_crop(source, "frames'", (frames.shape[3], frames.shape[2]), view.crop)
        frames = frames[:, :, top : top + height, left : left + width]
    size = frames.shape[3], frames.shape[2]
    pool = contract.pool if view.pool == 1 and view.resize is None and size != (columns, rows) else view.pool
    seen = replace(view, crop=None, swap_xy=False, pool=pool).seen(size)
    if seen != (columns, rows):
        raise EventsError(
            f"{source}: the frames have {size[0]}x{size[1]} pixels (width x height), but the input {layer.name} has "
            f"{columns}x{rows}; {ways_out(size, (columns, rows))}"
        )
    with np.errstate(over="ignore"):  # what becomes infinite is refused later
        values = frames.astype(np.float32)
    if seen != size:
        mean = np.float32(1 if pictures else pool * pool)
        values = _rescaled(values, rows, columns) * mean
    return _valued(_coloured(values, source, layer, contract), frames.dtype.kind, source, contract)


def _rescaled(frames: Frames, rows: int, columns: int) -> Frames:
    """Return frames of another size; each pixel is the mean over the area that it covers."""
    down, across = _shares(frames.shape[2], rows), _shares(frames.shape[3], columns)
    result: Frames = np.einsum("rh,tchw,wq->tcrq", down, frames, across.T, optimize=True).astype(np.float32)
    return result


def _shares(n: int, new: int) -> NDArray[np.float32]:
    """Return the (new, n) share of each old place in each new one; rows sum to 1."""
    edges = np.arange(new + 1) * (n / new)
    overlap = np.minimum(edges[1:, None], np.arange(1, n + 1)) - np.maximum(edges[:-1, None], np.arange(n))
    shares: NDArray[np.float32] = (np.maximum(overlap, 0) * (new / n)).astype(np.float32)
    return shares


def _coloured(frames: Frames, source: str, layer: Layer, contract: InputContract) -> Frames:
    """Return frames with the channels of the input layer: as they are, grey from colours, or the same grey in all."""
    have, channels = frames.shape[1], layer.shape[0]
    if contract.representation == "frame":
        if have == 4 and channels in (1, 3):
            frames, have = frames[:, :3], 3
        if have == 3 and channels == 1:
            grey: Frames = np.tensordot(np.array(GREY, np.float32), frames, (0, 1))[:, None].astype(np.float32)
            return grey
        if have == 1 and channels == 3:
            return np.repeat(frames, 3, axis=1)
    if have != channels:
        raise EventsError(
            f"{source}: the frames have {have} channels, but the input {layer.name} has {channels}; "
            "give frames (steps x channels x rows x columns), or set the string array layout to THWC if channels come last"
        )
    return frames[:, ::-1] if contract.colour == "bgr" and channels == 3 else frames


def _valued(frames: Frames, kind: str, source: str, contract: InputContract) -> Frames:
    """Return frames in the range of the contract. Integers are pixels from 0 to 255; fractions must be in the range already."""
    if contract.low is not None and contract.high is not None:
        if kind in "iub":
            frames = frames * np.float32((contract.high - contract.low) / 255) + np.float32(contract.low)
        elif frames.size and not (contract.low <= frames.min() and frames.max() <= contract.high):
            raise EventsError(
                f"{source}: the network expects values from {contract.low:g} to {contract.high:g}, but the frames' reach from "
                f"{frames.min():g} to {frames.max():g}; give pixels as 8-bit integers, or scale them"
            )
    for name, numbers in (("mean", contract.mean), ("std", contract.std)):
        if numbers is not None and len(numbers) not in (1, frames.shape[1]):
            raise EventsError(
                f"{source}: the input contract states {len(numbers)} numbers as {name} for {frames.shape[1]} channels; "
                "state one for each, or one for all"
            )
    if contract.mean is not None:
        frames = frames - np.array(contract.mean, np.float32)[:, None, None]
    if contract.std is not None:
        frames = frames / np.array(contract.std, np.float32)[:, None, None]
    return frames if contract.scale == 1 else frames * np.float32(contract.scale)


def frame_notes(recording: FrameRecording, layer: Layer, contract: InputContract, view: View) -> tuple[str, ...]:
    """Return what is assumed when frames are fed."""
    notes = list(recording.assumptions)
    source, (have, height, width) = recording.path.name, recording.shape
    if contract.representation == "frame":
        if view.crop is not None:
            width, height = view.crop[2:]
        if have >= 3 and layer.shape[0] == 1:
            notes.append(f"colours of {source} are fed as grey (0.299 red, 0.587 green, 0.114 blue)")
        if have == 1 and layer.shape[0] == 3:
            notes.append(f"grey frames of {source} are fed to all three colours")
        if (width, height) != (layer.shape[2], layer.shape[1]):
            notes.append(
                f"frames of {width}x{height} pixels are fed as {layer.shape[2]}x{layer.shape[1]}: means over areas"
            )
        if contract.low is None and recording.shape[0] in (3, 4):
            notes.append("pixel values are fed as they are; an input contract can state another range")
    return tuple(notes)

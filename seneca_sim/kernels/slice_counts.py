"""Events of a camera become the values of time steps. N = events, S = steps; maps and lists are those of `noted_map`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import kernel
from seneca_sim.kernels.landing import Int32, Int64
from seneca_sim.kernels.noted_map import Memory, Sparse, UInt8, drain

__all__ = ["bin_events", "count_steps", "place_events", "surface_steps"]


@kernel
def place_events(
    time: Int64,
    x: Int32,
    y: Int32,
    polarity: UInt8,
    column_of: Int32,
    row_of: Int32,
    layout: tuple[int, int, int, int, bool],
    placed: tuple[Int64, Int64, Int32],
) -> int:
    """Fill times, cells and signs of the events that the network sees; return their number.

    `column_of` and `row_of` are the network's pixels for the camera's, -1 where it sees nothing. `layout` holds columns,
    channels, what the second polarity adds to the channel, the polarity that comes second, and whether signs count.
    """
    columns, channels, stride, second, signed = layout
    kept_time, cell, weight = placed
    n = 0
    for e in range(len(time)):
        column, row = column_of[x[e]], row_of[y[e]]
        if column < 0 or row < 0:
            continue
        later = polarity[e] == second
        kept_time[n] = time[e]
        cell[n] = (np.int64(row) * columns + column) * channels + (stride if later else 0)
        weight[n] = -1 if signed and not later else 1
        n += 1
    return n


@kernel
def bin_events(time: Int64, cell: Int64, bounds: Int64, start: Int64, span: Int64, bins: int, stride: int) -> None:
    """Move each cell by `stride` channels for each bin before its event; slice s has `span[s]` microseconds from `start[s]`."""
    for s in range(len(bounds) - 1):
        for e in range(bounds[s], bounds[s + 1]):
            cell[e] += min((time[e] - start[s]) * bins // max(span[s], 1), bins - 1) * stride


@kernel
def count_steps(
    cell: Int64,
    weight: Int32,
    bounds: Int64,
    n_complete: int,
    counts: Int32,
    memory: Memory,
    channels: int,
    limit: int,
    sparse: Sparse,
) -> None:
    """Add up the events of steps ``bounds[s]:bounds[s + 1]``; the first `n_complete` are written, the rest stays in `counts`."""
    flags, _, listed, state = memory
    step_start = sparse[0]
    step_start[0] = state[1]
    most = len(listed)
    for s in range(len(bounds) - 1):
        noted = state[0]
        for e in range(bounds[s], bounds[s + 1]):
            at = np.uint64(cell[e])
            before = counts[at]
            counts[at] = before + weight[e]
            flags[at >> np.uint64(3)] = 1
            listed[min(noted, most - 1)] = at
            noted += before == 0
        state[0] = noted
        if s < n_complete:
            if noted > 0:
                drain(counts, memory, channels, limit, sparse)
            step_start[s + 1] = state[1]


@kernel
def surface_steps(
    time: Int64,
    cell: Int64,
    bounds: Int64,
    start: Int64,
    span: Int64,
    bins: int,
    stride: int,
    surface: NDArray[np.float32],
    memory: Memory,
    channels: int,
    sparse: Sparse,
) -> None:
    """Write, for each whole step, how late in its bin the last event of a cell was: (t - start of the bin) / (its length)."""
    flags, _, listed, state = memory
    step_start = sparse[0]
    step_start[0] = state[1]
    for s in range(len(bounds) - 1):
        length = max(span[s], 1) / bins
        for e in range(bounds[s], bounds[s + 1]):
            after = time[e] - start[s]
            part = min(int(after // length), bins - 1)
            at = cell[e] + part * stride
            value = np.float32((after - part * length) / length)
            flags[at >> 3] = 1
            listed[min(state[0], len(listed) - 1)] = at
            state[0] += surface[at] == 0
            surface[at] = value
        if state[0] > 0:
            drain(surface, memory, channels, 0, sparse)
        step_start[s + 1] = state[1]

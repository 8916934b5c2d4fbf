"""Events of a camera become the values of time steps. N = events, S = steps, P = active positions, V = values.

A map of C channels gathers the events of a step in place: cell = position * C + channel. Which cells hold something is
noted twice: in a list, as long as it is short, and in flags of 8 cells each. So a step costs what its events cost,
not what its map would. Finished steps leave in the sparse form, positions and channels ascending.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import inline_kernel, inner_kernel, kernel
from seneca_sim.kernels.landing import Int32, Int64

__all__ = ["FLAG_CELLS", "Memory", "Sparse", "bin_events", "count_steps", "place_events", "surface_steps"]

FLAG_CELLS = 8
"""Cells that share a flag."""
Int8 = NDArray[np.int8]
UInt8 = NDArray[np.uint8]
Map = NDArray[np.int32] | NDArray[np.float32]
Memory = tuple[UInt8, NDArray[np.uint64], Int32, Int64]
"""Flags, the same as 64-bit words, listed cells (L,), and five numbers: cells noted since the last step (they fill the list
up to its length), positions and values written, and two that the window uses."""
Sparse = tuple[Int64, Int32, Int64, Int32, Map]
"""Where finished steps go: first position of each step (S + 1,), positions (P,), first value of each (P + 1,), channels (V,)
and values (V,)."""


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


@inline_kernel
def limited(value: float, limit: int) -> float:
    """Return a value brought into [-limit, limit]; limit 0 leaves it."""
    if limit > 0:
        return max(min(value, limit), -limit)
    return value


@inner_kernel
def in_order(listed: Int32, n: int) -> None:
    """Sort the first `n` cells of a list."""
    if n > 24:
        listed[:n] = np.sort(listed[:n])
        return
    for i in range(1, n):
        cell, j = listed[i], i
        while j > 0 and listed[j - 1] > cell:
            listed[j] = listed[j - 1]
            j -= 1
        listed[j] = cell


@inner_kernel
def _drain_list(cells: Map, memory: Memory, channels: int, limit: int, sparse: Sparse) -> None:
    """Write the values of a step's few cells in order, and empty the map."""
    flags, _, listed, state = memory
    _, positions, first_value, channel, values = sparse
    n_positions, n_values = state[1], state[2]
    last = np.int64(-1)
    in_order(listed, state[0])
    for k in range(state[0]):
        cell = np.uint64(listed[k])
        flags[cell >> np.uint64(3)] = 0
        value = cells[cell]
        if value == 0:
            continue
        cells[cell] = 0
        position = np.int64(np.uint32(cell) // np.uint32(channels))
        if position != last:
            positions[n_positions] = position
            first_value[n_positions] = n_values
            n_positions += 1
            last = position
        channel[n_values] = listed[k] - position * channels
        values[n_values] = limited(value, limit)
        n_values += 1
    state[1], state[2] = n_positions, n_values


@inner_kernel
def _drain_map(cells: Map, memory: Memory, channels: int, limit: int, sparse: Sparse) -> None:
    """Write the values of a step by looking through what is flagged, without a branch for each cell, and empty the map."""
    flags, words, _, state = memory
    _, positions, first_value, channel, values = sparse
    n_positions, n_values = state[1], state[2]
    last = -1
    for w in range(len(words)):
        if words[w] == 0:
            continue
        for f in range(8 * w, 8 * w + 8):
            if flags[f] == 0:
                continue
            begin = FLAG_CELLS * f
            position = begin // channels
            of = begin - position * channels
            for at in range(np.uint64(begin), np.uint64(min(begin + FLAG_CELLS, len(cells)))):
                value = cells[at]
                here = value != 0
                cells[at] = 0
                positions[n_positions] = position
                first_value[n_positions] = n_values
                n_positions += here & (position != last)
                last = position if here else last
                channel[n_values] = of
                values[n_values] = limited(value, limit)
                n_values += here
                of += 1
                wrapped = of == channels
                position += wrapped
                of = 0 if wrapped else of
        words[w] = 0
    state[1], state[2] = n_positions, n_values


@inner_kernel
def drain(cells: Map, memory: Memory, channels: int, limit: int, sparse: Sparse) -> None:
    """Write all values of a step in the order of cells, and empty the map."""
    if memory[3][0] < len(memory[2]):
        _drain_list(cells, memory, channels, limit, sparse)
    else:
        _drain_map(cells, memory, channels, limit, sparse)
    memory[3][0] = 0


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

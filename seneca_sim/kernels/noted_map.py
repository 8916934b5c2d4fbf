"""A map whose occupied cells are noted, and how its values leave in the sparse form. P = active positions, V = values.

A map of C channels holds cell = position * C + channel. Which cells hold something is noted twice: in a list, as long as it
is short, and in flags of 8 cells each. So a step costs what its events cost, not what its map would. Finished steps leave
with positions and channels ascending.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import inline_kernel, inner_kernel
from seneca_sim.kernels.landing import Int32, Int64

__all__ = ["FLAG_CELLS", "Map", "Memory", "Sparse", "UInt8", "drain", "in_order", "limited", "write_all"]

FLAG_CELLS = 8
"""Cells that share a flag."""
UInt8 = NDArray[np.uint8]
Map = NDArray[np.int32] | NDArray[np.float32]
Memory = tuple[UInt8, NDArray[np.uint64], Int32, Int64]
"""Flags, the same as 64-bit words, listed cells (L,), and five numbers: cells noted since the last step (they fill the list
up to its length), positions and values written, and two that the window uses."""
Sparse = tuple[Int64, Int32, Int64, Int32, Map]
"""Where finished steps go: first position of each step (S + 1,), positions (P,), first value of each (P + 1,), channels (V,)
and values (V,)."""


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


@inner_kernel
def write_all(histogram: Int32, channels: int, limit: int, memory: Memory, sparse: Sparse) -> None:
    """Write every count of the histogram; blocks that have become empty lose their flag."""
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
            flags[f] = 0
            for cell in range(FLAG_CELLS * f, min(FLAG_CELLS * f + FLAG_CELLS, len(histogram))):
                if histogram[cell] == 0:
                    continue
                flags[f] = 1
                position = cell // channels
                if position != last:
                    positions[n_positions] = position
                    first_value[n_positions] = n_values
                    n_positions += 1
                    last = position
                channel[n_values] = cell - position * channels
                values[n_values] = limited(histogram[cell], limit)
                n_values += 1
    state[0], state[1], state[2] = 0, n_positions, n_values

"""Where events land: the geometry of an edge in plain integers, and the neurons and weights that one active pixel meets.

Maps are channel-last and flat: neuron (y, x, c) is at ``(y * columns + x) * channels + c``. Weights are flat in the order
(kernel row, kernel column, input channel, output channel of the group), so that the outputs of one event lie side by side.
Neurons with several sums have as many channels as sums x channels, sum after sum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import inline_kernel, kernel

__all__ = ["Geometry", "Int32", "Int64", "NOWHERE", "Offsets", "count_sops", "flatten_events", "landings"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Offsets = NDArray[np.uint64]
"""Unsigned, so that compiled indexing needs no test for negative numbers."""


NOWHERE = np.uint64(2**64 - 1)
"""Stands for the neuron that a kernel position does not meet."""


class Geometry(NamedTuple):
    """Sizes of one edge, in rows and columns (y, x) and channels."""

    columns: int
    """Columns of the source's map, before pooling."""
    pooled_rows: int
    pooled_columns: int
    pool_y: int
    pool_x: int
    kernel_y: int
    kernel_x: int
    stride_y: int
    stride_x: int
    padding_y: int
    padding_x: int
    dilation_y: int
    dilation_x: int
    in_channels: int
    in_per_group: int
    out_per_group: int
    out_rows: int
    out_columns: int
    out_channels: int
    offset: int
    """First output channel."""
    upsample_y: int = 1
    """Places between the rows of the (pooled) source map; those between hold zeros."""
    upsample_x: int = 1


@inline_kernel
def _output(over: int, stride: int, size: int) -> int:
    """Return the output row (or column) whose window starts `over` before its stride is taken out; -1 if there is none."""
    out = over // stride
    return out if over >= 0 and out * stride == over and out < size else -1


@kernel
def landings(position: int, geometry: Geometry, state_at: Offsets, first: int) -> int:
    """Fill ``state_at[first:]`` with the neuron that a source position meets at each kernel position; return how many it meets.

    Kernel positions that meet none get `NOWHERE`. A position in an incomplete pooling window meets none at all.
    """
    y = position // geometry.columns
    x = (position - y * geometry.columns) // geometry.pool_x
    y = y // geometry.pool_y
    inside = y < geometry.pooled_rows and x < geometry.pooled_columns
    at, count = first, 0
    for ky in range(geometry.kernel_y):
        over = y * geometry.upsample_y + geometry.padding_y - ky * geometry.dilation_y
        out_y = _output(over, geometry.stride_y, geometry.out_rows) if inside else -1
        for kx in range(geometry.kernel_x):
            over = x * geometry.upsample_x + geometry.padding_x - kx * geometry.dilation_x
            out_x = _output(over, geometry.stride_x, geometry.out_columns) if out_y >= 0 else -1
            if out_x >= 0:
                neuron = (out_y * geometry.out_columns + out_x) * geometry.out_channels + geometry.offset
                state_at[at] = np.uint64(neuron)
                count += 1
            else:
                state_at[at] = NOWHERE
            at += 1
    return count


@kernel
def flatten_events(
    position: Int32, first_event: Int64, channel: Int32, geometry: Geometry, flat: Int32, event: Int64
) -> int:
    """Fill, for each event that a dense edge applies, its place in the flat (pooled) map and its number; return how many.

    An event at (y, x, c) has the place ``(y * pooled columns + x) * channels + c``, so that a dense edge is a convolution
    from one position with as many channels as the map has neurons.
    """
    count = 0
    for k in range(len(position)):
        y = position[k] // geometry.columns
        x = (position[k] - y * geometry.columns) // geometry.pool_x
        y = y // geometry.pool_y
        if y >= geometry.pooled_rows or x >= geometry.pooled_columns:
            continue
        base = (y * geometry.pooled_columns + x) * geometry.in_channels
        for e in range(first_event[k], first_event[k + 1]):
            flat[count] = base + channel[e]
            event[count] = e
            count += 1
    return count


@kernel
def count_sops(position: Int32, first_event: Int64, channel: Int32, geometry: Geometry, unmasked: Int32 | None) -> int:
    """Return how many weights events apply to neurons.

    `unmasked` holds, per kernel position and input channel, how many output channels have an unmasked weight; None: all.
    """
    n_taps = geometry.kernel_y * geometry.kernel_x
    state_at = np.empty(n_taps, np.uint64)
    sops = 0
    for k in range(len(position)):
        count = landings(position[k], geometry, state_at, 0)
        start, stop = first_event[k], first_event[k + 1]
        if unmasked is None:
            sops += count * (stop - start) * geometry.out_per_group
        else:
            for tap in range(n_taps):
                if state_at[tap] != NOWHERE:
                    for e in range(start, stop):
                        sops += unmasked[tap * geometry.in_channels + channel[e]]
    return sops

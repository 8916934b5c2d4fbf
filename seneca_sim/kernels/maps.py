"""Maps of values behind the neurons: max pooling, and the events that remain. N = positions, C = channels, maps (N, C)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import kernel
from seneca_sim.kernels.landing import Int32, Int64

__all__ = ["Window", "collect_events", "count_events", "max_pool"]

Window = tuple[int, int, int, int, int, int]
"""Kernel rows and columns, stride rows and columns, padding rows and columns."""
Map = NDArray[np.int32] | NDArray[np.int64] | NDArray[np.float32]


@kernel
def max_pool(values: Map, rows: int, columns: int, window: Window, pooled: Map, out_columns: int) -> None:
    """Fill `pooled` with the largest value of each window; positions outside the map take no part."""
    kernel_y, kernel_x, stride_y, stride_x, padding_y, padding_x = window
    for p in range(pooled.shape[0]):
        y0 = p // out_columns * stride_y - padding_y
        x0 = p % out_columns * stride_x - padding_x
        empty = True
        for y in range(max(y0, 0), min(y0 + kernel_y, rows)):
            for x in range(max(x0, 0), min(x0 + kernel_x, columns)):
                for c in range(pooled.shape[1]):
                    value = values[y * columns + x, c]
                    if empty or value > pooled[p, c]:
                        pooled[p, c] = value
                empty = False
        if empty:
            pooled[p, :] = 0


@kernel
def count_events(values: Map) -> tuple[int, int]:
    """Return how many positions hold a value other than zero, and how many such values there are."""
    positions, events = 0, 0
    for p in range(values.shape[0]):
        here = 0
        for c in range(values.shape[1]):
            here += values[p, c] != 0
        positions += here > 0
        events += here
    return positions, events


@kernel
def collect_events(
    values: Map, position: Int32, first_event: Int64, channel: Int32, value: Int32 | NDArray[np.float32] | None
) -> None:
    """Fill the sparse form of a map; the arrays have the sizes that `count_events` returns, `first_event` one more."""
    k, e = 0, 0
    first_event[0] = 0
    for p in range(values.shape[0]):
        before = e
        for c in range(values.shape[1]):
            if values[p, c] != 0:
                channel[e] = c
                if value is not None:
                    value[e] = values[p, c]
                e += 1
        if e > before:
            position[k] = p
            k += 1
            first_event[k] = e

"""Event-driven convolution: one active pixel at a time, all its events grouped, so that weights are read side by side.

Per neuron, sums follow the canonical order: pixels in raster order, channels ascending. The three kernels differ in their
arithmetic only. Each adds the events of A positions to a flat map; weights and maps are laid out as `landing` says.
"""

from __future__ import annotations

import numpy as np

from seneca_sim.kernels import inline_kernel, kernel
from seneca_sim.kernels.arithmetic import Float32, Limits
from seneca_sim.kernels.integrate import Sums, Values, Weights, integrate, integrate_bfloat, integrate_limited
from seneca_sim.kernels.landing import Geometry, Int32, Int64, Offsets, landings

__all__ = ["scatter", "scatter_bfloat", "scatter_limited"]


@inline_kernel
def _most_events(first_event: Int64) -> int:
    """Return the largest number of events of a position; where a dense edge folds a pooling, it exceeds the channels."""
    most = 0
    for k in range(len(first_event) - 1):
        most = max(most, first_event[k + 1] - first_event[k])
    return most


@inline_kernel
def _group_run(channel: Int32, start: int, end: int, geometry: Geometry, rows: Offsets) -> int:
    """Fill the weight offsets of the events from `start` on that lie in one convolution group; return where they end."""
    after = (channel[start] // geometry.in_per_group + 1) * geometry.in_per_group
    stop = start
    while stop < end and channel[stop] < after:
        rows[stop - start] = channel[stop] * geometry.out_per_group
        stop += 1
    return stop


@kernel
def scatter(
    position: Int32,
    first_event: Int64,
    channel: Int32,
    value: Values,
    geometry: Geometry,
    weight: Weights,
    state: Sums,
) -> None:
    """Add events in the arithmetic of `state`: float32, or int8 weights to int32 sums that cannot overflow."""
    n_taps = geometry.kernel_y * geometry.kernel_x
    state_at, weight_at = np.empty(n_taps, np.uint64), np.empty(n_taps, np.uint64)
    rows = np.empty(_most_events(first_event), np.uint64)
    n = np.uint64(geometry.out_per_group)
    for k in range(len(position)):
        taps = landings(position[k], geometry, state_at, weight_at)
        start, end = first_event[k], first_event[k + 1]
        while start < end:
            stop = _group_run(channel, start, end, geometry, rows)
            group = np.uint64(channel[start] // geometry.in_per_group * geometry.out_per_group)
            for i in range(taps):
                integrate(state, state_at[i] + group, n, weight, weight_at[i], rows, value, start, stop - start)
            start = stop


@kernel
def scatter_bfloat(
    position: Int32,
    first_event: Int64,
    channel: Int32,
    value: Float32,
    geometry: Geometry,
    weight: Float32,
    state: Float32,
) -> None:
    """Add events in bf16: every product and every sum is rounded."""
    n_taps = geometry.kernel_y * geometry.kernel_x
    state_at, weight_at = np.empty(n_taps, np.uint64), np.empty(n_taps, np.uint64)
    rows = np.empty(_most_events(first_event), np.uint64)
    n = np.uint64(geometry.out_per_group)
    for k in range(len(position)):
        taps = landings(position[k], geometry, state_at, weight_at)
        start, end = first_event[k], first_event[k + 1]
        while start < end:
            stop = _group_run(channel, start, end, geometry, rows)
            group = np.uint64(channel[start] // geometry.in_per_group * geometry.out_per_group)
            for i in range(taps):
                integrate_bfloat(state, state_at[i] + group, n, weight, weight_at[i], rows, value, start, stop - start)
            start = stop


@kernel
def scatter_limited(
    position: Int32,
    first_event: Int64,
    channel: Int32,
    value: Int32,
    geometry: Geometry,
    weight: Int32,
    state: Int64,
    limits: Limits,
) -> int:
    """Add events in integers that are brought into the range after every operation; return how many sums were outside."""
    n_taps = geometry.kernel_y * geometry.kernel_x
    state_at, weight_at = np.empty(n_taps, np.uint64), np.empty(n_taps, np.uint64)
    rows = np.empty(_most_events(first_event), np.uint64)
    n = np.uint64(geometry.out_per_group)
    outside = 0
    for k in range(len(position)):
        taps = landings(position[k], geometry, state_at, weight_at)
        start, end = first_event[k], first_event[k + 1]
        while start < end:
            stop = _group_run(channel, start, end, geometry, rows)
            group = np.uint64(channel[start] // geometry.in_per_group * geometry.out_per_group)
            for i in range(taps):
                at, base, count = state_at[i] + group, weight_at[i], stop - start
                outside += integrate_limited(state, at, n, weight, base, rows, value, start, count, limits)
            start = stop
    return outside

"""Event-driven convolution: the events of a pixel are grouped, so that weights are read side by side.

All active pixels of a source row meet one kernel position before the next one, so that its weights stay in the cache. Per
neuron that is the canonical order, pixels in raster order with channels ascending: from one source row a neuron meets one
kernel row, and kernel columns ascend with source columns. The three kernels differ in their arithmetic only. Each adds the
events of A positions to a flat map; weights and maps are laid out as `landing` says.
"""

from __future__ import annotations

import numpy as np

from seneca_sim.kernels import inline_kernel, inner_kernel, kernel
from seneca_sim.kernels.arithmetic import Float32, Limits
from seneca_sim.kernels.integrate import Sums, Values, Weights, integrate, integrate_bfloat, integrate_limited
from seneca_sim.kernels.landing import NOWHERE, Geometry, Int32, Int64, Offsets, landings

__all__ = ["scatter", "scatter_bfloat", "scatter_limited"]


@inner_kernel
def _row_events(position: Int32, first_event: Int64, columns: int) -> int:
    """Return the largest number of events of a source row."""
    most, start = 0, 0
    for k in range(len(position)):
        if position[k] // columns != position[start] // columns:
            start = k
        most = max(most, first_event[k + 1] - first_event[start])
    return most


@inner_kernel
def _prepare(
    position: Int32,
    first_event: Int64,
    channel: Int32,
    geometry: Geometry,
    start: int,
    state_at: Offsets,
    rows: Offsets,
) -> int:
    """Fill the neurons and weight rows of the source row whose positions start at `start`; return where they end."""
    row = position[start] // geometry.columns
    n_taps = geometry.kernel_y * geometry.kernel_x
    stop = start
    while stop < len(position) and position[stop] // geometry.columns == row:
        landings(position[stop], geometry, state_at, (stop - start) * n_taps)
        stop += 1
    for e in range(first_event[start], first_event[stop]):
        rows[e - first_event[start]] = np.uint64(channel[e] * geometry.out_per_group)
    return stop


@inline_kernel
def _group_end(channel: Int32, start: int, end: int, geometry: Geometry) -> int:
    """Return where the events from `start` on leave their convolution group."""
    if geometry.in_per_group == geometry.in_channels:
        return end
    after = (channel[start] // geometry.in_per_group + 1) * geometry.in_per_group
    stop = start
    while stop < end and channel[stop] < after:
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
    """Add events in the arithmetic of `state`: float32, or integer weights to int32 sums that cannot overflow."""
    n_taps = geometry.kernel_y * geometry.kernel_x
    state_at = np.empty(geometry.columns * n_taps, np.uint64)
    rows = np.empty(_row_events(position, first_event, geometry.columns), np.uint64)
    n, tap_weights = np.uint64(geometry.out_per_group), geometry.in_channels * geometry.out_per_group
    begin = 0
    while begin < len(position):
        end = _prepare(position, first_event, channel, geometry, begin, state_at, rows)
        for tap in range(n_taps):
            base = np.uint64(tap * tap_weights)
            for k in range(begin, end):
                at = state_at[(k - begin) * n_taps + tap]
                start = first_event[k]
                while at != NOWHERE and start < first_event[k + 1]:
                    stop = _group_end(channel, start, first_event[k + 1], geometry)
                    group = np.uint64(channel[start] // geometry.in_per_group * geometry.out_per_group)
                    row, count = start - first_event[begin], stop - start
                    integrate(state, at + group, n, weight, base, rows, row, value, start, count)
                    start = stop
        begin = end


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
    state_at = np.empty(geometry.columns * n_taps, np.uint64)
    rows = np.empty(_row_events(position, first_event, geometry.columns), np.uint64)
    n, tap_weights = np.uint64(geometry.out_per_group), geometry.in_channels * geometry.out_per_group
    begin = 0
    while begin < len(position):
        end = _prepare(position, first_event, channel, geometry, begin, state_at, rows)
        for tap in range(n_taps):
            base = np.uint64(tap * tap_weights)
            for k in range(begin, end):
                at = state_at[(k - begin) * n_taps + tap]
                start = first_event[k]
                while at != NOWHERE and start < first_event[k + 1]:
                    stop = _group_end(channel, start, first_event[k + 1], geometry)
                    group = np.uint64(channel[start] // geometry.in_per_group * geometry.out_per_group)
                    row, count = start - first_event[begin], stop - start
                    integrate_bfloat(state, at + group, n, weight, base, rows, row, value, start, count)
                    start = stop
        begin = end


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
    state_at = np.empty(geometry.columns * n_taps, np.uint64)
    rows = np.empty(_row_events(position, first_event, geometry.columns), np.uint64)
    n, tap_weights = np.uint64(geometry.out_per_group), geometry.in_channels * geometry.out_per_group
    begin = 0
    outside = 0
    while begin < len(position):
        end = _prepare(position, first_event, channel, geometry, begin, state_at, rows)
        for tap in range(n_taps):
            base = np.uint64(tap * tap_weights)
            for k in range(begin, end):
                at = state_at[(k - begin) * n_taps + tap]
                start = first_event[k]
                while at != NOWHERE and start < first_event[k + 1]:
                    stop = _group_end(channel, start, first_event[k + 1], geometry)
                    group = np.uint64(channel[start] // geometry.in_per_group * geometry.out_per_group)
                    row, count = start - first_event[begin], stop - start
                    outside += integrate_limited(
                        state, at + group, n, weight, base, rows, row, value, start, count, limits
                    )
                    start = stop
        begin = end
    return outside

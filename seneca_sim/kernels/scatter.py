"""Event-driven convolution: one active pixel at a time, all its events grouped, so that weights are read side by side.

Per neuron, sums follow the canonical order: pixels in raster order, channels ascending.
"""

from __future__ import annotations

import numpy as np

from seneca_sim.kernels import kernel
from seneca_sim.kernels.arithmetic import Limits
from seneca_sim.kernels.integrate import Sums, Values, Weights, integrate
from seneca_sim.kernels.landing import Geometry, Int32, Int64, landings

__all__ = ["scatter"]


@kernel
def scatter(
    position: Int32,
    first_event: Int64,
    channel: Int32,
    value: Values | None,
    geometry: Geometry,
    weight: Weights,
    state: Sums,
    limits: Limits | None,
    rounded: bool | None,
) -> int:
    """Add the events of A positions to the flat map `state` through a convolution; return sums outside `limits`.

    The arithmetic is that of `integrate`.
    """
    n_taps = geometry.kernel_y * geometry.kernel_x
    state_at, weight_at = np.empty(n_taps, np.uint64), np.empty(n_taps, np.uint64)
    most = 0
    for k in range(len(position)):
        most = max(most, first_event[k + 1] - first_event[k])
    rows = np.empty(most, np.uint64)  # more than channels, where a dense edge folds a pooling
    n = np.uint64(geometry.out_per_group)
    outside = 0
    for k in range(len(position)):
        taps = landings(position[k], geometry, state_at, weight_at)
        start, end = first_event[k], first_event[k + 1]
        while start < end:
            group = channel[start] // geometry.in_per_group
            stop = start
            while stop < end and channel[stop] < (group + 1) * geometry.in_per_group:
                rows[stop - start] = channel[stop] * geometry.out_per_group
                stop += 1
            offset = np.uint64(group * geometry.out_per_group)
            size = stop - start
            for i in range(taps):
                outside += integrate(
                    state, state_at[i] + offset, n, weight, weight_at[i], rows, value, start, size, limits, rounded
                )
            start = stop
    return outside

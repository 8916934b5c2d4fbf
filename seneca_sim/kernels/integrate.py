"""Groups of events into the neurons of one position: plain, rounded to bf16, or in integers of limited width.

Event j of a group has the value ``value[first + j]`` and its weights from ``weight[base + rows[row + j]]`` on; they meet
the n neurons from ``state[at]`` on. Per neuron the events follow in their order. Outputs are independent of each other, so the
compiler works on many of them at once without changing any sum; no operation is fused or reordered.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import inline_kernel
from seneca_sim.kernels.arithmetic import Float32, Limits, bounded, round_bfloat
from seneca_sim.kernels.landing import Int32, Int64, Offsets

__all__ = ["Sums", "Values", "Weights", "integrate", "integrate_bfloat", "integrate_limited"]

Weights = NDArray[np.int8] | NDArray[np.int32] | NDArray[np.float32]
Sums = NDArray[np.int32] | NDArray[np.float32]
Values = NDArray[np.int32] | NDArray[np.float32]


@inline_kernel
def integrate(
    state: Sums,
    at: np.uint64,
    n: np.uint64,
    weight: Weights,
    base: np.uint64,
    rows: Offsets,
    row: int,
    value: Values,
    first: int,
    count: int,
) -> None:
    """Add `count` events in the arithmetic of `state`; four events share one load and store of the state."""
    j = 0
    while j + 4 <= count:
        e, r = first + j, row + j
        row0, row1, row2, row3 = base + rows[r], base + rows[r + 1], base + rows[r + 2], base + rows[r + 3]
        value0, value1, value2, value3 = value[e], value[e + 1], value[e + 2], value[e + 3]
        for o in range(n):
            total = state[at + o]
            total += weight[row0 + o] * value0
            total += weight[row1 + o] * value1
            total += weight[row2 + o] * value2
            total += weight[row3 + o] * value3
            state[at + o] = total
        j += 4
    while j < count:
        row0, value0 = base + rows[row + j], value[first + j]
        for o in range(n):
            state[at + o] += weight[row0 + o] * value0
        j += 1


@inline_kernel
def integrate_bfloat(
    state: Float32,
    at: np.uint64,
    n: np.uint64,
    weight: Float32,
    base: np.uint64,
    rows: Offsets,
    row: int,
    value: Float32,
    first: int,
    count: int,
) -> None:
    """Add `count` events, every product and every sum rounded to bf16."""
    for j in range(count):
        row0, factor = base + rows[row + j], value[first + j]
        for o in range(n):
            state[at + o] = round_bfloat(state[at + o] + round_bfloat(weight[row0 + o] * factor))


@inline_kernel
def integrate_limited(
    state: Int64,
    at: np.uint64,
    n: np.uint64,
    weight: Int32,
    base: np.uint64,
    rows: Offsets,
    row: int,
    value: Int32,
    first: int,
    count: int,
    limits: Limits,
) -> int:
    """Add `count` events, every sum brought into the range; return how many sums were outside."""
    outside = 0
    for j in range(count):
        row0, factor = base + rows[row + j], np.int64(value[first + j])
        for o in range(n):
            product = factor * weight[row0 + o]
            total = state[at + o]
            result = bounded(total, product, limits)
            outside += result - total != product
            state[at + o] = result
    return outside

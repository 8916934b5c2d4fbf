"""Groups of events into the neurons of one position: plain, rounded to bf16, or in integers of limited width.

Per neuron the events follow in their order. Outputs are independent of each other, so the compiler works on many of them
at once without changing any sum; no operation is fused or reordered.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import inline_kernel
from seneca_sim.kernels.arithmetic import Float32, Limits, bounded, round_bfloat
from seneca_sim.kernels.landing import Int32, Int64, Offsets

__all__ = ["Sums", "Values", "Weights", "integrate", "integrate_bfloat", "integrate_limited", "integrate_plain"]

Weights = NDArray[np.int8] | NDArray[np.int32] | NDArray[np.float32]
Sums = NDArray[np.int32] | NDArray[np.int64] | NDArray[np.float32]
Values = NDArray[np.int32] | NDArray[np.float32]


@inline_kernel
def integrate_plain(
    state: Sums,
    at: np.uint64,
    n: np.uint64,
    weight: Weights,
    base: np.uint64,
    rows: Offsets,
    value: Values | None,
    first: int,
    count: int,
) -> None:
    """Add events as `integrate` does, in the arithmetic of `state`; four events share one load and store of the state."""
    j = 0
    while j + 4 <= count:
        row0, row1, row2, row3 = base + rows[j], base + rows[j + 1], base + rows[j + 2], base + rows[j + 3]
        if value is None:
            for o in range(n):
                total = state[at + o]
                total += weight[row0 + o]
                total += weight[row1 + o]
                total += weight[row2 + o]
                total += weight[row3 + o]
                state[at + o] = total
        else:
            e = first + j
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
        row0 = base + rows[j]
        if value is None:
            for o in range(n):
                state[at + o] += weight[row0 + o]
        else:
            value0 = value[first + j]
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
    value: Float32 | None,
    first: int,
    count: int,
) -> None:
    """Add events as `integrate` does, every product and every sum rounded to bf16."""
    for j in range(count):
        row = base + rows[j]
        if value is None:
            for o in range(n):
                state[at + o] = round_bfloat(state[at + o] + weight[row + o])
        else:
            factor = value[first + j]
            for o in range(n):
                state[at + o] = round_bfloat(state[at + o] + round_bfloat(weight[row + o] * factor))


@inline_kernel
def integrate_limited(
    state: Int64,
    at: np.uint64,
    n: np.uint64,
    weight: Int32,
    base: np.uint64,
    rows: Offsets,
    value: Int32 | None,
    first: int,
    count: int,
    limits: Limits,
) -> int:
    """Add events as `integrate` does, every sum brought into the range; return how many sums were outside."""
    outside = 0
    for j in range(count):
        row = base + rows[j]
        factor = np.int64(1) if value is None else np.int64(value[first + j])
        for o in range(n):
            product = factor * weight[row + o]
            total = state[at + o]
            result = bounded(total, product, limits)
            outside += result - total != product
            state[at + o] = result
    return outside


@inline_kernel
def integrate(
    state: Any,
    at: np.uint64,
    n: np.uint64,
    weight: Any,
    base: np.uint64,
    rows: Offsets,
    value: Any,
    first: int,
    count: int,
    limits: Limits | None,
    rounded: bool | None,
) -> int:
    """Add `count` events to the n neurons from ``state[at]`` on; return how many sums left the range of `limits`.

    Event j has the value ``value[first + j]`` (one where value is None) and its weights from ``weight[base + rows[j]]`` on.
    `limits` makes integers of limited width, `rounded` (True or None) brain floats; without both, sums follow the type of
    `state`. (Arguments that are None choose their branch when the kernel is compiled.)
    """
    if limits is not None:
        return integrate_limited(state, at, n, weight, base, rows, value, first, count, limits)
    if rounded is not None:
        integrate_bfloat(state, at, n, weight, base, rows, value, first, count)
    else:
        integrate_plain(state, at, n, weight, base, rows, value, first, count)
    return 0

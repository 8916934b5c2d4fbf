"""Codes of quantisers and numbers of thresholds reached, in float32 (or bf16) and in 64-bit integers. Maps are (N, C).

Parameters are (C,) in the type of x; codes are exact: no rounding mode adds before it rounds.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import inner_kernel, kernel
from seneca_sim.kernels.arithmetic import Float32
from seneca_sim.kernels.functions import rounded_if
from seneca_sim.kernels.landing import Int64

__all__ = ["BIPOLAR", "ROUNDINGS", "count_thresholds", "encode", "encode_integers"]

ROUNDINGS = ("half_even", "half_up", "half_away", "floor", "ceil", "to_zero")
"""Names by the number that kernels take."""
BIPOLAR = len(ROUNDINGS)
"""Stands for a quantiser with the codes 1 (x >= 0) and -1."""


@inner_kernel
def _goes_up(below: int, compared: int, rounding: int) -> bool:
    """Return whether a number between two whole ones becomes the upper one.

    `below` is the lower whole number; `compared` is the sign of what exceeds it, less one half.
    """
    if rounding == 0:
        return compared > 0 or (compared == 0 and below % 2 != 0)
    if rounding == 1:
        return compared >= 0
    if rounding == 2:
        return compared > 0 or (compared == 0 and below >= 0)
    if rounding == 3:
        return False
    return rounding == 4 or below < 0


@kernel
def encode(x: Float32, step: Float32, low: Float32, high: Float32, rounding: int, y: Float32, rounded: bool) -> None:
    """Fill ``y = step q`` with ``q = min(max(round(x / step), low), high)``."""
    for p in range(x.shape[0]):
        for c in range(x.shape[1]):
            if rounding == BIPOLAR:
                y[p, c] = step[c] if x[p, c] >= 0 else -step[c]
                continue
            quotient = min(max(rounded_if(rounded, x[p, c] / step[c]), np.float32(-(2**62))), np.float32(2**62))
            below = math.floor(quotient)
            over = quotient - np.float32(below)
            half = np.float32(0.5)
            if over > 0 and _goes_up(int(below), int(over > half) - int(over < half), rounding):
                below += 1
            code = min(max(np.float32(below), low[c]), high[c])
            y[p, c] = rounded_if(rounded, step[c] * code)


@kernel
def encode_integers(x: Int64, step: Int64, low: Int64, high: Int64, rounding: int, y: Int64) -> None:
    """Fill ``y = step q`` as `encode` does, in whole numbers; steps are above 0."""
    for p in range(x.shape[0]):
        for c in range(x.shape[1]):
            if rounding == BIPOLAR:
                y[p, c] = step[c] if x[p, c] >= 0 else -step[c]
                continue
            below = x[p, c] // step[c]
            over = x[p, c] - below * step[c]
            rest = step[c] - over
            if over > 0 and _goes_up(below, int(over > rest) - int(over < rest), rounding):
                below += 1
            y[p, c] = step[c] * min(max(below, low[c]), high[c])


@kernel
def count_thresholds(x: Float32 | Int64, thresholds: NDArray[np.float64], y: Float32 | Int64) -> None:
    """Fill y with how many thresholds, ascending in (C, n), x reaches."""
    for p in range(x.shape[0]):
        for c in range(x.shape[1]):
            first, last = 0, thresholds.shape[1]
            while first < last:
                middle = (first + last) // 2
                if x[p, c] >= thresholds[c, middle]:
                    first = middle + 1
                else:
                    last = middle
            y[p, c] = first

"""One operation at a time: brain floats rounded on their bit pattern, integers that saturate or wrap at a given width.

Brain floats (bf16) are kept in float32 arrays; every operation rounds to nearest, ties to even.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import inline_kernel, kernel

__all__ = ["Float32", "Limits", "bounded", "round_bfloat", "round_bfloats"]

Float32 = NDArray[np.float32]


class Limits(NamedTuple):
    """Range of an integer type, both ends included, and whether numbers outside wrap around instead of saturating."""

    low: int
    high: int
    wraps: bool


@inline_kernel
def bounded(total: int, addend: int, limits: Limits) -> int:
    """Return the sum of two 64-bit integers brought into the range; a sum that is too wide for 64 bits is found as well."""
    result = total + addend
    if limits.wraps:
        return limits.low + ((result - limits.low) & (limits.high - limits.low))
    if ((total ^ result) & (addend ^ result)) < 0:
        return limits.high if total >= 0 else limits.low
    return min(max(result, limits.low), limits.high)


@inline_kernel
def round_bfloat(number: np.float32) -> np.float32:
    """Return a float32 number rounded to bf16; what is not a number stays so."""
    bits = np.float32(number).view(np.uint32)
    tie = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = np.uint32((bits + np.uint32(0x7FFF) + tie) & np.uint32(0xFFFF0000))
    return number if number != number else rounded.view(np.float32)


@kernel
def round_bfloats(numbers: Float32) -> None:
    """Round a flat array in place."""
    for i in range(len(numbers)):
        numbers[i] = round_bfloat(numbers[i])

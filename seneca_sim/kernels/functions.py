"""Activation functions of one float32 number. Those with exponentials are computed in float64 and rounded once.

The equations are those of `graph/neurons.py`; in bf16 every operation of softsign and the hard functions is rounded, and
the result of all.
"""

from __future__ import annotations

import math

import numpy as np

from seneca_sim.kernels import inline_kernel, kernel
from seneca_sim.kernels.arithmetic import Float32, round_bfloat

__all__ = ["FUNCTIONS", "apply", "apply_function", "rounded_if"]

FUNCTIONS = (
    "identity",
    "relu",
    "sigmoid",
    "tanh",
    "softsign",
    "hard_sigmoid",
    "hard_tanh",
    "table_sigmoid",
    "table_tanh",
)
"""Names by the number that kernels take."""


@inline_kernel
def rounded_if(rounded: bool, number: np.float32) -> np.float32:
    """Return the number, rounded to bf16 if asked."""
    return round_bfloat(number) if rounded else number


@kernel
def apply(function: int, x: np.float32, rounded: bool) -> np.float32:
    """Return a function of x: see `FUNCTIONS`."""
    if function == 0:
        return x
    if function == 1:
        return max(x, np.float32(0))
    if function == 4:
        return rounded_if(rounded, x / rounded_if(rounded, np.float32(1) + abs(x)))
    if function == 5:
        line = rounded_if(rounded, rounded_if(rounded, x / np.float32(4)) + np.float32(0.5))
        return min(max(line, np.float32(0)), np.float32(1))
    if function == 6:
        return min(max(x, np.float32(-1)), np.float32(1))
    at = float(x)
    if function >= 7:
        at = min(max(math.floor(at * 16.0 + 0.5), -128.0), 127.0) / 16.0
    if function == 2 or function == 7:
        return rounded_if(rounded, np.float32(1.0 / (1.0 + math.exp(-at))))
    return rounded_if(rounded, np.float32(math.tanh(at)))


@kernel
def apply_function(x: Float32, function: int, threshold: Float32, y: Float32, rounded: bool) -> None:
    """Fill ``y = f(x) where |f(x)| > threshold, else 0``; maps are (positions, channels), thresholds (channels,)."""
    for p in range(x.shape[0]):
        for c in range(x.shape[1]):
            value = apply(function, x[p, c], rounded)
            y[p, c] = value if abs(value) > threshold[c] else np.float32(0)

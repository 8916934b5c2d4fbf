"""Neurons with several sums: gated cells, products and thresholds of context, in float32 or with every operation rounded to bf16.

N = positions, C = channels; x is (N, sums x C), sum after sum in the order of `neurons.sum_names`; c, the inner state, and y
are (N, C). Thresholds are (C,), minus infinity where there is none. Operations follow the equations of `graph/neurons.py`
from left to right.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seneca_sim.kernels import inline_kernel, kernel
from seneca_sim.kernels.arithmetic import Float32
from seneca_sim.kernels.functions import apply, rounded_if

__all__ = ["CellRule", "gate_by_context", "multiply", "update_gated", "update_lstm", "update_minimal"]


class CellRule(NamedTuple):
    """What cells compute with: numbers of `functions.FUNCTIONS`, the reset of c (0 none, 1 subtract, 2 zero), rounding to bf16."""

    gate: int
    activation: int
    reset: int
    rounded: bool


@inline_kernel
def _send(c: Float32, p: int, i: int, threshold: Float32, y: Float32, rule: CellRule) -> None:
    """Fill ``y = c where c > threshold, else 0`` for one cell and reset its state."""
    value = c[p, i]
    if value > threshold[i]:
        y[p, i] = value
        if rule.reset == 1:
            c[p, i] = rounded_if(rule.rounded, value - threshold[i])
        elif rule.reset == 2:
            c[p, i] = np.float32(0)
    else:
        y[p, i] = np.float32(0)


@kernel
def update_gated(
    x: Float32, reset_gate: int, candidate: int, threshold: Float32, c: Float32, y: Float32, rule: CellRule
) -> None:
    """Update ``z = phi(zx + r zy); c += u (z - c)`` and send.

    Sum 0 is zx, sum 1 the gate u; r is the sum `reset_gate` (1: the same gate, `MguCell`), zy the sum `candidate`.
    """
    rounded, channels = rule.rounded, c.shape[1]
    for p in range(c.shape[0]):
        for i in range(channels):
            u = apply(rule.gate, x[p, channels + i], rounded)
            r = u if reset_gate == 1 else apply(rule.gate, x[p, reset_gate * channels + i], rounded)
            inner = rounded_if(rounded, r * x[p, candidate * channels + i])
            z = apply(rule.activation, rounded_if(rounded, x[p, i] + inner), rounded)
            change = rounded_if(rounded, u * rounded_if(rounded, z - c[p, i]))
            c[p, i] = rounded_if(rounded, c[p, i] + change)
            _send(c, p, i, threshold, y, rule)


@kernel
def update_minimal(x: Float32, threshold: Float32, c: Float32, y: Float32, rule: CellRule) -> None:
    """Update ``c = u c + (1 - u) z`` and send; sum 0 is z, sum 1 the gate u."""
    rounded, channels = rule.rounded, c.shape[1]
    for p in range(c.shape[0]):
        for i in range(channels):
            u = apply(rule.gate, x[p, channels + i], rounded)
            kept = rounded_if(rounded, u * c[p, i])
            new = rounded_if(rounded, rounded_if(rounded, np.float32(1) - u) * x[p, i])
            c[p, i] = rounded_if(rounded, kept + new)
            _send(c, p, i, threshold, y, rule)


@kernel
def update_lstm(x: Float32, threshold: Float32, c: Float32, y: Float32, rule: CellRule) -> None:
    """Update ``c = f c + i phi(g)`` and send ``h = o phi(c)`` where ``|h| > threshold``; sums i, f, o, g."""
    rounded, channels = rule.rounded, c.shape[1]
    for p in range(c.shape[0]):
        for k in range(channels):
            i = apply(rule.gate, x[p, k], rounded)
            f = apply(rule.gate, x[p, channels + k], rounded)
            o = apply(rule.gate, x[p, 2 * channels + k], rounded)
            g = apply(rule.activation, x[p, 3 * channels + k], rounded)
            kept = rounded_if(rounded, f * c[p, k])
            c[p, k] = rounded_if(rounded, kept + rounded_if(rounded, i * g))
            h = rounded_if(rounded, o * apply(rule.activation, c[p, k], rounded))
            y[p, k] = h if abs(h) > threshold[k] else np.float32(0)


@kernel
def multiply(x: Float32, function: int, y: Float32, rounded: bool) -> None:
    """Fill ``y = f(x s + a)``; sums x, s, a."""
    channels = y.shape[1]
    for p in range(y.shape[0]):
        for i in range(channels):
            product = rounded_if(rounded, x[p, i] * x[p, channels + i])
            y[p, i] = apply(function, rounded_if(rounded, product + x[p, 2 * channels + i]), rounded)


@kernel
def gate_by_context(x: Float32, y: Float32) -> None:
    """Fill ``y = x where x > max(theta, 0), else 0``; sums x, theta."""
    channels = y.shape[1]
    for p in range(y.shape[0]):
        for i in range(channels):
            value = x[p, i]
            y[p, i] = value if value > max(x[p, channels + i], np.float32(0)) else np.float32(0)

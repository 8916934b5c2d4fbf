"""Neuron updates in 64-bit integers brought into the range of the state's type. N = positions, C = channels, maps (N, C).

Each kernel returns how many numbers left the range. Parameters are int64 arrays of (C,), except `decay` (float64): a
decayed value is cut towards zero, which is exact for states up to 53 bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import kernel
from seneca_sim.kernels.arithmetic import Limits, bounded
from seneca_sim.kernels.landing import Int32, Int64

__all__ = ["accumulate_integers", "activate_integers", "fire_integers", "leak_integrate_integers", "quantise_integers"]

Float64 = NDArray[np.float64]


@kernel
def accumulate_integers(state: Int64, x: Int64, limits: Limits) -> int:
    """Add x to the states in place; x is (N, C), or (1, C) for every position."""
    outside = 0
    last = x.shape[0] - 1
    for p in range(state.shape[0]):
        row = min(p, last)
        for c in range(state.shape[1]):
            total = state[p, c]
            state[p, c] = bounded(total, x[row, c], limits)
            outside += state[p, c] - total != x[row, c]
    return outside


@kernel
def leak_integrate_integers(state: Int64, x: Int64, decay: Float64, leak: Int64, gain: Int64, limits: Limits) -> int:
    """Update ``state = trunc(decay (state - leak)) + leak + gain x`` in place."""
    outside = 0
    for p in range(state.shape[0]):
        for c in range(state.shape[1]):
            kept = state[p, c] - leak[c]
            if decay[c] != 1.0:
                kept = np.int64(decay[c] * kept)
            arriving = gain[c] * x[p, c]
            rest = bounded(kept, leak[c], limits)
            state[p, c] = bounded(rest, arriving, limits)
            outside += rest - kept != leak[c] or state[p, c] - rest != arriving
    return outside


@kernel
def fire_integers(
    state: Int64,
    threshold: Int64,
    v_reset: Int64,
    v_min: Int64,
    subtract: bool,
    max_spikes: int,
    spikes: Int32,
    limits: Limits,
) -> int:
    """Fill `spikes` per neuron and reset those that fired; `v_min` is the lowest 64-bit integer where there is none."""
    outside = 0
    for p in range(state.shape[0]):
        for c in range(state.shape[1]):
            v = state[p, c]
            n = 0
            if max_spikes == 1:
                n = 1 if v > threshold[c] else 0
            elif v >= threshold[c]:
                n = min(v // threshold[c], max_spikes)
            if n > 0 and subtract:
                drop = -n * threshold[c]
                left = bounded(v, drop, limits)
                outside += left - v != drop
                v = left
            elif n > 0:
                v = v_reset[c]
            state[p, c] = max(v, v_min[c])
            spikes[p, c] = n
    return outside


@kernel
def activate_integers(x: Int64, floor: Int64, y: Int64) -> None:
    """Fill ``y = x where x > floor else 0``; the identity with the lowest 64-bit integer as floor."""
    for p in range(x.shape[0]):
        for c in range(x.shape[1]):
            y[p, c] = x[p, c] if x[p, c] > floor[c] else 0


@kernel
def quantise_integers(
    a: Int64, sent: Int64, residue: Int64, step: Int64, deadband: bool, fraction_bits: int, limits: Limits, y: Int64
) -> int:
    """Fill y with what changed in `a` since what was sent, as `quantise` does; `limits` is the range of what leaves.

    What does not fit stays behind: in `sent` (rounded multiples, whole steps) or in the residue (dead band). Fraction bits
    are cut off what a dead band sends, and lost.
    """
    outside = 0
    for p in range(a.shape[0]):
        for c in range(a.shape[1]):
            if deadband:
                change = a[p, c] - sent[p, c] + residue[p, c]
                value = change >> fraction_bits if abs(change) >= step[c] else 0
            else:
                value = step[c] * ((2 * a[p, c] + step[c]) // (2 * step[c])) - sent[p, c]
            kept = bounded(value, 0, limits)
            outside += kept != value
            if deadband:
                lost = abs(change) >= step[c] and kept == value
                residue[p, c] = 0 if lost else change - (kept << fraction_bits)
                sent[p, c] = a[p, c]
            else:
                sent[p, c] += kept
            y[p, c] = kept
    return outside

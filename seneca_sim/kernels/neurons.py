"""Neuron updates in float32, or in bf16 when every operation is rounded. N = positions, C = channels, maps are (N, C).

Parameters are float32 arrays of (C,). Operations follow the equations of `graph/neurons.py` from left to right.
"""

from __future__ import annotations

import numpy as np

from seneca_sim.kernels import kernel
from seneca_sim.kernels.arithmetic import Float32
from seneca_sim.kernels.functions import rounded_if
from seneca_sim.kernels.landing import Int32

__all__ = ["activate", "fire", "leak_integrate", "quantise"]


@kernel
def leak_integrate(state: Float32, x: Float32, decay: Float32, leak: Float32, gain: Float32, rounded: bool) -> None:
    """Update ``state = decay (state - leak) + leak + gain x`` in place."""
    for p in range(state.shape[0]):
        for c in range(state.shape[1]):
            kept = rounded_if(rounded, decay[c] * rounded_if(rounded, state[p, c] - leak[c]))
            state[p, c] = rounded_if(
                rounded, rounded_if(rounded, kept + leak[c]) + rounded_if(rounded, gain[c] * x[p, c])
            )


@kernel
def fire(
    state: Float32,
    threshold: Float32,
    v_reset: Float32,
    v_min: Float32,
    subtract: bool,
    max_spikes: int,
    spikes: Int32,
    rounded: bool,
) -> None:
    """Fill `spikes` per neuron and reset those that fired; `v_min` is minus infinity where there is none."""
    for p in range(state.shape[0]):
        for c in range(state.shape[1]):
            v = state[p, c]
            if max_spikes == 1:
                n = np.float32(1 if v > threshold[c] else 0)
            else:
                whole = np.floor(rounded_if(rounded, v / threshold[c]))
                n = min(max(whole, np.float32(0)), np.float32(max_spikes))
            if n > 0:
                v = rounded_if(rounded, v - rounded_if(rounded, n * threshold[c])) if subtract else v_reset[c]
            state[p, c] = max(v, v_min[c])
            spikes[p, c] = n


@kernel
def activate(x: Float32, floor: Float32, y: Float32) -> None:
    """Fill ``y = x where x > floor else 0``: ReLU with floor 0, the identity with floor minus infinity."""
    for p in range(x.shape[0]):
        for c in range(x.shape[1]):
            y[p, c] = x[p, c] if x[p, c] > floor[c] else np.float32(0)


@kernel
def quantise(
    a: Float32,
    sent: Float32,
    residue: Float32,
    step: Float32,
    deadband: bool,
    most: np.float32,
    y: Float32,
    rounded: bool,
    sends_rounded: bool,
) -> int:
    """Fill y with what changed in `a` since what was sent; return the values cut to multiples of step in -most - 1 .. most.

    Rounded multiples: ``q = step floor(a / step + 1/2)``, ``y = q - sent``. Dead band: ``d = a - before + residue``, sent
    where ``|d| >= step``; `sent` then holds the activation before. With `sends_rounded` bf16 values leave, and what they
    miss stays behind: in `sent` (rounded multiples) or in the residue (dead band).
    """
    cut = 0
    for p in range(a.shape[0]):
        for c in range(a.shape[1]):
            if deadband:
                change = rounded_if(rounded, rounded_if(rounded, a[p, c] - sent[p, c]) + residue[p, c])
                value = change if abs(change) >= step[c] else np.float32(0)
            else:
                level = np.floor(rounded_if(rounded, rounded_if(rounded, a[p, c] / step[c]) + np.float32(0.5)))
                level = rounded_if(rounded, step[c] * level)
                value = rounded_if(rounded, level - sent[p, c])
            kept = min(max(value, step[c] * (-most - np.float32(1))), step[c] * most)
            cut += kept != value
            kept = rounded_if(sends_rounded, kept)
            if deadband:
                residue[p, c] = rounded_if(rounded, change - kept)
                sent[p, c] = a[p, c]
            else:
                sent[p, c] = level if kept == value else rounded_if(rounded, sent[p, c] + kept)
            y[p, c] = kept
    return cut

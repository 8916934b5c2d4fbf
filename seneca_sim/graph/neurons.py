"""Neuron models: each a dataclass whose docstring is its equation and whose fields are the equation's symbols.

In every equation x is the weighted sum that arrived in this time step (edge scale applied) plus the bias, y the value
that leaves; y = 0 sends no event. Fields are scalars or arrays that broadcast to (channels, 1, 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["CubaLif", "Identity", "If", "Li", "Lif", "Neuron", "Relu", "Reset", "SigmaDelta", "ThresholdRelu"]

Reset = Literal["value", "subtract"]
"""After a spike: set the membrane to `v_reset`, or subtract the threshold once per spike."""
Parameter = float | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """y = x: a readout that sends its sum."""


@dataclass(frozen=True, slots=True, eq=False)
class Relu:
    """y = max(x, 0)."""


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdRelu:
    """y = x where x > threshold, else 0 (FATReLU)."""

    threshold: Parameter


@dataclass(frozen=True, slots=True, eq=False)
class If:
    """v += r x; n = spikes(v); reset. n = 1 where v > threshold (max_spikes 1), else min(floor(v / threshold), max_spikes)."""

    threshold: Parameter = 1.0
    r: Parameter = 1.0
    v_reset: Parameter = 0.0
    reset: Reset = "value"
    max_spikes: int = 1
    v_min: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lif:
    """v = decay (v - v_leak) + v_leak + r x; spikes and reset as in `If`."""

    decay: Parameter
    r: Parameter = 1.0
    threshold: Parameter = 1.0
    v_leak: Parameter = 0.0
    v_reset: Parameter = 0.0
    reset: Reset = "value"
    max_spikes: int = 1
    v_min: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Li:
    """v = decay (v - v_leak) + v_leak + r x; y = v."""

    decay: Parameter
    r: Parameter = 1.0
    v_leak: Parameter = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class CubaLif:
    """i = decay_syn i + w_in x; v = decay_mem (v - v_leak) + v_leak + r i; spikes and reset as in `If`."""

    decay_syn: Parameter
    decay_mem: Parameter
    r: Parameter = 1.0
    w_in: Parameter = 1.0
    threshold: Parameter = 1.0
    v_leak: Parameter = 0.0
    v_reset: Parameter = 0.0
    reset: Reset = "value"
    max_spikes: int = 1
    v_min: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SigmaDelta:
    """X += x (X starts at the bias, which is not added again); a = activation(X); y = what changed in a.

    mode `round`: q = step floor(a / step + 1/2), y = q - q_before (the mSigma-Delta paper, Eq. 1).
    mode `deadband`: d = a - a_before + residue; y = d where |d| >= step, else 0; residue = d - y (lava-dl).
    """

    step: Parameter
    mode: Literal["round", "deadband"] = "round"
    activation: Literal["relu", "identity"] = "relu"


Neuron = Identity | Relu | ThresholdRelu | If | Lif | Li | CubaLif | SigmaDelta


def is_stateful(neuron: Neuron) -> bool:
    """Return whether the neuron keeps values from one time step to the next (its whole map stays in memory)."""
    return isinstance(neuron, If | Lif | Li | CubaLif | SigmaDelta)

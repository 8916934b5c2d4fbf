"""Neuron models: each a dataclass whose docstring is its equation and whose fields are the equation's symbols.

In every equation x is the weighted sum that arrived in this time step (edge scale applied) plus the bias, y the value
that leaves; y = 0 sends no event. Fields are scalars or arrays that broadcast to (channels, 1, 1).

Most neurons gather one sum. Some gather several (`sum_names`), which their equation calls by name; their links say by
port which of them they feed (`sum_ports`), and a bias belongs to each sum. sigma is the gate function, phi the activation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Activation",
    "CellReset",
    "Clip",
    "ContextThreshold",
    "CubaLif",
    "Delay",
    "Function",
    "GruCell",
    "Identity",
    "If",
    "Li",
    "Lif",
    "LstmCell",
    "MguCell",
    "MinimalCell",
    "MultiThreshold",
    "Neuron",
    "Parameter",
    "Product",
    "Quantise",
    "Relu",
    "Reset",
    "Rounding",
    "SigmaDelta",
    "ThresholdRelu",
    "is_cell",
    "is_stateful",
    "sum_names",
    "sum_ports",
]

Reset = Literal["value", "subtract", "subtract_late"]
"""After a spike: set the membrane to `v_reset`, or subtract the threshold once per spike; `subtract_late`: not now, but from
the membrane of the next step, behind its decay and input (snnTorch)."""
Parameter = float | NDArray[np.float64]
Function = Literal[
    "identity", "relu", "sigmoid", "tanh", "softsign", "hard_sigmoid", "hard_tanh", "table_sigmoid", "table_tanh"
]
"""softsign: x / (1 + |x|); hard_sigmoid: min(max(x / 4 + 1/2, 0), 1), hard_tanh: min(max(x, -1), 1), the tangents at 0;
table_*: the function at the nearest of 256 points x = k / 16, k = -128 .. 127."""
Rounding = Literal["half_even", "half_up", "half_away", "floor", "ceil", "to_zero"]
CellReset = Literal["none", "subtract", "zero"]
"""After a cell has sent: keep c, subtract the threshold from it, or set it to zero."""


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
    """X += gain x (X starts at the bias, which is not added again); a = activation(X); y = what changed in a.

    mode `round`: q = step floor(a / step + 1/2), y = q - q_before (the mSigma-Delta paper, Eq. 1).
    mode `deadband`: d = a - a_before + residue; s = d where |d| >= step, else 0; residue = d - s;
    y = floor(s / 2**fraction_bits): states have so many bits more than messages, and what is cut off is lost (lava's fixed
    point; integers only; a dead band's step may be 0). Without fraction bits y = s.
    Without `accumulates`, X = gain x + bias: a delta encoder of values that arrive whole in every step.
    """

    step: Parameter
    mode: Literal["round", "deadband"] = "round"
    activation: Literal["relu", "identity"] = "relu"
    gain: Parameter = 1.0
    fraction_bits: int = 0
    accumulates: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Activation:
    """y = f(x) where |f(x)| > threshold, else 0; f is `function`."""

    function: Function
    threshold: Parameter = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """y = min(max(x, low), high)."""

    low: Parameter = 0.0
    high: Parameter = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Quantise:
    """q = min(max(round(x / step), low), high); y = step q. With `bipolar`: y = step where x >= 0, else -step.

    A zero point z of an asymmetric quantiser is in `low` and `high` (lowest code - z, highest code - z).
    """

    step: Parameter
    low: Parameter
    high: Parameter
    rounding: Rounding = "half_even"
    bipolar: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class MultiThreshold:
    """y = scale * (number of thresholds t with x >= t) + offset."""

    thresholds: NDArray[np.float64]
    """(channels or 1, n), ascending along n"""
    scale: Parameter = 1.0
    offset: Parameter = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Delay:
    """y = x of `steps` time steps ago, 0 before; steps is one whole number, or one per channel."""

    steps: Parameter


@dataclass(frozen=True, slots=True, eq=False)
class GruCell:
    """u = sigma(u); r = sigma(r); z = phi(zx + r zy); c += u (z - c); y = c where c > threshold, else 0; reset of c.

    Sums zx, u, r, zy. Port 0 (what comes in) feeds zx, u, r; port 1 (y of the step before) feeds u, r, zy. Without a
    threshold y = c. EGRU (Subramoney et al. 2023) with the reset gate behind the recurrent weights (cuDNN's form), so that
    gates see x(t) and y(t-1) only.
    """

    threshold: Parameter | None = None
    reset: CellReset = "none"
    gate: Function = "sigmoid"
    activation: Function = "tanh"


@dataclass(frozen=True, slots=True, eq=False)
class MguCell:
    """f = sigma(f); z = phi(zx + f zy); c += f (z - c); y and reset as in `GruCell`.

    Sums zx, f, zy. Port 0 feeds zx, f; port 1 (y of the step before) feeds f, zy. Minimal gated unit (Zhou et al. 2016).
    """

    threshold: Parameter | None = None
    reset: CellReset = "none"
    gate: Function = "sigmoid"
    activation: Function = "tanh"


@dataclass(frozen=True, slots=True, eq=False)
class MinimalCell:
    """u = sigma(u); c = u c + (1 - u) z; y and reset as in `GruCell`.

    Sums z, u. Port 0 (the candidate, through its own neurons) feeds z, port 1 (candidate and y of the step before, weighted)
    feeds u. MinimalRNN (Chen 2017).
    """

    threshold: Parameter | None = None
    reset: CellReset = "none"
    gate: Function = "sigmoid"


@dataclass(frozen=True, slots=True, eq=False)
class LstmCell:
    """i, f, o = sigma(i), sigma(f), sigma(o); c = f c + i phi(g); h = o phi(c); y = h where |h| > threshold, else 0.

    Sums i, f, o, g; ports 0 (what comes in) and 1 (y of the step before) feed all four. Without a threshold y = h.
    """

    threshold: Parameter | None = None
    gate: Function = "sigmoid"
    activation: Function = "tanh"


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """y = f(x s + a): x scaled by s, one number per channel for the whole map, plus a; f is `function`.

    Sums x (port 0), s (port 1, from a map of one position: broadcast), a (port 2, optional). The last step of squeeze-excite.
    """

    function: Function = "identity"


@dataclass(frozen=True, slots=True, eq=False)
class ContextThreshold:
    """y = x where x > max(theta, 0), else 0: a threshold per channel that the input itself sets.

    Sums x (port 0), theta (port 1, from a map of one position: broadcast).
    """


Neuron = (
    Identity
    | Relu
    | ThresholdRelu
    | If
    | Lif
    | Li
    | CubaLif
    | SigmaDelta
    | Activation
    | Clip
    | Quantise
    | MultiThreshold
    | Delay
    | GruCell
    | MguCell
    | MinimalCell
    | LstmCell
    | Product
    | ContextThreshold
)

_SUMS: dict[type, tuple[str, ...]] = {
    GruCell: ("zx", "u", "r", "zy"),
    MguCell: ("zx", "f", "zy"),
    MinimalCell: ("z", "u"),
    LstmCell: ("i", "f", "o", "g"),
    Product: ("x", "s", "a"),
    ContextThreshold: ("x", "theta"),
}
_PORTS: dict[type, tuple[tuple[int, int], ...]] = {
    GruCell: ((0, 3), (1, 3)),
    MguCell: ((0, 2), (1, 2)),
    MinimalCell: ((0, 1), (1, 1)),
    LstmCell: ((0, 4), (0, 4)),
    Product: ((0, 1), (1, 1), (2, 1)),
    ContextThreshold: ((0, 1), (1, 1)),
}


def sum_names(neuron: Neuron | None) -> tuple[str, ...]:
    """Return the names of the sums that each neuron gathers, in the order of its state words.

    >>> sum_names(Relu()), sum_names(MguCell())
    (('x',), ('zx', 'f', 'zy'))
    """
    return _SUMS.get(type(neuron), ("x",))


def sum_ports(neuron: Neuron) -> tuple[tuple[int, int], ...]:
    """Return (first sum, number of sums) that links at each port feed; neurons with one sum have one port.

    >>> sum_ports(GruCell())
    ((0, 3), (1, 3))
    """
    return _PORTS.get(type(neuron), ((0, 1),))


def is_cell(neuron: Neuron | None) -> bool:
    """Return whether the neuron keeps an inner state c for the whole map, beside sums of which only some rows are held.

    >>> is_cell(GruCell()), is_cell(Lif(0.9))
    (True, False)
    """
    return isinstance(neuron, GruCell | MguCell | MinimalCell | LstmCell)


def is_stateful(neuron: Neuron) -> bool:
    """Return whether the neuron's sums themselves live on from step to step, so that their whole map stays in memory.

    >>> is_stateful(Lif(0.9)), is_stateful(Relu()), is_stateful(GruCell())
    (True, False, False)
    """
    return isinstance(neuron, If | Lif | Li | CubaLif | SigmaDelta | Delay)

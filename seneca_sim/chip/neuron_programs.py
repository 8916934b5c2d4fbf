"""Firing sequences of every neuron model, per neuron, in BF16, from the published instruction set.

Published is the energy of the LIF update (12.1 pJ), which MLD, MUL, GTH, MUL, MST and EVC compose to; ReLU, FATReLU and IF follow
its pattern. Everything else is `assumed`: reconstructions from the equations (`graph/neurons.py`). The set has no exponential, no
division and no branch, so that gates and activations are computed in registers as `FUNCTIONS` lists:

- *sigmoid, tanh*: e = 2^t, t = -|x| log2(e), twice that for tanh: t = n + f with n = RND(t); 2^f by a polynomial of degree 2;
  n + 255 shifted left by 7 is -2^n in BF16, sign included. Then 1 / (1 + e) by a straight line and two Newton steps
  r (2 - d r), brought to the sign of x by AND and ORR. In BF16 within 0.01 (sigmoid) and 0.02 (tanh) of the function
  (tests/chip/test_neuron_programs.py runs the sequences).
- *softsign*: x / d, d = 1 + |x|: AND leaves the power of two of d, SUB8 from a constant turns it into half its reciprocal p;
  Newton as above for d p in [1/2, 1). Within 0.01.
- *table_sigmoid, table_tanh*: the point x = k / 16 by MUL, RND, MAX, MIN, then one load of the table for every lane in turn
  (`LOOKUP`): all lanes share the address of the data memory's wide port, and each needs another.

RND rounds to the nearest whole number, ties to even; other roundings correct it (`ROUNDINGS`).

Sums are loaded, and stored again as the bias (or zero) that they restart from. The vector of a broadcast edge is loaded for
every position; that it restarts once a step is a store per chunk of channels, and left out. Neurons of a delayed layer also take
their sums from, and put them into, the ring that delays them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "CELLS",
    "FUNCTIONS",
    "LOOKUP",
    "MEMBRANES",
    "NEURON_KINDS",
    "ROUNDINGS",
    "SUMS",
    "Sum",
    "sequences",
    "sums_of",
]

LOOKUP = "LOOKUP"
"""A load at an address of each lane's own: an MLD for each neuron of the chunk."""
_EXPONENTIAL = ["ABS", "MUL", "MAX", "RND", "SUB", "MUL", "ADD", "MUL", "ADD", "ADD", "SHL", "MUL"]
_NEWTON = ["MUL", "SUB", "MUL", "SUB", "MUL", "MUL", "SUB", "MUL"]
_INDEX = ["MUL", "RND", "MAX", "MIN"]
FUNCTIONS: dict[str, list[str]] = {
    "identity": [],
    "relu": ["MAX"],
    "sigmoid": [*_EXPONENTIAL, "ADD", *_NEWTON, "SUB", "AND", "ORR", "ADD"],
    "tanh": [*_EXPONENTIAL, "ADD", *_NEWTON, "MUL", "SUB", "AND", "ORR"],
    "softsign": ["ABS", "ADD", "AND", "SUB8", "MUL", *_NEWTON, "MUL", "MUL"],
    "hard_sigmoid": ["MUL", "ADD", "MAX", "MIN"],
    "hard_tanh": ["MAX", "MIN"],
    "table_sigmoid": [*_INDEX, LOOKUP],
    "table_tanh": [*_INDEX, LOOKUP],
}
NEVER_NEGATIVE = ("relu", "sigmoid", "hard_sigmoid", "table_sigmoid")
ROUNDINGS: dict[str, list[str]] = {
    "half_even": ["RND"],
    "half_up": ["ADD", "RND", "GTH", "SUB"],
    "half_away": ["AND", "ABS", "ADD", "RND", "GTH", "SUB", "ORR"],
    "floor": ["RND", "GTH", "SUB"],
    "ceil": ["RND", "GTH", "ADD"],
    "to_zero": ["AND", "ABS", "RND", "GTH", "SUB", "ORR"],
}
"""Floor is RND, less one where that is above the number; the sign is taken off (AND, ABS) and put back (ORR)."""
SUMS: dict[str, tuple[str, ...]] = {
    "GruCell": ("zx", "u", "r", "zy"),
    "MguCell": ("zx", "f", "zy"),
    "MinimalCell": ("z", "u"),
    "LstmCell": ("i", "f", "o", "g"),
    "Product": ("x", "s", "a"),
    "ContextThreshold": ("x", "theta"),
}
"""Sums of the neurons that gather several, as `graph.neurons.sum_names` has them."""
CELLS = ("GruCell", "MguCell", "MinimalCell", "LstmCell")
MEMBRANES = ("If", "Lif", "Li", "CubaLif")
VALUES = ("Identity", "Relu", "ThresholdRelu", "Activation", "Clip", "Quantise", "MultiThreshold")
"""Neurons with one sum and no memory: a function of the sum that grows with it."""
NEURON_KINDS = (*VALUES, *MEMBRANES, "SigmaDelta", "Delay", *SUMS)
Sequences = tuple[list[str], list[str], list[str]]


@dataclass(frozen=True, slots=True)
class Sum:
    """Where one of a neuron's sums comes from."""

    mapped: bool = True
    """Whether edges add to a number of every neuron."""
    vector: bool = False
    """Whether a broadcast edge adds to a number of the channel."""
    bias: bool = False

    @property
    def load(self) -> list[str]:
        """Bring the sum into a register; a bias is in what is stored, or stands alone."""
        if self.mapped and self.vector:
            return ["MLD", "MLD", "ADD"]
        return ["MLD"] if self.mapped or self.vector or self.bias else []

    @property
    def restart(self) -> list[str]:
        """Store the number that the next step starts from."""
        if not self.mapped:
            return []
        return ["MLD", "MST"] if self.bias and not self.vector else ["MST"]


def sums_of(kind: str, options: Mapping[str, Any]) -> tuple[Sum, ...]:
    """Return the sums of a neuron: `options["sums"]`, else all fed by edges, with `options["bias"]`.

    >>> sums_of("Relu", {"bias": True})
    (Sum(mapped=True, vector=False, bias=True),)
    """
    bias = bool(options.get("bias", False))
    return tuple(options.get("sums") or (Sum(bias=bias) for _ in SUMS.get(kind, ("x",))))


def sequences(kind: str, options: Mapping[str, Any], pooled: bool) -> Sequences:
    """Return the instructions of update, window and emit, per neuron, without EVC.

    >>> sequences("Lif", {}, pooled=False)[0]
    ['MLD', 'MUL', 'GTH', 'MUL', 'MST']
    """
    sums = sums_of(kind, options)
    load, restart = sums[0].load, sums[0].restart
    delayed = ["MST", "MLD"] if int(options.get("delay", 0)) else []
    if kind in MEMBRANES:
        several = int(options.get("max_spikes", 1)) > 1
        joined = ["MAX"] if kind == "Li" or several else ["ORR"]
        return _membrane(kind, options, sums[0], bool(delayed)), joined if pooled else [], []
    if kind == "SigmaDelta":
        added = ["MLD", "ADD", "MST"] * (int(sums[0].vector) + int(bool(delayed)))
        quantise = _sigma_delta(options)
        # X is what integration has stored; the maximum over a window is taken of X, what was sent is kept behind it
        return (added, ["MLD", "MAX"], quantise[1:]) if pooled else ([*added, *quantise], [], [])
    if kind == "Delay":
        ring = ["MLD"] if np.unique(np.asarray(options.get("steps", 1))).size == 1 else [LOOKUP]
        stored = [*load, "MST", *restart]
        return (stored, [*ring, "MAX"], []) if pooled else ([*stored, *ring], [], [])
    if kind in VALUES:
        value = _value(kind, options)
        if pooled:  # values grow with their sum, so that the maximum is taken before them
            return [*(load + delayed if delayed else []), *restart], [*load, "MAX"], value
        return [*load, *delayed, *value, *restart], [], []
    loads = [mnemonic for each in sums for mnemonic in [*each.load, *(delayed if each.mapped else [])]]
    restarts = [mnemonic for each in sums for mnemonic in each.restart]
    return [*loads, *_several(kind, options, sums), *restarts], [], []


def _value(kind: str, options: Mapping[str, Any]) -> list[str]:
    """Return the function of a neuron with one sum and no memory."""
    if kind == "Activation":
        function = str(options.get("function", "identity"))
        magnitude = [] if function in NEVER_NEGATIVE else ["ABS"]
        kept = [*magnitude, "GTH", "MUL"] if _matters(options.get("threshold", 0.0)) else []
        return [*FUNCTIONS[function], *kept]
    if kind == "Quantise":
        if options.get("bipolar", False):
            return ["AND", "ORR"]  # the sign of x on the step
        return ["MUL", *ROUNDINGS[str(options.get("rounding", "half_even"))], "MAX", "MIN", "MUL"]
    if kind == "MultiThreshold":
        thresholds = np.asarray(options.get("thresholds", np.zeros((1, 1))))
        compare = ["GTH", "ADD"] if thresholds.shape[0] == 1 else ["MLD", "GTH", "ADD"]
        scale = ["MUL"] if np.any(np.asarray(options.get("scale", 1.0)) != 1) else []
        return [*compare * thresholds.shape[-1], *scale, *(["ADD"] if _matters(options.get("offset", 0.0)) else [])]
    return {"Identity": [], "Relu": ["MAX"], "ThresholdRelu": ["GTH", "MUL"], "Clip": ["MAX", "MIN"]}[kind]


def _several(kind: str, options: Mapping[str, Any], sums: Sequence[Sum]) -> list[str]:
    """Return what a neuron with several sums does between their loads and their restarts."""
    if kind == "Product":
        added = ["ADD"] if sums[2].load else []
        return ["MUL", *added, *FUNCTIONS[str(options.get("function", "identity"))]]
    if kind == "ContextThreshold":
        return ["MAX", "GTH", "MUL"]
    gate = FUNCTIONS[str(options.get("gate", "sigmoid"))]
    activation = FUNCTIONS[str(options.get("activation", "tanh"))]
    if kind == "LstmCell":
        sent = [] if options.get("threshold") is None else ["ABS", "GTH", "MUL"]
        inner = [*gate * 3, *activation, "MUL", "MLD", "MUL", "ADD", "MST"]
        return [*inner, *activation, "MUL", *sent]
    blend = ["MLD", "SUB", "MUL", "ADD"]  # c + u (z - c), or z + u (c - z)
    if kind == "MinimalCell":
        return [*gate, *blend, *_cell_output(options)]
    gates = gate * (2 if kind == "GruCell" else 1)
    return [*gates, "MUL", "ADD", *activation, *blend, *_cell_output(options)]


def _cell_output(options: Mapping[str, Any]) -> list[str]:
    """Send c where it passes the threshold, reset it, store it."""
    if options.get("threshold") is None:
        return ["MST"]
    reset = {"none": [], "subtract": ["MUL", "SUB"], "zero": ["SUB"]}[str(options.get("reset", "none"))]
    return ["GTH", "MUL", *reset, "MST"]


def _sigma_delta(options: Mapping[str, Any]) -> list[str]:
    """X, activation, difference to what was sent, whole steps (round) or what leaves the dead band, add to what was sent."""
    activation = [] if options.get("activation", "relu") == "identity" else ["MAX"]
    kept = ["ABS", "GTH", "MUL"] if options.get("mode", "round") == "deadband" else ["MUL", "RND", "MUL"]
    return ["MLD", *activation, "MLD", "SUB", *kept, "ADD", "MST"]


def _membrane(kind: str, options: Mapping[str, Any], incoming: Sum, delayed: bool) -> list[str]:
    """Load, integrate, spike, reset, clamp, decay and store a membrane (and a synaptic current)."""
    decay = [] if kind == "If" else ["MUL"]
    if kind != "If" and _matters(options.get("v_leak", 0.0)):
        decay.append("ADD")
    current = ["MLD", "ADD"] if kind == "CubaLif" else []
    added = ["MLD", "ADD"] if incoming.bias or incoming.vector else []
    ring = ["MLD", "ADD", "MST"] if delayed else []
    spikes = [] if kind == "Li" else _spikes(options)
    clamp = ["MAX"] if options.get("v_min") is not None else []
    stored = ["MST", "MUL", "MST"] if kind == "CubaLif" else ["MST"]
    return ["MLD", *current, *added, *decay, *spikes, *clamp, *ring, *stored]


def _spikes(options: Mapping[str, Any]) -> list[str]:
    """Compare and reset; with several spikes a step, count them: min(floor(v / threshold), max_spikes).

    A late reset finds the spikes of the step before again, from the membrane as it was stored.
    """
    if int(options.get("max_spikes", 1)) > 1:
        count = ["MUL", "SUB", "RND", "MIN", "MAX"]
        match options.get("reset", "value"):
            case "subtract":
                return [*count, "MUL", "SUB"]
            case "subtract_late":
                return [*count, "MUL", "SUB", *count]
        return [*count, "EQL", *_to_value(options)]
    match options.get("reset", "value"):
        case "subtract":
            return ["GTH", "AND", "SUB"]
        case "subtract_late":
            return ["GTH", "AND", "SUB", "GTH"]
    return ["GTH", *_to_value(options)]


def _to_value(options: Mapping[str, Any]) -> list[str]:
    return ["MUL", "MUL", "ADD"] if _matters(options.get("v_reset", 0.0)) else ["MUL"]


def _matters(value: Any) -> bool:
    """Return whether a field, a number or an array, is anywhere other than zero."""
    return bool(np.any(np.asarray(value) != 0))

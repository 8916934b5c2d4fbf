"""How the neurons of a layer fire: the program that the chip runs for them, and at which positions it must run."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.chip.neuron_programs import Sum
from seneca_sim.graph.network import Layer, Network
from seneca_sim.graph.neurons import (
    Activation,
    Clip,
    ContextThreshold,
    MultiThreshold,
    Neuron,
    Product,
    Quantise,
    Relu,
    SigmaDelta,
    ThresholdRelu,
)

__all__ = ["Evaluate", "evaluate_rule", "fire_options", "sums_of_layer"]

Real = NDArray[np.float64]
Evaluate = Literal["always", "touched", "touched_later"]
"""Which output positions run the neuron program: all in every step, those with a synaptic operation in the step, or all in
step 0 and the touched ones from step 1 on."""
MARGIN = 2.0**-6
"""Relative error that a bias may have in the narrowest arithmetic (BF16 has 2^-8) before a claim about it counts as proven."""


def sums_of_layer(network: Network, layer: Layer) -> tuple[Sum, ...]:
    """Return where each sum of a layer's neurons comes from.

    A bias that is zero everywhere costs nothing, unless it is the placeholder of a network without weights.
    """
    size, unknown = layer.shape[0], network.weights == "absent"
    found = []
    for index in range(layer.sums):
        feeding = [edge for edge in layer.edges if edge.first_sum <= index < edge.first_sum + edge.sums]
        bias = None if layer.bias is None else layer.bias[index * size : (index + 1) * size]
        found.append(
            Sum(
                mapped=any(not edge.broadcast for edge in feeding),
                vector=any(edge.broadcast for edge in feeding),
                bias=bias is not None and (unknown or bool(np.any(bias))),
            )
        )
    return tuple(found)


def fire_options(network: Network, layer: Layer) -> tuple[str, dict[str, Any]]:
    """Return the kind of a layer's neurons and their options, as the chip's programs ask for them.

    >>> from seneca_sim.graph.network import Edge
    >>> layer = Layer("relu", Relu(), (2, 4, 4), (Edge("e", 0, "add", None),), bias=np.ones(2, np.float32))
    >>> fire_options(Network("n", (Layer("in", None, (2, 4, 4)), layer)), layer)
    ('Relu', {'sums': (Sum(mapped=True, vector=False, bias=True),), 'delay': 0})
    """
    own = {} if layer.neuron is None else {each.name: getattr(layer.neuron, each.name) for each in fields(layer.neuron)}
    return type(layer.neuron).__name__, {**own, "sums": sums_of_layer(network, layer), "delay": layer.delay}


def evaluate_rule(layer: Layer, *, bias_known: bool = True) -> Evaluate:
    """Return which positions of a layer must run their neuron program, from its equation and its bias.

    An untouched position may be skipped where its neurons provably keep their state and send nothing: functions of the sum
    that are zero at the bias, and sigma-delta layers once the bias itself has been sent (at once if it is never sent; not
    where states restart). Not where a broadcast edge adds to every position, where sums act later than they were gathered, or where
    there is a bias that nobody knows (`bias_known`: of a network without weights it is a placeholder).
    """
    if layer.bias is not None and not bias_known:
        return "always"
    scaling = {1} if isinstance(layer.neuron, Product | ContextThreshold) else set()
    if layer.delay or any(edge.broadcast and edge.first_sum not in scaling for edge in layer.edges):
        return "always"
    bias = np.zeros(layer.sums) if layer.bias is None else np.asarray(layer.bias, dtype=np.float64)
    bias = bias.reshape(layer.sums, -1)
    match layer.neuron:
        case SigmaDelta(activation=activation):
            silent = np.all(bias <= 0) if activation == "relu" else np.all(bias == 0)
            return "touched" if bool(silent) else "always" if layer.reset_every else "touched_later"
        case Product(function=function):
            scaled = bool(np.all(bias[0] == 0)) and _silent(Activation(function), bias[2])
            return "touched" if scaled else "always"
        case ContextThreshold():
            return "touched" if bool(np.all(bias[0] <= 0)) else "always"
        case Relu() | ThresholdRelu() | Activation() | Clip() | Quantise() | MultiThreshold():
            return "touched" if _silent(layer.neuron, bias[0]) else "always"
        case _:
            return "always"


def _silent(neuron: Neuron, bias: Real) -> bool:
    """Return whether a neuron surely sends nothing where only its bias arrives; values grow with their sum."""
    around = np.abs(bias) * MARGIN
    bounds = ((bias - around).reshape(-1, 1, 1), (bias + around).reshape(-1, 1, 1))
    return all(not np.any(_value(neuron, bound)) for bound in bounds)


def _value(neuron: Neuron, x: Real) -> Real:
    """Return the value that leaves for a sum (channels, 1, 1); one for neurons that are always evaluated."""
    match neuron:
        case Relu():
            return np.maximum(x, 0)
        case ThresholdRelu(threshold=threshold):
            return np.where(x > threshold, x, 0)
        case Activation(function=function, threshold=threshold):
            value = _function(function, x)
            return np.where(np.abs(value) > np.multiply(threshold, 1 - MARGIN), value, 0)
        case Clip(low=low, high=high):
            return np.minimum(np.maximum(x, low), high)
        case Quantise(step=step, low=low, high=high, rounding=rounding, bipolar=bipolar):
            return np.ones_like(x) if bipolar else np.minimum(np.maximum(_rounded(rounding, x / step), low), high)
        case MultiThreshold(thresholds=thresholds, scale=scale, offset=offset):
            number = (x.reshape(-1, 1) >= thresholds).sum(axis=1).reshape(-1, 1, 1)
            return np.asarray(scale * number + offset, dtype=np.float64)
        case _:
            return np.ones_like(x)


def _function(name: str, x: Real) -> Real:
    """Return a function of the sum."""
    if name.startswith("table_"):
        return _function(name.removeprefix("table_"), np.clip(np.rint(x * 16), -128, 127) / 16)
    match name:
        case "relu":
            return np.maximum(x, 0)
        case "sigmoid":
            return np.asarray(1 / (1 + np.exp(-np.clip(x, -60.0, 60.0))))
        case "hard_sigmoid":
            return np.clip(x / 4 + 0.5, 0, 1)
        case "tanh":
            return np.tanh(x)
        case "hard_tanh":
            return np.clip(x, -1, 1)
        case "softsign":
            return np.asarray(x / (1 + np.abs(x)))
        case _:
            return x


def _rounded(rounding: str, x: Real) -> Real:
    """Return x rounded to a whole number."""
    match rounding:
        case "floor":
            return np.floor(x)
        case "ceil":
            return np.ceil(x)
        case "to_zero":
            return np.trunc(x)
        case "half_up":
            return np.floor(x + 0.5)
        case "half_away":
            return np.asarray(np.copysign(np.floor(np.abs(x) + 0.5), x))
        case _:
            return np.rint(x)

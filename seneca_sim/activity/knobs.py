"""What calibration turns so that a layer sends more or fewer events: one number, more of which means fewer events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.drawn_weights import scale_weights
from seneca_sim.activity.number_types import arithmetic_of
from seneca_sim.graph.network import Layer
from seneca_sim.graph.neurons import (
    Activation,
    Clip,
    ContextThreshold,
    CubaLif,
    GruCell,
    If,
    Lif,
    LstmCell,
    MguCell,
    MinimalCell,
    Quantise,
    Relu,
    SigmaDelta,
    ThresholdRelu,
)

__all__ = ["Knob", "knob_of"]

_NEVER_ZERO = ("sigmoid", "hard_sigmoid", "table_sigmoid")


@dataclass(frozen=True, slots=True)
class Knob:
    """A number of a layer and how it is set."""

    name: Literal["bias", "threshold", "step", "weights"]
    turned: Callable[[float], Layer]
    """The layer with the number set."""
    stateless: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    """From sums: what must exceed the number for a neuron to send, where that is all there is to it."""


def knob_of(layer: Layer, asked: bool) -> Knob | None:
    """Return what is calibrated: the bias of rectifiers, thresholds, the step of sigma-delta neurons, weights of quantisers.

    Of a threshold that the input sets, it is the bias of the threshold.

    None: the neuron sends whatever arrives (readouts, gates, delays), or in every step (cells and functions without a
    threshold, unless a density of theirs is `asked` for).
    """
    whole = arithmetic_of(layer) == "integer"
    neuron = layer.neuron
    plain = layer.pool is None and layer.delay == 0
    match neuron:
        case Relu():
            return Knob("bias", lambda value: _biased(layer, value, whole), _as_is if plain else None)
        case Clip() if np.all(np.asarray(neuron.low) == 0):
            return Knob("bias", lambda value: _biased(layer, value, whole), _as_is if plain else None)
        case ThresholdRelu():
            return Knob("threshold", lambda value: _with(layer, whole, threshold=value), _as_is if plain else None)
        case Activation() if neuron.function not in _NEVER_ZERO and (asked or np.any(np.asarray(neuron.threshold) > 0)):
            return Knob("threshold", lambda value: _with(layer, False, threshold=value))
        case ContextThreshold():
            return Knob("bias", lambda value: _context_biased(layer, value))
        case If() | Lif() | CubaLif():
            return Knob("threshold", lambda value: _with(layer, whole, threshold=value))
        case SigmaDelta():
            return Knob("step", lambda value: _with(layer, whole, step=value))
        case Quantise() if not neuron.bipolar and not whole:
            return Knob("weights", lambda value: scale_weights(layer, 1.0 / value, lambda edge: edge.delay == 0))
        case GruCell() | MguCell() | MinimalCell() | LstmCell() if asked or neuron.threshold is not None:
            return Knob("threshold", lambda value: _with(layer, False, threshold=value))
    return None


def _as_is(x: NDArray[Any]) -> NDArray[Any]:
    """Return the sums."""
    return x


def _number(value: float, whole: bool) -> float:
    """Return a number as the layer holds it, at least 1 where it is whole."""
    return float(max(np.rint(value), 1.0)) if whole else float(np.float32(value))


def _with(layer: Layer, whole: bool, **constants: float) -> Layer:
    """Return a layer whose neurons have one constant replaced."""
    neuron: Any = layer.neuron
    return replace(layer, neuron=replace(neuron, **{name: _number(value, whole) for name, value in constants.items()}))


def _biased(layer: Layer, value: float, whole: bool) -> Layer:
    """Return a layer with one negative bias for all channels; none for zero, so that silence stays free."""
    if value <= 0:
        return replace(layer, bias=None)
    dtype: Any = np.int64 if whole else np.float32
    return replace(layer, bias=np.full(layer.shape[0], -_number(value, whole), dtype))


def _context_biased(layer: Layer, value: float) -> Layer:
    """Return a layer with one bias for the thresholds of all channels, and none for what is compared with them."""
    channels = layer.shape[0]
    return replace(layer, bias=np.repeat(np.array([0.0, value], np.float32), channels))

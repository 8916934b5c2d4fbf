"""In which numbers a layer computes, as its precision and its constants demand.

A layer whose `precision.state` is bf16 or fp32 computes in that type: weights and incoming values are taken as bf16 (fp32;
weights of type bf16 stay bf16), and in bf16 every product and every sum is rounded. A layer with an integer state type must
have integer weights and incoming values; its sums are integers of that width, which saturate (or wrap) after each operation
in canonical order. If also no edge has a scale and bias, thresholds, resets, leaks, gains and steps are whole numbers, the
neurons compute in integers too (decays multiply and cut towards zero, as on Loihi); otherwise they compute in float32 on
``scale * sum``. Gated cells, products, contexts and activation functions never compute in integers.

Layers whose values are whole multiples of one step (`sent_step`: quantisers above all) may feed integer states and integer
weights: the multiples are summed, and step x scale is the factor of the sum. So sums of quantised networks are exact, and
the next quantiser sees one rounding only. The event type of such a layer may be an integer type that holds its multiples.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import ActivityError
from seneca_sim.graph.network import Edge, Layer, Network, NumberType
from seneca_sim.graph.neurons import (
    Clip,
    CubaLif,
    Delay,
    GruCell,
    Identity,
    If,
    Li,
    Lif,
    MguCell,
    MinimalCell,
    MultiThreshold,
    Neuron,
    Quantise,
    Relu,
    SigmaDelta,
    ThresholdRelu,
)

__all__ = [
    "Arithmetic",
    "Overflow",
    "arithmetic_of",
    "check_numbers",
    "integer_range",
    "sent_step",
    "sent_steps",
    "vector",
]

Arithmetic = Literal["fp32", "bf16", "integer", "scaled"]
"""`integer`: sums and neurons; `scaled`: integer sums, neurons in float32."""
Overflow = Literal["saturate", "wrap"]

_WHOLE: dict[type, tuple[str, ...]] = {
    Identity: (),
    Relu: (),
    ThresholdRelu: ("threshold",),
    If: ("threshold", "r", "v_reset", "v_min"),
    Lif: ("threshold", "r", "v_leak", "v_reset", "v_min"),
    Li: ("r", "v_leak"),
    CubaLif: ("threshold", "r", "w_in", "v_leak", "v_reset", "v_min"),
    SigmaDelta: ("step", "gain"),
    Clip: ("low", "high"),
    Quantise: ("step", "low", "high"),
    MultiThreshold: ("scale", "offset"),
    Delay: (),
}
"""Neurons that can compute in integers, with the fields that must be whole numbers for that."""


def vector(value: float | NDArray[np.float64], channels: int) -> NDArray[np.float64]:
    """Return a neuron parameter (a number, or an array that broadcasts to (channels, 1, 1)) as (channels,).

    >>> vector(2.0, 2), vector(np.array([[[1.0]], [[3.0]]]), 2)
    (array([2., 2.]), array([1., 3.]))
    """
    return np.ascontiguousarray(np.broadcast_to(np.asarray(value, np.float64).reshape(-1), (channels,)))


def integer_range(number_type: NumberType) -> tuple[int, int]:
    """Return the lowest and highest value of an integer type; events of other types have none.

    >>> integer_range("int4")
    (-8, 7)
    """
    half = 1 << (int(number_type.removeprefix("int")) - 1)
    return -half, half - 1


def arithmetic_of(layer: Layer) -> Arithmetic:
    """Return in which numbers a layer computes."""
    state = layer.precision.state
    if state == "bf16":
        return "bf16"
    if not state.startswith("int"):
        return "fp32"
    if type(layer.neuron) not in _WHOLE:
        return "scaled"
    numbers: list[NDArray[Any]] = [] if layer.bias is None else [layer.bias]
    numbers += [np.asarray(getattr(layer.neuron, name), np.float64) for name in _whole_fields(layer.neuron)]
    return "integer" if all(map(_is_whole, numbers)) and all(edge.scale is None for edge in layer.edges) else "scaled"


def _is_whole(number: NDArray[Any]) -> bool:
    """Return whether all numbers are whole."""
    return np.array_equal(number, np.rint(number))


def _whole_fields(neuron: Neuron | None) -> list[str]:
    """Return the names of the fields of a neuron that are given and must be whole numbers."""
    return [name for name in _WHOLE.get(type(neuron), ()) if getattr(neuron, name) is not None]


def _spikes(neuron: Neuron | None) -> bool:
    """Return whether a neuron sends numbers of spikes."""
    return isinstance(neuron, If | Lif | CubaLif)


def sent_step(layer: Layer) -> float | None:
    """Return the step of which all values that a layer of neurons sends are whole multiples; None if there is none.

    It is 1 for numbers of spikes and integer arithmetic, the step of a quantiser, and the scale of a `MultiThreshold`
    whose offset is a multiple of it; each must be one number for all channels, and must not be rounded to bf16.

    >>> from seneca_sim.graph.network import Precision
    >>> sent_step(Layer("codes", Quantise(0.125, -8, 7), (4, 1, 1), precision=Precision("int8", "int32", "int4")))
    0.125
    """
    neuron = layer.neuron
    if _spikes(neuron):
        return 1.0
    if neuron is None or "bf16" in (layer.precision.state, layer.precision.event):
        return None
    if arithmetic_of(layer) == "integer":
        return 1.0
    if isinstance(neuron, Quantise):
        return _single(neuron.step)
    if isinstance(neuron, MultiThreshold):
        scale, offset = _single(neuron.scale), _single(neuron.offset)
        if scale and offset is not None and (offset / scale).is_integer():
            return abs(scale)
    return None


def sent_steps(network: Network, integer_inputs: dict[int, bool]) -> list[float | None]:
    """Return for each layer the step of which all its values are whole multiples, None if there is none.

    Values that only pass (`add` edges into Identity, Relu or Delay: enlarged maps, joined ones, pools) keep their step.
    `integer_inputs` says of each input layer, by its index, whether it is fed integers.
    """
    steps: list[float | None] = []
    for index, layer in enumerate(network.layers):
        if layer.is_input:
            steps.append(1.0 if integer_inputs[index] else None)
            continue
        step = sent_step(layer)
        if step is None and _passes_on(layer) and all(edge.source < index for edge in layer.edges):
            sources = {steps[edge.source] for edge in layer.edges}
            step = sources.pop() if len(sources) == 1 else None
        steps.append(step)
    return steps


def _passes_on(layer: Layer) -> bool:
    """Return whether a layer sends sums of the values that it takes in, as they are."""
    plain = all(edge.weight is None and edge.scale is None for edge in layer.edges)
    bfloat = "bf16" in (layer.precision.state, layer.precision.event)
    return plain and layer.bias is None and not bfloat and isinstance(layer.neuron, Identity | Relu | Delay)


def _single(parameter: float | NDArray[np.float64]) -> float | None:
    """Return the number, as float32 holds it, that a parameter is for all channels; None if there are several."""
    numbers = np.unique(np.asarray(parameter, np.float64))
    return float(np.float32(numbers[0])) if len(numbers) == 1 else None


def _codes(neuron: Neuron, step: float) -> tuple[float, float]:
    """Return the lowest and the highest multiple of its step that a quantiser sends."""
    if isinstance(neuron, Quantise):
        return (-1.0, 1.0) if neuron.bipolar else (float(np.min(neuron.low)), float(np.max(neuron.high)))
    if isinstance(neuron, MultiThreshold):
        first = float(np.max(np.asarray(neuron.offset))) / step
        last = first + neuron.thresholds.shape[-1] * float(np.max(np.asarray(neuron.scale))) / step
        return min(first, last), max(first, last)
    return -np.inf, np.inf


def check_numbers(network: Network, index: int, steps: list[float | None]) -> None:
    """Raise `ActivityError` if a layer cannot compute in the types that it states; `steps` are those of `sent_steps`."""
    layer = network.layers[index]
    where = f"{network.name}: {layer.name}"
    _check_neuron(where, layer.neuron)
    _check_event_type(where, layer)
    arithmetic = arithmetic_of(layer)
    if isinstance(layer.neuron, SigmaDelta) and layer.neuron.fraction_bits and arithmetic != "integer":
        raise ActivityError(
            f"{where}: fraction bits belong to integer states without scales; leave them out, or use whole numbers"
        )
    if arithmetic not in ("integer", "scaled"):
        return
    for edge in layer.edges:
        source = network.layers[edge.source]
        step = steps[edge.source]
        _check_integer_edge(where, layer, edge, source.name, step is not None)
        if arithmetic == "integer" and step != 1.0:
            raise ActivityError(
                f"{where}: neurons compute in whole numbers, but {source.name} sends multiples of {step:g}; give the edge "
                f"{edge.name} a scale, or set the state type to fp32"
            )


def _check_event_type(where: str, layer: Layer) -> None:
    """Raise `ActivityError` unless the type of the events holds what the neurons send."""
    event, neuron = layer.precision.event, layer.neuron
    binary = (_spikes(neuron) and getattr(neuron, "max_spikes", 0) == 1) or isinstance(neuron, Delay)
    coded = isinstance(neuron, Quantise | MultiThreshold)
    step = sent_step(layer) if coded else None
    low, high = (-np.inf, np.inf) if step is None or neuron is None else _codes(neuron, step)
    if event == "binary" and not (binary or (step == 1.0 and low >= 0 and high <= 1)):
        raise ActivityError(
            f"{where}: {type(neuron).__name__} sends values, its events cannot be binary; set max_spikes to 1, or an "
            "event type that holds values"
        )
    if not event.startswith("int") or _spikes(neuron) or arithmetic_of(layer) == "integer":
        return
    if coded and step is not None:
        first, last = integer_range(event)
        if low < first or high > last:
            raise ActivityError(
                f"{where}: codes from {low:g} to {high:g} do not fit events of type {event}, {first} to {last}; set a wider type"
            )
    elif not (isinstance(neuron, SigmaDelta) and neuron.mode == "round"):
        raise ActivityError(
            f"{where}: {type(neuron).__name__} computes in floating point, its events cannot be {event}; set the event type "
            "to bf16 or fp32"
        )


def _check_neuron(where: str, neuron: Neuron | None) -> None:
    """Raise `ActivityError` for constants that no neuron can compute with."""
    if isinstance(neuron, If | Lif | CubaLif) and neuron.max_spikes > 1 and np.any(np.asarray(neuron.threshold) <= 0):
        raise ActivityError(f"{where}: several spikes per step need a threshold > 0, got {np.min(neuron.threshold)}")
    if isinstance(neuron, SigmaDelta):
        deadband, low = neuron.mode == "deadband", float(np.min(neuron.step))
        if low < 0 or (low == 0 and not deadband):
            raise ActivityError(f"{where}: the step of a sigma-delta neuron must be > 0, got {low}")
        if neuron.fraction_bits and not (deadband and 0 < neuron.fraction_bits < 32):
            raise ActivityError(
                f"{where}: fraction bits are 0 to 31 and belong to the mode deadband, not {neuron.fraction_bits} to {neuron.mode}"
            )
    if isinstance(neuron, Quantise) and np.any(np.asarray(neuron.step) <= 0):
        raise ActivityError(f"{where}: the step of a quantiser must be > 0, got {float(np.min(neuron.step)):g}")
    if isinstance(neuron, GruCell | MguCell | MinimalCell) and neuron.threshold is None and neuron.reset != "none":
        raise ActivityError(
            f"{where}: a cell without a threshold sends in every step, so its state cannot be reset ({neuron.reset}); give it a "
            "threshold, or the reset none"
        )
    if isinstance(neuron, Delay) and (np.any(np.asarray(neuron.steps) < 0) or not _is_whole(np.asarray(neuron.steps))):
        raise ActivityError(f"{where}: the steps of a delay must be whole numbers from 0 on, got {neuron.steps}")


def _check_integer_edge(where: str, layer: Layer, edge: Edge, source: str, fed: bool) -> None:
    """Raise `ActivityError` unless weights and incoming values of an edge are integers."""
    state = layer.precision.state
    if edge.weight is not None and edge.weight.dtype.kind == "f":
        raise ActivityError(
            f"{where}: states are {state}, but the weights of {edge.name} are floating point; quantise the weights or set "
            "the state type to bf16 or fp32"
        )
    if not fed:
        raise ActivityError(
            f"{where}: states are {state}, but {source} sends floating-point values; set the state type to bf16 or fp32, "
            f"or let {source} compute in integers"
        )

"""In which numbers a layer computes, as its precision and its constants demand.

A layer whose `precision.state` is bf16 or fp32 computes in that type: weights and incoming values are taken as bf16 (fp32;
weights of type bf16 stay bf16), and in bf16 every product and every sum is rounded. A layer with an integer state type must
have integer weights and incoming values; its sums are integers of that width, which saturate (or wrap) after each operation
in canonical order. If also no edge has a scale and bias, thresholds, resets, leaks, gains and steps are whole numbers, the
neurons compute in integers too (decays multiply and cut towards zero, as on Loihi); otherwise they compute in float32 on
``scale * sum``.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import ActivityError
from seneca_sim.graph.network import Edge, Layer, Network, NumberType
from seneca_sim.graph.neurons import CubaLif, Identity, If, Li, Lif, Neuron, Relu, SigmaDelta, ThresholdRelu

__all__ = ["Arithmetic", "Overflow", "arithmetic_of", "check_numbers", "integer_range", "sends_integers", "vector"]

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
    SigmaDelta: ("step",),
}
"""Fields that must be whole numbers for a neuron to compute in integers."""


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
    numbers: list[NDArray[Any]] = [] if layer.bias is None else [layer.bias]
    numbers += [np.asarray(getattr(layer.neuron, name), np.float64) for name in _whole_fields(layer.neuron)]
    whole = all(np.array_equal(number, np.rint(number)) for number in numbers)
    return "integer" if whole and all(edge.scale is None for edge in layer.edges) else "scaled"


def _whole_fields(neuron: Neuron | None) -> list[str]:
    """Return the names of the fields of a neuron that are given and must be whole numbers."""
    return [name for name in _WHOLE.get(type(neuron), ()) if getattr(neuron, name) is not None]


def _spikes(neuron: Neuron | None) -> bool:
    """Return whether a neuron sends numbers of spikes."""
    return isinstance(neuron, If | Lif | CubaLif)


def sends_integers(layer: Layer) -> bool:
    """Return whether a layer of neurons sends integers: numbers of spikes, or values of integer arithmetic."""
    return _spikes(layer.neuron) or arithmetic_of(layer) == "integer"


def check_numbers(network: Network, index: int, integer_inputs: dict[int, bool]) -> None:
    """Raise `ActivityError` if a layer cannot compute in the types that it states.

    `integer_inputs` says of each input layer, by its index, whether it is fed integers.
    """
    layer = network.layers[index]
    where, neuron = f"{network.name}: {layer.name}", layer.neuron
    _check_neuron(where, neuron)
    event = layer.precision.event
    arithmetic = arithmetic_of(layer)
    if event == "binary" and not (_spikes(neuron) and getattr(neuron, "max_spikes", 0) == 1):
        raise ActivityError(
            f"{where}: {type(neuron).__name__} sends values, its events cannot be binary; set max_spikes to 1, or an "
            "event type that holds values"
        )
    rounds = isinstance(neuron, SigmaDelta) and neuron.mode == "round"
    if event.startswith("int") and arithmetic != "integer" and not _spikes(neuron) and not rounds:
        raise ActivityError(
            f"{where}: {type(neuron).__name__} computes in floating point, its events cannot be {event}; set the event type "
            "to bf16 or fp32"
        )
    if arithmetic not in ("integer", "scaled"):
        return
    for edge in layer.edges:
        source = network.layers[edge.source]
        fed = integer_inputs[edge.source] if source.is_input else sends_integers(source)
        _check_integer_edge(where, layer, edge, source.name, fed)


def _check_neuron(where: str, neuron: Neuron | None) -> None:
    """Raise `ActivityError` for constants that no neuron can compute with."""
    if isinstance(neuron, If | Lif | CubaLif) and neuron.max_spikes > 1 and np.any(np.asarray(neuron.threshold) <= 0):
        raise ActivityError(f"{where}: several spikes per step need a threshold > 0, got {np.min(neuron.threshold)}")
    if isinstance(neuron, SigmaDelta) and np.any(np.asarray(neuron.step) <= 0):
        raise ActivityError(f"{where}: the step of a sigma-delta neuron must be > 0, got {np.min(neuron.step)}")


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

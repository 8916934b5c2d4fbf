"""Number types of layers: which follow from a network's arrays, whether they fit, and how a user overrides them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError, RequestError
from seneca_sim.graph.network import Edge, InputContract, Layer, Network, NumberType, Precision
from seneca_sim.graph.neurons import Activation, ContextThreshold, CubaLif, If, Lif, Neuron, Product, is_cell
from seneca_sim.graph.placeholders import is_placeholder, values_of

__all__ = ["check_weights", "event_type", "infer_precision", "override_numerics"]

_INTEGER_BITS = {"int4": 4, "int8": 8, "int16": 16, "int32": 32, "int64": 64}


def event_type(neuron: Neuron | None, contract: InputContract, default: NumberType) -> NumberType:
    """Return the type of a layer's events: single spikes are binary, counted spikes small integers, the rest as stated."""
    if neuron is None:
        return "binary" if contract.representation == "binary" and not contract.differences else default
    if isinstance(neuron, If | Lif | CubaLif):
        if neuron.max_spikes == 1:
            return "binary"
        return "int8" if neuron.max_spikes <= 127 else "int16"
    return default


def infer_precision(
    default: Precision, neuron: Neuron | None, contract: InputContract, weights: Iterable[NDArray[Any]]
) -> Precision:
    """Return the number types of a layer that states none: the default, with integer weights and spikes recognised."""
    arrays = list(weights)
    weight = default.weight
    if arrays and weight not in _INTEGER_BITS and all(array.dtype.kind == "i" for array in arrays):
        largest = max(int(np.abs(values_of(array).astype(np.int64)).max()) for array in arrays)
        narrow = all(array.dtype == np.int8 for array in arrays)
        weight = "int8" if narrow else "int16" if largest < 2**15 else "int32"
    return replace(default, weight=weight, event=event_type(neuron, contract, default.event))


def check_weights(where: str, layer: Layer) -> None:
    """Raise a `GraphError` if a weight does not fit the layer's weight type, or spikes their event type."""
    kind, neuron = layer.precision.weight, layer.neuron
    if kind == "binary":
        raise GraphError(
            f"{where}: weights cannot be binary, that type is for events; use int4 with the values -1, 0 and 1"
        )
    if layer.precision.state == "binary":
        raise GraphError(f"{where}: states cannot be binary, that type is for events; use an integer type")
    graded = neuron is not None and not (isinstance(neuron, If | Lif | CubaLif) and neuron.max_spikes == 1)
    if layer.precision.event == "binary" and graded:
        raise GraphError(
            f"{where}: {type(neuron).__name__} sends values, its events cannot be binary; set max_spikes to 1, or "
            "an event type that holds values"
        )
    _check_floats(where, layer)
    if kind not in _INTEGER_BITS:
        return
    top = 2 ** (_INTEGER_BITS[kind] - 1)
    for edge in layer.edges:
        if edge.weight is None:
            continue
        if edge.weight.dtype.kind == "f":
            raise GraphError(
                f"{where}: {edge.name} holds float weights, the layer states {kind}; quantise with numerics={kind!r}"
            )
        values = values_of(edge.weight)
        low, high = int(values.min()), int(values.max())
        if low < -top or high >= top:
            raise GraphError(
                f"{where}: the weights of {edge.name} reach from {low} to {high}, which {kind} cannot hold; use a wider type"
            )


def _check_floats(where: str, layer: Layer) -> None:
    """Refuse integers for neurons whose equations hold fractions: gates, functions, products."""
    neuron = layer.neuron
    if not (is_cell(neuron) or isinstance(neuron, Activation | Product | ContextThreshold)):
        return
    for role, kind in (("states", layer.precision.state), ("events", layer.precision.event)):
        if kind in _INTEGER_BITS:
            raise GraphError(
                f"{where}: {type(neuron).__name__} computes with fractions, its {role} cannot be {kind}; use bf16 or fp32 for "
                "them, such as numerics='int8/bf16'"
            )


def override_numerics(network: Network, numerics: str) -> Network:
    """Return the network with other number types: ``weight`` or ``weight/state`` or ``weight/state/event``.

    One type sets weights and states ("bf16"); integer weights of one type alone keep bf16 states ("int8"). Float weights
    become integers per output channel, symmetrically, largest magnitude = largest integer, and so do integers that a
    narrower type cannot hold; other integer weights stay, or become floats as ``scale * weight``. Spikes stay binary,
    spike counts small integers; other events take the state's type.

    >>> from seneca_sim.graph import load_network
    >>> override_numerics(load_network("digits-lif"), "fp32").layers[1].precision
    Precision(weight='fp32', state='fp32', event='binary')
    """
    weight, state, event = _parse(numerics)
    layers = []
    for layer in network.layers:
        graded = layer.precision.event != "binary" and not isinstance(layer.neuron, If | Lif | CubaLif)
        precision = Precision(weight, state, event if graded else layer.precision.event)
        edges = tuple(_convert(edge, weight) for edge in layer.edges)
        changed = replace(layer, edges=edges, precision=precision)
        check_weights(f"{network.name}: {layer.name}", changed)
        layers.append(changed)
    note = f"number types overridden: weights {weight}, states {state}, graded events {event}"
    return replace(network, layers=tuple(layers), assumptions=(*network.assumptions, note))


def _parse(numerics: str) -> tuple[NumberType, NumberType, NumberType]:
    """Return the types of weights, states and graded events that a user's text names."""
    names = numerics.split("/")
    known = [name for name in get_args(NumberType) if name != "binary"]
    if len(names) > 3 or any(name not in known for name in names):
        raise RequestError(
            f"numerics={numerics!r} is not a list of number types; write weight, weight/state or "
            f"weight/state/event, each one of {', '.join(known)}"
        )
    weight = names[0]
    state = names[1] if len(names) > 1 else "bf16" if weight in ("int4", "int8") else weight
    event = names[2] if len(names) > 2 else state
    return cast("tuple[NumberType, NumberType, NumberType]", (weight, state, event))


def _convert(edge: Edge, kind: NumberType) -> Edge:
    """Return the edge with weights of another type."""
    if edge.weight is None:
        return edge
    weight: NDArray[Any] = edge.weight
    if is_placeholder(weight):
        return replace(edge, weight=np.broadcast_to(_stored(kind)(0), weight.shape))
    if (weight.dtype.kind == "i") == (kind in _INTEGER_BITS) and _holds(kind, weight):
        return edge
    if kind not in _INTEGER_BITS:
        factor = np.ones(1) if edge.scale is None else edge.scale.astype(np.float64)
        return replace(edge, weight=(weight * factor.reshape(-1, 1, 1, 1)).astype(np.float32), scale=None)
    top = 2 ** (_INTEGER_BITS[kind] - 1) - 1
    largest = np.abs(weight.astype(np.float64)).reshape(len(weight), -1).max(axis=1)
    factor = np.where(largest > 0, largest / top, 1.0)
    values = np.rint(weight / factor.reshape(-1, 1, 1, 1)).clip(-top, top)
    scale = factor if edge.scale is None else factor * edge.scale
    return replace(edge, weight=values.astype(_stored(kind)), scale=scale.astype(np.float32))


def _stored(kind: str) -> type[np.int8] | type[np.int32] | type[np.float32]:
    """Return the type in which an edge stores weights of a number type."""
    if kind not in _INTEGER_BITS:
        return np.float32
    return np.int8 if _INTEGER_BITS[kind] <= 8 else np.int32


def _holds(kind: str, weight: NDArray[Any]) -> bool:
    """Return whether a type holds all weights of an array of its own sort, integers or floats."""
    half = 2 ** (_INTEGER_BITS[kind] - 1) if kind in _INTEGER_BITS else np.inf
    return bool(weight.min(initial=0) >= -half and weight.max(initial=0) < half)

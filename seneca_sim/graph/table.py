"""What each layer of a network costs on paper: shapes, weights, states and dense multiplications."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seneca_sim.chip.programs import state_maps
from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.graph.neurons import is_stateful

__all__ = ["TYPE_BITS", "LayerRow", "dense_macs", "dense_macs_valid", "layer_table"]

TYPE_BITS = {"binary": 0, "int4": 4, "int8": 8, "int16": 16, "int32": 32, "int64": 64, "bf16": 16, "fp32": 32}
"""Width of each number type as the network states it; a chip may price a type as another."""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer, all its incoming edges together."""

    name: str
    kind: str
    """Neuron model, or ``Input``."""
    sources: tuple[str, ...]
    shape: tuple[int, int, int]
    out_shape: tuple[int, int, int]
    """(channels, rows, columns) of neurons, and of events after fused max pooling."""
    parameters: int
    """Weights and biases, masked weights too."""
    masked: int
    """Weights that training fixed to zero."""
    dense_macs: int
    """Multiplications of a dense implementation per time step, padding taps counted."""
    dense_macs_valid: int
    """The same, padding taps not counted."""
    states: int
    """Numbers kept for all neurons from one time step to the next; partial sums of stateless neurons depend on the mapping."""
    weight_bits: int
    state_bits: int


def layer_table(network: Network) -> tuple[LayerRow, ...]:
    """Return one row for each layer.

    >>> import numpy as np
    >>> from seneca_sim.graph import Conv2d, GraphBuilder, Input, Output, Relu, lower
    >>> net = GraphBuilder("tiny").add("input", Input((1, 4, 4))).add("conv", Conv2d(np.ones((2, 1, 3, 3), np.int8), padding=1))
    >>> row = layer_table(lower(net.add("relu", Relu()).add("output", Output()).graph()))[1]
    >>> row.dense_macs, row.dense_macs_valid, row.weight_bits
    (288, 200, 144)
    """
    return tuple(_row(network, layer) for layer in network.layers)


def _row(network: Network, layer: Layer) -> LayerRow:
    """Return the row of a layer."""
    weights = sum(edge.weight.size for edge in layer.edges if edge.weight is not None and not _is_pooling(edge))
    masked = sum(int(edge.mask.size - edge.mask.sum()) for edge in layer.edges if edge.mask is not None)
    channels, rows, columns = layer.shape
    keeps = layer.neuron is not None and is_stateful(layer.neuron)
    states = state_maps(type(layer.neuron).__name__) * channels * rows * columns if keeps else 0
    return LayerRow(
        name=layer.name,
        kind="Input" if layer.neuron is None else type(layer.neuron).__name__,
        sources=tuple(network.layers[edge.source].name for edge in layer.edges),
        shape=layer.shape,
        out_shape=layer.out_shape,
        parameters=weights + (0 if layer.bias is None else len(layer.bias)),
        masked=masked,
        dense_macs=sum(dense_macs(edge, layer) for edge in layer.edges),
        dense_macs_valid=sum(dense_macs_valid(edge, layer, network.layers[edge.source]) for edge in layer.edges),
        states=states,
        weight_bits=weights * TYPE_BITS[layer.precision.weight],
        state_bits=states * TYPE_BITS[layer.precision.state],
    )


def _is_pooling(edge: Edge) -> bool:
    """Return whether an edge only hands on the folded pooling in front of it: integer ones, a channel each (a mean's edge)."""
    weight = edge.weight
    if weight is None or edge.pool == (1, 1) or not 1 < edge.groups == len(weight) or weight.dtype != np.int8:
        return False
    return bool(weight[0].size == 1 and np.all(weight == 1))


def dense_macs(edge: Edge, layer: Layer) -> int:
    """Return the multiplications of a dense implementation of an edge per step, padding taps counted.

    An `add` edge multiplies nothing; a folded pooling is not counted, only weights behind it.
    """
    if edge.weight is None or _is_pooling(edge):
        return 0
    return int(edge.weight.size) * layer.shape[1] * layer.shape[2]


def dense_macs_valid(edge: Edge, layer: Layer, source: Layer) -> int:
    """Return the same without padding taps: only where the kernel lies on the (pooled) map of the source layer."""
    if edge.weight is None or _is_pooling(edge):
        return 0
    taps = 1
    for axis in (0, 1):
        size = source.out_shape[1 + axis] // edge.pool[axis]
        starts = [position * edge.stride[axis] - edge.padding[axis] for position in range(layer.shape[1 + axis])]
        reach = [tap * edge.dilation[axis] for tap in range(edge.kernel[axis])]
        taps *= sum(0 <= start + tap < size for start in starts for tap in reach)
    return int(edge.weight.shape[0] * edge.weight.shape[1] * taps)

"""What each layer of a network costs on paper: shapes, weights, states and dense multiplications."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from math import prod

import numpy as np

from seneca_sim.chip.programs import state_maps, whole_maps
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.graph.neurons import Delay, GruCell, LstmCell, MguCell, MinimalCell, is_stateful
from seneca_sim.graph.nodes import Array, BatchNorm2d, Block, Conv2d, ConvTranspose2d, Dense, Node
from seneca_sim.graph.placeholders import is_placeholder

__all__ = [
    "TYPE_BITS",
    "LayerRow",
    "NetworkTotals",
    "dense_macs",
    "dense_macs_valid",
    "graph_parameters",
    "layer_table",
    "network_totals",
]

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
    """Numbers kept for all neurons from one time step to the next: membranes, inner states of cells, sums under way in a delay.
    Sums that end with the step (of cells, too) are held for some rows only, as the mapping says."""
    weight_bits: int
    state_bits: int
    held_bits: int
    """Of the outputs that recurrent edges see in the next step."""


@dataclass(frozen=True, slots=True)
class NetworkTotals:
    """All layers together, as `show --json` states them."""

    parameters: int
    """What a framework counts (`graph_parameters`); of a network whose graph is not at hand, of its layers."""
    head_parameters: int
    """Those of `parameters` that belong to a detection or classification head."""
    dense_macs: int
    dense_macs_valid: int
    head_dense_macs: int
    head_dense_macs_valid: int
    """Those of heads, which published counts of a backbone leave out."""
    state_bits: int
    weight_bits: int
    head_weight_bits: int
    """Those of `weight_bits` that belong to heads, which published memory figures leave out."""
    held_bits: int


def network_totals(network: Network, graph: Graph | None = None) -> NetworkTotals:
    """Return the totals of a network; with the graph that it was lowered from, parameters are counted as a framework does."""
    rows = layer_table(network)
    heads = [row for row, layer in zip(rows, network.layers, strict=True) if layer.is_head]
    return NetworkTotals(
        parameters=sum(row.parameters for row in rows) if graph is None else graph_parameters(graph),
        head_parameters=sum(row.parameters for row in heads) if graph is None else graph_parameters(graph, graph.heads),
        dense_macs=sum(row.dense_macs for row in rows),
        dense_macs_valid=sum(row.dense_macs_valid for row in rows),
        head_dense_macs=sum(row.dense_macs for row in heads),
        head_dense_macs_valid=sum(row.dense_macs_valid for row in heads),
        state_bits=sum(row.state_bits for row in rows),
        weight_bits=sum(row.weight_bits for row in rows),
        head_weight_bits=sum(row.weight_bits for row in heads),
        held_bits=sum(row.held_bits for row in rows),
    )


_BLOCK_PARAMETERS = ("weight", "bias", "squeeze", "excite", "threshold")
"""How the names of the fields begin that hold a block's weights, biases and thresholds."""


def graph_parameters(graph: Graph, nodes: Collection[str] | None = None) -> int:
    """Return the trained numbers of a graph (or of some of its nodes) as a framework counts them.

    Weights (masked ones too) and biases of operators and blocks, gain and offset of batch normalisation, but not its running
    statistics; thresholds of gated cells that are arrays (one for each neuron is trained in EGRU). A node that stands in the
    graph several times, such as a head used on several maps, counts once, and so does an array that several nodes share.

    >>> import numpy as np
    >>> from seneca_sim.graph import Conv2d, GraphBuilder, Input, Output
    >>> net = GraphBuilder("tiny").add("input", Input((1, 4, 4))).add("conv", Conv2d(np.ones((2, 1, 3, 3)), np.ones(2)))
    >>> norm = BatchNorm2d(np.zeros(2), np.ones(2), np.ones(2), np.zeros(2))
    >>> graph_parameters(net.add("norm", norm).add("output", Output()).graph())
    24
    """
    once = {id(node): node for name, node in graph.nodes.items() if nodes is None or name in nodes}
    arrays = [array for node in once.values() for array in _trained(node)]
    # placeholders are told apart by their node only: one may stand for several arrays
    shared = {id(array): array.size for array in arrays if not is_placeholder(array)}
    return sum(shared.values()) + sum(array.size for array in arrays if is_placeholder(array))


def _selects(node: Conv2d | Dense) -> bool:
    """Return whether the weights are a single one for each output, all others masked: a choice of channels, nothing trained."""
    if node.mask is None or node.weight.dtype != np.int8:
        return False
    single = bool((node.mask.reshape(len(node.mask), -1).sum(axis=1) == 1).all())
    return single and np.array_equal(node.weight, node.mask)


def _trained(node: Node) -> list[Array]:
    """Return the arrays of a node that training changes."""
    match node:
        case Conv2d() | Dense() if _selects(node):
            found: list[object] = [node.bias]
        case Conv2d() if node.mask is not None and not node.mask.all():
            # rows and columns of taps that no channel has even out a padding, and are no weights
            seen: Array = np.any(node.mask, axis=(0, 1))
            weight = node.weight[:, :, np.any(seen, axis=1)][:, :, :, np.any(seen, axis=0)]
            found = [node.weight if seen.all() else weight, node.bias]
        case Conv2d() | ConvTranspose2d() | Dense():
            found = [node.weight, node.bias]
        case BatchNorm2d():
            found = [node.gain, node.offset]
        case _ if isinstance(node, Block):
            names = [entry.name for entry in fields(node) if entry.name.startswith(_BLOCK_PARAMETERS)]
            found = [getattr(node, name) for name in names]
        case GruCell() | MguCell() | MinimalCell() | LstmCell():
            found = [node.threshold]
        case _:
            found = []
    return [array for array in found if isinstance(array, np.ndarray)]


def layer_table(network: Network) -> tuple[LayerRow, ...]:
    """Return one row for each layer.

    >>> import numpy as np
    >>> from seneca_sim.graph import Conv2d, GraphBuilder, Input, Output, Relu, lower
    >>> net = GraphBuilder("tiny").add("input", Input((1, 4, 4))).add("conv", Conv2d(np.ones((2, 1, 3, 3), np.int8), padding=1))
    >>> row = layer_table(lower(net.add("relu", Relu()).add("output", Output()).graph()))[1]
    >>> row.dense_macs, row.dense_macs_valid, row.weight_bits
    (288, 200, 144)
    """
    held = network.replayed
    return tuple(_row(network, layer, index in held) for index, layer in enumerate(network.layers))


def _row(network: Network, layer: Layer, is_held: bool) -> LayerRow:
    """Return the row of a layer; the outputs of some are held for the next step."""
    weights = sum(edge.weight.size for edge in layer.edges if edge.weight is not None and not _is_pooling(edge))
    masked = sum(int(edge.mask.size - edge.mask.sum()) for edge in layer.edges if edge.mask is not None)
    states, types = _states(layer), layer.precision
    macs = [(edge, layer, network.layers[edge.source]) for edge in layer.edges]
    return LayerRow(
        name=layer.name,
        kind="Input" if layer.neuron is None else type(layer.neuron).__name__,
        sources=tuple(network.layers[edge.source].name for edge in layer.edges),
        shape=layer.shape,
        out_shape=layer.out_shape,
        parameters=weights + (0 if layer.bias is None else len(layer.bias)),
        masked=masked,
        dense_macs=sum(dense_macs(*each) for each in macs),
        dense_macs_valid=sum(dense_macs_valid(*each) for each in macs),
        states=states,
        weight_bits=weights * TYPE_BITS[types.weight],
        state_bits=states * TYPE_BITS[types.state],
        held_bits=prod(layer.out_shape) * max(1, TYPE_BITS[types.event]) if is_held else 0,
    )


def _states(layer: Layer) -> int:
    """Return the numbers that a layer keeps from step to step."""
    if layer.neuron is None:
        return 0
    options = {"delay": layer.delay} | ({"steps": layer.neuron.steps} if isinstance(layer.neuron, Delay) else {})
    maps = state_maps if is_stateful(layer.neuron) else whole_maps
    return maps(type(layer.neuron).__name__, options) * prod(layer.shape)


def _is_pooling(edge: Edge) -> bool:
    """Return whether an edge only hands on the folded pooling in front of it: one weight for all (a mean's edge)."""
    weight = edge.weight
    if weight is None or edge.pool == (1, 1) or not edge.groups == len(weight) > 1 or is_placeholder(weight):
        return False
    return bool(weight[0].size == 1 and np.all(weight == weight.flat[0]))


def dense_macs(edge: Edge, layer: Layer, source: Layer) -> int:
    """Return the multiplications of a dense implementation of an edge per step, padding taps counted.

    An `add` edge multiplies nothing; a folded pooling is not counted, only weights behind it. A transposed convolution counts
    its kernel for every value of the source, not for the zeros between them; a broadcast edge is computed once.
    """
    if edge.weight is None or _is_pooling(edge):
        return 0
    if edge.upsample != (1, 1):
        return int(edge.weight.size) * prod(n // p for n, p in zip(source.out_shape[1:], edge.pool, strict=True))
    return int(edge.weight.size) * (1 if edge.broadcast else layer.shape[1] * layer.shape[2])


def dense_macs_valid(edge: Edge, layer: Layer, source: Layer) -> int:
    """Return the same without padding taps: only where the kernel lies on the (pooled) map of the source layer."""
    if edge.weight is None or _is_pooling(edge):
        return 0
    taps = 1
    for axis in (0, 1):
        size = (source.out_shape[1 + axis] // edge.pool[axis] - 1) * edge.upsample[axis] + 1
        places = 1 if edge.broadcast else layer.shape[1 + axis]
        starts = [position * edge.stride[axis] - edge.padding[axis] for position in range(places)]
        reach = [tap * edge.dilation[axis] for tap in range(edge.kernel[axis])]
        taps *= sum(0 <= s + tap < size and (s + tap) % edge.upsample[axis] == 0 for s in starts for tap in reach)
    return int(edge.weight.shape[0] * edge.weight.shape[1] * taps)

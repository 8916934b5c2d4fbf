"""Opening blocks: a recurrent convolution or a squeeze-excite becomes the operators and neurons that it is made of.

The last neuron keeps the block's name; the others are called ``<block>.x`` and so on, as each function states.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from seneca_sim.errors import GraphError
from seneca_sim.graph.graph import Graph, Link
from seneca_sim.graph.neurons import (
    Activation,
    ContextThreshold,
    GruCell,
    Identity,
    LstmCell,
    MguCell,
    MinimalCell,
    Neuron,
    Product,
    Relu,
)
from seneca_sim.graph.nodes import (
    Array,
    Block,
    ContextAware,
    Conv2d,
    ConvCell,
    ConvGru,
    ConvLstm,
    ConvMgu,
    ConvMinimalRnn,
    Dense,
    GlobalAvgPool2d,
    Node,
    SqueezeExcite,
)

__all__ = ["open_blocks"]


def open_blocks(graph: Graph) -> Graph:
    """Return the graph with every block opened; number types and head marks go to all parts of a block.

    Raises a `GraphError` where another node has the name of a part.

    >>> from seneca_sim.graph import GraphBuilder, Input, Output
    >>> cell = ConvMgu(np.zeros((4, 1, 3, 3)), np.zeros((4, 2, 3, 3)))
    >>> opened = open_blocks(GraphBuilder("net").add("in", Input((1, 4, 4))).add("mgu", cell).add("out", Output()).graph())
    >>> list(opened.nodes)
    ['in', 'mgu.x', 'mgu.y', 'mgu', 'out']
    """
    nodes: dict[str, Node] = {}
    links = list(graph.links)
    precision, heads = dict(graph.precision), set(graph.heads)
    for name, node in graph.nodes.items():
        if not isinstance(node, Block):
            nodes[name] = node
            continue
        before = [link for link in links if link.target == name]
        parts, inner = _opened(name, node, before)
        links = [link for link in links if link.target != name] + inner
        for part, content in parts.items():
            if part != name and part in graph.nodes:
                raise GraphError(
                    f"{graph.name}: {part}: this name is needed for a part of {name!r} ({type(node).__name__}); rename the node"
                )
            nodes[part] = content
            if name in graph.precision and isinstance(content, Neuron):
                precision[part] = graph.precision[name]
            if name in graph.heads:
                heads.add(part)
    return replace(
        graph,
        nodes=MappingProxyType(nodes),
        links=tuple(links),
        precision=MappingProxyType(precision),
        heads=frozenset(heads),
    )


def _opened(name: str, node: Block, before: Sequence[Link]) -> tuple[Mapping[str, Node], list[Link]]:
    """Return the parts of a block in order, and the links into and between them."""
    match node:
        case ConvGru():
            neuron: Neuron = GruCell(node.threshold, node.reset, node.gate, node.activation)
            return _gated(name, node, neuron, 3, before)
        case ConvMgu():
            return _gated(name, node, MguCell(node.threshold, node.reset, node.gate, node.activation), 2, before)
        case ConvLstm():
            return _gated(name, node, LstmCell(node.threshold, node.gate, node.activation), 4, before)
        case ConvMinimalRnn():
            return _minimal(name, node, before)
        case SqueezeExcite():
            return _squeeze_excite(name, node, before)
        case ContextAware():
            return _context_aware(name, node, before)


def _moved(links: Sequence[Link], target: str, port: int | None = None) -> Iterator[Link]:
    """Return links with another target, and another port if one is given."""
    return (replace(link, target=target, port=link.port if port is None else port) for link in links)


def _same_size(weight: Array, bias: Array | None) -> Conv2d:
    """Return a convolution of stride 1 whose padding keeps the size (kernels are odd)."""
    return Conv2d(weight, bias, padding=(weight.shape[2] // 2, weight.shape[3] // 2))


def _gated(
    name: str, node: ConvCell, neuron: Neuron, sums: int, before: Sequence[Link]
) -> tuple[Mapping[str, Node], list[Link]]:
    """Return ``.x``, the convolution of what comes in, ``.y``, that of the step before, and the cell.

    `sums` of its biases belong to what comes in; those that remain, to the recurrent convolution's last sum.
    """
    bias_x = bias_y = None
    if node.bias is not None:
        channels = len(node.weight_y) // sums
        bias_x = node.bias[: sums * channels]
        if len(node.bias) > len(bias_x):
            bias_y = np.concatenate([np.zeros((sums - 1) * channels), node.bias[sums * channels :]])
    x, y = f"{name}.x", f"{name}.y"
    parts: dict[str, Node] = {
        x: Conv2d(node.weight_x, bias_x, stride=node.stride, padding=node.padding),
        y: _same_size(node.weight_y, bias_y),
        name: neuron,
    }
    return parts, [*_moved(before, x), Link(x, name, 0), Link(name, y, 0, delay=1), Link(y, name, 1)]


def _minimal(name: str, node: ConvMinimalRnn, before: Sequence[Link]) -> tuple[Mapping[str, Node], list[Link]]:
    """Return ``.x`` (convolution), ``.z`` (the candidate's neurons), ``.u`` and ``.y`` (convolutions) and the cell."""
    x, z, u, y = (f"{name}.{part}" for part in "xzuy")
    parts: dict[str, Node] = {
        x: Conv2d(node.weight_x, node.bias_x, stride=node.stride, padding=node.padding),
        z: Activation(node.activation, node.candidate_threshold),
        u: _same_size(node.weight_z, node.bias),
        y: _same_size(node.weight_y, None),
        name: MinimalCell(node.threshold, node.reset, node.gate),
    }
    inner = [Link(x, z), Link(z, name, 0), Link(z, u), Link(u, name, 1), Link(name, y, 0, delay=1), Link(y, name, 1)]
    return parts, [*_moved(before, x), *inner]


def _squeeze_excite(name: str, node: SqueezeExcite, before: Sequence[Link]) -> tuple[Mapping[str, Node], list[Link]]:
    """Return ``.average`` and its neurons ``.mean``, ``.inner`` (dense) and its neurons ``.squeeze``, ``.outer`` (dense) and its
    neurons ``.gate``, and the product.
    """
    average, mean, inner, squeeze, outer, gate = (
        f"{name}.{part}" for part in ("average", "mean", "inner", "squeeze", "outer", "gate")
    )
    parts: dict[str, Node] = {
        average: GlobalAvgPool2d(),
        mean: Identity(),
        inner: Dense(node.squeeze, node.squeeze_bias),
        squeeze: Relu() if node.activation == "relu" else Activation(node.activation),
        outer: Dense(node.excite, node.excite_bias),
        gate: Activation(node.gate),
        name: Product(),
    }
    x = [link for link in before if link.port == 0]
    added = [link for link in before if link.port > 0]
    chain = [Link(source, target) for source, target in zip(list(parts)[:-2], list(parts)[1:-1], strict=True)]
    return parts, [*_moved(x, average), *chain, *_moved(x, name), Link(gate, name, 1), *_moved(added, name, 2)]


def _context_aware(name: str, node: ContextAware, before: Sequence[Link]) -> tuple[Mapping[str, Node], list[Link]]:
    """Return ``.average`` and its neurons ``.mean``, ``.theta`` (dense), and the neurons with the threshold."""
    average, mean, theta = f"{name}.average", f"{name}.mean", f"{name}.theta"
    parts: dict[str, Node] = {
        average: GlobalAvgPool2d(),
        mean: Identity(),
        theta: Dense(node.weight, node.bias),
        name: ContextThreshold(),
    }
    x = [link for link in before if link.port == 0]
    seen = [link for link in before if link.port > 0]
    return parts, [
        *_moved(seen, average, 0),
        Link(average, mean),
        Link(mean, theta),
        *_moved(x, name),
        Link(theta, name, 1),
    ]

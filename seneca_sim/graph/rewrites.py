"""Rewrites of a graph that keep its function and save a layer, and the conditions under which they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.graph import Graph, Link
from seneca_sim.graph.neurons import Clip, Delay, Neuron, Quantise, Relu, ThresholdRelu, sum_names
from seneca_sim.graph.nodes import Add, Affine, Dense, DetectionOutput, MaxPool2d, Node, Output
from seneca_sim.graph.ports import Form
from seneca_sim.graph.wires import per_channel

__all__ = ["fold_elements", "is_foldable_delay", "swap_max_pools"]


def swap_max_pools(graph: Graph) -> Graph:
    """Return the graph with monotonic neurons, such as `Relu`, moved before a max pooling that they follow: they commute."""
    links = list(graph.links)
    for name, node in graph.nodes.items():
        behind = [link for link in links if link.source == name]
        before = [link for link in links if link.target == name]
        if (
            not isinstance(node, MaxPool2d)
            or len(behind) != 1
            or len(before) != 1
            or behind[0].delay
            or before[0].delay
        ):
            continue
        relu = behind[0].target
        after = [link for link in links if link.source == relu]
        source = before[0].source
        fused = isinstance(graph.nodes[source], Neuron) and sum(link.source == source for link in links) == 1
        if not _is_monotonic(graph.nodes[relu]) or sum(link.target == relu for link in links) != 1 or fused:
            continue
        if any(link.delay for link in after):
            continue
        swap = {id(before[0]): Link(source, relu), id(behind[0]): Link(relu, name)}
        swap |= {id(link): replace(link, source=name) for link in after}
        links = [swap.get(id(link), link) for link in links]
    return replace(graph, links=tuple(links))


def _is_monotonic(node: object) -> bool:
    if isinstance(node, ThresholdRelu):
        return bool(np.all(np.asarray(node.threshold) >= 0))
    return isinstance(node, Relu | Clip | Quantise)


def fold_elements(graph: Graph, forms: Mapping[str, Form]) -> Graph:
    """Return the graph with constants of each element of a flattened map, in front of dense layers, folded into their weights.

    No edge can scale the neurons of one channel differently; float weights of a dense layer can.
    """
    nodes = dict(graph.nodes)
    for name, node in graph.nodes.items():
        readers = [link.target for link in graph.links_from(name)]
        if not isinstance(node, Affine) or any(link.delay for link in graph.links_from(name)):
            continue
        size, map_ = prod(forms[name].shape), forms[name].map
        parts = [np.asarray(0.0 if part is None else part, np.float64) for part in (node.scale, node.offset)]
        uneven = any(part.size == size > 1 and (map_ is None or per_channel(part, map_) is None) for part in parts)
        dense = [nodes[reader] for reader in readers if len(graph.links_into(reader)) == 1]
        if uneven and len(dense) == len(readers) and all(isinstance(each, Dense) for each in dense):
            scale, offset = (np.broadcast_to(part.reshape(-1), (size,)) for part in parts)
            nodes[name] = Add()
            nodes |= {reader: _scaled_inputs(nodes[reader], scale, offset) for reader in readers}
    return replace(graph, nodes=MappingProxyType(nodes))


def _scaled_inputs(node: Node, scale: NDArray[np.float64], offset: NDArray[np.float64]) -> Node:
    """Return a dense layer that does to scale x + offset what it did to x."""
    assert isinstance(node, Dense)  # its caller looked
    weight = node.weight.astype(np.float64)
    masked = weight if node.mask is None else weight * node.mask
    moved = masked @ offset * (1.0 if node.scale is None else np.asarray(node.scale, np.float64))
    bias = moved if node.bias is None else moved + node.bias
    return replace(node, weight=(weight * scale).astype(np.float32), bias=bias if np.any(bias) else node.bias)


def is_foldable_delay(graph: Graph, name: str, delay: Delay) -> bool:
    """Return whether one length of delay can be the delay of the layer behind it: on a path without branches, to neurons that
    gather one sum.
    """
    if np.ndim(delay.steps) > 0 or any(link.delay for link in graph.links_into(name)):
        return False
    while True:
        behind = graph.links_from(name)
        if len(behind) != 1 or behind[0].delay or len(graph.links_into(behind[0].target)) != 1:
            return False
        name = behind[0].target
        node = graph.nodes[name]
        if isinstance(node, Neuron):
            return not isinstance(node, Delay) and len(sum_names(node)) == 1
        if isinstance(node, Output | DetectionOutput):
            return True

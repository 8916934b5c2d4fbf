"""Rewrites of a graph that keep its function and save a layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seneca_sim.graph.graph import Graph, Link
from seneca_sim.graph.neurons import Neuron, Relu, ThresholdRelu
from seneca_sim.graph.nodes import MaxPool2d

__all__ = ["swap_max_pools"]


def swap_max_pools(graph: Graph) -> Graph:
    """Return the graph with `Relu` moved before a max pooling that it follows: both are monotonic, so they commute."""
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
    return isinstance(node, Relu) or (isinstance(node, ThresholdRelu) and bool(np.all(np.asarray(node.threshold) >= 0)))

"""Rewrites of a graph that keep its function and save a layer, and the conditions under which they do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seneca_sim.graph.graph import Graph, Link
from seneca_sim.graph.neurons import Clip, Delay, Neuron, Quantise, Relu, ThresholdRelu, sum_names
from seneca_sim.graph.nodes import MaxPool2d, Output

__all__ = ["is_foldable_delay", "swap_max_pools"]


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
        if isinstance(node, Output):
            return True

"""Cycles of links: formats without delays close them by carrying values over to the next time step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from seneca_sim.graph.graph import Link
from seneca_sim.graph.neurons import Neuron
from seneca_sim.graph.nodes import Input, Node

__all__ = ["close_cycles"]


def close_cycles(nodes: Mapping[str, Node], links: Sequence[Link]) -> list[Link]:
    """Return the links with delay 1 on those that lead back to the node at which a cycle is entered.

    The entry is the node of the cycle that is nearest to an input, the first by order where several are. A link between
    two linear operators passes its delay on towards the neuron behind it, where that changes nothing else.

    >>> from seneca_sim.graph.neurons import Lif
    >>> from seneca_sim.graph.nodes import Add, Output
    >>> nodes = {"in": Input((1,)), "lif": Lif(0.5), "back": Add(), "out": Output()}
    >>> pairs = [("in", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "out")]
    >>> [link for link in close_cycles(nodes, [Link(*pair) for pair in pairs]) if link.delay]
    [Link(source='back', target='lif', port=0, delay=1)]
    """
    links = list(links)
    distance = _distances(nodes, links)
    order = {name: index for index, name in enumerate(nodes)}
    while cycle := _cycle(nodes, links):
        entry = min(cycle, key=lambda name: (distance.get(name, len(nodes)), order[name]))
        for link in [link for link in links if link.target == entry and link.source in cycle and not link.delay]:
            for placed in _placed(nodes, links, link):
                links[links.index(placed)] = replace(placed, delay=1)
    return links


def _placed(nodes: Mapping[str, Node], links: Sequence[Link], link: Link) -> list[Link]:
    """Return the links that carry the delay of a feedback link: itself, or those before its source."""
    ends = (nodes[link.source], nodes[link.target])
    alone = sum(other.source == link.source for other in links) == 1
    if any(isinstance(end, Neuron) for end in ends) or not alone:
        return [link]
    before = [other for other in links if other.target == link.source and not other.delay]
    return [placed for other in before for placed in _placed(nodes, links, other)]


def _distances(nodes: Mapping[str, Node], links: Sequence[Link]) -> dict[str, int]:
    """Return how many links lead from an input to each node, at least."""
    distance = {name: 0 for name, node in nodes.items() if isinstance(node, Input)}
    frontier = list(distance)
    while frontier:
        reached = {link.target: distance[link.source] + 1 for link in links if link.source in frontier}
        frontier = [name for name in reached if name not in distance]
        distance |= {name: reached[name] for name in frontier}
    return distance


def _cycle(nodes: Mapping[str, Node], links: Sequence[Link]) -> set[str]:
    """Return all nodes that form cycles, without delay, with the first node that lies on one; empty if there is none."""
    targets: dict[str, list[str]] = {name: [] for name in nodes}
    sources: dict[str, list[str]] = {name: [] for name in nodes}
    for link in links:
        if not link.delay:
            targets[link.source].append(link.target)
            sources[link.target].append(link.source)
    for name in nodes:
        ahead = _reached(targets, name)
        if name in ahead:
            return ahead & _reached(sources, name)
    return set()


def _reached(targets: Mapping[str, list[str]], start: str) -> set[str]:
    """Return the nodes that at least one link leads to from `start`."""
    reached: set[str] = set()
    frontier = [start]
    while frontier:
        for target in targets[frontier.pop()]:
            if target not in reached:
                reached.add(target)
                frontier.append(target)
    return reached

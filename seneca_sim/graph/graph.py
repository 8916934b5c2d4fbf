"""The graph as a file states it: named nodes, and links between them. `graph.lower` turns it into layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from types import MappingProxyType
from typing import Literal

from seneca_sim.errors import GraphError
from seneca_sim.graph.network import InputContract, Precision
from seneca_sim.graph.nodes import DetectionOutput, Input, Node, Output

__all__ = ["Graph", "GraphBuilder", "Link", "Weights", "node_order"]

Weights = Literal["given", "random", "absent"]
"""Whether a network's arrays are its own, drawn, or placeholders for those of a published network that are not public."""


@dataclass(frozen=True, slots=True)
class Link:
    """Values flow from `source` to `target`, in the same time step (delay 0) or in the next (delay 1: recurrence)."""

    source: str
    target: str
    port: int = 0
    """Orders the inputs of a `Concat`; says which sums of a neuron with several of them are fed (`neurons.sum_ports`)."""
    delay: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Named nodes in file order, and links. Several links into one node add up (into one port, where ports differ), except
    into `Concat`.
    """

    name: str
    nodes: Mapping[str, Node]
    links: tuple[Link, ...]
    default_precision: Precision = field(default_factory=Precision)
    """Of layers not named in `precision`; integer weights and spikes are recognised and get types of their own."""
    precision: Mapping[str, Precision] = field(default_factory=lambda: MappingProxyType({}))
    """Number types by the name of a neuron or input node."""
    heads: frozenset[str] = frozenset()
    """Nodes of a detection or classification head, which published memory figures leave out."""
    dt_us: float | None = None
    """The time step that the neurons' constants hold for; None for frame-based networks."""
    task: Literal["classification", "other"] = "classification"
    input_contract: InputContract = field(default_factory=InputContract)
    assumptions: tuple[str, ...] = ()
    weights: Weights = "given"
    resets: Mapping[str, tuple[int, int]] = field(default_factory=lambda: MappingProxyType({}))
    """By the name of a neuron: its states return to their initial values every so many steps, first before step (second number)."""

    def links_into(self, name: str) -> list[Link]:
        """Return the links into a node by port, then in file order."""
        return sorted((link for link in self.links if link.target == name), key=lambda link: link.port)

    def links_from(self, name: str) -> list[Link]:
        """Return the links that leave a node, in file order."""
        return [link for link in self.links if link.source == name]


def node_order(graph: Graph) -> tuple[str, ...]:
    """Return the nodes so that each follows its sources over links without delay; otherwise in file order.

    Raises a `GraphError` for links of nodes that do not exist, nodes that nothing reaches or that lead nowhere, and
    cycles without delay.
    """
    _check_links(graph)
    names = list(graph.nodes)
    number = {name: index for index, name in enumerate(names)}
    targets: dict[str, list[str]] = {name: [] for name in names}
    waiting = dict.fromkeys(names, 0)
    for link in graph.links:
        if not link.delay:
            targets[link.source].append(link.target)
            waiting[link.target] += 1
    ready = [number[name] for name in names if not waiting[name]]
    heapify(ready)
    order = []
    while ready:
        name = names[heappop(ready)]
        order.append(name)
        for target in targets[name]:
            waiting[target] -= 1
            if not waiting[target]:
                heappush(ready, number[target])
    if len(order) < len(names):
        raise GraphError(_cycle_text(graph, targets, {name for name in names if waiting[name]}))
    return tuple(order)


def _check_links(graph: Graph) -> None:
    """Refuse links to nowhere, nodes without a source or a reader, and graphs without an end."""
    for name in (graph.name, *graph.nodes):
        if not name.isprintable():
            raise GraphError(f"{graph.name!r}: the name {name!r} holds control characters; rename it")
    for link, times in Counter(graph.links).items():
        if times > 1:
            raise GraphError(
                f"{graph.name}: the link {link.source!r} -> {link.target!r} is there {times} times; remove all but one, or give "
                "each a port of its own"
            )
        for end, name in (("source", link.source), ("target", link.target)):
            if name not in graph.nodes:
                raise GraphError(
                    f"{graph.name}: the link {link.source!r} -> {link.target!r} has a {end} that does not exist: {name!r}; "
                    "add the node or remove the link"
                )
        if link.delay not in (0, 1):
            raise GraphError(
                f"{graph.name}: the link {link.source!r} -> {link.target!r} has delay {link.delay}; only 0 (same time "
                "step) and 1 (next time step) are supported"
            )
    sources = {link.source for link in graph.links}
    targets = {link.target for link in graph.links}
    for kind in (Input, Output | DetectionOutput):
        if not any(isinstance(node, kind) for node in graph.nodes.values()):
            raise GraphError(f"{graph.name}: there is no {'Input' if kind is Input else 'Output'} node; add one")
    for name, node in graph.nodes.items():
        if isinstance(node, Input) and name in targets:
            raise GraphError(f"{graph.name}: {name}: an Input takes no links; remove the links into it")
        is_end = isinstance(node, Output | DetectionOutput)
        if is_end and name in sources:
            raise GraphError(f"{graph.name}: {name}: an Output has no links to other nodes; remove the links from it")
        if not isinstance(node, Input) and name not in targets:
            raise GraphError(f"{graph.name}: {name}: nothing reaches this node; link it or remove it")
        if not is_end and name not in sources:
            raise GraphError(f"{graph.name}: {name}: this node leads nowhere; link it to an Output or remove it")


def _cycle_text(graph: Graph, targets: Mapping[str, list[str]], stuck: set[str]) -> str:
    """Return a sentence that names one cycle among the stuck nodes."""
    start = next(name for name in graph.nodes if name in stuck)
    path: list[str] = []
    # every stuck node has a stuck source, so walking backwards must come round
    while start not in path:
        path.append(start)
        start = next(source for source in graph.nodes if source in stuck and start in targets[source])
    cycle = path[path.index(start) :][::-1]
    first = min(range(len(cycle)), key=lambda index: list(graph.nodes).index(cycle[index]))
    cycle = [*cycle[first:], *cycle[:first], cycle[first]]
    return (
        f"{graph.name}: the nodes {' -> '.join(cycle)} form a cycle without delay; give one of its links delay 1, so that "
        "it carries the values of the time step before"
    )


class GraphBuilder:
    """Writes a graph line by line; a node without stated sources follows the node added before it.

    >>> import numpy as np
    >>> from seneca_sim.graph import Conv2d, Input, Output, Relu, lower
    >>> net = GraphBuilder("tiny")
    >>> net.add("input", Input((1, 4, 4))).add("conv", Conv2d(np.ones((2, 1, 3, 3), np.int8))).add("relu", Relu())
    GraphBuilder('tiny', nodes=['input', 'conv', 'relu'])
    >>> [(layer.name, layer.shape) for layer in lower(net.add("output", Output()).graph()).layers]
    [('input', (1, 4, 4)), ('relu', (2, 2, 2))]
    """

    def __init__(
        self,
        name: str,
        *,
        dt_us: float | None = None,
        task: Literal["classification", "other"] = "classification",
        input_contract: InputContract | None = None,
        default_precision: Precision | None = None,
        weights: Weights = "given",
        assumptions: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self._nodes: dict[str, Node] = {}
        self._links: list[Link] = []
        self._precision: dict[str, Precision] = {}
        self._heads: set[str] = set()
        self._dt_us = dt_us
        self._task = task
        self._contract = input_contract or InputContract()
        self._default = default_precision or Precision()
        self._weights: Weights = weights
        self._assumptions = assumptions
        self._resets: dict[str, tuple[int, int]] = {}

    def __repr__(self) -> str:
        return f"GraphBuilder({self.name!r}, nodes={list(self._nodes)})"

    def add(
        self,
        name: str,
        node: Node,
        *sources: str,
        delay: Literal[0, 1] = 0,
        precision: Precision | None = None,
        head: bool = False,
        reset_every: int = 0,
        reset_first: int = 0,
    ) -> GraphBuilder:
        """Add a node with links from `sources` (ports in their order), or from the node added last.

        With `delay` 1 the links bring the values of the step before: so begins a recurrent path, which `link` closes. With
        `reset_every` the states of a neuron return to their initial values before the steps reset_first,
        reset_first + reset_every, and so on.
        """
        if name in self._nodes:
            raise GraphError(f"{self.name}: {name}: there is a node of this name already; choose another name")
        if not sources and not isinstance(node, Input) and self._nodes:
            sources = (next(reversed(self._nodes)),)
        self._nodes[name] = node
        self._links += [Link(source, name, port, delay) for port, source in enumerate(sources)]
        if precision is not None:
            self._precision[name] = precision
        if head:
            self._heads.add(name)
        if reset_every:
            self._resets[name] = (reset_every, reset_first)
        return self

    def link(self, source: str, target: str, *, delay: Literal[0, 1] = 0, port: int | None = None) -> GraphBuilder:
        """Add a link, at the next port if none is stated; with delay 1 it may close a cycle."""
        if port is None:
            port = sum(link.target == target for link in self._links)
        self._links.append(Link(source, target, port, delay))
        return self

    def graph(self) -> Graph:
        """Return the graph, checked for dangling links and cycles."""
        graph = Graph(
            self.name,
            MappingProxyType(dict(self._nodes)),
            tuple(self._links),
            self._default,
            MappingProxyType(dict(self._precision)),
            frozenset(self._heads),
            self._dt_us,
            self._task,
            self._contract,
            self._assumptions,
            self._weights,
            MappingProxyType(dict(self._resets)),
        )
        node_order(graph)
        return graph

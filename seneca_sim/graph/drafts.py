"""Layers while they grow: terms gather in a draft until all links, recurrent ones last, have arrived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Literal

import numpy as np

from seneca_sim.errors import GraphError
from seneca_sim.graph.checks import check_layer
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.names import unused_name
from seneca_sim.graph.network import Edge, Layer, MaxPool
from seneca_sim.graph.neurons import Neuron, sum_names
from seneca_sim.graph.numerics import check_weights, infer_precision
from seneca_sim.graph.ports import Shape
from seneca_sim.graph.wires import Term, Wire, spread_groups, unit_term

__all__ = ["Draft", "LayerWriter", "fitted_term", "is_replayable"]


@dataclass(slots=True)
class Draft:
    """A layer while it grows."""

    name: str
    neuron: Neuron | None
    shape: Shape
    terms: list[Term] = field(default_factory=list)
    bias: Any = None
    """(sums x channels,)"""
    pool: MaxPool | None = None
    is_output: bool = False
    delay: int = 0

    @property
    def positions(self) -> int:
        """Rows times columns."""
        return self.shape[1] * self.shape[2]

    @property
    def sums(self) -> int:
        """Number of sums that each neuron gathers."""
        return len(sum_names(self.neuron))

    def add_bias(self, bias: Any, first_sum: int, sums: int) -> None:
        """Add a bias to some of the sums."""
        if self.sums > 1:
            channels = self.shape[0]
            whole = np.zeros(self.sums * channels, np.asarray(bias).dtype)
            whole[first_sum * channels : (first_sum + sums) * channels] = bias
            bias = whole
        self.bias = bias if self.bias is None else self.bias + bias


def fitted_term(draft: Draft, wire: Wire, term: Term, first_sum: int, sums: int) -> Term | None:
    """Return a wire's term as one edge into some sums of a draft; None where it needs a layer of its own before.

    Plain terms with a factor or pooling become depthwise convolutions, and so do those that feed more than one sum, which
    then lose their groups.
    """
    assert wire.map is not None  # a layer is a map, and so is what arrives at it
    positions = wire.map[1] * wire.map[2]
    broadcast = positions == 1 < draft.positions
    if term.weight is None:
        channel, channels = term.first // positions, draft.shape[0]
        spans = channel // channels != (channel + term.shape[0] - 1) // channels
        if not spans and term.scale is None and term.pool == (1, 1):
            first_sum += channel // channels
            offset = channel % channels * draft.positions
            return replace(term, first=offset, first_sum=first_sum, sums=1, broadcast=broadcast)
        if term.size != prod(wire.map):
            return None
        term = unit_term(term, f"{term.source}+{draft.name}" if term.pool == (1, 1) else f"{draft.name}.pool")
    if sums > 1 and term.groups > 1:
        term = spread_groups(term)
    return replace(term, first_sum=first_sum, sums=sums, broadcast=broadcast, dense=term.dense and not broadcast)


def is_replayable(term: Term) -> bool:
    """Return whether an edge of the step before can be replayed row by row: dense, or of stride 1 and the map's own size."""
    if term.weight is None:
        return term.upsample == (1, 1)
    if term.dense:
        return True
    kernel = term.weight.shape[2:]
    same = all(2 * p == d * (k - 1) and k % 2 for p, d, k in zip(term.padding, term.dilation, kernel, strict=True))
    return same and term.stride == term.pool == term.upsample == (1, 1)


class LayerWriter:
    """Finishes drafts; every edge gets a name of its own."""

    def __init__(self, graph: Graph, drafts: Mapping[str, Draft]) -> None:
        self.graph = graph
        self.number = {name: index for index, name in enumerate(drafts)}
        self.edge_names: set[str] = set()

    def layer(self, draft: Draft) -> Layer:
        """Return the finished layer; recurrent edges come last."""
        graph, where = self.graph, f"{self.graph.name}: {draft.name}"
        terms = sorted(draft.terms, key=lambda term: term.delay)
        edges = tuple(self.edge(draft, term) for term in terms)
        bias = draft.bias
        if bias is not None:
            bias = np.asarray(bias).astype(np.int64 if np.asarray(bias).dtype.kind == "i" else np.float32)
        weights = [edge.weight for edge in edges if edge.weight is not None]
        precision = graph.precision.get(draft.name) or infer_precision(
            graph.default_precision, draft.neuron, graph.input_contract, weights
        )
        is_head = draft.name in graph.heads or any(term.node in graph.heads for term in terms)
        ends = (draft.is_output, is_head, draft.delay, *graph.resets.get(draft.name, (0, 0)))
        layer = Layer(draft.name, draft.neuron, draft.shape, edges, bias, draft.pool, precision, *ends)
        check_layer(where, layer)
        check_weights(where, layer)
        return layer

    def edge(self, draft: Draft, term: Term) -> Edge:
        """Return the edge of a term."""
        if term.delay and term.broadcast:
            raise GraphError(
                f"{self.graph.name}: {draft.name}: the link with delay 1 from {term.source!r} brings a map of one position for "
                "the whole map; put Identity neurons behind it"
            )
        base = term.node if term.weight is not None else f"{term.source}+{draft.name}"
        name = unused_name(base, self.edge_names)
        self.edge_names.add(name)
        kind: Literal["dense", "conv", "add"] = "dense" if term.dense else "conv"
        offset, padding = 0, term.padding
        if term.weight is None:
            kind, offset = "add", term.first // draft.positions
            padding = (term.upsample[0] - 1, term.upsample[1] - 1)
        return Edge(
            name,
            self.number[term.source],
            kind,
            term.weight,
            None if term.scale is None or np.all(term.scale == 1) else term.scale.astype(np.float32),
            stride=term.stride,
            padding=padding,
            dilation=term.dilation,
            groups=term.groups,
            pool=term.pool,
            delay=term.delay,
            target_offset=offset,
            mask=term.mask,
            upsample=term.upsample,
            first_sum=term.first_sum,
            sums=term.sums,
            broadcast=term.broadcast,
        )

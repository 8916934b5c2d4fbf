"""From a graph to the layers that the chip sees.

- A neuron becomes a layer; the linear operators in front of it become its edges and bias.
- Batch normalisation, scales and average pooling's divisor are folded: into float weights, else into `Edge.scale`.
- Sum and average pooling behind a layer is folded into the next weights (stride = kernel, no padding); any other pooling
  of sums is a depthwise convolution of ones.
- Max pooling is fused behind a neuron that it alone reads; `Relu` behind a max pooling changes places with it.
- Flattening vanishes: dense weights are reshaped to the map that they see.
- Where sums meet weights again, or are read twice, or end at an output, a layer of `Identity` neurons holds them. Between
  sigma-delta neurons, whose events are changes, such a layer passes changes on exactly, and its bias counts once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from itertools import count
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError
from seneca_sim.graph.checks import check_layer, check_node
from seneca_sim.graph.graph import Graph, Link, node_order
from seneca_sim.graph.network import Edge, Layer, MaxPool, Network
from seneca_sim.graph.neurons import Identity, Neuron, SigmaDelta
from seneca_sim.graph.nodes import (
    Add,
    Affine,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    Input,
    MaxPool2d,
    Output,
    SumPool2d,
    pair,
)
from seneca_sim.graph.numerics import check_weights, infer_precision
from seneca_sim.graph.rewrites import swap_max_pools
from seneca_sim.graph.shapes import Form, Shape, infer_forms
from seneca_sim.graph.wires import (
    Term,
    Wire,
    add_wires,
    concat_wires,
    per_channel,
    pool_term,
    scale_wire,
    weigh_conv,
    weigh_dense,
)

__all__ = ["lower"]


def lower(graph: Graph) -> Network:
    """Return the layers and edges of a graph, or raise a `GraphError` that names the node that cannot be lowered."""
    for name, node in graph.nodes.items():
        check_node(f"{graph.name}: {name}", node)
    node_order(graph)
    graph = swap_max_pools(graph)
    with np.errstate(over="ignore"):  # what becomes too large is refused by `check_layer`
        return _Lowering(graph, infer_forms(graph)).network()


def _is_neuron(graph: Graph, name: str) -> bool:
    return isinstance(graph.nodes[name], Neuron)


@dataclass(slots=True)
class _Draft:
    """A layer while it grows: recurrent terms arrive last."""

    name: str
    neuron: Neuron | None
    shape: Shape
    terms: list[Term] = field(default_factory=list)
    bias: Any = None
    pool: MaxPool | None = None
    is_output: bool = False


def _behind_conv(name: str, node: Conv2d, wire: Wire, out: Shape) -> tuple[Term, ...]:
    """Return a weighted term for each plain term that a convolution sees; none if an edge cannot express one of them."""
    terms, first = [], 0
    for term in sorted(wire.terms, key=lambda term: term.first):
        weighted = weigh_conv(term, name, node, slice(first, first + term.shape[0]), out)
        if weighted is None:
            return ()
        terms.append(weighted)
        first += term.shape[0]
    return tuple(terms)


class _Lowering:
    """Walks the nodes in order; `wires` holds what leaves each node, `drafts` the layers so far, in their order."""

    def __init__(self, graph: Graph, forms: dict[str, Form]) -> None:
        self.graph = graph
        self.forms = forms
        self.wires: dict[str, Wire] = {}
        self.drafts: dict[str, _Draft] = {}
        self.notes: list[str] = []

    def network(self) -> Network:
        """Lower all nodes, then the recurrent links, and number the layers."""
        late: list[Link] = []
        for name in node_order(self.graph):
            now = [link for link in self.graph.links_into(name) if not (link.delay and _is_neuron(self.graph, name))]
            late += [link for link in self.graph.links_into(name) if link not in now]
            wire = self.leaving(name, [self.arriving(link) for link in now])
            if len(self.graph.links_from(name)) > 1 and not wire.is_plain:
                wire = self.held(wire, reason="is read by several nodes")
            self.wires[name] = wire
        for link in late:
            self.attach(self.drafts[link.target], self.delayed(self.wires[link.source], link))
        number = {name: index for index, name in enumerate(self.drafts)}
        edge_names: set[str] = set()
        layers = tuple(self.layer(draft, number, edge_names) for draft in self.drafts.values())
        graph = self.graph
        notes = (*graph.assumptions, *self.notes)
        return Network(graph.name, layers, graph.dt_us, graph.task, graph.input_contract, notes)

    def where(self, name: str) -> str:
        """Return how an error names a node."""
        return f"{self.graph.name}: {name}"

    def arriving(self, link: Link) -> Wire:
        """Return what a link brings; over a delay, from a neuron that may not be lowered yet."""
        if not link.delay:
            return self.wires[link.source]
        map_ = self.forms[link.source].map
        if not _is_neuron(self.graph, link.source) or map_ is None:
            raise GraphError(
                f"{self.where(link.target)}: the link with delay 1 from {link.source!r} neither leaves nor enters a neuron; move "
                "the delay to a link that does"
            )
        delta = isinstance(self.graph.nodes[link.source], SigmaDelta)
        return Wire(link.source, map_, (Term(link.source, map_, delay=1),), delta=delta)

    def delayed(self, wire: Wire, link: Link) -> Wire:
        """Return a wire one time step later."""
        for term in wire.terms:
            if term.delay:
                raise GraphError(
                    f"{self.where(link.target)}: the path from {term.source!r} over {link.source!r} has two links with delay 1; "
                    "keep one of them"
                )
        return replace(wire, terms=tuple(replace(term, delay=1) for term in wire.terms))

    def leaving(self, name: str, wires: list[Wire]) -> Wire:
        """Return what leaves a node, given what arrives."""
        node, form = self.graph.nodes[name], self.forms[name]
        if isinstance(node, Input):
            self.drafts[name] = _Draft(name, None, form.shape)
            return Wire(name, form.shape, (Term(name, form.shape),))
        if isinstance(node, Concat):
            return concat_wires(name, form.map, [wire if wire.is_plain else self.held(wire) for wire in wires])
        wire = add_wires(name if isinstance(node, Add) else f"{name}.sum", wires) if wires else Wire(name, form.map, ())
        match node:
            case Output():
                return self.output(wire)
            case Add() | Flatten():
                return replace(wire, name=name)
            case Conv2d():
                return self.conv(name, node, wire, form.shape)
            case Dense():
                return self.dense(name, node, wire)
            case SumPool2d() | AvgPool2d():
                return self.sum_pool(name, node, wire, form.shape)
            case MaxPool2d():
                return self.max_pool(name, node, wire, form.shape)
            case BatchNorm2d() | Affine():
                return self.scaled(name, node, wire)
            case _ if isinstance(node, Neuron):
                return self.fired(name, node, wire, form.map)
            case _:
                raise GraphError(
                    f"{self.where(name)}: {type(node).__name__} has no lowering; write it with other nodes"
                )

    def fired(self, name: str, neuron: Neuron, wire: Wire, map_: Shape | None) -> Wire:
        """Return what a neuron sends; its layer takes the wire as edges and bias."""
        if map_ is None:
            raise GraphError(
                f"{self.where(name)}: the neurons stand behind joined flattened maps, which form no map; put them before the Concat"
            )
        draft = _Draft(name, self.shaped(name, neuron, map_), map_)
        self.attach(draft, wire)
        self.drafts[name] = draft
        return Wire(name, map_, (Term(name, map_),), delta=isinstance(neuron, SigmaDelta))

    def shaped(self, name: str, neuron: Neuron, map_: Shape) -> Neuron:
        """Return the neuron with its array constants as (channels, 1, 1), or as numbers where all are equal."""
        changed: dict[str, Any] = {}
        for entry in fields(neuron):
            value = getattr(neuron, entry.name)
            if isinstance(value, np.ndarray):
                channel = per_channel(value, map_)
                if channel is None:
                    raise GraphError(
                        f"{self.where(name)}: {entry.name} has shape {value.shape} for neurons {map_}; only one number, or one "
                        "per channel, is supported"
                    )
                changed[entry.name] = float(channel[0]) if len(channel) == 1 else channel.reshape(-1, 1, 1)
        return replace(neuron, **changed)

    def attach(self, draft: _Draft, wire: Wire) -> None:
        """Add a wire's terms and bias to a layer; plain terms with a factor or pooling become depthwise convolutions."""
        for term in wire.terms:
            if term.weight is None and (term.scale is not None or term.pool != (1, 1)):
                if term.size == prod(draft.shape):
                    term = pool_term(term, f"{draft.name}.pool", term.pool, term.pool, (0, 0), term.shape)
                    term = replace(term, pool=(1, 1))
                else:
                    term = self.standing(term)
            draft.terms.append(term)
        if wire.bias is not None:
            draft.bias = wire.bias if draft.bias is None else draft.bias + wire.bias

    def unused(self, name: str) -> str:
        """Return the name, or the name with a number, that no layer and no neuron node has."""
        taken = self.drafts.keys() | {n for n, node in self.graph.nodes.items() if isinstance(node, Neuron | Input)}
        return next(n for n in (name if k == 1 else f"{name}.{k}" for k in count(1)) if n not in taken)

    def held(
        self, wire: Wire, pool: MaxPool | None = None, *, reason: str = "is used by a linear operator again"
    ) -> Wire:
        """Return a wire that a layer of its own, without activation, holds and sends."""
        if wire.map is None:
            raise GraphError(
                f"{self.where(wire.name)}: joined flattened maps cannot be scaled or summed; move this behind a Dense"
            )
        changes = wire.delta and (wire.bias is not None or pool is not None)
        neuron = SigmaDelta(0.0, "deadband", "identity") if changes else Identity()
        name = self.unused(wire.name)
        draft = _Draft(name, neuron, wire.map, pool=pool)
        self.attach(draft, wire)
        self.drafts[name] = draft
        if reason:
            self.notes.append(f"{name}: the sum {reason}; a layer of neurons that pass it on was added")
        return Wire(name, wire.map, (Term(name, wire.map),), delta=wire.delta)

    def standing(self, term: Term) -> Term:
        """Return a plain term that a layer of its own, with the term's factor and pooling, sends."""
        delay = term.delay if term.source in self.drafts else 0
        wire = Wire(f"{term.source}.scaled", term.shape, (replace(term, first=0, delay=term.delay - delay),))
        (held,) = self.held(wire, reason="is scaled before it is joined to others").terms
        return replace(held, first=term.first, delay=delay)

    def output(self, wire: Wire) -> Wire:
        """Mark the layer that an output reads."""
        term = wire.terms[0]
        if not wire.is_layer or term.delay or self.drafts[term.source].neuron is None:
            wire = self.held(wire, reason="")
        self.drafts[wire.terms[0].source].is_output = True
        return wire

    def conv(self, name: str, node: Conv2d, wire: Wire, out: Shape) -> Wire:
        """Return the wire behind a convolution: one weighted term for each layer that it sees."""
        wire = wire if wire.is_plain else self.held(wire)
        terms = _behind_conv(name, node, wire, out) or _behind_conv(name, node, self.held(wire), out)
        return Wire(name, out, terms, node.bias, wire.delta)

    def dense(self, name: str, node: Dense, wire: Wire) -> Wire:
        """Return the wire behind a dense layer: one weighted term for each layer that it sees."""
        wire = wire if wire.is_plain else self.held(wire)
        terms = []
        for term in wire.terms:
            weighted = weigh_dense(term, name, node)
            terms.append(weighted or weigh_dense(self.standing(term), name, node))
        return Wire(name, (len(node.weight), 1, 1), tuple(t for t in terms if t is not None), node.bias, wire.delta)

    def sum_pool(self, name: str, node: SumPool2d | AvgPool2d, wire: Wire, out: Shape) -> Wire:
        """Return the wire behind a sum or average pooling, which waits for the next weights if an edge can fold it."""
        kernel, padding = pair(node.kernel), pair(node.padding)
        stride = kernel if node.stride is None else pair(node.stride)
        share = np.array([1.0 / prod(kernel)]) if isinstance(node, AvgPool2d) else None
        if wire.is_plain and stride == kernel and padding == (0, 0):
            terms, first = [], 0
            for term in sorted(wire.terms, key=lambda term: term.first):
                shape = (term.shape[0], *out[1:])
                pool = (term.pool[0] * kernel[0], term.pool[1] * kernel[1])
                terms.append(replace(term, shape=shape, pool=pool, first=first))
                first += prod(shape)
            return scale_wire(Wire(name, out, tuple(terms), delta=wire.delta), name, share, None)
        if not wire.is_plain or len(wire.terms) > 1:
            wire = self.held(wire)
        (term,) = wire.terms
        return scale_wire(
            Wire(name, out, (pool_term(term, name, kernel, stride, padding, out),), delta=wire.delta), name, share, None
        )

    def max_pool(self, name: str, node: MaxPool2d, wire: Wire, out: Shape) -> Wire:
        """Return the wire behind a max pooling, fused behind the neurons that it alone reads, else with a layer of its own."""
        kernel = pair(node.kernel)
        pool = MaxPool(kernel, kernel if node.stride is None else pair(node.stride), pair(node.padding))
        source = wire.terms[0].source
        links = self.graph.links_into(name)
        alone = (
            len(links) == 1 == len(self.graph.links_from(source)) and links[0].source == source and not links[0].delay
        )
        if alone and wire.is_layer and self.drafts[source].neuron and self.drafts[source].pool is None:
            self.drafts[source].pool = pool
        else:
            held = self.held(replace(wire, name=name), pool, reason="")
            source = held.terms[0].source
        return Wire(name, out, (Term(source, out),), delta=wire.delta)

    def scaled(self, name: str, node: BatchNorm2d | Affine, wire: Wire) -> Wire:
        """Return the wire behind a batch normalisation or scale, which is folded."""
        if isinstance(node, BatchNorm2d):
            gain = 1.0 / np.sqrt(np.asarray(node.variance, np.float64) + node.epsilon)
            gain = gain if node.gain is None else gain * node.gain
            offset = -np.asarray(node.mean, np.float64) * gain
            parts: list[Any] = [gain, offset if node.offset is None else offset + node.offset]
        else:
            parts = [node.scale, 0.0 if node.offset is None else node.offset]
        constants: list[NDArray[np.float64]] = []
        for part in parts:
            constant = per_channel(part, wire.map)
            if constant is None or (len(constant) > 1 and wire.map is None):
                raise GraphError(
                    f"{self.where(name)}: constants of shape {np.shape(part)} do not fit a map {wire.map}; expected one number, or "
                    "one per channel"
                )
            constants.append(constant)
        return scale_wire(wire, name, constants[0], constants[1])

    def layer(self, draft: _Draft, number: dict[str, int], edge_names: set[str]) -> Layer:
        """Return the finished layer; recurrent edges come last."""
        terms = sorted(draft.terms, key=lambda term: term.delay)
        edges = tuple(self.edge(draft, term, number, edge_names) for term in terms)
        bias = draft.bias
        if bias is not None:
            bias = np.asarray(bias).astype(np.int64 if np.asarray(bias).dtype.kind == "i" else np.float32)
        graph = self.graph
        weights = [edge.weight for edge in edges if edge.weight is not None]
        precision = graph.precision.get(draft.name) or infer_precision(
            graph.default_precision, draft.neuron, graph.input_contract, weights
        )
        is_head = draft.name in graph.heads or any(term.node in graph.heads for term in terms)
        layer = Layer(
            draft.name, draft.neuron, draft.shape, edges, bias, draft.pool, precision, draft.is_output, is_head
        )
        check_layer(self.where(draft.name), layer)
        check_weights(self.where(draft.name), layer)
        return layer

    def edge(self, draft: _Draft, term: Term, number: dict[str, int], names: set[str]) -> Edge:
        """Return the edge of a term."""
        if term.delay:
            self.check_recurrence(draft, term)
        base = term.node if term.weight is not None else f"{term.source}+{draft.name}"
        name = next(n for n in (base if k == 1 else f"{base}.{k}" for k in count(1)) if n not in names)
        names.add(name)
        if term.weight is None:
            offset = term.first // (draft.shape[1] * draft.shape[2])
            return Edge(name, number[term.source], "add", None, delay=term.delay, target_offset=offset)
        kind: Literal["dense", "conv"] = "dense" if term.dense else "conv"
        scale = None if term.scale is None or np.all(term.scale == 1) else term.scale.astype(np.float32)
        geometry = (term.stride, term.padding, term.dilation, term.groups, term.pool)
        return Edge(name, number[term.source], kind, term.weight, scale, *geometry, term.delay, 0, term.mask)

    def check_recurrence(self, draft: _Draft, term: Term) -> None:
        """Refuse recurrent edges that the chip cannot replay row by row."""
        source = self.drafts[term.source]
        if source.neuron is None:
            raise GraphError(
                f"{self.where(draft.name)}: the link with delay 1 comes from the input {term.source!r}; only what neurons sent can "
                "be replayed, so pass the input through a neuron first"
            )
        if term.weight is None or term.dense:
            return
        kernel = term.weight.shape[2:]
        same = all(2 * p == d * (k - 1) and k % 2 for p, d, k in zip(term.padding, term.dilation, kernel, strict=True))
        if term.stride != (1, 1) or term.pool != (1, 1) or not same:
            raise GraphError(
                f"{self.where(draft.name)}: the recurrent edge {term.node!r} must be dense or a convolution with stride 1, an odd "
                "kernel and padding that keeps the size"
            )

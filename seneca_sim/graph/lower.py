"""From a graph to the layers that the chip sees.

- A neuron becomes a layer; the linear operators in front of it become its edges and bias.
- Batch normalisation, scales and average pooling's divisor are folded: into float weights, else into `Edge.scale`.
- Sum and average pooling behind a layer is folded into the next weights (stride = kernel, no padding); any other pooling
  of sums is a depthwise convolution of ones.
- Max pooling is fused behind a neuron that it alone reads; `Relu` behind a max pooling changes places with it.
- Flattening vanishes: dense weights are reshaped to the map that they see.
- Where sums meet weights again, or are read twice, or end at an output, a layer of `Identity` neurons holds them. Between
  sigma-delta neurons, whose events are changes, such a layer passes changes on exactly, and its bias counts once.
- A transposed convolution becomes an edge with `upsample`. Nearest upsampling goes into `add` edges straight into neurons;
  a convolution that reads an enlarged map reads a layer of `Identity` neurons that holds it.
- A map of one position that scales a whole map (`Product`, `ContextThreshold`) arrives over broadcast edges.
- A `Delay` of one length that alone feeds neurons which nothing else feeds becomes the delay of their layer.
- Over delay 1 the chip replays what neurons sent: what enters the network, or passes weights that cannot be replayed row by
  row, goes through a layer of `Identity` neurons first.
"""

from __future__ import annotations

from dataclasses import fields, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError
from seneca_sim.graph.blocks import open_blocks
from seneca_sim.graph.checks import check_node
from seneca_sim.graph.drafts import Draft
from seneca_sim.graph.graph import Graph, Link, node_order
from seneca_sim.graph.layering import Layering
from seneca_sim.graph.network import MaxPool, Network
from seneca_sim.graph.neurons import Delay, MultiThreshold, Neuron, SigmaDelta, sum_names
from seneca_sim.graph.nodes import (
    Add,
    Affine,
    AvgPool2d,
    BatchNorm2d,
    Block,
    Concat,
    Conv2d,
    ConvTranspose2d,
    Dense,
    DetectionOutput,
    Flatten,
    GlobalAvgPool2d,
    Input,
    MaxPool2d,
    Node,
    Output,
    SumPool2d,
    Upsample,
    pair,
)
from seneca_sim.graph.rewrites import fold_elements, is_foldable_delay, swap_max_pools
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
    weigh_transposed,
)

__all__ = ["lower"]


def lower(graph: Graph) -> Network:
    """Return the layers and edges of a graph, or raise a `GraphError` that names the node that cannot be lowered.

    >>> from seneca_sim.graph import GraphBuilder, Lif, Relu
    >>> net = GraphBuilder("net").add("in", Input((2, 6, 6))).add("conv", Conv2d(np.ones((4, 2, 3, 3), np.int8)))
    >>> network = lower(net.add("relu", Relu()).add("out", Output()).graph())
    >>> [(layer.name, layer.shape) for layer in network.layers], network.layers[1].edges[0].kind
    ([('in', (2, 6, 6)), ('relu', (4, 4, 4))], 'conv')
    """
    for name, node in graph.nodes.items():
        check_node(f"{graph.name}: {name}", node)
    node_order(graph)
    _check_resets(graph)
    infer_forms(graph)  # what does not fit is named by the node as stated, before blocks are opened
    graph = swap_max_pools(open_blocks(graph))
    graph = fold_elements(graph, infer_forms(graph))
    with np.errstate(over="ignore"):  # what becomes too large is refused by `check_layer`
        return _Lowering(graph, infer_forms(graph)).network()


def _check_resets(graph: Graph) -> None:
    """Refuse resets of what has no state, and rhythms that never come."""
    for name, (every, first) in graph.resets.items():
        if not isinstance(graph.nodes.get(name), Neuron | Block):
            raise GraphError(f"{graph.name}: {name}: resets are stated for it, but there are no neurons of this name")
        if every < 1 or first < 0:
            raise GraphError(
                f"{graph.name}: {name}: states reset every {every} steps from step {first} on, expected at least 1 and 0"
            )


def _is_neuron(graph: Graph, name: str) -> bool:
    return isinstance(graph.nodes[name], Neuron)


def _behind_conv(name: str, node: Conv2d | ConvTranspose2d, wire: Wire, out: Shape) -> tuple[Term, ...]:
    """Return a weighted term for each plain term that a convolution sees; none if an edge cannot express one of them."""
    terms, first = [], 0
    for term in sorted(wire.terms, key=lambda term: term.first):
        channels = slice(first, first + term.shape[0])
        if isinstance(node, Conv2d):
            weighted = weigh_conv(term, name, node, channels, out)
        else:
            weighted = weigh_transposed(term, name, node, channels, out)
        if weighted is None:
            return ()
        terms.append(weighted)
        first += term.shape[0]
    return tuple(terms)


class _Lowering:
    """Walks the nodes in order; `wires` holds what leaves each node, `layers` the layers so far."""

    def __init__(self, graph: Graph, forms: dict[str, Form]) -> None:
        self.graph = graph
        self.forms = forms
        self.layers = Layering(graph, forms)
        self.wires: dict[str, Wire] = {}

    def network(self) -> Network:
        """Lower all nodes, then the recurrent links, and number the layers."""
        late: list[Link] = []
        for name in node_order(self.graph):
            now = [link for link in self.graph.links_into(name) if not (link.delay and _is_neuron(self.graph, name))]
            late += [link for link in self.graph.links_into(name) if link not in now]
            wire = self.leaving(name, [(link.port, self.arriving(link)) for link in now])
            if len(self.graph.links_from(name)) > 1 and not wire.is_plain:
                wire = self.layers.held(wire, reason="is read by several nodes")
            self.wires[name] = wire
        for link in late:
            self.layers.attach(self.layers.drafts[link.target], self.delayed(self.wires[link.source], link), link.port)
        layers, added = self.layers.finished()
        graph = self.graph
        notes = (*graph.assumptions, *added)
        one = sum(prod(layer.out_shape) for layer in layers if layer.is_output) == 1  # no class among others
        task = "other" if one else graph.task
        return Network(graph.name, layers, graph.dt_us, task, graph.input_contract, notes, graph.weights)

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

    def leaving(self, name: str, arrived: list[tuple[int, Wire]]) -> Wire:
        """Return what leaves a node, given what arrives at its ports."""
        node, form = self.graph.nodes[name], self.forms[name]
        wires = [wire for _, wire in arrived]
        if isinstance(node, Input):
            self.layers.drafts[name] = Draft(name, None, form.shape)
            return Wire(name, form.shape, (Term(name, form.shape),))
        if isinstance(node, Concat):
            return concat_wires(name, form.map, [wire if wire.is_plain else self.layers.held(wire) for wire in wires])
        if isinstance(node, Neuron) and len(sum_names(node)) > 1:
            return self.gathered(name, node, arrived, form.map)
        wire = add_wires(name if isinstance(node, Add) else f"{name}.sum", wires) if wires else Wire(name, form.map, ())
        if isinstance(node, Neuron):
            return self.fired(name, node, wire, form.map)
        return self.passed(name, node, wire, form.shape)

    def passed(self, name: str, node: Node, wire: Wire, out: Shape) -> Wire:
        """Return what leaves a linear operator or an end."""
        match node:
            case Output() | DetectionOutput():
                return self.output(wire)
            case Add() | Flatten():
                return replace(wire, name=name)
            case Conv2d() | ConvTranspose2d():
                return self.conv(name, node, wire, out)
            case Dense():
                return self.dense(name, node, wire)
            case SumPool2d() | AvgPool2d():
                return self.sum_pool(name, node, wire, out)
            case GlobalAvgPool2d():
                assert wire.map is not None  # shapes refuse joined flattened maps here
                return self.sum_pool(name, AvgPool2d(wire.map[1:]), wire, out)
            case MaxPool2d():
                return self.max_pool(name, node, wire, out)
            case Upsample():
                return self.upsampled(name, node, wire, out)
            case BatchNorm2d() | Affine():
                return self.scaled(name, node, wire)
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
        neuron = self.shaped(name, neuron, map_)
        if isinstance(neuron, Delay) and wire.bias is None and is_foldable_delay(self.graph, name, neuron):
            self.layers.folded.add(name)
            return replace(wire, name=name, steps=int(np.max(neuron.steps)))
        changes = isinstance(neuron, SigmaDelta) or (isinstance(neuron, Delay) and wire.delta)
        draft = Draft(name, neuron, map_, delay=wire.steps)
        self.layers.attach(draft, wire)
        self.layers.drafts[name] = draft
        return Wire(name, map_, (Term(name, map_),), delta=changes)

    def gathered(self, name: str, neuron: Neuron, arrived: list[tuple[int, Wire]], map_: Shape | None) -> Wire:
        """Return what a neuron with several sums sends; what arrives at each port feeds some of them."""
        assert map_ is not None  # shapes refuse joined flattened maps here
        draft = Draft(name, self.shaped(name, neuron, map_), map_)
        for port in sorted({port for port, _ in arrived}):
            self.layers.attach(draft, add_wires(f"{name}.sum", [wire for at, wire in arrived if at == port]), port)
        self.layers.drafts[name] = draft
        return Wire(name, map_, (Term(name, map_),))

    def shaped(self, name: str, neuron: Neuron, map_: Shape) -> Neuron:
        """Return the neuron with its array constants as (channels, 1, 1), or as numbers where all are equal."""
        changed: dict[str, Any] = {}
        for entry in fields(neuron):
            value = getattr(neuron, entry.name)
            if not isinstance(value, np.ndarray):
                continue
            if isinstance(neuron, MultiThreshold) and entry.name == "thresholds":
                if len(value) not in (1, map_[0]):
                    raise GraphError(
                        f"{self.where(name)}: thresholds have shape {value.shape} for neurons {map_}; expected 1 or {map_[0]} rows"
                    )
                continue
            channel = per_channel(value, map_)
            if channel is None:
                raise GraphError(
                    f"{self.where(name)}: {entry.name} has shape {value.shape} for neurons {map_}; only one number, or one "
                    "per channel, is supported"
                )
            changed[entry.name] = float(channel[0]) if len(channel) == 1 else channel.reshape(-1, 1, 1)
        return replace(neuron, **changed)

    def output(self, wire: Wire) -> Wire:
        """Mark the layer that an output reads."""
        term = wire.terms[0]
        if not wire.is_layer or term.delay or self.layers.drafts[term.source].neuron is None:
            wire = self.layers.held(wire, reason="")
        self.layers.drafts[wire.terms[0].source].is_output = True
        return wire

    def conv(self, name: str, node: Conv2d | ConvTranspose2d, wire: Wire, out: Shape) -> Wire:
        """Return the wire behind a convolution: one weighted term for each layer that it sees."""
        wire = wire if wire.is_plain else self.layers.held(wire)
        sent = tuple(self.layers.standing(term) if term.upsample != (1, 1) else term for term in wire.terms)
        wire = replace(wire, terms=sent)
        terms = _behind_conv(name, node, wire, out)
        if not terms:
            wire = self.layers.held(wire)
            terms = _behind_conv(name, node, wire, out)
        return replace(wire, name=name, map=out, terms=terms, bias=node.bias)

    def dense(self, name: str, node: Dense, wire: Wire) -> Wire:
        """Return the wire behind a dense layer: one weighted term for each layer that it sees."""
        wire = wire if wire.is_plain else self.layers.held(wire)
        terms = []
        for term in wire.terms:
            weighted = weigh_dense(term, name, node)
            terms.append(weighted or weigh_dense(self.layers.standing(term), name, node))
        out = (len(node.weight), 1, 1)
        return replace(wire, name=name, map=out, terms=tuple(t for t in terms if t is not None), bias=node.bias)

    def upsampled(self, name: str, node: Upsample, wire: Wire, out: Shape) -> Wire:
        """Return the wire behind a nearest upsampling, which waits for the next neurons."""
        if not wire.is_plain or any(term.pool != (1, 1) for term in wire.terms):
            wire = self.layers.held(wire, reason="is enlarged")
        factor, terms = pair(node.factor), []
        for term in wire.terms:
            channel = term.first // prod(term.shape[1:])
            upsample = (term.upsample[0] * factor[0], term.upsample[1] * factor[1])
            shape = (term.shape[0], out[1], out[2])
            terms.append(replace(term, node=name, shape=shape, upsample=upsample, first=channel * out[1] * out[2]))
        return replace(wire, name=name, map=out, terms=tuple(terms))

    def sum_pool(self, name: str, node: SumPool2d | AvgPool2d, wire: Wire, out: Shape) -> Wire:
        """Return the wire behind a sum or average pooling, which waits for the next weights if an edge can fold it."""
        kernel, padding = pair(node.kernel), pair(node.padding)
        stride = kernel if node.stride is None else pair(node.stride)
        share = np.array([1.0 / prod(kernel)]) if isinstance(node, AvgPool2d) else None
        enlarged = any(term.upsample != (1, 1) for term in wire.terms)
        if wire.is_plain and stride == kernel and padding == (0, 0) and not enlarged:
            terms, first = [], 0
            for term in sorted(wire.terms, key=lambda term: term.first):
                shape = (term.shape[0], *out[1:])
                pool = (term.pool[0] * kernel[0], term.pool[1] * kernel[1])
                terms.append(replace(term, shape=shape, pool=pool, first=first))
                first += prod(shape)
            return scale_wire(replace(wire, map=out, terms=tuple(terms)), name, share, None)
        if not wire.is_plain or len(wire.terms) > 1 or enlarged:
            wire = self.layers.held(wire)
        (term,) = wire.terms
        term = pool_term(term, name, kernel, stride, padding, out)
        return scale_wire(replace(wire, map=out, terms=(term,)), name, share, None)

    def max_pool(self, name: str, node: MaxPool2d, wire: Wire, out: Shape) -> Wire:
        """Return the wire behind a max pooling, fused behind the neurons that it alone reads, else with a layer of its own."""
        kernel = pair(node.kernel)
        pool = MaxPool(kernel, kernel if node.stride is None else pair(node.stride), pair(node.padding))
        source = wire.terms[0].source
        links = self.graph.links_into(name)
        alone = (
            len(links) == 1 == len(self.graph.links_from(source)) and links[0].source == source and not links[0].delay
        )
        draft = self.layers.drafts.get(source)
        if draft and alone and wire.is_layer and draft.neuron and draft.pool is None and draft.sums == 1:
            draft.pool = pool
        else:
            held = self.layers.held(replace(wire, name=name), pool, reason="")
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
        return scale_wire(wire, name, constants[0], constants[1], keep_zero=self.graph.weights == "absent")

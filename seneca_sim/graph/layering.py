"""The layers of a network while its graph is lowered: what arrives is fitted to their sums, and layers are put between
operators where edges cannot express what the graph says.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from seneca_sim.errors import GraphError
from seneca_sim.graph.drafts import Draft, LayerWriter, fitted_term, is_replayable
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.names import unused_name
from seneca_sim.graph.network import Layer, MaxPool
from seneca_sim.graph.neurons import Identity, Neuron, SigmaDelta, sum_ports
from seneca_sim.graph.nodes import Input
from seneca_sim.graph.ports import Form, Shape
from seneca_sim.graph.wires import Term, Wire

__all__ = ["Layering"]


class Layering:
    """The layers so far, in their order, and notes on those that were added."""

    def __init__(self, graph: Graph, forms: dict[str, Form]) -> None:
        self.graph = graph
        self.forms = forms
        self.drafts: dict[str, Draft] = {}
        self.folded: set[str] = set()
        """`Delay` nodes that became the delay of the layer behind them."""
        self.notes: list[str] = []

    def finished(self) -> tuple[tuple[Layer, ...], list[str]]:
        """Return the layers with numbered edges, when all links have arrived, and the notes."""
        for draft in list(self.drafts.values()):
            draft.terms = [self.replayable(draft, term) for term in draft.terms]
        writer = LayerWriter(self.graph, self.drafts)
        return tuple(writer.layer(draft) for draft in self.drafts.values()), self.notes

    def where(self, name: str) -> str:
        """Return how an error names a node."""
        return f"{self.graph.name}: {name}"

    def attach(self, draft: Draft, wire: Wire, port: int = 0) -> None:
        """Add a wire's terms and bias to the sums that a port of the draft's neurons feeds."""
        several = draft.neuron is not None and draft.sums > 1
        first_sum, sums = sum_ports(draft.neuron)[port] if draft.neuron is not None and several else (0, 1)
        if several and wire.delta:
            raise GraphError(
                f"{self.where(draft.name)}: what arrives at port {port} are changes from sigma-delta neurons, but "
                f"{type(draft.neuron).__name__} takes values; put Li(decay=1) neurons, which add changes up, in front"
            )
        if wire.map is not None and prod(wire.map[1:]) == 1 < draft.positions:
            wire = self.single(wire)
        for term in wire.terms:
            fitted = fitted_term(draft, wire, term, first_sum, sums)
            fitted = fitted or fitted_term(draft, wire, self.standing(term), first_sum, sums)
            draft.terms += [fitted] if fitted else []
        if wire.bias is not None:
            draft.add_bias(wire.bias, first_sum, sums)

    def single(self, wire: Wire) -> Wire:
        """Return a wire of one position that can go to a whole map: from layers of one position, with kernels of one."""
        for term in wire.terms:
            weights = (1, 1) if term.weight is None else term.weight.shape[-2:]
            folded = term.pool != (1, 1) or term.upsample != (1, 1)
            if prod(self.sent_shape(term)[1:]) > 1 or prod(weights) > 1 or folded:
                return self.held(wire, reason="of one position is used by a whole map")
        return wire

    def sent_shape(self, term: Term) -> Shape:
        """Return the map that a term's source sends."""
        if term.source not in self.drafts:
            return self.forms[term.source].map or self.forms[term.source].shape
        draft = self.drafts[term.source]
        return Layer(draft.name, draft.neuron, draft.shape, pool=draft.pool).out_shape

    def replayable(self, draft: Draft, term: Term) -> Term:
        """Return a term that can be replayed in the next step, through a layer of its own where that is needed."""
        in_rows = is_replayable(term)
        if not term.delay or (in_rows and self.drafts[term.source].neuron is not None):
            return term
        whole = replace(term, delay=0, first=0, first_sum=0, sums=1)
        inner = Term(term.source, self.sent_shape(term)) if in_rows else whole
        name = self.unused(f"{term.source if in_rows or term.weight is None else term.node}.before")
        self.drafts[name] = Draft(name, Identity(), inner.shape, [inner])
        self.notes.append(
            f"{name}: only what neurons sent can be replayed over delay 1; a layer that passes it on was added"
        )
        if in_rows:
            return replace(term, source=name)
        sent = Term(name, term.shape, first=term.first, delay=1)
        fitted = fitted_term(draft, Wire(name, term.shape, (sent,)), sent, term.first_sum, term.sums)
        assert fitted is not None  # it is all of its wire
        return fitted

    def unused(self, name: str) -> str:
        """Return the name, or the name with a number, that no layer and no neuron node has."""
        neurons = {n for n, node in self.graph.nodes.items() if isinstance(node, Neuron | Input)} - self.folded
        return unused_name(name, self.drafts.keys() | neurons)

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
        draft = Draft(name, neuron, wire.map, pool=pool, delay=wire.steps)
        self.attach(draft, wire)
        self.drafts[name] = draft
        if reason:
            self.notes.append(f"{name}: the sum {reason}; a layer of neurons that pass it on was added")
        return Wire(name, wire.map, (Term(name, wire.map),), delta=wire.delta)

    def standing(self, term: Term) -> Term:
        """Return a plain term that a layer of its own, with the term's factor and pooling, sends."""
        delay = term.delay if term.source in self.drafts else 0
        name, reason = f"{term.source}.scaled", "is scaled before it is joined to others"
        if term.upsample != (1, 1):
            name, reason = term.node, "is enlarged in front of weights"
        wire = Wire(name, term.shape, (replace(term, first=0, delay=term.delay - delay),))
        (held,) = self.held(wire, reason=reason).terms
        return replace(held, first=term.first, delay=delay)

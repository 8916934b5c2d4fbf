"""The plan: a network, mapping and trace lowered to the records and tables on which the compiled chip runs.

The records are those of `kernels.chip_machine`; ragged tables go into one pool. Readiness becomes a comparison of numbers
here: an output waits, on each gate (producers of an inlet that own the same rows and columns), for the last position that
touches it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.trace import Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs
from seneca_sim.engine.fast.masks import chunk_bits
from seneca_sim.engine.fast.pool import TablePool
from seneca_sim.engine.geometry import Axis, axis_of, fresh_of, last_touching, touched_of, windows_of
from seneca_sim.errors import GraphError
from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.mapping.types import Mapping

__all__ = ["Feed", "Inlet", "PartPlan", "Plan", "Sender", "make_plan"]

Span = tuple[int, int]
ALWAYS = 1 << 30


@dataclass(slots=True, eq=False)
class Sender:
    """What sends events: a part, a host port, or the replay of a part."""

    kind: int
    layer: int
    rows: Span
    columns: Span
    core: int
    part: int = -1
    host: int = -1
    feeds: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Inlet:
    """A part with one incoming edge; `touch`: per axis, the neurons that each input position touches."""

    part: int
    edge: int
    source: int
    link: Edge
    touch: tuple[list[list[int]], list[list[int]]]
    feeds: list[int] = field(default_factory=list)
    gates: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Feed:
    """A producer of an inlet: the rows of the producer's box that reach it, and which positions those are."""

    sender: int
    inlet: int
    rows: NDArray[np.bool_]
    columns: NDArray[np.bool_]
    gate: int = -1


@dataclass(slots=True, eq=False)
class PartPlan:
    """Geometry of a part: windows of its output rows and columns, and the neuron box that they span."""

    layer: int
    windows: tuple[list[Span], list[Span]]
    neurons: tuple[Span, Span]
    height: int
    state_rows: int
    sender: int
    replay: int = -1
    inlets: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Plan:
    """Everything of a run that does not change, before it becomes records."""

    network: Network
    mapping: Mapping
    trace: Trace
    timing: Timing
    costs: Costs
    parts: list[PartPlan] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)
    inlets: list[Inlet] = field(default_factory=list)
    feeds: list[Feed] = field(default_factory=list)
    gates: list[list[int]] = field(default_factory=list)
    edge_base: list[int] = field(default_factory=list)
    table: TablePool = field(default_factory=TablePool)
    reached: dict[tuple[int, Span], tuple[NDArray[np.bool_], bool]] = field(default_factory=dict)
    """Which positions of a box touch anything, by the (kept) list of what each touches: most feeds share them."""

    @property
    def hosts(self) -> list[int]:
        """Input layers, in network order."""
        return [number for number, layer in enumerate(self.network.layers) if layer.is_input]

    @property
    def columns(self) -> int:
        """Columns of the mesh."""
        return self.mapping.mesh[0]

    @property
    def nodes(self) -> int:
        """Routers of the mesh."""
        return self.mapping.mesh[0] * self.mapping.mesh[1]

    def node_of(self, core: int) -> int:
        """Return the router of a core."""
        x, y = self.mapping.place[core]
        return y * self.columns + x

    def host_node(self, host: int) -> int:
        """Return the router whose W port leads to an input layer's host port."""
        return self.mapping.host_rows[min(host, len(self.mapping.host_rows) - 1)] * self.columns


def make_plan(network: Network, mapping: Mapping, trace: Trace, timing: Timing, costs: Costs) -> Plan:
    """Lower a run to its plan."""
    if not any(layer.is_output for layer in network.layers):
        raise GraphError(f"network {network.name!r} has no output layer, so no step would ever end; mark one as output")
    plan = Plan(network, mapping, trace, timing, costs)
    plan.edge_base = [0, *np.cumsum([len(layer.edges) for layer in network.layers]).tolist()]
    for number in range(len(mapping.parts)):
        _add_part(plan, number)
    for host, layer in enumerate(plan.hosts):
        _, rows, columns = network.layers[layer].out_shape
        plan.senders.append(Sender(1, layer, (0, rows), (0, columns), -1, host=host))
    _add_replays(plan)
    _add_inlets(plan)
    return plan


def _add_part(plan: Plan, number: int) -> None:
    """Add a part and what it sends."""
    part = plan.mapping.parts[number]
    layer = plan.network.layers[part.layer]
    windows = windows_of(layer, 0, part.rows), windows_of(layer, 1, part.columns)
    rows, columns = ((axis[0][0], max(end for _, end in axis)) for axis in windows)
    height = rows[1] - rows[0]
    state_rows = height if plan.timing.order == "conventional" else part.state_rows
    plan.parts.append(PartPlan(part.layer, windows, (rows, columns), height, state_rows, number))
    plan.senders.append(Sender(0, part.layer, part.rows, part.columns, part.core, part=number))


def _add_replays(plan: Plan) -> None:
    """Add the replays of parts of layers with outgoing delay edges."""
    replayed = plan.network.replayed
    for number, part in enumerate(plan.mapping.parts):
        if part.layer in replayed:
            plan.parts[number].replay = len(plan.senders)
            plan.senders.append(Sender(2, part.layer, part.rows, part.columns, part.core, part=number))


def _add_inlets(plan: Plan) -> None:
    """Add the inlets of every part with their feeds."""
    producers: dict[tuple[int, int], list[int]] = {}
    for number, sender in enumerate(plan.senders):
        producers.setdefault((sender.layer, int(sender.kind == 2)), []).append(number)
    touched: dict[tuple[Axis, Span], list[list[int]]] = {}
    for number, part in enumerate(plan.parts):
        layer = plan.network.layers[part.layer]
        for position, edge in enumerate(layer.edges):
            source = plan.network.layers[edge.source]
            axes = [(axis_of(edge, source, axis), part.neurons[axis]) for axis in (0, 1)]
            for key in axes:
                if key not in touched:
                    touched[key] = touched_of(*key)
            touch = touched[axes[0]], touched[axes[1]]
            inlet = Inlet(number, plan.edge_base[part.layer] + position, edge.source, edge, touch)
            part.inlets.append(len(plan.inlets))
            plan.inlets.append(inlet)
            for producer in producers.get((edge.source, edge.delay), []):
                _add_feed(plan, len(plan.inlets) - 1, producer)


def _add_feed(plan: Plan, number: int, sender_number: int) -> None:
    """Add a producer to an inlet if any position of its box touches the part."""
    inlet, sender = plan.inlets[number], plan.senders[sender_number]
    rows, any_row = _reached(plan, inlet.touch[0], sender.rows)
    columns, any_column = _reached(plan, inlet.touch[1], sender.columns)
    if not (any_row and any_column):
        return
    feed = Feed(sender_number, number, rows, columns)
    for gate in inlet.gates:
        other = plan.senders[plan.feeds[plan.gates[gate][0]].sender]
        if (other.rows, other.columns) == (sender.rows, sender.columns):
            feed.gate = gate
    if feed.gate < 0:
        feed.gate = len(plan.gates)
        plan.gates.append([])
        inlet.gates.append(feed.gate)
    plan.gates[feed.gate].append(len(plan.feeds))
    inlet.feeds.append(len(plan.feeds))
    sender.feeds.append(len(plan.feeds))
    plan.feeds.append(feed)


def _reached(plan: Plan, touch: list[list[int]], span: Span) -> tuple[NDArray[np.bool_], bool]:
    """Return which positions of a span touch any neuron, and whether one does; equal questions get the same array."""
    key = id(touch), span
    if key not in plan.reached:
        reached = np.array([bool(touch[place]) for place in range(*span)])
        plan.reached[key] = reached, bool(reached.any())
    return plan.reached[key]


def depth_of(network: Network) -> list[int]:
    """Return each layer's longest path from the inputs over edges without delay (1 for layers without such edges)."""
    depth: list[int] = []
    for layer in network.layers:
        before = [depth[edge.source] for edge in layer.edges if not edge.delay]
        depth.append(0 if layer.is_input else 1 + max(before, default=0))
    return depth


def last_rows(plan: Plan, gate: int, axis: int) -> NDArray[np.int32]:
    """Return, for each output row (0) or column (1) of a gate's part, the last position of the gate's box that it waits for."""
    feed = plan.feeds[plan.gates[gate][0]]
    inlet, sender = plan.inlets[feed.inlet], plan.senders[feed.sender]
    part = plan.parts[inlet.part]
    box = (sender.rows, sender.columns)[axis]
    if plan.timing.order == "conventional":
        return np.repeat(last_touching(inlet.touch[axis], box, [part.neurons[axis]]), len(part.windows[axis]))
    return last_touching(inlet.touch[axis], box, part.windows[axis])


def highest_rows(plan: Plan, feed: Feed) -> NDArray[np.int32]:
    """Return the highest neuron row (from the part's first) of each credited row of a feed."""
    inlet = plan.inlets[feed.inlet]
    part = plan.parts[inlet.part]
    if plan.timing.order == "conventional":
        return np.array([part.height - 1], dtype=np.int32)
    first = plan.senders[feed.sender].rows[0]
    rows = [max(inlet.touch[0][first + row]) - part.neurons[0][0] for row in np.flatnonzero(feed.rows)]
    return np.array(rows, dtype=np.int32)


def row_ranks(plan: Plan, feed: Feed) -> NDArray[np.int32]:
    """Return, for each row of the producer's box, which credited row it is; -1 where it does not reach the inlet."""
    if plan.timing.order == "conventional":
        return np.where(feed.rows, 0, -1).astype(np.int32)
    return np.where(feed.rows, np.cumsum(feed.rows) - 1, -1).astype(np.int32)


def fresh_tables(plan: Plan, part: PartPlan, axis: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the neurons that each window updates first, and those that it holds."""
    windows = part.windows[axis]
    sizes = [end - begin for begin, end in windows]
    return np.array(fresh_of(windows), dtype=np.int32), np.array(sizes, dtype=np.int32)


def outputs_of(part: PartPlan, axis: int) -> list[list[int]]:
    """Return, for each neuron row or column of the part's box, the outputs (from the part's first) whose windows hold it."""
    first, end = part.neurons[axis]
    outputs: list[list[int]] = [[] for _ in range(first, end)]
    for output, window in enumerate(part.windows[axis]):
        for neuron in range(*window):
            outputs[neuron - first].append(output)
    return outputs


def mask_bits(plan: Plan, inlet: Inlet) -> NDArray[np.uint64] | None:
    """Return which chunks of the inlet's weights are not all masked, or None where no chunk is ever skipped."""
    if plan.timing.masked != "chunk_skip" or inlet.link.mask is None:
        return None
    return chunk_bits(
        inlet.link, plan.mapping.parts[inlet.part].channels, plan.costs.edges[inlet.edge].neurons_per_chunk
    )


def is_grouped(edge: Edge) -> bool:
    """Return whether a value reaches only some output channels."""
    return edge.kind == "add" or edge.groups > 1


def gathers(plan: Plan, edge: Edge) -> bool:
    """Return whether groups of an edge form across packets."""
    one_position = edge.kind == "dense" or edge.broadcast
    return plan.timing.group_scope == "step" and one_position and not is_grouped(edge)


def layer_of(plan: Plan, part: int) -> Layer:
    """Return the layer of a part."""
    return plan.network.layers[plan.parts[part].layer]

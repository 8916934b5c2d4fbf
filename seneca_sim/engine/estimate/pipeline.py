"""When rows leave: every core serves its rows as they arrive, each as soon as it has arrived and the core is free.

Layers are taken in order, each for all steps at once; steps one by one where a step depends on the end of the one before
(recurrent edges, steps that do not overlap).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.items import REPLAY, Load, PartItems, is_early, load_of, part_items, row_keys
from seneca_sim.engine.estimate.reach import Reach
from seneca_sim.engine.estimate.recursion import completed
from seneca_sim.engine.estimate.work import Work

__all__ = [
    "Pipeline",
    "Rows",
    "arrivals",
    "feeding",
    "host_flits",
    "latencies",
    "pipeline_of",
    "receive",
    "replay",
    "send_host",
    "to_host",
]

Real = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """When the S senders of a layer send its H rows, over T steps. Rows that a sender does not own begin at inf and end at -inf."""

    begin: Real
    """(S, T, H) first packet."""
    end: Real
    """(S, T, H) token."""
    bound: Real
    """(S, T, H) no sooner: room and credits of the consumers."""
    latency: Index
    """(S, cores) cycles from the end of an injection to the arrival of the packet's last flit."""

    @classmethod
    def of(cls, work: Work, reach: Reach) -> Rows:
        """Return rows whose times are not known yet."""
        row = np.arange(len(reach.row_class))
        own = (row >= reach.boxes[:, 0, :1]) & (row < reach.boxes[:, 0, 1:])
        shape = len(own), work.design.steps, len(row)
        begin = np.broadcast_to(np.where(own, 0.0, np.inf)[:, None], shape).copy()
        end = np.broadcast_to(np.where(own, 0.0, -np.inf)[:, None], shape).copy()
        targets = np.arange(len(work.design.mapping.place))
        return cls(begin, end, np.full(shape, -np.inf), latencies(work, reach.core[:, None], targets[None]))


@dataclass(slots=True, eq=False)
class Pipeline:
    """Times of a design point, by part unless otherwise said; n items and R output rows of a part, T steps."""

    work: Work
    items: dict[int, PartItems] = field(default_factory=dict)
    parts: dict[int, list[int]] = field(default_factory=dict)
    """The parts of each core."""
    static: dict[int, Load] = field(default_factory=dict)
    """Load of all steps if rows arrive in order."""
    loads: dict[int, Load] = field(default_factory=dict)
    """Load of the steps at hand as rows arrive."""
    begin: dict[int, Real] = field(default_factory=dict)
    """(T, n): arrival of the first packet of each item."""
    arrive: dict[int, Real] = field(default_factory=dict)
    """(T, n): arrival of the last one."""
    consumed: dict[int, Real] = field(default_factory=dict)
    """(T, n): when each item has been served."""
    fired: dict[int, Real] = field(default_factory=dict)
    """(T, R): when each output row has fired."""
    sent: dict[tuple[int, int], Rows] = field(default_factory=dict)
    """By layer and delay."""
    carry: dict[tuple[int, int], tuple[float, float, float]] = field(default_factory=dict)
    """By core and layer: the end of the last item on RISC-V, loop controller and event FIFO."""
    release: Real = field(default_factory=lambda: np.zeros(0))
    """(T,)"""
    ends: Real = field(default_factory=lambda: np.zeros(0))
    """(T,) last end-of-step token at the host."""

    def rows_of(self, number: int, times: Real) -> Real:
        """Return the (T, R) view that belongs to a part in a (S, T, H) table of its layer."""
        design = self.work.design
        part = design.mapping.parts[number]
        view: Real = times[design.parts_of[part.layer].index(number), :, slice(*part.rows)]
        return view


def latencies(work: Work, source: Index, target: Index) -> Index:
    """Return the cycles from the end of an injection to the arrival of its last flit, between indices of `Design.node`."""
    node = np.array(work.design.node, np.int64)
    hops = np.abs(node[source] - node[target]).sum(axis=-1)
    return np.asarray(np.where(source == target, 0, (hops + 1) * (work.design.timing.router_cycles + 1)), np.int64)


def to_host(work: Work, core: int) -> int:
    """Return the latency from a core to the host."""
    return int(latencies(work, np.array(core), np.array(len(work.design.mapping.place))))


def pipeline_of(work: Work) -> Pipeline:
    """Return a pipeline that nothing has run through yet."""
    design, steps = work.design, work.design.steps
    line, keys = Pipeline(work), row_keys(work)
    for number, part in enumerate(design.mapping.parts):
        line.parts.setdefault(part.core, []).append(number)
    for number, part in enumerate(design.mapping.parts):
        items = line.items[number] = part_items(work, number, keys)
        if len(line.parts[part.core]) > 1:
            in_order = np.broadcast_to(items.of_row, (steps, len(items.of_row)))
            line.static[number] = load_of(items, in_order, slice(0, steps))
        line.begin[number], line.arrive[number] = np.full((2, steps, len(items.key)), -np.inf)
        line.consumed[number] = np.zeros(items.riscv.shape)
        line.fired[number] = np.zeros(items.fire_riscv.shape)
    for key, reach in work.reach.items():
        line.sent[key] = Rows.of(work, reach)
    return line


def host_flits(work: Work, layer: int) -> Index:
    """Return (T, rows) flits that the host sends for a layer."""
    packets, reach = work.packets[layer, 0], work.reach[layer, 0]
    reached = packets.at(reach.reached(packets))
    return np.asarray(reached.per_row(reached.flits, 1)[0] + reach.token_reached()[0])


def send_host(line: Pipeline, block: slice) -> None:
    """Let the host ports send, one flit a cycle; input layers behind one port take turns by share of their rows."""
    work = line.work
    ports: dict[tuple[int, int], list[int]] = {}
    for layer in work.design.hosts:
        ports.setdefault(work.design.node[work.design.node_of_host(layer)], []).append(layer)
    for layers in ports.values():
        rows = [line.sent[layer, 0] for layer in layers]
        flits = np.concatenate([host_flits(work, layer)[block] for layer in layers], axis=1)
        bound = np.concatenate([each.bound[0, block] for each in rows], axis=1)
        sizes = [each.begin.shape[2] for each in rows]
        owner = np.repeat(np.arange(len(layers)), sizes)
        order = np.lexsort((owner, np.concatenate([np.arange(1, size + 1) / size for size in sizes])))
        cost = flits[:, order].astype(np.float64)
        least = np.maximum(line.release[block][:, None], bound[:, order]) + cost
        before = max(float(each.end[0, block.start - 1, -1]) for each in rows) if block.start else 0.0
        end = completed(cost.ravel(), least.ravel(), before).reshape(cost.shape)
        for place, each in enumerate(rows):
            mine = owner[order] == place
            each.end[0, block], each.begin[0, block] = end[:, mine], (end - cost)[:, mine]


def feeding(work: Work, inlet: int) -> Flags:
    """Return which senders have columns that reach an inlet."""
    link = work.design.inlets[inlet].link
    reached = np.concatenate([[0], np.cumsum(work.axes[inlet][1].reached)])
    columns = work.reach[link.source, link.delay].boxes[:, 1]
    return np.asarray(reached[columns[:, 1]] > reached[columns[:, 0]])


def arrivals(line: Pipeline, inlet: int, block: slice) -> tuple[Real, Real]:
    """Return (T, source rows): when the first packet of each row reaches an inlet, and when its last token does."""
    link = line.work.design.inlets[inlet]
    rows = line.sent[link.link.source, link.link.delay]
    fed = feeding(line.work, inlet)
    latency = rows.latency[fed, line.work.design.mapping.parts[link.part].core][:, None, None]
    begin, end = rows.begin[fed, block] + latency, rows.end[fed, block] + latency
    return begin.min(axis=0, initial=np.inf), end.max(axis=0, initial=-np.inf)


def receive(line: Pipeline, number: int, block: slice) -> None:
    """Note when the rows of a part's inlets arrive, and which of them makes each output row ready."""
    items = line.items[number]
    for inlet in line.work.design.inlets_of[number]:
        first, last = arrivals(line, inlet, block)
        mine = items.inlet == inlet
        line.begin[number][block, mine] = first[:, items.row[mine]]
        line.arrive[number][block, mine] = last[:, items.row[mine]]
    line.loads[number] = load_of(items, _ready(line, number, block), block)


def _ready(line: Pipeline, number: int, block: slice) -> Index:
    """Return (T, R): the last item to arrive among those that each output row of a part, and the rows before it, wait for."""
    work, items = line.work, line.items[number]
    arrive = line.arrive[number][block]
    order = np.argsort(arrive, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(arrive.shape[1]), order.shape), axis=1)
    last = np.broadcast_to(rank[:, :1], (len(rank), items.fire_riscv.shape[1]))
    for inlet in work.design.inlets_of[number]:
        mine = items.inlet == inlet
        feeds = work.axes[inlet][0].feeds[:, items.row[mine]]
        if work.design.timing.order == "conventional":
            feeds = np.broadcast_to(feeds.any(axis=0), feeds.shape)
        last = np.maximum(last, np.where(feeds, rank[:, None, mine], -1).max(axis=2, initial=-1))
    return np.take_along_axis(order, np.maximum.accumulate(last, axis=1), axis=1)


def replay(line: Pipeline, layer: int, block: slice) -> None:
    """Let the parts of a layer replay the step before, row by row."""
    design, step = line.work.design, block.start
    for number in design.parts_of[layer]:
        items, rows = line.items[number], line.sent[layer, 1]
        cost = line.work.outputs[number].replay[step].astype(np.float64)
        start = line.rows_of(number, line.sent[layer, 0].end)[step - 1].copy() if step else np.zeros(len(cost))
        if not is_early(design, layer):
            ahead = [inlet for inlet in design.inlets_of[number] if not design.inlets[inlet].link.delay]
            heard = min(arrivals(line, inlet, block)[0].min() for inlet in ahead)
            if np.isfinite(heard):  # some part hears of nobody in this step, and does not wait for them
                np.maximum(start, heard, out=start)
        end = completed(cost, start + cost, 0.0)
        line.rows_of(number, rows.end)[step], line.rows_of(number, rows.begin)[step] = end, end - cost
        mine = items.inlet == REPLAY
        line.begin[number][step, mine] = line.arrive[number][step, mine] = start[items.row[mine]]

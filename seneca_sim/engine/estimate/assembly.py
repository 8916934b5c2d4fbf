"""Assembly of the machine of rows from the work of a design point."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.design import Inlet
from seneca_sim.engine.estimate.items import is_early, items_of, rows_of, shares_of
from seneca_sim.engine.estimate.line import Line, host_flits, latencies
from seneca_sim.engine.estimate.pressure import grants_of, rooms_of
from seneca_sim.engine.estimate.work import Work
from seneca_sim.kernels.rows_machine import (
    CORE,
    ENTRY,
    INLET,
    ITEM,
    NUMBER,
    PART,
    PORT,
    ROUTE,
    ROUTE_ROW,
    ROW,
    SENDER,
    SETTINGS,
    SHARE,
    STEP,
    UNIT,
    WAITING,
    Machine,
)  # fmt: skip

__all__ = ["line_of"]

Real = NDArray[np.float64]
Index = NDArray[np.int64]
Records = NDArray[np.void]


@dataclass(slots=True, eq=False)
class _Pool:
    """Tables of all sizes, one behind the other."""

    blocks: list[Index] = field(default_factory=list)
    size: int = 0
    shares: dict[int, Real] = field(default_factory=dict)
    """By place of the table that they belong to."""

    def add(self, block: Index) -> int:
        """Add a table; return where it begins."""
        self.blocks.append(block.ravel())
        self.size += block.size
        return self.size - block.size

    def whole(self) -> tuple[Records, Records]:
        """Return all tables in one, and the shares beside it, if there are any."""
        table = np.concatenate([np.zeros(0, np.int64), *self.blocks]).astype(np.int64)
        shares = np.zeros(len(table) if self.shares else 0)
        for at, share in self.shares.items():
            shares[at : at + share.size] = share.ravel()
        return table.view(NUMBER), shares.view(SHARE)


@dataclass(slots=True, eq=False)
class _Builder:
    """The machine, part by part."""

    work: Work
    pool: _Pool = field(default_factory=_Pool)
    kinds: dict[object, tuple[int, int, int, int, Index, NDArray[np.bool_]]] = field(default_factory=dict)
    """By what an inlet sees: (items, needs, places, grants, item of each source row, (T, source rows) whether it needs credit)."""
    blocks: dict[object, Records] = field(default_factory=dict)
    """Items of inlets with the same work."""


def line_of(work: Work) -> Line:
    """Return the machine before its run."""
    design, build = work.design, _Builder(work)
    inlets, items = _inlets(build)
    senders, rows = _senders(build)
    routes = _routes(build, senders, inlets)
    entries = np.concatenate(routes.entries)
    parts = _parts(build, senders, inlets, entries)
    cores = _cores(build)
    ports = _ports(build, senders)
    number = len(cores) + len(ports) + len(items)
    units = np.zeros(number, UNIT)
    units["place"] = -1
    settings = np.zeros(1, SETTINGS)
    settings["steps"], settings["cores"], settings["ports"] = design.steps, len(cores), len(ports)
    settings["units"], settings["entries"] = len(cores) + len(ports), len(entries)
    settings["pipelined"], settings["period"] = design.timing.pipelined, design.timing.period
    table, shares = build.pool.whole()
    machine = Machine(
        settings=settings, cores=cores, parts=parts, inlets=inlets, items=items, senders=senders, rows=rows,
        routes=np.concatenate(routes.routes), route_rows=np.concatenate(routes.rows), entries=entries, units=units,
        queue=np.zeros(number, WAITING), steps=_steps(build), ports=ports, table=table, shares=shares,
    )  # fmt: skip
    return Line(work, machine)


def _inlets(build: _Builder) -> tuple[Records, Records]:
    """Return all inlets and their items, those of later layers first: a core decodes a packet for them first."""
    work, design = build.work, build.work.design
    table, blocks, at = np.zeros(len(design.inlets), INLET), [np.zeros(0, ITEM)], 0
    for inlet in sorted(design.inlets, key=lambda inlet: (-design.mapping.parts[inlet.part].layer, inlet.number)):
        kind = _kind(build, inlet)
        items, needs = kind[:2]
        intake = work.intakes[inlet.number]
        block = _block(build, inlet, id(intake.riscv))
        block = block.copy()
        block["inlet"] = inlet.number
        blocks.append(block.ravel())
        table[inlet.number] = (inlet.part, at, items, 0, needs, inlet.link.delay > 0, 0)
        at += block.size
    return table, np.concatenate(blocks)


def _block(build: _Builder, inlet: Inlet, same: int) -> Records:
    """Return the items of an inlet, shared by inlets with the same work."""
    work = build.work
    if same not in build.blocks:
        tokens = work.reach[inlet.link.source, inlet.link.delay].tokens[inlet.number]
        build.blocks[same] = items_of(work.design, work.intakes[inlet.number], np.flatnonzero(tokens))
    return build.blocks[same]


def _kind(build: _Builder, inlet: Inlet) -> tuple[int, int, int, int, Index, NDArray[np.bool_]]:
    """Return the tables of an inlet, shared by all that see the same rows of an edge."""
    work, design = build.work, build.work.design
    part = design.mapping.parts[inlet.part]
    key = inlet.edge, part.rows, part.columns, part.state_rows
    if key not in build.kinds:
        rows = work.axes[inlet.number][0]
        tokens = work.reach[inlet.link.source, inlet.link.delay].tokens[inlet.number]
        own = np.flatnonzero(tokens)
        last = rows.last
        if design.timing.order == "conventional":
            last = np.full_like(last, last.max(initial=-1))
        needs = np.searchsorted(own, last, side="right")
        item = np.full(len(tokens), -1)
        item[own] = np.arange(len(own))
        grants = grants_of(design, inlet, rows)
        build.kinds[key] = (
            len(own),
            build.pool.add(needs),
            build.pool.add(item),
            build.pool.add(grants),
            item,
            grants > 0,
        )
    return build.kinds[key]


def _senders(build: _Builder) -> tuple[Records, Records]:
    """Return all senders (parts, then replays, then hosts by layer) and their rows."""
    work, design = build.work, build.work.design
    mapping = design.mapping
    crowd = np.bincount([part.core for part in mapping.parts])
    senders, blocks = [], [np.zeros(0, ROW)]
    at = 0

    def add(unit: int, part: int, block: Records, output: bool) -> None:
        nonlocal at
        senders.append((unit, part, -1, at, block.shape[1], block.size, 0, 0, output))
        blocks.append(block.ravel())
        at += block.size

    for number, part in enumerate(mapping.parts):
        block = rows_of(work, number, int(crowd[part.core]))
        add(part.core, number, block, design.network.layers[part.layer].is_output)
    for number, part in enumerate(mapping.parts):
        if (part.layer, 1) in work.reach:
            block = np.zeros(work.outputs[number].replay.shape, ROW)
            block["riscv"] = work.outputs[number].replay
            add(part.core, number, block, False)
    ports = _port_of(work)
    for layer in design.hosts:
        flits = host_flits(work, layer)
        block = np.zeros(flits.shape, ROW)
        block["riscv"] = flits
        add(len(mapping.place) + ports[layer], -1, block, False)
    return np.array(senders, SENDER), np.concatenate(blocks)


def _port_of(work: Work) -> dict[int, int]:
    """Return the number of the port of each input layer."""
    design = work.design
    nodes = [design.node[design.node_of_host(layer)] for layer in design.hosts]
    order = sorted(set(nodes), key=nodes.index)
    return {layer: order.index(node) for layer, node in zip(design.hosts, nodes, strict=True)}


def _ports(build: _Builder, senders: Records) -> Records:
    """Return the host ports."""
    port_of = _port_of(build.work)
    first_host = len(senders) - len(port_of)
    ports = np.zeros(len(set(port_of.values())), PORT)
    for number in range(len(ports)):
        mine = [first_host + place for place, port in enumerate(port_of.values()) if port == number]
        at = build.pool.add(np.array(mine))
        ports[number] = at, at + len(mine)
    return ports


def _steps(build: _Builder) -> Records:
    """Return all steps: those that follow one another are released as they come."""
    design = build.work.design
    steps = np.zeros(design.steps, STEP)
    steps["release"] = np.arange(design.steps) * design.timing.period
    if not design.timing.pipelined:
        steps["release"][1:] = np.inf
    steps["awaited"] = sum(design.network.layers[part.layer].is_output for part in design.mapping.parts)
    return steps


@dataclass(slots=True, eq=False)
class _Routes:
    """Routes, their rows and entries, layer by layer."""

    routes: list[Records] = field(default_factory=lambda: [np.zeros(0, ROUTE)])
    rows: list[Records] = field(default_factory=lambda: [np.zeros(0, ROUTE_ROW)])
    entries: list[Records] = field(default_factory=lambda: [np.zeros(0, ENTRY)])

    def add(self, route: Records, rows: Records, entries: Records) -> int:
        """Add a route with its (T, R) rows and its entries; return its number."""
        number = len(self.routes) - 1
        route["row_at"], route["rows"] = sum(map(len, self.rows)), rows.shape[1]
        route["entry_first"] = sum(map(len, self.entries))
        route["entry_end"] = route["entry_first"] + len(entries)
        entries["route"] = number
        self.routes.append(route)
        self.rows.append(rows.ravel())
        self.entries.append(entries)
        return number


def _routes(build: _Builder, senders: Records, inlets: Records) -> _Routes:
    """Return who reaches what; note the routes at the senders, and at the inlets whether all comes from their own core."""
    work, design = build.work, build.work.design
    replays = _replays(build, senders)
    routes = _Routes()
    inlets["local"] = 1
    for (layer, delay), reach in work.reach.items():
        if not reach.inlets:
            continue
        if design.network.layers[layer].is_input:
            numbers = np.array([len(senders) - len(design.hosts) + design.hosts.index(layer)])
        else:
            numbers = np.array([replays[part] if delay else part for part in design.parts_of[layer]], np.int64)
        alike: dict[tuple[int, ...], list[int]] = {}
        for place, box in enumerate(reach.boxes.reshape(-1, 4).tolist()):
            alike.setdefault(tuple(box), []).append(place)
        for places in alike.values():
            _add_route(build, routes, (layer, delay), (numbers, np.array(places)), senders, inlets)
    return routes


def _add_route(
    build: _Builder, routes: _Routes, key: tuple[int, int], who: tuple[Index, Index], senders: Records, inlets: Records
) -> None:
    """Add the route of some senders (numbers of all of the layer, places of these) of the same rows and columns."""
    work, design, reach = build.work, build.work.design, build.work.reach[key]
    numbers, mine = who
    (begin, end), (left, right) = reach.boxes[mine[0]].tolist()
    fed = [inlet for inlet in reach.inlets if work.axes[inlet.number][1].reached[left:right].any()]
    if not fed:
        return
    number = np.array([inlet.number for inlet in fed], np.int64)
    core = np.array([design.mapping.parts[inlet.part].core for inlet in fed], np.int64)
    latency = latencies(work, reach.core[mine][:, None], core[None])
    entries = np.zeros(len(fed), ENTRY)
    entries["inlet"], entries["near"], entries["far"] = number, latency.min(axis=0), latency.max(axis=0)
    inlets["local"][number] &= entries["far"] == 0
    token = max(1, design.timing.rv_token)
    back = token * (2 if reach.senders[mine[0]] >= 0 else 1) + 1 + entries["far"]
    entries["way"] = np.where((entries["far"] > 0) & (design.timing.flow_control != "none"), back, 0)
    kinds = [_kind(build, inlet) for inlet in fed]
    entries["place_at"] = np.array([kind[2] for kind in kinds]) + begin
    entries["grant_at"] = np.array([kind[3] for kind in kinds]) + begin
    entries["height"] = len(reach.row_class)
    rows = np.zeros((design.steps, end - begin), ROUTE_ROW)
    rows["begin"], rows["end"], rows["senders"] = np.inf, -np.inf, len(mine)
    for kind in kinds:
        rows["closed"] += kind[5][:, begin:end]
    entries["room_at"] = -1
    if design.timing.noc == "mesh":
        _add_rooms(build, fed, entries, rows, latency, (begin, end))
    at = build.pool.add(numbers[mine])
    route = np.zeros(1, ROUTE)
    route["sender_first"], route["sender_end"] = at, at + len(mine)
    senders["route"][numbers[mine]] = routes.add(route, rows, entries)


def _add_rooms(
    build: _Builder, fed: list[Inlet], entries: Records, rows: Records, latency: Index, span: tuple[int, int]
) -> None:
    """Add to the entries of a route what room its rows wait for; its senders share the buffers on the way."""
    work, timing = build.work, build.work.design.timing
    remote = latency > 0
    hops = (latency * remote).sum(axis=0) / np.maximum(1, remote.sum(axis=0)) / (timing.router_cycles + 1)
    held = timing.input_flits + hops * timing.buffer_flits
    for place, inlet in enumerate(fed):
        own = work.intakes[inlet.number].flits[:, slice(*span)]
        if own.sum() <= held[place] or not remote[:, place].any():
            continue
        items, _, _, _, item, _ = _kind(build, inlet)
        last, share = rooms_of(own, item[slice(*span)], items, float(held[place]))
        at = build.pool.add(last)
        build.pool.shares[at] = share
        entries["room_at"][place] = at
        rows["closed"] += last >= 0


def _replays(build: _Builder, senders: Records) -> dict[int, int]:
    """Return the sender that replays each part."""
    design = build.work.design
    return {int(senders["part"][s]): s for s in range(len(design.mapping.parts), len(senders) - len(design.hosts))}


def _parts(build: _Builder, senders: Records, inlets: Records, entries: Records) -> Records:
    """Return all parts."""
    work, design = build.work, build.work.design
    replays = _replays(build, senders)
    parts = np.zeros(len(design.mapping.parts), PART)
    owner = inlets["part"][entries["inlet"]]
    order = np.argsort(owner, kind="stable")
    first, last = (np.searchsorted(owner[order], np.arange(len(parts)), side=side) for side in ("left", "right"))
    at = build.pool.add(order)
    for number, part in enumerate(design.mapping.parts):
        own = design.inlets_of[number]
        hears = any(not inlets["delayed"][i] and inlets["items"][i] for i in own)
        share, at_end = shares_of(work, number)
        begin = own[0] if own else 0
        parts[number] = (
            share, at_end, 0.0, part.core, number, replays.get(number, -1), work.outputs[number].values.shape[2],
            not hears or is_early(design, part.layer), -1, begin, begin + len(own), at + first[number], at + last[number],
        )  # fmt: skip
    return parts


def _cores(build: _Builder) -> Records:
    """Return all cores."""
    design = build.work.design
    cores = np.zeros(len(design.mapping.place), CORE)
    for name in ("first", "last", "local_first", "local_last"):
        cores[name] = -1
    on_core: list[list[int]] = [[] for _ in cores]
    for number, part in enumerate(design.mapping.parts):
        on_core[part.core].append(number)
    every = np.arange(len(cores))
    cores["to_host"] = latencies(build.work, every, np.full_like(every, len(cores)))
    for core, numbers in enumerate(on_core):
        numbers.sort(key=lambda number: (-design.mapping.parts[number].layer, number))
        at = build.pool.add(np.array(numbers, np.int64))
        cores[core]["part_first"], cores[core]["part_end"] = at, at + len(numbers)
    return cores

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
from seneca_sim.kernels.rows_machine import CORE, ENTRY, INLET, ITEM, PART, ROW, SENDER, SETTINGS, Machine

__all__ = ["line_of"]

Real = NDArray[np.float64]
Index = NDArray[np.int64]
Records = NDArray[np.void]


@dataclass(slots=True, eq=False)
class _Pool:
    """Tables of all sizes, one behind the other."""

    blocks: list[Index] = field(default_factory=list)
    size: int = 0
    places: dict[object, int] = field(default_factory=dict)

    def add(self, block: Index) -> int:
        """Add a table; return where it begins."""
        self.blocks.append(block.ravel())
        self.size += block.size
        return self.size - block.size

    def whole(self) -> Index:
        """Return all tables in one."""
        return np.concatenate([np.zeros(0, np.int64), *self.blocks]).astype(np.int64)


@dataclass(slots=True, eq=False)
class _Builder:
    """The machine, part by part."""

    work: Work
    pool: _Pool = field(default_factory=_Pool)
    fractions: dict[int, Real] = field(default_factory=dict)
    """By place in the pool."""
    kinds: dict[object, tuple[int, int, int, int, Index]] = field(default_factory=dict)
    """By what an inlet sees: (items, needs, places, grants, item of each source row)."""
    blocks: dict[object, Records] = field(default_factory=dict)
    """Items of inlets with the same work."""
    grant_at: list[int] = field(default_factory=list)
    item_of: list[Index] = field(default_factory=list)


def line_of(work: Work) -> Line:
    """Return the machine before its run."""
    design, build = work.design, _Builder(work)
    inlets, items = _inlets(build)
    senders, rows = _senders(build)
    entries = _entries(build, senders, inlets)
    parts = _parts(build, senders, inlets)
    cores = _cores(build)
    ports = _ports(build, senders)
    table = build.pool.whole()
    fractions = np.zeros(len(table) if build.fractions else 0)
    for at, share in build.fractions.items():
        fractions[at : at + share.size] = share.ravel()
    units = len(cores) + len(ports)
    settings = np.zeros(1, SETTINGS)
    settings["steps"], settings["cores"], settings["units"] = design.steps, len(cores), units
    settings["pipelined"] = design.timing.pipelined
    settings["period"] = design.timing.period
    release = np.arange(design.steps, dtype=np.float64) * design.timing.period
    if not design.timing.pipelined:
        release[1:] = np.inf
    outputs = sum(design.network.layers[part.layer].is_output for part in design.mapping.parts)
    everything = units + len(items)
    core = np.arange(len(cores))
    machine = Machine(
        settings, cores, parts, inlets, items, senders, rows, entries, table, fractions, ports,
        np.zeros(everything), np.zeros(everything, np.int64), np.full(everything, -1), release,
        np.zeros(design.steps), np.full(design.steps, outputs),
        latencies(work, core, np.full_like(core, len(cores))).astype(np.float64),
    )  # fmt: skip
    return Line(work, machine)


def _inlets(build: _Builder) -> tuple[Records, Records]:
    """Return all inlets and their items, those of later layers first: a core decodes a packet for them first."""
    work, design = build.work, build.work.design
    table, blocks, at = np.zeros(len(design.inlets), INLET), [np.zeros(0, ITEM)], 0
    for inlet in sorted(design.inlets, key=lambda inlet: (-design.mapping.parts[inlet.part].layer, inlet.number)):
        kind = _kind(build, inlet)
        items, needs, places, _, _ = kind
        intake = work.intakes[inlet.number]
        block = _block(build, inlet, id(intake.riscv))
        block = block.copy()
        block["inlet"] = inlet.number
        blocks.append(block.ravel())
        table[inlet.number] = (inlet.part, at, items, 0, needs, places, inlet.link.delay > 0)
        at += block.size
    return table, np.concatenate(blocks)


def _block(build: _Builder, inlet: Inlet, same: int) -> Records:
    """Return the items of an inlet, shared by inlets with the same work."""
    work = build.work
    if same not in build.blocks:
        tokens = work.reach[inlet.link.source, inlet.link.delay].tokens[inlet.number]
        rows = np.flatnonzero(tokens)
        build.blocks[same] = items_of(work.design, work.intakes[inlet.number], rows, tokens[rows])
    return build.blocks[same]


def _kind(build: _Builder, inlet: Inlet) -> tuple[int, int, int, int, Index]:
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
        build.kinds[key] = len(own), build.pool.add(needs), build.pool.add(item), build.pool.add(grants), item
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
        senders.append((unit, part, at, block.shape[1], block.size, 0, 0, 0, -1, output))
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


def _ports(build: _Builder, senders: Records) -> Index:
    """Return (ports, 2): first and end of the senders of each port in the table."""
    work = build.work
    ports = _port_of(work)
    first_host = len(senders) - len(ports)
    spans = []
    for port in sorted(set(ports.values())):
        mine = [first_host + place for place, layer in enumerate(work.design.hosts) if ports[layer] == port]
        at = build.pool.add(np.array(mine))
        spans.append((at, at + len(mine)))
    return np.array(spans, np.int64).reshape(-1, 2)


def _entries(build: _Builder, senders: Records, inlets: Records) -> Records:
    """Return who reaches which inlet, by sender; note it at the senders."""
    work, design = build.work, build.work.design
    replays = {int(who["part"]): number for number, who in enumerate(senders) if number >= len(design.mapping.parts)}
    tables = []
    for (layer, delay), reach in work.reach.items():
        if not reach.inlets:
            continue
        if design.network.layers[layer].is_input:
            numbers = np.array([len(senders) - len(design.hosts) + design.hosts.index(layer)])
        else:
            numbers = np.array([replays[part] if delay else part for part in design.parts_of[layer]], np.int64)
        tables.append(_entries_of(build, (layer, delay), numbers, inlets))
    entries = np.concatenate([np.zeros(0, ENTRY), *(table for _, table in tables)])
    owner = np.concatenate([np.zeros(0, np.int64), *(owner for owner, _ in tables)])
    order = np.argsort(owner, kind="stable")
    number = np.arange(len(senders))
    senders["entry_first"] = np.searchsorted(owner[order], number)
    senders["entry_end"] = np.searchsorted(owner[order], number, side="right")
    return entries[order]


def _entries_of(build: _Builder, key: tuple[int, int], numbers: Index, inlets: Records) -> tuple[Index, Records]:
    """Return (sender, entry) of everything that the senders of a layer reach."""
    work, design = build.work, build.work.design
    reach, timing = work.reach[key], design.timing
    fed = np.zeros((len(numbers), len(reach.inlets)), np.bool_)
    for place, inlet in enumerate(reach.inlets):
        reached = np.concatenate([[0], np.cumsum(work.axes[inlet.number][1].reached)])
        fed[:, place] = reached[reach.boxes[:, 1, 1]] > reached[reach.boxes[:, 1, 0]]
    who, to = np.nonzero(fed)
    entries = np.zeros(len(who), ENTRY)
    number = np.array([inlet.number for inlet in reach.inlets], np.int64)
    core = np.array([design.mapping.parts[inlet.part].core for inlet in reach.inlets], np.int64)
    latency = latencies(work, reach.core[who], core[to])
    begin = reach.boxes[who, 0, 0]
    token = max(1, timing.rv_token)
    way = np.where(latency > 0, token + 1 + latency + np.where(reach.senders[who] >= 0, token, 0), 0)
    grants = np.array([_kind(build, inlet)[3] for inlet in reach.inlets], np.int64)
    entries["inlet"], entries["latency"] = number[to], latency
    entries["way"] = 0 if timing.flow_control == "none" else way
    entries["place_at"] = inlets["place_at"][number[to]] + begin
    entries["grant_at"], entries["height"] = grants[to] + begin, len(reach.row_class)
    entries["room_at"] = -1
    if timing.noc == "mesh":
        _add_rooms(build, key, entries, (who, to))
    return numbers[who], entries


def _add_rooms(build: _Builder, key: tuple[int, int], entries: Records, pairs: tuple[Index, Index]) -> None:
    """Add to the entries of a layer what room its rows wait for; its producers of the same rows share the buffers."""
    work, timing, reach = build.work, build.work.design.timing, build.work.reach[key]
    who, to = pairs
    spans = {tuple(span): None for span in reach.boxes[:, 0].tolist()}
    for place, inlet in enumerate(reach.inlets):
        mine = (to == place) & (entries["latency"] > 0)
        if not mine.any():
            continue
        hops = float(entries["latency"][mine].mean()) / (timing.router_cycles + 1)
        held = timing.input_flits + hops * timing.buffer_flits
        flits = work.intakes[inlet.number].flits
        items, _, _, _, item = _kind(build, inlet)
        for begin, end in spans:
            own = flits[:, begin:end]
            if own.sum() <= held:
                continue
            last, share = rooms_of(own, item[begin:end], items, held)
            at = build.pool.add(last)
            build.fractions[at] = share
            entries["room_at"][mine & (reach.boxes[who, 0, 0] == begin) & (reach.boxes[who, 0, 1] == end)] = at


def _parts(build: _Builder, senders: Records, inlets: Records) -> Records:
    """Return all parts."""
    work, design = build.work, build.work.design
    first_host = len(senders) - len(design.hosts)
    replays = {int(senders[s]["part"]): s for s in range(len(design.mapping.parts), first_host)}
    sources: dict[tuple[int, int], Index] = {}
    for layer, delay in work.reach:
        if design.network.layers[layer].is_input:
            sources[layer, delay] = np.array([first_host + design.hosts.index(layer)])
        else:
            sources[layer, delay] = np.array([replays[p] if delay else p for p in design.parts_of[layer]], np.int64)
    parts = np.zeros(len(design.mapping.parts), PART)
    for number, part in enumerate(design.mapping.parts):
        own = design.inlets_of[number]
        keys = {(design.inlets[i].link.source, design.inlets[i].link.delay) for i in own}
        feeders = np.unique(np.concatenate([np.zeros(0, np.int64), *(sources[key] for key in sorted(keys))]))
        at = build.pool.add(feeders)
        hears = any(not inlets["delayed"][i] and inlets["items"][i] for i in own)
        share, at_end = shares_of(work, number)
        first = own[0] if own else 0
        parts[number] = (
            share, at_end, 0.0, part.core, number, replays.get(number, -1), work.outputs[number].values.shape[2],
            not hears or is_early(design, part.layer), -1, first, first + len(own), at, at + len(feeders),
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
    for core, numbers in enumerate(on_core):
        numbers.sort(key=lambda number: (-design.mapping.parts[number].layer, number))
        at = build.pool.add(np.array(numbers, np.int64))
        cores[core]["part_first"], cores[core]["part_end"] = at, at + len(numbers)
    return cores

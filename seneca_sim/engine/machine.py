"""From a plan to the arrays of the compiled chip."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.counts import CORE_STATES
from seneca_sim.engine.emissions import ChannelPool, SplitLayer, emissions_of
from seneca_sim.engine.plan import (
    ALWAYS,
    Feed,
    Plan,
    Sender,
    depth_of,
    fresh_tables,
    highest_rows,
    is_grouped,
    last_rows,
    layer_of,
    mask_bits,
    outputs_of,
    row_ranks,
)
from seneca_sim.engine.routes import LOCAL, WEST, tree_of
from seneca_sim.kernels import chip_machine as records

__all__ = ["build_machine", "grow", "margin_of"]

NEVER = 1 << 60
UNLIMITED = 1 << 40
Pair = tuple[int, int]


def margin_of(plan: Plan) -> int:
    """Return how many entries of any pool one cycle may take at most."""
    return 80 * len(plan.mapping.place) + 16 * plan.nodes + 64


def build_machine(plan: Plan) -> records.Machine:
    """Build all arrays of a run."""
    channels = ChannelPool.of(plan.trace)
    emissions, emission_start = _emissions(plan, channels)
    groups, sender_groups, trees = _groups(plan)
    masks, mask_at = _masks(plan)
    margin = margin_of(plan)
    steps = plan.trace.n_steps
    parts, touched = _parts(plan, emission_start)
    cores = _cores(plan)
    senders = _senders(plan, emission_start, sender_groups)
    inlets, feeds, gates = _inlets(plan, mask_at), _feeds(plan), _gates(plan)
    n_cores, n_nodes = len(plan.mapping.place), plan.nodes
    words = max((int(inlet["mask_words"]) for inlet in inlets), default=1)
    arrays = {
        "settings": _settings(plan, margin, words),
        "totals": _totals(),
        "parts": parts,
        "inlets": inlets,
        "feeds": feeds,
        "gates": gates,
        "senders": senders,
        "groups": groups,
        "cores": cores,
        "records": _free_list(records.RECORD, 4 * margin, "next"),
        "packets": _free_list(records.PACKET, 4 * margin, "copies"),
        "buffers": _buffers(plan),
        "ports": _ports(plan),
        "emissions": emissions,
        "entries": _free_list(records.NODE, 8 * margin, "next"),
        "wheel": _filled(2 * records.WHEEL_SLOTS, records.FIRST),
        "emission_start": np.ascontiguousarray(emission_start),
        "table": plan.table.array(),
        "channel": channels.channel,
        "mask": masks,
        "tree": trees,
        "touched": touched,
        "task_slots": np.zeros(n_cores * plan.timing.task_fifo, dtype=records.TASK_SLOT),
        "rings": np.zeros(n_nodes * 5 * plan.timing.buffer_flits, dtype=records.RING),
        "open_masks": np.zeros(len(inlets) * words, dtype=records.BITS),
        "nodes": _nodes(plan),
        "part_counts": np.zeros(steps * len(parts), dtype=records.PART_COUNTS),
        "inlet_counts": np.zeros(steps * len(inlets), dtype=records.INLET_COUNTS),
        "host_counts": np.zeros(steps, dtype=records.HOST_COUNTS),
        "part_times": _filled(steps * len(parts), records.PART_TIMES),
        "states": np.zeros(n_cores * len(CORE_STATES), dtype=records.CYCLES),
        "links": np.zeros(n_nodes * 5, dtype=records.LINK),
        "steps": _filled(steps, records.STEP),
        "output_ends": np.zeros(steps, dtype=records.COUNT),
    }
    return records.Machine(arrays)


def grow(machine: records.Machine) -> None:
    """Double every pool; nothing in it changes."""
    totals = machine.totals
    for name, field, free, size in (
        ("records", "next", "free_record", "n_records"),
        ("packets", "copies", "free_packet", "n_packets"),
        ("entries", "next", "free_node", "n_entries"),
    ):
        old = machine[name]
        new = np.zeros(2 * len(old), dtype=old.dtype)
        new[: len(old)] = old
        new[field][len(old) :] = np.arange(len(old) + 1, 2 * len(old) + 1)
        new[field][-1] = totals[free]
        totals[free] = len(old)
        machine.settings[size] = len(new)
        machine.replace(name, new)


def _filled(size: int, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return records whose fields are all -1: none, or not yet."""
    table = np.zeros(size, dtype=dtype)
    for name in dtype.names or ():
        table[name] = -1
    return table


def _nodes(plan: Plan) -> NDArray[np.void]:
    """Return what hangs on each router."""
    table = _filled(plan.nodes, records.NODE_UNITS)
    for core in range(len(plan.mapping.place)):
        table["core"][plan.node_of(core)] = core
    for host in range(len(plan.hosts)):
        table["host"][plan.host_node(host)] = 0
    return table


def _free_list(dtype: np.dtype[np.void], size: int, link: str) -> NDArray[np.void]:
    """Return records that are all free, chained through a field."""
    pool = np.zeros(size, dtype=dtype)
    pool[link] = np.arange(1, size + 1)
    pool[link][-1] = -1
    return pool


def _totals() -> NDArray[np.void]:
    """Return the totals of a chip that has not begun."""
    totals = np.zeros(1, dtype=records.TOTALS)
    totals["phase_step"] = 0
    totals["phase_depth"] = -1
    return totals


def _settings(plan: Plan, margin: int, words: int) -> NDArray[np.void]:
    """Return the constants of a run."""
    timing = plan.timing
    values: dict[str, Any] = {
        **asdict(timing),
        "steps": plan.trace.n_steps,
        "step_groups": timing.group_scope == "step",
        "task_scope": ("position", "row", "pixel").index(timing.task_scope),
        "evgen": timing.event_generator,
        "mesh": timing.noc == "mesh",
        "credits": timing.flow_control == "row_credits",
        "conventional": timing.order == "conventional",
        "barrier": timing.order == "conventional" and timing.barrier == "global",
        "columns": plan.columns,
        "nodes": plan.nodes,
        "n_cores": len(plan.mapping.place),
        "n_parts": len(plan.parts),
        "n_inlets": len(plan.inlets),
        "n_entries": 8 * margin,
        "n_packets": 4 * margin,
        "n_records": 4 * margin,
        "buffer_ring": plan.timing.buffer_flits,
        "open_words": words,
        "n_hosts": len(plan.hosts),
        "n_outputs": sum(layer_of(plan, part).is_output for part in range(len(plan.parts))),
        "max_depth": max(depth_of(plan.network)),
    }
    settings = np.zeros(1, dtype=records.SETTINGS)
    for name in records.SETTINGS.names or ():
        settings[name] = int(values[name])
    return settings


def _emissions(plan: Plan, channels: ChannelPool) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Return the emissions of all senders back to back, and where each step of each sender begins."""
    tables: list[NDArray[np.int64]] = []
    starts: list[NDArray[np.int64]] = []
    base = 0
    spans = [_channels_of(plan, sender) for sender in plan.senders]
    split = {
        number: SplitLayer.of(
            trace, [span for span, sender in zip(spans, plan.senders, strict=True) if sender.layer == number]
        )
        for number, trace in enumerate(plan.trace.layers)
    }
    for span, sender in zip(spans, plan.senders, strict=True):
        if sender.kind == 2:
            starts.append(starts[sender.part])
            continue
        width, first = plan.network.layers[sender.layer].out_shape[2], int(channels.base[sender.layer])
        table, start = emissions_of(split[sender.layer], width, first, span, sender.rows, sender.columns)
        tables.append(table)
        starts.append(start + base)
        base += len(table)
    emissions = np.zeros(base + 1, dtype=records.EMISSION)
    flat = np.concatenate([*tables, np.zeros((1, 3), np.int64)])
    for number, name in enumerate(("position", "value", "count")):
        emissions[name] = flat[:, number]
    return emissions, np.array(starts, dtype=np.int64)


def _channels_of(plan: Plan, sender: Sender) -> Pair:
    """Return the channels that a sender sends."""
    if sender.part < 0:
        return 0, plan.network.layers[sender.layer].shape[0]
    return plan.mapping.parts[sender.part].channels


def _parts(plan: Plan, emission_start: NDArray[np.int64]) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return the records of the parts and the touched stamps of those that need them."""
    table = np.zeros(len(plan.parts), dtype=records.PART)
    depth, stamps = depth_of(plan.network), 0
    for number, (part, plan_part) in enumerate(zip(plan.mapping.parts, plan.parts, strict=True)):
        record, layer, costs = table[number], plan.network.layers[part.layer], plan.costs.layers[part.layer]
        n_rows, n_columns = part.rows[1] - part.rows[0], part.columns[1] - part.columns[0]
        first, n_inlets = (plan_part.inlets[0] if plan_part.inlets else 0), len(plan_part.inlets)
        gates = [gate for inlet in plan_part.inlets for gate in plan.inlets[inlet].gates]
        fresh, windows = zip(*(fresh_tables(plan, plan_part, axis) for axis in (0, 1)), strict=True)
        low = [begin - plan_part.neurons[0][0] for begin, _ in plan_part.windows[0]]
        channels = part.channels[1] - part.channels[0]
        touched_from = {"always": ALWAYS, "touched": 0, "touched_later": 1}[costs.evaluate]
        bubble = plan.timing.lc_chunk
        _fill(
            record,
            core=part.core,
            layer=part.layer,
            sender=number,
            replay_sender=plan_part.replay,
            c0=part.channels[0],
            channels=channels,
            y0=part.rows[0],
            rows=n_rows,
            x0=part.columns[0],
            columns=n_columns,
            height_neurons=plan_part.height,
            state_rows=plan_part.state_rows,
            depth=depth[part.layer],
            low_row_at=plan.table.add(low),
            fresh_row_at=plan.table.add(fresh[0]),
            fresh_column_at=plan.table.add(fresh[1]),
            window_row_at=plan.table.add(windows[0]),
            window_column_at=plan.table.add(windows[1]),
            per_chunk=costs.neurons_per_chunk,
            update_cycles=costs.update_cycles + bubble,
            pool_cycles=costs.pool_cycles + bubble,
            emit_cycles=costs.emit_cycles + bubble,
            pooled=layer.pool is not None,
            touched_from=touched_from,
            touched_at=stamps,
            out_rows_at=plan.table.add_ragged(outputs_of(plan_part, 0)),
            out_columns_at=plan.table.add_ragged(outputs_of(plan_part, 1)),
            neuron_y0=plan_part.neurons[0][0],
            neuron_x0=plan_part.neurons[1][0],
            pieces=-(-channels // plan.timing.event_fifo),
            inlet_first=first,
            n_inlets=n_inlets,
            gate_first=min(gates, default=0),
            n_gates=len(gates),
            emission=emission_start[number, 0],
            replay_emission=emission_start[number, 0],
            early_replay=plan.timing.early_replay
            or _feeds_back(plan, plan_part.layer)
            or not _has_forward(layer.edges),
        )
        stamps += n_rows * n_columns if touched_from < ALWAYS else 0
    return table, _filled(stamps + 1, records.TOUCHED)


def _has_forward(edges: tuple[Any, ...]) -> bool:
    """Return whether a layer has an incoming edge without delay."""
    return any(not edge.delay for edge in edges)


def _feeds_back(plan: Plan, layer: int) -> bool:
    """Return whether a layer has a delay edge into an earlier layer."""
    return any(
        edge.delay and edge.source == layer and number < layer
        for number, other in enumerate(plan.network.layers)
        for edge in other.edges
    )


def _fill(record: Any, **values: Any) -> None:
    """Set fields of a record."""
    for name, value in values.items():
        record[name] = value


def _inlets(plan: Plan, mask_at: list[tuple[int, int]]) -> NDArray[np.void]:
    """Return the records of the inlets."""
    table = np.zeros(len(plan.inlets), dtype=records.INLET)
    for number, inlet in enumerate(plan.inlets):
        edge, part = inlet.link, plan.mapping.parts[inlet.part]
        plan_part, costs = plan.parts[inlet.part], plan.costs.edges[inlet.edge]
        source = plan.network.layers[inlet.source].out_shape
        channels = part.channels[1] - part.channels[0]
        outputs = [outputs_of(plan_part, axis) for axis in (0, 1)]
        touched = [_touched_outputs(inlet.touch[axis], outputs[axis], plan_part.neurons[axis][0]) for axis in (0, 1)]
        shape = (1, 1, 1, 1) if edge.weight is None else edge.weight.shape
        first = plan_part.neurons[0][0]
        _fill(
            table[number],
            part=inlet.part,
            edge=inlet.edge,
            layer=part.layer,
            dense=edge.kind == "dense",
            grouped=is_grouped(edge),
            delayed=edge.delay,
            offset=edge.target_offset,
            group_inputs=shape[1],
            group_outputs=shape[0] // edge.groups if edge.kind != "add" else 1,
            masked=mask_at[number][0] >= 0,
            mask_at=max(0, mask_at[number][0]),
            mask_words=mask_at[number][1],
            per_chunk=costs.neurons_per_chunk,
            chunk_cycles=costs.chunk_cycles + plan.timing.lc_chunk,
            chunks=-(-channels // costs.neurons_per_chunk),
            channels=channels,
            c0=part.channels[0],
            width=source[2],
            plane=source[1] * source[2],
            rows_at=plan.table.add_ragged(inlet.touch[0]),
            columns_at=plan.table.add_ragged(inlet.touch[1]),
            touch_rows_at=plan.table.add_ragged(touched[0]),
            touch_columns_at=plan.table.add_ragged(touched[1]),
            hi_row_at=plan.table.add([max(rows) - first if rows else 0 for rows in inlet.touch[0]]),
            kernel_rows=shape[2],
            kernel_columns=shape[3],
            stride_y=edge.stride[0],
            stride_x=edge.stride[1],
            padding_y=edge.padding[0],
            padding_x=edge.padding[1],
            dilation_y=edge.dilation[0],
            dilation_x=edge.dilation[1],
            pool_y=edge.pool[0],
            pool_x=edge.pool[1],
            feed_first=inlet.feeds[0] if inlet.feeds else 0,
            n_feeds=len(inlet.feeds),
        )
    return table


def _touched_outputs(touch: list[list[int]], outputs: list[list[int]], first: int) -> list[list[int]]:
    """Return, per input position, the outputs whose windows hold a touched neuron."""
    return [sorted({out for neuron in neurons for out in outputs[neuron - first]}) for neurons in touch]


def _masks(plan: Plan) -> tuple[NDArray[np.uint64], list[tuple[int, int]]]:
    """Return all chunk bits, and per inlet (offset or -1, words)."""
    bits, places, size = [np.zeros(1, np.uint64)], [], 1
    for inlet in plan.inlets:
        mask = mask_bits(plan, inlet)
        if mask is None:
            places.append((-1, 1))
            continue
        places.append((size, mask.shape[-1]))
        bits.append(mask.ravel())
        size += mask.size
    return np.concatenate(bits), places


def _initial_grants(plan: Plan, feed: Feed, highest: NDArray[np.int32]) -> int:
    """Return how many rows of a feed are granted before anything has fired."""
    part = plan.parts[plan.inlets[feed.inlet].part]
    granted, steps = 0, plan.trace.n_steps
    while granted < steps * len(highest):
        step, row = divmod(granted, len(highest))
        if step * part.height + highest[row] > part.state_rows - 1:
            break
        granted += 1
    return granted


def _feeds(plan: Plan) -> NDArray[np.void]:
    """Return the records of the feeds, with the initial grants known on both sides."""
    table = np.zeros(len(plan.feeds), dtype=records.FEED)
    for number, feed in enumerate(plan.feeds):
        sender, highest = plan.senders[feed.sender], highest_rows(plan, feed)
        granted = _initial_grants(plan, feed, highest)
        _fill(
            table[number],
            sender=feed.sender,
            inlet=feed.inlet,
            gate=feed.gate,
            host=sender.host,
            producer_core=sender.core,
            hi_at=plan.table.add(highest),
            rank_at=plan.table.add(row_ranks(plan, feed)),
            n_rows=len(highest),
            granted=granted,
            received=granted,
        )
    return table


def _gates(plan: Plan) -> NDArray[np.void]:
    """Return the records of the gates."""
    table = np.zeros(len(plan.gates), dtype=records.GATE)
    for number, feeds in enumerate(plan.gates):
        source = plan.network.layers[plan.inlets[plan.feeds[feeds[0]].inlet].source].out_shape
        _fill(
            table[number],
            feed_first=plan.table.add(feeds),
            n_feeds=len(feeds),
            at_frontier=len(feeds),
            last_row_at=plan.table.add(last_rows(plan, number, 0)),
            last_column_at=plan.table.add(last_rows(plan, number, 1)),
            width=source[2],
            plane=source[1] * source[2],
        )
    return table


def _pairs_of(plan: Plan, layer: int) -> int:
    """Return how many (channel, value) pairs of a layer's events fit a flit."""
    channels = plan.network.layers[layer].shape[0]
    bits = max(1, (channels - 1).bit_length()) + plan.costs.layers[layer].value_bits
    return max(1, plan.timing.flit_bits // bits)


def _senders(plan: Plan, emission_start: NDArray[np.int64], places: list[tuple[int, ...]]) -> NDArray[np.void]:
    """Return the records of the senders."""
    table = np.zeros(len(plan.senders), dtype=records.SENDER)
    for number, sender in enumerate(plan.senders):
        shape = plan.network.layers[sender.layer].out_shape
        pairs, header = _pairs_of(plan, sender.layer), plan.timing.header_flits
        row_class, column_class, n_columns, event_group, token_group = places[number]
        _fill(
            table[number],
            kind=sender.kind,
            part=sender.part,
            host=sender.host,
            layer=sender.layer,
            y0=sender.rows[0],
            rows=sender.rows[1] - sender.rows[0],
            x0=sender.columns[0],
            columns=sender.columns[1] - sender.columns[0],
            width=shape[2],
            plane=shape[1] * shape[2],
            feeds_at=plan.table.add(sender.feeds),
            n_feeds=len(sender.feeds),
            row_class_at=row_class,
            column_class_at=column_class,
            n_column_classes=n_columns,
            event_group=event_group,
            token_group=token_group,
            pairs=pairs,
            capacity=max(1, (plan.timing.max_flits - header) * pairs),
            header=header,
            node=plan.host_node(sender.host) if sender.kind == 1 else plan.node_of(sender.core),
            port=WEST if sender.kind == 1 else LOCAL,
            owner=-1 - sender.host if sender.kind == 1 else sender.part,
            core=sender.core,
            emission=emission_start[number, 0],
        )
    return table


def _classes(rows: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the class of each column of a (feeds, positions) table, and each class's column."""
    if rows.shape[0] == 0:
        return np.zeros(rows.shape[1], dtype=np.int32), np.zeros((0, 1), dtype=np.bool_)
    unique, inverse = np.unique(rows, axis=1, return_inverse=True)
    return inverse.ravel().astype(np.int32), unique


def _groups(plan: Plan) -> tuple[NDArray[np.void], list[tuple[int, ...]], NDArray[np.int8]]:
    """Return the destination groups, where each sender finds its own, and the multicast trees."""
    groups: list[dict[str, int]] = []
    places: list[tuple[int, ...]] = []
    trees: dict[tuple[int, frozenset[Pair]], int] = {}
    for sender in plan.senders:
        feeds = [plan.feeds[number] for number in sender.feeds]
        shape = (sender.rows[1] - sender.rows[0], sender.columns[1] - sender.columns[0])
        rows = np.array([feed.rows for feed in feeds], dtype=np.bool_).reshape(len(feeds), shape[0])
        columns = np.array([feed.columns for feed in feeds], dtype=np.bool_).reshape(len(feeds), shape[1])
        row_class, row_sets = _classes(rows)
        column_class, column_sets = _classes(columns)
        members = np.array(sender.feeds, dtype=np.int64)
        event_group = len(groups)
        groups += [
            _group(plan, sender, members[row_sets[:, r] & column_sets[:, c]].tolist(), trees)
            for r in range(row_sets.shape[1])
            for c in range(column_sets.shape[1])
        ]
        token_group = len(groups)
        groups += [_group(plan, sender, members[row_sets[:, r]].tolist(), trees) for r in range(row_sets.shape[1])]
        classes = plan.table.add(row_class), plan.table.add(column_class)
        places.append((*classes, column_sets.shape[1], event_group, token_group))
    table = np.zeros(len(groups), dtype=records.GROUP)
    for number, group in enumerate(groups):
        _fill(table[number], **group)
    masks = [tree_of(source, exits, plan.columns, plan.nodes) for source, exits in trees]
    return table, places, np.array(masks, dtype=np.int8).ravel()


def _group(plan: Plan, sender: Any, feeds: list[int], trees: dict[tuple[int, frozenset[Pair]], int]) -> dict[str, int]:
    """Return the record of a destination group: which feeds its packets are for, core by core."""

    def order(feed: int) -> tuple[int, int, int]:
        inlet = plan.inlets[plan.feeds[feed].inlet]
        return -plan.parts[inlet.part].layer, inlet.part, inlet.edge

    by_core: dict[int, list[int]] = {}
    for feed in sorted(feeds, key=order):
        part = plan.inlets[plan.feeds[feed].inlet].part
        by_core.setdefault(plan.mapping.parts[part].core, []).append(feed)
    local = by_core.pop(sender.core, [])
    to_host = sender.kind == 0 and plan.network.layers[sender.layer].is_output
    exits = {(plan.node_of(core), LOCAL) for core in by_core}
    if to_host:
        exits.add((plan.host_node(0), WEST))
    source = plan.host_node(sender.host) if sender.kind == 1 else plan.node_of(sender.core)
    tree = trees.setdefault((source, frozenset(exits)), len(trees)) if exits else -1
    triples = [(core, plan.table.add(by_core[core]), len(by_core[core])) for core in sorted(by_core)]
    return {
        "tree": tree,
        "dests_at": plan.table.add([value for triple in triples for value in triple]),
        "n_dests": len(triples),
        "local_at": plan.table.add(local),
        "n_local": len(local),
        "remote": int(bool(exits)),
        "to_host": int(to_host),
    }


def _cores(plan: Plan) -> NDArray[np.void]:
    """Return the records of the cores."""
    table = np.zeros(len(plan.mapping.place), dtype=records.CORE)
    for name in (
        "record_head",
        "record_tail",
        "record_shrink",
        "outbox",
        "loop_packet",
        "packet",
        "queue_first",
        "queue_last",
    ):
        table[name] = -1
    table["wake"] = NEVER
    table["idle"] = 1
    table["idle_state"] = CORE_STATES.index("idle")
    table["room"] = plan.timing.event_fifo
    table["input_room"] = plan.timing.input_flits if plan.timing.noc == "mesh" else UNLIMITED
    for core in range(len(table)):
        mine = [number for number, part in enumerate(plan.mapping.parts) if part.core == core]
        mine.sort(key=lambda number: (-plan.mapping.parts[number].layer, number))
        _fill(
            table[core],
            node=plan.node_of(core),
            parts_at=plan.table.add(mine),
            n_parts=len(mine),
            unfinished=len(mine),
            replays=any(plan.parts[number].replay >= 0 for number in mine),
        )
    return table


def _buffers(plan: Plan) -> NDArray[np.void]:
    """Return the records of the input buffers."""
    table = np.zeros(plan.nodes * 5, dtype=records.BUFFER)
    table["room"] = plan.timing.buffer_flits
    return table


def _ports(plan: Plan) -> NDArray[np.void]:
    """Return the records of the output ports; in the ideal network a sink's queue goes from `requests` to `last`."""
    table = np.zeros(plan.nodes * 5, dtype=records.PORT)
    table["last"] = LOCAL if plan.timing.noc == "mesh" else -1
    table["wake"] = NEVER
    table["requests"] = 0 if plan.timing.noc == "mesh" else -1
    return table

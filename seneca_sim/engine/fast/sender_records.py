"""Records of senders: what they emit, in which packets, and to whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.trace import LayerTrace
from seneca_sim.engine.emissions import ChannelPool, SplitLayer, emissions_of
from seneca_sim.engine.fast.blank import fill
from seneca_sim.engine.fast.branches import branch_words
from seneca_sim.engine.fast.plan import (
    Plan,
    Sender,
)
from seneca_sim.engine.routes import LOCAL, WEST, tree_of
from seneca_sim.kernels import chip_machine as records

__all__ = ["emission_records", "group_records", "sender_records"]

Pair = tuple[int, int]
Tree = tuple[int, frozenset[tuple[int, int, int]]]
"""Source, and (router, output port, feeds there) of its exits."""


def emission_records(
    plan: Plan, sent: Sequence[LayerTrace], channels: ChannelPool
) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Return the emissions of all senders back to back, and where each step of each sender begins: first the step before the run.

    `sent` are the layers of the trace with what they hold at its begin (`Trace.with_held`).
    """
    tables: list[NDArray[np.int64]] = []
    starts: list[NDArray[np.int64]] = []
    base = 0
    spans = [_channels_of(plan, sender) for sender in plan.senders]
    split = {
        number: SplitLayer.of(
            trace, [span for span, sender in zip(spans, plan.senders, strict=True) if sender.layer == number]
        )
        for number, trace in enumerate(sent)
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
    emissions = records.zeros(base + 1, records.EMISSION)
    flat = np.concatenate([*tables, np.zeros((1, 3), np.int64)])
    for number, name in enumerate(("position", "value", "count")):
        emissions[name] = flat[:, number]
    return emissions, np.array(starts, dtype=np.int64)


def _channels_of(plan: Plan, sender: Sender) -> Pair:
    """Return the channels that a sender sends."""
    if sender.part < 0:
        return 0, plan.network.layers[sender.layer].shape[0]
    return plan.mapping.parts[sender.part].channels


def _pairs_of(plan: Plan, layer: int) -> int:
    """Return how many (channel, value) pairs of a layer's events fit a flit."""
    channels = plan.network.layers[layer].shape[0]
    bits = max(1, (channels - 1).bit_length()) + plan.costs.layers[layer].value_bits
    return max(1, plan.timing.flit_bits // bits)


def sender_records(plan: Plan, emission_start: NDArray[np.int64], places: list[tuple[int, ...]]) -> NDArray[np.void]:
    """Return the records of the senders."""
    table = records.zeros(len(plan.senders), records.SENDER)
    for number, sender in enumerate(plan.senders):
        shape = plan.network.layers[sender.layer].out_shape
        pairs, header = _pairs_of(plan, sender.layer), plan.timing.header_flits
        row_class, column_class, n_columns, event_group, token_group = places[number]
        fill(
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
            emission=emission_start[number, 1],
        )
    return table


def _classes(rows: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the class of each column of a (feeds, positions) table, and each class's column."""
    if rows.shape[0] == 0:
        return np.zeros(rows.shape[1], dtype=np.int32), np.zeros((0, 1), dtype=np.bool_)
    unique, inverse = np.unique(rows, axis=1, return_inverse=True)
    return inverse.ravel().astype(np.int32), unique


def group_records(plan: Plan) -> tuple[NDArray[np.void], list[tuple[int, ...]], NDArray[np.int32]]:
    """Return the destination groups, where each sender finds its own, and the branches of multicast trees."""
    groups: list[dict[str, int]] = []
    places: list[tuple[int, ...]] = []
    trees: dict[Tree, int] = {}
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
    table = records.zeros(len(groups), records.GROUP)
    branches, spans = branch_words(*_trees(plan, trees), plan.columns)
    for number, group in enumerate(groups):
        if group["exits"]:
            root, first, end, ports = spans[group["tree"]]
            group |= {"tree": root, "tree_from": first, "tree_to": end, "links": ports - group["exits"]}
        fill(table[number], **group)
    return table, places, branches


def _trees(plan: Plan, trees: Iterable[Tree]) -> tuple[NDArray[np.int8], list[int], list[int]]:
    """Return trees as `branch_words` takes them: output ports, sources, and the feeds of all cores in the order of routers."""
    known: dict[tuple[int, frozenset[Pair]], NDArray[np.int8]] = {}
    masks, sources, feeds = [], [], []
    for source, exits in trees:
        key = source, frozenset((node, port) for node, port, _ in exits)
        if key not in known:
            known[key] = np.asarray(tree_of(*key, plan.columns, plan.nodes), dtype=np.int8)
        masks.append(known[key])
        sources.append(source)
        feeds += [number for _, port, number in sorted(exits) if port == LOCAL]
    return np.array(masks, dtype=np.int8).reshape(len(masks), plan.nodes), sources, feeds


def _feeds_there(plan: Plan, feeds: list[int]) -> int:
    """Return feeds on one core as the end of a branch has them (`kernels/chip_branches.py`); -1 for none."""
    if len(feeds) == 1:
        return feeds[0] * 2
    return plan.table.add([len(feeds), *feeds]) * 2 + 1 if feeds else -1


def _group(plan: Plan, sender: Any, feeds: list[int], trees: dict[Tree, int]) -> dict[str, int]:
    """Return the record of a destination group: which feeds its packets are for, core by core."""

    def order(feed: int) -> tuple[int, int, int]:
        inlet = plan.inlets[plan.feeds[feed].inlet]
        return -plan.parts[inlet.part].layer, inlet.part, inlet.edge

    by_core: dict[int, list[int]] = {}
    for feed in sorted(feeds, key=order):
        part = plan.inlets[plan.feeds[feed].inlet].part
        by_core.setdefault(plan.mapping.parts[part].core, []).append(feed)
    local = _feeds_there(plan, by_core.pop(sender.core, []))
    to_host = sender.kind == 0 and plan.network.layers[sender.layer].is_output
    exits = {(plan.node_of(core), LOCAL, _feeds_there(plan, there)) for core, there in by_core.items()}
    if to_host:
        exits.add((plan.host_node(0), WEST, -1))
    source = plan.host_node(sender.host) if sender.kind == 1 else plan.node_of(sender.core)
    tree = trees.setdefault((source, frozenset(exits)), len(trees)) if exits else -1
    return {
        "tree": tree,
        "local": local,
        "remote": int(bool(exits)),
        "to_host": int(to_host),
        "exits": len(exits),
    }

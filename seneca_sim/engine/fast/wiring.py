"""Records of feeds, gates, cores and the mesh: who waits for whom, and what hangs where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.counts import CORE_STATES
from seneca_sim.engine.fast.blank import fill, filled
from seneca_sim.engine.fast.plan import (
    Feed,
    Plan,
    highest_rows,
    last_rows,
    row_ranks,
)
from seneca_sim.engine.routes import LOCAL, neighbours
from seneca_sim.kernels import chip_machine as records

__all__ = [
    "buffer_records",
    "core_records",
    "feed_records",
    "gate_records",
    "grant_records",
    "node_records",
    "port_records",
]

NEVER = 1 << 60
UNLIMITED = 1 << 30


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


def feed_records(plan: Plan) -> NDArray[np.void]:
    """Return the records of the feeds."""
    table = records.zeros(len(plan.feeds), records.FEED)
    table["inlet"] = [feed.inlet for feed in plan.feeds]
    table["gate"] = [feed.gate for feed in plan.feeds]
    return table


def grant_records(plan: Plan) -> NDArray[np.void]:
    """Return the row credits of the feeds, with the initial grants known on both sides."""
    table = records.zeros(len(plan.feeds), records.GRANT)
    known: dict[tuple[int, ...], tuple[int, int, int, int]] = {}
    rows = []
    for feed in plan.feeds:
        inlet, sender = plan.inlets[feed.inlet], plan.senders[feed.sender]
        part = plan.parts[inlet.part]
        alike = id(inlet.touch[0]), *sender.rows, part.neurons[0][0], part.height, part.state_rows
        if alike not in known:
            highest = highest_rows(plan, feed)
            granted = _initial_grants(plan, feed, highest)
            known[alike] = plan.table.add(highest), plan.table.add(row_ranks(plan, feed)), len(highest), granted
        rows.append((feed.sender, sender.core, *known[alike]))
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 6).T
    for name, column in zip(("sender", "producer_core", "hi_at", "rank_at", "n_rows", "granted"), columns, strict=True):
        table[name] = column
    table["received"] = table["granted"]
    return table


def gate_records(plan: Plan) -> NDArray[np.void]:
    """Return the records of the gates."""
    table = records.zeros(len(plan.gates), records.GATE)
    for number, feeds in enumerate(plan.gates):
        source = plan.network.layers[plan.inlets[plan.feeds[feeds[0]].inlet].source].out_shape
        fill(
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


def core_records(plan: Plan) -> NDArray[np.void]:
    """Return the records of the cores."""
    table = records.zeros(len(plan.mapping.place), records.CORE)
    for name in (
        "record_head",
        "record_tail",
        "record_shrink",
        "outbox",
        "loop_packet",
        "packet",
        "queue_first",
        "queue_last",
        "queue_done",
    ):
        table[name] = -1
    table["wake"] = NEVER
    table["settle_at"] = NEVER
    table["idle"] = 1
    table["idle_state"] = CORE_STATES.index("idle")
    table["room"] = plan.timing.event_fifo
    table["input_room"] = plan.timing.input_flits if plan.timing.noc == "mesh" else UNLIMITED
    for core in range(len(table)):
        mine = [number for number, part in enumerate(plan.mapping.parts) if part.core == core]
        mine.sort(key=lambda number: (-plan.mapping.parts[number].layer, number))
        fill(
            table[core],
            node=plan.node_of(core),
            parts_at=plan.table.add(mine),
            n_parts=len(mine),
            next_slot=core * plan.timing.task_fifo,
            oldest_slot=core * plan.timing.task_fifo,
            unfinished=len(mine),
            replays=any(plan.parts[number].replay >= 0 for number in mine),
        )
    return table


def buffer_records(plan: Plan) -> NDArray[np.void]:
    """Return the records of the input buffers."""
    table = records.zeros(plan.nodes * 5, records.BUFFER)
    table["room"] = plan.timing.buffer_flits
    ahead = buffers_ahead(plan)
    table["packet"] = table["waiting_first"] = table["feeder"] = -1
    table["feeder"][ahead[ahead >= 0]] = np.flatnonzero(ahead >= 0)
    return table


def buffers_ahead(plan: Plan) -> NDArray[np.int64]:
    """Return the input buffer that each output port leads to; -1 where it leads to a core, to the host, or nowhere."""
    ahead = np.full((plan.nodes, 5), -1)
    behind = neighbours(plan.columns, plan.nodes)
    ahead[:, :LOCAL] = np.where(behind < 0, -1, behind * 5 + (np.arange(LOCAL) + 2) % 4)
    return ahead.ravel()


def port_records(plan: Plan) -> NDArray[np.void]:
    """Return the records of the output ports; in the ideal network a sink's queue goes from `requests` to `last`."""
    table = records.zeros(plan.nodes * 5, records.PORT)
    table["ahead"] = buffers_ahead(plan)
    table["last"] = LOCAL if plan.timing.noc == "mesh" else -1
    table["wake"] = NEVER
    table["core"] = -1
    for core in range(len(plan.mapping.place)):
        table["core"][plan.node_of(core) * 5 + LOCAL] = core
    table["requests"] = 0 if plan.timing.noc == "mesh" else -1
    return table


def node_records(plan: Plan) -> NDArray[np.void]:
    """Return what hangs on each router."""
    table = filled(plan.nodes, records.NODE_UNITS)
    table["y"], table["x"] = np.divmod(np.arange(plan.nodes), plan.columns)
    for host in range(len(plan.hosts)):
        table["host"][plan.host_node(host)] = 0
    return table

"""From a plan to the arrays of the compiled chip."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.counts import CORE_STATES
from seneca_sim.engine.emissions import ChannelPool
from seneca_sim.engine.fast.blank import filled, free_list
from seneca_sim.engine.fast.part_records import inlet_records, mask_words, part_records
from seneca_sim.engine.fast.plan import Plan, depth_of, layer_of
from seneca_sim.engine.fast.sender_records import emission_records, group_records, sender_records
from seneca_sim.engine.fast.wiring import (
    buffer_records,
    core_records,
    feed_records,
    gate_records,
    grant_records,
    node_records,
    port_records,
)
from seneca_sim.kernels import chip_machine as records

__all__ = ["build_machine", "grow", "margin_of"]

POOL = 2
"""Entries of a pool to begin with, in margins."""


def margin_of(plan: Plan) -> int:
    """Return how many entries of any pool one cycle may take at most; in the ideal network a packet has one at each sink."""
    offers = 4 * len(plan.feeds) if plan.timing.noc == "ideal" else 0
    return 80 * len(plan.mapping.place) + 64 * plan.nodes + offers + 64


def build_machine(plan: Plan) -> records.Machine:
    """Build all arrays of a run."""
    sent = plan.trace.with_held()
    channels = ChannelPool.of(sent)
    emissions, emission_start = emission_records(plan, sent, channels)
    groups, sender_groups, branches = group_records(plan)
    masks, mask_at = mask_words(plan)
    margin = margin_of(plan)
    steps = plan.trace.n_steps
    parts, touched = part_records(plan, emission_start)
    cores = core_records(plan)
    senders = sender_records(plan, emission_start, sender_groups)
    inlets, feeds, gates = inlet_records(plan, mask_at), feed_records(plan), gate_records(plan)
    n_cores = len(plan.mapping.place)
    words = max((int(inlet["mask_words"]) for inlet in inlets), default=1)
    arrays = {
        "settings": _settings(plan, margin, words),
        "totals": _totals(),
        "parts": parts,
        "inlets": inlets,
        "feeds": feeds,
        "grants": grant_records(plan),
        "gates": gates,
        "senders": senders,
        "groups": groups,
        "cores": cores,
        "records": free_list(records.RECORD, POOL * margin, "next"),
        "packets": free_list(records.PACKET, POOL * margin, "copies"),
        "blocks": free_list(records.BLOCK, POOL * n_cores, "next"),
        "queues": records.zeros(POOL * n_cores * records.BLOCK_ENTRIES, records.ENTRY),
        "waiting": free_list(records.WAITING, POOL * margin, "next"),
        "buffers": buffer_records(plan),
        "ports": port_records(plan),
        "emissions": emissions,
        "entries": free_list(records.NODE, POOL * margin, "next"),
        "wheel": filled(4 * records.WHEEL_SLOTS, records.FIRST),
        "emission_start": np.ascontiguousarray(emission_start[:, 1:]),
        "table": plan.table.array(),
        "channel": channels.channel,
        "mask": masks,
        "branches": branches,
        "touched": touched,
        "due": records.zeros(5 * plan.nodes, records.COUNT),
        "task_slots": records.zeros(n_cores * plan.timing.task_fifo, records.TASK_SLOT),
        "open_masks": np.zeros(len(inlets) * words, dtype=records.BITS),
        "nodes": node_records(plan),
        "part_counts": records.zeros(steps * len(parts), records.PART_COUNTS),
        "inlet_counts": records.zeros(steps * len(inlets), records.INLET_COUNTS),
        "host_counts": records.zeros(steps, records.HOST_COUNTS),
        "part_times": filled(steps * len(parts), records.PART_TIMES),
        "states": records.zeros(n_cores * len(CORE_STATES), records.CYCLES),
        "steps": filled(steps, records.STEP),
        "output_ends": records.zeros(steps, records.COUNT),
    }
    return records.Machine(arrays)


def grow(machine: records.Machine, margin: int) -> None:
    """Double every pool that has less than a margin left; nothing in it changes. A core takes one block in a cycle."""
    totals = machine.totals
    for name, field, free, used, size in (
        ("records", "next", "free_record", "records_used", "n_records"),
        ("packets", "copies", "free_packet", "packets_used", "n_packets"),
        ("waiting", "next", "free_waiting", "waiting_used", "n_waiting"),
        ("blocks", "next", "free_block", "blocks_used", "n_blocks"),
        ("entries", "next", "free_node", "nodes_used", "n_entries"),
    ):
        least = machine.settings["n_cores"] if name == "blocks" else margin
        if machine.settings[size] - totals[used] >= least:
            continue
        old = machine[name]
        new = records.zeros(2 * len(old), old.dtype)
        new[: len(old)] = old
        new[field][len(old) :] = np.arange(len(old) + 1, 2 * len(old) + 1)
        new[field][-1] = totals[free]
        totals[free] = len(old)
        machine.settings[size] = len(new)
        machine.replace(name, new)
        if name == "blocks":
            queues = records.zeros(len(new) * records.BLOCK_ENTRIES, records.ENTRY)
            queues[: len(machine["queues"])] = machine["queues"]
            machine.replace("queues", queues)


def _totals() -> NDArray[np.void]:
    """Return the totals of a chip that has not begun."""
    totals = records.zeros(1, records.TOTALS)
    totals["phase_step"] = 0
    totals["phase_depth"] = -1
    return totals


def _settings(plan: Plan, margin: int, words: int) -> NDArray[np.void]:
    """Return the constants of a run."""
    timing = plan.timing
    values: dict[str, Any] = {
        **asdict(timing),
        "steps": plan.trace.n_steps,
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
        "n_entries": POOL * margin,
        "n_packets": POOL * margin,
        "n_records": POOL * margin,
        "n_blocks": POOL * len(plan.mapping.place),
        "n_waiting": POOL * margin,
        "open_words": words,
        "n_hosts": len(plan.hosts),
        "n_outputs": sum(layer_of(plan, part).is_output for part in range(len(plan.parts))),
        "max_depth": max(depth_of(plan.network)),
    }
    settings = records.zeros(1, records.SETTINGS)
    for name in records.SETTINGS.names or ():
        settings[name] = int(values[name])
    return settings

"""Integration through a masked edge whose empty chunks are skipped (`masked: chunk_skip`, `engine/timing.md` 6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.design import Design, Inlet
from seneca_sim.engine.estimate.gathering import Work
from seneca_sim.engine.estimate.groups import Members, is_one_position, members_of
from seneca_sim.engine.estimate.outline import InletAxis
from seneca_sim.engine.estimate.packets import Packets, summed

__all__ = ["masked"]

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]
SCOPES: dict[str, tuple[int, ...]] = {"position": (), "row": (2,), "pixel": (1, 2)}
"""Axes of (groups, kernel rows, kernel columns) that one task spans."""


def masked(
    design: Design,
    inlet: Inlet,
    packets: Packets,
    channel: NDArray[np.int32],
    axes: tuple[InletAxis, InletAxis],
    bits: NDArray[np.uint64],
) -> tuple[Work, Flags]:
    """Return the work of an inlet, and (steps, neuron rows, neuron columns): which neurons had a chunk executed."""
    rows, columns = axes
    packets = packets.at(rows.reached[packets.y] & columns.reached[packets.x])
    part, timing = design.mapping.parts[inlet.part], design.timing
    members = members_of(inlet.link, part.channels, timing.group_size, packets, channel)
    y, x = packets.y[members.packet], packets.x[members.packet]
    valid = rows.taps[:, y].T[:, :, None] & columns.taps[:, x].T[:, None, :]
    per_chunk = design.costs.edges[inlet.edge].neurons_per_chunk
    chunks, lanes = _executed(members, bits, per_chunk)
    chunks, lanes = chunks * valid, lanes * valid
    neurons = np.zeros((design.steps, rows.windows.shape[1], columns.windows.shape[1]), np.bool_)
    group, tap_y, tap_x = np.nonzero(chunks)
    step = packets.step[members.packet]
    neurons[step[group], rows.neuron[tap_y, y[group]], columns.neuron[tap_x, x[group]]] = True
    return _work(design, inlet, packets, members, valid, chunks, lanes), neurons


def _executed(members: Members, bits: NDArray[np.uint64], per_chunk: int) -> tuple[Index, Index]:
    """Return (groups, kernel rows, kernel columns): chunks that hold an unmasked weight of a group, and channels in them."""
    shape = len(members.begin), bits.shape[1], bits.shape[2]
    if not shape[0]:
        return np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    used = np.bitwise_or.reduceat(bits[members.channel], members.begin, axis=0)
    chunks = np.bitwise_count(used).sum(axis=3).astype(np.int64)
    whole = -(-members.channels // per_chunk)
    word = np.take_along_axis(used, ((whole - 1) // 64)[:, None, None, None], axis=3)[..., 0]
    last = (word >> ((whole - 1) % 64).astype(np.uint64)[:, None, None]) & np.uint64(1)
    padding = whole * per_chunk - members.channels
    return chunks, chunks * per_chunk - last.astype(np.int64) * padding[:, None, None]


def _work(
    design: Design, inlet: Inlet, packets: Packets, members: Members, valid: Flags, chunks: Index, lanes: Index
) -> Work:
    """Return the sums by step and row, over one job for each task scope and group, and one for each useless packet."""
    timing, costs = design.timing, design.costs.edges[inlet.edge]
    spanned = SCOPES[timing.task_scope]
    rounds = valid.sum(axis=spanned, keepdims=True) if spanned else valid.astype(np.int64)
    executed = chunks.sum(axis=spanned, keepdims=True) if spanned else chunks
    tests = rounds * -(-members.channels // costs.neurons_per_chunk)[:, None, None]
    pushed = executed > 0
    duration = np.maximum(1, timing.lc_task + executed * (costs.chunk_cycles + timing.lc_chunk)) * pushed
    leads = np.diff(members.packet, prepend=-1) > 0
    cost = tests * timing.rv_skip + (duration if timing.inline else 0)
    if not is_one_position(inlet.link):
        cost = cost + timing.rv_position * rounds * leads[:, None, None]
    head = timing.rv_packet + timing.rv_value * packets.count
    flat = (rounds > 0).reshape(len(rounds), rounds.shape[1] * rounds.shape[2])[:, ::-1]
    first = np.zeros_like(flat)
    if len(first):
        first[np.arange(len(first)), flat.argmax(axis=1)] = leads
    cost = cost + first[:, ::-1].reshape(rounds.shape) * head[members.packet][:, None, None]
    cost = np.where(rounds > 0, np.maximum(1, cost), 0)
    cell = packets.step * packets.shape[1] + packets.y
    size = design.steps * packets.shape[1]
    of_group = cell[members.packet]
    sops = lanes * members.size[:, None, None]
    tables = [
        summed(of_group, table.sum(axis=(1, 2)), size)
        for table in (pushed, rounds, executed, sops, tests, cost, duration)
    ]
    useless = np.bincount(members.packet, minlength=len(head)) == 0
    tables[5] += summed(cell[useless], np.maximum(1, head[useless]), size)
    shaped = [table.reshape(design.steps, packets.shape[1]) for table in tables]
    return shaped[0], shaped[1], shaped[2], shaped[3], shaped[4], shaped[5], shaped[6]

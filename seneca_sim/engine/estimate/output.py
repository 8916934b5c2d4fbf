"""Firing, sending and replaying work of the parts of a layer, by step and output row (`engine/timing.md` 5, 7 and 8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.counts import PART_COUNTERS
from seneca_sim.engine.estimate.design import Design
from seneca_sim.engine.estimate.outline import part_axis
from seneca_sim.engine.estimate.packets import Packets, summed
from seneca_sim.engine.estimate.reach import Reach

__all__ = ["Output", "firing_of", "replay_of", "sending_of"]

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class Output:
    """Work of a part; T steps, R output rows."""

    counts: Index
    """(T, len(PART_COUNTERS)), without flits and credits."""
    riscv: Index
    """(T, R) cycles of firing and sending."""
    lanes: Index
    """(T, R) cycles of fire tasks on the loop controller."""
    tasks: Index
    """(T, R) fire tasks and markers."""
    replay: Index
    """(T, R) RISC-V cycles of replaying."""
    closing: Index
    """(R,) RISC-V cycles of sending the token of a row; part of `riscv`."""
    sends: NDArray[np.float64]
    """(T, R) mean RISC-V cycles of sending the values of an active position; part of `riscv`."""
    burst: NDArray[np.float64]
    """(T, R) mean values of an active position."""
    values: Flags
    """(T, R, columns): outputs with values."""
    sends_packets: Flags
    """(T, R): rows with a packet of this step that reaches anyone."""


def _add(counts: Index, **totals: Index | int) -> None:
    """Add totals by step to named counters."""
    for name, total in totals.items():
        counts[:, PART_COUNTERS.index(name)] += total


@dataclass(frozen=True, slots=True, eq=False)
class _Firing:
    """What fires in a part; T steps, R output rows."""

    fired: Flags
    """(T, R, columns): outputs that fire; the others are skipped, or close a row."""
    fresh: Index
    """(R, columns) neurons that an output updates."""
    window: Index
    """(R, columns) neurons that it pools."""
    widths: Index
    """Channels of each fire task."""
    chunks: Index
    """Chunks of each."""


def _firing(design: Design, number: int, values: Flags, touched: Flags | None) -> _Firing:
    """Return what fires: everything, or outputs with values and touched ones."""
    part = design.mapping.parts[number]
    layer, costs = design.network.layers[part.layer], design.costs.layers[part.layer]
    fired = np.ones_like(values)
    for step in range(design.steps):
        if costs.touched_only(step, continues=design.trace.continues):
            fired[step] = values[step] if touched is None else values[step] | touched[step]
    rows, columns = part_axis(layer, 0, part.rows), part_axis(layer, 1, part.columns)
    bounds = np.append(np.arange(part.channels[0], part.channels[1], design.timing.event_fifo), part.channels[1])
    widths = np.diff(bounds)
    pooled = int(layer.pool is not None)
    fresh, window = rows.fresh[:, None] * columns.fresh, rows.sizes[:, None] * columns.sizes * pooled
    return _Firing(fired, fresh, window, widths, -(-widths // costs.neurons_per_chunk))


def _cycles(design: Design, layer: int, what: _Firing) -> tuple[Index, Index]:
    """Return (T, R) RISC-V and loop-controller cycles of firing."""
    timing, costs, fired = design.timing, design.costs.layers[layer], what.fired
    riscv, lanes, scans = np.zeros((3, *fired.shape[:2]), np.int64)
    bubble = timing.lc_chunk
    update, pool, emit = costs.update_cycles + bubble, costs.pool_cycles + bubble, costs.emit_cycles + bubble
    for width, chunk in zip(what.widths.tolist(), what.chunks.tolist(), strict=True):
        cycles = np.maximum(1, timing.lc_task + chunk * (what.fresh * update + what.window * pool + emit))
        lanes += (fired * cycles).sum(axis=2)
        scans += fired.sum(axis=2) * max(1, timing.rv_scan * width)
        jobs = np.maximum(1, timing.rv_fire + (cycles if timing.inline else 0))
        riscv += (fired * jobs).sum(axis=2)
    markers = (~fired[:, :, -1]).astype(np.int64)
    skipped = (~fired[:, :, :-1]).sum(axis=2)
    riscv += skipped * max(1, timing.rv_untouched) + markers * max(1, timing.rv_fire + int(timing.inline))
    lanes += markers
    if not timing.event_generator:
        riscv += scans + markers
    return riscv, np.zeros_like(lanes) if timing.inline else lanes


def firing_of(design: Design, number: int, values: Flags, touched: Flags | None) -> Output:
    """Return the firing work of a part; `values` (T, R, columns): outputs with values, `touched`: the others that fire."""
    what = _firing(design, number, values, touched)
    riscv, lanes = _cycles(design, design.mapping.parts[number].layer, what)
    fired, chunks = what.fired, int(what.chunks.sum())
    tasks = fired.sum(axis=2) * len(what.widths)
    markers = (~fired[:, :, -1]).astype(np.int64)
    counts = np.zeros((design.steps, len(PART_COUNTERS)), np.int64)
    _add(
        counts,
        fire_tasks=tasks.sum(axis=1),
        update_chunks=(fired * what.fresh).sum(axis=(1, 2)) * chunks,
        pool_chunks=(fired * what.window).sum(axis=(1, 2)) * chunks,
        emit_chunks=fired.sum(axis=(1, 2)) * chunks,
        markers=markers.sum(axis=1),
        untouched_positions=(~fired).sum(axis=(1, 2)),
        rv_cycles=riscv.sum(axis=1),
        lc_cycles=lanes.sum(axis=1),
    )
    nothing, rows = np.zeros(riscv.shape), np.zeros(riscv.shape[1], np.int64)
    return Output(
        counts, riscv, lanes, tasks + markers, np.zeros_like(riscv), rows, nothing, nothing, values, nothing > 0
    )


def sending_of(design: Design, layer: int, packets: Packets, reach: Reach, outputs: dict[int, Output]) -> None:
    """Add the sending work of the parts of a layer."""
    timing, parts = design.timing, design.parts_of[layer]
    reached, remote = reach.reached(packets), reach.remote(packets)
    cost = np.where(reached, np.maximum(1, timing.rv_out_packet + timing.rv_out * packets.count), 0)
    cost += np.where(reached, np.where(remote, packets.flits, 1), max(1, timing.rv_out_packet))
    riscv = packets.per_row(cost, len(parts))
    tokens, far = reach.token_reached(), reach.token_remote()
    closing = tokens * (max(1, timing.rv_token) + 1)
    amounts = {
        "events": packets.count,
        "packets": reached.astype(np.int64),
        "dropped_values": packets.count * ~reached,
        "flits": packets.flits * (reached & remote),
    }
    values = packets.per_row(packets.count, len(parts))
    made = packets.per_row(reached.astype(np.int64), len(parts))
    sums = {name: packets.per_row(amount, len(parts)).sum(axis=2) for name, amount in amounts.items()}
    for place, number in enumerate(parts):
        rows = slice(*design.mapping.parts[number].rows)
        output, own = outputs[number], riscv[place, :, rows]
        active = np.maximum(1, output.values.sum(axis=2))
        output.sends, output.burst = own / active, values[place, :, rows] / active
        output.closing, output.sends_packets = closing[place, rows], made[place, :, rows] > 0
        output.riscv += own + output.closing
        totals = {name: total[place] for name, total in sums.items()}
        totals["flits"] = totals["flits"] + int(far[place].sum())
        _add(
            output.counts,
            tokens=int(tokens[place].sum()),
            rv_cycles=riscv[place].sum(axis=1) + int(closing[place].sum()),
            **totals,
        )


def replay_of(design: Design, layer: int, packets: Packets, reach: Reach, outputs: dict[int, Output]) -> None:
    """Add the replaying work of the parts of a layer; `packets` are those of the step before."""
    timing, parts = design.timing, design.parts_of[layer]
    steps, rows, _ = packets.shape
    packets = packets.at(reach.reached(packets))
    packets = packets.at(np.lexsort((packets.x, packets.y, packets.step, packets.sender)))
    remote = reach.remote(packets)
    begin = reach.boxes[:, 1, 0]
    line = (packets.sender * steps + packets.step) * rows + packets.y
    passed = packets.x + 1 - begin[packets.sender]
    looked = passed.copy()
    same = line[1:] == line[:-1]
    looked[1:] -= np.where(same, passed[:-1], 0)
    cost = np.maximum(1, timing.rv_replay * looked + timing.rv_out_packet + timing.rv_out * packets.count)
    cost += np.where(remote, packets.flits, 1)
    riscv = packets.per_row(cost, len(parts))
    left = np.zeros((len(parts), steps, rows), np.int64)
    left += np.diff(reach.boxes[:, 1]).reshape(-1, 1, 1)
    left -= summed(line, looked, left.size).reshape(left.shape)
    tokens, far = reach.token_reached()[:, None], reach.token_remote()
    riscv += np.maximum(1, timing.rv_replay * left + tokens * timing.rv_token) + tokens
    sums = {
        "packets": packets.per_row(np.ones_like(packets.count), len(parts)),
        "replay_values": packets.per_row(packets.count, len(parts)),
        "flits": packets.per_row(packets.flits * remote, len(parts)),
    }
    for place, number in enumerate(parts):
        own = slice(*design.mapping.parts[number].rows)
        output = outputs[number]
        output.replay += riscv[place, :, own]
        totals = {name: total[place].sum(axis=1) for name, total in sums.items()}
        totals["flits"] = totals["flits"] + int(far[place].sum())
        _add(
            output.counts,
            tokens=int(tokens[place].sum()),
            rv_cycles=riscv[place, :, own].sum(axis=1),
            **totals,
        )

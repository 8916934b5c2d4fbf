"""Groups of dense edges that form across the packets of a step (`group_scope: step`, `engine/timing.md` 6).

Packets are taken in raster order, senders of one position by number. Where several senders race, the true order depends on time,
and with it how packets are cut into jobs; the number of groups does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.design import Design, Inlet
from seneca_sim.engine.estimate.groups import round_channels, values_of
from seneca_sim.engine.estimate.packets import Packets, summed

__all__ = ["Work", "gathered"]

Index = NDArray[np.int64]
Work = tuple[Index, Index, Index, Index, Index, Index, Index]
"""(steps, rows) each: tasks, rounds, chunks, synaptic operations, chunk tests, RISC-V cycles, loop-controller cycles."""


def gathered(
    design: Design, inlet: Inlet, packets: Packets, channel: NDArray[np.int32], bits: NDArray[np.uint64] | None
) -> Work:
    """Return the work of an inlet whose groups form across packets."""
    timing, costs = design.timing, design.costs.edges[inlet.edge]
    whole = packets.x < packets.shape[2] // inlet.link.pool[1] * inlet.link.pool[1]
    whole &= packets.y < packets.shape[1] // inlet.link.pool[0] * inlet.link.pool[0]
    packets = packets.at(whole)
    packets = packets.at(np.lexsort((packets.sender, packets.x, packets.y, packets.step)))
    begin, end = _places(packets, design.steps)
    size = timing.group_size
    group_step, sizes = _group_sizes(packets, design.steps, size)
    chunks, sops = _executed(design, inlet, packets, channel, bits, group_step, sizes)
    row = _last_rows(packets, design.steps, end, group_step, sizes, size)
    width = round_channels(inlet.link, design.mapping.parts[inlet.part].channels)
    of_group = -(-width // costs.neurons_per_chunk)
    pushed = chunks > 0
    duration = np.where(pushed, np.maximum(1, timing.lc_task + chunks * (costs.chunk_cycles + timing.lc_chunk)), 0)
    tests = np.full(len(sizes), 0 if bits is None else of_group, np.int64)
    extra = tests * timing.rv_skip + (duration if timing.inline else 0)
    place = row + group_step * packets.shape[1]
    flushed = sizes < size
    cells = design.steps * packets.shape[1]
    riscv = _job_cycles(design, packets, begin, end, extra, group_step, sizes)
    riscv += summed(place[flushed], np.maximum(1, timing.rv_fire + extra[flushed]), cells)
    counted = (pushed, np.ones_like(sizes), chunks, sops, tests)
    sums = [summed(place, amount, cells) for amount in counted]
    lanes = summed(place, duration, cells)
    tables = [table.reshape(design.steps, packets.shape[1]) for table in (*sums, riscv, lanes)]
    return tables[0], tables[1], tables[2], tables[3], tables[4], tables[5], tables[6]


def _places(packets: Packets, steps: int) -> tuple[Index, Index]:
    """Return where the values of each packet begin and end among those of the step."""
    end = np.cumsum(packets.count)
    before = np.concatenate([[0], end])[np.searchsorted(packets.step, np.arange(steps))]
    end = end - before[packets.step]
    return end - packets.count, end


def _group_sizes(packets: Packets, steps: int, size: int) -> tuple[Index, Index]:
    """Return the step and the number of values of every group; the last one of a step may be smaller."""
    values = summed(packets.step, packets.count, steps)
    groups = -(-values // size)
    step = np.repeat(np.arange(steps), groups)
    place = np.arange(len(step)) - np.repeat(np.cumsum(groups) - groups, groups)
    return step, np.minimum(size, values[step] - place * size)


def _last_rows(packets: Packets, steps: int, end: Index, step: Index, sizes: Index, size: int) -> Index:
    """Return the row of the packet that completes each group."""
    values = summed(packets.step, packets.count, steps)
    before = np.concatenate([[0], np.cumsum(values)])[:-1]
    filled = np.cumsum(sizes)
    total = end + before[packets.step]
    return packets.y[np.searchsorted(total, filled)] if len(filled) else np.zeros(0, np.int64)


def _executed(
    design: Design,
    inlet: Inlet,
    packets: Packets,
    channel: NDArray[np.int32],
    bits: NDArray[np.uint64] | None,
    group_step: Index,
    sizes: Index,
) -> tuple[Index, Index]:
    """Return the chunks that each group executes and its synaptic operations."""
    part = design.mapping.parts[inlet.part]
    per_chunk = design.costs.edges[inlet.edge].neurons_per_chunk
    width = round_channels(inlet.link, part.channels)
    whole = -(-width // per_chunk)
    if bits is None or not len(sizes):
        return np.full(len(sizes), whole, np.int64), sizes * width
    packet, _, source = values_of(packets, channel)
    pool = inlet.link.pool
    words = bits[source, packets.y[packet] // pool[0], packets.x[packet] // pool[1]]
    used = np.bitwise_or.reduceat(words, np.cumsum(sizes) - sizes, axis=0)
    chunks = np.bitwise_count(used).sum(axis=1).astype(np.int64)
    last = (used[:, (whole - 1) // 64] >> np.uint64((whole - 1) % 64)) & np.uint64(1)
    return chunks, sizes * (chunks * per_chunk - last.astype(np.int64) * (whole * per_chunk - width))


def _job_cycles(
    design: Design, packets: Packets, begin: Index, end: Index, extra: Index, group_step: Index, sizes: Index
) -> Index:
    """Return RISC-V cycles of the decode jobs by step and row: a packet has one job for each group that it adds to."""
    timing = design.timing
    size = timing.group_size
    head = timing.rv_packet + timing.rv_value * packets.count
    first, last = begin // size, -(-end // size)
    jobs = last - first
    packet = np.repeat(np.arange(len(jobs)), jobs)
    number = np.arange(len(packet)) - np.repeat(np.cumsum(jobs) - jobs, jobs)
    group = first[packet] + number
    full = end[packet] >= (group + 1) * size
    start = np.searchsorted(group_step, np.arange(design.steps))
    cost = np.where(number == 0, head[packet], 0)
    which = np.minimum(start[packets.step[packet]] + group, max(0, len(extra) - 1))
    cost = cost + np.where(full, extra[which], 0) if len(extra) else cost
    cells = packets.step[packet] * packets.shape[1] + packets.y[packet]
    return summed(cells, np.maximum(1, cost), design.steps * packets.shape[1])

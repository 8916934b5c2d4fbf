"""RISC-V decodes packets and pushes integrate tasks (rules: `engine/timing.md` 5.4 and 6)."""

from __future__ import annotations

from typing import Any

import numpy as np

from seneca_sim.kernels import inline_kernel, kernel
from seneca_sim.kernels.chip_core import begin_job, pass_positions, push_task, slot_free_at
from seneca_sim.kernels.chip_network import CREDIT, EVENTS, FREE_QUEUE, TOKEN, release_packet
from seneca_sim.kernels.chip_wheel import EFFECTS, schedule

__all__ = ["BLOCKED_CREDIT", "BLOCKED_NETWORK", "BLOCKED_ROOM", "BLOCKED_SLOT", "NOTHING", "UNSURE", "decode", "flush"]

NOTHING, UNSURE = 0, -1
BLOCKED_NETWORK, BLOCKED_ROOM, BLOCKED_SLOT, BLOCKED_CREDIT = 1, 2, 4, 8


@inline_kernel
def rows_are_free(m: Any, packet: Any, feed_at: int, n_feeds: int) -> bool:
    """Return whether an event packet finds free state rows in all its parts; only without row credits may it not."""
    if m.settings[0].credits or packet.kind != EVENTS:
        return True
    for index in range(feed_at, feed_at + n_feeds):
        inlet = m.inlets[m.feeds[m.table[index]].inlet]
        part = m.parts[inlet.part]
        lowest = part.step * part.height_neurons
        if part.step < m.settings[0].steps:
            lowest += m.table[part.low_row_at + part.row]
        highest = packet.step * part.height_neurons + m.table[inlet.hi_row_at + packet.y]
        if highest > lowest + part.state_rows - 1:
            return False
    return True


@inline_kernel
def take_feeds(m: Any, core: int, source: int, number: int) -> bool:
    """Make a packet the current one, unless its rows are not free."""
    unit = m.cores[core]
    packet = m.packets[number]
    feed_at, n_feeds = 0, 1
    if packet.kind != CREDIT:
        group = m.groups[packet.group]
        feed_at, n_feeds = group.local_at, group.n_local
        if source == 2:
            low, high = 0, group.n_dests - 1
            while low < high:
                middle = (low + high) // 2
                if m.table[group.dests_at + 3 * middle] < core:
                    low = middle + 1
                else:
                    high = middle
            feed_at = m.table[group.dests_at + 3 * low + 1]
            n_feeds = m.table[group.dests_at + 3 * low + 2]
    if not rows_are_free(m, packet, feed_at, n_feeds):
        unit.blocked |= BLOCKED_CREDIT
        return False
    unit.source = source
    unit.packet = number
    unit.feed = feed_at
    unit.feeds_left = n_feeds
    unit.started = 0
    return True


@inline_kernel
def take_packet(m: Any, core: int, now: int, exact: bool) -> int:
    """Choose the next packet to decode: 1 if there is one, else NOTHING, or UNSURE if one may still arrive by now."""
    unit = m.cores[core]
    if unit.loop_packet >= 0 and take_feeds(m, core, 1, unit.loop_packet):
        return 1
    if unit.queue_count == 0:
        return NOTHING if exact else UNSURE
    visible = m.queue_visible[core, unit.queue_head]
    if visible > now:
        unit.retry = min(unit.retry, visible)
        return NOTHING
    if not take_feeds(m, core, 2, m.queue_packet[core, unit.queue_head]):
        return NOTHING
    unit.queue_head = (unit.queue_head + 1) % m.queue_packet.shape[1]
    unit.queue_count -= 1
    return 1


@inline_kernel
def next_feed(m: Any, core: int, end: int) -> None:
    """Go on to the next part that the packet reaches; after the last one the packet leaves when the job ends."""
    unit = m.cores[core]
    unit.started = 0
    unit.feed += 1
    unit.feeds_left -= 1
    if unit.feeds_left > 0:
        return
    if unit.source == 1:
        unit.loop_packet = -1
    else:
        schedule(m, EFFECTS, end, FREE_QUEUE, core, m.packets[unit.packet].flits)
    release_packet(m, unit.packet)
    unit.source = 0


@inline_kernel
def note_start(m: Any, part: int, step: int, now: int) -> None:
    """Note the first job for a part in a step."""
    if m.part_times[step, part, 0] < 0:
        m.part_times[step, part, 0] = now


@inline_kernel
def enter_part(m: Any, feed: int, step: int, now: int, frontier: int) -> None:
    """Move the frontier at an inlet, and note that the step has begun at its part."""
    pass_positions(m, feed, frontier)
    inlet = m.inlets[m.feeds[feed].inlet]
    note_start(m, inlet.part, step, now)
    if not inlet.delayed:
        part = m.parts[inlet.part]
        part.seen_step = max(part.seen_step, step + 1)


@inline_kernel
def channels_of(m: Any, inlet: Any, channel: int) -> int:
    """Return how many of a part's channels a source channel of a grouped edge reaches."""
    group = channel // inlet.group_inputs
    low = max(group * inlet.group_outputs + inlet.offset, inlet.c0)
    high = min((group + 1) * inlet.group_outputs + inlet.offset, inlet.c0 + inlet.channels)
    return int(max(0, high - low))


@inline_kernel
def group_begin(m: Any, inlet: Any, packet: Any, cursor: int) -> int:
    """Return the first value at or after a cursor that reaches the part."""
    if inlet.grouped:
        while cursor < packet.count and channels_of(m, inlet, m.channel[packet.value + cursor]) == 0:
            cursor += 1
    return cursor


@inline_kernel
def group_end(m: Any, inlet: Any, packet: Any, begin: int) -> int:
    """Return the end of the group that begins at a value."""
    limit = min(begin + m.settings[0].group_size, packet.count)
    if not inlet.grouped:
        return int(limit)
    group = m.channel[packet.value + begin] // inlet.group_inputs
    end = begin + 1
    while end < limit and m.channel[packet.value + end] // inlet.group_inputs == group:
        end += 1
    return int(end)


@inline_kernel
def mask_row(m: Any, inlet: Any, channel: int, kernel_row: int, kernel_column: int) -> int:
    """Return the index of the first mask word of a weight column."""
    place = (channel * inlet.kernel_rows + kernel_row) * inlet.kernel_columns + kernel_column
    return int(inlet.mask_at + place * inlet.mask_words)


@inline_kernel
def count_lanes(inlet: Any, chunks: int, has_last: bool, channels: int) -> int:
    """Return the channels in executed chunks; the last chunk of the round may be partly filled."""
    lanes = chunks * inlet.per_chunk
    if has_last:
        lanes -= (channels + inlet.per_chunk - 1) // inlet.per_chunk * inlet.per_chunk - channels
    return int(lanes)


@inline_kernel
def count_bits(bits: int) -> int:
    """Return the number of set bits."""
    count = 0
    while bits:
        bits &= bits - np.uint64(1)
        count += 1
    return count


@inline_kernel
def masked_round(m: Any, inlet: Any, packet: Any, begin: int, end: int, row: int, column: int, channels: int) -> Any:
    """Return (chunks executed, channels in them) of a group at one neuron position under chunk-skipping masks."""
    kernel_row = (packet.y // inlet.pool_y + inlet.padding_y - row * inlet.stride_y) // inlet.dilation_y
    kernel_column = (packet.x // inlet.pool_x + inlet.padding_x - column * inlet.stride_x) // inlet.dilation_x
    last_chunk = (channels + inlet.per_chunk - 1) // inlet.per_chunk - 1
    chunks, has_last = 0, False
    for word in range(inlet.mask_words):
        bits = np.uint64(0)
        for value in range(begin, end):
            bits |= m.mask[mask_row(m, inlet, m.channel[packet.value + value], kernel_row, kernel_column) + word]
        if last_chunk // 64 == word:
            has_last = (bits >> np.uint64(last_chunk % 64)) & np.uint64(1) == np.uint64(1)
        chunks += count_bits(bits)
    return chunks, count_lanes(inlet, chunks, has_last, channels)


@inline_kernel
def touch(m: Any, part: Any, row: int, column: int, step: int) -> None:
    """Mark the outputs whose windows hold a neuron position as touched in a step."""
    if step < part.touched_from:
        return
    rows, columns = part.out_rows_at + row - part.neuron_y0, part.out_columns_at + column - part.neuron_x0
    for out_row in range(m.table[rows], m.table[rows + 1]):
        line = part.touched_at + m.table[out_row] * part.columns
        for out_column in range(m.table[columns], m.table[columns + 1]):
            m.touched[line + m.table[out_column]] = step + 1


@inline_kernel
def prepare(m: Any, core: int, inlet: Any, packet: Any) -> None:
    """Point at the first group and kernel position of an event packet."""
    unit = m.cores[core]
    unit.started = 1
    unit.neuron_row = m.table[inlet.rows_at + packet.y]
    unit.neuron_column = m.table[inlet.columns_at + packet.x]
    unit.value = group_begin(m, inlet, packet, 0)
    unit.fresh_scope = 1


@inline_kernel
def note_first(m: Any, feed: int, packet: Any, now: int) -> None:
    """Note what the first job of an event packet brings: the frontier, touched marks and counts of values."""
    inlet_number = m.feeds[feed].inlet
    inlet = m.inlets[inlet_number]
    part = m.parts[inlet.part]
    enter_part(m, feed, packet.step, now, packet.step * inlet.plane + packet.y * inlet.width + packet.x)
    dropped = 0
    if inlet.grouped:
        for value in range(packet.count):
            dropped += channels_of(m, inlet, m.channel[packet.value + value]) == 0
    counts = m.inlet_counts[packet.step, inlet_number]
    counts[0] += 1
    counts[1] += packet.count
    counts[2] += dropped
    if dropped == packet.count or packet.step < part.touched_from or inlet.masked:
        return
    rows, columns = inlet.touch_rows_at + packet.y, inlet.touch_columns_at + packet.x
    for row in range(m.table[rows], m.table[rows + 1]):
        line = part.touched_at + m.table[row] * part.columns
        for column in range(m.table[columns], m.table[columns + 1]):
            m.touched[line + m.table[column]] = packet.step + 1


@inline_kernel
def finish_task(
    m: Any, core: int, inlet_number: int, now: int, cost: int, step: int, duration: int, pushed: bool
) -> int:
    """Start the job that pushes an integrate task (or none), count both, and return the job's end."""
    counts = m.inlet_counts[step, inlet_number]
    if pushed and m.settings[0].inline:
        cost += duration
    end = begin_job(m, core, now, cost)
    counts[10] += end - now
    if pushed:
        counts[5] += 1
        if not m.settings[0].inline:
            counts[11] += duration
            push_task(m, core, end, duration)
    return end


@inline_kernel
def convolve(m: Any, core: int, feed: int, now: int, cost: int) -> int:
    """Do one decode job of a packet group by group within kernel positions; return its end, or NOTHING without a slot."""
    unit, settings = m.cores[core], m.settings[0]
    packet = m.packets[unit.packet]
    inlet_number = m.feeds[feed].inlet
    inlet = m.inlets[inlet_number]
    begin = unit.value
    end = group_end(m, inlet, packet, begin)
    row_last = m.table[inlet.rows_at + packet.y + 1] if settings.task_scope == 2 else unit.neuron_row + 1
    column_last = m.table[inlet.columns_at + packet.x + 1] if settings.task_scope >= 1 else unit.neuron_column + 1
    rounds = (row_last - unit.neuron_row) * (column_last - unit.neuron_column)
    channels, chunks, tests = inlet.channels, inlet.chunks, 0
    if inlet.grouped:
        channels = channels_of(m, inlet, m.channel[packet.value + begin])
        chunks = (channels + inlet.per_chunk - 1) // inlet.per_chunk
    lanes, chunks = channels * rounds, chunks * rounds
    if inlet.masked:
        tests, lanes, chunks = chunks, 0, 0
        for row in range(unit.neuron_row, row_last):
            for column in range(unit.neuron_column, column_last):
                more, wide = masked_round(m, inlet, packet, begin, end, m.table[row], m.table[column], channels)
                chunks += more
                lanes += wide
                if more > 0:
                    touch(m, m.parts[inlet.part], m.table[row], m.table[column], packet.step)
    if chunks > 0 and slot_free_at(m, core) > now:
        unit.retry = min(unit.retry, slot_free_at(m, core))
        return NOTHING
    if unit.fresh_scope and not inlet.dense:
        cost += settings.rv_position * rounds
    counts = m.inlet_counts[packet.step, inlet_number]
    counts[6] += rounds
    counts[7] += chunks
    counts[8] += lanes * (end - begin)
    counts[9] += tests
    duration = max(1, settings.lc_task + chunks * inlet.chunk_cycles)
    job_end = finish_task(
        m, core, inlet_number, now, cost + tests * settings.rv_skip, packet.step, duration, chunks > 0
    )
    advance(m, core, inlet, packet, end, row_last, column_last, job_end)
    return job_end


@inline_kernel
def advance(m: Any, core: int, inlet: Any, packet: Any, value: int, row_last: int, column_last: int, end: int) -> None:
    """Go on to the next group, kernel position, or part."""
    unit = m.cores[core]
    unit.fresh_scope = 0
    unit.value = group_begin(m, inlet, packet, value)
    if unit.value < packet.count:
        return
    unit.value = group_begin(m, inlet, packet, 0)
    unit.fresh_scope = 1
    unit.neuron_column = column_last
    if column_last < m.table[inlet.columns_at + packet.x + 1]:
        return
    unit.neuron_column = m.table[inlet.columns_at + packet.x]
    unit.neuron_row = row_last
    if row_last < m.table[inlet.rows_at + packet.y + 1]:
        return
    next_feed(m, core, end)


@inline_kernel
def gather(m: Any, core: int, feed: int, now: int, cost: int) -> int:
    """Do one decode job of a dense inlet whose groups form across packets; return its end, or NOTHING without a slot."""
    unit, settings = m.cores[core], m.settings[0]
    packet = m.packets[unit.packet]
    inlet_number = m.feeds[feed].inlet
    inlet = m.inlets[inlet_number]
    take = min(settings.group_size - inlet.open_values, packet.count - unit.value)
    full = inlet.open_values + take == settings.group_size
    if full and slot_free_at(m, core) > now:
        unit.retry = min(unit.retry, slot_free_at(m, core))
        return NOTHING
    if inlet.masked:
        for value in range(unit.value, unit.value + take):
            at = mask_row(m, inlet, m.channel[packet.value + value], packet.y // inlet.pool_y, packet.x // inlet.pool_x)
            for word in range(inlet.mask_words):
                m.open_mask[inlet_number, word] |= m.mask[at + word]
    if inlet.open_values == 0 and take > 0:
        m.parts[inlet.part].open_groups += 1
    inlet.open_values += take
    unit.value += take
    step = packet.step
    done = unit.value == packet.count
    end = close_group(m, core, inlet_number, now, cost, step) if full else begin_job(m, core, now, cost)
    if not full:
        m.inlet_counts[step, inlet_number, 10] += end - now
    if done:
        next_feed(m, core, end)
    return int(end)


@inline_kernel
def close_group(m: Any, core: int, inlet_number: int, now: int, cost: int, step: int) -> int:
    """Push the open group of a dense inlet as one integrate task; return the end of the job."""
    settings, inlet = m.settings[0], m.inlets[inlet_number]
    chunks, lanes, tests = inlet.chunks, inlet.channels, 0
    if inlet.masked:
        tests, chunks, has_last = inlet.chunks, 0, False
        for word in range(inlet.mask_words):
            bits = m.open_mask[inlet_number, word]
            if (inlet.chunks - 1) // 64 == word:
                has_last = (bits >> np.uint64((inlet.chunks - 1) % 64)) & np.uint64(1) == np.uint64(1)
            chunks += count_bits(bits)
            m.open_mask[inlet_number, word] = np.uint64(0)
        lanes = count_lanes(inlet, chunks, has_last, inlet.channels)
        if chunks > 0:
            part = m.parts[inlet.part]
            touch(m, part, part.neuron_y0, part.neuron_x0, step)
    counts = m.inlet_counts[step, inlet_number]
    counts[6] += 1
    counts[7] += chunks
    counts[8] += lanes * inlet.open_values
    counts[9] += tests
    inlet.open_values = 0
    m.parts[inlet.part].open_groups -= 1
    duration = max(1, settings.lc_task + chunks * inlet.chunk_cycles)
    return finish_task(m, core, inlet_number, now, cost + tests * settings.rv_skip, step, duration, chunks > 0)


@kernel
def flush(m: Any, core: int, part: int, now: int, step: int) -> int:
    """Push the first open group of a part whose position is ready; return the job's end, or NOTHING without a slot."""
    if slot_free_at(m, core) > now:
        m.cores[core].retry = min(m.cores[core].retry, slot_free_at(m, core))
        return NOTHING
    first = m.parts[part].inlet_first
    for inlet in range(first, first + m.parts[part].n_inlets):
        if m.inlets[inlet].open_values > 0:
            return close_group(m, core, inlet, now, m.settings[0].rv_fire, step)
    return NOTHING


@kernel
def decode(m: Any, core: int, now: int, exact: bool) -> int:
    """Do one decode job; return its end, NOTHING if none is possible, UNSURE if a packet may still arrive by now."""
    unit, settings = m.cores[core], m.settings[0]
    if unit.source == 0:
        taken = take_packet(m, core, now, exact)
        if taken != 1:
            return taken
    packet = m.packets[unit.packet]
    if packet.kind == CREDIT:
        feed = m.feeds[packet.feed]
        feed.received += 1
        end = begin_job(m, core, now, settings.rv_token)
        m.inlet_counts[packet.step, feed.inlet, 4] += 1
        m.inlet_counts[packet.step, feed.inlet, 10] += end - now
        unit.feeds_left = 1
        next_feed(m, core, end)
        return end
    feed_number = m.table[unit.feed]
    inlet_number = m.feeds[feed_number].inlet
    inlet = m.inlets[inlet_number]
    if packet.kind == TOKEN:
        enter_part(m, feed_number, packet.step, now, packet.step * inlet.plane + (packet.y + 1) * inlet.width)
        end = begin_job(m, core, now, settings.rv_token)
        m.inlet_counts[packet.step, inlet_number, 3] += 1
        m.inlet_counts[packet.step, inlet_number, 10] += end - now
        next_feed(m, core, end)
        return end
    if unit.started == 0:
        prepare(m, core, inlet, packet)
    first = unit.started == 1
    cost = settings.rv_packet + settings.rv_value * packet.count if first else 0
    unit.started = 2
    if unit.value == packet.count:
        end = begin_job(m, core, now, cost)
        m.inlet_counts[packet.step, inlet_number, 10] += end - now
        next_feed(m, core, end)
    elif inlet.dense and settings.step_groups:
        end = gather(m, core, feed_number, now, cost)
    else:
        end = convolve(m, core, feed_number, now, cost)
    if end == NOTHING:
        unit.blocked |= BLOCKED_SLOT
        if first:
            unit.started = 1
    elif first:
        note_first(m, feed_number, packet, now)
    return end

"""Groups, kernel positions, masks and the integrate tasks that they become (rules: `engine/timing.md` 6)."""

from __future__ import annotations

from typing import Any

import numpy as np

from seneca_sim.kernels import inner_kernel, merged_kernel
from seneca_sim.kernels.chip_core import (
    begin_job,
    push_task,
    slot_free_at,
)
from seneca_sim.kernels.chip_intake import (
    NOTHING,
    next_feed,
)
from seneca_sim.kernels.chip_machine import (
    channel_at,
    core_at,
    feed_at,
    inlet_at,
    inlet_counts_at,
    look,
    mask_at,
    open_at,
    packet_at,
    part_at,
    settings_of,
    touched_at,
)

__all__ = ["channels_of", "convolve", "flush", "gather", "group_begin", "packet_cost"]


@inner_kernel
def channels_of(m: int, inlet: Any, channel: int) -> int:
    """Return how many of a part's channels a source channel of a grouped edge reaches."""
    group = channel // inlet.group_inputs
    low = max(group * inlet.group_outputs + inlet.offset, inlet.c0)
    high = min((group + 1) * inlet.group_outputs + inlet.offset, inlet.c0 + inlet.channels)
    return int(max(0, high - low))


@inner_kernel
def group_begin(m: int, inlet: Any, packet: Any, cursor: int) -> int:
    """Return the first value at or after a cursor that reaches the part."""
    if inlet.grouped:
        while cursor < packet.count and channels_of(m, inlet, channel_at(m, packet.value + cursor)) == 0:
            cursor += 1
    return cursor


@inner_kernel
def group_end(m: int, inlet: Any, packet: Any, begin: int) -> int:
    """Return the end of the group that begins at a value."""
    limit = min(begin + settings_of(m).group_size, packet.count)
    if not inlet.grouped:
        return int(limit)
    group = channel_at(m, packet.value + begin) // inlet.group_inputs
    end = begin + 1
    while end < limit and channel_at(m, packet.value + end) // inlet.group_inputs == group:
        end += 1
    return int(end)


@inner_kernel
def mask_row(m: int, inlet: Any, channel: int, kernel_row: int, kernel_column: int) -> int:
    """Return the index of the first mask word of a weight column."""
    place = (channel * inlet.kernel_rows + kernel_row) * inlet.kernel_columns + kernel_column
    return int(inlet.mask_at + place * inlet.mask_words)


@inner_kernel
def count_lanes(inlet: Any, chunks: int, has_last: bool, channels: int) -> int:
    """Return the channels in executed chunks; the last chunk of the round may be partly filled."""
    lanes = chunks * inlet.per_chunk
    if has_last:
        lanes -= (channels + inlet.per_chunk - 1) // inlet.per_chunk * inlet.per_chunk - channels
    return int(lanes)


@inner_kernel
def count_bits(bits: Any) -> int:
    """Return the number of set bits."""
    count = 0
    while bits:
        bits &= bits - np.uint64(1)
        count += 1
    return count


@inner_kernel
def masked_round(m: int, inlet: Any, packet: Any, begin: int, end: int, row: int, column: int, channels: int) -> Any:
    """Return (chunks executed, channels in them) of a group at one neuron position under chunk-skipping masks."""
    acts_y, acts_x = packet.y // inlet.pool_y * inlet.upsample_y, packet.x // inlet.pool_x * inlet.upsample_x
    kernel_row = (acts_y + inlet.padding_y - row * inlet.stride_y) // inlet.dilation_y
    kernel_column = (acts_x + inlet.padding_x - column * inlet.stride_x) // inlet.dilation_x
    last_chunk = (channels + inlet.per_chunk - 1) // inlet.per_chunk - 1
    chunks, has_last = 0, False
    for word in range(inlet.mask_words):
        bits: Any = np.uint64(0)
        for value in range(begin, end):
            bits |= mask_at(
                m, mask_row(m, inlet, channel_at(m, packet.value + value), kernel_row, kernel_column) + word
            )
        if last_chunk // 64 == word:
            has_last = (bits >> np.uint64(last_chunk % 64)) & np.uint64(1) == np.uint64(1)
        chunks += count_bits(bits)
    return chunks, count_lanes(inlet, chunks, has_last, channels)


@inner_kernel
def touch(m: int, part: Any, row: int, column: int, step: int) -> None:
    """Mark the outputs whose windows hold a neuron position as touched in a step."""
    if step < part.touched_from:
        return
    rows, columns = part.out_rows_at + row - part.neuron_y0, part.out_columns_at + column - part.neuron_x0
    for out_row in range(look(m, rows), look(m, rows + 1)):
        line = part.touched_at + look(m, out_row) * part.columns
        for out_column in range(look(m, columns), look(m, columns + 1)):
            touched_at(m, line + look(m, out_column)).step = step


@merged_kernel
def finish_task(
    m: int, core: int, inlet_number: int, now: int, cost: int, step: int, duration: int, pushed: bool
) -> int:
    """Start the job that pushes an integrate task (or none), count both, and return the job's end."""
    counts = inlet_counts_at(m, step * settings_of(m).n_inlets + inlet_number)
    if pushed and settings_of(m).inline:
        cost += duration
    end = begin_job(m, core, now, cost)
    counts.rv_cycles += end - now
    if pushed:
        counts.tasks += 1
        if not settings_of(m).inline:
            counts.lc_cycles += duration
            push_task(m, core, end, duration)
    return end


@inner_kernel
def packet_cost(m: int, unit: Any, packet: Any) -> int:
    """Return what the first job of an event packet pays besides, and 0 for later ones."""
    if unit.started == 2:
        return 0
    return int(settings_of(m).rv_packet + settings_of(m).rv_value * packet.count)


@merged_kernel
def convolve(m: int, core: int, feed: int, now: int) -> int:
    """Do one decode job of a packet group by group within kernel positions; return its end, or NOTHING without a slot."""
    unit, settings = core_at(m, core), settings_of(m)
    packet = packet_at(m, unit.packet)
    inlet_number = feed_at(m, feed).inlet
    inlet = inlet_at(m, inlet_number)
    begin = unit.value
    end = group_end(m, inlet, packet, begin)
    row_last = look(m, inlet.rows_at + packet.y + 1) if settings.task_scope == 2 else unit.neuron_row + 1
    column_last = look(m, inlet.columns_at + packet.x + 1) if settings.task_scope >= 1 else unit.neuron_column + 1
    rounds = (row_last - unit.neuron_row) * (column_last - unit.neuron_column)
    channels, chunks, tests = inlet.channels, inlet.chunks, 0
    if inlet.grouped:
        channels = channels_of(m, inlet, channel_at(m, packet.value + begin))
        chunks = (channels + inlet.per_chunk - 1) // inlet.per_chunk
    lanes, chunks = channels * rounds, chunks * rounds
    if inlet.masked:
        tests, lanes, chunks = chunks, 0, 0
        for row in range(unit.neuron_row, row_last):
            for column in range(unit.neuron_column, column_last):
                more, wide = masked_round(m, inlet, packet, begin, end, look(m, row), look(m, column), channels)
                chunks += more
                lanes += wide
                if more > 0 and not inlet.broadcast:
                    touch(m, part_at(m, inlet.part), look(m, row), look(m, column), packet.step)
    if chunks > 0 and slot_free_at(m, core) > now:
        unit.retry = min(unit.retry, slot_free_at(m, core))
        return NOTHING
    cost = packet_cost(m, unit, packet)
    unit.started = 2
    if unit.fresh_scope and not inlet.one_position:
        cost += settings.rv_position * rounds
    counts = inlet_counts_at(m, packet.step * settings_of(m).n_inlets + inlet_number)
    counts.rounds += rounds
    counts.chunks += chunks
    counts.sops += lanes * (end - begin)
    counts.skip_tests += tests
    duration = max(1, settings.lc_task + chunks * inlet.chunk_cycles)
    job_end = finish_task(
        m, core, inlet_number, now, cost + tests * settings.rv_skip, packet.step, duration, chunks > 0
    )
    advance(m, core, inlet, packet, end, row_last, column_last, job_end)
    return job_end


@merged_kernel
def advance(m: int, core: int, inlet: Any, packet: Any, value: int, row_last: int, column_last: int, end: int) -> None:
    """Go on to the next group, kernel position, or part."""
    unit = core_at(m, core)
    unit.fresh_scope = 0
    unit.value = group_begin(m, inlet, packet, value)
    if unit.value < packet.count:
        return
    unit.value = group_begin(m, inlet, packet, 0)
    unit.fresh_scope = 1
    unit.neuron_column = column_last
    if column_last < look(m, inlet.columns_at + packet.x + 1):
        return
    unit.neuron_column = look(m, inlet.columns_at + packet.x)
    unit.neuron_row = row_last
    if row_last < look(m, inlet.rows_at + packet.y + 1):
        return
    next_feed(m, core, end)


@inner_kernel
def note_chunks(m: int, core: int, inlet_number: int, begin: int, end: int) -> None:
    """Add the chunks that values of the current packet need to the open group of a dense inlet."""
    packet, inlet, words = packet_at(m, core_at(m, core).packet), inlet_at(m, inlet_number), settings_of(m).open_words
    for value in range(begin, end):
        channel = channel_at(m, packet.value + value)
        at = mask_row(m, inlet, channel, packet.y // inlet.pool_y, packet.x // inlet.pool_x)
        for word in range(inlet.mask_words):
            open_at(m, inlet_number * words + word).bits |= mask_at(m, at + word)


@inner_kernel
def needs_slot(m: int, inlet_number: int) -> bool:
    """Return whether the open group of a dense inlet has any chunk to execute."""
    inlet = inlet_at(m, inlet_number)
    if not inlet.masked:
        return True
    words = settings_of(m).open_words
    bits = np.uint64(0)
    for word in range(inlet.mask_words):
        bits |= open_at(m, inlet_number * words + word).bits
    return bool(bits != 0)


@inner_kernel
def gather(m: int, core: int, feed: int, now: int) -> int:
    """Do one decode job of a dense inlet whose groups form across packets; return its end, or NOTHING without a slot."""
    unit, settings = core_at(m, core), settings_of(m)
    packet = packet_at(m, unit.packet)
    inlet_number = feed_at(m, feed).inlet
    inlet = inlet_at(m, inlet_number)
    take = min(settings.group_size - inlet.open_values, packet.count - unit.value)
    full = inlet.open_values + take == settings.group_size
    if inlet.masked:
        note_chunks(m, core, inlet_number, unit.value, unit.value + take)
    if full and needs_slot(m, inlet_number) and slot_free_at(m, core) > now:
        unit.retry = min(unit.retry, slot_free_at(m, core))
        return NOTHING
    cost = packet_cost(m, unit, packet)
    unit.started = 2
    if inlet.open_values == 0 and take > 0:
        part_at(m, inlet.part).open_groups += 1
    inlet.open_values += take
    unit.value += take
    step = packet.step
    done = unit.value == packet.count
    end = close_group(m, core, inlet_number, now, cost, step) if full else begin_job(m, core, now, cost)
    if not full:
        inlet_counts_at(m, step * settings_of(m).n_inlets + inlet_number).rv_cycles += end - now
    if done:
        next_feed(m, core, end)
    return int(end)


@inner_kernel
def close_group(m: int, core: int, inlet_number: int, now: int, cost: int, step: int) -> int:
    """Push the open group of a dense inlet as one integrate task; return the end of the job."""
    settings, inlet = settings_of(m), inlet_at(m, inlet_number)
    chunks, lanes, tests = inlet.chunks, inlet.channels, 0
    if inlet.masked:
        tests, chunks, has_last = inlet.chunks, 0, False
        for word in range(inlet.mask_words):
            bits = open_at(m, inlet_number * settings_of(m).open_words + word).bits
            if (inlet.chunks - 1) // 64 == word:
                has_last = (bits >> np.uint64((inlet.chunks - 1) % 64)) & np.uint64(1) == np.uint64(1)
            chunks += count_bits(bits)
            open_at(m, inlet_number * settings_of(m).open_words + word).bits = np.uint64(0)
        lanes = count_lanes(inlet, chunks, has_last, inlet.channels)
        if chunks > 0 and not inlet.broadcast:
            part = part_at(m, inlet.part)
            touch(m, part, part.neuron_y0, part.neuron_x0, step)
    counts = inlet_counts_at(m, step * settings_of(m).n_inlets + inlet_number)
    counts.rounds += 1
    counts.chunks += chunks
    counts.sops += lanes * inlet.open_values
    counts.skip_tests += tests
    inlet.open_values = 0
    part_at(m, inlet.part).open_groups -= 1
    duration = max(1, settings.lc_task + chunks * inlet.chunk_cycles)
    return finish_task(m, core, inlet_number, now, cost + tests * settings.rv_skip, step, duration, chunks > 0)


@inner_kernel
def flush(m: int, core: int, part: int, now: int, step: int) -> int:
    """Push the first open group of a part whose position is ready; return the job's end, or NOTHING without a slot."""
    first = part_at(m, part).inlet_first
    for inlet in range(first, first + part_at(m, part).n_inlets):
        if inlet_at(m, inlet).open_values == 0:
            continue
        if needs_slot(m, inlet) and slot_free_at(m, core) > now:
            core_at(m, core).retry = min(core_at(m, core).retry, slot_free_at(m, core))
            return NOTHING
        return close_group(m, core, inlet, now, settings_of(m).rv_fire, step)
    return NOTHING

"""RISC-V: one job at a time, chosen by class (rules: `engine/timing.md` 5 and 8).

RISC-V runs ahead of the wheel as long as its next choice depends only on what the core itself does; where it depends on the
network (room to inject, a packet that may still arrive), it waits for the wheel to reach that cycle.
"""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_core import (
    append_record,
    begin_job,
    consume,
    push_task,
    raise_rows,
    row_granted,
    settle,
    slot_free_at,
)
from seneca_sim.kernels.chip_decode import (
    BLOCKED_CREDIT,
    BLOCKED_NETWORK,
    BLOCKED_ROOM,
    BLOCKED_SLOT,
    NOTHING,
    UNSURE,
    decode,
    flush,
    note_start,
)
from seneca_sim.kernels.chip_machine import (
    buffer_at,
    channel_at,
    core_at,
    emission_at,
    feed_at,
    gate_at,
    group_of,
    inlet_at,
    look,
    packet_at,
    part_at,
    part_counts_at,
    part_times_at,
    record_at,
    sender_at,
    settings_of,
    start_at,
    state_at,
    totals_of,
    touched_at,
)
from seneca_sim.kernels.chip_network import CREDIT, EVENTS, NEVER, TOKEN, inject, new_packet, wake_core

__all__ = ["count_values", "event_packet", "group_at", "riscv", "token_packet"]

RUN_AHEAD = 64


@inner_kernel
def group_at(m: int, sender: Any, row: int, column: int) -> int:
    """Return the destination group of a position (counted in the sender's box)."""
    row_class = look(m, sender.row_class_at + row)
    return int(sender.event_group + row_class * sender.n_column_classes + look(m, sender.column_class_at + column))


@inner_kernel
def reaches(m: int, group_number: int) -> bool:
    """Return whether a group has any destination."""
    group = group_of(m, group_number)
    return bool(group.remote or group.n_local > 0)


@inner_kernel
def event_packet(m: int, sender: Any, step: int, group: int, y: int, x: int, value: int, count: int) -> int:
    """Make a packet of `count` values of one position."""
    number = new_packet(m, EVENTS, sender.owner, step, group)
    packet = packet_at(m, number)
    packet.y = y
    packet.x = x
    packet.value = value
    packet.count = count
    packet.flits = sender.header + (count + sender.pairs - 1) // sender.pairs
    packet.rank = sender.node if sender.kind == 1 else settings_of(m).nodes + sender.core
    return number


@inner_kernel
def token_packet(m: int, sender: Any, step: int, row: int) -> int:
    """Make the token of a row (counted in the sender's box)."""
    group = sender.token_group + look(m, sender.row_class_at + row)
    number = new_packet(m, TOKEN, sender.owner, step, group)
    packet_at(m, number).y = sender.y0 + row
    packet_at(m, number).rank = sender.node if sender.kind == 1 else settings_of(m).nodes + sender.core
    return number


@inner_kernel
def count_values(m: int, emission: Any, low: int, high: int) -> Any:
    """Return (first, count) of an active position's values with low <= channel < high."""
    first = emission.value
    end = emission.value + emission.count
    while first < end and channel_at(m, first) < low:
        first += 1
    last = first
    while last < end and channel_at(m, last) < high:
        last += 1
    return first, last - first


@inner_kernel
def try_inject(m: int, core: int, now: int, exact: bool) -> int:
    """Class 1: hand the finished packet to the router and to the core's own input."""
    unit = core_at(m, core)
    packet = packet_at(m, unit.outbox)
    remote, local = packet.group < 0, False
    if packet.group >= 0:
        remote = group_of(m, packet.group).remote == 1
        local = group_of(m, packet.group).n_local > 0
    if local and unit.loop_packet >= 0:
        unit.blocked |= BLOCKED_NETWORK
        return NOTHING
    if remote and settings_of(m).mesh and buffer_at(m, unit.node * 5 + 4).room < packet.flits:
        unit.blocked |= BLOCKED_NETWORK
        return NOTHING if exact else UNSURE
    end = begin_job(m, core, now, packet.flits if remote else 1)
    counts = part_counts_at(m, packet.step * settings_of(m).n_parts + packet.owner)
    counts.rv_cycles += end - now
    if (
        unit.outbox_values > 0
        and part_times_at(m, packet.step * settings_of(m).n_parts + packet.owner).first_output < 0
    ):
        part_times_at(m, packet.step * settings_of(m).n_parts + packet.owner).first_output = now
    number = unit.outbox
    packet.copies += 1 if local else 0
    if remote:
        inject(m, number, unit.node, 4, now)
    if local:
        unit.loop_packet = number
    unit.room += unit.outbox_values
    unit.outbox_values = 0
    unit.outbox = -1
    return end


@inner_kernel
def send_credit(m: int, core: int, now: int) -> int:
    """Class 2a: make the packet of a pending credit, the latest layer's first."""
    unit = core_at(m, core)
    for index in range(unit.parts_at, unit.parts_at + unit.n_parts):
        part_number = look(m, index)
        part = part_at(m, part_number)
        if part.pending_credits == 0:
            continue
        last = inlet_at(m, part.inlet_first + part.n_inlets - 1)
        for feed_number in range(inlet_at(m, part.inlet_first).feed_first, last.feed_first + last.n_feeds):
            feed = feed_at(m, feed_number)
            if feed.pending == 0:
                continue
            step = (feed.granted - feed.pending) // feed.n_rows
            feed.pending -= 1
            part.pending_credits -= 1
            unit.pending_credits -= 1
            number = new_packet(m, CREDIT, part_number, step, -1)
            packet = packet_at(m, number)
            sender = sender_at(m, feed.sender)
            packet.feed = feed_number
            packet.target_node = sender.node
            packet.target_port = 3 if sender.kind == 1 else 4
            packet.rank = settings_of(m).nodes + core
            end = begin_job(m, core, now, settings_of(m).rv_token)
            counts = part_counts_at(m, step * settings_of(m).n_parts + part_number)
            counts.credits += 1
            counts.rv_cycles += end - now
            unit.outbox = number
            return end
    return NOTHING


@inner_kernel
def after_send(m: int, core: int, end: int) -> None:
    """Consume the head record when the job that ends at a cycle leaves nothing to send."""
    record = record_at(m, core_at(m, core).record_head)
    if record.left == 0 and not record.token and record.scanned:
        consume(m, core, end)


@inner_kernel
def send_record(m: int, core: int, now: int) -> int:
    """Class 2b: scan, wrap or close the head record of the event FIFO."""
    unit, settings = core_at(m, core), settings_of(m)
    record = record_at(m, unit.record_head)
    part = part_at(m, record.part)
    sender = sender_at(m, part.sender)
    take = min(record.left, sender.capacity)
    ready = max(record.visible, unit.head_since)
    if record.scanned and record.left > 0 and settings.evgen:
        ready = max(ready, record.visible + (record.count - record.left + take - 1) // settings.evgen_rate)
    if ready > now:
        unit.retry = min(unit.retry, ready)
        return NOTHING
    counts = part_counts_at(m, record.step * settings_of(m).n_parts + record.part)
    if not record.scanned:
        record.scanned = 1
        end = begin_job(m, core, now, settings.rv_scan * record.reserve)
    elif record.left > 0:
        group = group_at(m, sender, record.row, record.column)
        first = record.value + record.count - record.left
        record.left -= take
        if reaches(m, group):
            unit.outbox = event_packet(
                m, sender, record.step, group, sender.y0 + record.row, sender.x0 + record.column, first, take
            )
            unit.outbox_values = take
            end = begin_job(m, core, now, settings.rv_out_packet + settings.rv_out * take)
            counts.packets += 1
        else:
            unit.room += take
            counts.dropped_values += take
            end = begin_job(m, core, now, settings.rv_out_packet)
    else:
        record.token = 0
        unit.outbox = token_packet(m, sender, record.step, record.row)
        end = begin_job(m, core, now, settings.rv_token)
        counts.tokens += 1
    counts.rv_cycles += end - now
    after_send(m, core, end)
    return end


@inner_kernel
def is_ready(m: int, part: Any) -> bool:
    """Return whether the next output position of a part is ready."""
    if part.ready:
        return True
    totals = totals_of(m)
    if settings_of(m).barrier and (
        totals.phase_step < part.step or (totals.phase_step == part.step and totals.phase_depth < part.depth)
    ):
        return False
    for number in range(part.gate_first, part.gate_first + part.n_gates):
        gate = gate_at(m, number)
        row = look(m, gate.last_row_at + part.row)
        column = look(m, gate.last_column_at + part.column)
        if row >= 0 and column >= 0 and gate.frontier <= part.step * gate.plane + row * gate.width + column:
            return False
    part.ready = 1
    return True


@inner_kernel
def next_position(m: int, part_number: int) -> None:
    """Count the position as fired; go on to the next one and grant the rows that this frees."""
    part = part_at(m, part_number)
    part.ready = 0
    part.piece = 0
    part.column += 1
    if part.column < part.columns:
        return
    part.column = 0
    part.row += 1
    if part.row == part.rows:
        part.row = 0
        part.step += 1
        if part.step == settings_of(m).steps:
            core_at(m, part.core).unfinished -= 1
    raise_rows(m, part_number)


@inner_kernel
def emits(m: int, part: Any) -> bool:
    """Return whether the trace has events of the part's current position."""
    if part.emission >= start_at(m, part.sender * (settings_of(m).steps + 1) + part.step + 1):
        return False
    sender = sender_at(m, part.sender)
    position = (sender.y0 + part.row) * sender.width + sender.x0 + part.column
    return bool(emission_at(m, part.emission).position == position)


@inner_kernel
def skip_untouched(m: int, core: int, part_number: int, now: int, closes: bool) -> int:
    """Skip an untouched position, or push the marker that closes its row."""
    part, settings = part_at(m, part_number), settings_of(m)
    counts = part_counts_at(m, part.step * settings_of(m).n_parts + part_number)
    cost = settings.rv_untouched
    if closes:
        if slot_free_at(m, core) > now:
            core_at(m, core).retry = min(core_at(m, core).retry, slot_free_at(m, core))
            core_at(m, core).blocked |= BLOCKED_SLOT
            return NOTHING
        cost = settings.rv_fire + (1 if settings.inline else 0)
        counts.markers += 1
    end = begin_job(m, core, now, cost)
    counts.untouched_positions += 1
    counts.rv_cycles += end - now
    note_start(m, part_number, part.step, now)
    if closes:
        task_end = end
        if not settings.inline:
            task_end = push_task(m, core, end, 1)
            counts.lc_cycles += 1
        add_record(m, core, part_number, task_end, 0, 0, 0, True)
    next_position(m, part_number)
    return end


@inner_kernel
def add_record(
    m: int, core: int, part_number: int, task_end: int, reserve: int, value: int, count: int, closes: bool
) -> None:
    """Append the record of the task that fires the part's current position."""
    part = part_at(m, part_number)
    record = record_at(m, append_record(m, core, part_number, task_end, reserve, count))
    sender = sender_at(m, part.sender)
    record.step = part.step
    record.row = part.row
    record.column = part.column
    record.value = value
    record.closes = closes
    record.token = closes and reaches(m, sender.token_group + look(m, sender.row_class_at + part.row))
    record.scanned = settings_of(m).evgen


@inner_kernel
def push_fire(m: int, core: int, part_number: int, now: int, closes: bool) -> int:
    """Push the fire task of the current position (of its current piece of channels)."""
    part, unit, settings = part_at(m, part_number), core_at(m, core), settings_of(m)
    low = part.piece * settings.event_fifo
    channels = min(settings.event_fifo, part.channels - low)
    slot = slot_free_at(m, core)
    if unit.room < channels:
        unit.blocked |= BLOCKED_ROOM
        if unit.record_shrink >= 0:
            unit.retry = min(unit.retry, record_at(m, unit.record_shrink).end)
        return NOTHING
    if slot > now:
        unit.blocked |= BLOCKED_SLOT
        unit.retry = min(unit.retry, slot)
        return NOTHING
    value, count = 0, 0
    if emits(m, part):
        emission = emission_at(m, part.emission)
        value, count = emission.value, emission.count
        if part.pieces > 1:
            value, count = count_values(m, emission, part.c0 + low, part.c0 + low + channels)
        if part.piece == part.pieces - 1:
            part.emission += 1
    chunks = (channels + part.per_chunk - 1) // part.per_chunk
    fresh = look(m, part.fresh_row_at + part.row) * look(m, part.fresh_column_at + part.column) * chunks
    window = 0
    if part.pooled:
        window = look(m, part.window_row_at + part.row) * look(m, part.window_column_at + part.column) * chunks
    duration = settings.lc_task + fresh * part.update_cycles + window * part.pool_cycles + chunks * part.emit_cycles
    duration = max(1, duration)
    end = begin_job(m, core, now, settings.rv_fire + (duration if settings.inline else 0))
    counts = part_counts_at(m, part.step * settings_of(m).n_parts + part_number)
    counts.fire_tasks += 1
    counts.update_chunks += fresh
    counts.pool_chunks += window
    counts.emit_chunks += chunks
    counts.events += count
    counts.rv_cycles += end - now
    note_start(m, part_number, part.step, now)
    task_end = end
    if not settings.inline:
        counts.lc_cycles += duration
        task_end = push_task(m, core, end, duration)
    unit.room -= channels
    unit.room_max = max(unit.room_max, settings.event_fifo - unit.room)
    last = part.piece == part.pieces - 1
    add_record(m, core, part_number, task_end, channels, value, count, closes and last)
    if last:
        next_position(m, part_number)
    else:
        part.piece += 1
    return end


@inner_kernel
def try_fire(m: int, core: int, part_number: int, now: int) -> int:
    """Class 3 for one part: flush an open group, skip an untouched position, or fire."""
    part = part_at(m, part_number)
    if part.step == settings_of(m).steps or not is_ready(m, part):
        return NOTHING
    if not row_granted(m, part.sender, part.step, part.row):
        core_at(m, core).blocked |= BLOCKED_CREDIT
        return NOTHING
    if part.replay_sender >= 0 and part.replay_step * part.rows + part.replay_row <= part.step * part.rows + part.row:
        return NOTHING
    if part.open_groups > 0:
        end = flush(m, core, part_number, now, part.step)
        if end == NOTHING:
            core_at(m, core).blocked |= BLOCKED_SLOT
        return end
    closes = part.column == part.columns - 1
    if part.step >= part.touched_from:
        place = part.touched_at + part.row * part.columns + part.column
        if touched_at(m, place).step != part.step and not emits(m, part):
            return skip_untouched(m, core, part_number, now, closes)
    return push_fire(m, core, part_number, now, closes)


@inner_kernel
def try_replay(m: int, core: int, part_number: int, now: int) -> int:
    """Class 5 for one part: replay the next packet, or end the row, of the values of the step before."""
    part, unit, settings = part_at(m, part_number), core_at(m, core), settings_of(m)
    step, row = part.replay_step, part.replay_row
    if part.replay_sender < 0 or step == settings.steps:
        return NOTHING
    if step > 0 and part.done_rows <= (step - 1) * part.rows + row:
        return NOTHING
    if not (part.early_replay or part.seen_step > step):
        return NOTHING
    sender = sender_at(m, part.replay_sender)
    if not row_granted(m, part.replay_sender, step, row):
        unit.blocked |= BLOCKED_CREDIT
        return NOTHING
    counts = part_counts_at(m, step * settings_of(m).n_parts + part_number)
    looked = 0
    last = start_at(m, part.sender * (settings_of(m).steps + 1) + step) if step > 0 else 0
    while step > 0 and part.replay_emission < last:
        emission = emission_at(m, part.replay_emission)
        column = emission.position % sender.width - sender.x0
        if emission.position // sender.width - sender.y0 != row:
            break
        looked += max(0, column + 1 - part.replay_column)
        part.replay_column = max(part.replay_column, column + 1)
        group = group_at(m, sender, row, column)
        if not reaches(m, group) or part.replay_value == emission.count:
            part.replay_emission += 1
            part.replay_value = 0
            continue
        first = emission.value + part.replay_value
        take = min(emission.count - part.replay_value, sender.capacity)
        piece = (channel_at(m, first) - part.c0) // settings.event_fifo + 1
        take = min(take, count_values(m, emission, channel_at(m, first), part.c0 + piece * settings.event_fifo)[1])
        part.replay_value += take
        unit.outbox = event_packet(m, sender, step, group, sender.y0 + row, sender.x0 + column, first, take)
        end = begin_job(m, core, now, settings.rv_replay * looked + settings.rv_out_packet + settings.rv_out * take)
        counts.packets += 1
        counts.replay_values += take
        counts.rv_cycles += end - now
        return end
    cost = settings.rv_replay * (looked + part.columns - part.replay_column)
    if reaches(m, sender.token_group + look(m, sender.row_class_at + row)):
        cost += settings.rv_token
        unit.outbox = token_packet(m, sender, step, row)
        counts.tokens += 1
    end = begin_job(m, core, now, cost)
    counts.rv_cycles += end - now
    part.replay_column = 0
    part.replay_row += 1
    if part.replay_row == part.rows:
        part.replay_row = 0
        part.replay_step += 1
    return end


@inner_kernel
def next_job(m: int, core: int, now: int, exact: bool) -> int:
    """Start the first possible job of a core; return its end, NOTHING, or UNSURE."""
    unit = core_at(m, core)
    unit.blocked = 0
    unit.retry = NEVER
    settle(m, core, now)
    if unit.outbox >= 0:
        end = try_inject(m, core, now, exact)
        if end != NOTHING:
            return end
    else:
        if unit.pending_credits > 0:
            return send_credit(m, core, now)
        if unit.record_head >= 0:
            end = send_record(m, core, now)
            if end != NOTHING:
                return end
    for index in range(unit.parts_at, unit.parts_at + unit.n_parts):
        end = try_fire(m, core, look(m, index), now)
        if end != NOTHING:
            return end
    unit.limit = 0
    if unit.outbox < 0 and unit.blocked & ~BLOCKED_CREDIT == 0:
        unit.limit = unit.retry
        if unit.record_head >= 0:
            unit.limit = min(unit.limit, record_at(m, unit.record_head).visible)
    end = decode(m, core, now, exact)
    if end != NOTHING:
        return end
    if unit.outbox < 0:
        for index in range(unit.parts_at, unit.parts_at + unit.n_parts):
            end = try_replay(m, core, look(m, index), now)
            if end != NOTHING:
                return end
    return NOTHING


@inner_kernel
def rest(m: int, core: int, now: int) -> None:
    """Note why a core does nothing from now on, and when that may change by itself."""
    unit = core_at(m, core)
    unit.idle = 1
    unit.idle_since = now
    if unit.blocked & BLOCKED_NETWORK:
        unit.idle_state = 1
    elif unit.blocked & BLOCKED_ROOM:
        unit.idle_state = 2
    elif unit.blocked & BLOCKED_SLOT:
        unit.idle_state = 3
    elif unit.blocked & BLOCKED_CREDIT:
        unit.idle_state = 4
    elif unit.unfinished > 0 or unit.record_head >= 0:
        unit.idle_state = 5
    else:
        unit.idle_state = 6
    if unit.retry < NEVER:
        wake_core(m, core, unit.retry)


@inner_kernel
def riscv(m: int, core: int, cycle: int) -> None:
    """Let a core's RISC-V work from a cycle on."""
    unit = core_at(m, core)
    if unit.wake <= cycle:
        unit.wake = NEVER
    if unit.job_end > cycle:
        wake_core(m, core, unit.job_end)
        return
    if unit.idle:
        state_at(m, core * 7 + unit.idle_state).cycles += cycle - unit.idle_since
        unit.idle = 0
    now = cycle
    for _ in range(RUN_AHEAD):
        end = next_job(m, core, now, now == cycle)
        if end == NOTHING:
            rest(m, core, now)
            return
        if end == UNSURE:
            break
        now = end
    wake_core(m, core, now)

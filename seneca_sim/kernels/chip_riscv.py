"""RISC-V: one job at a time, chosen by class (rules: `engine/timing.md` 5 and 8).

RISC-V runs ahead of the wheel as long as its next choice depends only on what the core itself does; where it depends on the
network (room to inject, a packet that may still arrive), it waits for the wheel to reach that cycle.
"""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inline_kernel, kernel
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
from seneca_sim.kernels.chip_network import CREDIT, EVENTS, NEVER, TOKEN, inject, new_packet, wake_core

__all__ = ["count_values", "event_packet", "group_at", "riscv", "token_packet"]

RUN_AHEAD = 64


@inline_kernel
def group_at(m: Any, sender: Any, row: int, column: int) -> int:
    """Return the destination group of a position (counted in the sender's box)."""
    row_class = m.table[sender.row_class_at + row]
    return int(sender.event_group + row_class * sender.n_column_classes + m.table[sender.column_class_at + column])


@inline_kernel
def reaches(m: Any, group_number: int) -> bool:
    """Return whether a group has any destination."""
    group = m.groups[group_number]
    return bool(group.remote or group.n_local > 0)


@inline_kernel
def event_packet(m: Any, sender: Any, step: int, group: int, y: int, x: int, value: int, count: int) -> int:
    """Make a packet of `count` values of one position."""
    number = new_packet(m, EVENTS, sender.owner, step, group)
    packet = m.packets[number]
    packet.y = y
    packet.x = x
    packet.value = value
    packet.count = count
    packet.flits = sender.header + (count + sender.pairs - 1) // sender.pairs
    packet.rank = sender.host if sender.kind == 1 else m.settings[0].n_hosts + sender.core
    return number


@inline_kernel
def token_packet(m: Any, sender: Any, step: int, row: int) -> int:
    """Make the token of a row (counted in the sender's box)."""
    group = sender.token_group + m.table[sender.row_class_at + row]
    number = new_packet(m, TOKEN, sender.owner, step, group)
    m.packets[number].y = sender.y0 + row
    m.packets[number].rank = sender.host if sender.kind == 1 else m.settings[0].n_hosts + sender.core
    return number


@inline_kernel
def count_values(m: Any, emission: Any, low: int, high: int) -> Any:
    """Return (first, count) of an active position's values with low <= channel < high."""
    first = emission.value
    end = emission.value + emission.count
    while first < end and m.channel[first] < low:
        first += 1
    last = first
    while last < end and m.channel[last] < high:
        last += 1
    return first, last - first


@inline_kernel
def try_inject(m: Any, core: int, now: int, exact: bool) -> int:
    """Class 1: hand the finished packet to the router and to the core's own input."""
    unit = m.cores[core]
    packet = m.packets[unit.outbox]
    remote, local = packet.group < 0, False
    if packet.group >= 0:
        remote = m.groups[packet.group].remote == 1
        local = m.groups[packet.group].n_local > 0
    if local and unit.loop_packet >= 0:
        unit.blocked |= BLOCKED_NETWORK
        return NOTHING
    if remote and m.settings[0].mesh and m.buffers[unit.node * 5 + 4].room < packet.flits:
        unit.blocked |= BLOCKED_NETWORK
        return NOTHING if exact else UNSURE
    end = begin_job(m, core, now, packet.flits if remote else 1)
    counts = m.part_counts[packet.step, packet.owner]
    counts[15] += end - now
    if unit.outbox_values > 0 and m.part_times[packet.step, packet.owner, 1] < 0:
        m.part_times[packet.step, packet.owner, 1] = now
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


@inline_kernel
def send_credit(m: Any, core: int, now: int) -> int:
    """Class 2a: make the packet of a pending credit, the latest layer's first."""
    unit = m.cores[core]
    for index in range(unit.parts_at, unit.parts_at + unit.n_parts):
        part_number = m.table[index]
        part = m.parts[part_number]
        if part.pending_credits == 0:
            continue
        last = m.inlets[part.inlet_first + part.n_inlets - 1]
        for feed_number in range(m.inlets[part.inlet_first].feed_first, last.feed_first + last.n_feeds):
            feed = m.feeds[feed_number]
            if feed.pending == 0:
                continue
            step = (feed.granted - feed.pending) // feed.n_rows
            feed.pending -= 1
            part.pending_credits -= 1
            unit.pending_credits -= 1
            number = new_packet(m, CREDIT, part_number, step, -1)
            packet = m.packets[number]
            sender = m.senders[feed.sender]
            packet.feed = feed_number
            packet.target_node = sender.node
            packet.target_port = 3 if sender.kind == 1 else 4
            packet.rank = m.settings[0].n_hosts + core
            end = begin_job(m, core, now, m.settings[0].rv_token)
            counts = m.part_counts[step, part_number]
            counts[11] += 1
            counts[15] += end - now
            unit.outbox = number
            return end
    return NOTHING


@inline_kernel
def after_send(m: Any, core: int, end: int) -> None:
    """Consume the head record when the job that ends at a cycle leaves nothing to send."""
    record = m.records[m.cores[core].record_head]
    if record.left == 0 and not record.token and record.scanned:
        consume(m, core, end)


@inline_kernel
def send_record(m: Any, core: int, now: int) -> int:
    """Class 2b: scan, wrap or close the head record of the event FIFO."""
    unit, settings = m.cores[core], m.settings[0]
    record = m.records[unit.record_head]
    part = m.parts[record.part]
    sender = m.senders[part.sender]
    take = min(record.left, sender.capacity)
    ready = max(record.visible, unit.head_since)
    if record.scanned and record.left > 0 and settings.evgen:
        ready = max(ready, record.visible + (record.count - record.left + take - 1) // settings.evgen_rate)
    if ready > now:
        unit.retry = min(unit.retry, ready)
        return NOTHING
    counts = m.part_counts[record.step, record.part]
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
            counts[7] += 1
        else:
            unit.room += take
            counts[9] += take
            end = begin_job(m, core, now, settings.rv_out_packet)
    else:
        record.token = 0
        unit.outbox = token_packet(m, sender, record.step, record.row)
        end = begin_job(m, core, now, settings.rv_token)
        counts[10] += 1
    counts[15] += end - now
    after_send(m, core, end)
    return end


@inline_kernel
def is_ready(m: Any, part: Any) -> bool:
    """Return whether the next output position of a part is ready."""
    if part.ready:
        return True
    totals = m.totals[0]
    if m.settings[0].barrier and (
        totals.phase_step < part.step or (totals.phase_step == part.step and totals.phase_depth < part.depth)
    ):
        return False
    for number in range(part.gate_first, part.gate_first + part.n_gates):
        gate = m.gates[number]
        row = m.table[gate.last_row_at + part.row]
        column = m.table[gate.last_column_at + part.column]
        if row >= 0 and column >= 0 and gate.frontier <= part.step * gate.plane + row * gate.width + column:
            return False
    part.ready = 1
    return True


@inline_kernel
def next_position(m: Any, part_number: int) -> None:
    """Count the position as fired; go on to the next one and grant the rows that this frees."""
    part = m.parts[part_number]
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
        if part.step == m.settings[0].steps:
            m.cores[part.core].unfinished -= 1
    raise_rows(m, part_number)


@inline_kernel
def emits(m: Any, part: Any) -> bool:
    """Return whether the trace has events of the part's current position."""
    if part.emission >= m.emission_start[part.sender, part.step + 1]:
        return False
    sender = m.senders[part.sender]
    position = (sender.y0 + part.row) * sender.width + sender.x0 + part.column
    return bool(m.emissions[part.emission].position == position)


@inline_kernel
def skip_untouched(m: Any, core: int, part_number: int, now: int, closes: bool) -> int:
    """Skip an untouched position, or push the marker that closes its row."""
    part, settings = m.parts[part_number], m.settings[0]
    counts = m.part_counts[part.step, part_number]
    cost = settings.rv_untouched
    if closes:
        if slot_free_at(m, core) > now:
            m.cores[core].retry = min(m.cores[core].retry, slot_free_at(m, core))
            m.cores[core].blocked |= BLOCKED_SLOT
            return NOTHING
        cost = settings.rv_fire + (1 if settings.inline else 0)
        counts[4] += 1
    end = begin_job(m, core, now, cost)
    counts[5] += 1
    counts[15] += end - now
    note_start(m, part_number, part.step, now)
    if closes:
        task_end = end
        if not settings.inline:
            task_end = push_task(m, core, end, 1)
            counts[16] += 1
        add_record(m, core, part_number, task_end, 0, 0, 0, True)
    next_position(m, part_number)
    return end


@inline_kernel
def add_record(
    m: Any, core: int, part_number: int, task_end: int, reserve: int, value: int, count: int, closes: bool
) -> None:
    """Append the record of the task that fires the part's current position."""
    part = m.parts[part_number]
    record = m.records[append_record(m, core, part_number, task_end, reserve, count)]
    sender = m.senders[part.sender]
    record.step = part.step
    record.row = part.row
    record.column = part.column
    record.value = value
    record.closes = closes
    record.token = closes and reaches(m, sender.token_group + m.table[sender.row_class_at + part.row])
    record.scanned = m.settings[0].evgen or reserve == 0


@inline_kernel
def push_fire(m: Any, core: int, part_number: int, now: int, closes: bool) -> int:
    """Push the fire task of the current position (of its current piece of channels)."""
    part, unit, settings = m.parts[part_number], m.cores[core], m.settings[0]
    low = part.piece * settings.event_fifo
    channels = min(settings.event_fifo, part.channels - low)
    slot = slot_free_at(m, core)
    if unit.room < channels:
        unit.blocked |= BLOCKED_ROOM
        if unit.record_shrink >= 0:
            unit.retry = min(unit.retry, m.records[unit.record_shrink].end)
        return NOTHING
    if slot > now:
        unit.blocked |= BLOCKED_SLOT
        unit.retry = min(unit.retry, slot)
        return NOTHING
    value, count = 0, 0
    if emits(m, part):
        emission = m.emissions[part.emission]
        value, count = emission.value, emission.count
        if part.pieces > 1:
            value, count = count_values(m, emission, part.c0 + low, part.c0 + low + channels)
        if part.piece == part.pieces - 1:
            part.emission += 1
    chunks = (channels + part.per_chunk - 1) // part.per_chunk
    fresh = m.table[part.fresh_row_at + part.row] * m.table[part.fresh_column_at + part.column] * chunks
    window = 0
    if part.pooled:
        window = m.table[part.window_row_at + part.row] * m.table[part.window_column_at + part.column] * chunks
    duration = settings.lc_task + fresh * part.update_cycles + window * part.pool_cycles + chunks * part.emit_cycles
    duration = max(1, duration)
    end = begin_job(m, core, now, settings.rv_fire + (duration if settings.inline else 0))
    counts = m.part_counts[part.step, part_number]
    counts[0] += 1
    counts[1] += fresh
    counts[2] += window
    counts[3] += chunks
    counts[6] += count
    counts[15] += end - now
    note_start(m, part_number, part.step, now)
    task_end = end
    if not settings.inline:
        counts[16] += duration
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


@inline_kernel
def try_fire(m: Any, core: int, part_number: int, now: int) -> int:
    """Class 3 for one part: flush an open group, skip an untouched position, or fire."""
    part = m.parts[part_number]
    if part.step == m.settings[0].steps or not is_ready(m, part):
        return NOTHING
    if not row_granted(m, part.sender, part.step, part.row):
        m.cores[core].blocked |= BLOCKED_CREDIT
        return NOTHING
    if part.replay_sender >= 0 and part.replay_step * part.rows + part.replay_row <= part.step * part.rows + part.row:
        return NOTHING
    if part.open_groups > 0:
        end = flush(m, core, part_number, now, part.step)
        if end == NOTHING:
            m.cores[core].blocked |= BLOCKED_SLOT
        return end
    closes = part.column == part.columns - 1
    if part.step >= part.touched_from:
        place = part.touched_at + part.row * part.columns + part.column
        if m.touched[place] != part.step + 1 and not emits(m, part):
            return skip_untouched(m, core, part_number, now, closes)
    return push_fire(m, core, part_number, now, closes)


@inline_kernel
def try_replay(m: Any, core: int, part_number: int, now: int) -> int:
    """Class 5 for one part: replay the next packet, or end the row, of the values of the step before."""
    part, unit, settings = m.parts[part_number], m.cores[core], m.settings[0]
    step, row = part.replay_step, part.replay_row
    if part.replay_sender < 0 or step == settings.steps:
        return NOTHING
    if step > 0 and part.done_rows <= (step - 1) * part.rows + row:
        return NOTHING
    if not (part.early_replay or part.seen_step > step):
        return NOTHING
    sender = m.senders[part.replay_sender]
    if not row_granted(m, part.replay_sender, step, row):
        unit.blocked |= BLOCKED_CREDIT
        return NOTHING
    counts = m.part_counts[step, part_number]
    looked = 0
    last = m.emission_start[part.sender, step] if step > 0 else 0
    while step > 0 and part.replay_emission < last:
        emission = m.emissions[part.replay_emission]
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
        piece = (m.channel[first] - part.c0) // settings.event_fifo + 1
        take = min(take, count_values(m, emission, m.channel[first], part.c0 + piece * settings.event_fifo)[1])
        part.replay_value += take
        unit.outbox = event_packet(m, sender, step, group, sender.y0 + row, sender.x0 + column, first, take)
        end = begin_job(m, core, now, settings.rv_replay * looked + settings.rv_out_packet + settings.rv_out * take)
        counts[7] += 1
        counts[8] += take
        counts[15] += end - now
        return end
    cost = settings.rv_replay * (looked + part.columns - part.replay_column)
    if reaches(m, sender.token_group + m.table[sender.row_class_at + row]):
        cost += settings.rv_token
        unit.outbox = token_packet(m, sender, step, row)
        counts[10] += 1
    end = begin_job(m, core, now, cost)
    counts[15] += end - now
    part.replay_column = 0
    part.replay_row += 1
    if part.replay_row == part.rows:
        part.replay_row = 0
        part.replay_step += 1
    return end


@kernel
def next_job(m: Any, core: int, now: int, exact: bool) -> int:
    """Start the first possible job of a core; return its end, NOTHING, or UNSURE."""
    unit = m.cores[core]
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
        end = try_fire(m, core, m.table[index], now)
        if end != NOTHING:
            return end
    end = decode(m, core, now, exact)
    if end != NOTHING:
        return end
    if unit.outbox < 0:
        for index in range(unit.parts_at, unit.parts_at + unit.n_parts):
            end = try_replay(m, core, m.table[index], now)
            if end != NOTHING:
                return end
    return NOTHING


@inline_kernel
def rest(m: Any, core: int, now: int) -> None:
    """Note why a core does nothing from now on, and when that may change by itself."""
    unit = m.cores[core]
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


@kernel
def riscv(m: Any, core: int, cycle: int) -> None:
    """Let a core's RISC-V work from a cycle on."""
    unit = m.cores[core]
    if unit.wake <= cycle:
        unit.wake = NEVER
    if unit.job_end > cycle:
        wake_core(m, core, unit.job_end)
        return
    if unit.idle:
        m.core_states[core, unit.idle_state] += cycle - unit.idle_since
        unit.idle = 0
    now = cycle
    for _ in range(RUN_AHEAD):
        end = next_job(m, core, now, now == cycle)
        if end == NOTHING and now == cycle:
            rest(m, core, now)
            return
        if end <= 0:
            break
        now = end
    wake_core(m, core, now)

"""RISC-V pushes fire tasks for ready positions (rules: `engine/timing.md` 4, 5.3 and 7)."""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_core import (
    append_record,
    begin_job,
    push_task,
    raise_rows,
    row_granted,
    slot_free_at,
)
from seneca_sim.kernels.chip_intake import (
    BLOCKED_CREDIT,
    BLOCKED_ROOM,
    BLOCKED_SLOT,
    NOTHING,
    note_start,
)
from seneca_sim.kernels.chip_integrate import (
    flush,
)
from seneca_sim.kernels.chip_machine import (
    core_at,
    emission_at,
    gate_at,
    look,
    part_at,
    part_counts_at,
    record_at,
    sender_at,
    settings_of,
    start_at,
    totals_of,
    touched_at,
)
from seneca_sim.kernels.chip_send import (
    count_values,
    reaches,
)

__all__ = ["is_ready", "try_fire"]


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

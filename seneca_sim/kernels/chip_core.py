"""A core's loop controller, event generator, event FIFO and row bookkeeping (rules: `engine/timing.md` 3, 4, 7).

The loop controller serves tasks in order and never waits for anyone, so a task's start and end are known when it is pushed;
only RISC-V decides. What RISC-V alone will read is written at the start of the job that causes it.
"""

from __future__ import annotations

from seneca_sim.kernels import inner_kernel, merged_kernel
from seneca_sim.kernels.chip_machine import (
    core_at,
    feed_at,
    gate_at,
    grant_at,
    inlet_at,
    look,
    part_at,
    part_times_at,
    record_at,
    sender_at,
    settings_of,
    state_at,
    task_slot_at,
    totals_of,
)
from seneca_sim.kernels.chip_wheel import NEVER, soon

__all__ = [
    "append_record",
    "begin_job",
    "consume",
    "pass_positions",
    "push_task",
    "raise_rows",
    "row_granted",
    "settle",
    "slot_free_at",
]


@merged_kernel
def begin_job(m: int, core: int, now: int, cost: int) -> int:
    """Start a RISC-V job and return the cycle of its end."""
    unit = core_at(m, core)
    duration = max(1, cost)
    unit.job_end = now + duration
    state_at(m, core * 7 + 0).cycles += duration
    totals_of(m).events_done += 1
    soon(m, now + duration)
    return int(now + duration)


@inner_kernel
def slot_free_at(m: int, core: int) -> int:
    """Return the cycle from which the next task finds a slot in the Task FIFO."""
    if settings_of(m).inline:
        return 0
    return int(task_slot_at(m, core_at(m, core).next_slot).free)


@inner_kernel
def slot_after(m: int, core: int, slot: int) -> int:
    """Return the place behind a place in the ring of a core's Task FIFO."""
    depth = settings_of(m).task_fifo
    return int(slot + 1 if slot + 1 < (core + 1) * depth else core * depth)


@merged_kernel
def push_task(m: int, core: int, visible: int, duration: int) -> int:
    """Push a task that is visible from a cycle; return the cycle of its end. Its slot must be free."""
    unit = core_at(m, core)
    while unit.waiting_tasks > 0 and task_slot_at(m, unit.oldest_slot).free <= visible:
        unit.waiting_tasks -= 1
        unit.oldest_slot = slot_after(m, core, unit.oldest_slot)
    if unit.waiting_tasks == 0:  # begin the ring anew: few slots stay in the processor's cache
        unit.oldest_slot = unit.next_slot = core * settings_of(m).task_fifo
    begin = max(visible, unit.lc_free)
    task_slot_at(m, unit.next_slot).free = begin + 1
    unit.next_slot = slot_after(m, core, unit.next_slot)
    unit.waiting_tasks += 1
    unit.tasks_max = max(unit.tasks_max, unit.waiting_tasks)
    unit.lc_free = begin + duration
    unit.lc_busy += duration
    totals_of(m).events_done += 1
    soon(m, begin + max(1, duration))
    return int(begin + duration)


@merged_kernel
def append_record(m: int, core: int, part: int, task_end: int, reserve: int, count: int) -> int:
    """Append the record of a fire task that ends at a cycle; return it, to be filled with its position."""
    settings, totals, unit = settings_of(m), totals_of(m), core_at(m, core)
    number = totals.free_record
    record = record_at(m, number)
    totals.free_record = record.next
    totals.records_used += 1
    if settings.evgen:
        begin = max(task_end, unit.eg_free)
        record.end = begin + max(1, (count + settings.evgen_rate - 1) // settings.evgen_rate)
        unit.eg_free = record.end
        record.visible = begin + 1 if count > 0 else record.end
    else:
        record.visible = record.end = task_end + 1
    record.part = part
    record.left = record.count = count
    record.reserve = reserve
    record.next = -1
    if unit.record_tail >= 0:
        record_at(m, unit.record_tail).next = number
    else:
        unit.record_head = number
        unit.send_at = 0
    unit.record_tail = number
    if unit.record_shrink < 0:
        unit.record_shrink = number
    unit.settle_at = min(unit.settle_at, record.end)
    soon(m, record.end)
    return int(number)


@inner_kernel
def consume(m: int, core: int, time: int) -> None:
    """Take the head record out of the event FIFO: everything in it was sent by a cycle."""
    unit = core_at(m, core)
    number = unit.record_head
    record = record_at(m, number)
    if record.closes:
        part = part_at(m, record.part)
        part.done_rows += 1
        unit.replay_quiet = 0
        if part.done_rows % part.rows == 0:
            part_times_at(m, record.step * settings_of(m).n_parts + record.part).done = time
    unit.record_head = record.next
    if record.next < 0:
        unit.record_tail = -1
    unit.head_since = time
    unit.settle_at = min(unit.settle_at, time)
    unit.send_at = 0
    record.next = totals_of(m).free_record
    totals_of(m).free_record = number
    totals_of(m).records_used -= 1


@merged_kernel
def settle(m: int, core: int, now: int) -> None:
    """Shrink reserved room to what was emitted, and consume head records with nothing to send, up to a cycle."""
    unit = core_at(m, core)
    if now < unit.settle_at:
        return
    unit.settle_at = NEVER
    while unit.record_shrink >= 0:
        record = record_at(m, unit.record_shrink)
        if record.end > now:
            unit.settle_at = record.end
            break
        unit.room += record.reserve - record.count
        unit.record_shrink = record.next
    while unit.record_head >= 0:
        record = record_at(m, unit.record_head)
        if record.left > 0 or record.token or not record.scanned:
            break
        time = max(record.end, unit.head_since)
        if time > now:
            unit.settle_at = min(unit.settle_at, time)
            break
        consume(m, core, time)


@inner_kernel
def raise_rows(m: int, part_number: int) -> None:
    """Grant input rows after the part moved to a new output row; grants to other cores become pending credits."""
    part = part_at(m, part_number)
    if not settings_of(m).credits:
        return
    steps = settings_of(m).steps
    limit = part.step * part.height_neurons + part.state_rows - 1
    if part.step < steps:
        limit += look(m, part.low_row_at + part.row)
    for inlet in range(part.inlet_first, part.inlet_first + part.n_inlets):
        first = inlet_at(m, inlet).feed_first
        for number in range(first, first + inlet_at(m, inlet).n_feeds):
            feed = grant_at(m, number)
            rows = feed.n_rows
            while feed.granted < steps * rows:
                step, row = feed.granted // rows, feed.granted % rows
                if step * part.height_neurons + look(m, feed.hi_at + row) > limit:
                    break
                feed.granted += 1
                if feed.producer_core == part.core:
                    feed.received += 1
                    core_at(m, part.core).replay_quiet = 0
                else:
                    if part.pending_credits == 0 or number < part.pending_feed:
                        part.pending_feed = number
                    feed.pending += 1
                    part.pending_credits += 1
                    core_at(m, part.core).pending_credits += 1


@inner_kernel
def row_granted(m: int, sender_number: int, step: int, row: int) -> bool:
    """Return whether every inlet that a sender reaches at a row (counted in its box) of a step has granted it."""
    sender = sender_at(m, sender_number)
    if not settings_of(m).credits:
        return True
    line = step * sender.rows + row
    if sender.cleared_row > line:
        return True
    first = sender.asked_feed if sender.asked_row == line else 0
    sender.asked_row = line
    for index in range(first, sender.n_feeds):
        feed = grant_at(m, look(m, sender.feeds_at + index))
        rank = look(m, feed.rank_at + row)
        if rank >= 0 and feed.received < step * feed.n_rows + rank + 1:
            sender.asked_feed = index
            return False
    sender.cleared_row = line + 1
    return True


@merged_kernel
def pass_positions(m: int, feed_number: int, frontier: int) -> None:
    """Move a producer's frontier; its gate's frontier is the least of its feeds'."""
    feed = feed_at(m, feed_number)
    if frontier <= feed.frontier:
        return
    gate = gate_at(m, feed.gate)
    before = feed.frontier
    feed.frontier = frontier
    if before != gate.frontier:
        return
    gate.at_frontier -= 1
    if gate.at_frontier > 0:
        return
    least = frontier
    for index in range(gate.feed_first, gate.feed_first + gate.n_feeds):
        least = min(least, feed_at(m, look(m, index)).frontier)
    gate.frontier = least
    for index in range(gate.feed_first, gate.feed_first + gate.n_feeds):
        if feed_at(m, look(m, index)).frontier == least:
            gate.at_frontier += 1

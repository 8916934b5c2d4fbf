"""A core's loop controller, event generator, event FIFO and row bookkeeping (rules: `engine/timing.md` 3, 4, 7).

The loop controller serves tasks in order and never waits for anyone, so a task's start and end are known when it is pushed;
only RISC-V decides. What RISC-V alone will read is written at the start of the job that causes it.
"""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inline_kernel
from seneca_sim.kernels.chip_wheel import soon

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


@inline_kernel
def begin_job(m: Any, core: int, now: int, cost: int) -> int:
    """Start a RISC-V job and return the cycle of its end."""
    unit = m.cores[core]
    duration = max(1, cost)
    unit.job_end = now + duration
    m.core_states[core, 0] += duration
    m.totals[0].events_done += 1
    soon(m, now + duration)
    return int(now + duration)


@inline_kernel
def slot_free_at(m: Any, core: int) -> int:
    """Return the cycle from which the next task finds a slot in the Task FIFO."""
    if m.settings[0].inline:
        return 0
    return int(m.task_slots[core, m.cores[core].tasks % m.task_slots.shape[1]])


@inline_kernel
def push_task(m: Any, core: int, visible: int, duration: int) -> int:
    """Push a task that is visible from a cycle; return the cycle of its end. Its slot must be free."""
    unit = m.cores[core]
    slots = m.task_slots.shape[1]
    while unit.oldest_task < unit.tasks and m.task_slots[core, unit.oldest_task % slots] <= visible:
        unit.oldest_task += 1
    begin = max(visible, unit.lc_free)
    m.task_slots[core, unit.tasks % slots] = begin + 1
    unit.tasks += 1
    unit.tasks_max = max(unit.tasks_max, unit.tasks - unit.oldest_task)
    unit.lc_free = begin + duration
    unit.lc_busy += duration
    m.totals[0].events_done += 1
    soon(m, begin + max(1, duration))
    return int(begin + duration)


@inline_kernel
def append_record(m: Any, core: int, part: int, task_end: int, reserve: int, count: int) -> int:
    """Append the record of a fire task that ends at a cycle; return it, to be filled with its position."""
    settings, totals, unit = m.settings[0], m.totals[0], m.cores[core]
    number = totals.free_record
    record = m.records[number]
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
        m.records[unit.record_tail].next = number
    else:
        unit.record_head = number
    unit.record_tail = number
    if unit.record_shrink < 0:
        unit.record_shrink = number
    soon(m, record.end)
    return int(number)


@inline_kernel
def consume(m: Any, core: int, time: int) -> None:
    """Take the head record out of the event FIFO: everything in it was sent by a cycle."""
    unit = m.cores[core]
    number = unit.record_head
    record = m.records[number]
    if record.closes:
        part = m.parts[record.part]
        part.done_rows += 1
        if part.done_rows % part.rows == 0:
            m.part_times[record.step, record.part, 2] = time
    unit.record_head = record.next
    if record.next < 0:
        unit.record_tail = -1
    unit.head_since = time
    record.next = m.totals[0].free_record
    m.totals[0].free_record = number
    m.totals[0].records_used -= 1


@inline_kernel
def settle(m: Any, core: int, now: int) -> None:
    """Shrink reserved room to what was emitted, and consume head records with nothing to send, up to a cycle."""
    unit = m.cores[core]
    while unit.record_shrink >= 0:
        record = m.records[unit.record_shrink]
        if record.end > now:
            break
        unit.room += record.reserve - record.count
        unit.record_shrink = record.next
    while unit.record_head >= 0:
        record = m.records[unit.record_head]
        if record.left > 0 or record.token or not record.scanned:
            break
        time = max(record.end, unit.head_since)
        if time > now:
            break
        consume(m, core, time)


@inline_kernel
def raise_rows(m: Any, part_number: int) -> None:
    """Grant input rows after the part moved to a new output row; grants to other cores become pending credits."""
    part = m.parts[part_number]
    if not m.settings[0].credits:
        return
    steps = m.settings[0].steps
    limit = part.step * part.height_neurons + part.state_rows - 1
    if part.step < steps:
        limit += m.table[part.low_row_at + part.row]
    for inlet in range(part.inlet_first, part.inlet_first + part.n_inlets):
        first = m.inlets[inlet].feed_first
        for number in range(first, first + m.inlets[inlet].n_feeds):
            feed = m.feeds[number]
            rows = feed.n_rows
            while feed.granted < steps * rows:
                step, row = feed.granted // rows, feed.granted % rows
                if step * part.height_neurons + m.table[feed.hi_at + row] > limit:
                    break
                feed.granted += 1
                if feed.producer_core == part.core:
                    feed.received += 1
                else:
                    feed.pending += 1
                    part.pending_credits += 1
                    m.cores[part.core].pending_credits += 1


@inline_kernel
def row_granted(m: Any, sender_number: int, step: int, row: int) -> bool:
    """Return whether every inlet that a sender reaches at a row (counted in its box) of a step has granted it."""
    sender = m.senders[sender_number]
    if not m.settings[0].credits:
        return True
    line = step * sender.rows + row
    if sender.cleared_row > line:
        return True
    for index in range(sender.feeds_at, sender.feeds_at + sender.n_feeds):
        feed = m.feeds[m.table[index]]
        rank = m.table[feed.rank_at + row]
        if rank >= 0 and feed.received < step * feed.n_rows + rank + 1:
            return False
    sender.cleared_row = line + 1
    return True


@inline_kernel
def pass_positions(m: Any, feed_number: int, frontier: int) -> None:
    """Move a producer's frontier; its gate's frontier is the least of its feeds'."""
    feed = m.feeds[feed_number]
    if frontier <= feed.frontier:
        return
    gate = m.gates[feed.gate]
    before = feed.frontier
    feed.frontier = frontier
    if before != gate.frontier:
        return
    gate.at_frontier -= 1
    if gate.at_frontier > 0:
        return
    least = frontier
    for index in range(gate.feed_first, gate.feed_first + gate.n_feeds):
        least = min(least, m.feeds[m.table[index]].frontier)
    gate.frontier = least
    for index in range(gate.feed_first, gate.feed_first + gate.n_feeds):
        if m.feeds[m.table[index]].frontier == least:
            gate.at_frontier += 1

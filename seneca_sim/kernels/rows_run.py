"""A run at the grain of rows: what a core, a host port or an arriving row does when its time has come.

A core that is free fires the rows that are ready and granted, of the latest layer first; else it replays; else it takes the
row that arrived first, and fires what that makes ready (rules: `engine/timing.md` 3 to 5, 8 and 11).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seneca_sim.kernels import inner_kernel, kernel
from seneca_sim.kernels.rows_machine import (
    core_at,
    entry_at,
    inlet_at,
    item_at,
    look,
    next_unit,
    part_at,
    port_at,
    route_at,
    route_row_at,
    row_at,
    sender_at,
    settings_of,
    share_at,
    step_at,
    unit_at,
    wake,
)  # fmt: skip

__all__ = ["run_rows"]

NEVER = np.inf


@inner_kernel
def granted(m: int, number: int, row: int) -> float:
    """Return when all that a sender's row reaches has granted it and has room for it; `NEVER` while that is not known."""
    sender = sender_at(m, number)
    if settings_of(m).waived or sender.route < 0:
        return 0.0
    place = route_row_at(m, route_at(m, sender.route).row_at + row)
    if place.closed > 0:
        sender.waits = 1
        return NEVER
    return float(place.open)


@inner_kernel
def let_leave(m: int, number: int, row: int, time: float, now: float) -> None:
    """Note that one consumer lets a row of a route leave at some time; the last one wakes the senders that wait for it."""
    route = route_at(m, number)
    place = route_row_at(m, route.row_at + row)
    place.open = max(place.open, time)
    place.closed -= 1
    if place.closed == 0:
        for at in range(route.sender_first, route.sender_end):
            sender = sender_at(m, look(m, at))
            if sender.waits and sender.next == row:
                sender.waits = 0
                wake(m, sender.unit, max(now, place.open))


@inner_kernel
def grant(m: int, number: int, now: float) -> None:
    """Grant what the fired rows of an entry's part grant."""
    entry = entry_at(m, number)
    route, consumer = route_at(m, entry.route), sender_at(m, part_at(m, inlet_at(m, entry.inlet).part).sender)
    total = route.rows * settings_of(m).steps
    while entry.granted < total:
        row = entry.granted
        needed = look(m, entry.grant_at + row // route.rows * entry.height + row % route.rows)
        if needed > consumer.next:
            return
        entry.granted += 1
        if needed > 0:
            let_leave(m, entry.route, row, row_at(m, consumer.row_at + needed - 1).fired + entry.way, now)


@inner_kernel
def make_room(m: int, number: int, now: float) -> None:
    """Let rows leave that find room where the items of an entry's inlet have been served."""
    entry = entry_at(m, number)
    inlet = inlet_at(m, entry.inlet)
    total = route_at(m, entry.route).rows * settings_of(m).steps
    while entry.room_at >= 0 and entry.free < total:
        last = look(m, entry.room_at + entry.free)
        if last >= 0:
            item = item_at(m, inlet.item_at + last)
            if not item.served:
                return
            share = share_at(m, entry.room_at + entry.free)
            let_leave(m, entry.route, entry.free, item.start + (item.done - item.start) * share, now)
        entry.free += 1


@inner_kernel
def fires_at(m: int, number: int) -> float:
    """Return when the next row of a part can fire; `NEVER` while that is not known."""
    part = part_at(m, number)
    sender = sender_at(m, part.sender)
    row = sender.next
    if row >= sender.total:
        return NEVER
    step, y = row // sender.rows, row % sender.rows
    for i in range(part.inlet_first, part.inlet_end):
        inlet = inlet_at(m, i)
        if inlet.taken < step * inlet.items + look(m, inlet.need_at + y):
            return NEVER
    time = 0.0
    if part.replay >= 0:
        replay = sender_at(m, part.replay)
        if replay.next <= row:
            return NEVER
        time = row_at(m, replay.row_at + row).end
    return max(time, granted(m, part.sender, row))


@inner_kernel
def replays_at(m: int, number: int) -> float:
    """Return when a part can replay its next row; `NEVER` while that is not known."""
    part = part_at(m, number)
    if part.replay < 0:
        return NEVER
    replay = sender_at(m, part.replay)
    row, time = replay.next, 0.0
    if row >= replay.total:
        return NEVER
    sender = sender_at(m, part.sender)
    if row >= replay.rows:
        if sender.next <= row - replay.rows:
            return NEVER
        time = row_at(m, sender.row_at + row - replay.rows).end
    step = row // replay.rows
    if not part.early and not settings_of(m).waived:
        if part.heard_step < step:
            return NEVER
        if part.heard_step == step:
            time = max(time, part.heard_at)
    return max(time, granted(m, part.replay, row))


@inner_kernel
def leave(m: int, number: int, row: int, begin: float, end: float, now: float) -> None:
    """Let a row leave; it goes on its route when the last sender has sent it."""
    sender = sender_at(m, number)
    row_at(m, sender.row_at + row).begin, row_at(m, sender.row_at + row).end = begin, end
    if sender.route >= 0:
        place = route_row_at(m, route_at(m, sender.route).row_at + row)
        place.begin, place.end = min(place.begin, begin), max(place.end, end)
        place.senders -= 1
        if place.senders == 0:
            deliver(m, sender.route, row, now)
    step, y = row // sender.rows, row % sender.rows
    if sender.output and y == sender.rows - 1:
        end_step(m, step, end + core_at(m, sender.unit).to_host, now)


@inner_kernel
def deliver(m: int, number: int, row: int, now: float) -> None:
    """Bring a row to the inlets of a route: there it has arrived when it has come on all its routes."""
    route = route_at(m, number)
    place = route_row_at(m, route.row_at + row)
    step, y = row // route.rows, row % route.rows
    for e in range(route.entry_first, route.entry_end):
        entry = entry_at(m, e)
        at = look(m, entry.place_at + y)
        if at < 0:
            continue
        inlet = inlet_at(m, entry.inlet)
        which = inlet.item_at + step * inlet.items + at
        item = item_at(m, which)
        item.begin = min(item.begin, place.begin + entry.near)
        item.arrive = max(item.arrive, place.end + entry.far)
        item.missing -= 1
        if item.missing > 0:
            continue
        wake(m, settings_of(m).units + which, now if inlet.local else max(now, item.arrive))
        part = part_at(m, inlet.part)
        if not inlet.delayed and step > part.heard_step:
            part.heard_step, part.heard_at = step, max(now, item.begin)
            if part.replay >= 0:
                look_at_core(m, part.core, part.heard_at)


@inner_kernel
def look_at_core(m: int, core: int, time: float) -> None:
    """Look at a core at some time, and not before it is free."""
    wake(m, core, max(time, core_at(m, core).control))


@inner_kernel
def end_step(m: int, step: int, time: float, now: float) -> None:
    """Note the end of a step at an output part; the last one releases the next step if steps do not overlap."""
    settings = settings_of(m)
    step_at(m, step).ends = max(step_at(m, step).ends, time)
    step_at(m, step).awaited -= 1
    if step_at(m, step).awaited == 0 and not settings.pipelined and step + 1 < settings.steps:
        step_at(m, step + 1).release = max(float(settings.period * (step + 1)), step_at(m, step).ends)
        for port in range(settings.ports):
            wake(m, settings.cores + port, max(now, step_at(m, step + 1).release))


@inner_kernel
def take(m: int, number: int) -> None:
    """Note that an item is served, and all that arrived out of order behind it."""
    item = item_at(m, number)
    item.served = 1
    inlet = inlet_at(m, item.inlet)
    end = inlet.items * settings_of(m).steps
    while inlet.taken < end and item_at(m, inlet.item_at + inlet.taken).served:
        inlet.taken += 1


@inner_kernel
def serve(m: int, number: int, which: int, now: float) -> None:
    """Let a core take an item (-1: none) for a part, and fire the rows that are ready then.

    A unit ends its work at ``max(end of the work before, arrival of the first packet) + cost``, and not before the item has
    arrived whole and its last packet is served; the loop controller also waits for RISC-V, which pushes its tasks.
    """
    part = part_at(m, number)
    core, sender = core_at(m, part.core), sender_at(m, part.sender)
    begin = arrive = now
    riscv = lanes = held = work = tail = 0.0
    if which >= 0:
        item = item_at(m, which)
        begin, arrive, riscv, lanes, tail = item.begin, item.arrive, item.riscv, item.lanes, item.last
        take(m, which)
    first = sender.next
    while fires_at(m, number) <= now:
        row = row_at(m, sender.row_at + sender.next)
        riscv, lanes, held = riscv + row.riscv, lanes + row.lanes, held + row.held
        work += max(row.riscv, row.lanes, row.held)
        sender.next += 1
    before = max(core.control, core.compute, core.room)
    opened = max(begin, core.control)
    send = emit = last_task = last_room = 0.0
    if sender.next > first:
        head, final = row_at(m, sender.row_at + first), row_at(m, sender.row_at + sender.next - 1)
        after = work - max(head.riscv, head.lanes, head.held)
        tail += (head.riscv - head.closing) * part.at_end + head.closing + after
        last_room = head.held * part.at_end + after
        last_task = final.lanes / part.width
        send, emit = final.sends, final.sends + final.made
    core.control = max(opened + riscv, arrive + tail)
    core.compute = max(max(core.compute, opened) + lanes, core.control - send + last_task)
    core.room = max(max(core.room, opened) + held, arrive + last_room)
    ended = max(core.control, core.compute, core.room)
    if which >= 0:
        item_at(m, which).start, item_at(m, which).done = max(begin, before), ended
    fire(m, number, first, (max(begin, before), ended, max(ended, core.compute + emit)), work, now)
    for at in range(part.entry_first, part.entry_end):
        if sender.next > first:
            grant(m, look(m, at), now)
        if which >= 0:
            make_room(m, look(m, at), now)
    look_at_core(m, part.core, now)


@inner_kernel
def fire(m: int, number: int, first: int, times: Any, work: float, now: float) -> None:
    """Let the rows of a part leave, from the start and end of their service, the end of sending and the cycles of all of them."""
    part = part_at(m, number)
    sender = sender_at(m, part.sender)
    started, ended, done = times
    for number_of_row in range(first, sender.next):
        row = row_at(m, sender.row_at + number_of_row)
        own = max(row.riscv, row.lanes, row.held)
        work -= own
        row.fired = ended - work
        opened = row.fired - own
        if number_of_row == first:
            opened = started + max(0.0, opened - started) * part.share
        tail = row.sends + row.made
        begin = min(opened + own / part.width + tail, row.fired + tail)
        leave(m, part.sender, number_of_row, begin, done - work, now)


@inner_kernel
def replay_row(m: int, number: int, now: float) -> None:
    """Let a part replay its next row."""
    part = part_at(m, number)
    core, replay = core_at(m, part.core), sender_at(m, part.replay)
    row = replay.next
    core.control = max(core.control, now) + row_at(m, replay.row_at + row).riscv
    replay.next += 1
    leave(m, part.replay, row, now, core.control, now)
    look_at_core(m, part.core, now)


@inner_kernel
def run_core(m: int, number: int, now: float) -> None:
    """Let a core do the next thing that it can do; if there is none yet, look again when there is."""
    core = core_at(m, number)
    soonest = NEVER
    for at in range(core.part_first, core.part_end):
        time = fires_at(m, look(m, at))
        if time <= now:
            serve(m, look(m, at), -1, now)
            return
        soonest = min(soonest, time)
    if (core.first < 0 and core.local_first < 0) or core.compute > core.control:
        for at in range(core.part_first, core.part_end):
            time = replays_at(m, look(m, at))
            if time <= now:
                replay_row(m, look(m, at), now)
                return
            soonest = min(soonest, time)
    which = core.first
    if core.local_first >= 0:
        which = core.local_first
        core.local_first = item_at(m, which).next
    elif core.first >= 0:
        core.first = item_at(m, which).next
    if which >= 0:
        serve(m, inlet_at(m, item_at(m, which).inlet).part, which, now)
    elif soonest < NEVER:
        wake(m, number, soonest)


@inner_kernel
def run_port(m: int, number: int, now: float) -> None:
    """Let a host port send a row, one flit a cycle, of the lowest layer that has one."""
    soonest = NEVER
    for at in range(port_at(m, number).first, port_at(m, number).end):
        s = look(m, at)
        host = sender_at(m, s)
        if host.next >= host.total:
            continue
        time = max(step_at(m, host.next // host.rows).release, granted(m, s, host.next))
        if time <= now:
            end = now + row_at(m, host.row_at + host.next).riscv
            host.next += 1
            leave(m, s, host.next - 1, now, end, now)
            wake(m, settings_of(m).cores + number, end)
            return
        soonest = min(soonest, time)
    if soonest < NEVER:
        wake(m, settings_of(m).cores + number, soonest)


@inner_kernel
def arrive_at_core(m: int, number: int, now: float) -> None:
    """Put an item that has arrived at the end of a queue of its core."""
    part = part_at(m, inlet_at(m, item_at(m, number).inlet).part)
    core = core_at(m, part.core)
    if inlet_at(m, item_at(m, number).inlet).local:
        if core.local_first < 0:
            core.local_first = number
        else:
            item_at(m, core.local_last).next = number
        core.local_last = number
    else:
        if core.first < 0:
            core.first = number
        else:
            item_at(m, core.last).next = number
        core.last = number
    look_at_core(m, part.core, now)


@inner_kernel
def expect(m: int, number: int) -> None:
    """Let the items of an entry wait for its route."""
    entry = entry_at(m, number)
    inlet = inlet_at(m, entry.inlet)
    for y in range(route_at(m, entry.route).rows):
        at = look(m, entry.place_at + y)
        if at >= 0:
            for step in range(settings_of(m).steps):
                item_at(m, inlet.item_at + step * inlet.items + at).missing += 1


@kernel
def run_rows(m: int) -> None:
    """Run all steps. If nothing can happen before their end, credits are waived: a chip that would deadlock has times, too."""
    settings = settings_of(m)
    now = 0.0
    for e in range(settings.entries):
        expect(m, e)
    for _ in range(2):
        for unit in range(settings.units):
            wake(m, unit, now)
        while settings.queued > 0:
            unit = next_unit(m)
            now = max(now, unit_at(m, unit).key)
            if unit < settings.cores:
                run_core(m, unit, now)
            elif unit < settings.units:
                run_port(m, unit - settings.cores, now)
            else:
                arrive_at_core(m, unit - settings.units, now)
        settings.waived = 1

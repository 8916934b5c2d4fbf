"""Routers, links, the NoC FIFOs of the cores, and sinks of the ideal network (rules: `engine/timing.md` 9 and 10)."""

from __future__ import annotations

from seneca_sim.kernels import inner_kernel, merged_kernel
from seneca_sim.kernels.chip_branches import LOCAL, ONLY_LOCAL, behind_port, lowest_of, ports_of
from seneca_sim.kernels.chip_machine import (
    BLOCK_ENTRIES,
    block_at,
    buffer_at,
    core_at,
    fetch_branch,
    fetch_waiting,
    port_at,
    queued_at,
    settings_of,
    totals_of,
    waiting_at,
)
from seneca_sim.kernels.chip_packets import (
    HOST_PORT,
    HOST_RECEIVES,
    NEVER,
    after_entry,
    give_block,
    give_waiting,
    take_block,
    take_waiting,
)
from seneca_sim.kernels.chip_wheel import (
    DECISIONS,
    EFFECTS,
    schedule,
    soon,
    wake_core,
    wake_port,
)

__all__ = ["arbitrate", "deliver", "enter_buffer", "free_queue", "room_of"]


@merged_kernel
def make_first(m: int, buffer: int, number: int, flits: int, branch: int, eligible: int) -> None:
    """Let a packet be the first of an input buffer, and ask for its output ports from a cycle on."""
    unit, node = buffer_at(m, buffer), buffer // 5
    ports, request = ports_of(m, branch, node), 1 << (buffer - node * 5)
    unit.packet = number
    unit.flits = flits
    unit.branch = branch
    if branch >= 0 and ports != ONLY_LOCAL:
        fetch_branch(m, branch >> 5)
    unit.remaining = ports
    unit.eligible = eligible
    soon(m, eligible)
    while ports != 0:
        port = node * 5 + lowest_of(ports)
        output = port_at(m, port)
        output.requests |= request
        wake_port(m, port, max(eligible, output.busy))
        ports &= ports - 1


@merged_kernel
def enter_buffer(m: int, buffer: int, number: int, flits: int, branch: int, visible: int) -> None:
    """Put a packet whose head flit is visible at a cycle into an input buffer that has room for it."""
    unit = buffer_at(m, buffer)
    unit.room -= flits
    if unit.packet < 0:
        make_first(m, buffer, number, flits, branch, max(visible + settings_of(m).router_cycles, unit.leaves_at))
        return
    place = take_waiting(m)
    entry = waiting_at(m, place)
    entry.packet = number
    entry.flits = flits
    entry.branch = branch
    entry.visible = visible
    entry.next = -1
    if unit.waiting_first < 0:
        unit.waiting_first = place
    else:
        waiting_at(m, unit.waiting_last).next = place
    unit.waiting_last = place


@inner_kernel
def room_of(m: int, buffer: int, cycle: int) -> int:
    """Return the free flits of an input buffer in a cycle."""
    unit = buffer_at(m, buffer)
    return int(unit.room + unit.leaving if unit.leaves_at <= cycle else unit.room)


@merged_kernel
def free_queue(m: int, core: int, cycle: int) -> None:
    """Free the room of packets in a core's NoC FIFO whose decoding ended by a cycle."""
    unit = core_at(m, core)
    while unit.queue_done != unit.queue_first:
        place = unit.queue_done
        entry = queued_at(m, place)
        if entry.time > cycle:
            break
        unit.flits -= entry.packet
        unit.input_room += entry.packet
        unit.queue_done = after_entry(m, place, unit.queue_last)
        if unit.queue_done // BLOCK_ENTRIES != place // BLOCK_ENTRIES:
            give_block(m, place // BLOCK_ENTRIES)


@merged_kernel
def enter_queue(m: int, core: int, number: int, flits: int, feeds: int, cycle: int) -> None:
    """Put a packet that a router sends from a cycle on into a core's NoC FIFO, of which what is decoded by then is free."""
    unit = core_at(m, core)
    visible = cycle + flits
    place = unit.queue_last + 1
    if unit.queue_done < 0:
        place = unit.queue_done = take_block(m) * BLOCK_ENTRIES
    elif place % BLOCK_ENTRIES == 0:
        block = take_block(m)
        block_at(m, unit.queue_last // BLOCK_ENTRIES).next = block
        place = block * BLOCK_ENTRIES
    unit.queue_last = place
    if unit.queue_first < 0:
        unit.queue_first = place
    entry = queued_at(m, place)
    entry.time = visible
    entry.packet = number
    entry.feeds = feeds
    unit.flits += flits
    unit.input_room -= flits
    unit.flits_max = max(unit.flits_max, unit.flits)
    wake_core(m, core, max(visible, unit.job_end))


@merged_kernel
def deliver(m: int, node: int, port: int, number: int, flits: int, branch: int, cycle: int) -> None:
    """Send a packet out of a router port, the head flit in a cycle: to the next router, the core or a host port."""
    output = port_at(m, node * 5 + port)
    if output.ahead >= 0:
        enter_buffer(m, output.ahead, number, flits, behind_port(m, branch, port), cycle + 1)
    elif port == LOCAL:
        enter_queue(m, output.core, number, flits, behind_port(m, branch, port), cycle)
    else:
        schedule(m, EFFECTS, cycle + flits, HOST_RECEIVES, node, number)
    totals_of(m).events_done += 1
    soon(m, cycle + flits)


@inner_kernel
def room_ahead(m: int, node: int, port: int, cycle: int) -> int:
    """Return the free flits of what an output port leads to, in a cycle."""
    output = port_at(m, node * 5 + port)
    if output.ahead >= 0:
        return room_of(m, output.ahead, cycle)
    if port != LOCAL:
        return NEVER
    free_queue(m, output.core, cycle)
    return int(core_at(m, output.core).input_room)


@inner_kernel
def more_room(m: int, node: int, port: int, cycle: int) -> int:
    """Return the cycle at which there is more room ahead of an output port; if it is not known yet, have it told."""
    ahead = port_at(m, node * 5 + port).ahead
    if ahead >= 0:
        buffer = buffer_at(m, ahead)
        if buffer.leaves_at > cycle:
            return int(buffer.leaves_at)
        buffer.awaited = 1
        return NEVER
    core = core_at(m, port_at(m, node * 5 + port).core)
    if core.queue_done != core.queue_first:
        return int(queued_at(m, core.queue_done).time)
    core.awaited = 1
    return NEVER


@merged_kernel
def leave_buffer(m: int, buffer: int, cycle: int) -> None:
    """Let the first packet leave an input buffer: its room is free and the next packet is first from a cycle on."""
    unit = buffer_at(m, buffer)
    unit.room += unit.leaving
    unit.leaving = unit.flits
    unit.leaves_at = cycle
    unit.packet = -1
    if unit.waiting_first >= 0:
        place = unit.waiting_first
        entry = waiting_at(m, place)
        unit.waiting_first = entry.next
        fetch_waiting(m, unit.waiting_first)
        eligible = max(entry.visible + settings_of(m).router_cycles, cycle)
        make_first(m, buffer, entry.packet, entry.flits, entry.branch, eligible)
        give_waiting(m, place)
    if unit.feeder < 0 and buffer % 5 != LOCAL:
        schedule(m, DECISIONS, cycle, HOST_PORT, buffer // 5, 0)
    elif unit.awaited:
        unit.awaited = 0
        if unit.feeder >= 0:
            wake_port(m, unit.feeder, max(cycle, port_at(m, unit.feeder).busy))
        else:
            core = port_at(m, buffer).core
            wake_core(m, core, max(cycle, core_at(m, core).job_end))


@merged_kernel
def arbitrate(m: int, port_number: int, cycle: int) -> None:
    """Let an output port grant one eligible packet that has room behind it, round robin."""
    output = port_at(m, port_number)
    output.wake = NEVER
    if output.requests == 0:
        return
    node, port = port_number // 5, port_number % 5
    if output.busy > cycle:
        wake_port(m, port_number, output.busy)
        return
    room = room_ahead(m, node, port, cycle)
    later = NEVER
    after = output.last + 1
    waiting = (output.requests | output.requests << 5) >> after & 31
    while waiting != 0:
        source = after + lowest_of(waiting)
        source -= 5 if source >= 5 else 0
        waiting &= waiting - 1
        buffer = buffer_at(m, node * 5 + source)
        if buffer.eligible > cycle:
            later = min(later, buffer.eligible)
            continue
        number, flits = buffer.packet, buffer.flits
        if flits > room:
            later = min(later, more_room(m, node, port, cycle))
            continue
        output.last = source
        output.busy = cycle + flits
        output.requests &= ~(1 << source)
        output.flits += flits
        output.waited += cycle - buffer.eligible
        buffer.remaining &= ~(1 << port)
        deliver(m, node, port, number, flits, buffer.branch, cycle)
        if buffer.remaining == 0:
            leave_buffer(m, node * 5 + source, cycle + flits)
        later = cycle + flits if output.requests else NEVER
        break
    if later != NEVER:
        wake_port(m, port_number, later)

"""Routers, links, the NoC FIFOs of the cores, and sinks of the ideal network (rules: `engine/timing.md` 9 and 10)."""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_machine import (
    BLOCK_ENTRIES,
    block_at,
    buffer_at,
    core_at,
    link_at,
    node_at,
    packet_at,
    port_at,
    queued_at,
    ring_at,
    settings_of,
    totals_of,
    tree_at,
)
from seneca_sim.kernels.chip_packets import (
    HOST_PORT,
    HOST_RECEIVES,
    NEVER,
    after_entry,
    give_block,
    release_packet,
    take_block,
    wake_core,
    wake_port,
)
from seneca_sim.kernels.chip_wheel import (
    DECISIONS,
    EFFECTS,
    schedule,
    soon,
)

__all__ = [
    "EAST",
    "LOCAL",
    "NORTH",
    "SOUTH",
    "WEST",
    "arbitrate",
    "deliver",
    "enter_buffer",
    "room_of",
    "routes",
]

NORTH, EAST, SOUTH, WEST, LOCAL = 0, 1, 2, 3, 4
"""Ports of a router."""


@inner_kernel
def routes(m: int, packet: Any, node: int) -> int:
    """Return the output ports (one bit each) that a packet takes at a router."""
    if packet.tree >= 0:
        return int(tree_at(m, packet.tree * settings_of(m).nodes + node))
    here, target = node_at(m, node), node_at(m, packet.target_node)
    if here.x < target.x:
        return 1 << EAST
    if here.x > target.x:
        return 1 << WEST
    if here.y < target.y:
        return 1 << SOUTH
    if here.y > target.y:
        return 1 << NORTH
    return 1 << int(packet.target_port)


@inner_kernel
def make_first(m: int, buffer: int, first_at: int) -> None:
    """Let the first packet of an input buffer ask for its output ports."""
    unit = buffer_at(m, buffer)
    number = ring_at(m, buffer * settings_of(m).buffer_ring + unit.head).packet
    ports = routes(m, packet_at(m, number), buffer // 5)
    unit.remaining = ports
    unit.eligible = max(
        ring_at(m, buffer * settings_of(m).buffer_ring + unit.head).visible + settings_of(m).router_cycles, first_at
    )
    soon(m, unit.eligible)
    node_port = buffer // 5 * 5
    for port in range(5):
        if ports >> port & 1:
            output = port_at(m, node_port + port)
            output.requests |= 1 << (buffer % 5)
            wake_port(m, node_port + port, max(unit.eligible, output.busy))


@inner_kernel
def enter_buffer(m: int, buffer: int, number: int, visible: int) -> None:
    """Put a packet whose head flit is visible at a cycle into an input buffer that has room for it."""
    unit = buffer_at(m, buffer)
    packet = packet_at(m, number)
    packet.copies += 1
    slot = unit.head + unit.count
    if slot >= settings_of(m).buffer_ring:
        slot -= settings_of(m).buffer_ring
    entry = ring_at(m, buffer * settings_of(m).buffer_ring + slot)
    entry.packet = number
    entry.flits = packet.flits
    entry.visible = visible
    unit.count += 1
    unit.room -= packet.flits
    if unit.count == 1:
        make_first(m, buffer, unit.leaves_at)


@inner_kernel
def room_of(m: int, buffer: int, cycle: int) -> int:
    """Return the free flits of an input buffer in a cycle."""
    unit = buffer_at(m, buffer)
    return int(unit.room + unit.leaving if unit.leaves_at <= cycle else unit.room)


@inner_kernel
def free_queue(m: int, core: int, cycle: int) -> None:
    """Free the room of packets in a core's NoC FIFO whose decoding ended by a cycle."""
    unit = core_at(m, core)
    while unit.queue_done != unit.queue_first:
        place = unit.queue_done
        entry = queued_at(m, place)
        if entry.time > cycle:
            break
        unit.flits -= entry.flits
        unit.input_room += entry.flits
        unit.queue_done = after_entry(m, place, unit.queue_last)
        if unit.queue_done // BLOCK_ENTRIES != place // BLOCK_ENTRIES:
            give_block(m, place // BLOCK_ENTRIES)


@inner_kernel
def enter_queue(m: int, core: int, number: int, cycle: int) -> None:
    """Put a packet that a router sends from a cycle on into a core's NoC FIFO."""
    unit = core_at(m, core)
    packet = packet_at(m, number)
    packet.copies += 1
    visible = cycle + packet.flits
    free_queue(m, core, cycle)
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
    entry.flits = packet.flits
    unit.flits += packet.flits
    unit.input_room -= packet.flits
    unit.flits_max = max(unit.flits_max, unit.flits)
    wake_core(m, core, max(visible, unit.job_end))


@inner_kernel
def deliver(m: int, node: int, port: int, number: int, cycle: int) -> None:
    """Send a packet out of a router port, the head flit in a cycle: to the next router, the core or a host port."""
    packet, ahead = packet_at(m, number), port_at(m, node * 5 + port).ahead
    if ahead >= 0:
        enter_buffer(m, ahead, number, cycle + 1)
    elif port == LOCAL:
        enter_queue(m, node_at(m, node).core, number, cycle)
    else:
        packet.copies += 1
        schedule(m, EFFECTS, cycle + packet.flits, HOST_RECEIVES, node, number)
    totals_of(m).events_done += 1
    soon(m, cycle + packet.flits)


@inner_kernel
def room_ahead(m: int, node: int, port: int, cycle: int) -> int:
    """Return the free flits of what an output port leads to, in a cycle."""
    ahead = port_at(m, node * 5 + port).ahead
    if ahead >= 0:
        return room_of(m, ahead, cycle)
    if port != LOCAL:
        return NEVER
    core = node_at(m, node).core
    free_queue(m, core, cycle)
    return int(core_at(m, core).input_room)


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
    core = core_at(m, node_at(m, node).core)
    if core.queue_done != core.queue_first:
        return int(queued_at(m, core.queue_done).time)
    core.awaited = 1
    return NEVER


@inner_kernel
def leave_buffer(m: int, buffer: int, number: int, cycle: int) -> None:
    """Let the first packet leave an input buffer: its room is free and the next packet is first from a cycle on."""
    unit = buffer_at(m, buffer)
    unit.room += unit.leaving
    unit.leaving = packet_at(m, number).flits
    unit.leaves_at = cycle
    release_packet(m, number)
    unit.count -= 1
    unit.head = unit.head + 1 if unit.count > 0 and unit.head + 1 < settings_of(m).buffer_ring else 0
    if unit.count > 0:
        make_first(m, buffer, cycle)
    if unit.feeder < 0 and buffer % 5 != LOCAL:
        schedule(m, DECISIONS, cycle, HOST_PORT, buffer // 5, 0)
    elif unit.awaited:
        unit.awaited = 0
        if unit.feeder >= 0:
            wake_port(m, unit.feeder, max(cycle, port_at(m, unit.feeder).busy))
        else:
            core = node_at(m, buffer // 5).core
            wake_core(m, core, max(cycle, core_at(m, core).job_end))


@inner_kernel
def arbitrate(m: int, port_number: int, cycle: int) -> None:
    """Let an output port grant one eligible packet that has room behind it, round robin."""
    output = port_at(m, port_number)
    if output.wake != cycle:  # it was woken before, and saw then that this wake would be for nothing
        return
    output.wake = NEVER
    if output.requests == 0:
        return
    node, port = port_number // 5, port_number % 5
    if output.busy > cycle:
        wake_port(m, port_number, output.busy)
        return
    room = room_ahead(m, node, port, cycle)
    later = NEVER
    for offset in range(1, 6):
        source = (output.last + offset) % 5
        if not output.requests >> source & 1:
            continue
        buffer = buffer_at(m, node * 5 + source)
        if buffer.eligible > cycle:
            later = min(later, buffer.eligible)
            continue
        first = ring_at(m, (node * 5 + source) * settings_of(m).buffer_ring + buffer.head)
        number, flits = first.packet, first.flits
        if flits > room:
            later = min(later, more_room(m, node, port, cycle))
            continue
        output.last = source
        output.busy = cycle + flits
        output.requests &= ~(1 << source)
        buffer.remaining &= ~(1 << port)
        link_at(m, node * 5 + port).flits += flits
        link_at(m, node * 5 + port).waited += cycle - buffer.eligible
        deliver(m, node, port, number, cycle)
        if buffer.remaining == 0:
            leave_buffer(m, node * 5 + source, number, cycle + flits)
        later = cycle + flits if output.requests else NEVER
        break
    if later != NEVER:
        wake_port(m, port_number, later)

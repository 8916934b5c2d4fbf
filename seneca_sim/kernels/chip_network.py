"""Routers, links, the NoC FIFOs of the cores, and sinks of the ideal network (rules: `engine/timing.md` 9 and 10)."""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_machine import (
    buffer_at,
    core_at,
    entry_at,
    host_counts_at,
    link_at,
    node_at,
    packet_at,
    part_counts_at,
    port_at,
    ring_at,
    settings_of,
    totals_of,
    tree_at,
)
from seneca_sim.kernels.chip_packets import (
    ARBITRATE,
    FREE_BUFFER,
    HOST_PORT,
    HOST_RECEIVES,
    NEVER,
    release_packet,
    take_entry,
    wake_core,
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
    "count_flits",
    "deliver",
    "enter_buffer",
    "free_buffer",
    "routes",
    "wake_waiting",
]

NORTH, EAST, SOUTH, WEST, LOCAL = 0, 1, 2, 3, 4
"""Ports of a router."""


@inner_kernel
def wake_port(m: int, port: int, time: int) -> None:
    """Let an output port arbitrate at a cycle."""
    unit = port_at(m, port)
    if time < unit.wake:
        unit.wake = time
        schedule(m, DECISIONS, time, ARBITRATE, port, 0)


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
    ring_at(m, buffer * settings_of(m).buffer_ring + slot).packet = number
    ring_at(m, buffer * settings_of(m).buffer_ring + slot).visible = visible
    unit.count += 1
    unit.room -= packet.flits
    if unit.count == 1:
        make_first(m, buffer, visible)


@inner_kernel
def enter_queue(m: int, core: int, number: int, visible: int) -> None:
    """Put a packet whose last flit is visible at a cycle into a core's NoC FIFO."""
    unit = core_at(m, core)
    packet = packet_at(m, number)
    packet.copies += 1
    entry = take_entry(m, visible, number)
    if unit.queue_first < 0:
        unit.queue_first = entry
    else:
        entry_at(m, unit.queue_last).next = entry
    unit.queue_last = entry
    unit.flits += packet.flits
    unit.input_room -= packet.flits
    unit.flits_max = max(unit.flits_max, unit.flits)
    wake_core(m, core, max(visible, unit.job_end))


@inner_kernel
def count_flits(m: int, packet: Any, ejected: bool) -> None:
    """Count a packet's flits on one link between routers, or at one destination."""
    if packet.owner >= 0:
        counts = part_counts_at(m, packet.step * settings_of(m).n_parts + packet.owner)
        if ejected:
            counts.ejected_flits += packet.flits
        else:
            counts.link_flits += packet.flits
    else:
        host = host_counts_at(m, packet.step)
        if ejected:
            host.ejected_flits += packet.flits
        else:
            host.link_flits += packet.flits


@inner_kernel
def deliver(m: int, node: int, port: int, number: int, cycle: int) -> None:
    """Send a packet out of a router port, the head flit in a cycle: to the next router, the core or a host port."""
    packet, ahead = packet_at(m, number), port_at(m, node * 5 + port).ahead
    count_flits(m, packet, ahead < 0)
    if ahead >= 0:
        enter_buffer(m, ahead, number, cycle + 1)
    elif port == LOCAL:
        enter_queue(m, node_at(m, node).core, number, cycle + packet.flits)
    else:
        packet.copies += 1
        schedule(m, EFFECTS, cycle + packet.flits, HOST_RECEIVES, node, number)
    totals_of(m).events_done += 1
    soon(m, cycle + packet.flits)


@inner_kernel
def room_ahead(m: int, node: int, port: int) -> int:
    """Return the free flits of what an output port leads to."""
    ahead = port_at(m, node * 5 + port).ahead
    if ahead >= 0:
        return int(buffer_at(m, ahead).room)
    return int(core_at(m, node_at(m, node).core).input_room) if port == LOCAL else NEVER


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
    room = room_ahead(m, node, port)
    later = NEVER
    for offset in range(1, 6):
        source = (output.last + offset) % 5
        if not output.requests >> source & 1:
            continue
        buffer = buffer_at(m, node * 5 + source)
        if buffer.eligible > cycle:
            later = min(later, buffer.eligible)
            continue
        number = ring_at(m, (node * 5 + source) * settings_of(m).buffer_ring + buffer.head).packet
        flits = packet_at(m, number).flits
        if flits > room:
            continue
        output.last = source
        output.busy = cycle + flits
        output.requests &= ~(1 << source)
        buffer.remaining &= ~(1 << port)
        link_at(m, node * 5 + port).flits += flits
        link_at(m, node * 5 + port).waited += cycle - buffer.eligible
        deliver(m, node, port, number, cycle)
        if buffer.remaining == 0:
            schedule(m, EFFECTS, cycle + flits, FREE_BUFFER, node * 5 + source, 0)
        later = cycle + flits if output.requests else NEVER
        break
    if later != NEVER:
        wake_port(m, port_number, later)


@inner_kernel
def wake_waiting(m: int, port: int, cycle: int) -> None:
    """Let an output port arbitrate if any packet asks for it."""
    if port_at(m, port).requests != 0:
        wake_port(m, port, max(cycle, port_at(m, port).busy))


@inner_kernel
def free_buffer(m: int, buffer: int, cycle: int) -> None:
    """Free the first packet's room in an input buffer; the next packet is first from now on, and who feeds it may go on."""
    unit = buffer_at(m, buffer)
    number = ring_at(m, buffer * settings_of(m).buffer_ring + unit.head).packet
    unit.room += packet_at(m, number).flits
    release_packet(m, number)
    unit.head = unit.head + 1 if unit.head + 1 < settings_of(m).buffer_ring else 0
    unit.count -= 1
    if unit.count > 0:
        make_first(m, buffer, cycle)
    if unit.feeder >= 0:
        wake_waiting(m, unit.feeder, cycle)
    elif buffer % 5 == LOCAL:
        core = node_at(m, buffer // 5).core
        if core_at(m, core).outbox >= 0:
            wake_core(m, core, max(cycle, core_at(m, core).job_end))
    else:
        schedule(m, DECISIONS, cycle, HOST_PORT, buffer // 5, 0)

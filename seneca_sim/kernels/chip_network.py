"""Routers, links, the NoC FIFOs of the cores, and sinks of the ideal network (rules: `engine/timing.md` 9 and 10)."""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_machine import (
    buffer_at,
    core_at,
    entry_at,
    group_of,
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
from seneca_sim.kernels.chip_wheel import DECISIONS, EFFECTS, schedule, soon

__all__ = [
    "ARBITRATE",
    "EVENTS",
    "CREDIT",
    "FREE_BUFFER",
    "FREE_QUEUE",
    "HOST_PORT",
    "HOST_RECEIVES",
    "RISC_V",
    "SINK",
    "TOKEN",
    "arbitrate",
    "free_buffer",
    "inject",
    "new_packet",
    "sink",
    "wake_core",
]

# kinds of wheel entries
RISC_V, ARBITRATE, FREE_BUFFER, FREE_QUEUE, HOST_PORT, HOST_RECEIVES, SINK = 0, 1, 2, 3, 4, 5, 6
# kinds of packets
EVENTS, TOKEN, CREDIT = 0, 1, 2
# ports of a router
NORTH, EAST, SOUTH, WEST, LOCAL = 0, 1, 2, 3, 4
NEVER = 1 << 60


@inner_kernel
def wake_core(m: int, core: int, time: int) -> None:
    """Let a core's RISC-V look again at a cycle."""
    unit = core_at(m, core)
    if time < unit.wake:
        unit.wake = time
        schedule(m, DECISIONS, time, RISC_V, core, 0)


@inner_kernel
def wake_port(m: int, port: int, time: int) -> None:
    """Let an output port arbitrate at a cycle."""
    unit = port_at(m, port)
    if time < unit.wake:
        unit.wake = time
        schedule(m, DECISIONS, time, ARBITRATE, port, 0)


@inner_kernel
def new_packet(m: int, kind: int, owner: int, step: int, group: int) -> int:
    """Take a packet from the free list; the caller fills in what its kind needs."""
    totals = totals_of(m)
    number = totals.free_packet
    packet = packet_at(m, number)
    totals.free_packet = packet.copies
    totals.packets_used += 1
    packet.kind = kind
    packet.owner = owner
    packet.step = step
    packet.group = group
    packet.y = 0
    packet.x = 0
    packet.value = 0
    packet.count = 0
    packet.flits = 1
    packet.tree = group_of(m, group).tree if group >= 0 else -1
    packet.copies = 0
    return int(number)


@inner_kernel
def release_packet(m: int, number: int) -> None:
    """Drop one copy of a packet; the last one returns it to the free list."""
    packet = packet_at(m, number)
    packet.copies -= 1
    if packet.copies == 0:
        packet.copies = totals_of(m).free_packet
        totals_of(m).free_packet = number
        totals_of(m).packets_used -= 1


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
def take_entry(m: int, time: int, unit: int) -> int:
    """Take an entry from the pool, for a list that is not the wheel's."""
    totals = totals_of(m)
    number = totals.free_node
    entry = entry_at(m, number)
    totals.free_node = entry.next
    totals.nodes_used += 1
    entry.time = time
    entry.unit = unit
    entry.next = -1
    return int(number)


@inner_kernel
def give_entry(m: int, number: int) -> None:
    """Return an entry to the pool."""
    totals = totals_of(m)
    entry_at(m, number).next = totals.free_node
    totals.free_node = number
    totals.nodes_used -= 1


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
    packet = packet_at(m, number)
    ejected = port == LOCAL or (port == WEST and node_at(m, node).host >= 0)
    count_flits(m, packet, ejected)
    if not ejected:
        columns = settings_of(m).columns
        if port == NORTH:
            enter_buffer(m, (node - columns) * 5 + SOUTH, number, cycle + 1)
        elif port == EAST:
            enter_buffer(m, (node + 1) * 5 + WEST, number, cycle + 1)
        elif port == SOUTH:
            enter_buffer(m, (node + columns) * 5 + NORTH, number, cycle + 1)
        else:
            enter_buffer(m, (node - 1) * 5 + EAST, number, cycle + 1)
    elif port == LOCAL:
        enter_queue(m, node_at(m, node).core, number, cycle + packet.flits)
    else:
        packet.copies += 1
        schedule(m, EFFECTS, cycle + packet.flits, HOST_RECEIVES, node, number)
    totals_of(m).events_done += 1
    soon(m, cycle + packet.flits)


@inner_kernel
def room_behind(m: int, node: int, port: int) -> int:
    """Return the free flits of the buffer that an output port leads to."""
    columns = settings_of(m).columns
    if port == LOCAL:
        return int(core_at(m, node_at(m, node).core).input_room)
    if port == NORTH:
        return int(buffer_at(m, (node - columns) * 5 + SOUTH).room)
    if port == EAST:
        return int(buffer_at(m, (node + 1) * 5 + WEST).room)
    if port == SOUTH:
        return int(buffer_at(m, (node + columns) * 5 + NORTH).room)
    if node_at(m, node).host >= 0:
        return NEVER
    return int(buffer_at(m, (node - 1) * 5 + EAST).room)


@inner_kernel
def arbitrate(m: int, port_number: int, cycle: int) -> None:
    """Let an output port grant one eligible packet that has room behind it, round robin."""
    output = port_at(m, port_number)
    if output.wake <= cycle:
        output.wake = NEVER
    if output.requests == 0:
        return
    node, port = port_number // 5, port_number % 5
    if output.busy > cycle:
        wake_port(m, port_number, output.busy)
        return
    room = room_behind(m, node, port)
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
        wake_port(m, port, cycle)


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
    columns = settings_of(m).columns
    node, port = buffer // 5, buffer % 5
    if port == LOCAL:
        core = node_at(m, node).core
        if core_at(m, core).outbox >= 0:
            wake_core(m, core, max(cycle, core_at(m, core).job_end))
    elif port == WEST and node_at(m, node).host >= 0:
        schedule(m, DECISIONS, cycle, HOST_PORT, node, 0)
    elif port == NORTH:
        wake_waiting(m, (node - columns) * 5 + SOUTH, cycle)
    elif port == EAST:
        wake_waiting(m, (node + 1) * 5 + WEST, cycle)
    elif port == SOUTH:
        wake_waiting(m, (node + columns) * 5 + NORTH, cycle)
    else:
        wake_waiting(m, (node - 1) * 5 + EAST, cycle)


@inner_kernel
def hops(m: int, a: int, b: int) -> int:
    """Return the number of links between two routers."""
    return int(abs(node_at(m, a).x - node_at(m, b).x) + abs(node_at(m, a).y - node_at(m, b).y))


@inner_kernel
def walk_link(m: int, packet: Any, node: int, direction: int) -> int:
    """Count a packet on a link of the ideal network and return the router behind it."""
    columns = settings_of(m).columns
    count_flits(m, packet, False)
    port, behind = WEST, node - 1
    if direction == 1 << NORTH:
        port, behind = NORTH, node - columns
    elif direction == 1 << EAST:
        port, behind = EAST, node + 1
    elif direction == 1 << SOUTH:
        port, behind = SOUTH, node + columns
    link_at(m, node * 5 + port).flits += packet.flits
    return int(behind)


@inner_kernel
def wake_sink(m: int, port: int, time: int) -> None:
    """Let a sink of the ideal network look at its queue at a cycle."""
    unit = port_at(m, port)
    if time < unit.wake:
        unit.wake = time
        schedule(m, DECISIONS, time, SINK, port, 0)


@inner_kernel
def offer(m: int, port_number: int, number: int, arrival: int) -> None:
    """Queue a packet at a sink of the ideal network, in the order (arrival, source); most come last."""
    packet = packet_at(m, number)
    packet.copies += 1
    port = port_at(m, port_number)
    entry = take_entry(m, arrival, number)
    before = port.last
    while before >= 0:
        other = entry_at(m, before)
        rank = packet_at(m, other.unit).rank
        if other.time < arrival or (other.time == arrival and rank <= packet.rank):
            break
        before = other.argument
    entry_at(m, entry).argument = before
    behind = port.requests if before < 0 else entry_at(m, before).next
    entry_at(m, entry).next = behind
    if before < 0:
        port.requests = entry
    else:
        entry_at(m, before).next = entry
    if behind < 0:
        port.last = entry
    else:
        entry_at(m, behind).argument = entry
    wake_sink(m, port_number, arrival)
    soon(m, arrival)


@inner_kernel
def inject(m: int, number: int, node: int, port: int, cycle: int) -> None:
    """Send a packet into the network from a core or host port; its first flit is visible at the router one cycle later."""
    packet = packet_at(m, number)
    flits = packet.flits
    if packet.owner >= 0:
        part_counts_at(m, packet.step * settings_of(m).n_parts + packet.owner).flits += flits
    else:
        host_counts_at(m, packet.step).flits += flits
    if settings_of(m).mesh:
        enter_buffer(m, node * 5 + port, number, cycle + 1)
        soon(m, cycle + flits)
        return
    router = settings_of(m).router_cycles
    if packet.tree < 0:
        at = node
        while at != packet.target_node:
            direction = routes(m, packet, at)
            at = walk_link(m, packet, at, direction)
        arrival = cycle + 1 + router + hops(m, node, packet.target_node) * (router + 1)
        offer(m, packet.target_node * 5 + packet.target_port, number, arrival)
        return
    for at in range(settings_of(m).nodes):
        ports = tree_at(m, packet.tree * settings_of(m).nodes + at)
        for output in range(5):
            if ports >> output & 1:
                if output == LOCAL or (output == WEST and node_at(m, at).host >= 0):
                    arrival = cycle + 1 + router + hops(m, node, at) * (router + 1)
                    offer(m, at * 5 + output, number, arrival)
                else:
                    walk_link(m, packet, at, 1 << output)


@inner_kernel
def sink(m: int, port_number: int, cycle: int) -> None:
    """Take the next packet at a sink of the ideal network, one flit a cycle."""
    output = port_at(m, port_number)
    if output.wake <= cycle:
        output.wake = NEVER
    if output.requests < 0:
        return
    entry = output.requests
    node = entry_at(m, entry)
    if max(node.time, output.busy) > cycle:
        wake_sink(m, port_number, max(node.time, output.busy))
        return
    output.requests = node.next
    if node.next < 0:
        output.last = -1
    else:
        entry_at(m, node.next).argument = -1
    number = node.unit
    packet = packet_at(m, number)
    output.busy = cycle + packet.flits
    link_at(m, (port_number // 5) * 5 + port_number % 5).flits += packet.flits
    link_at(m, (port_number // 5) * 5 + port_number % 5).waited += cycle - node.time
    give_entry(m, entry)
    deliver(m, port_number // 5, port_number % 5, number, cycle)
    release_packet(m, number)
    if output.requests >= 0:
        wake_sink(m, port_number, output.busy)

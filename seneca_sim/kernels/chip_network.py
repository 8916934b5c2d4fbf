"""Routers, links, the NoC FIFOs of the cores, and sinks of the ideal network (rules: `engine/timing.md` 9 and 10)."""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inline_kernel, kernel
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


@inline_kernel
def wake_core(m: Any, core: int, time: int) -> None:
    """Let a core's RISC-V look again at a cycle."""
    unit = m.cores[core]
    if time < unit.wake:
        unit.wake = time
        schedule(m, DECISIONS, time, RISC_V, core, 0)


@inline_kernel
def wake_port(m: Any, port: int, time: int) -> None:
    """Let an output port arbitrate at a cycle."""
    unit = m.ports[port]
    if time < unit.wake:
        unit.wake = time
        schedule(m, DECISIONS, time, ARBITRATE, port, 0)


@inline_kernel
def new_packet(m: Any, kind: int, owner: int, step: int, group: int) -> int:
    """Take a packet from the free list; the caller fills in what its kind needs."""
    totals = m.totals[0]
    number = totals.free_packet
    packet = m.packets[number]
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
    packet.tree = m.groups[group].tree if group >= 0 else -1
    packet.copies = 0
    return int(number)


@inline_kernel
def release_packet(m: Any, number: int) -> None:
    """Drop one copy of a packet; the last one returns it to the free list."""
    packet = m.packets[number]
    packet.copies -= 1
    if packet.copies == 0:
        packet.copies = m.totals[0].free_packet
        m.totals[0].free_packet = number
        m.totals[0].packets_used -= 1


@inline_kernel
def routes(m: Any, packet: Any, node: int) -> int:
    """Return the output ports (one bit each) that a packet takes at a router."""
    if packet.tree >= 0:
        return int(m.tree[packet.tree, node])
    columns = m.settings[0].columns
    target = packet.target_node
    x, y, target_x, target_y = node % columns, node // columns, target % columns, target // columns
    if x < target_x:
        return 1 << EAST
    if x > target_x:
        return 1 << WEST
    if y < target_y:
        return 1 << SOUTH
    if y > target_y:
        return 1 << NORTH
    return 1 << int(packet.target_port)


@inline_kernel
def make_first(m: Any, buffer: int, first_at: int) -> None:
    """Let the first packet of an input buffer ask for its output ports."""
    unit = m.buffers[buffer]
    number = m.buffer_packet[buffer, unit.head]
    ports = routes(m, m.packets[number], buffer // 5)
    unit.remaining = ports
    unit.eligible = max(m.buffer_visible[buffer, unit.head] + m.settings[0].router_cycles, first_at)
    soon(m, unit.eligible)
    node_port = buffer // 5 * 5
    for port in range(5):
        if ports >> port & 1:
            output = m.ports[node_port + port]
            output.requests |= 1 << (buffer % 5)
            wake_port(m, node_port + port, max(unit.eligible, output.busy))


@inline_kernel
def enter_buffer(m: Any, buffer: int, number: int, visible: int) -> None:
    """Put a packet whose head flit is visible at a cycle into an input buffer that has room for it."""
    unit = m.buffers[buffer]
    packet = m.packets[number]
    packet.copies += 1
    slot = (unit.head + unit.count) % m.buffer_packet.shape[1]
    m.buffer_packet[buffer, slot] = number
    m.buffer_visible[buffer, slot] = visible
    unit.count += 1
    unit.room -= packet.flits
    if unit.count == 1:
        make_first(m, buffer, visible)


@inline_kernel
def enter_queue(m: Any, core: int, number: int, visible: int) -> None:
    """Put a packet whose last flit is visible at a cycle into a core's NoC FIFO."""
    unit = m.cores[core]
    packet = m.packets[number]
    packet.copies += 1
    slot = (unit.queue_head + unit.queue_count) % m.queue_packet.shape[1]
    m.queue_packet[core, slot] = number
    m.queue_visible[core, slot] = visible
    unit.queue_count += 1
    m.totals[0].queue_peak = max(m.totals[0].queue_peak, unit.queue_count)
    unit.flits += packet.flits
    unit.input_room -= packet.flits
    unit.flits_max = max(unit.flits_max, unit.flits)
    wake_core(m, core, visible)


@inline_kernel
def count_flits(m: Any, packet: Any, ejected: bool) -> None:
    """Count a packet's flits on one link between routers, or at one destination."""
    if packet.owner >= 0:
        counts = m.part_counts[packet.step, packet.owner]
        counts[14 if ejected else 13] += packet.flits
    else:
        m.host_counts[packet.step, 2 if ejected else 1] += packet.flits


@inline_kernel
def deliver(m: Any, node: int, port: int, number: int, cycle: int) -> None:
    """Send a packet out of a router port, the head flit in a cycle: to the next router, the core or a host port."""
    packet = m.packets[number]
    ejected = port == LOCAL or (port == WEST and m.node_host[node] >= 0)
    count_flits(m, packet, ejected)
    if not ejected:
        columns = m.settings[0].columns
        if port == NORTH:
            enter_buffer(m, (node - columns) * 5 + SOUTH, number, cycle + 1)
        elif port == EAST:
            enter_buffer(m, (node + 1) * 5 + WEST, number, cycle + 1)
        elif port == SOUTH:
            enter_buffer(m, (node + columns) * 5 + NORTH, number, cycle + 1)
        else:
            enter_buffer(m, (node - 1) * 5 + EAST, number, cycle + 1)
    elif port == LOCAL:
        enter_queue(m, m.node_core[node], number, cycle + packet.flits)
    else:
        packet.copies += 1
        schedule(m, EFFECTS, cycle + packet.flits, HOST_RECEIVES, node, number)
    m.totals[0].events_done += 1
    soon(m, cycle + packet.flits)


@inline_kernel
def room_behind(m: Any, node: int, port: int) -> int:
    """Return the free flits of the buffer that an output port leads to."""
    columns = m.settings[0].columns
    if port == LOCAL:
        return int(m.cores[m.node_core[node]].input_room)
    if port == NORTH:
        return int(m.buffers[(node - columns) * 5 + SOUTH].room)
    if port == EAST:
        return int(m.buffers[(node + 1) * 5 + WEST].room)
    if port == SOUTH:
        return int(m.buffers[(node + columns) * 5 + NORTH].room)
    if m.node_host[node] >= 0:
        return NEVER
    return int(m.buffers[(node - 1) * 5 + EAST].room)


@kernel
def arbitrate(m: Any, port_number: int, cycle: int) -> None:
    """Let an output port grant one eligible packet that has room behind it, round robin."""
    output = m.ports[port_number]
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
        buffer = m.buffers[node * 5 + source]
        if buffer.eligible > cycle:
            later = min(later, buffer.eligible)
            continue
        number = m.buffer_packet[node * 5 + source, buffer.head]
        flits = m.packets[number].flits
        if flits > room:
            continue
        output.last = source
        output.busy = cycle + flits
        output.requests &= ~(1 << source)
        buffer.remaining &= ~(1 << port)
        m.link_counts[node, port, 0] += flits
        m.link_counts[node, port, 1] += cycle - buffer.eligible
        deliver(m, node, port, number, cycle)
        if buffer.remaining == 0:
            schedule(m, EFFECTS, cycle + flits, FREE_BUFFER, node * 5 + source, 0)
        later = cycle + flits if output.requests else NEVER
        break
    if later != NEVER:
        wake_port(m, port_number, later)


@kernel
def free_buffer(m: Any, buffer: int, cycle: int) -> None:
    """Free the first packet's room in an input buffer; the next packet is first from now on, and who feeds it may go on."""
    unit = m.buffers[buffer]
    number = m.buffer_packet[buffer, unit.head]
    unit.room += m.packets[number].flits
    release_packet(m, number)
    unit.head = (unit.head + 1) % m.buffer_packet.shape[1]
    unit.count -= 1
    if unit.count > 0:
        make_first(m, buffer, cycle)
    columns = m.settings[0].columns
    node, port = buffer // 5, buffer % 5
    if port == LOCAL:
        wake_core(m, m.node_core[node], cycle)
    elif port == WEST and m.node_host[node] >= 0:
        schedule(m, DECISIONS, cycle, HOST_PORT, node, 0)
    elif port == NORTH:
        wake_port(m, (node - columns) * 5 + SOUTH, cycle)
    elif port == EAST:
        wake_port(m, (node + 1) * 5 + WEST, cycle)
    elif port == SOUTH:
        wake_port(m, (node + columns) * 5 + NORTH, cycle)
    else:
        wake_port(m, (node - 1) * 5 + EAST, cycle)


@inline_kernel
def hops(m: Any, a: int, b: int) -> int:
    """Return the number of links between two routers."""
    columns = m.settings[0].columns
    return int(abs(a % columns - b % columns) + abs(a // columns - b // columns))


@inline_kernel
def walk_link(m: Any, packet: Any, node: int, direction: int) -> int:
    """Count a packet on a link of the ideal network and return the router behind it."""
    columns = m.settings[0].columns
    count_flits(m, packet, False)
    port, behind = WEST, node - 1
    if direction == 1 << NORTH:
        port, behind = NORTH, node - columns
    elif direction == 1 << EAST:
        port, behind = EAST, node + 1
    elif direction == 1 << SOUTH:
        port, behind = SOUTH, node + columns
    m.link_counts[node, port, 0] += packet.flits
    return int(behind)


@inline_kernel
def wake_sink(m: Any, port: int, time: int) -> None:
    """Let a sink of the ideal network look at its queue at a cycle."""
    unit = m.ports[port]
    if time < unit.wake:
        unit.wake = time
        schedule(m, DECISIONS, time, SINK, port, 0)


@inline_kernel
def offer(m: Any, port_number: int, number: int, arrival: int) -> None:
    """Queue a packet at a sink of the ideal network, in the order (arrival, source)."""
    packet = m.packets[number]
    packet.copies += 1
    entry = m.totals[0].free_node
    node = m.wheel_nodes[entry]
    m.totals[0].free_node = node.next
    m.totals[0].nodes_used += 1
    node.time = arrival
    node.kind = packet.rank
    node.unit = number
    before, at = -1, m.ports[port_number].requests
    while at >= 0:
        other = m.wheel_nodes[at]
        if other.time > arrival or (other.time == arrival and other.kind > packet.rank):
            break
        before, at = at, other.next
    node.next = at
    if before < 0:
        m.ports[port_number].requests = entry
    else:
        m.wheel_nodes[before].next = entry
    wake_sink(m, port_number, arrival)
    soon(m, arrival)


@kernel
def inject(m: Any, number: int, node: int, port: int, cycle: int) -> None:
    """Send a packet into the network from a core or host port; its first flit is visible at the router one cycle later."""
    packet = m.packets[number]
    flits = packet.flits
    if packet.owner >= 0:
        m.part_counts[packet.step, packet.owner, 12] += flits
    else:
        m.host_counts[packet.step, 0] += flits
    if m.settings[0].mesh:
        enter_buffer(m, node * 5 + port, number, cycle + 1)
        soon(m, cycle + flits)
        return
    router = m.settings[0].router_cycles
    if packet.tree < 0:
        at = node
        while at != packet.target_node:
            direction = routes(m, packet, at)
            at = walk_link(m, packet, at, direction)
        arrival = cycle + 1 + router + hops(m, node, packet.target_node) * (router + 1)
        offer(m, packet.target_node * 5 + packet.target_port, number, arrival)
        return
    for at in range(m.tree.shape[1]):
        ports = m.tree[packet.tree, at]
        for output in range(5):
            if ports >> output & 1:
                if output == LOCAL or (output == WEST and m.node_host[at] >= 0):
                    arrival = cycle + 1 + router + hops(m, node, at) * (router + 1)
                    offer(m, at * 5 + output, number, arrival)
                else:
                    walk_link(m, packet, at, 1 << output)


@kernel
def sink(m: Any, port_number: int, cycle: int) -> None:
    """Take the next packet at a sink of the ideal network, one flit a cycle."""
    output = m.ports[port_number]
    if output.wake <= cycle:
        output.wake = NEVER
    if output.requests < 0:
        return
    entry = output.requests
    node = m.wheel_nodes[entry]
    if max(node.time, output.busy) > cycle:
        wake_sink(m, port_number, max(node.time, output.busy))
        return
    output.requests = node.next
    number = node.unit
    packet = m.packets[number]
    output.busy = cycle + packet.flits
    m.link_counts[port_number // 5, port_number % 5, 0] += packet.flits
    m.link_counts[port_number // 5, port_number % 5, 1] += cycle - node.time
    node.next = m.totals[0].free_node
    m.totals[0].free_node = entry
    m.totals[0].nodes_used -= 1
    deliver(m, port_number // 5, port_number % 5, number, cycle)
    release_packet(m, number)
    if output.requests >= 0:
        wake_sink(m, port_number, output.busy)

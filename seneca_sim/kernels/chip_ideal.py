"""The ideal network: hop latency and one flit a cycle at source and sink, no contention (rules: `engine/timing.md` 10)."""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_branches import (
    EAST,
    LOCAL,
    NORTH,
    SOUTH,
    WEST,
    ending_at,
    ports_of,
    target_of,
)
from seneca_sim.kernels.chip_machine import (
    branch_at,
    entry_at,
    group_of,
    host_counts_at,
    node_at,
    packet_at,
    part_counts_at,
    port_at,
    settings_of,
)
from seneca_sim.kernels.chip_network import deliver, enter_buffer, free_queue
from seneca_sim.kernels.chip_packets import (
    NEVER,
    SINK,
    give_entry,
    take_entry,
)
from seneca_sim.kernels.chip_wheel import (
    DECISIONS,
    schedule,
    soon,
)

__all__ = ["inject", "sink"]


@inner_kernel
def hops(m: int, a: int, b: int) -> int:
    """Return the number of links between two routers."""
    return int(abs(node_at(m, a).x - node_at(m, b).x) + abs(node_at(m, a).y - node_at(m, b).y))


@inner_kernel
def count_flits(m: int, packet: Any, node: int) -> None:
    """Count the flits of a packet that enters the network at a router: there, on links between routers, at destinations."""
    links, exits = 0, 1
    if packet.group >= 0:
        links, exits = group_of(m, packet.group).links, group_of(m, packet.group).exits
    else:
        links = hops(m, node, target_of(packet.tree)[0])
    if packet.owner >= 0:
        counts = part_counts_at(m, packet.step * settings_of(m).n_parts + packet.owner)
        counts.flits += packet.flits
        counts.link_flits += packet.flits * links
        counts.ejected_flits += packet.flits * exits
    else:
        host = host_counts_at(m, packet.step)
        host.flits += packet.flits
        host.link_flits += packet.flits * links
        host.ejected_flits += packet.flits * exits


@inner_kernel
def walk_link(m: int, packet: Any, node: int, direction: int) -> int:
    """Count a packet on a link of the ideal network and return the router behind it."""
    columns = settings_of(m).columns
    port, behind = WEST, node - 1
    if direction == 1 << NORTH:
        port, behind = NORTH, node - columns
    elif direction == 1 << EAST:
        port, behind = EAST, node + 1
    elif direction == 1 << SOUTH:
        port, behind = SOUTH, node + columns
    port_at(m, node * 5 + port).flits += packet.flits
    return int(behind)


@inner_kernel
def wake_sink(m: int, port: int, time: int) -> None:
    """Let a sink of the ideal network look at its queue at a cycle."""
    unit = port_at(m, port)
    if time < unit.wake:
        unit.wake = time
        schedule(m, DECISIONS, time, SINK, port, 0)


@inner_kernel
def offer(m: int, port_number: int, number: int, branch: int, arrival: int) -> None:
    """Queue a packet that ends at a branch at a sink of the ideal network, in the order (arrival, source); most come last."""
    packet = packet_at(m, number)
    port = port_at(m, port_number)
    entry = take_entry(m, arrival, branch, number)
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
    count_flits(m, packet, node)
    packet.copies += group_of(m, packet.group).exits if packet.tree >= 0 else 1
    if settings_of(m).mesh:
        enter_buffer(m, node * 5 + port, number, flits, packet.tree, cycle + 1)
        soon(m, cycle + flits)
        return
    router = settings_of(m).router_cycles
    if packet.tree < 0:
        at, (target, output) = node, target_of(packet.tree)
        while at != target:
            at = walk_link(m, packet, at, ports_of(m, packet.tree, at))
        offer(m, target * 5 + output, number, packet.tree, cycle + 1 + router + hops(m, node, target) * (router + 1))
        return
    branch, end = group_of(m, packet.group).tree_from, group_of(m, packet.group).tree_to
    while branch < end:
        at, ports = branch_at(m, branch) >> 5, branch_at(m, branch) & 31
        branch += 1
        for output in range(5):
            if ports >> output & 1:
                if output == LOCAL or (output == WEST and node_at(m, at).host >= 0):
                    arrival = cycle + 1 + router + hops(m, node, at) * (router + 1)
                    offer(m, at * 5 + output, number, ending_at(branch_at(m, branch)), arrival)
                else:
                    walk_link(m, packet, at, 1 << output)
                branch += 1


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
    number, branch = node.unit, node.kind
    packet = packet_at(m, number)
    output.busy = cycle + packet.flits
    output.flits += packet.flits
    output.waited += cycle - node.time
    give_entry(m, entry)
    if output.core >= 0:
        free_queue(m, output.core, cycle)
    deliver(m, port_number // 5, port_number % 5, number, packet.flits, branch, cycle)
    if output.requests >= 0:
        wake_sink(m, port_number, output.busy)

"""The host: ports that send input steps and receive outputs and credits (rules: `engine/timing.md` 11)."""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inline_kernel, kernel
from seneca_sim.kernels.chip_core import row_granted
from seneca_sim.kernels.chip_network import CREDIT, HOST_PORT, NEVER, TOKEN, WEST, inject, release_packet
from seneca_sim.kernels.chip_riscv import event_packet, group_at, reaches, token_packet
from seneca_sim.kernels.chip_wheel import DECISIONS, schedule, soon

__all__ = ["host_port", "host_receives", "release_step"]


@inline_kernel
def released(m: Any, step: int, node: int, cycle: int) -> bool:
    """Return whether a step may be sent in a cycle; if its release is known and later, look again then."""
    release = m.step_times[step, 0]
    if release < 0:
        return False
    if release > cycle:
        schedule(m, DECISIONS, release, HOST_PORT, node, 0)
        return False
    return True


@inline_kernel
def send(m: Any, sender: Any, number: int, cycle: int) -> None:
    """Put a packet into the network; the port is free again after its last flit."""
    packet = m.packets[number]
    if m.step_times[packet.step, 1] < 0:
        m.step_times[packet.step, 1] = cycle
    m.buffers[sender.node * 5 + sender.port].sending = cycle + packet.flits
    schedule(m, DECISIONS, cycle + packet.flits, HOST_PORT, sender.node, 0)
    inject(m, number, sender.node, sender.port, cycle)


@inline_kernel
def send_values(m: Any, number: int, room: int, cycle: int) -> int:
    """Send the next packet of the current row: 1 if sent, 0 if it has no room, -1 if the position reaches nobody."""
    sender = m.senders[number]
    emission = m.emissions[sender.emission]
    step, row, column = sender.step, sender.row, emission.position % sender.width
    group = group_at(m, sender, row, column)
    if not reaches(m, group):
        m.host_counts[step, 4] += emission.count
        sender.emission += 1
        return -1
    take = min(emission.count - sender.value, sender.capacity)
    if sender.header + (take + sender.pairs - 1) // sender.pairs > room:
        return 0
    packet = event_packet(m, sender, step, group, row, column, emission.value + sender.value, take)
    m.host_counts[step, 3] += take
    sender.value += take
    if sender.value == emission.count:
        sender.emission += 1
        sender.value = 0
    send(m, sender, packet, cycle)
    return 1


@inline_kernel
def send_next(m: Any, number: int, room: int, cycle: int) -> bool:
    """Send the next packet or token of an input layer, if it may; return whether it did."""
    sender = m.senders[number]
    while sender.step < m.settings[0].steps and released(m, sender.step, sender.node, cycle):
        step, row = sender.step, sender.row
        if not row_granted(m, number, step, row):
            return False
        if sender.emission < m.emission_start[number, step + 1]:
            if m.emissions[sender.emission].position // sender.width == row:
                sent = send_values(m, number, room, cycle)
                if sent >= 0:
                    return sent == 1
                continue
        reached = reaches(m, sender.token_group + m.table[sender.row_class_at + row])
        if reached and room < 1:
            return False
        sender.row += 1
        if sender.row == sender.rows:
            sender.row = 0
            sender.step += 1
        if reached:
            send(m, sender, token_packet(m, sender, step, row), cycle)
            return True
    return False


@kernel
def host_port(m: Any, node: int, cycle: int) -> None:
    """Let the host port at a router send: of the input layers behind it that can, the lowest."""
    settings = m.settings[0]
    buffer = m.buffers[node * 5 + WEST]
    if buffer.sending > cycle:
        return
    room = buffer.room if settings.mesh else NEVER
    for number in range(settings.n_parts, settings.n_parts + settings.n_hosts):
        if m.senders[number].node == node and send_next(m, number, room, cycle):
            return


@inline_kernel
def release_step(m: Any, step: int, cycle: int) -> None:
    """Release a step at a cycle."""
    m.step_times[step, 0] = cycle
    soon(m, cycle)
    settings = m.settings[0]
    for number in range(settings.n_parts, settings.n_parts + settings.n_hosts):
        schedule(m, DECISIONS, cycle, HOST_PORT, m.senders[number].node, 0)


@inline_kernel
def end_step(m: Any, step: int, cycle: int) -> None:
    """Count an output part's end of step; the last one ends the step and, without pipelining, releases the next."""
    settings = m.settings[0]
    m.output_ends[step] += 1
    if m.output_ends[step] < settings.n_outputs:
        return
    m.step_times[step, 4] = cycle
    m.totals[0].steps_done += 1
    if not settings.pipelined and not settings.barrier and step + 1 < settings.steps:
        release_step(m, step + 1, max(cycle, (step + 1) * settings.period))


@kernel
def host_receives(m: Any, node: int, number: int, cycle: int) -> None:
    """Receive a packet at a host port: a credit, a token, or output events."""
    packet = m.packets[number]
    step = packet.step
    if packet.kind == CREDIT:
        feed = m.feeds[packet.feed]
        feed.received += 1
        schedule(m, DECISIONS, cycle, HOST_PORT, node, 0)
    elif packet.kind == TOKEN:
        sender = m.senders[m.parts[packet.owner].sender]
        if packet.y == sender.y0 + sender.rows - 1:
            end_step(m, step, cycle)
    else:
        m.host_counts[step, 5] += packet.count
        if m.step_times[step, 2] < 0:
            m.step_times[step, 2] = cycle
        m.step_times[step, 3] = cycle
    release_packet(m, number)

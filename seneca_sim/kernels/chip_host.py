"""The host: ports that send input steps and receive outputs and credits (rules: `engine/timing.md` 11)."""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_branches import WEST
from seneca_sim.kernels.chip_core import row_granted
from seneca_sim.kernels.chip_ideal import (
    inject,
)
from seneca_sim.kernels.chip_machine import (
    buffer_at,
    emission_at,
    ends_at,
    grant_at,
    host_counts_at,
    look,
    packet_at,
    part_at,
    sender_at,
    settings_of,
    start_at,
    step_at,
    totals_of,
)
from seneca_sim.kernels.chip_network import room_of
from seneca_sim.kernels.chip_packets import (
    CREDIT,
    HOST_PORT,
    NEVER,
    TOKEN,
    release_packet,
)
from seneca_sim.kernels.chip_send import (
    event_packet,
    group_at,
    reaches,
    token_packet,
)
from seneca_sim.kernels.chip_wheel import DECISIONS, schedule, soon

__all__ = ["announce_step", "host_port", "host_receives", "release_step"]


@inner_kernel
def released(m: int, number: int, cycle: int) -> bool:
    """Return whether a sender's step may be sent in a cycle; if its release is known and later, look again then."""
    sender = sender_at(m, number)
    release = step_at(m, sender.step).release
    if release < 0:
        return False
    if release > cycle:
        if sender.looks_again != release:
            sender.looks_again = release
            schedule(m, DECISIONS, release, HOST_PORT, sender.node, 0)
        return False
    return True


@inner_kernel
def send(m: int, sender: Any, number: int, cycle: int) -> None:
    """Put a packet into the network; the port is free again after its last flit."""
    packet = packet_at(m, number)
    if step_at(m, packet.step).first_flit < 0:
        step_at(m, packet.step).first_flit = cycle
    buffer_at(m, sender.node * 5 + sender.port).sending = cycle + packet.flits
    schedule(m, DECISIONS, cycle + packet.flits, HOST_PORT, sender.node, 0)
    inject(m, number, sender.node, sender.port, cycle)


@inner_kernel
def send_values(m: int, number: int, room: int, cycle: int) -> int:
    """Send the next packet of the current row: 1 if sent, 0 if it has no room, -1 if the position reaches nobody."""
    sender = sender_at(m, number)
    emission = emission_at(m, sender.emission)
    step, row, column = sender.step, sender.row, emission.position % sender.width
    group = group_at(m, sender, row, column)
    if not reaches(m, group):
        host_counts_at(m, step).dropped += emission.count
        sender.emission += 1
        return -1
    take = min(emission.count - sender.value, sender.capacity)
    if sender.header + (take + sender.pairs - 1) // sender.pairs > room:
        return 0
    packet = event_packet(m, sender, step, group, row, column, emission.value + sender.value, take)
    host_counts_at(m, step).sent += take
    sender.value += take
    if sender.value == emission.count:
        sender.emission += 1
        sender.value = 0
    send(m, sender, packet, cycle)
    return 1


@inner_kernel
def send_next(m: int, number: int, room: int, cycle: int) -> bool:
    """Send the next packet or token of an input layer, if it may; return whether it did."""
    sender = sender_at(m, number)
    while sender.step < settings_of(m).steps and released(m, number, cycle):
        step, row = sender.step, sender.row
        if not row_granted(m, number, step, row):
            return False
        waiting = sender.emission < start_at(m, number * (settings_of(m).steps + 1) + step + 1)
        if waiting and emission_at(m, sender.emission).position // sender.width == row:
            sent = send_values(m, number, room, cycle)
            if sent >= 0:
                return sent == 1
            continue
        reached = reaches(m, sender.token_group + look(m, sender.row_class_at + row))
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


@inner_kernel
def host_port(m: int, node: int, cycle: int) -> None:
    """Let the host port at a router send: of the input layers behind it that can, the lowest."""
    settings = settings_of(m)
    buffer = buffer_at(m, node * 5 + WEST)
    if buffer.sending > cycle:
        return
    room = room_of(m, node * 5 + WEST, cycle) if settings.mesh else NEVER
    for number in range(settings.n_parts, settings.n_parts + settings.n_hosts):
        if sender_at(m, number).node == node and send_next(m, number, room, cycle):
            return


@inner_kernel
def announce_step(m: int, step: int, cycle: int) -> None:
    """State at which cycle a step is released; host ports that come to it look again then."""
    step_at(m, step).release = cycle
    soon(m, cycle)


@inner_kernel
def release_step(m: int, step: int, cycle: int) -> None:
    """Release a step at a cycle, and let all host ports look then."""
    announce_step(m, step, cycle)
    settings = settings_of(m)
    for number in range(settings.n_parts, settings.n_parts + settings.n_hosts):
        schedule(m, DECISIONS, cycle, HOST_PORT, sender_at(m, number).node, 0)


@inner_kernel
def end_step(m: int, step: int, cycle: int) -> None:
    """Count an output part's end of step; the last one ends the step and, without pipelining, releases the next."""
    settings = settings_of(m)
    ends_at(m, step).count += 1
    if ends_at(m, step).count < settings.n_outputs:
        return
    step_at(m, step).end = cycle
    totals_of(m).steps_done += 1
    if not settings.pipelined and not settings.barrier and step + 1 < settings.steps:
        release_step(m, step + 1, max(cycle, (step + 1) * settings.period))


@inner_kernel
def host_receives(m: int, node: int, number: int, cycle: int) -> None:
    """Receive a packet at a host port: a credit, a token, or output events."""
    packet = packet_at(m, number)
    step = packet.step
    if packet.kind == CREDIT:
        feed = grant_at(m, packet.feed)
        feed.received += 1
        schedule(m, DECISIONS, cycle, HOST_PORT, node, 0)
    elif packet.kind == TOKEN:
        sender = sender_at(m, part_at(m, packet.owner).sender)
        if packet.y == sender.y0 + sender.rows - 1:
            end_step(m, step, cycle)
    else:
        host_counts_at(m, step).received += packet.count
        if step_at(m, step).first_output < 0:
            step_at(m, step).first_output = cycle
        step_at(m, step).last_output = cycle
    release_packet(m, number)

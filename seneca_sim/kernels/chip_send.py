"""What leaves a core: packets, credits, tokens, and handing them to the router (rules: `engine/timing.md` 5.1, 5.2 and 9)."""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_branches import LOCAL, WEST, way_to
from seneca_sim.kernels.chip_core import (
    begin_job,
    consume,
)
from seneca_sim.kernels.chip_ideal import (
    inject,
)
from seneca_sim.kernels.chip_intake import (
    BLOCKED_NETWORK,
    NOTHING,
    UNSURE,
)
from seneca_sim.kernels.chip_machine import (
    buffer_at,
    channel_at,
    core_at,
    grant_at,
    group_of,
    look,
    packet_at,
    part_at,
    part_counts_at,
    part_times_at,
    record_at,
    sender_at,
    settings_of,
)
from seneca_sim.kernels.chip_network import room_of
from seneca_sim.kernels.chip_packets import (
    CREDIT,
    EVENTS,
    TOKEN,
    new_packet,
)

__all__ = [
    "count_values",
    "event_packet",
    "group_at",
    "reaches",
    "send_credit",
    "send_record",
    "token_packet",
    "try_inject",
]


@inner_kernel
def group_at(m: int, sender: Any, row: int, column: int) -> int:
    """Return the destination group of a position (counted in the sender's box)."""
    row_class = look(m, sender.row_class_at + row)
    return int(sender.event_group + row_class * sender.n_column_classes + look(m, sender.column_class_at + column))


@inner_kernel
def reaches(m: int, group_number: int) -> bool:
    """Return whether a group has any destination."""
    group = group_of(m, group_number)
    return bool(group.remote or group.local >= 0)


@inner_kernel
def event_packet(m: int, sender: Any, step: int, group: int, y: int, x: int, value: int, count: int) -> int:
    """Make a packet of `count` values of one position."""
    number = new_packet(m, EVENTS, sender.owner, step, group)
    packet = packet_at(m, number)
    packet.y = y
    packet.x = x
    packet.value = value
    packet.count = count
    packet.flits = sender.header + (count + sender.pairs - 1) // sender.pairs
    packet.rank = sender.node if sender.kind == 1 else settings_of(m).nodes + sender.core
    return number


@inner_kernel
def token_packet(m: int, sender: Any, step: int, row: int) -> int:
    """Make the token of a row (counted in the sender's box)."""
    group = sender.token_group + look(m, sender.row_class_at + row)
    number = new_packet(m, TOKEN, sender.owner, step, group)
    packet_at(m, number).y = sender.y0 + row
    packet_at(m, number).rank = sender.node if sender.kind == 1 else settings_of(m).nodes + sender.core
    return number


@inner_kernel
def count_values(m: int, emission: Any, low: int, high: int) -> Any:
    """Return (first, count) of an active position's values with low <= channel < high."""
    first = emission.value
    end = emission.value + emission.count
    while first < end and channel_at(m, first) < low:
        first += 1
    last = first
    while last < end and channel_at(m, last) < high:
        last += 1
    return first, last - first


@inner_kernel
def wait_for_room(m: int, core: int, now: int, exact: bool) -> int:
    """Return NOTHING if the router surely has no room for the finished packet, else UNSURE; note when it may have some."""
    unit = core_at(m, core)
    buffer = buffer_at(m, unit.node * 5 + LOCAL)
    unit.blocked |= BLOCKED_NETWORK
    if buffer.leaves_at > now:
        unit.retry = min(unit.retry, buffer.leaves_at)
        return NOTHING
    buffer.awaited = 1
    return NOTHING if exact else UNSURE


@inner_kernel
def try_inject(m: int, core: int, now: int, exact: bool) -> int:
    """Class 1: hand the finished packet to the router and to the core's own input."""
    unit = core_at(m, core)
    packet = packet_at(m, unit.outbox)
    remote, local = packet.group < 0, False
    if packet.group >= 0:
        remote = group_of(m, packet.group).remote == 1
        local = group_of(m, packet.group).local >= 0
    if local and unit.loop_packet >= 0:
        unit.blocked |= BLOCKED_NETWORK
        return NOTHING
    if remote and settings_of(m).mesh and room_of(m, unit.node * 5 + LOCAL, now) < packet.flits:
        return wait_for_room(m, core, now, exact)
    end = begin_job(m, core, now, packet.flits if remote else 1)
    counts = part_counts_at(m, packet.step * settings_of(m).n_parts + packet.owner)
    counts.rv_cycles += end - now
    if (
        unit.outbox_values > 0
        and part_times_at(m, packet.step * settings_of(m).n_parts + packet.owner).first_output < 0
    ):
        part_times_at(m, packet.step * settings_of(m).n_parts + packet.owner).first_output = now
    number = unit.outbox
    packet.copies += 1 if local else 0
    if remote:
        inject(m, number, unit.node, LOCAL, now)
    if local:
        unit.loop_packet = number
    unit.room += unit.outbox_values
    unit.outbox_values = 0
    unit.outbox = -1
    return end


@inner_kernel
def send_credit(m: int, core: int, now: int) -> int:
    """Class 2a: make the packet of a pending credit, the latest layer's first."""
    unit = core_at(m, core)
    for index in range(unit.parts_at, unit.parts_at + unit.n_parts):
        part_number = look(m, index)
        part = part_at(m, part_number)
        if part.pending_credits == 0:
            continue
        while grant_at(m, part.pending_feed).pending == 0:
            part.pending_feed += 1
        feed = grant_at(m, part.pending_feed)
        step = (feed.granted - feed.pending) // feed.n_rows
        feed.pending -= 1
        part.pending_credits -= 1
        unit.pending_credits -= 1
        number = new_packet(m, CREDIT, part_number, step, -1)
        packet = packet_at(m, number)
        sender = sender_at(m, feed.sender)
        packet.feed = part.pending_feed
        packet.tree = way_to(sender.node, WEST if sender.kind == 1 else LOCAL)
        packet.rank = settings_of(m).nodes + core
        end = begin_job(m, core, now, settings_of(m).rv_token)
        counts = part_counts_at(m, step * settings_of(m).n_parts + part_number)
        counts.credits += 1
        counts.rv_cycles += end - now
        unit.outbox = number
        return end
    return NOTHING


@inner_kernel
def after_send(m: int, core: int, end: int) -> None:
    """Consume the head record when the job that ends at a cycle leaves nothing to send."""
    record = record_at(m, core_at(m, core).record_head)
    if record.left == 0 and not record.token and record.scanned:
        consume(m, core, end)


@inner_kernel
def send_record(m: int, core: int, now: int) -> int:
    """Class 2b: scan, wrap or close the head record of the event FIFO."""
    unit, settings = core_at(m, core), settings_of(m)
    record = record_at(m, unit.record_head)
    part = part_at(m, record.part)
    sender = sender_at(m, part.sender)
    take = min(record.left, sender.capacity)
    ready = max(record.visible, unit.head_since)
    if record.scanned and record.left > 0 and settings.evgen:
        ready = max(ready, record.visible + (record.count - record.left + take - 1) // settings.evgen_rate)
    unit.send_at = ready
    if ready > now:
        return NOTHING
    unit.send_at = 0
    counts = part_counts_at(m, record.step * settings_of(m).n_parts + record.part)
    if not record.scanned:
        record.scanned = 1
        end = begin_job(m, core, now, settings.rv_scan * record.reserve)
    elif record.left > 0:
        group = group_at(m, sender, record.row, record.column)
        first = record.value + record.count - record.left
        record.left -= take
        if reaches(m, group):
            unit.outbox = event_packet(
                m, sender, record.step, group, sender.y0 + record.row, sender.x0 + record.column, first, take
            )
            unit.outbox_values = take
            end = begin_job(m, core, now, settings.rv_out_packet + settings.rv_out * take)
            counts.packets += 1
        else:
            unit.room += take
            counts.dropped_values += take
            end = begin_job(m, core, now, settings.rv_out_packet)
    else:
        record.token = 0
        unit.outbox = token_packet(m, sender, record.step, record.row)
        end = begin_job(m, core, now, settings.rv_token)
        counts.tokens += 1
    counts.rv_cycles += end - now
    after_send(m, core, end)
    return end

"""Which packet RISC-V decodes next, and for which parts (rules: `engine/timing.md` 4 and 5.4)."""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel, merged_kernel
from seneca_sim.kernels.chip_core import (
    pass_positions,
)
from seneca_sim.kernels.chip_machine import (
    core_at,
    feed_at,
    fetch_packet,
    group_of,
    inlet_at,
    look,
    packet_at,
    part_at,
    part_times_at,
    port_at,
    queued_at,
    settings_of,
)
from seneca_sim.kernels.chip_packets import (
    EVENTS,
    after_entry,
    release_packet,
)
from seneca_sim.kernels.chip_wheel import wake_port

__all__ = [
    "BLOCKED_CREDIT",
    "BLOCKED_NETWORK",
    "BLOCKED_ROOM",
    "BLOCKED_SLOT",
    "NOTHING",
    "UNSURE",
    "enter_part",
    "may_replay",
    "next_feed",
    "note_start",
    "take_packet",
    "waiting_state",
]

NOTHING, UNSURE = 0, -1
"""Instead of the end of a job: none is possible; one may become possible by an arrival that is not known yet."""
BLOCKED_NETWORK, BLOCKED_ROOM, BLOCKED_SLOT, BLOCKED_CREDIT = 1, 2, 4, 8
"""What a core lacks, one bit each."""


@inner_kernel
def may_replay(unit: Any) -> bool:
    """Return whether a core may have something to replay when it has nothing else to do."""
    return bool(unit.replays and not unit.replay_quiet)


@inner_kernel
def rows_are_free(m: int, unit: Any, packet: Any) -> bool:
    """Return whether a core's current event packet finds free state rows in all its parts; only without row credits may it not."""
    if settings_of(m).credits or packet.kind != EVENTS:
        return True
    for number in range(unit.feeds_left):
        feed = unit.feed if number == 0 else look(m, unit.feeds_at + number)
        inlet = inlet_at(m, feed_at(m, feed).inlet)
        part = part_at(m, inlet.part)
        lowest = part.step * part.height_neurons
        if part.step < settings_of(m).steps:
            lowest += look(m, part.low_row_at + part.row)
        highest = packet.step * part.height_neurons + look(m, inlet.hi_row_at + packet.y)
        if settings_of(m).conventional:
            highest = (packet.step + 1) * part.height_neurons - 1
        if highest > lowest + part.state_rows - 1:
            return False
    return True


@merged_kernel
def take_feeds(m: int, core: int, source: int, number: int, feeds: int) -> bool:
    """Make a packet for some feeds (as at the end of a branch) the current one, unless its rows are not free."""
    unit = core_at(m, core)
    if unit.packet != number:  # else it was looked up when it had to wait
        unit.packet, unit.feed, unit.feeds_left = number, feeds >> 1, 1
        if feeds & 1:
            unit.feeds_at = (feeds >> 1) + 1
            unit.feed, unit.feeds_left = look(m, unit.feeds_at), look(m, unit.feeds_at - 1)
    if not rows_are_free(m, unit, packet_at(m, number)):
        unit.blocked |= BLOCKED_CREDIT
        return False
    unit.source = source
    unit.started = 0
    unit.fresh_packet = 1
    return True


@inner_kernel
def take_looped(m: int, core: int) -> bool:
    """Make the packet that a core sent to itself the current one, unless its rows are not free."""
    number = core_at(m, core).loop_packet
    return take_feeds(m, core, 1, number, group_of(m, packet_at(m, number).group).local)


@merged_kernel
def take_packet(m: int, core: int, now: int, exact: bool) -> int:
    """Choose the next packet to decode: 1 if there is one, else NOTHING, or UNSURE if one may still arrive before a replay."""
    unit = core_at(m, core)
    if unit.loop_packet >= 0 and take_looped(m, core):
        return 1
    if unit.queue_first < 0:
        return UNSURE if may_replay(unit) and not exact else NOTHING
    entry = queued_at(m, unit.queue_first)
    if entry.time > now:
        unit.retry = min(unit.retry, entry.time)
        return NOTHING
    return 1 if take_feeds(m, core, 2, entry.packet, entry.feeds) else NOTHING


@merged_kernel
def next_feed(m: int, core: int, end: int) -> None:
    """Go on to the next part that the packet reaches; after the last one the packet leaves when the job ends."""
    unit = core_at(m, core)
    unit.started = 0
    unit.feeds_left -= 1
    if unit.feeds_left > 0:
        unit.feeds_at += 1
        unit.feed = look(m, unit.feeds_at)
        return
    if unit.source == 1:
        unit.loop_packet = -1
    else:
        entry = queued_at(m, unit.queue_first)
        entry.time = end
        entry.packet = packet_at(m, unit.packet).flits
        unit.queue_first = after_entry(m, unit.queue_first, unit.queue_last)
        if unit.queue_first >= 0:
            fetch_packet(m, queued_at(m, unit.queue_first).packet)
        if unit.awaited:
            unit.awaited = 0
            wake_port(m, unit.node * 5 + 4, max(end, port_at(m, unit.node * 5 + 4).busy))
    release_packet(m, unit.packet)
    unit.packet = -1
    unit.source = 0


@inner_kernel
def note_start(m: int, part: int, step: int, now: int) -> None:
    """Note the first job for a part in a step."""
    if part_at(m, part).noted_step == step:
        return
    part_at(m, part).noted_step = step
    if part_times_at(m, step * settings_of(m).n_parts + part).start < 0:
        part_times_at(m, step * settings_of(m).n_parts + part).start = now


@merged_kernel
def enter_part(m: int, feed: int, step: int, now: int, frontier: int) -> None:
    """Move the frontier at an inlet, and note that the step has begun at its part."""
    pass_positions(m, feed, frontier)
    inlet = inlet_at(m, feed_at(m, feed).inlet)
    note_start(m, inlet.part, step, now)
    if not inlet.delayed:
        part = part_at(m, inlet.part)
        if part.seen_step < step + 1:
            part.seen_step = step + 1
            core_at(m, part.core).replay_quiet = 0


@inner_kernel
def waiting_state(unit: Any) -> int:
    """Return why a core that found nothing to do does nothing: its place in `engine.counts.CORE_STATES`."""
    if unit.blocked & BLOCKED_NETWORK:
        return 1
    if unit.blocked & BLOCKED_ROOM:
        return 2
    if unit.blocked & BLOCKED_SLOT:
        return 3
    if unit.blocked & BLOCKED_CREDIT:
        return 4
    return 5 if unit.unfinished > 0 or unit.record_head >= 0 else 6

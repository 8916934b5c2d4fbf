"""RISC-V decodes packets and pushes integrate tasks (rules: `engine/timing.md` 5.4 and 6)."""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel, merged_kernel
from seneca_sim.kernels.chip_batch import (
    is_plain,
    push_rest,
)
from seneca_sim.kernels.chip_core import (
    begin_job,
)
from seneca_sim.kernels.chip_fire import (
    is_ready,
)
from seneca_sim.kernels.chip_intake import (
    BLOCKED_SLOT,
    NOTHING,
    enter_part,
    may_replay,
    next_feed,
    take_packet,
    waiting_state,
)
from seneca_sim.kernels.chip_integrate import (
    channels_of,
    convolve,
    gather,
    group_begin,
    packet_cost,
)
from seneca_sim.kernels.chip_machine import (
    channel_at,
    core_at,
    feed_at,
    grant_at,
    inlet_at,
    inlet_counts_at,
    look,
    packet_at,
    part_at,
    settings_of,
    state_at,
    touched_at,
)
from seneca_sim.kernels.chip_packets import (
    CREDIT,
    TOKEN,
)

__all__ = ["decode", "decode_on"]


@inner_kernel
def prepare(m: int, core: int, inlet: Any, packet: Any) -> None:
    """Point at the first group and kernel position of an event packet."""
    unit = core_at(m, core)
    unit.started = 1
    unit.neuron_row = look(m, inlet.rows_at + packet.y)
    unit.neuron_column = look(m, inlet.columns_at + packet.x)
    unit.value = group_begin(m, inlet, packet, 0)
    unit.fresh_scope = 1


@merged_kernel
def enter(m: int, core: int, feed: int, step: int, now: int, frontier: int) -> None:
    """Move the frontier at an inlet; if its part's next position becomes ready, the next choice is open."""
    enter_part(m, feed, step, now, frontier)
    part = part_at(m, inlet_at(m, feed_at(m, feed).inlet).part)
    if not part.ready and part.step < settings_of(m).steps and is_ready(m, part):
        core_at(m, core).limit = core_at(m, core).quiet = 0


@merged_kernel
def note_first(m: int, core: int, feed: int, packet: Any, now: int) -> None:
    """Note what the first job of an event packet brings: the frontier, touched marks and counts of values."""
    inlet_number = feed_at(m, feed).inlet
    inlet = inlet_at(m, inlet_number)
    part = part_at(m, inlet.part)
    enter(m, core, feed, packet.step, now, packet.step * inlet.plane + packet.y * inlet.width + packet.x)
    dropped = 0
    if inlet.grouped:
        for value in range(packet.count):
            dropped += channels_of(m, inlet, channel_at(m, packet.value + value)) == 0
    counts = inlet_counts_at(m, packet.step * settings_of(m).n_inlets + inlet_number)
    counts.packets += 1
    counts.values += packet.count
    counts.dropped_values += dropped
    if dropped == packet.count or packet.step < part.touched_from or inlet.masked:
        return
    rows, columns = inlet.touch_rows_at + packet.y, inlet.touch_columns_at + packet.x
    for row in range(look(m, rows), look(m, rows + 1)):
        line = part.touched_at + look(m, row) * part.columns
        for column in range(look(m, columns), look(m, columns + 1)):
            touched_at(m, line + look(m, column)).step = packet.step


@inner_kernel
def decode(m: int, core: int, now: int, exact: bool) -> int:
    """Do one decode job; return its end, NOTHING if none is possible, UNSURE if a packet may still arrive before a replay."""
    unit, settings = core_at(m, core), settings_of(m)
    if unit.source == 0:
        taken = take_packet(m, core, now, exact)
        if taken != 1:
            return taken
    packet = packet_at(m, unit.packet)
    if packet.kind == CREDIT:
        grant_at(m, packet.feed).received += 1
        unit.limit = unit.quiet = unit.replay_quiet = 0
        end = begin_job(m, core, now, settings.rv_token)
        inlet_counts_at(m, packet.step * settings_of(m).n_inlets + feed_at(m, packet.feed).inlet).credits += 1
        inlet_counts_at(m, packet.step * settings_of(m).n_inlets + feed_at(m, packet.feed).inlet).rv_cycles += end - now
        next_feed(m, core, end)
        return end
    feed_number = unit.feed
    inlet_number = feed_at(m, feed_number).inlet
    inlet = inlet_at(m, inlet_number)
    if packet.kind == TOKEN:
        enter(m, core, feed_number, packet.step, now, packet.step * inlet.plane + (packet.y + 1) * inlet.width)
        end = begin_job(m, core, now, settings.rv_token)
        inlet_counts_at(m, packet.step * settings_of(m).n_inlets + inlet_number).tokens += 1
        inlet_counts_at(m, packet.step * settings_of(m).n_inlets + inlet_number).rv_cycles += end - now
        unit.fresh_packet = 0
        next_feed(m, core, end)
        return end
    if unit.started == 0:
        prepare(m, core, inlet, packet)
    first = unit.started == 1
    if unit.value == packet.count:
        end = begin_job(m, core, now, packet_cost(m, unit, packet))
        inlet_counts_at(m, packet.step * settings_of(m).n_inlets + inlet_number).rv_cycles += end - now
        next_feed(m, core, end)
    elif inlet.gathers:
        end = gather(m, core, feed_number, now)
    else:
        end = convolve(m, core, feed_number, now)
    if end == NOTHING:
        unit.blocked |= BLOCKED_SLOT
        unit.started = 0 if first else 2
        if unit.fresh_packet:  # it becomes the current packet when its first job starts
            unit.source = 0
        return NOTHING
    unit.fresh_packet = 0
    if first:
        note_first(m, core, feed_number, packet, now)
    return end


@merged_kernel
def decode_on(m: int, core: int, end: int) -> int:
    """Do further decode jobs for as long as nothing else can become possible before them; return the end of the last one.

    `limit` is the cycle up to which sending and firing surely stay impossible; a position that becomes ready, and a credit,
    end that. Where no job is possible then, the core is `stuck` until `retry` or an arrival.
    """
    unit = core_at(m, core)
    blocked, retry = unit.blocked, unit.retry
    while end < unit.limit:
        following = end
        if unit.started == 2 and is_plain(m, inlet_at(m, feed_at(m, unit.feed).inlet)):
            following = push_rest(m, core, end)
        if following == end:
            following = decode(m, core, end, False)
        if following > end:
            end = following
            continue
        if may_replay(unit):
            return end
        if unit.retry >= unit.limit or not (unit.source > 0 or unit.queue_first >= 0):
            unit.stuck = 1
            return end
        state_at(m, core * 7 + waiting_state(unit)).cycles += unit.retry - end
        end = unit.job_end = unit.retry
        unit.blocked, unit.retry = blocked, retry
    return end

"""Replay of the values of the step before (rules: `engine/timing.md` 8)."""

from __future__ import annotations

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_core import (
    begin_job,
    row_granted,
)
from seneca_sim.kernels.chip_intake import (
    BLOCKED_CREDIT,
    NOTHING,
)
from seneca_sim.kernels.chip_machine import (
    channel_at,
    core_at,
    emission_at,
    look,
    part_at,
    part_counts_at,
    sender_at,
    settings_of,
    start_at,
)
from seneca_sim.kernels.chip_send import (
    count_values,
    event_packet,
    group_at,
    reaches,
    token_packet,
)

__all__ = ["try_replay"]


@inner_kernel
def try_replay(m: int, core: int, part_number: int, now: int) -> int:
    """Class 5 for one part: replay the next packet, or end the row, of the values of the step before."""
    part, unit, settings = part_at(m, part_number), core_at(m, core), settings_of(m)
    step, row = part.replay_step, part.replay_row
    if part.replay_sender < 0 or step == settings.steps:
        return NOTHING
    if step > 0 and part.done_rows <= (step - 1) * part.rows + row:
        return NOTHING
    if not (part.early_replay or part.seen_step > step):
        return NOTHING
    sender = sender_at(m, part.replay_sender)
    if not row_granted(m, part.replay_sender, step, row):
        unit.blocked |= BLOCKED_CREDIT
        return NOTHING
    counts = part_counts_at(m, step * settings_of(m).n_parts + part_number)
    looked = 0
    last = start_at(m, part.sender * (settings_of(m).steps + 1) + step)
    while part.replay_emission < last:
        emission = emission_at(m, part.replay_emission)
        column = emission.position % sender.width - sender.x0
        if emission.position // sender.width - sender.y0 != row:
            break
        looked += max(0, column + 1 - part.replay_column)
        part.replay_column = max(part.replay_column, column + 1)
        group = group_at(m, sender, row, column)
        if not reaches(m, group) or part.replay_value == emission.count:
            part.replay_emission += 1
            part.replay_value = 0
            continue
        first = emission.value + part.replay_value
        take = min(emission.count - part.replay_value, sender.capacity)
        piece = (channel_at(m, first) - part.c0) // settings.event_fifo + 1
        take = min(take, count_values(m, emission, channel_at(m, first), part.c0 + piece * settings.event_fifo)[1])
        part.replay_value += take
        unit.outbox = event_packet(m, sender, step, group, sender.y0 + row, sender.x0 + column, first, take)
        end = begin_job(m, core, now, settings.rv_replay * looked + settings.rv_out_packet + settings.rv_out * take)
        counts.packets += 1
        counts.replay_values += take
        counts.rv_cycles += end - now
        return end
    cost = settings.rv_replay * (looked + part.columns - part.replay_column)
    if reaches(m, sender.token_group + look(m, sender.row_class_at + row)):
        cost += settings.rv_token
        unit.outbox = token_packet(m, sender, step, row)
        counts.tokens += 1
    end = begin_job(m, core, now, cost)
    counts.rv_cycles += end - now
    part.replay_column = 0
    part.replay_row += 1
    if part.replay_row == part.rows:
        part.replay_row = 0
        part.replay_step += 1
    return end

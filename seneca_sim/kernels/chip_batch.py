"""The decode jobs that are left of a packet at one inlet, all at once (rules: `engine/timing.md` 5.4 and 6).

Jobs and tasks of a packet are alike but for what the first job of a kernel scope pays, so they need no more than a ring of
slots and a few numbers, which stay in registers here.
"""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel, merged_kernel
from seneca_sim.kernels.chip_intake import (
    may_replay,
    next_feed,
)
from seneca_sim.kernels.chip_machine import (
    core_at,
    feed_at,
    inlet_at,
    inlet_counts_at,
    look,
    packet_at,
    settings_of,
    state_at,
    task_slot_at,
    totals_of,
)
from seneca_sim.kernels.chip_wheel import soon

__all__ = ["is_plain", "push_rest"]


@inner_kernel
def is_plain(m: int, inlet: Any) -> bool:
    """Return whether every group of every value becomes a task of the same size."""
    return not (inlet.masked or inlet.gathers or inlet.grouped or settings_of(m).inline)


@merged_kernel
def push_tasks(m: int, core: int, end: int, jobs: int, first: int, groups: int, opening: int, duration: int) -> Any:
    """Push up to `jobs` tasks of a duration, job after job from a cycle on; return (end of the last job, jobs done).

    Job `first` is the first one's number among the `groups` of its kernel scope; each scope's job 0 lasts `opening` cycles,
    the others one. Jobs stop where something else could come before them.
    """
    unit, depth, base = core_at(m, core), settings_of(m).task_fifo, core * settings_of(m).task_fifo
    limit = unit.limit
    patient = not may_replay(unit)
    newest, oldest = unit.next_slot - base, unit.oldest_slot - base
    waiting, most, free_at, waited = unit.waiting_tasks, unit.tasks_max, unit.lc_free, 0
    done, place = 0, first
    while done < jobs and end < limit:
        slot = task_slot_at(m, base + newest).free
        if slot > end:
            if slot >= limit or not patient:
                break
            waited += slot - end
            end = slot
        end += 1 if place > 0 else opening
        place = place + 1 if place + 1 < groups else 0
        while waiting > 0 and task_slot_at(m, base + oldest).free <= end:
            waiting -= 1
            oldest = oldest + 1 if oldest + 1 < depth else 0
        if waiting == 0:
            oldest = newest = 0
        begin = max(end, free_at)
        task_slot_at(m, base + newest).free = begin + 1
        newest = newest + 1 if newest + 1 < depth else 0
        waiting += 1
        most = max(most, waiting)
        free_at = begin + duration
        done += 1
    unit.next_slot, unit.oldest_slot = base + newest, base + oldest
    unit.waiting_tasks, unit.tasks_max, unit.lc_free = waiting, most, free_at
    state_at(m, core * 7 + 3).cycles += waited
    return end, done, waited


@inner_kernel
def push_rest(m: int, core: int, now: int) -> int:
    """Do the jobs left of the current packet at a plain inlet, as long as nothing else can become possible before them.

    Return the end of the last one; the cycle itself if there was none.
    """
    unit, settings = core_at(m, core), settings_of(m)
    packet = packet_at(m, unit.packet)
    inlet_number = feed_at(m, unit.feed).inlet
    inlet = inlet_at(m, inlet_number)
    row_first, column_first = look(m, inlet.rows_at + packet.y), look(m, inlet.columns_at + packet.x)
    height = look(m, inlet.rows_at + packet.y + 1) - row_first
    width = look(m, inlet.columns_at + packet.x + 1) - column_first
    groups = (packet.count + settings.group_size - 1) // settings.group_size
    rounds, scopes, scope = 1, height * width, 0
    if settings.task_scope == 0:
        scope = (unit.neuron_row - row_first) * width + unit.neuron_column - column_first
    elif settings.task_scope == 1:
        rounds, scopes, scope = width, height, unit.neuron_row - row_first
    else:
        rounds, scopes = height * width, 1
    first = unit.value // settings.group_size
    chunks = inlet.chunks * rounds
    duration = max(1, settings.lc_task + chunks * inlet.chunk_cycles)
    opening = 1 if inlet.one_position else max(1, settings.rv_position * rounds)
    left = scopes * groups - (scope * groups + first)
    end, done, waited = push_tasks(m, core, now, left, first, groups, opening, duration)
    if done == 0:
        return now
    counts = inlet_counts_at(m, packet.step * settings.n_inlets + inlet_number)
    ahead = first + done
    full, value = ahead // groups, min(packet.count, ahead % groups * settings.group_size)
    counts.tasks += done
    counts.rounds += rounds * done
    counts.chunks += chunks * done
    counts.sops += inlet.channels * rounds * (full * packet.count + value - unit.value)
    counts.lc_cycles += duration * done
    counts.rv_cycles += end - now - waited
    state_at(m, core * 7).cycles += end - now - waited
    unit.lc_busy += duration * done
    unit.job_end = end
    totals_of(m).events_done += 2 * done
    soon(m, unit.lc_free)
    unit.value = value
    unit.fresh_scope = value == 0
    scope += full
    if scope == scopes:
        next_feed(m, core, end)
    elif settings.task_scope == 0:
        unit.neuron_row, unit.neuron_column = row_first + scope // width, column_first + scope % width
    else:
        unit.neuron_row = row_first + scope
    return int(end)

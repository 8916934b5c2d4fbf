"""RISC-V: one job at a time, chosen by class (rules: `engine/timing.md` 5 and 8).

RISC-V runs ahead of the wheel as long as its next choice depends only on what the core itself does; where it depends on the
network (room to inject, a packet that may still arrive), it waits for the wheel to reach that cycle.
"""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inner_kernel, merged_kernel
from seneca_sim.kernels.chip_core import (
    settle,
)
from seneca_sim.kernels.chip_decode import (
    decode,
    decode_on,
)
from seneca_sim.kernels.chip_fire import (
    try_fire,
)
from seneca_sim.kernels.chip_intake import (
    BLOCKED_CREDIT,
    BLOCKED_NETWORK,
    NOTHING,
    UNSURE,
    may_replay,
    waiting_state,
)
from seneca_sim.kernels.chip_machine import (
    core_at,
    look,
    state_at,
)
from seneca_sim.kernels.chip_packets import (
    NEVER,
)
from seneca_sim.kernels.chip_replay import (
    try_replay,
)
from seneca_sim.kernels.chip_send import (
    send_credit,
    send_record,
    try_inject,
)
from seneca_sim.kernels.chip_wheel import wake_core

__all__ = ["riscv"]

RUN_AHEAD = 64


@merged_kernel
def fire_any(m: int, core: int, now: int) -> int:
    """Class 3: fire the first possible position; return the job's end, or NOTHING."""
    unit = core_at(m, core)
    if not unit.quiet:
        before, unit.blocked = unit.blocked, 0
        for index in range(unit.parts_at, unit.parts_at + unit.n_parts):
            end = try_fire(m, core, look(m, index), now)
            if end != NOTHING:
                return end
        unit.fire_blocked = unit.blocked
        unit.quiet = unit.blocked & ~BLOCKED_CREDIT == 0
        unit.blocked = before
    unit.blocked |= unit.fire_blocked
    return NOTHING


@inner_kernel
def replay_any(m: int, core: int, now: int) -> int:
    """Class 5: replay for the first possible part; return the job's end, or NOTHING."""
    unit = core_at(m, core)
    before, unit.blocked = unit.blocked, 0
    for index in range(unit.parts_at, unit.parts_at + unit.n_parts):
        end = try_replay(m, core, look(m, index), now)
        if end != NOTHING:
            unit.quiet = 0
            return end
    unit.replay_blocked = unit.blocked
    unit.replay_quiet = 1
    unit.blocked |= before
    return NOTHING


@merged_kernel
def next_job(m: int, core: int, now: int, exact: bool) -> int:
    """Start the first possible job of a core; return its end, NOTHING, or UNSURE."""
    unit = core_at(m, core)
    unit.blocked = 0
    unit.stuck = 0
    unit.retry = NEVER
    settle(m, core, now)
    if unit.outbox >= 0:
        end = try_inject(m, core, now, exact)
        if end != NOTHING:
            return end
    else:
        if unit.pending_credits > 0:
            return send_credit(m, core, now)
        if unit.record_head >= 0:
            end = send_record(m, core, now) if unit.send_at <= now else NOTHING
            if end != NOTHING:
                return end
            unit.retry = unit.send_at
    end = fire_any(m, core, now)
    if end != NOTHING:
        return end
    if unit.replay_quiet and unit.outbox < 0:
        unit.blocked |= unit.replay_blocked
    unit.limit = unit.retry if unit.outbox < 0 and unit.blocked & ~BLOCKED_CREDIT == 0 else 0
    end = decode(m, core, now, exact)
    if end != NOTHING:
        return end if end == UNSURE else decode_on(m, core, end)
    return replay_any(m, core, now) if unit.outbox < 0 and may_replay(unit) else NOTHING


@merged_kernel
def rest(m: int, core: int, now: int) -> None:
    """Do nothing from now on, until an arrival or the cycle in which a choice may differ by itself."""
    unit = core_at(m, core)
    unit.idle = 1
    unit.idle_since = now
    unit.idle_state = waiting_state(unit)
    if unit.retry < NEVER:
        wake_core(m, core, unit.retry)


@inner_kernel
def waits_for_itself(unit: Any) -> bool:
    """Return whether nothing from outside can end a core's waiting before `retry`: its next packet is there already."""
    if unit.retry == NEVER or unit.blocked & BLOCKED_NETWORK or may_replay(unit):
        return False
    return bool(unit.source > 0 or unit.queue_first >= 0)


@inner_kernel
def riscv(m: int, core: int, cycle: int) -> None:
    """Let a core's RISC-V work from a cycle on."""
    unit = core_at(m, core)
    unit.wake = NEVER
    if unit.job_end > cycle:
        wake_core(m, core, unit.job_end)
        return
    if unit.idle:
        state_at(m, core * 7 + unit.idle_state).cycles += cycle - unit.idle_since
        unit.idle = 0
    now = cycle
    for _ in range(RUN_AHEAD):
        end = next_job(m, core, now, now == cycle)
        if end == UNSURE:
            break
        if unit.stuck:
            now, end = end, NOTHING
        if end == NOTHING:
            if not waits_for_itself(unit):
                rest(m, core, now)
                return
            end = unit.job_end = unit.retry
            state_at(m, core * 7 + waiting_state(unit)).cycles += end - now
        now = end
    wake_core(m, core, now)

"""RISC-V: one job at a time, chosen by class (rules: `engine/timing.md` 5 and 8).

RISC-V runs ahead of the wheel as long as its next choice depends only on what the core itself does; where it depends on the
network (room to inject, a packet that may still arrive), it waits for the wheel to reach that cycle.
"""

from __future__ import annotations

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_core import (
    settle,
)
from seneca_sim.kernels.chip_decode import (
    decode,
)
from seneca_sim.kernels.chip_fire import (
    try_fire,
)
from seneca_sim.kernels.chip_intake import (
    BLOCKED_CREDIT,
    BLOCKED_NETWORK,
    BLOCKED_ROOM,
    BLOCKED_SLOT,
    NOTHING,
    UNSURE,
)
from seneca_sim.kernels.chip_machine import (
    core_at,
    look,
    record_at,
    state_at,
)
from seneca_sim.kernels.chip_packets import (
    NEVER,
    wake_core,
)
from seneca_sim.kernels.chip_replay import (
    try_replay,
)
from seneca_sim.kernels.chip_send import (
    send_credit,
    send_record,
    try_inject,
)

__all__ = ["riscv"]

RUN_AHEAD = 64


@inner_kernel
def next_job(m: int, core: int, now: int, exact: bool) -> int:
    """Start the first possible job of a core; return its end, NOTHING, or UNSURE."""
    unit = core_at(m, core)
    unit.blocked = 0
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
            end = send_record(m, core, now)
            if end != NOTHING:
                return end
    for index in range(unit.parts_at, unit.parts_at + unit.n_parts):
        end = try_fire(m, core, look(m, index), now)
        if end != NOTHING:
            return end
    unit.limit = 0
    if unit.outbox < 0 and unit.blocked & ~BLOCKED_CREDIT == 0:
        unit.limit = unit.retry
        if unit.record_head >= 0:
            unit.limit = min(unit.limit, record_at(m, unit.record_head).visible)
    end = decode(m, core, now, exact)
    if end != NOTHING:
        return end
    if unit.outbox < 0:
        for index in range(unit.parts_at, unit.parts_at + unit.n_parts):
            end = try_replay(m, core, look(m, index), now)
            if end != NOTHING:
                return end
    return NOTHING


@inner_kernel
def rest(m: int, core: int, now: int) -> None:
    """Note why a core does nothing from now on, and when that may change by itself."""
    unit = core_at(m, core)
    unit.idle = 1
    unit.idle_since = now
    if unit.blocked & BLOCKED_NETWORK:
        unit.idle_state = 1
    elif unit.blocked & BLOCKED_ROOM:
        unit.idle_state = 2
    elif unit.blocked & BLOCKED_SLOT:
        unit.idle_state = 3
    elif unit.blocked & BLOCKED_CREDIT:
        unit.idle_state = 4
    elif unit.unfinished > 0 or unit.record_head >= 0:
        unit.idle_state = 5
    else:
        unit.idle_state = 6
    if unit.retry < NEVER:
        wake_core(m, core, unit.retry)


@inner_kernel
def riscv(m: int, core: int, cycle: int) -> None:
    """Let a core's RISC-V work from a cycle on."""
    unit = core_at(m, core)
    if unit.wake <= cycle:
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
        if end == NOTHING:
            rest(m, core, now)
            return
        if end == UNSURE:
            break
        now = end
    wake_core(m, core, now)

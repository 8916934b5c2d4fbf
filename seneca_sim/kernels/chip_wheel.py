"""The time wheel: what happens when. Slots are cycles modulo the wheel's size; a slot's list may hold later cycles too.

Each cycle has two passes: effects (buffers that become free, arrivals at the host), then decisions. Decisions read only
what is visible, so their order does not matter; effects of one cycle touch different things.
"""

from __future__ import annotations

from seneca_sim.kernels import inner_kernel, merged_kernel
from seneca_sim.kernels.chip_machine import (
    WHEEL_SLOTS,
    core_at,
    due_at,
    entry_at,
    port_at,
    slot_at,
    totals_of,
)

__all__ = [
    "CORES",
    "DECISIONS",
    "EFFECTS",
    "NEVER",
    "PORTS",
    "due_cores",
    "due_ports",
    "schedule",
    "soon",
    "wake_core",
    "wake_port",
]

EFFECTS, DECISIONS, PORTS, CORES = 0, 1, 2, 3
"""Lists of each slot: entries of two passes, and the output ports and cores that decide in the second."""
NEVER = 1 << 60


@inner_kernel
def schedule(m: int, queue: int, time: int, kind: int, unit: int, argument: int) -> None:
    """Put an entry on the wheel at a cycle."""
    totals = totals_of(m)
    node = totals.free_node
    entry = entry_at(m, node)
    totals.free_node = entry.next
    slot = time & (WHEEL_SLOTS - 1)
    entry.time = time
    entry.kind = kind
    entry.unit = unit
    entry.argument = argument
    entry.next = slot_at(m, queue * WHEEL_SLOTS + slot).first
    slot_at(m, queue * WHEEL_SLOTS + slot).first = node
    totals.wheel_count += 1
    totals.nodes_used += 1


@merged_kernel
def unlink_port(m: int, port: int) -> None:
    """Take an output port out of its list."""
    unit = port_at(m, port)
    if unit.next >= 0:
        port_at(m, unit.next).previous = unit.previous
    if unit.previous >= 0:
        port_at(m, unit.previous).next = unit.next
    else:
        slot_at(m, PORTS * WHEEL_SLOTS + (unit.wake & (WHEEL_SLOTS - 1))).first = unit.next
    totals_of(m).wheel_count -= 1


@merged_kernel
def wake_port(m: int, port: int, time: int) -> None:
    """Let an output port arbitrate at a cycle, if it does not before."""
    unit = port_at(m, port)
    if time >= unit.wake:
        return
    if unit.wake < NEVER:
        unlink_port(m, port)
    slot = slot_at(m, PORTS * WHEEL_SLOTS + (time & (WHEEL_SLOTS - 1)))
    unit.wake = time
    unit.previous = -1
    unit.next = slot.first
    if slot.first >= 0:
        port_at(m, slot.first).previous = port
    slot.first = port
    totals_of(m).wheel_count += 1


@merged_kernel
def due_ports(m: int, cycle: int) -> int:
    """Take the output ports that are to arbitrate in a cycle out of their list and note them; return how many."""
    number = slot_at(m, PORTS * WHEEL_SLOTS + (cycle & (WHEEL_SLOTS - 1))).first
    found = 0
    while number >= 0:
        if port_at(m, number).wake == cycle:
            unlink_port(m, number)
            due_at(m, found).count = number
            found += 1
        number = port_at(m, number).next
    return found


@inner_kernel
def unlink_core(m: int, core: int) -> None:
    """Take a core out of its list."""
    unit = core_at(m, core)
    if unit.next >= 0:
        core_at(m, unit.next).previous = unit.previous
    if unit.previous >= 0:
        core_at(m, unit.previous).next = unit.next
    else:
        slot_at(m, CORES * WHEEL_SLOTS + (unit.wake & (WHEEL_SLOTS - 1))).first = unit.next
    totals_of(m).wheel_count -= 1


@merged_kernel
def wake_core(m: int, core: int, time: int) -> None:
    """Let a core's RISC-V look again at a cycle, if it does not before."""
    unit = core_at(m, core)
    if time >= unit.wake:
        return
    if unit.wake < NEVER:
        unlink_core(m, core)
    slot = slot_at(m, CORES * WHEEL_SLOTS + (time & (WHEEL_SLOTS - 1)))
    unit.wake = time
    unit.previous = -1
    unit.next = slot.first
    if slot.first >= 0:
        core_at(m, slot.first).previous = core
    slot.first = core
    totals_of(m).wheel_count += 1


@merged_kernel
def due_cores(m: int, cycle: int) -> int:
    """Take the cores that are to decide in a cycle out of their list and note them; return how many."""
    number = slot_at(m, CORES * WHEEL_SLOTS + (cycle & (WHEEL_SLOTS - 1))).first
    found = 0
    while number >= 0:
        if core_at(m, number).wake == cycle:
            unlink_core(m, number)
            due_at(m, found).count = number
            found += 1
        number = core_at(m, number).next
    return found


@inner_kernel
def soon(m: int, time: int) -> None:
    """Note that an effect becomes visible at a cycle, for the makespan."""
    totals = totals_of(m)
    totals.last_effect = max(totals.last_effect, time)

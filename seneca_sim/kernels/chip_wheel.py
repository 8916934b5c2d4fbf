"""The time wheel: what happens when. Slots are cycles modulo the wheel's size; a slot's list may hold later cycles too.

Each cycle has two passes: effects (buffers that become free, arrivals at the host), then decisions. Decisions read only
what is visible, so their order does not matter; effects of one cycle touch different things.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def _own_list(kind: int, unit_at: Callable[[int, int], Any]) -> tuple[Callable[..., None], Callable[[int, int], int]]:
    """Return how units are put on the wheel by themselves, and how those of a cycle are taken from it: they need no entries."""

    @merged_kernel
    def link(m: int, number: int) -> None:
        """Put a unit, which is in no list, into that of the cycle that it wakes at."""
        unit = unit_at(m, number)
        slot = slot_at(m, kind * WHEEL_SLOTS + (unit.wake & (WHEEL_SLOTS - 1)))
        unit.previous = -1
        unit.next = slot.first
        if slot.first >= 0:
            unit_at(m, slot.first).previous = number
        slot.first = number
        totals_of(m).wheel_count += 1

    @merged_kernel
    def unlink(m: int, number: int) -> None:
        """Take a unit out of its list."""
        unit = unit_at(m, number)
        if unit.next >= 0:
            unit_at(m, unit.next).previous = unit.previous
        if unit.previous >= 0:
            unit_at(m, unit.previous).next = unit.next
        else:
            slot_at(m, kind * WHEEL_SLOTS + (unit.wake & (WHEEL_SLOTS - 1))).first = unit.next
        totals_of(m).wheel_count -= 1

    @merged_kernel
    def wake(m: int, number: int, time: int) -> None:
        """Let a unit decide at a cycle, if it does not before."""
        unit = unit_at(m, number)
        if time >= unit.wake:
            return
        if unit.wake < NEVER:
            unlink(m, number)
        unit.wake = time
        link(m, number)

    @merged_kernel
    def due(m: int, cycle: int) -> int:
        """Take the units that are to decide in a cycle out of their list and note them; return how many."""
        slot = slot_at(m, kind * WHEEL_SLOTS + (cycle & (WHEEL_SLOTS - 1)))
        number, found = slot.first, 0
        slot.first = -1
        while number >= 0:
            following = unit_at(m, number).next
            totals_of(m).wheel_count -= 1
            if unit_at(m, number).wake == cycle:
                due_at(m, found).count = number
                found += 1
            else:
                link(m, number)
            number = following
        return found

    return wake, due


wake_port, due_ports = _own_list(PORTS, port_at)
wake_core, due_cores = _own_list(CORES, core_at)


@inner_kernel
def soon(m: int, time: int) -> None:
    """Note that an effect becomes visible at a cycle, for the makespan."""
    totals = totals_of(m)
    totals.last_effect = max(totals.last_effect, time)

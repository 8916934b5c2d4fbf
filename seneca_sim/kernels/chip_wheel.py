"""The time wheel: what happens when. Slots are cycles modulo the wheel's size; a slot's list may hold later cycles too.

Each cycle has two passes: effects (buffers that become free, arrivals at the host), then decisions. Decisions read only
what is visible, so their order does not matter; effects of one cycle touch different things.
"""

from __future__ import annotations

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_machine import (
    WHEEL_SLOTS,
    entry_at,
    port_at,
    slot_at,
    totals_of,
)

__all__ = ["DECISIONS", "EFFECTS", "NEVER", "PORTS", "link_port", "schedule", "soon"]

EFFECTS = 0
DECISIONS = 1
PORTS = 2
"""Lists of each slot: entries of two passes, and output ports that arbitrate in the second."""
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


@inner_kernel
def link_port(m: int, port: int, time: int) -> None:
    """Put an output port, which is in no list, on the wheel at a cycle: what most entries would be for needs none."""
    unit, slot = port_at(m, port), slot_at(m, PORTS * WHEEL_SLOTS + (time & (WHEEL_SLOTS - 1)))
    unit.linked = time
    unit.next = slot.first
    slot.first = port
    totals_of(m).wheel_count += 1


@inner_kernel
def soon(m: int, time: int) -> None:
    """Note that an effect becomes visible at a cycle, for the makespan."""
    totals = totals_of(m)
    totals.last_effect = max(totals.last_effect, time)

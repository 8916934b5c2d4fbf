"""The time wheel: what happens when. Slots are cycles modulo the wheel's size; a slot's list may hold later cycles too.

Each cycle has two passes: effects (buffers that become free, arrivals at the host), then decisions. Decisions read only
what is visible, so their order does not matter; effects of one cycle touch different things.
"""

from __future__ import annotations

from typing import Any

from seneca_sim.kernels import inline_kernel

__all__ = ["EFFECTS", "DECISIONS", "schedule", "soon"]

EFFECTS = 0
DECISIONS = 1


@inline_kernel
def schedule(m: Any, queue: int, time: int, kind: int, unit: int, argument: int) -> None:
    """Put an entry on the wheel at a cycle."""
    totals = m.totals[0]
    node = totals.free_node
    entry = m.wheel_nodes[node]
    totals.free_node = entry.next
    slot = time & (m.wheel.shape[1] - 1)
    entry.time = time
    entry.kind = kind
    entry.unit = unit
    entry.argument = argument
    entry.next = m.wheel[queue, slot]
    m.wheel[queue, slot] = node
    totals.wheel_count += 1
    totals.nodes_used += 1


@inline_kernel
def soon(m: Any, time: int) -> None:
    """Note that an effect becomes visible at a cycle, for the makespan."""
    totals = m.totals[0]
    totals.last_effect = max(totals.last_effect, time)

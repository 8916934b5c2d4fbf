"""Packets and list entries of the compiled chip: taking them from their pools, giving them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seneca_sim.kernels import inner_kernel, merged_kernel
from seneca_sim.kernels.chip_branches import NOWHERE
from seneca_sim.kernels.chip_machine import (
    BLOCK_ENTRIES,
    block_at,
    entry_at,
    group_of,
    packet_at,
    totals_of,
    waiting_at,
)
from seneca_sim.kernels.chip_wheel import NEVER

__all__ = [
    "CREDIT",
    "EVENTS",
    "HOST_PORT",
    "HOST_RECEIVES",
    "NEVER",
    "SINK",
    "TOKEN",
    "after_entry",
    "give_block",
    "give_entry",
    "give_waiting",
    "new_packet",
    "release_packet",
    "take_block",
    "take_entry",
    "take_waiting",
]

HOST_PORT, HOST_RECEIVES, SINK = 0, 1, 2
"""Kinds of entries of the wheel."""
EVENTS, TOKEN, CREDIT = 0, 1, 2
"""Kinds of packets."""


@inner_kernel
def new_packet(m: int, kind: int, owner: int, step: int, group: int) -> int:
    """Take a packet from the free list; the caller fills in what its kind needs."""
    totals = totals_of(m)
    number = totals.free_packet
    packet = packet_at(m, number)
    totals.free_packet = packet.copies
    totals.packets_used += 1
    packet.kind = kind
    packet.owner = owner
    packet.step = step
    packet.group = group
    packet.y = 0
    packet.x = 0
    packet.value = 0
    packet.count = 0
    packet.flits = 1
    packet.tree = group_of(m, group).tree if group >= 0 else NOWHERE
    packet.copies = 0
    return int(number)


@inner_kernel
def release_packet(m: int, number: int) -> None:
    """Drop one copy of a packet; the last one returns it to the free list."""
    packet = packet_at(m, number)
    packet.copies -= 1
    if packet.copies == 0:
        packet.copies = totals_of(m).free_packet
        totals_of(m).free_packet = number
        totals_of(m).packets_used -= 1


@inner_kernel
def after_entry(m: int, place: int, last: int) -> int:
    """Return the place behind a place of a NoC FIFO; -1 behind the last one."""
    if place == last:
        return -1
    if (place + 1) % BLOCK_ENTRIES > 0:
        return place + 1
    return int(block_at(m, place // BLOCK_ENTRIES).next * BLOCK_ENTRIES)


def _pool(
    unit_at: Callable[[int, int], Any], free: str, used: str
) -> tuple[Callable[[int], int], Callable[[int, int], None]]:
    """Return how a unit is taken from its pool and given back; `free` and `used` are the pool's fields of `TOTALS`."""

    @merged_kernel
    def take(m: int) -> int:
        """Take a unit from the pool."""
        totals = totals_of(m)
        number = totals[free]
        totals[free] = unit_at(m, number).next
        totals[used] += 1
        return int(number)

    @merged_kernel
    def give(m: int, number: int) -> None:
        """Return a unit to the pool."""
        totals = totals_of(m)
        unit_at(m, number).next = totals[free]
        totals[free] = number
        totals[used] -= 1

    return take, give


take_block, give_block = _pool(block_at, "free_block", "blocks_used")
"""Blocks of entries of NoC FIFOs."""
take_waiting, give_waiting = _pool(waiting_at, "free_waiting", "waiting_used")
"""Places for packets that wait in input buffers."""
take_node, give_entry = _pool(entry_at, "free_node", "nodes_used")
"""Entries of the wheel and of other lists."""


@inner_kernel
def take_entry(m: int, time: int, kind: int, unit: int) -> int:
    """Take an entry from the pool, for a list that is not the wheel's."""
    number = take_node(m)
    entry = entry_at(m, number)
    entry.time = time
    entry.kind = kind
    entry.unit = unit
    entry.next = -1
    return number

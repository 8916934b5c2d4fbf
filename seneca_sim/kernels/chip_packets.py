"""Packets and list entries of the compiled chip: taking them from their pools, giving them back."""

from __future__ import annotations

from seneca_sim.kernels import inner_kernel
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
def take_entry(m: int, time: int, kind: int, unit: int) -> int:
    """Take an entry from the pool, for a list that is not the wheel's."""
    totals = totals_of(m)
    number = totals.free_node
    entry = entry_at(m, number)
    totals.free_node = entry.next
    totals.nodes_used += 1
    entry.time = time
    entry.kind = kind
    entry.unit = unit
    entry.next = -1
    return int(number)


@inner_kernel
def after_entry(m: int, place: int, last: int) -> int:
    """Return the place behind a place of a NoC FIFO; -1 behind the last one."""
    if place == last:
        return -1
    if (place + 1) % BLOCK_ENTRIES > 0:
        return place + 1
    return int(block_at(m, place // BLOCK_ENTRIES).next * BLOCK_ENTRIES)


@inner_kernel
def take_block(m: int) -> int:
    """Take a block of entries of a NoC FIFO from the pool."""
    totals = totals_of(m)
    number = totals.free_block
    totals.free_block = block_at(m, number).next
    totals.blocks_used += 1
    return int(number)


@inner_kernel
def give_block(m: int, number: int) -> None:
    """Return a block to the pool."""
    totals = totals_of(m)
    block_at(m, number).next = totals.free_block
    totals.free_block = number
    totals.blocks_used -= 1


@inner_kernel
def take_waiting(m: int) -> int:
    """Take a place for a packet that waits in an input buffer from the pool."""
    totals = totals_of(m)
    number = totals.free_waiting
    totals.free_waiting = waiting_at(m, number).next
    totals.waiting_used += 1
    return int(number)


@inner_kernel
def give_waiting(m: int, number: int) -> None:
    """Return a place to the pool."""
    totals = totals_of(m)
    waiting_at(m, number).next = totals.free_waiting
    totals.free_waiting = number
    totals.waiting_used -= 1


@inner_kernel
def give_entry(m: int, number: int) -> None:
    """Return an entry to the pool."""
    totals = totals_of(m)
    entry_at(m, number).next = totals.free_node
    totals.free_node = number
    totals.nodes_used -= 1

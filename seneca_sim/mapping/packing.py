"""Fewest cores: pieces of layers packed into data memories, several layers on a core where they fit.

Cutting a layer by output channels costs no memory, so the bits of the whole network over the memory of a core is a lower
bound, and packings come close to it. Three are tried and the one with the fewest cores kept, at a tie the one that cuts least:
even pieces by best fit; layers in their order, cut where a core is full; layers with the largest channels first, filling
the gaps of all cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seneca_sim.mapping.geometry import Span
from seneca_sim.mapping.memory import LayerMemory
from seneca_sim.mapping.splits import even_ranges

__all__ = ["Item", "Piece", "lower_bound", "pack", "pack_pieces"]


@dataclass(frozen=True, slots=True)
class Item:
    """A range of rows of a layer, to be cut by channels."""

    layer: int
    channels: int
    rows: Span
    memory: LayerMemory
    map_bits: int
    """States, held outputs and row buffers of one channel."""

    def bits(self, channels: int) -> int:
        """Return the memory of a piece with some channels."""
        return sum(self.memory.channel_kinds(channels)) + channels * self.map_bits if channels else 0

    def most_channels(self, free: int, wanted: int) -> int:
        """Return the most channels, up to `wanted`, that fit into some bits."""
        low, high = 0, wanted
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.bits(middle) <= free else (low, middle - 1)
        return low


@dataclass(frozen=True, slots=True)
class Piece:
    """Some channels of an item, and the core they are on."""

    item: Item
    channels: Span
    core: int


def lower_bound(items: Sequence[Item], limit: int) -> int:
    """Return a number of cores below which the items cannot fit, however they are cut."""
    return -(-sum(item.bits(item.channels) for item in items) // limit)


def pack(items: Sequence[Item], limit: int) -> tuple[Piece, ...]:
    """Return the packing with the fewest cores; each item must fit a core with one channel at least."""
    packings = (_best_fit(items, limit), _in_order(items, limit), _filled_gaps(items, limit))
    return min(packings, key=lambda pieces: len({piece.core for piece in pieces}))


def pack_pieces(sizes: Sequence[tuple[float, ...]], limits: tuple[float, ...]) -> list[int]:
    """Return a core for each piece, by decreasing size on the fullest core that still has room in every respect.

    >>> pack_pieces([(5,), (4,), (3,), (2,)], (7,))
    [0, 1, 1, 0]
    """
    need = np.asarray(sizes, dtype=np.float64).reshape(len(sizes), len(limits))
    room = np.asarray(limits, dtype=np.float64)
    share = (need / np.maximum(room, np.finfo(np.float64).tiny)).max(axis=1)
    used = np.zeros_like(need)
    where, n_cores = [0] * len(need), 0
    for index in np.argsort(-share, kind="stable"):
        roomy = (used[:n_cores] + need[index] <= room).all(axis=1)
        if roomy.any():
            fill = (used[:n_cores] / np.maximum(room, np.finfo(np.float64).tiny)).max(axis=1)
            core = int(np.argmax(np.where(roomy, fill, -1.0)))
        else:
            core, n_cores = n_cores, n_cores + 1
        used[core] += need[index]
        where[index] = core
    return where


def _best_fit(items: Sequence[Item], limit: int) -> tuple[Piece, ...]:
    """Cut each item evenly into as few pieces as fit a core, then pack the pieces."""
    pieces: list[tuple[Item, Span]] = []
    for item in items:
        number = -(-item.bits(item.channels) // limit)
        while True:
            ranges = even_ranges(item.channels, number)
            if max(item.bits(end - start) for start, end in ranges) <= limit:
                break
            number += 1
        pieces += [(item, channels) for channels in ranges]
    where = pack_pieces([(float(item.bits(end - start)),) for item, (start, end) in pieces], (float(limit),))
    return tuple(Piece(item, channels, core) for (item, channels), core in zip(pieces, where, strict=True))


def _in_order(items: Sequence[Item], limit: int) -> tuple[Piece, ...]:
    """Fill one core after the other in the order of the layers."""
    pieces: list[Piece] = []
    core, free = 0, limit
    for item in items:
        start = 0
        while start < item.channels:
            number = item.most_channels(free, item.channels - start)
            if number == 0:
                core, free = core + 1, limit
                continue
            pieces.append(Piece(item, (start, start + number), core))
            free -= item.bits(number)
            start += number
    return tuple(pieces)


def _filled_gaps(items: Sequence[Item], limit: int) -> tuple[Piece, ...]:
    """Place items with the largest channels first, each on all cores with room, in their order."""
    pieces: list[Piece] = []
    free: list[int] = []
    for item in sorted(items, key=lambda each: -each.bits(1)):
        start, core = 0, 0
        while start < item.channels:
            if core == len(free):
                free.append(limit)
            number = item.most_channels(free[core], item.channels - start)
            if number:
                pieces.append(Piece(item, (start, start + number), core))
                free[core] -= item.bits(number)
                start += number
            core += 1
    return tuple(pieces)

"""Multicast trees on the mesh: x first, then y; the host leaves at the west edge."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["EAST", "LOCAL", "NORTH", "SOUTH", "WEST", "Exit", "tree_of"]

NORTH, EAST, SOUTH, WEST, LOCAL = range(5)
Exit = tuple[int, int]
"""(node, port) at which a packet leaves the mesh."""


def tree_of(source: int, exits: Iterable[Exit], columns: int, nodes: int) -> NDArray[np.int8]:
    """Return the output ports (one bit each) that a packet from a router takes at every router on its way to all exits.

    >>> tree_of(0, [(3, LOCAL), (1, LOCAL)], columns=2, nodes=4).tolist()
    [2, 20, 0, 16]
    """
    ports, left, top = bytearray(nodes), source % columns, source // columns
    spans: dict[int, tuple[int, int]] = {}  # column -> the first and the last row that its exits reach
    for target, port in exits:
        ports[target] |= 1 << port
        y, x = divmod(target, columns)
        first, last = spans.get(x, (top, top))
        spans[x] = min(first, y), max(last, y)
    for x in range(left, max(spans, default=left)):
        ports[top * columns + x] |= 1 << EAST
    for x in range(min(spans, default=left) + 1, left + 1):
        ports[top * columns + x] |= 1 << WEST
    for x, (first, last) in spans.items():
        for y in range(top, last):
            ports[y * columns + x] |= 1 << SOUTH
        for y in range(first + 1, top + 1):
            ports[y * columns + x] |= 1 << NORTH
    return np.frombuffer(ports, dtype=np.int8)

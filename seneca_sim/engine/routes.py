"""Multicast trees on the mesh: x first, then y; the host leaves at the west edge."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["EAST", "LOCAL", "NORTH", "SOUTH", "WEST", "Exit", "neighbours", "tree_of"]

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


def neighbours(columns: int, nodes: int) -> NDArray[np.int64]:
    """Return the router behind each of the output ports 0 to 3 of every router (nodes, 4); -1 where the mesh ends.

    >>> neighbours(2, 4).tolist()
    [[-1, 1, 2, -1], [-1, -1, 3, 0], [0, 3, -1, -1], [1, -1, -1, 2]]
    """
    y, x = np.divmod(np.arange(nodes), columns)
    exists = (y > 0, x < columns - 1, y < nodes // columns - 1, x > 0)
    steps = (-columns, 1, columns, -1)
    behind = [np.where(there, np.arange(nodes) + step, -1) for there, step in zip(exists, steps, strict=True)]
    return np.stack(behind, axis=1)

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
    ports = bytearray(nodes)
    for target, port in exits:
        x, y = source % columns, source // columns
        target_x, target_y = target % columns, target // columns
        while x != target_x:
            ports[y * columns + x] |= 1 << (EAST if x < target_x else WEST)
            x += 1 if x < target_x else -1
        while y != target_y:
            ports[y * columns + x] |= 1 << (SOUTH if y < target_y else NORTH)
            y += 1 if y < target_y else -1
        ports[target] |= 1 << port
    return np.frombuffer(ports, dtype=np.int8)

"""Sizes that nodes state for rows and columns, checked."""

from __future__ import annotations

from seneca_sim.errors import GraphError
from seneca_sim.graph.nodes import Pair

__all__ = ["MAX_SIDE", "checked_pair"]

MAX_SIDE = 1 << 20
"""Largest size, stride or padding."""


def checked_pair(where: str, name: str, value: Pair, least: int) -> tuple[int, int]:
    """Return the pair (rows, columns) of a number or pair that is at least `least`."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2 or not all(isinstance(n, int) and least <= n <= MAX_SIDE for n in both):
        raise GraphError(f"{where}: {name} is {value}, expected an integer of at least {least}, or two (rows, columns)")
    return both[0], both[1]

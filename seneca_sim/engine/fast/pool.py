"""One array for many small tables: each is stored once and found by its offset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["TablePool"]


@dataclass(slots=True, eq=False)
class TablePool:
    """Append-only int32 tables; equal tables share their place.

    >>> pool = TablePool()
    >>> pool.add([3, 4]), pool.add([5]), pool.add([3, 4])
    (0, 2, 0)
    """

    chunks: list[NDArray[np.int32]] = field(default_factory=list)
    size: int = 0
    known: dict[bytes, int] = field(default_factory=dict)
    ragged: dict[tuple[tuple[int, ...], ...], int] = field(default_factory=dict)

    def add(self, values: Sequence[int] | NDArray[np.int32]) -> int:
        """Store a table and return its offset."""
        table = np.asarray(values, dtype=np.int32)
        key = table.tobytes()
        if key not in self.known:
            self.known[key] = self.size
            self.chunks.append(table)
            self.size += len(table)
        return self.known[key]

    def add_ragged(self, lists: Sequence[Sequence[int]]) -> int:
        """Store lists back to back; return the offset of a table of their absolute bounds (one more than lists)."""
        key = tuple(tuple(values) for values in lists)
        if key not in self.ragged:
            flat = [value for values in key for value in values]
            base = self.add(flat) if flat else 0
            self.ragged[key] = self.add(base + np.cumsum([0, *map(len, key)]).astype(np.int32))
        return self.ragged[key]

    def array(self) -> NDArray[np.int32]:
        """Return all tables in one array."""
        return np.concatenate([*self.chunks, np.zeros(1, np.int32)])

"""Arrays of records to begin with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels.chip_machine import zeros

__all__ = ["fill", "filled", "free_list"]


def fill(record: Any, **values: Any) -> None:
    """Set fields of a record."""
    for name, value in values.items():
        record[name] = value


def filled(size: int, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return records whose fields are all -1: none, or not yet."""
    table = zeros(size, dtype)
    for name in dtype.names or ():
        table[name] = -1
    return table


def free_list(dtype: np.dtype[np.void], size: int, link: str) -> NDArray[np.void]:
    """Return records that are all free, chained through a field."""
    pool = zeros(size, dtype)
    pool[link] = np.arange(1, size + 1)
    pool[link][-1] = -1
    return pool

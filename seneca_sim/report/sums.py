"""Sums by owner: of counts of parts, inlets and edges over layers and cores."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["summed"]

Number = TypeVar("Number", np.int64, np.float64)


def summed(values: NDArray[Number], owners: NDArray[np.int64], n_owners: int) -> NDArray[Number]:
    """Sum rows of values over their owners, (owners, ...).

    >>> summed(np.array([1, 2, 4]), np.array([0, 2, 0]), 3).tolist()
    [5, 0, 2]
    """
    totals = np.zeros((n_owners, *values.shape[1:]), dtype=values.dtype)
    np.add.at(totals, owners, values)
    return totals

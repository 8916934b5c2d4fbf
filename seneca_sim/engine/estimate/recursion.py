"""The recursion of a server in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["completed"]

Real = NDArray[np.float64]


def completed(cost: Real, least: Real, before: float) -> Real:
    """Return c of ``c[k] = max(c[k - 1] + cost[k], least[k])``, where c[-1] is `before`.

    A job that costs some cycles ends so long after the one before, and no sooner than it can. The solution is a running maximum
    over cumulative sums.

    >>> completed(np.array([2.0, 3.0, 1.0, 1.0]), np.array([2.0, 9.0, 0.0, 0.0]), 1.0)
    array([ 3.,  9., 10., 11.])
    """
    through = np.cumsum(cost)
    return np.asarray(through + np.maximum.accumulate(np.maximum(least - through, before)))

"""Arrays of networks whose weights are not public: one zero, broadcast to the shape, so that they take no memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_placeholder", "placeholder", "values_of"]


def placeholder(*shape: int) -> NDArray[np.float32]:
    """Return zeros of a shape that take no memory and cannot be written.

    >>> weight = placeholder(256, 256, 3, 3)
    >>> weight.shape, weight.base.nbytes, is_placeholder(weight)
    ((256, 256, 3, 3), 4, True)
    """
    return np.broadcast_to(np.float32(0), shape)


def is_placeholder(array: NDArray[Any]) -> bool:
    """Return whether an array is one number, broadcast.

    >>> is_placeholder(placeholder(8)), is_placeholder(np.zeros(8))
    (True, False)
    """
    return array.size > 1 and not any(array.strides)


def values_of(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that holds the values of another, without its repetitions if it is a placeholder.

    >>> values_of(placeholder(256, 256)).shape, values_of(np.zeros((2, 2))).shape
    ((1, 1), (2, 2))
    """
    return array[(slice(0, 1),) * array.ndim] if is_placeholder(array) else array

"""Maps that are held for some time steps: sums on their way (`Layer.delay`) and neurons that delay (`Delay`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DelayLine"]

Map = NDArray[Any]


class DelayLine:
    """A ring of the last maps (positions, channels); memory is (longest delay + 1) maps."""

    def __init__(self, steps: Any, shape: tuple[int, int], dtype: Any) -> None:
        numbers = np.broadcast_to(np.asarray(steps).reshape(-1).astype(np.int64), (shape[1],))
        self.channels = {int(number): np.flatnonzero(numbers == number) for number in np.unique(numbers)}
        """The channels of each delay."""
        self.ring = np.zeros((max(self.channels) + 1, *shape), dtype)
        self.now = 0

    def restart(self) -> None:
        """Forget all maps."""
        self.ring[:] = 0

    def passed(self, x: Map, y: Map) -> Map:
        """Take in a map; fill y with what was taken in so many steps ago, 0 before the first.

        >>> line = DelayLine(1, (1, 2), np.int64)
        >>> [line.passed(np.full((1, 2), step), np.zeros((1, 2))).tolist() for step in (5, 7)]
        [[[0.0, 0.0]], [[5.0, 5.0]]]
        """
        self.ring[self.now] = x
        for steps, channels in self.channels.items():
            past = self.ring[(self.now - steps) % len(self.ring)]
            if len(self.channels) == 1:
                y[:] = past
            else:
                y[:, channels] = past[:, channels]
        self.now = (self.now + 1) % len(self.ring)
        return y

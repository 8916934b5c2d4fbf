"""What flows through an ONNX graph while it is converted: constants, and signals that a node of our graph sends.

ONNX tensors are arrays of any rank; our maps are (channels, rows, columns). A signal says how its tensor enumerates its
map, so that reshapes and transpositions cost nothing until an operator needs one axis in particular.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.neurons import Quantise
from seneca_sim.graph.nodes import Array
from seneca_sim.graph.shapes import Shape

__all__ = ["Codes", "Constant", "Signal", "Value", "Zeros", "signed_bits"]


def signed_bits(low: int, high: int) -> int:
    """Return the bits of the narrowest signed integers that hold a range.

    >>> signed_bits(-8, 7), signed_bits(0, 255)
    (4, 9)
    """
    return max((-low - 1).bit_length(), high.bit_length()) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """An array that does not depend on the input; quantised weights keep their integers: array = scale * codes."""

    array: Array
    codes: Array | None = None
    scale: Array | None = None
    """Of the rank of `array`, broadcasting to it."""
    bits: int | None = None
    """Width of the codes."""


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """A tensor between QuantizeLinear and DequantizeLinear: the quantiser that the pair stands for."""

    name: str
    """The QuantizeLinear node."""
    quantiser: Quantise
    zero: Array
    scale: Array
    """Both as QuantizeLinear states them, broadcasting to the tensor."""


@dataclass(frozen=True, slots=True)
class Zeros:
    """Zeros around a map, for the next operator: top, left, bottom, right."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """What a node sends: the tensor's row-major order is that of ``map transposed by order``."""

    node: str
    shape: tuple[int, ...]
    map: Shape
    order: tuple[int, int, int] = (0, 1, 2)
    dropped: str | None = None
    """The operator at the network's end (Softmax ...) that was left out in front of this value."""
    codes: Codes | None = None
    zeros: Zeros | None = None

    def axes(self) -> tuple[int | None, ...] | None:
        """Return the axis of the map that each axis of the tensor runs along; None if axes were joined or split.

        >>> Signal("relu", (1, 4, 4, 8), (8, 4, 4), (1, 2, 0)).axes()
        (None, 1, 2, 0)
        >>> Signal("relu", (1, 128), (8, 4, 4)).axes() is None
        True
        """
        sizes = tuple(self.map[axis] for axis in self.order)
        if self.shape == (1, *sizes):
            return (None, *self.order)
        wide = [axis for axis in self.order if self.map[axis] > 1]
        if [size for size in self.shape if size > 1] != [self.map[axis] for axis in wide]:
            return None
        found: list[int | None] = [None if size == 1 else wide.pop(0) for size in self.shape]
        if 0 not in found and len(found) > 1 and self.shape[1] == 1:
            found[1] = 0  # a single channel
        return tuple(found)

    @property
    def is_vector(self) -> bool:
        """Whether the tensor is one axis of values beside axes of size one."""
        return max(self.shape, default=1) == prod(self.shape)

    def is_channel_first(self) -> bool:
        """Return whether the tensor is (1, channels, ...) in the order of the map."""
        axes = self.axes()
        if axes is None or len(axes) < 2 or axes[1] not in (0, None) or self.shape[1] != self.map[0]:
            return False
        inner = [axis for axis in axes if axis is not None]
        return inner == sorted(inner)

    def transposed(self, permutation: tuple[int, ...]) -> Signal | None:
        """Return the signal with its tensor's axes in another order; None if axes were joined or split."""
        axes = self.axes()
        if axes is None:
            return None
        order = [axis for axis in (axes[place] for place in permutation) if axis is not None]
        order += [axis for axis in self.order if axis not in order]
        shape = tuple(self.shape[place] for place in permutation)
        return replace(self, shape=shape, order=(order[0], order[1], order[2]))

    def in_map_order(self, array: Array) -> Array:
        """Return an array over the tensor's places (last axis) with its last axis in the order of the map."""
        sizes = [self.map[axis] for axis in self.order]
        grid = array.reshape(*array.shape[:-1], *sizes)
        first = array.ndim - 1
        back = [first + int(place) for place in np.argsort(self.order)]
        return grid.transpose(*range(first), *back).reshape(array.shape)

    def per_channel(self, constant: Array) -> NDArray[np.float64] | None:
        """Return a constant that combines with the tensor by broadcasting as (1,) or (channels,); None if it cannot be."""
        try:
            full = np.broadcast_to(np.asarray(constant, np.float64), self.shape)
        except ValueError:
            return None
        grid = self.in_map_order(full.reshape(-1)).reshape(self.map[0], -1)
        if not np.array_equal(grid, np.broadcast_to(grid[:, :1], grid.shape), equal_nan=True):
            return None
        channel = grid[:, 0].copy()
        return channel[:1] if np.array_equal(channel, np.full_like(channel, channel[0]), equal_nan=True) else channel


Value: TypeAlias = Constant | Signal

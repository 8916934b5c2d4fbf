"""The operators of a graph: each a dataclass whose docstring is its equation and whose fields are the equation's symbols.

x is what arrives: the sum over all incoming links (`Concat` joins them instead), as a map (channels, rows, columns).
Vectors of n values are maps (n, 1, 1). Neurons are nodes too; they live in `graph.neurons`.

Weights are int8, int16, int32 or float arrays. The value that a weight stands for is ``scale * weight``; `scale` is one
number or one per output channel. A `mask` (shape of the weight) is False where training fixed a weight to zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.neurons import CubaLif, Identity, If, Li, Lif, Neuron, Relu, SigmaDelta, ThresholdRelu

__all__ = [
    "NODE_TYPES",
    "Add",
    "Affine",
    "AvgPool2d",
    "BatchNorm2d",
    "Concat",
    "Conv2d",
    "Dense",
    "Flatten",
    "Input",
    "MaxPool2d",
    "Node",
    "Output",
    "SumPool2d",
    "pair",
]

Array: TypeAlias = NDArray[Any]
Pair: TypeAlias = int | tuple[int, int]
"""One number for rows and columns, or (rows, columns)."""


def pair(value: Pair) -> tuple[int, int]:
    """Return (rows, columns).

    >>> pair(2), pair((1, 2))
    ((2, 2), (1, 2))
    """
    return (value, value) if isinstance(value, int) else (value[0], value[1])


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """The host's events: a map (channels, rows, columns), (channels, columns), or (n,)."""

    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """x goes to the host."""


@dataclass(frozen=True, slots=True, eq=False)
class Conv2d:
    """y[o] = scale[o] * sum_i,ky,kx weight[o, i, ky, kx] x[i, oy*sy - py + ky*dy, ox*sx - px + kx*dx] + bias[o]."""

    weight: Array
    """(out, in / groups, kernel rows, kernel columns)"""
    bias: Array | None = None
    scale: Array | float | None = None
    mask: NDArray[np.bool_] | None = None
    stride: Pair = 1
    padding: Pair = 0
    dilation: Pair = 1
    groups: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """y = scale * weight x + bias, where x is a vector (a flattened map is in the order channel, row, column)."""

    weight: Array
    """(out, in)"""
    bias: Array | None = None
    scale: Array | float | None = None
    mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SumPool2d:
    """y = the sum of x over windows; incomplete windows are left out. `stride` None is the kernel."""

    kernel: Pair
    stride: Pair | None = None
    padding: Pair = 0


@dataclass(frozen=True, slots=True, eq=False)
class AvgPool2d:
    """y = the sum of x over windows / (kernel rows * kernel columns); padding counts as zeros."""

    kernel: Pair
    stride: Pair | None = None
    padding: Pair = 0


@dataclass(frozen=True, slots=True, eq=False)
class MaxPool2d:
    """y = the maximum of x over windows; padding never wins. Of spikes: OR."""

    kernel: Pair
    stride: Pair | None = None
    padding: Pair = 0


@dataclass(frozen=True, slots=True, eq=False)
class Flatten:
    """y = x as a vector, in the order channel, row, column."""


@dataclass(frozen=True, slots=True, eq=False)
class Add:
    """y = x: the sum of its incoming links."""


@dataclass(frozen=True, slots=True, eq=False)
class Concat:
    """y = the incoming links side by side in channels, in the order of their ports."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchNorm2d:
    """y = gain (x - mean) / sqrt(variance + epsilon) + offset, per channel."""

    mean: Array
    variance: Array
    gain: Array | None = None
    offset: Array | None = None
    epsilon: float = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """y = scale x + offset, each one number or one per channel."""

    scale: Array | float = 1.0
    offset: Array | float | None = None


Linear = Conv2d | Dense | SumPool2d | AvgPool2d | MaxPool2d | Flatten | Add | Concat | BatchNorm2d | Affine
Node = Input | Output | Linear | Neuron

NODE_TYPES: dict[str, type[Node]] = {
    kind.__name__: kind
    for kind in (
        *(Input, Output, Conv2d, Dense, SumPool2d, AvgPool2d, MaxPool2d, Flatten, Add, Concat, BatchNorm2d, Affine),
        *(Identity, Relu, ThresholdRelu, If, Lif, Li, CubaLif, SigmaDelta),
    )
}
"""Every node type by its name, as native files spell it."""

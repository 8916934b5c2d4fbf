"""Which neurons an input position touches, and which input position an output waits for, one axis at a time.

Rows and columns are independent everywhere (boxes, kernels, windows), so one axis says all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.network import Edge, Layer

__all__ = ["Axis", "axis_of", "fresh_of", "last_touching", "touched_of", "windows_of"]

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of an edge: input positions `size`, folded pool, kernel, stride, padding, dilation, zeros inserted.

    `broadcast`: the only input position touches every neuron.
    """

    size: int
    pool: int
    kernel: int
    stride: int
    padding: int
    dilation: int
    upsample: int = 1
    broadcast: bool = False


def axis_of(edge: Edge, source: Layer, axis: int) -> Axis:
    """Return the rows (0) or columns (1) of an edge from a layer."""
    return Axis(
        source.out_shape[1 + axis],
        edge.pool[axis],
        edge.kernel[axis],
        edge.stride[axis],
        edge.padding[axis],
        edge.dilation[axis],
        edge.upsample[axis],
        edge.broadcast,
    )


def touched_of(axis: Axis, neurons: Span) -> list[list[int]]:
    """Return, for each input position, the neurons inside a span that it touches, ascending.

    >>> touched_of(Axis(4, 1, 3, 2, 1, 1), (0, 2))
    [[0], [0, 1], [1], [1]]
    >>> touched_of(Axis(2, 1, 3, 1, 1, 1, upsample=2), (0, 4))
    [[0, 1], [1, 2, 3]]
    """
    if axis.broadcast:
        return [list(range(*neurons)) for _ in range(axis.size)]
    touched: list[list[int]] = []
    whole = axis.size // axis.pool * axis.pool
    for position in range(axis.size):
        base = position // axis.pool * axis.upsample + axis.padding
        taps = (base - tap * axis.dilation for tap in range(axis.kernel))
        hits = {place // axis.stride for place in taps if place >= 0 and place % axis.stride == 0}
        touched.append(sorted(n for n in hits if neurons[0] <= n < neurons[1]) if position < whole else [])
    return touched


def windows_of(layer: Layer, axis: int, outputs: Span) -> list[Span]:
    """Return the neurons (clipped to the map) of each output position's window: the position itself without pooling."""
    if layer.pool is None:
        return [(place, place + 1) for place in range(*outputs)]
    size = layer.shape[1 + axis]
    stride, padding, kernel = layer.pool.stride[axis], layer.pool.padding[axis], layer.pool.kernel[axis]
    begins = [place * stride - padding for place in range(*outputs)]
    return [(max(0, begin), min(size, begin + kernel)) for begin in begins]


def fresh_of(windows: list[Span]) -> list[int]:
    """Return how many neurons of each window no earlier window holds.

    >>> fresh_of([(0, 2), (1, 4), (3, 6)])
    [2, 2, 2]
    """
    fresh, reached = [], windows[0][0]
    for begin, end in windows:
        fresh.append(max(0, end - max(begin, reached)))
        reached = max(reached, end)
    return fresh


def last_touching(touched: list[list[int]], box: Span, windows: list[Span]) -> NDArray[np.int32]:
    """Return, for each window, the last input position inside a box that touches it; -1 if none does.

    >>> last_touching([[0], [0, 1], [1], [1]], (0, 3), [(0, 1), (1, 2)]).tolist()
    [1, 2]
    """
    last = {neuron: position for position in range(*box) for neuron in touched[position]}
    return np.array(
        [max((last.get(neuron, -1) for neuron in range(begin, end)), default=-1) for begin, end in windows],
        dtype=np.int32,
    )

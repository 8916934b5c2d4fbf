"""Which neurons an input position touches, and which neurons an output position needs; one axis at a time."""

from __future__ import annotations

from dataclasses import dataclass

from seneca_sim.graph.network import Edge, Layer, MaxPool

__all__ = ["Box", "Position", "kernel_index", "neuron_box", "touched_line", "window_line"]

Position = tuple[int, int]
"""(row, column)"""


@dataclass(frozen=True, slots=True)
class Box:
    """Rows and columns of a map.

    >>> len(Box(range(0, 2), range(1, 4)).positions())
    6
    """

    rows: range
    columns: range

    def positions(self) -> list[Position]:
        """Return all positions in raster order."""
        return [(row, column) for row in self.rows for column in self.columns]


def touched_line(edge: Edge, axis: int, place: int, size: int, line: range) -> tuple[int, ...]:
    """Return the neuron rows (axis 0) or columns (axis 1) of a box that an input row or column touches.

    `size` is the length of the input map, `line` the neuron box on this axis.

    >>> import numpy as np
    >>> edge = Edge("e", 0, "conv", np.zeros((1, 1, 3, 3)), padding=(1, 1))
    >>> touched_line(edge, 0, 0, 4, range(0, 4)), touched_line(edge, 0, 2, 4, range(0, 2))
    ((0, 1), (1,))
    >>> touched_line(Edge("e", 0, "add", None, upsample=(2, 2), padding=(1, 1)), 1, 1, 4, range(0, 8))
    (2, 3)
    """
    if edge.broadcast:
        return tuple(line)
    window = edge.pool[axis]
    if place // window >= size // window:
        return ()
    return tuple(neuron for neuron in line if kernel_index(edge, axis, place, neuron) is not None)


def kernel_index(edge: Edge, axis: int, place: int, neuron: int) -> int | None:
    """Return the kernel row or column through which an input place acts on a neuron; None if there is none."""
    acts_at = place // edge.pool[axis] * edge.upsample[axis]
    for index in range(edge.kernel[axis]):
        if neuron * edge.stride[axis] - edge.padding[axis] + index * edge.dilation[axis] == acts_at:
            return index
    return None


def window_line(pool: MaxPool | None, axis: int, place: int, size: int) -> range:
    """Return the neuron rows or columns that an output row or column needs, clipped to the map of length `size`.

    >>> window_line(MaxPool((3, 3), (2, 2), (1, 1)), 0, 0, 8), window_line(None, 0, 5, 8)
    (range(0, 2), range(5, 6))
    """
    if pool is None:
        return range(place, place + 1)
    first = place * pool.stride[axis] - pool.padding[axis]
    return range(max(first, 0), min(first + pool.kernel[axis], size))


def neuron_box(layer: Layer, outputs: Box) -> Box:
    """Return the hull of the windows of a box of outputs."""
    lines = []
    for axis, line in enumerate((outputs.rows, outputs.columns)):
        windows = [window_line(layer.pool, axis, place, layer.shape[1 + axis]) for place in line]
        lines.append(range(windows[0].start, windows[-1].stop))
    return Box(lines[0], lines[1])

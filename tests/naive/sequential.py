"""Sums one operation at a time in the canonical order: the oracle for rounding and for saturation.

Per neuron: edges as listed, recurrent ones last; within an edge the source's positions in raster order, channels
ascending. Each event is one multiplication and one addition per weight, done by the numbers themselves (numpy scalars
of ml_dtypes.bfloat16 or float32) or by a function on Python integers.
"""

from collections.abc import Callable

import ml_dtypes
import numpy as np

from seneca_sim.graph.network import Edge, Layer
from tests.naive.network import sums_shape

Bfloat = ml_dtypes.bfloat16


def hits(edge: Edge, y: int, x: int, c: int, layer: Layer):
    """Yield (neuron, weight index) for each weight that an event at (y, x, c) meets; the weight of `add` is None."""
    y, x = y // edge.pool[0] * edge.upsample[0], x // edge.pool[1] * edge.upsample[1]
    rows, columns = (1, 1) if edge.broadcast else layer.shape[1:]
    first = edge.first_sum * layer.shape[0]
    if edge.weight is None:
        for oy in range(y, min(y + edge.upsample[0], rows)):
            for ox in range(x, min(x + edge.upsample[1], columns)):
                yield (first + c + edge.target_offset, oy, ox), None
        return
    out, per_group, kernel_y, kernel_x = edge.weight.shape
    group, per_out = c // per_group, out // edge.groups
    for ky in range(kernel_y):
        for kx in range(kernel_x):
            over_y, over_x = (
                y + edge.padding[0] - ky * edge.dilation[0],
                x + edge.padding[1] - kx * edge.dilation[1],
            )
            if over_y % edge.stride[0] or over_x % edge.stride[1]:
                continue
            oy, ox = over_y // edge.stride[0], over_x // edge.stride[1]
            if 0 <= oy < rows and 0 <= ox < columns:
                for o in range(group * per_out, (group + 1) * per_out):
                    yield (first + o, oy, ox), (o, c % per_group, ky, kx)


def events(edge: Edge, source: np.ndarray):
    """Yield (y, x, channel, value) in canonical order; incomplete border windows of the folded pooling left out."""
    channels, rows, columns = source.shape
    for y in range(rows // edge.pool[0] * edge.pool[0]):
        for x in range(columns // edge.pool[1] * edge.pool[1]):
            for c in range(channels):
                if source[c, y, x] != 0:
                    yield y, x, c, source[c, y, x]


def rounded_sums(dtype: type) -> Callable[[Layer, list[tuple[Edge, np.ndarray]]], np.ndarray]:
    """Return a function that sums in a floating-point type, each product and sum rounded by the type itself."""

    def sums(layer: Layer, arriving: list[tuple[Edge, np.ndarray]]) -> np.ndarray:
        total = np.zeros(sums_shape(layer), dtype)
        for edge, source in sorted(arriving, key=lambda pair: pair[0].delay):
            separate = edge.scale is not None or edge.broadcast
            own = np.zeros(sums_shape(layer), dtype) if separate else total
            weight = None if edge.weight is None else edge.weight.astype(dtype)
            for y, x, c, value in events(edge, source.astype(dtype)):
                for neuron, at in hits(edge, y, x, c, layer):
                    own[neuron] = own[neuron] + (value if at is None else weight[at] * value)
            if separate:
                own = own[:, :1, :1] if edge.broadcast else own
                total = total + own * _spread(edge, layer).astype(dtype)
        return total

    return sums


def _spread(edge: Edge, layer: Layer) -> np.ndarray:
    """Return the scale of each of sums x channels; 1 where the edge does not lead."""
    channels = np.ones(sums_shape(layer)[0])
    if edge.scale is not None:
        first = edge.first_sum * layer.shape[0] + edge.target_offset
        out = len(edge.scale) if edge.weight is None else len(edge.weight)
        channels[first : len(channels) if edge.weight is None and out == 1 else first + out] = edge.scale
    return channels.reshape(-1, 1, 1)


def bounded_sums(edge: Edge, source: np.ndarray, layer: Layer, bits: int, wraps: bool) -> tuple[np.ndarray, int]:
    """Sum in integers of limited width; return the sums and how many left the range."""
    half, outside = 1 << (bits - 1), 0
    total = np.zeros(layer.shape, object)
    for y, x, c, value in events(edge, source):
        for neuron, at in hits(edge, y, x, c, layer):
            exact = int(total[neuron]) + (int(value) if at is None else int(edge.weight[at]) * int(value))
            kept = (exact + half) % (2 * half) - half if wraps else min(max(exact, -half), half - 1)
            outside += kept != exact
            total[neuron] = kept
    return total, outside

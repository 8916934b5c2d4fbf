"""Sums one operation at a time in the canonical order: the oracle for rounding and for saturation.

Per neuron: edges as listed, recurrent ones last; within an edge the source's positions in raster order, channels
ascending. Each event is one multiplication and one addition per weight, done by the numbers themselves (numpy scalars
of ml_dtypes.bfloat16 or float32) or by a function on Python integers.
"""

from collections.abc import Callable

import ml_dtypes
import numpy as np

from seneca_sim.graph.network import Edge, Layer

Bfloat = ml_dtypes.bfloat16


def hits(edge: Edge, y: int, x: int, c: int, layer: Layer):
    """Yield (neuron, weight index) for each weight that an event at (y, x, c) meets; the weight of `add` is None."""
    y, x = y // edge.pool[0], x // edge.pool[1]
    if edge.weight is None:
        yield (c + edge.target_offset, y, x), None
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
            if 0 <= oy < layer.shape[1] and 0 <= ox < layer.shape[2]:
                for o in range(group * per_out, (group + 1) * per_out):
                    yield (o, oy, ox), (o, c % per_group, ky, kx)


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
        total = np.zeros(layer.shape, dtype)
        for edge, source in sorted(arriving, key=lambda pair: pair[0].delay):
            own = total if edge.scale is None else np.zeros(layer.shape, dtype)
            weight = None if edge.weight is None else edge.weight.astype(dtype)
            for y, x, c, value in events(edge, source.astype(dtype)):
                for neuron, at in hits(edge, y, x, c, layer):
                    own[neuron] = own[neuron] + (value if at is None else weight[at] * value)
            if edge.scale is not None:
                total = total + own * np.broadcast_to(
                    edge.scale.astype(dtype).reshape(-1, 1, 1), (layer.shape[0], 1, 1)
                )
        return total

    return sums


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

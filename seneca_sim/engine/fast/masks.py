"""Chunk-skipping masks: one bit per chunk of output channels, input channel and kernel position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.network import Edge

__all__ = ["chunk_bits"]


def chunk_bits(edge: Edge, channels: tuple[int, int], per_chunk: int) -> NDArray[np.uint64]:
    """Return (input channels, kernel rows, kernel columns, words) bits: chunk j of a round holds an unmasked weight.

    The chunks of a round are those of the part's channels in the input channel's convolution group, sum after sum.

    >>> sums = Edge("e", 0, "conv", None, sums=2, mask=np.array([1, 0, 0, 0, 0, 1], dtype=np.bool_).reshape(6, 1, 1, 1))
    >>> chunk_bits(sums, (0, 3), 2).ravel().tolist(), chunk_bits(sums, (1, 3), 1).ravel().tolist()
    ([5], [8])
    """
    mask = edge.mask if edge.mask is not None else np.ones((1, 1, 1, 1), dtype=np.bool_)
    if edge.sums > 1:
        by_sum = mask.reshape(edge.sums, -1, *mask.shape[1:])[:, slice(*channels)]
        mask, channels = by_sum.reshape(-1, *mask.shape[1:]), (0, by_sum.shape[0] * by_sum.shape[1])
    outputs, inputs = mask.shape[:2]
    per_group = outputs // edge.groups
    chunks = -(-min(per_group, channels[1] - channels[0]) // per_chunk)
    words = -(-chunks // 64)
    bits = np.zeros((inputs * edge.groups, *mask.shape[2:], max(1, words)), dtype=np.uint64)
    for channel in range(inputs * edge.groups):
        group = channel // inputs
        low, high = max(group * per_group, channels[0]), min((group + 1) * per_group, channels[1])
        for chunk, begin in enumerate(range(low, high, per_chunk)):
            used = mask[begin : min(begin + per_chunk, high), channel % inputs].any(axis=0)
            bits[channel, :, :, chunk // 64] |= used.astype(np.uint64) << np.uint64(chunk % 64)
    return bits

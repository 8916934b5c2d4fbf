"""Random ways to cut layers into parts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from seneca_sim.graph.network import Network
from seneca_sim.mapping.types import Part


def cuts(rng: np.random.Generator, size: int, most: int) -> list[tuple[int, int]]:
    """Cut [0, size) into at most `most` non-empty ranges of random lengths."""
    inner = sorted(rng.choice(np.arange(1, size), min(size - 1, int(rng.integers(0, most))), replace=False).tolist())
    edges = [0, *inner, size]
    return list(pairwise(edges))


def random_parts(rng: np.random.Generator, network: Network, most: int = 3) -> tuple[Part, ...]:
    """Cut every layer at random into channels x rows x columns, each part on its own core."""
    parts: list[Part] = []
    for number, layer in enumerate(network.layers):
        if not layer.is_input:
            channels, rows, columns = layer.out_shape
            channel_cuts, column_cuts = cuts(rng, channels, 2), cuts(rng, columns, 2)
            for row_range in cuts(rng, rows, most):
                for column_range in column_cuts:
                    for channel_range in channel_cuts:
                        parts.append(Part(number, len(parts), channel_range, row_range, column_range, 1))
    return tuple(parts)

"""Multicast trees as the compiled chip walks them: a branch for each router that a tree passes (`chip_machine.GROUP`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.routes import neighbours

__all__ = ["branch_words"]

PORTS = 32
"""Sets of a router's output ports."""
NEIGHBOURS = 4
"""Output ports 0 to 3 lead to other routers."""


def branch_words(
    trees: NDArray[np.int8], sources: Sequence[int], columns: int
) -> tuple[NDArray[np.int32], list[tuple[int, int, int, int]]]:
    """Return the branches of all trees, and of each tree (branch at its source, first branch, end, output ports).

    `trees` is (trees, nodes): the output ports of each router, one bit each. Branches of a tree lie together, router by router.

    >>> words, spans = branch_words(np.array([[2, 20, 0, 16]], dtype=np.int8), [0], columns=2)
    >>> words.tolist(), spans
    ([2, 2, 52, 4, 112, 0], [(0, 0, 5, 4)])
    """
    nodes = trees.shape[1]
    at = np.flatnonzero(trees)
    ports = trees.ravel()[at].astype(np.int64)
    bits = ports[:, None] >> np.arange(NEIGHBOURS) & 1
    behind = np.cumsum(bits, axis=1)
    ends = np.cumsum(1 + behind[:, -1])
    places = ends - 1 - behind[:, -1]
    words = np.zeros(1 + (int(ends[-1]) if len(at) else 0), dtype=np.int32)
    words[places] = at % nodes * PORTS + ports
    for port, behind_port in enumerate(neighbours(columns, nodes).T):
        here = np.flatnonzero(bits[:, port])
        node = at[here] % nodes
        following = np.searchsorted(at, at[here] - node + np.maximum(behind_port[node], 0))
        words[places[here] + behind[here, port]] = np.where(behind_port[node] < 0, -1, places[following % len(at)])
    firsts = np.searchsorted(at, np.arange(len(trees)) * nodes)
    lasts = np.searchsorted(at, np.arange(1, len(trees) + 1) * nodes) - 1
    roots = np.searchsorted(at, np.arange(len(trees)) * nodes + np.asarray(sources, dtype=np.int64))
    counts = np.bincount(at // nodes, weights=behind[:, -1] + (ports >> NEIGHBOURS), minlength=len(trees)).astype(
        np.int64
    )
    table = (
        np.stack([places[roots], places[firsts], ends[lasts], counts], axis=1) if len(trees) else np.zeros((0, 4), int)
    )
    return words, [(root, first, end, count) for root, first, end, count in table.tolist()]

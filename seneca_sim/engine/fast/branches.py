"""Multicast trees as the compiled chip walks them: a branch for each router that a tree passes (`kernels/chip_branches.py`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.routes import LOCAL, neighbours
from seneca_sim.errors import MappingError

__all__ = ["branch_words"]

PORTS = 32
"""Sets of a router's output ports."""
MOST_WORDS = (1 << 26) - 1
"""Places of words and lists, times `PORTS`, are 32 bits wide."""


def branch_words(
    trees: NDArray[np.int8], sources: Sequence[int], feeds: Sequence[int], columns: int
) -> tuple[NDArray[np.int32], list[tuple[int, int, int, int]]]:
    """Return the words of all trees, and of each tree (branch at its source, first word, end, output ports).

    `trees` is (trees, nodes): the output ports of each router, one bit each; `feeds` has a word for each core that they reach, tree
    by tree, router by router. Words of a tree lie together, router by router.

    >>> words, spans = branch_words(np.array([[2, 20, 0, 16]], dtype=np.int8), [0], [6, 8], columns=2)
    >>> words.tolist(), spans
    ([2, 116, 52, 272, 6, 112, 8, 0], [(34, 0, 7, 4)])
    """
    nodes = trees.shape[1]
    at = np.flatnonzero(trees)
    tree, node = np.divmod(at, nodes)
    ports = trees.ravel()[at].astype(np.int64)
    bits = ports[:, None] >> np.arange(LOCAL + 1) & 1
    words_behind = np.cumsum(bits, axis=1)
    ends = np.cumsum(1 + words_behind[:, -1])
    largest = max([*ends[-1:].tolist(), *feeds], default=0)
    if largest > MOST_WORDS:
        raise MappingError(
            f"this mapping needs {largest} words for who sends to whom, the engine has {MOST_WORDS}; use fewer parts"
        )
    places = ends - words_behind[:, -1]
    words = np.zeros(1 + (int(ends[-1]) if len(at) else 0), dtype=np.int32)
    words[places - 1] = node * PORTS + ports
    ending = np.zeros(len(at), dtype=np.int64)
    ending[bits[:, LOCAL] > 0] = feeds
    branches = np.where(ports == 1 << LOCAL, ending, places) * PORTS + ports
    behind = neighbours(columns, nodes)
    for port in range(LOCAL + 1):
        here = np.flatnonzero(bits[:, port])
        if port == LOCAL:
            following = ending[here]
        else:
            next_node = behind[node[here], port]
            index = np.searchsorted(at, tree[here] * nodes + np.maximum(next_node, 0))
            following = np.where(next_node < 0, -1, branches[index % len(at)]) if len(at) else index
        words[places[here] + words_behind[here, port] - 1] = following
    starts = np.arange(len(trees) + 1) * nodes
    firsts, lasts = np.searchsorted(at, starts[:-1]), np.searchsorted(at, starts[1:]) - 1
    roots = np.searchsorted(at, starts[:-1] + np.asarray(sources, dtype=np.int64))
    counts = np.bincount(tree, weights=words_behind[:, -1], minlength=len(trees)).astype(np.int64)
    if not len(trees):
        return words, []
    table = np.stack([branches[roots], places[firsts] - 1, ends[lasts], counts], axis=1)
    return words, [(root, first, end, count) for root, first, end, count in table.tolist()]

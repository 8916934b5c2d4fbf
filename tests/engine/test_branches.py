"""Branches of multicast trees: walked from the source, they are the trees that they were made of."""

import numpy as np

from seneca_sim.engine.fast.branches import branch_words
from seneca_sim.engine.routes import LOCAL, WEST, tree_of


def walked(words, branch, columns):
    """Return the ports at every router that a walk from a branch passes, and the words that it read."""
    ports, read, waiting = {}, set(), [(branch, words[branch] // 32)]
    while waiting:
        at, node = waiting.pop()
        assert words[at] // 32 == node
        ports[node] = words[at] % 32
        read.add(at)
        for port, step in enumerate((-columns, 1, columns, -1)):
            if words[at] >> port & 1:
                place = at + 1 + sum(words[at] >> before & 1 for before in range(port))
                read.add(place)
                if words[place] >= 0:
                    waiting.append((words[place], node + step))
                else:
                    assert (port, node % columns) == (WEST, 0)
    return ports, read


def test_a_walk_from_the_source_passes_the_whole_tree():
    rng = np.random.default_rng(1)
    for _ in range(50):
        columns, rows = rng.integers(1, 7, 2)
        nodes = int(columns * rows)
        sources = rng.integers(0, nodes, 4).tolist()
        trees = []
        for source in sources:
            exits = {(int(node), LOCAL) for node in rng.integers(0, nodes, rng.integers(1, 9))} - {(source, LOCAL)}
            host = {(int(rng.integers(0, rows)) * int(columns), WEST)}
            trees.append(tree_of(source, exits | host, int(columns), nodes))
        words, spans = branch_words(np.array(trees), sources, int(columns))
        known = words.tolist()
        read_before = 0
        for tree, source, (root, first, end, ports) in zip(trees, sources, spans, strict=True):
            passed, read = walked(known, root, int(columns))
            assert passed == {node: int(tree[node]) for node in np.flatnonzero(tree)}
            assert known[root] // 32 == source
            assert read == set(range(first, end))
            assert ports == sum(int(tree[node]).bit_count() for node in range(nodes))
            assert first == read_before
            read_before = end


def test_no_trees_have_no_branches():
    words, spans = branch_words(np.zeros((0, 4), np.int8), [], 2)
    assert (words.tolist(), spans) == ([0], [])

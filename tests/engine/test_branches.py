"""Branches of multicast trees: walked from the source, they are the trees that they were made of."""

import numpy as np
import pytest

from seneca_sim.engine.fast import branches as module
from seneca_sim.engine.fast.branches import branch_words
from seneca_sim.engine.routes import LOCAL, WEST, tree_of
from seneca_sim.errors import MappingError

ONLY_LOCAL = 1 << LOCAL


def walked(words, branch, node, columns):
    """Return the ports at every router that a walk from a branch passes, the feeds at its ends, and the words that it read."""
    ports, feeds, read, waiting = {}, {}, set(), [(branch, node)]
    while waiting:
        at, node = waiting.pop()
        place, ports[node] = divmod(at, 32)
        if ports[node] == ONLY_LOCAL:
            feeds[node] = place
            continue
        assert words[place - 1] == node * 32 + ports[node]
        read.add(place - 1)
        for port, step in enumerate((-columns, 1, columns, -1, 0)):
            if not ports[node] >> port & 1:
                continue
            read.add(place)
            word = words[place]
            place += 1
            if port == LOCAL:
                feeds[node] = word
            elif word >= 0:
                waiting.append((word, node + step))
            else:
                assert (port, node % columns) == (WEST, 0)
    return ports, feeds, read


def some_trees(rng, columns, nodes, sources):
    """Return trees to some cores and a host port each, and the words of the cores that they reach."""
    trees, feeds = [], []
    for source in sources:
        cores = sorted({int(node) for node in rng.integers(0, nodes, rng.integers(1, 9))} - {source})
        host = (int(rng.integers(0, nodes // columns)) * columns, WEST)
        trees.append(tree_of(source, {(node, LOCAL) for node in cores} | {host}, columns, nodes))
        feeds.append({node: int(rng.integers(0, 1000)) for node in cores})
    return np.array(trees), feeds


def test_a_walk_from_the_source_passes_the_whole_tree_and_ends_at_its_feeds():
    rng = np.random.default_rng(1)
    for _ in range(50):
        columns, rows = (int(size) for size in rng.integers(1, 7, 2))
        nodes = columns * rows
        sources = rng.integers(0, nodes, 4).tolist()
        trees, feeds = some_trees(rng, columns, nodes, sources)
        words, spans = branch_words(trees, sources, [word for each in feeds for word in each.values()], columns)
        known = words.tolist()
        read_before = 0
        for tree, ends, source, (root, first, end, ports) in zip(trees, feeds, sources, spans, strict=True):
            passed, found, read = walked(known, root, source, columns)
            assert passed == {node: int(tree[node]) for node in np.flatnonzero(tree)}
            assert found == ends
            assert read <= set(range(first, end)), "of an end that is nothing else, the words are not read"
            assert ports == sum(int(tree[node]).bit_count() for node in range(nodes))
            assert end - first == ports + np.count_nonzero(tree)
            assert first == read_before
            read_before = end


def test_no_trees_have_no_branches():
    words, spans = branch_words(np.zeros((0, 4), np.int8), [], [], 2)
    assert (words.tolist(), spans) == ([0], [])


def test_more_words_than_a_branch_can_name_are_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_WORDS", 6)
    tree = np.array([[2, 20, 0, 16]], dtype=np.int8)
    with pytest.raises(MappingError) as refusal:
        branch_words(tree, [0], [6, 5], 2)
    assert str(refusal.value) == "this mapping needs 7 words for who sends to whom, the engine has 6; use fewer parts"

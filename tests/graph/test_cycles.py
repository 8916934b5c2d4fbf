"""Cycles of files that know no delay are cut where they are entered."""

import numpy as np

from seneca_sim.graph import Dense, Input, Lif, Link, Output
from seneca_sim.graph.cycles import close_cycles

DENSE = Dense(np.ones((2, 2), np.int8))


def delayed(nodes, *pairs):
    return [(link.source, link.target) for link in close_cycles(nodes, [Link(*pair) for pair in pairs]) if link.delay]


def test_entry_is_the_node_nearest_to_an_input_not_the_first_of_the_file():
    nodes = {"a": DENSE, "in": Input((2,)), "out": Output(), "z": Lif(0.5)}
    assert delayed(nodes, ("in", "z"), ("z", "a"), ("a", "z"), ("z", "out")) == [("a", "z")]


def test_first_of_the_file_is_the_entry_where_two_are_as_near():
    nodes = {"in": Input((2,)), "b": Lif(0.5), "a": Lif(0.5), "out": Output()}
    assert delayed(nodes, ("in", "a"), ("in", "b"), ("a", "b"), ("b", "a"), ("a", "out")) == [("a", "b")]


def test_feedback_between_operators_is_delayed_where_it_leaves_the_neuron():
    nodes = {"in": Input((2,)), "fc": DENSE, "lif": Lif(0.5), "rec": DENSE, "out": Output()}
    assert delayed(nodes, ("in", "fc"), ("fc", "lif"), ("lif", "rec"), ("rec", "fc"), ("lif", "out")) == [
        ("lif", "rec")
    ]


def test_every_cycle_is_cut_once():
    nodes = {"in": Input((2,)), "a": Lif(0.5), "b": Lif(0.5), "c": Lif(0.5), "out": Output()}
    pairs = [("in", "a"), ("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"), ("c", "c"), ("c", "out")]
    assert delayed(nodes, *pairs) == [("b", "a"), ("c", "b"), ("c", "c")]


def test_graphs_without_cycles_keep_their_links():
    nodes = {"in": Input((2,)), "a": Lif(0.5), "out": Output()}
    assert delayed(nodes, ("in", "a"), ("a", "out")) == []

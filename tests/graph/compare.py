"""Graphs and their layers, evaluated side by side."""

import numpy as np

from seneca_sim.graph import (
    GraphBuilder,
    Input,
    Output,
    lower,
)
from tests.graph.naive import evaluate_graph, evaluate_network


def chain(*nodes, shape=(2, 6, 6)):
    build = GraphBuilder("chain").add("input", Input(shape))
    for number, node in enumerate(nodes):
        build.add(f"{type(node).__name__.lower()}{number}", node)
    return build.add("output", Output()).graph()


def layer_names(network):
    return [layer.name for layer in network.layers]


def assert_same(graph, seed=0, steps=1):
    """Compare every output node with the layer that its reader marked, on values that are exact in float32."""
    rng = np.random.default_rng(seed)
    network = lower(graph)
    inputs = {
        layer.name: rng.integers(-2, 3, (steps, *layer.shape)).astype(float)
        for layer in network.layers
        if layer.is_input
    }
    for index, layer in enumerate(network.layers):
        assert all(edge.source < index or edge.delay for edge in layer.edges)
    ends = [name for name, node in graph.nodes.items() if isinstance(node, Output)]
    outputs = [layer.name for layer in network.layers if layer.is_output]
    nodes, layers = evaluate_graph(graph, inputs), evaluate_network(network, inputs)
    for end in ends:
        expected = np.stack([values[end].ravel() for values in nodes])
        close = 1e-5 * max(1.0, np.abs(expected).max())
        found = [np.stack([values[name].ravel() for values in layers]) for name in outputs]
        assert any(f.shape == expected.shape and np.allclose(f, expected, rtol=1e-5, atol=close) for f in found), end
    return network

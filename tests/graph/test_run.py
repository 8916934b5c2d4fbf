"""What runs is what the graph says: random graphs, lowered and run by the kernels, against their equations."""

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.activity import run_network
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph import InputContract, Output, Precision, lower
from tests.activity.test_sigma_delta import as_trace
from tests.graph.graphs import random_graph
from tests.graph.naive import evaluate_graph

STEPS = 3


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_random_graphs_run_as_they_say(n_nodes, seed):
    rng = np.random.default_rng(seed)
    graph = dataclasses.replace(
        random_graph(rng, n_nodes),
        default_precision=Precision("fp32", "fp32", "fp32"),
        input_contract=InputContract("count"),
    )
    network = lower(graph)
    inputs = {
        layer.name: rng.integers(-2, 3, (STEPS, *layer.shape)).astype(np.float32)
        for layer in network.layers
        if layer.is_input
    }
    trace = run_network(network, [as_trace(steps, binary=False) for steps in inputs.values()])
    sent = [
        dense_steps(steps, layer.out_shape).reshape(STEPS, -1)
        for steps, layer in zip(trace.layers, network.layers, strict=True)
        if layer.is_output
    ]
    values = evaluate_graph(graph, inputs)
    for name, node in graph.nodes.items():
        if isinstance(node, Output):
            expected = np.stack([step[name].ravel() for step in values])
            close = 2e-5 * max(1.0, np.abs(expected).max())
            assert any(x.shape == expected.shape and np.allclose(x, expected, rtol=2e-5, atol=close) for x in sent), (
                name
            )

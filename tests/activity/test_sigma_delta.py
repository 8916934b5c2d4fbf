"""Sigma-delta networks: what has been sent so far is, at every step, what the quantised dense network computes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.activity import run_network
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph.network import Edge, Layer, MaxPool, Network, Precision
from seneca_sim.graph.neurons import SigmaDelta
from tests.activity.test_random_networks import as_trace
from tests.naive.network import dense_convolution


def quantised(a: np.ndarray, step: float) -> np.ndarray:
    """Q(x) = step floor(x / step + 1/2)."""
    return step * np.floor(a / step + 0.5)


def dense_network(network: Network, frame: np.ndarray) -> list[np.ndarray]:
    """Return the quantised activations of each layer for one frame (Eq. 1 of the mSigma-Delta paper)."""
    maps = [frame.astype(np.float64)]
    for layer in network.layers[1:]:
        total = np.zeros(layer.shape) + np.asarray(layer.bias, np.float64).reshape(-1, 1, 1)
        for edge in layer.edges:
            source = maps[edge.source]
            if edge.weight is None:
                total[: len(source)] += source
            else:
                total += dense_convolution(source, edge.weight, edge, *layer.shape[1:])
        a = np.maximum(total, 0)
        if layer.pool is not None:
            a = a.reshape(a.shape[0], a.shape[1] // 2, 2, a.shape[2] // 2, 2).max(axis=(2, 4))
        maps.append(quantised(a, layer.neuron.step))
    return maps


def build(rng, numbers: str) -> Network:
    """Return conv, conv with a residual, pooled conv, dense; all numbers on a grid of quarters, or integers."""
    unit = 1 if numbers == "integer" else 4
    dtype = np.int8 if numbers == "integer" else np.float32
    precision = Precision("int8", "int32", "int32") if numbers == "integer" else Precision("fp32", "fp32", "fp32")
    step = 2.0 if numbers == "integer" else 0.5

    def weight(*shape):
        return (rng.integers(-2, 3, shape) / unit).astype(dtype)

    def bias(n):
        return rng.integers(-2, 3, n).astype(np.int64) if unit == 1 else (rng.integers(-2, 3, n) / 4).astype(np.float32)

    neuron, same = SigmaDelta(step), {"padding": (1, 1)}
    layers = (
        Layer("input", None, (2, 6, 6), precision=precision),
        Layer("one", neuron, (4, 6, 6), (Edge("a", 0, "conv", weight(4, 2, 3, 3), **same),), bias(4), None, precision),
        Layer(
            "two",
            neuron,
            (4, 6, 6),
            (Edge("b", 1, "conv", weight(4, 4, 3, 3), **same), Edge("c", 1, "add", None)),
            bias(4),
            MaxPool((2, 2), (2, 2)),
            precision,
        ),
        Layer("three", neuron, (5, 1, 1), (Edge("d", 2, "dense", weight(5, 4, 3, 3)),), bias(5), None, precision, True),
    )
    return Network("deltas", layers)


@pytest.mark.parametrize("numbers", ["float", "integer"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_accumulated_outputs_equal_the_quantised_dense_network_at_every_step(numbers, seed):
    rng = np.random.default_rng(seed)
    network = build(rng, numbers)
    frames = rng.integers(0, 3, (4, 2, 6, 6)) * (rng.random((4, 2, 6, 6)) < 0.7)
    frames[2] = frames[1]
    changes = np.diff(frames, axis=0, prepend=np.zeros_like(frames[:1]))
    changes = changes.astype(np.int32 if numbers == "integer" else np.float32)
    trace = run_network(network, [as_trace(changes, binary=False)])
    sent = [dense_steps(layer, shape.out_shape) for layer, shape in zip(trace.layers, network.layers, strict=True)]
    scores = np.zeros(5)
    for step in range(4):
        expected = dense_network(network, frames[step])
        for index in range(1, 4):
            np.testing.assert_array_equal(sent[index][: step + 1].sum(axis=0), expected[index])
        scores += expected[3].ravel() / 4
    np.testing.assert_array_equal(trace.class_scores, scores)
    assert [len(part[2].nonzero()[0]) for part in sent] == [0, 0, 0, 0]  # nothing changed: nothing is sent
    assert trace.sops[2].tolist() == [0, 0, 0, 0]


def test_float_sums_off_the_grid_differ_at_most_by_a_tie():
    rng = np.random.default_rng(7)
    weight = rng.normal(size=(16, 8, 3, 3)).astype(np.float32) / 8
    precision = Precision("fp32", "fp32", "fp32")
    layer = Layer(
        "layer",
        SigmaDelta(0.1),
        (16, 8, 8),
        (Edge("e", 0, "conv", weight, padding=(1, 1)),),
        np.zeros(16, np.float32),
        precision=precision,
        is_output=True,
    )
    network = Network("ties", (Layer("input", None, (8, 8, 8), precision=precision), layer))
    frames = rng.normal(size=(6, 8, 8, 8)).astype(np.float32)
    changes = np.diff(frames, axis=0, prepend=np.zeros_like(frames[:1]))
    sent = dense_steps(run_network(network, [as_trace(changes, binary=False)]).layers[1], (16, 8, 8))
    ties = 0
    for step in range(6):
        exact = dense_convolution(changes[: step + 1].astype(np.float64).sum(axis=0), weight, layer.edges[0], 8, 8)
        a = np.maximum(exact, 0)
        size = dense_convolution(np.abs(changes[: step + 1]).sum(axis=0), np.abs(weight), layer.edges[0], 8, 8)
        bound = 4 * 72 * (step + 1) * np.finfo(np.float32).eps * size
        total = sent[: step + 1].astype(np.float64).sum(axis=0)
        off = np.abs(total - quantised(a, 0.1)) > 1e-4
        from_tie = np.abs(a / 0.1 + 0.5 - np.round(a / 0.1 + 0.5))
        assert np.all(from_tie[off] * 0.1 <= bound[off])
        ties += int(off.sum())
    assert ties <= 3

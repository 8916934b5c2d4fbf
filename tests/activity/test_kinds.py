"""Neurons with several sums, quantisers, delays, resets, upsampling and broadcast edges against the slow twin, bit by bit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.graph.neurons import Identity, LstmCell
from tests.activity.kinds import network_of_kinds, step_of
from tests.activity.test_random_networks import run
from tests.naive.network import exact_sums, run_naive
from tests.naive.sequential import rounded_sums


@pytest.mark.parametrize("numbers", ["float", "bf16", "integer"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_every_kind_of_layer_sends_what_its_equation_says(numbers, seed):
    rng = np.random.default_rng(seed)
    network = network_of_kinds(rng, numbers)
    values = rng.integers(-3, 4, (4, *network.layers[0].shape)) * (rng.random((4, *network.layers[0].shape)) < 0.4)
    maps = [values.astype(np.int32 if numbers == "integer" else np.float32)]
    dtype = step_of(numbers)
    trace = run(network, maps)
    expected = run_naive(network, maps, dtype, exact_sums if numbers == "integer" else rounded_sums(dtype))
    for index, layer in enumerate(network.layers):
        sent = dense_steps(trace.layers[index], layer.out_shape)
        want = expected.maps[index].astype(np.float32)
        np.testing.assert_array_equal(sent, want, err_msg=f"{layer.name}: {layer.neuron}")
        np.testing.assert_array_equal(trace.layers[index].neuron_events, expected.neuron_events[:, index])
    np.testing.assert_array_equal(trace.sops, expected.sops)


def whole_network(scale, weight) -> Network:
    """Return a layer that adds its input and one number for the whole map: what a mean layer of one position sends."""
    whole = Precision("int8", "int32", "int32")
    shared = Edge("shared", 1, "conv", weight, scale, broadcast=True)
    layers = (
        Layer("input", None, (1, 2, 2), precision=whole),
        Layer("total", Identity(), (1, 1, 1), (Edge("sum", 0, "add", None, pool=(2, 2)),), precision=whole),
        Layer("layer", Identity(), (1, 2, 2), (shared, Edge("own", 0, "add", None)), precision=whole, is_output=True),
    )
    if scale is not None:
        layers = (*layers[:2], replace(layers[2], precision=Precision("int8", "int32", "fp32")))
    return Network("whole", layers, task="other")


@pytest.mark.parametrize(
    ("scale", "expected"), [(None, [31, 32, 33, 34]), (np.full(1, 0.5, np.float32), [16, 17, 18, 19])]
)
def test_a_number_for_the_whole_map_is_added_in_whole_numbers_too(scale, expected):
    trace = run(
        whole_network(scale, np.full((1, 1, 1, 1), 3, np.int8)), [np.array([1, 2, 3, 4], np.int32).reshape(1, 1, 2, 2)]
    )
    assert trace.layers[2].value.tolist() == expected  # 3 x 10 (x 1/2) + 1, 2, 3, 4
    assert trace.sops[0].tolist() == [4, 1, 4]


def test_sums_of_wide_weights_saturate_and_are_counted():
    network = whole_network(None, np.full((1, 1, 1, 1), 2**30, np.int32))
    trace = run(network, [np.array([1, 0, 0, -5], np.int32).reshape(1, 1, 2, 2)])
    assert trace.layers[2].value.tolist() == [-(2**31) + 1, -(2**31), -(2**31), -(2**31)]
    assert trace.layers[2].saturations.tolist() == [2]  # -4 x 2**30, then -5 at the last neuron


def test_four_sums_give_the_bits_of_four_layers():
    """One edge into four sums adds in the same order as four edges into one sum each."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(4 * 5, 3, 3, 3)).astype(np.float32)
    maps = [(rng.normal(size=(2, 3, 6, 6)) * (rng.random((2, 3, 6, 6)) < 0.5)).astype(np.float32)]
    together = (Edge("all", 0, "conv", weight, padding=(1, 1), sums=4),)
    apart = tuple(Edge(f"sum{s}", 0, "conv", weight[5 * s : 5 * s + 5], padding=(1, 1), first_sum=s) for s in range(4))
    floats = Precision("fp32", "fp32", "fp32")
    traces = []
    for edges in (together, apart):
        layers = (
            Layer("input", None, (3, 6, 6), precision=floats),
            Layer("cell", LstmCell(), (5, 6, 6), edges, precision=floats, is_output=True),
        )
        traces.append(run(Network("sums", layers, task="other"), maps))
    np.testing.assert_array_equal(traces[0].layers[1].value, traces[1].layers[1].value)
    np.testing.assert_array_equal(traces[0].sops[:, 0], traces[1].sops.sum(axis=1))

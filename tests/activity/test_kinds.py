"""Neurons with several sums, quantisers, delays, resets, upsampling and broadcast edges against the slow twin, bit by bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.events.sparse import dense_steps
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

"""Random networks against the slow twin: values, events, SOPs, neurons before pooling, in floats and in integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.activity import run_network
from seneca_sim.events.sparse import LayerTrace, dense_steps
from tests.naive.network import run_naive
from tests.networks import input_maps, random_network


def as_trace(maps: np.ndarray, binary: bool) -> LayerTrace:
    """Return the sparse form of (T, channels, rows, columns) maps, one event after the other."""
    step_start, position, first_event, channel, value = [0], [], [0], [], []
    n_steps, _, rows, columns = maps.shape
    for step in range(n_steps):
        for y in range(rows):
            for x in range(columns):
                active = np.flatnonzero(maps[step, :, y, x])
                if len(active):
                    position.append(y * columns + x)
                    channel.extend(active)
                    value.extend(maps[step, active, y, x])
                    first_event.append(len(channel))
        step_start.append(len(position))
    return LayerTrace(
        np.array(step_start, np.int64),
        np.array(position, np.int32),
        np.array(first_event, np.int64),
        np.array(channel, np.int32),
        None if binary else np.array(value, np.int32 if maps.dtype == np.int32 else np.float32),
        np.count_nonzero(maps.reshape(n_steps, -1), axis=1),
        np.zeros(n_steps, np.int64),
    )


def run(network, maps):
    inputs = [layer for layer in network.layers if layer.is_input]
    traces = [as_trace(m, layer.precision.event == "binary") for m, layer in zip(maps, inputs, strict=True)]
    return run_network(network, traces)


@pytest.mark.parametrize("numbers", ["float", "integer"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_every_layer_sends_what_the_dense_network_computes(numbers, seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, numbers=numbers, max_side=6, max_channels=6)
    maps = input_maps(rng, network, steps=3)
    trace = run(network, maps)
    expected = run_naive(network, maps, np.float32 if numbers == "float" else np.float64)
    for index, layer in enumerate(network.layers):
        sent = dense_steps(trace.layers[index], layer.out_shape)
        np.testing.assert_array_equal(sent, expected.maps[index], err_msg=f"{layer.name}: {layer.neuron}")
        np.testing.assert_array_equal(trace.layers[index].neuron_events, expected.neuron_events[:, index])
        assert not trace.layers[index].saturations.any()
    np.testing.assert_array_equal(trace.sops, expected.sops)

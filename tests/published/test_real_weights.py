"""Real trained networks, built from their arrays, against the recorded outputs of the frameworks that trained them."""

import json

import numpy as np
import pytest

from seneca_sim.activity import run_network
from seneca_sim.events import load_input
from seneca_sim.events.frames import frame_steps
from seneca_sim.graph import lower
from seneca_sim.graph.table import layer_table
from tests.published import real


def arrays(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def dense(trace, shape):
    """Return the values that a layer sent as (steps, channels, rows, columns)."""
    values = np.zeros((trace.n_steps, shape[1] * shape[2], shape[0]), np.float64)
    step = np.repeat(np.arange(trace.n_steps), np.diff(trace.step_start))
    pixel = np.repeat(np.arange(len(trace.position)), np.diff(trace.first_event))
    values[step[pixel], trace.position[pixel], trace.channel] = 1.0 if trace.value is None else trace.value
    return values.transpose(0, 2, 1).reshape(trace.n_steps, *shape)


def test_the_corner_detector_gives_the_heatmaps_of_pytorch(shared_data):
    golden = arrays(shared_data("models/openeb/firenet_corner_golden.npz"))
    network = lower(
        real.corner_detector(arrays(shared_data("models/openeb/firenet_corner.npz")), golden["input"].shape[2:])
    )
    steps = frame_steps(golden["input"].astype(np.float32), "frame", "golden")
    trace = run_network(network, [steps])
    names = [layer.name for layer in network.layers]
    for name, key in (("lstm1", "hidden1"), ("heat", "output")):
        sent = dense(trace.layers[names.index(name)], network.layers[names.index(name)].out_shape)
        np.testing.assert_allclose(sent, golden[key], rtol=1e-3, atol=2e-4, err_msg=name)


@pytest.mark.parametrize("sample", range(6))
def test_the_gesture_network_counts_spikes_as_slayer_does(shared_data, sample):
    reference = json.loads(shared_data("models/reference/ibm_gesture_cnn.json").read_text())
    network = lower(real.gesture_cnn(arrays(shared_data("models/slayer/ibm_gesture_cnn.npz"))))
    trace = run_network(network, load_input(network, shared_data(f"events/{reference['samples'][sample]}")))
    out = np.bincount(trace.layers[-1].channel, minlength=11)
    assert out.tolist() == reference["main"]["out"][sample]
    assert int(np.argmax(out)) == reference["label"][sample]
    names = [layer.name for layer in network.layers]
    for name, counts in reference["main"]["spikes"].items():
        assert len(trace.layers[names.index(name)].channel) == counts[sample], name


def test_the_gesture_network_of_neurobench_has_its_multiplications_and_runs(shared_data):
    network = lower(real.gesture_snn(arrays(shared_data("models/neurobench/dvs_gesture_snn.npz"))))
    assert sum(row.dense_macs_valid for row in layer_table(network)) == 5_941_376
    trace = run_network(network, load_input(network, shared_data("events/dvs_gesture/1.bs2"), pool=4))
    assert all(len(layer.channel) for layer in trace.layers[:-1])


def test_leaky_neurons_follow_the_equation_of_snntorch(shared_data):
    z = arrays(shared_data("models/neurobench/dvs_gesture_snn.npz"))
    network = lower(real.gesture_snn(z))
    trace = run_network(network, load_input(network, shared_data("events/dvs_gesture/2.bs2"), pool=4))
    sent = dict(zip((layer.name for layer in network.layers), trace.layers, strict=True))
    shapes = {layer.name: layer.out_shape for layer in network.layers}
    spikes = dense(sent["lif3"], shapes["lif3"]).reshape(trace.n_steps, -1)
    beta, threshold = (np.float32(z[f"lif4.{name}"]) for name in ("beta", "threshold"))
    v = np.zeros(11, np.float32)
    expected = []
    for step in range(trace.n_steps):
        x = (z["linear1.weight"] @ spikes[step].astype(np.float32)) + z["linear1.bias"]
        v = beta * v + x - threshold * (v > threshold)
        expected.append(v > threshold)
    fired = dense(sent["lif4"], shapes["lif4"])[:, :, 0, 0]
    assert fired.any()
    assert (fired != np.array(expected)).mean() < 0.002


@pytest.mark.parametrize("kind", ["float", "q6"])
def test_the_digit_network_of_sensim_gives_its_activations(shared_data, kind):
    z = arrays(shared_data("models/sensim/mnist_conv4.npz"))
    network = lower(real.digit_cnn(z, kind))
    assert [layer.shape for layer in network.layers[1:]] == [(8, 13, 13), (16, 6, 6), (32, 2, 2), (10, 1, 1)]
    if kind == "q6":
        assert {edge.weight.dtype for layer in network.layers for edge in layer.edges} == {np.dtype(np.int8)}


def test_activations_of_the_digit_network_follow_from_those_of_its_first_layer(shared_data):
    z = arrays(shared_data("models/sensim/mnist_conv4.npz"))
    network = lower(real.rest_of_digit_cnn(z))
    images = z["L1_activations"].transpose(0, 3, 1, 2)
    trace = run_network(network, [frame_steps(images, "frame", "golden")])
    for layer, sent, key in zip(network.layers[1:], trace.layers[1:], ("L2", "L3", "output"), strict=True):
        golden = z[f"{key}_activations"]
        golden = golden.transpose(0, 3, 1, 2) if golden.ndim == 4 else golden[:, :, None, None]
        np.testing.assert_allclose(dense(sent, layer.out_shape), golden, rtol=1e-4, atol=1e-4, err_msg=key)


def test_the_converted_digit_network_reads_a_vertical_bar_as_one(shared_data):
    network = lower(real.converted_cnn(arrays(shared_data("models/sinabs/mnist_cnn.npz"))))
    assert [layer.shape[0] for layer in network.layers] == [1, 20, 32, 128, 500, 10]
    image = np.zeros((1, 1, 28, 28), np.float32)
    image[0, 0, 4:24, 13:16] = 1.0
    trace = run_network(network, [frame_steps(np.repeat(image, 30, 0), "count", "a vertical bar")])
    scores = np.zeros(10)
    np.add.at(scores, trace.layers[-1].channel, 1.0 if trace.layers[-1].value is None else trace.layers[-1].value)
    assert int(np.argmax(scores)) == 1

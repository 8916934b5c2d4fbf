"""Trained networks of others, against outputs made with qonnx and onnxruntime, or with evaluations written out here.

Codes are compared one by one. Batch normalisation is folded here, and integers are summed exactly, where the recording
added float32 products in some order: a value on the border between two codes may fall on the other side, and change what
follows. That is shown for ESPCN: each code is the nearest to its equation in float64, given what the layer before sent,
and its 8-bit pixels differ from the recorded ones by one step in at most one of 10,000. All else is equal; outputs that no
quantiser rounds agree to a few units in the last place.
"""

import numpy as np
import pytest
from onnx import load as load_proto
from onnx.reference import ReferenceEvaluator

from seneca_sim.graph import load_network
from seneca_sim.graph.table import layer_table
from tests.onnx.models import result, values


def golden(shared_data, name, file):
    """Return a network, and its recorded input and outputs."""
    arrays = np.load(shared_data(f"models/qonnx/{name}_golden.npz"))
    return load_network(shared_data(f"models/qonnx/{file}.onnx")), dict(arrays)


@pytest.mark.parametrize(
    ("name", "file", "layers"),
    [
        ("TFC_2W2A", "TFC_2W2A", ["Quant_13", "Quant_25", "Quant_37", "Quant_49"]),
        ("kwsmlp", "kwsmlp_w3a3", ["Quant_3", "Quant_17", "Quant_30", "Quant_43"]),
    ],
)
def test_quantised_perceptrons_send_the_recorded_codes(shared_data, name, file, layers):
    network, recorded = golden(shared_data, name, file)
    sent = values(network, [recorded["input"]])
    inner = [key for key in recorded if key.startswith("act_")]
    assert len(inner) == len(layers)
    for layer, key in zip(layers, inner, strict=True):
        np.testing.assert_array_equal(sent[layer].reshape(-1), recorded[key].reshape(-1), err_msg=layer)
    np.testing.assert_allclose(
        result(network, [recorded["input"]]).reshape(1, -1), recorded["output"], rtol=1e-6, atol=1e-6
    )
    assert {layer.precision.weight for layer in network.layers[2:]} == {"int4"}


def test_quantised_super_resolution_gives_the_recorded_picture(shared_data):
    network, recorded = golden(shared_data, "espcn_nnresize", "espcn_nnresize_quant")
    ours = result(network, [recorded["input"]])
    step = recorded["output"][recorded["output"] > 0].min()
    codes = np.rint(ours / step) - np.rint(recorded["output"] / step)
    assert np.abs(codes).max() <= 1
    assert np.count_nonzero(codes) <= codes.size / 10_000
    np.testing.assert_array_equal(np.rint(ours / step).astype(np.float32) * step, ours)
    types = {layer.name: layer.precision.weight for layer in network.layers if layer.edges}
    assert [types[name] for name in ("Quant_16", "Quant_28", "Quant_40", "Quant_53")] == [
        "int8",
        "int4",
        "int4",
        "int8",
    ]


def exact_sums(network, layer, sent):
    """Return the sums of a layer of one 3x3 or 5x5 convolution in float64."""
    (edge,) = layer.edges
    around = [(0, 0), *((pad, pad) for pad in edge.padding)]
    x = np.pad(sent[network.layers[edge.source].name][0].astype(np.float64), around)
    rows, columns = layer.shape[1:]
    total = np.zeros(layer.shape)
    for ky, kx in np.ndindex(*edge.kernel):
        total += np.tensordot(edge.weight[:, :, ky, kx].astype(np.float64), x[:, ky : ky + rows, kx : kx + columns], 1)
    return total * edge.scale.astype(np.float64)[:, None, None] + layer.bias[:, None, None]


def test_each_code_of_the_super_resolution_is_the_nearest_to_its_equation(shared_data):
    network, recorded = golden(shared_data, "espcn_nnresize", "espcn_nnresize_quant")
    sent = values(network, [recorded["input"]])
    layers = [layer for layer in network.layers if layer.edges and layer.edges[0].kind == "conv"]
    assert [layer.name for layer in layers] == ["Quant_16", "Quant_28", "Quant_40", "Quant_53"]
    for layer in layers:
        step = float(layer.neuron.step)
        distance = (
            np.clip(exact_sums(network, layer, sent) / step, layer.neuron.low, layer.neuron.high)
            - sent[layer.name][0] / step
        )
        assert np.abs(distance).max() < 0.5 + 1e-4, layer.name


def test_jet_tagger_agrees_with_its_equations(shared_data):
    path = shared_data("models/qonnx/qkeras_jettagging.onnx")
    network = load_network(path)
    stored = {tensor.name: np.array(array) for tensor, array in _initializers(path)}
    x = np.random.default_rng(0).normal(0, 1, (20, 16)).astype(np.float32)

    def six_bits(values, step, low, high):
        return np.clip(np.rint(np.float32(values) / np.float32(step)), low, high) * np.float32(step)

    value = x.astype(np.float64)
    for layer, (weight, bias) in enumerate([(6, 7), (4, 5), (2, 3), (0, 1)]):
        parts = [six_bits(stored[f"Quant_{n}_param0"], 1 / 32, -32, 31) for n in (weight, bias)]
        value = value @ parts[0].astype(np.float64) + parts[1]
        if layer < 3:
            value = six_bits(value, 1 / 64, 0, 63).astype(np.float64)
    ours = result(network, [x]).reshape(20, 5)
    np.testing.assert_allclose(ours, value, rtol=1e-6, atol=1e-6)
    assert network.assumptions[1] == "Softmax_0: Softmax at the end of the network is left to the host"


def _initializers(path):
    from onnx import numpy_helper

    return [(tensor, numpy_helper.to_array(tensor)) for tensor in load_proto(path).graph.initializer]


def test_float_digits_network_agrees_with_the_reference_evaluator(shared_data):
    path = shared_data("models/onnx/mnist_conv_float.onnx")
    network = load_network(path)
    x = np.random.default_rng(1).uniform(0, 255, (3, 1, 1, 28, 28)).astype(np.float32)
    reference = ReferenceEvaluator(load_proto(path))
    want = np.concatenate([reference.run(None, {"Input3": picture})[0] for picture in x])
    ours = result(network, [x]).reshape(3, 10)
    np.testing.assert_allclose(ours, want, rtol=2e-5, atol=2e-3 * np.abs(want).max() / 100)
    rows = layer_table(network)
    assert [row.shape for row in rows] == [(1, 28, 28), (8, 28, 28), (16, 14, 14), (10, 1, 1)]
    assert sum(row.parameters for row in rows) == 8 * 25 + 8 + 16 * 8 * 25 + 16 + 256 * 10 + 10

"""Trained networks of others, against outputs made with qonnx and onnxruntime, or with evaluations written out here.

Activations that are quantised must be equal code by code. Sums of floats are added in another order here, so that a value
that lies on the border between two codes to within float32's rounding may fall on the other side: ESPCN's 8-bit output
pixels are allowed one such code in 10,000; everything else is equal, or to a few units in the last place (no quantiser).
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

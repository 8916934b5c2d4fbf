"""Quantisers against the definitions of QONNX (written out below) and of ONNX (its reference evaluator)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from seneca_sim.graph import Conv2d, Dense, Link, Precision, Relu, lower
from seneca_sim.graph.neurons import Clip, MultiThreshold, Quantise
from seneca_sim.graph.nodes import MaxPool2d
from seneca_sim.graph.onnx.merge import merge_neurons
from tests.onnx.models import DOMAINS, both, load, model, result


def rounded(x, mode):
    return {
        "ROUND": np.round,
        "HALF_UP": lambda v: np.sign(v) * np.floor(np.abs(v) + 0.5),
        "CEIL": np.ceil,
        "FLOOR": np.floor,
        "DOWN": np.fix,
    }[mode](x)


def quant(x, scale, zero, bits, signed=1, narrow=0, mode="ROUND"):
    """Return what QONNX's Quant gives (qonnx 1.0.0: scale, shift, limit, round, shift and scale back)."""
    low = (-(2 ** (bits - 1)) + narrow) if signed else 0
    high = (2 ** (bits - 1) - 1) if signed else 2**bits - 1 - narrow
    code = rounded(np.clip(np.float32(x) / np.float32(scale) + np.float32(zero), low, high), mode)
    return (code - np.float32(zero)) * np.float32(scale)


def node(op, inputs, output, domain="", **attributes):
    return helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes)


def run(tmp_path, nodes, x, constants):
    graph = load(tmp_path, model(nodes, {"x": x.shape}, constants))
    return graph, result(lower(graph), [x]).reshape(x.shape)


GRID = (np.arange(-48, 48, dtype=np.float32) / 8).reshape(1, 6, 4, 4)
"""Values on and between the codes of a quantiser with step 0.5, halves too."""


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("mode", ["ROUND", "HALF_UP", "CEIL", "FLOOR", "DOWN"])
def test_quant_of_values(tmp_path, domain, mode):
    for signed, narrow, bits in ((1, 0, 4), (1, 1, 4), (0, 0, 3), (0, 1, 3), (1, 0, 2), (0, 0, 1)):
        nodes = [node("Quant", ["x", "s", "z", "b"], "y", domain, signed=signed, narrow=narrow, rounding_mode=mode)]
        constants = {"s": np.float32(0.5), "z": np.float32(0), "b": np.float32(bits)}
        _, ours = run(tmp_path, nodes, GRID, constants)
        np.testing.assert_array_equal(ours, quant(GRID, 0.5, 0, bits, signed, narrow, mode))


def test_quant_with_a_zero_point_and_a_scale_per_channel(tmp_path):
    scale = np.array([0.25, 0.5, 1, 2, 0.125, 4], np.float32).reshape(1, 6, 1, 1)
    nodes = [node("Quant", ["x", "s", "z", "b"], "y", DOMAINS[0], signed=0, narrow=0)]
    constants = {"s": scale, "z": np.float32(6), "b": np.float32(4)}
    graph, ours = run(tmp_path, nodes, GRID, constants)
    np.testing.assert_array_equal(ours, quant(GRID, scale, 6, 4, signed=0))
    assert len(graph.assumptions) == 1
    constants["z"] = np.float32(5)
    graph, _ = run(tmp_path, nodes, GRID, constants)
    assert graph.assumptions[1] == (
        "y: its zero point 5 is odd; values exactly half way between two codes round the other way"
    )


@pytest.mark.parametrize("domain", DOMAINS)
def test_bipolar_quant_of_values_and_of_weights(tmp_path, domain):
    weight = np.random.default_rng(0).integers(-2, 3, (5, 6, 1, 1)).astype(np.float32)
    nodes = [
        node("BipolarQuant", ["x", "s"], "q", domain),
        node("BipolarQuant", ["w", "t"], "v", domain),
        node("Conv", ["q", "v"], "c"),
        node("Relu", ["c"], "y"),
    ]
    constants = {"w": weight, "s": np.float32(0.5), "t": np.float32(0.25)}
    graph = load(tmp_path, model(nodes, {"x": GRID.shape}, constants))
    conv = graph.nodes["c"]
    assert isinstance(conv, Conv2d)
    assert conv.weight.dtype == np.int8
    assert conv.scale.tolist() == [0.25]
    assert graph.precision["y"].weight == "int4"
    signs, bipolar = np.where(GRID >= 0, 0.5, -0.5)[0], np.where(weight >= 0, 0.25, -0.25)[:, :, 0, 0]
    want = np.maximum(np.einsum("oc,cyx->oyx", bipolar, signs), 0)
    np.testing.assert_array_equal(result(lower(graph), [GRID])[0], want.astype(np.float32))


def test_signed_quant_of_one_bit_is_bipolar(tmp_path):
    nodes = [node("Quant", ["x", "s", "z", "b"], "y", DOMAINS[2], signed=1)]
    _, ours = run(tmp_path, nodes, GRID, {"s": np.float32(0.5), "z": np.float32(0), "b": np.float32(1)})
    np.testing.assert_array_equal(ours, np.where(GRID >= 0, 0.5, -0.5))


@pytest.mark.parametrize(("bits", "kind"), [(2, "int4"), (4, "int4"), (5, "int8"), (8, "int8"), (12, "int16")])
@pytest.mark.parametrize("channels", [1, 5])
def test_quantised_weights_keep_their_integers(tmp_path, bits, kind, channels):
    rng = np.random.default_rng(bits)
    weight = rng.normal(0, 2 ** (bits - 2), (5, 6)).astype(np.float32)
    scale = np.linspace(0.5, 1.5, channels, dtype=np.float32).reshape(-1, 1)
    nodes = [
        node("Quant", ["w", "s", "z", "b"], "v", DOMAINS[0], signed=1, narrow=1),
        node("Transpose", ["v"], "t", perm=[1, 0]),
        node("MatMul", ["x", "t"], "m"),
        node("Relu", ["m"], "y"),
    ]
    constants = {"w": weight, "s": scale, "z": np.float32(0), "b": np.float32(bits)}
    graph = load(tmp_path, model(nodes, {"x": (1, 6)}, constants))
    dense = graph.nodes["m"]
    assert isinstance(dense, Dense)
    assert dense.weight.dtype == (np.int8 if bits <= 8 else np.int32)
    factor = np.ones(1) if dense.scale is None else dense.scale
    values = (dense.weight * factor.reshape(-1, 1)).astype(np.float32)
    np.testing.assert_array_equal(values, quant(weight, scale, 0, bits, narrow=1))
    assert lower(graph).layers[-1].precision.weight == kind


def test_quantised_layers_sum_in_integers_and_send_codes(tmp_path):
    rng = np.random.default_rng(7)
    constants = {"s": np.float32(0.5), "z": np.float32(0), "b4": np.float32(4), "b8": np.float32(8)}
    constants |= {
        "w": rng.normal(0, 2, (5, 6, 1, 1)).astype(np.float32),
        "v": rng.normal(0, 2, (5, 5, 1, 1)).astype(np.float32),
    }
    nodes = [
        node("Quant", ["x", "s", "z", "b4"], "codes", DOMAINS[0], signed=1),
        node("Quant", ["w", "s", "z", "b4"], "w4", DOMAINS[0], signed=1),
        node("Conv", ["codes", "w4"], "c"),
        node("Relu", ["c"], "r"),
        node("Quant", ["r", "s", "z", "b8"], "unsigned", DOMAINS[0], signed=0),
        node("Quant", ["v", "s", "z", "b8"], "v8", DOMAINS[0], signed=1),
        node("Conv", ["unsigned", "v8"], "d"),
        node("Tanh", ["d"], "y"),
    ]
    network = lower(load(tmp_path, model(nodes, {"x": GRID.shape}, constants)))
    types = {layer.name: layer.precision for layer in network.layers[1:]}
    assert types == {
        "codes": Precision("int8", "fp32", "int4"),
        "unsigned": Precision("int4", "int32", "int16"),
        "y": Precision("int8", "fp32", "fp32"),
    }
    result(network, [GRID])


def test_asymmetric_weights_are_as_wide_as_their_distance_from_the_zero_point(tmp_path):
    weight = np.arange(0, 250, 5, dtype=np.uint8).reshape(5, 10)
    nodes = [
        node("DequantizeLinear", ["w", "s", "z"], "v"),
        node("Gemm", ["x", "v"], "g", transB=1),
        node("Relu", ["g"], "y"),
    ]
    constants = {"w": weight, "s": np.float32(0.5), "z": np.uint8(100)}
    proto = model(nodes, {"x": (1, 10)}, constants)
    ours, want = both(tmp_path, proto, np.arange(10, dtype=np.float32).reshape(1, 10))
    np.testing.assert_array_equal(ours, want)
    assert load(tmp_path, proto).precision["y"].weight == "int16"


@pytest.mark.parametrize(("mode", "function"), [("FLOOR", np.floor), ("CEIL", np.ceil), ("ROUND", np.round)])
def test_trunc_drops_the_lowest_bits(tmp_path, mode, function):
    codes = np.arange(-32, 64, dtype=np.float32).reshape(1, 6, 4, 4)
    nodes = [node("Trunc", ["x", "s", "z", "i", "o"], "y", DOMAINS[1], rounding_mode=mode)]
    constants = {"s": np.float32(0.1), "z": np.float32(0), "i": np.float32(8), "o": np.float32(6)}
    _, ours = run(tmp_path, nodes, codes * np.float32(0.1), constants)
    np.testing.assert_allclose(ours, function(codes / 4) * np.float32(0.1), rtol=3e-7)


def test_trunc_of_the_second_version_limits_and_states_its_scale(tmp_path):
    codes = np.arange(-48, 48, dtype=np.float32).reshape(1, 6, 4, 4)
    nodes = [node("Trunc", ["x", "s", "z", "i", "t", "o"], "y", DOMAINS[2], rounding_mode="FLOOR", signed=1, narrow=0)]
    constants = {"s": np.float32(0.5), "z": np.float32(0), "i": np.float32(7), "t": np.float32(2), "o": np.float32(4)}
    _, ours = run(tmp_path, nodes, codes * np.float32(0.5), constants)
    np.testing.assert_array_equal(ours, np.floor(np.clip(codes / 4, -8, 7)) * 2)


@pytest.mark.parametrize("channels", [1, 6])
def test_multi_threshold_counts_thresholds(tmp_path, channels):
    thresholds = np.sort(np.random.default_rng(3).integers(-20, 20, (channels, 7)), axis=1).astype(np.float32) / 4
    nodes = [node("MultiThreshold", ["x", "t"], "y", DOMAINS[1], out_scale=0.5, out_bias=-1.0)]
    graph, ours = run(tmp_path, nodes, GRID, {"t": thresholds})
    assert isinstance(graph.nodes["y"], MultiThreshold)
    count = (GRID[0][..., None] >= thresholds.reshape(channels, 1, 1, 7)).sum(-1)
    np.testing.assert_array_equal(ours[0], 0.5 * count - 1)


@pytest.mark.parametrize("zero", [np.int8(0), np.int8(-3), np.uint8(0), np.uint8(7)])
def test_quantise_and_dequantise_linear(tmp_path, zero):
    nodes = [node("QuantizeLinear", ["x", "s", "z"], "q"), node("DequantizeLinear", ["q", "s", "z"], "y")]
    proto = model(nodes, {"x": GRID.shape}, {"s": np.float32(0.0625), "z": zero})
    ours, want = both(tmp_path, proto, GRID)
    np.testing.assert_array_equal(ours, want)


def test_clipped_codes_are_a_narrower_quantiser(tmp_path):
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], "q"),
        node("Clip", ["q", "low", "high"], "c"),
        node("DequantizeLinear", ["c", "s", "z"], "y"),
    ]
    constants = {"s": np.float32(0.5), "z": np.int8(1), "low": np.int8(-7), "high": np.int8(7)}
    proto = model(nodes, {"x": GRID.shape}, constants)
    ours, want = both(tmp_path, proto, GRID)
    np.testing.assert_array_equal(ours, want)
    graph = load(tmp_path, proto)
    kind = graph.nodes["q"]
    assert isinstance(kind, Quantise)
    assert (kind.low, kind.high) == (-8, 6)


def test_a_network_of_quantised_weights_and_values_in_qdq_form(tmp_path):
    rng = np.random.default_rng(1)
    weight, bias = rng.integers(-7, 8, (4, 6, 3, 3)).astype(np.int8), rng.integers(-50, 50, 4).astype(np.int32)
    scale = np.array([0.5, 0.25, 0.125, 1], np.float32)
    nodes = [
        node("QuantizeLinear", ["x", "s", "u"], "q"),
        node("DequantizeLinear", ["q", "s", "u"], "a"),
        node("DequantizeLinear", ["q", "s", "u"], "a2"),
        node("Clip", ["w", "low", "high"], "wc"),
        node("DequantizeLinear", ["wc", "t", "zeros"], "v", axis=0),
        node("DequantizeLinear", ["b", "tb"], "d", axis=0),
        node("Conv", ["a", "v", "d"], "c"),
        node("Relu", ["c"], "r"),
        node("QuantizeLinear", ["r", "t2", "u"], "q2"),
        node("DequantizeLinear", ["q2", "t2", "u"], "e"),
        node("Flatten", ["e"], "f"),
        node("Flatten", ["a2"], "g"),
        node("Concat", ["f", "g"], "j", axis=1),
        node("MatMul", ["j", "dense"], "y"),
    ]
    constants = {"s": np.float32(0.5), "u": np.uint8(0), "w": weight, "t": scale, "zeros": np.zeros(4, np.int8)}
    constants |= {"b": bias, "tb": scale / 2, "t2": np.float32(0.25), "low": np.int8(-7), "high": np.int8(7)}
    constants["dense"] = rng.integers(-3, 4, (4 * 2 * 2 + 96, 5)).astype(np.float32)
    proto = model(nodes, {"x": GRID.shape}, constants)
    ours, want = both(tmp_path, proto, GRID)
    np.testing.assert_array_equal(ours, want)
    graph = load(tmp_path, proto)
    assert [name for name, kind in graph.nodes.items() if isinstance(kind, Quantise)] == ["q", "q2"]
    assert not any(isinstance(kind, Relu) for kind in graph.nodes.values())
    assert graph.precision["q2"].weight == "int4"


PAIRS = {
    "relu": lambda v: np.maximum(v, 0),
    "clip": lambda v: np.clip(v, np.float32(-0.7), np.float32(2.3)),
    "quantiser": lambda v: quant(v, 0.3, 0, 4),
}
KINDS = {"relu": Relu(), "clip": Clip(float(np.float32(-0.7)), float(np.float32(2.3)))}


@pytest.mark.parametrize("first", PAIRS)
@given(seed=st.integers(0, 2**32 - 1), step=st.sampled_from([0.1, 0.3, 0.7]), signed=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_merged_quantiser_gives_the_same_values_bit_by_bit(first, seed, step, signed):
    step, early = float(np.float32(step)), float(np.float32(0.3))
    x = np.random.default_rng(seed).normal(0, 2, 4000).astype(np.float32)
    x = np.concatenate([x, np.float32(step) * np.arange(-20, 20, 0.5, np.float32)])
    low, high = (-4, 3) if signed else (0, 7)
    nodes = {"a": KINDS.get(first, Quantise(early, -8, 7)), "b": Quantise(step, low, high)}
    merged, links = merge_neurons(nodes, [Link("in", "a"), Link("a", "b"), Link("b", "out")])
    want = quant(PAIRS[first](x), step, 0, 3, signed=int(signed))
    if first == "quantiser" and step != early:
        assert set(merged) == {"a", "b"}
        return
    assert set(merged) == {"b"}
    assert [(link.source, link.target) for link in links] == [("in", "b"), ("b", "out")]
    kind = merged["b"]
    code = np.clip(np.rint(x / np.float32(kind.step)), kind.low, kind.high)
    np.testing.assert_array_equal((code * np.float32(kind.step)).astype(np.float32), want.astype(np.float32))


def test_a_neuron_that_others_read_stays():
    nodes = {"relu": Relu(), "quant": Quantise(0.5, -8, 7), "other": Relu()}
    links = [
        Link("in", "relu"),
        Link("relu", "quant"),
        Link("relu", "other"),
        Link("quant", "out"),
        Link("other", "out"),
    ]
    assert merge_neurons(nodes, links) == (nodes, links)


def test_quantisers_move_before_a_max_pooling_to_merge(tmp_path):
    nodes = [
        node("Relu", ["x"], "r"),
        node("MaxPool", ["r"], "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Quant", ["p", "s", "z", "b"], "y", DOMAINS[0], signed=0),
    ]
    constants = {"s": np.float32(0.5), "z": np.float32(0), "b": np.float32(3)}
    graph = load(tmp_path, model(nodes, {"x": GRID.shape}, constants))
    assert [type(kind) for kind in graph.nodes.values() if isinstance(kind, Relu | Quantise | MaxPool2d)] == [
        MaxPool2d,
        Quantise,
    ]
    network = lower(graph)
    assert [layer.name for layer in network.layers] == ["x", "y"]
    pooled = np.maximum(GRID, 0).reshape(1, 6, 2, 2, 2, 2).max((3, 5))
    np.testing.assert_array_equal(result(network, [GRID]), quant(pooled, 0.5, 0, 3, signed=0))

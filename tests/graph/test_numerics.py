"""Number types follow from arrays, are checked against them, and can be overridden."""

import numpy as np
import pytest

from seneca_sim.errors import GraphError
from seneca_sim.graph import (
    Activation,
    Conv2d,
    ConvGru,
    Dense,
    GraphBuilder,
    If,
    Input,
    InputContract,
    Output,
    Precision,
    Relu,
    SqueezeExcite,
    lower,
    placeholder,
)
from seneca_sim.graph.numerics import override_numerics
from seneca_sim.graph.placeholders import is_placeholder
from seneca_sim.graph.table import network_totals


def network(*nodes, precision=None, contract=None):
    build = GraphBuilder("net", input_contract=contract).add("input", Input((2, 4, 4)))
    for number, node in enumerate(nodes):
        build.add(f"n{number}", node, precision=precision if number == len(nodes) - 1 else None)
    return lower(build.add("output", Output()).graph())


def test_float_weights_become_integers_per_output_channel():
    weight = np.array([[0.5, -1.0], [0.0, 0.0], [3.0, 0.1]], np.float32).reshape(3, 2, 1, 1)
    layer = override_numerics(network(Conv2d(weight), Relu()), "int8").layers[1]
    edge = layer.edges[0]
    assert (layer.precision, edge.weight.dtype) == (Precision("int8", "bf16", "bf16"), np.int8)
    np.testing.assert_array_equal(edge.weight[:, :, 0, 0], [[64, -127], [0, 0], [127, 4]])
    np.testing.assert_allclose(edge.scale, [1 / 127, 1.0, 3 / 127], rtol=1e-6)


@pytest.mark.parametrize(("numerics", "largest"), [("int4", 7), ("int16", 32767)])
def test_quantised_weights_are_within_half_a_step(numerics, largest):
    weight = np.random.default_rng(0).normal(size=(3, 2, 3, 3)).astype(np.float32)
    edge = override_numerics(network(Conv2d(weight, scale=2.0), Relu()), numerics).layers[1].edges[0]
    assert np.abs(edge.weight).max() == largest
    error = np.abs(edge.weight * edge.scale.reshape(-1, 1, 1, 1) - 2.0 * weight)
    assert np.all(error <= edge.scale.reshape(-1, 1, 1, 1) * 0.5001)


def test_integers_that_a_narrower_type_cannot_hold_are_quantised_anew():
    weight = np.array([[-128, 64], [3, -8]], np.int8).reshape(2, 2, 1, 1)
    edge = override_numerics(network(Conv2d(weight, scale=0.5), Relu()), "int4").layers[1].edges[0]
    np.testing.assert_array_equal(edge.weight[:, :, 0, 0], [[-7, 4], [3, -7]])
    np.testing.assert_allclose(edge.scale, [64 / 7, 4 / 7], rtol=1e-6)
    same = (
        override_numerics(network(Conv2d(np.maximum(weight, -8) // 10, scale=0.5), Relu()), "int4").layers[1].edges[0]
    )
    assert (same.weight.min(), same.scale.tolist()) == (-1, [0.5])


def test_integer_weights_become_floats_with_their_scale():
    weight = np.arange(-9, 9, dtype=np.int8).reshape(1, 2, 3, 3)
    layer = override_numerics(network(Conv2d(weight, scale=0.5), Relu()), "fp32").layers[1]
    np.testing.assert_array_equal(layer.edges[0].weight, weight * np.float32(0.5))
    assert layer.edges[0].scale is None
    assert layer.precision == Precision("fp32", "fp32", "fp32")


def test_spikes_stay_binary_and_counts_integers():
    changed = override_numerics(network(If(), If(max_spikes=3), Relu()), "int8/int16/int8")
    assert [layer.precision for layer in changed.layers] == [
        Precision("int8", "int16", "binary"),
        Precision("int8", "int16", "binary"),
        Precision("int8", "int16", "int8"),
        Precision("int8", "int16", "int8"),
    ]
    assert changed.assumptions == ("number types overridden: weights int8, states int16, graded events int8",)


def test_input_events_follow_the_contract():
    assert network(Relu()).layers[0].precision.event == "binary"
    assert network(Relu(), contract=InputContract("count")).layers[0].precision.event == "bf16"


@pytest.mark.parametrize(
    ("nodes", "precision", "text"),
    [
        (
            (Conv2d(np.full((2, 2, 1, 1), 9, np.int8)), Relu()),
            Precision("int4"),
            "net: n1: the weights of n0 reach from 9 to 9, which int4 cannot hold; use a wider type",
        ),
        (
            (Conv2d(np.ones((2, 2, 1, 1), np.float32)), Relu()),
            Precision("int8"),
            "net: n1: n0 holds float weights, the layer states int8; quantise with numerics='int8'",
        ),
        (
            (If(max_spikes=2),),
            Precision(event="binary"),
            "net: n0: If sends values, its events cannot be binary; set max_spikes to 1, or an event type that holds values",
        ),
        (
            (Relu(),),
            Precision(weight="binary"),
            "net: n0: weights cannot be binary, that type is for events; use int4 with the values -1, 0 and 1",
        ),
        (
            (Relu(),),
            Precision(state="binary"),
            "net: n0: states cannot be binary, that type is for events; use an integer type",
        ),
    ],
)
def test_types_that_cannot_hold_the_values_are_refused(nodes, precision, text):
    with pytest.raises(GraphError) as caught:
        network(*nodes, precision=precision)
    assert str(caught.value) == text


def test_dense_weights_are_quantised_like_convolutions():
    build = (
        GraphBuilder("net")
        .add("input", Input((3,)))
        .add("fc", Dense(np.eye(3, dtype=np.float32)))
        .add("output", Output())
    )
    edge = override_numerics(lower(build.graph()), "int4/int8").layers[1].edges[0]
    np.testing.assert_array_equal(edge.weight.reshape(3, 3), 7 * np.eye(3))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [("int8", 1, "int8"), ("int16", 1, "int16"), ("int32", 2**15, "int32"), ("f4", 1, "bf16")],
)
def test_weight_type_follows_from_the_array(kind, value, expected):
    assert network(Conv2d(np.full((2, 2, 1, 1), value, kind)), Relu()).layers[1].precision.weight == expected


def test_each_gate_is_quantised_by_itself():
    weight_x = np.concatenate([np.full((2, 2, 1, 1), value) for value in (1.0, 2.0, 4.0)])
    weight_y = np.zeros((6, 2, 1, 1))
    gates = override_numerics(network(ConvGru(weight_x, weight_y, padding=0)), "int8").layers[1]
    assert gates.precision == Precision("int8", "bf16", "bf16")
    np.testing.assert_array_equal(gates.edges[0].weight, np.full((6, 2, 1, 1), 127))
    np.testing.assert_allclose(gates.edges[0].scale * 127, [1, 1, 2, 2, 4, 4], rtol=1e-6)


def test_placeholders_stay_placeholders_in_any_type():
    block = SqueezeExcite(placeholder(2, 4), placeholder(4, 2))
    build = (
        GraphBuilder("net", weights="absent")
        .add("input", Input((2, 8, 8)))
        .add("conv", Conv2d(placeholder(4, 2, 3, 3)))
    )
    plain = lower(build.add("relu", Relu()).add("block", block).add("output", Output()).graph())
    for numerics, kind in (("int8", np.int8), ("int16/bf16", np.int32), ("bf16", np.float32)):
        changed = override_numerics(plain, numerics)
        weight = changed.layers[1].edges[0].weight
        assert weight.dtype == kind
        assert is_placeholder(weight)
        assert network_totals(changed).dense_macs == network_totals(plain).dense_macs == 36 * 72 + 16
    assert changed.weights == "absent"


@pytest.mark.parametrize(
    ("precision", "text"),
    [
        (Precision("int8", "int16", "bf16"), "its states cannot be int16"),
        (Precision("bf16", "fp32", "int8"), "its events cannot be int8"),
    ],
)
def test_fractions_cannot_be_integers(precision, text):
    with pytest.raises(GraphError) as caught:
        network(Activation("tanh"), precision=precision)
    assert str(caught.value) == (
        f"net: n0: Activation computes with fractions, {text}; use bf16 or fp32 for them, such as numerics='int8/bf16'"
    )

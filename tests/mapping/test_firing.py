"""What may be skipped where nothing arrived: hand-worked biases, and that skipped neurons really send nothing."""

import itertools
from typing import get_args

import numpy as np
import pytest

from seneca_sim.activity import run_network
from seneca_sim.chip.neuron_programs import Sum
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.graph.neurons import (
    Activation,
    Clip,
    ContextThreshold,
    Delay,
    Function,
    GruCell,
    Identity,
    MultiThreshold,
    Product,
    Quantise,
    Relu,
    Rounding,
    SigmaDelta,
    ThresholdRelu,
)
from seneca_sim.mapping.firing import evaluate_rule, fire_options, sums_of_layer
from tests.activity.test_random_networks import as_trace
from tests.mapping.systems import add, conv, host, layer

STAIRS = MultiThreshold(np.array([[0.5, 1.5, 2.5]]))


def rule(neuron, bias=None, *edges, **more):
    values = None if bias is None else np.asarray(bias, np.float32)
    edges = edges or (conv(0, 2, 2),)
    return evaluate_rule(Layer("x", neuron, (2, 8, 8), edges, bias=values, **more))


@pytest.mark.parametrize(
    ("neuron", "bias", "expected"),
    [
        (Relu(), [-1, 0], "touched"),
        (Relu(), [-1, 0.1], "always"),
        (ThresholdRelu(0.5), [0.4, -3], "touched"),
        (ThresholdRelu(0.5), [0.5, 0], "always"),
        (ThresholdRelu(-1.0), [0, 0], "touched"),
        (ThresholdRelu(-1.0), [-0.5, 0], "always"),
        (Activation("tanh"), None, "touched"),
        (Activation("tanh"), [0.01, 0], "always"),
        (Activation("tanh", 0.05), [0.01, 0], "touched"),
        (Activation("table_tanh"), [0.02, -0.03], "touched"),
        (Activation("table_tanh", 0.05), [0.04, 0], "always"),
        (Activation("sigmoid"), None, "always"),
        (Activation("sigmoid", 0.6), None, "touched"),
        (Activation("hard_sigmoid"), [-2.1, -3], "touched"),
        (Activation("relu"), [-2.1, 0], "touched"),
        (Clip(), [-1, 0], "touched"),
        (Clip(0.1, 6), None, "always"),
        (Quantise(0.5, 0, 15), [0.2, -7], "touched"),
        (Quantise(0.5, -8, 7), [0.2, -7], "always"),
        (Quantise(0.5, -8, 7), [0.25, 0], "always"),
        (Quantise(0.5, -8, 7, "floor"), [0.4, 0], "touched"),
        (Quantise(0.5, -8, 7, "floor"), [-0.01, 0], "always"),
        (Quantise(0.5, -8, 7, "to_zero"), [-0.4, 0.4], "touched"),
        (Quantise(0.5, -1, 1, bipolar=True), None, "always"),
        (STAIRS, [0.4, -1], "touched"),
        (STAIRS, [0.5, 0], "always"),
        (MultiThreshold(STAIRS.thresholds, 1.0, -1.0), [1, 1], "touched"),
        (Identity(), None, "always"),
        (Delay(2), None, "always"),
        (GruCell(0.5), None, "always"),
        (SigmaDelta(0.5), [-1, 0], "touched"),
        (SigmaDelta(0.5), [1, 0], "touched_later"),
    ],
)
def test_a_position_is_skipped_where_the_bias_alone_sends_nothing(neuron, bias, expected):
    assert rule(neuron, bias) == expected


def test_products_and_context_thresholds_may_be_scaled_from_afar_but_not_added_to():
    incoming = conv(0, 2, 2)
    scale = Edge("s", 1, "add", None, broadcast=True, first_sum=1)
    offset = Edge("a", 1, "add", None, broadcast=True, first_sum=2)
    assert rule(Product(), None, incoming, scale) == "touched"
    assert rule(Product(), [0, 0, 5, 5, 0, 0], incoming, scale) == "touched"
    assert rule(Product(), [1, 0, 0, 0, 0, 0], incoming, scale) == "always"
    assert rule(Product(), [0, 0, 0, 0, 1, 0], incoming, scale) == "always"
    assert rule(Product("relu"), [0, 0, 0, 0, -1, 0], incoming, scale) == "touched"
    assert rule(Product("sigmoid"), None, incoming, scale) == "always"
    assert rule(Product(), None, incoming, scale, offset) == "always"
    assert rule(ContextThreshold(), [-1, 0, 5, -5], incoming, scale) == "touched"
    assert rule(ContextThreshold(), [1, 0, 5, 5], incoming, scale) == "always"
    assert rule(Relu(), None, incoming, Edge("b", 1, "add", None, broadcast=True)) == "always"


def test_delays_restarts_and_unknown_biases_are_always_evaluated():
    assert rule(Relu(), None, delay=1) == "always"
    assert rule(SigmaDelta(0.5), [1, 0], reset_every=4) == "always"
    assert rule(SigmaDelta(0.5), [-1, 0], reset_every=4) == "touched"
    silent = Layer("x", Relu(), (2, 8, 8), (conv(0, 2, 2),), bias=np.zeros(2, np.float32))
    assert evaluate_rule(silent, bias_known=False) == "always"
    assert evaluate_rule(silent) == "touched"


def test_sums_know_where_they_come_from():
    edges = conv(0, 2, 6, first_sum=1, sums=3), Edge("b", 1, "add", None, broadcast=True, first_sum=3)
    cell = layer("gru", 2, 8, *edges, neuron=GruCell())
    plain = Network("n", (host(), cell))
    assert sums_of_layer(plain, cell) == (
        Sum(mapped=False),
        Sum(),
        Sum(),
        Sum(vector=True),
    )
    biased = Layer("gru", GruCell(), (2, 8, 8), edges, bias=np.array([0, 0, 1, 0, 0, 0, 0, 0], np.float32))
    assert [each.bias for each in sums_of_layer(plain, biased)] == [False, True, False, False]
    absent = Network("n", (host(), cell), weights="absent")
    assert [each.bias for each in sums_of_layer(absent, biased)] == [True] * 4


def test_options_are_the_fields_of_the_neuron():
    kind, options = fire_options(
        Network("n", (host(),)), layer("q", 2, 8, add(0), neuron=Quantise(0.5, 0, 15), delay=3)
    )
    assert kind == "Quantise"
    assert options == {
        "step": 0.5,
        "low": 0,
        "high": 15,
        "rounding": "half_even",
        "bipolar": False,
        "sums": (Sum(),),
        "delay": 3,
    }


RECTIFIERS = [
    *(Relu(), ThresholdRelu(0.25), ThresholdRelu(-0.25), Clip(), Clip(-1, 0), Clip(-1, 1), Identity()),
    *(Activation(function, threshold) for function in get_args(Function) for threshold in (0.0, 0.05, 0.6)),
    *(Quantise(0.5, low, 3, rounding) for rounding in get_args(Rounding) for low in (0, -4)),
    Quantise(0.5, -1, 1, bipolar=True),
    *(MultiThreshold(np.array([[-0.3, 0.2, 0.7]]), 0.5, offset) for offset in (0.0, -0.5, -1.0)),
    *(SigmaDelta(0.125, mode, activation) for mode in ("round", "deadband") for activation in ("relu", "identity")),
]
BIASES = (-3.0, -0.7, -0.25, -0.03, 0.0, 0.01, 0.04, 0.2, 0.24, 0.26, 2.0)


@pytest.mark.parametrize("types", ["fp32", "bf16"])
def test_neurons_that_may_be_skipped_send_nothing_where_nothing_arrives(types):
    skipped = 0
    precision = Precision(types, types, types)
    nothing = as_trace(np.zeros((3, 2, 2, 2), np.float32), binary=False)
    for neuron, bias in itertools.product(RECTIFIERS, BIASES):
        edge = Edge("e", 0, "conv", np.ones((2, 2, 1, 1), np.float32))
        hidden = Layer(
            "x", neuron, (2, 2, 2), (edge,), np.full(2, bias, np.float32), precision=precision, is_output=True
        )
        rule = evaluate_rule(hidden)
        layers = Layer("in", None, (2, 2, 2), precision=precision), hidden
        sent = np.diff(run_network(Network("n", layers, task="other"), [nothing]).layers[1].step_start)
        assert rule != "touched" or not sent.any(), (neuron, bias)
        assert rule != "touched_later" or not sent[1:].any(), (neuron, bias)
        skipped += rule != "always"
    assert skipped > 150

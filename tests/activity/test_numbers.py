"""Sums and neurons in every number type: float32 order and error bound, bf16 against ml_dtypes, saturation, wrapping."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.activity import run_network
from seneca_sim.errors import ActivityError, RequestError
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph.network import Edge, Layer, MaxPool, Network, Precision
from seneca_sim.graph.neurons import Identity, If, Lif, Relu, SigmaDelta, ThresholdRelu
from tests.activity.test_random_networks import as_trace, run
from tests.naive.network import dense_convolution, run_naive
from tests.naive.sequential import Bfloat, bounded_sums, rounded_sums
from tests.networks import input_maps, random_network

SEEDS = st.integers(0, 2**32 - 1)


def one_layer(shape, edge, neuron, out, precision, input_type="fp32", bias=None, pool=None) -> Network:
    """Return an input and one layer; the state type rules."""
    layers = (
        Layer("input", None, shape, precision=Precision(event=input_type)),
        Layer("layer", neuron, out, (edge,), bias, pool, precision, is_output=True),
    )
    return Network("one", layers, task="other")


def sent(network, *maps, **options):
    """Return dense values and saturations of the last layer."""
    binary = network.layers[0].precision.event == "binary"
    trace = run_network(network, [as_trace(np.asarray(m), binary) for m in maps], **options)
    last = trace.layers[-1]
    return dense_steps(last, network.layers[-1].out_shape), last.saturations


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_float_sums_follow_the_canonical_order_bit_by_bit(seed):
    rng = np.random.default_rng(seed)
    network = _normal_convolution(rng)
    maps = _normal_maps(rng, network)
    got, _ = sent(network, maps)
    expected = run_naive(network, [maps], np.float32, rounded_sums(np.float32)).maps[-1]
    np.testing.assert_array_equal(got, expected)


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_float_sums_stay_within_the_rounding_bound(seed):
    rng = np.random.default_rng(seed)
    network = _normal_convolution(rng)
    maps = _normal_maps(rng, network)
    got, _ = sent(network, maps)
    edge, (channels, rows, columns) = network.layers[1].edges[0], network.layers[1].shape
    for step in range(len(maps)):
        exact = dense_convolution(maps[step].astype(np.float64), edge.weight, edge, rows, columns)
        size = dense_convolution(np.abs(maps[step]).astype(np.float64), np.abs(edge.weight), edge, rows, columns)
        terms = edge.weight[0].size
        assert np.all(np.abs(got[step] - exact) <= terms * np.finfo(np.float32).eps * size)
    assert got.shape[1:] == (channels, rows, columns)


def _normal_convolution(rng) -> Network:
    channels, groups = 2 * int(rng.integers(1, 7)), int(rng.integers(1, 3))
    out = groups * int(rng.integers(1, 20))
    kernel, stride, padding, dilation = (int(rng.integers(low, high)) for low, high in ((1, 4), (1, 3), (0, 3), (1, 3)))
    side = 7
    weight = rng.normal(size=(out, channels // groups, kernel, kernel)).astype(np.float32)
    after = (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    geometry = {"stride": (stride,) * 2, "padding": (padding,) * 2, "dilation": (dilation,) * 2, "groups": groups}
    edge = Edge("edge", 0, "conv", weight, **geometry)
    return one_layer((channels, side, side), edge, Identity(), (out, after, after), Precision("fp32", "fp32", "fp32"))


def _normal_maps(rng, network) -> np.ndarray:
    shape = (2, *network.layers[0].shape)
    return np.where(rng.random(shape) < 0.3, rng.normal(size=shape), 0).astype(np.float32)


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_bf16_networks_round_every_operation(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, numbers="bf16", max_side=4, max_channels=4, max_layers=3)
    maps = input_maps(rng, network, steps=2)
    trace = run(network, maps)
    expected = run_naive(network, maps, Bfloat, rounded_sums(Bfloat))
    for index, layer in enumerate(network.layers):
        got = dense_steps(trace.layers[index], layer.out_shape)
        np.testing.assert_array_equal(got, expected.maps[index].astype(np.float32), err_msg=str(layer.neuron))


def test_weights_of_type_bf16_are_rounded_also_where_states_are_fp32():
    edge = Edge("edge", 0, "dense", np.full((1, 1, 1, 1), 1.01, np.float32))
    for weight_type, expected in (("fp32", 1.01), ("bf16", 1.0078125)):
        network = one_layer((1, 1, 1), edge, Relu(), (1, 1, 1), Precision(weight_type, "fp32", "fp32"))
        assert sent(network, np.ones((1, 1, 1, 1), np.float32))[0].item() == np.float32(expected)


@given(seed=SEEDS, bits=st.sampled_from([4, 8, 16]), wraps=st.booleans())
@settings(max_examples=60, deadline=None)
def test_integers_saturate_or_wrap_after_every_operation(seed, bits, wraps):
    rng = np.random.default_rng(seed)
    weight = rng.integers(-128, 128, (5, 3, 3, 3)).astype(np.int8)
    edge = Edge("edge", 0, "conv", weight, padding=(1, 1))
    precision = Precision("int8", f"int{bits}", f"int{bits}")
    network = one_layer((3, 4, 5), edge, Identity(), (5, 4, 5), precision, "int32")
    maps = np.where(rng.random((1, 3, 4, 5)) < 0.5, rng.integers(-50, 51, (1, 3, 4, 5)), 0).astype(np.int32)
    got, saturations = sent(network, maps, overflow="wrap" if wraps else "saturate")
    expected, outside = bounded_sums(edge, maps[0], network.layers[1], bits, wraps)
    np.testing.assert_array_equal(got[0], expected.astype(np.int64))
    assert saturations[0] == outside


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_wide_integers_equal_the_dense_network(seed):
    rng = np.random.default_rng(seed)
    weight = rng.integers(-(2**20), 2**20, (4, 3, 2, 2)).astype(np.int32)
    edge = Edge("edge", 0, "conv", weight)
    network = one_layer(
        (3, 4, 4), edge, If(threshold=2.0**40), (4, 3, 3), Precision("int32", "int64", "binary"), "int32"
    )
    maps = rng.integers(-(2**25), 2**25, (1, 3, 4, 4)).astype(np.int32)
    got, _ = sent(network, maps)
    exact = dense_convolution(maps[0].astype(np.float64), weight, edge, 3, 3)
    np.testing.assert_array_equal(got[0], exact > 2.0**40)


def test_the_test_for_overflow_changes_no_sum():
    """The same sums with 32 bits, proved free of overflow, and with 16 bits, which must be watched."""
    rng = np.random.default_rng(2)
    weight = rng.integers(-128, 128, (7, 64, 3, 3)).astype(np.int8)
    edge = Edge("edge", 0, "conv", weight, padding=(1, 1))
    maps = (rng.random((1, 64, 6, 6)) < 0.1).astype(np.int32)
    results = []
    for state in ("int32", "int16"):
        network = one_layer((64, 6, 6), edge, Identity(), (7, 6, 6), Precision("int8", state, "int32"), "binary")
        values, saturations = sent(network, maps)
        results.append(values)
        assert not saturations.any()
    np.testing.assert_array_equal(*results)
    np.testing.assert_array_equal(results[0][0], dense_convolution(maps[0], weight, edge, 6, 6))


def test_a_64_bit_sum_saturates_too():
    edge = Edge("edge", 0, "dense", np.full((1, 3, 1, 1), 2**31 - 1, np.int32))
    network = one_layer(
        (3, 1, 1), edge, If(threshold=2.0**62), (1, 1, 1), Precision("int32", "int64", "binary"), "int32"
    )
    maps = np.full((1, 3, 1, 1), 2**31 - 1, np.int32)
    values, saturations = sent(network, maps)
    assert (values[0, 0, 0, 0], saturations[0]) == (1.0, 1)


def test_membranes_biases_and_events_saturate_and_are_counted():
    edge = Edge("edge", 0, "dense", np.array([[[[100]]]], np.int8))
    precision = Precision("int8", "int8", "int4")
    network = one_layer((1, 1, 1), edge, Relu(), (1, 1, 1), precision, "binary", bias=np.array([100], np.int64))
    values, saturations = sent(network, np.ones((1, 1, 1, 1), np.int32))
    assert values.item() == 7  # 100 + 100 becomes 127, which leaves as 7
    assert saturations.tolist() == [2]
    spiking = one_layer((1, 1, 1), edge, If(threshold=127.0), (1, 1, 1), Precision("int8", "int8", "binary"), "binary")
    values, saturations = sent(spiking, np.ones((3, 1, 1, 1), np.int32))
    assert values.ravel().tolist() == [0, 0, 0]
    assert saturations.tolist() == [0, 1, 1]


def test_a_dead_band_keeps_what_its_events_cannot_hold():
    edge = Edge("edge", 0, "dense", np.array([[[[100]]]], np.int8))
    neuron = SigmaDelta(1.0, "deadband")
    network = one_layer((1, 1, 1), edge, neuron, (1, 1, 1), Precision("int8", "int16", "int4"), "int32")
    maps = np.zeros((20, 1, 1, 1), np.int32)
    maps[0] = 1
    values, saturations = sent(network, maps)
    assert values.sum() == 100
    assert values.max() == 7
    assert saturations.sum() == 14


def test_rounded_multiples_catch_up_with_what_their_events_cannot_hold():
    edge = Edge("edge", 0, "dense", np.array([[[[1.0]]]], np.float32))
    neuron = SigmaDelta(0.5)
    network = one_layer((1, 1, 1), edge, neuron, (1, 1, 1), Precision("fp32", "fp32", "int4"))
    maps = np.zeros((6, 1, 1, 1), np.float32)
    maps[0] = 10.1
    values, saturations = sent(network, maps)
    assert values.ravel().tolist() == [3.5, 3.5, 3.0, 0, 0, 0]
    assert saturations.tolist() == [1, 1, 0, 0, 0, 0]


def test_decays_of_integers_cut_towards_zero():
    edge = Edge("edge", 0, "dense", np.array([[[[1]]]], np.int8))
    neuron = Lif(decay=3 / 4, threshold=-(2.0**20), reset="value", v_reset=-7.0)
    precision = Precision("int8", "int32", "binary")
    network = one_layer((1, 1, 1), edge, neuron, (1, 1, 1), precision, "int32")
    values, _ = sent(network, np.full((2, 1, 1, 1), 5, np.int32))
    assert values.ravel().tolist() == [1, 1]
    high = Lif(decay=3 / 4, threshold=0.0, v_reset=0.0)  # -7 * 3/4 = -5.25 becomes -5, then + 5 is not above 0
    network = one_layer((1, 1, 1), edge, high, (1, 1, 1), precision, "int32")
    values, _ = sent(network, np.array([-7, 5, 1], np.int32).reshape(3, 1, 1, 1))
    assert values.ravel().tolist() == [0, 0, 1]


def test_integer_states_with_scaled_weights_sum_in_integers_and_fire_in_floats():
    weight = np.array([[[[3]], [[5]]], [[[-4]], [[1]]]], np.int8)
    scale = np.array([0.25, 0.3], np.float32)
    edge = Edge("edge", 0, "dense", weight, scale)
    precision = Precision("int8", "int16", "binary")
    network = one_layer((2, 1, 1), edge, If(threshold=1.9), (2, 1, 1), precision, "binary")
    trace = run_network(network, [as_trace(np.ones((2, 2, 1, 1), np.int32), binary=True)])
    assert dense_steps(trace.layers[1], (2, 1, 1)).reshape(2, 2).tolist() == [[1, 0], [1, 0]]  # 0.25 * 8 = 2 > 1.9
    assert trace.layers[1].value is None


def test_masked_layers_equal_dense_layers_with_zeroed_weights():
    rng = np.random.default_rng(0)
    weight = rng.integers(-3, 4, (8, 4, 3, 3)).astype(np.float32)
    mask = rng.random(weight.shape) < 0.3
    maps = (rng.random((3, 4, 6, 6)) < 0.4).astype(np.int32)
    traces = []
    for edge in (
        Edge("edge", 0, "conv", weight * mask, padding=(1, 1), mask=mask),
        Edge("edge", 0, "conv", weight * mask, padding=(1, 1)),
    ):
        network = one_layer((4, 6, 6), edge, Relu(), (8, 6, 6), Precision("fp32", "fp32", "fp32"), "binary")
        traces.append(run_network(network, [as_trace(maps, binary=True)]))
    np.testing.assert_array_equal(*(dense_steps(trace.layers[1], (8, 6, 6)) for trace in traces))
    assert 0.2 < traces[0].sops.sum() / traces[1].sops.sum() < 0.4


@pytest.mark.parametrize(
    ("edge", "neuron", "precision", "input_type", "message"),
    [
        (
            Edge("e", 0, "dense", np.ones((1, 1, 1, 1), np.float32)),
            If(),
            Precision("fp32", "int8", "binary"),
            "binary",
            "states are int8, but the weights of e are floating point; quantise the weights or set the state type to bf16 or fp32",
        ),
        (
            Edge("e", 0, "dense", np.ones((1, 1, 1, 1), np.int8)),
            If(),
            Precision("int8", "int8", "binary"),
            "fp32",
            "states are int8, but input sends floating-point values; set the state type to bf16 or fp32, or let input compute in "
            "integers",
        ),
        (
            Edge("e", 0, "dense", np.ones((1, 1, 1, 1), np.float32)),
            Relu(),
            Precision("fp32", "fp32", "binary"),
            "fp32",
            "Relu sends values, its events cannot be binary; set max_spikes to 1, or an event type that holds values",
        ),
        (
            Edge("e", 0, "dense", np.ones((1, 1, 1, 1), np.float32)),
            ThresholdRelu(1.0),
            Precision("fp32", "fp32", "int8"),
            "fp32",
            "ThresholdRelu computes in floating point, its events cannot be int8; set the event type to bf16 or fp32",
        ),
        (
            Edge("e", 0, "dense", np.ones((1, 1, 1, 1), np.float32)),
            If(threshold=0.0, max_spikes=2),
            Precision("fp32", "fp32", "int8"),
            "fp32",
            "several spikes per step need a threshold > 0, got 0.0",
        ),
        (
            Edge("e", 0, "dense", np.ones((1, 1, 1, 1), np.float32)),
            SigmaDelta(0.0),
            Precision("fp32", "fp32", "fp32"),
            "fp32",
            "the step of a sigma-delta neuron must be > 0, got 0.0",
        ),
    ],
)
def test_types_that_contradict_each_other_are_refused(edge, neuron, precision, input_type, message):
    network = one_layer((1, 1, 1), edge, neuron, (1, 1, 1), precision, input_type)
    with pytest.raises(ActivityError) as error:
        sent(network, np.full((1, 1, 1, 1), 0.5, np.float32))
    assert str(error.value) == f"one: layer: {message}"


def test_values_beyond_all_bounds_are_refused():
    edge = Edge("edge", 0, "dense", np.full((1, 1, 1, 1), 1e30, np.float32))
    network = one_layer((1, 1, 1), edge, Relu(), (1, 1, 1), Precision("fp32", "fp32", "fp32"))
    with pytest.raises(ActivityError) as error:
        sent(network, np.full((1, 1, 1, 1), 1e30, np.float32))
    assert str(error.value) == (
        "one: layer: a value of step 0 is not a finite number; look for weights or inputs that are far too large"
    )


def test_overflow_has_two_choices():
    edge = Edge("edge", 0, "dense", np.ones((1, 1, 1, 1), np.float32))
    network = one_layer((1, 1, 1), edge, Relu(), (1, 1, 1), Precision("fp32", "fp32", "fp32"))
    with pytest.raises(RequestError, match=r"^overflow must be one of saturate, wrap, not 'ignore'$"):
        sent(network, np.ones((1, 1, 1, 1), np.float32), overflow="ignore")


def test_pooling_of_spikes_is_an_or_and_padding_is_no_zero():
    edge = Edge("edge", 0, "add", None)
    network = one_layer(
        (1, 3, 3), edge, Identity(), (1, 3, 3), Precision("fp32", "fp32", "fp32"), pool=MaxPool((2, 2), (2, 2), (1, 1))
    )
    maps = -np.arange(1.0, 10.0, dtype=np.float32).reshape(1, 1, 3, 3)
    values, _ = sent(network, maps)
    assert values[0, 0].tolist() == [[-1, -2], [-4, -5]]

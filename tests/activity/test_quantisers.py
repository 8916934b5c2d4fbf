"""Quantisers: ties in every rounding mode, sums of multiples that stay on their grid, and the golden outputs of ONNX networks."""

import numpy as np
import pytest

from seneca_sim.activity import run_network
from seneca_sim.errors import ActivityError
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.graph.neurons import Delay, Identity, MultiThreshold, Quantise, Relu
from tests.activity.test_random_networks import as_trace

FLOAT, WHOLE = Precision("fp32", "fp32", "fp32"), Precision("int8", "int32", "int32")
TIES = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, -0.25, 0.75]
ROUNDED = {
    "half_even": [-2, -2, 0, 0, 2, 2, 0, 1],
    "half_up": [-2, -1, 0, 1, 2, 3, 0, 1],
    "half_away": [-3, -2, -1, 1, 2, 3, 0, 1],
    "floor": [-3, -2, -1, 0, 1, 2, -1, 0],
    "ceil": [-2, -1, 0, 1, 2, 3, 0, 1],
    "to_zero": [-2, -1, 0, 0, 1, 2, 0, 0],
}


def chain(*layers: Layer, first: Precision = FLOAT) -> Network:
    """Return a network of layers of one position behind an input of as many channels as the first takes."""
    weight = layers[0].edges[0].weight
    inputs = layers[0].shape[0] if weight is None else weight.shape[1]
    return Network("chain", (Layer("input", None, (inputs, 1, 1), precision=first), *layers), task="other")


def sent(network: Network, values, dtype=np.float32) -> list[float]:
    trace = run_network(network, [as_trace(np.array(values, dtype).reshape(1, -1, 1, 1), binary=False)])
    return dense_steps(trace.layers[-1], network.layers[-1].out_shape)[0].ravel().tolist()


def add(source: int) -> Edge:
    return Edge("add", source, "add", None)


@pytest.mark.parametrize("rounding", ROUNDED)
def test_ties_are_rounded_by_name_in_floats_and_in_whole_numbers(rounding):
    expected = [0.25 * code for code in ROUNDED[rounding]]
    floats = Layer("layer", Quantise(0.25, -4, 4, rounding), (8, 1, 1), (add(0),), precision=FLOAT)
    assert sent(chain(floats), [0.25 * tie for tie in TIES]) == expected
    whole = Layer("layer", Quantise(4, -4, 4, rounding), (8, 1, 1), (add(0),), precision=WHOLE)
    assert sent(chain(whole, first=WHOLE), [4 * tie for tie in TIES], np.int32) == [16 * code for code in expected]


def test_the_largest_number_below_a_half_is_rounded_down():
    below = float(np.nextafter(np.float32(0.5), np.float32(0)))
    layer = Layer("layer", Quantise(1.0, -4, 4, "half_up"), (1, 1, 1), (add(0),), precision=FLOAT)
    assert sent(chain(layer), [below]) == [0.0]  # floor(x + 1/2) would be 1


@pytest.mark.parametrize("state", ["fp32", "int32"])
def test_sums_of_multiples_are_rounded_once(state):
    """The step 0.1 is no binary number: codes are summed as integers, and one product makes them a float."""
    factor = np.float32(0.5 * float(np.float32(0.1)))
    for terms in range(1, 60, 2):
        edge = Edge("edge", 1, "dense", np.ones((1, terms, 1, 1), np.int8), np.full(1, 0.5, np.float32))
        network = chain(
            Layer("first", Quantise(0.1, -8, 7), (terms, 1, 1), (add(0),), precision=FLOAT),
            Layer("second", Identity(), (1, 1, 1), (edge,), precision=Precision("int8", state, "fp32")),
        )
        assert sent(network, np.full(terms, 0.1)) == [float(np.float32(terms) * factor)]


def test_a_running_sum_of_floats_would_leave_the_grid():
    running = np.add.accumulate(np.full(59, 0.1, np.float32))
    assert np.any(running != np.arange(1, 60, dtype=np.float32) * np.float32(0.1))


def test_enlarged_and_delayed_maps_keep_the_step():
    edge = Edge("edge", 3, "dense", np.ones((1, 59, 2, 1), np.int8), np.full(1, 0.25, np.float32))
    network = chain(
        Layer("first", Quantise(0.1, -8, 7), (59, 1, 1), (add(0),), precision=FLOAT),
        Layer("held", Relu(), (59, 1, 1), (add(1),), precision=FLOAT),
        Layer("enlarged", Delay(0), (59, 2, 1), (Edge("up", 2, "add", None, upsample=(2, 1)),), precision=FLOAT),
        Layer("last", Quantise(0.1, -100, 100), (1, 1, 1), (edge,), precision=Precision("int8", "int32", "fp32")),
    )
    assert sent(network, np.full(59, 0.1)) == [pytest.approx(3.0)]  # 118 codes x 0.25 = 29.5, to even: 30


def test_thresholds_count_from_equality_on():
    neuron = MultiThreshold(np.array([[-1.0, 0.5, 2.0]]), scale=0.5, offset=-1.0)
    layer = Layer("layer", neuron, (5, 1, 1), (add(0),), precision=FLOAT)
    assert sent(chain(layer), [-2, -1, 0.5, 1.999, 7]) == [-1, -0.5, 0, 0, 0.5]


REFUSED = {
    "binary": (
        Quantise(0.5, 0, 1),
        "Quantise sends values, its events cannot be binary; set max_spikes to 1, or an event type that holds values",
    ),
    "int4": (Quantise(0.5, -8, 9), "codes from -8 to 9 do not fit events of type int4, -8 to 7; set a wider type"),
    "int8": (
        Identity(),
        "Identity computes in floating point, its events cannot be int8; set the event type to bf16 or fp32",
    ),
}


@pytest.mark.parametrize("event", REFUSED)
def test_event_types_that_do_not_hold_the_codes_are_refused(event):
    neuron, message = REFUSED[event]
    layer = Layer("layer", neuron, (1, 1, 1), (add(0),), precision=Precision("fp32", "fp32", event))
    with pytest.raises(ActivityError) as error:
        sent(chain(layer), [1.0])
    assert str(error.value) == f"chain: layer: {message}"


def test_whole_neurons_behind_other_multiples_ask_for_a_scale():
    first = Layer("first", Quantise(0.5, -8, 7), (1, 1, 1), (add(0),), precision=FLOAT)
    layer = Layer("layer", Relu(), (1, 1, 1), (add(1),), precision=WHOLE)
    with pytest.raises(ActivityError) as error:
        sent(chain(first, layer), [1.0])
    assert str(error.value) == (
        "chain: layer: neurons compute in whole numbers, but first sends multiples of 0.5; give the edge add a scale, or set "
        "the state type to fp32"
    )


def test_a_quantiser_of_zeros_and_ones_may_send_spikes():
    layer = Layer("layer", Quantise(1.0, 0, 1), (3, 1, 1), (add(0),), precision=Precision("fp32", "fp32", "binary"))
    network = chain(layer)
    trace = run_network(network, [as_trace(np.array([-1, 0.25, 3], np.float32).reshape(1, 3, 1, 1), binary=False)])
    assert trace.layers[1].value is None
    assert trace.layers[1].channel.tolist() == [2]


def test_a_delay_of_spikes_refuses_values():
    layer = Layer("layer", Delay(0), (1, 1, 1), (add(0),), precision=Precision("fp32", "fp32", "binary"))
    with pytest.raises(ActivityError) as error:
        sent(chain(layer), [2.0])
    assert str(error.value) == (
        "chain: layer: a value of step 0 is 2, but its events are binary; set an event type that holds values"
    )


@pytest.mark.parametrize(("name", "golden"), [("TFC_2W2A", "TFC_2W2A_golden"), ("kwsmlp_w3a3", "kwsmlp_golden")])
def test_networks_of_two_and_three_bits_give_the_golden_outputs(shared_data, name, golden):
    pytest.importorskip("onnx")
    from seneca_sim.graph.lower import lower
    from seneca_sim.graph.onnx import read_onnx

    network = lower(read_onnx(shared_data(f"models/qonnx/{name}.onnx")))
    arrays = np.load(shared_data(f"models/qonnx/{golden}.npz"))
    frame = arrays["input"].astype(np.float32).reshape(1, *network.layers[0].shape)
    trace = run_network(network, [as_trace(frame, binary=False)])
    sent_last = dense_steps(trace.layers[-1], network.layers[-1].out_shape).ravel()
    np.testing.assert_allclose(sent_last, arrays["output"].ravel(), atol=1e-5)


def test_a_network_of_four_bits_differs_from_float32_sums_at_ties_only(shared_data):
    """Our codes are those of exact sums; the golden output was summed in float32, where some neurons lie on ties."""
    pytest.importorskip("onnx")
    from seneca_sim.graph.lower import lower
    from seneca_sim.graph.onnx import read_onnx

    network = lower(read_onnx(shared_data("models/qonnx/espcn_nnresize_quant.onnx")))
    arrays = np.load(shared_data("models/qonnx/espcn_nnresize_golden.npz"))
    trace = run_network(network, [as_trace(arrays["input"].astype(np.float32), binary=False)])
    maps = [dense_steps(part, layer.out_shape)[0] for part, layer in zip(trace.layers, network.layers, strict=True)]
    for layer, sent_map in list(zip(network.layers, maps, strict=True))[2:4]:
        edge, neuron = layer.edges[0], layer.neuron
        source = network.layers[edge.source].neuron
        (py, px), (kernel_y, kernel_x) = edge.padding, edge.kernel
        codes = np.pad(np.rint(maps[edge.source] / np.float64(source.step)), ((0, 0), (py, py), (px, px)))
        windows = np.lib.stride_tricks.sliding_window_view(codes, (kernel_y, kernel_x), axis=(1, 2))
        total = np.einsum("oikl,iyxkl->oyx", edge.weight.astype(np.float64), windows, optimize=True)
        x = total * (edge.scale.astype(np.float64) * source.step).reshape(-1, 1, 1)
        x += 0 if layer.bias is None else layer.bias.reshape(-1, 1, 1)
        expected = np.clip(np.rint(x / neuron.step), neuron.low, neuron.high)
        np.testing.assert_array_equal(np.rint(sent_map / neuron.step), expected)
    off = np.rint((maps[-1] - arrays["output"][0]) * 255)
    assert np.abs(off).max() <= 1
    assert np.count_nonzero(off) <= 20

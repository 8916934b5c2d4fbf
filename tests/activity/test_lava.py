"""Integer neurons by lava's fixed-point rules: recordings of its PilotNets bit by bit, and cases worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.activity import run_network
from seneca_sim.errors import ActivityError
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.graph.neurons import CubaLif, Li, Lif, SigmaDelta
from tests.activity.test_random_networks import as_trace

VALUES, SPIKES = Precision("int8", "int32", "int32"), Precision("int8", "int32", "binary")


def respond(neuron, values, precision=VALUES, **options):
    """Return what one neuron sends for one whole number per step, through a weight of one."""
    edge = Edge("edge", 0, "dense", np.ones((1, 1, 1, 1), np.int8))
    layers = (
        Layer("input", None, (1, 1, 1), precision=VALUES),
        Layer("neuron", neuron, (1, 1, 1), (edge,), precision=precision, is_output=True, **options),
    )
    maps = np.array(values, np.int32).reshape(-1, 1, 1, 1)
    trace = run_network(Network("single", layers, task="other"), [as_trace(maps, binary=False)])
    return dense_steps(trace.layers[1], (1, 1, 1)).ravel().tolist()


def test_fraction_bits_are_cut_off_towards_minus_infinity_and_lost():
    neuron = SigmaDelta(8, "deadband", "identity", fraction_bits=2)
    # d:      7 waits, 7+2=9 -> 2 and the rest is lost, then 8 -> 2, then -9 -> floor(-9/4) = -3
    assert respond(neuron, [7, 2, 8, -9, 0]) == [0, 2, 2, -3, 0]


def test_a_dead_band_of_zero_sends_every_change_that_reaches_the_message():
    assert respond(SigmaDelta(0, "deadband", "identity", fraction_bits=2), [3, 3, 4, -1]) == [0, 0, 1, -1]


def test_a_delta_encoder_compares_whole_values():
    encoder = SigmaDelta(0, "deadband", "identity", gain=16.0, fraction_bits=2, accumulates=False)
    assert respond(encoder, [5, 5, 7, 0]) == [20, 0, 8, -28]


def test_decays_cut_towards_zero():
    assert respond(Li(3 / 4), [7, 0, 0, -14, 0, 0]) == [7, 5, 3, -12, -9, -6]


def test_delayed_sums_act_later_and_restarts_fall_between_the_steps():
    cuba = CubaLif(decay_syn=0.0, decay_mem=1.0, threshold=3.0)
    assert respond(cuba, [2, 2, 0, 2, 2, 0], SPIKES) == [0, 1, 0, 0, 1, 0]
    assert respond(cuba, [2, 2, 0, 2, 2, 0], SPIKES, delay=1) == [0, 0, 1, 0, 0, 1]
    assert respond(cuba, [2, 2, 2, 2, 2, 2], SPIKES, reset_every=3, reset_first=1) == [0, 0, 1, 0, 0, 1]


def test_fraction_bits_need_integers():
    edge = Edge("edge", 0, "dense", np.ones((1, 1, 1, 1), np.float32))
    floats = Precision("fp32", "fp32", "fp32")
    neuron = SigmaDelta(1.0, "deadband", fraction_bits=6)
    layers = (Layer("input", None, (1, 1, 1)), Layer("layer", neuron, (1, 1, 1), (edge,), precision=floats))
    with pytest.raises(ActivityError) as error:
        run_network(Network("one", layers), [as_trace(np.ones((1, 1, 1, 1), np.float32), binary=False)])
    assert str(error.value) == (
        "one: layer: fraction bits belong to integer states without scales; leave them out, or use whole numbers"
    )


def stacked(first: Layer, groups, neuron_of) -> list[Layer]:
    """Return layers of netx groups with a delay of one step each; arrays are (channel, row, column)."""
    layers = [first]
    for group in groups:
        weight = group["weight"][()].astype(np.int32)
        source = layers[-1].shape
        if "stride" in group:
            shape = tuple(int(side) for side in group["shape"])
            stride, padding = (tuple(int(side) for side in group[name]) for name in ("stride", "padding"))
            edge = Edge("edge", len(layers) - 1, "conv", weight, stride=stride, padding=padding)
        else:
            shape = (len(weight), 1, 1)
            edge = Edge("edge", len(layers) - 1, "dense", weight.reshape(len(weight), *source))
        neuron, unit = neuron_of(group)
        bias = group["bias"][()].astype(np.int64) * unit if "bias" in group else None
        precision = SPIKES if isinstance(neuron, Lif) else VALUES
        layers.append(Layer(group.name, neuron, shape, (edge,), bias, precision=precision, delay=1))
    return layers


def test_the_sigma_delta_pilotnet_gives_lavas_numbers(shared_data):
    import h5py

    golden = np.load(shared_data("models/lava/pilotnet_sdnn_33x100_golden.npz"))
    frame = golden["input"][..., 0].transpose(2, 1, 0)
    steps = golden["output"].shape[1]

    def neuron_of(group):
        if "sigma_output" in group["neuron"]:
            return Li(1.0), 1
        threshold = int(group["neuron/vThMant"][()]) << 12
        return SigmaDelta(threshold, "deadband", fraction_bits=6), 1 << 12

    with h5py.File(shared_data("models/lava/pilotnet_sdnn_33x100.net")) as file:
        encoder = SigmaDelta(0, "deadband", "identity", gain=4096.0, fraction_bits=6, accumulates=False)
        host = Layer("input", None, frame.shape, precision=VALUES)
        whole = Layer("encoder", encoder, frame.shape, (Edge("edge", 0, "add", None),), precision=VALUES)
        groups = [file[f"layer/{index}"] for index in (1, 2, 3, 4, 6, 7, 8, 9)]
        layers = [host, *_shifted(stacked(whole, groups, neuron_of))]
    trace = run_network(
        Network("pilotnet", tuple(layers), task="other"),
        [as_trace(np.repeat(frame[None], steps, axis=0).astype(np.int32), binary=False)],
    )
    encoded = dense_steps(trace.layers[1], frame.shape)
    np.testing.assert_array_equal(encoded, golden["act0"][..., :steps].transpose(3, 2, 1, 0))
    assert dense_steps(trace.layers[-1], (1, 1, 1)).ravel().tolist() == golden["output"].ravel().tolist()
    assert golden["output"].any()
    assert not any(part.saturations.any() for part in trace.layers)


def _shifted(layers: list[Layer]) -> list[Layer]:
    """Return layers whose sources are counted from an input in front of them."""
    later = [replace(layer, edges=tuple(replace(e, source=e.source + 1) for e in layer.edges)) for layer in layers[1:]]
    return [layers[0], *later]


def test_the_spiking_pilotnet_gives_lavas_spikes(shared_data):
    import h5py

    golden = np.load(shared_data("models/lava/pilotnet_lif_golden_a.npz"))
    inputs = golden["input"].transpose(3, 2, 1, 0).astype(np.float32)

    def neuron_of(group):
        decay = (4096 - int(group["neuron/vDecay"][()])) / 4096
        return Lif(decay, r=64.0, threshold=64.0 * int(group["neuron/vThMant"][()])), 1

    with h5py.File(shared_data("models/lava/pilotnet_lif_66x200.net")) as file:
        host = Layer("input", None, inputs.shape[1:], precision=SPIKES)
        layers = stacked(host, [file["layer/1"], file["layer/2"]], neuron_of)
    layers = [layers[0], *(replace(layer, reset_every=17, reset_first=k + 1) for k, layer in enumerate(layers[1:]))]
    trace = run_network(Network("pilotnet", tuple(layers), task="other"), [as_trace(inputs, binary=True)])
    for index, name in ((1, "conv0"), (2, "conv1")):
        expected = golden[name].transpose(3, 2, 1, 0)
        np.testing.assert_array_equal(dense_steps(trace.layers[index], layers[index].shape), expected)
        assert expected.any()

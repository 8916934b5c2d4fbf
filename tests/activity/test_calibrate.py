"""Random weights: densities reached on the sample, the same network for the same seed, and what is left alone."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.activity import randomise, run_network
from seneca_sim.activity.calibrate import calibrate
from seneca_sim.errors import ActivityError, RequestError
from seneca_sim.events.sparse import LayerTrace
from seneca_sim.graph import ContextAware, Conv2d, GraphBuilder, Input, Output, lower
from seneca_sim.graph.network import Edge, Layer, MaxPool, Network, Precision
from seneca_sim.graph.neurons import (
    Activation,
    Clip,
    CubaLif,
    GruCell,
    Identity,
    If,
    Lif,
    LstmCell,
    MguCell,
    MinimalCell,
    Quantise,
    Relu,
    SigmaDelta,
    ThresholdRelu,
    sum_names,
    sum_ports,
)
from tests.activity.test_random_networks import as_trace

FLOAT, WHOLE = Precision("fp32", "fp32", "fp32"), Precision("int8", "int32", "int32")
STEPS, SIDE = 5, 12


def placeholder(*shape: int, dtype=np.float32) -> np.ndarray:
    return np.broadcast_to(dtype(0), shape)


def absent(*neurons, precision=FLOAT, pool=None) -> Network:
    """Return a chain of 3x3 convolutions without weights."""
    dtype = np.int8 if precision is WHOLE else np.float32
    layers = [Layer("input", None, (3, SIDE, SIDE), precision=precision)]
    for number, neuron in enumerate(neurons):
        source = layers[-1]
        (first, sums), *_ = sum_ports(neuron)
        weight = placeholder(8 * sums, source.out_shape[0], 3, 3, dtype=dtype)
        edges = [Edge("in", number, "conv", weight, padding=(1, 1), first_sum=first, sums=sums)]
        if len(sum_names(neuron)) > 1:
            first, sums = sum_ports(neuron)[1]
            again = placeholder(8 * sums, 8, 3, 3)
            edges.append(Edge("again", number + 1, "conv", again, padding=(1, 1), delay=1, first_sum=first, sums=sums))
        shape = (8, *source.out_shape[1:])
        bias = placeholder(8 * len(sum_names(neuron))) if dtype is np.float32 else None
        layers.append(Layer(f"layer{number}", neuron, shape, tuple(edges), bias, pool, precision))
    layers[-1] = replace(layers[-1], is_output=True)
    return Network(
        "unknown", tuple(layers), task="other", weights="absent", assumptions=("weights absent", "and so on")
    )


def sample(whole: bool = False) -> list[LayerTrace]:
    rng = np.random.default_rng(0)
    shape = (STEPS, 3, SIDE, SIDE)
    values = rng.integers(1, 5, shape) * (rng.random(shape) < 0.3)
    return [as_trace(values.astype(np.int32 if whole else np.float32), binary=False)]


KINDS = {
    "relu": Relu(),
    "clip": Clip(),
    "threshold-relu": ThresholdRelu(0.5),
    "if": If(),
    "lif": Lif(0.75, max_spikes=4),
    "cuba": CubaLif(0.5, 0.75),
    "round": SigmaDelta(1.0),
    "deadband": SigmaDelta(1.0, "deadband"),
    "quantise": Quantise(0.1, -8, 7),
    "gru": GruCell(0.1, "subtract"),
    "mgu": MguCell(0.1),
    "minimal": MinimalCell(0.1, "zero"),
    "lstm": LstmCell(0.1),
}


POOLED = [kind for kind, neuron in KINDS.items() if len(sum_names(neuron)) == 1]


@pytest.mark.parametrize(("kind", "pooled"), [*((kind, False) for kind in KINDS), *((kind, True) for kind in POOLED)])
def test_every_kind_reaches_its_density_when_run(kind, pooled):
    neuron, pool = KINDS[kind], MaxPool((2, 2), (2, 2)) if pooled else None
    done = calibrate(absent(neuron, neuron, Identity(), pool=pool), sample(), densities={"layer1": 0.2}, seed=3)
    assert done.asked == {"layer0": 0.1, "layer1": 0.2}
    trace = run_network(done.network, sample())
    for index, layer in enumerate(done.network.layers[1:], 1):
        sent = len(trace.layers[index].channel) / (STEPS * np.prod(layer.out_shape))
        assert done.reached[layer.name] == pytest.approx(sent)
        if layer.name in done.asked:
            assert sent == pytest.approx(done.asked[layer.name], rel=0.1)


@pytest.mark.parametrize(
    "neuron", [If(3.0), SigmaDelta(2.0), Relu(), ThresholdRelu(1.0)], ids=lambda n: type(n).__name__
)
def test_integer_layers_get_whole_constants(neuron):
    done = calibrate(absent(neuron, neuron, Relu(), precision=WHOLE), sample(whole=True))
    for layer in done.network.layers[1:3]:
        numbers = [getattr(layer.neuron, name) for name in ("threshold", "step") if hasattr(layer.neuron, name)]
        assert all(number == int(number) >= 1 for number in numbers)
        assert layer.edges[0].weight.dtype == np.int8
        assert done.reached[layer.name] == pytest.approx(0.1, rel=0.1)


def test_the_same_seed_gives_the_same_network_and_others_do_not():
    first, again, other = (randomise(absent(Relu(), If()), sample(), seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.layers[1:], again.layers[1:], strict=True):
        np.testing.assert_array_equal(a.edges[0].weight, b.edges[0].weight)
    assert first.layers[2].neuron.threshold == again.layers[2].neuron.threshold
    assert not np.array_equal(first.layers[1].edges[0].weight, other.layers[1].edges[0].weight)


def test_the_network_says_what_was_drawn_and_reached():
    done = calibrate(absent(Relu(), Relu(), Identity()), sample(), density=0.25, seed=7)
    low, high = sorted(done.reached[name] for name in ("layer0", "layer1"))
    assert done.network.weights == "random"
    assert done.network.assumptions == (
        f"weights random: drawn with seed 7, 2 of 3 layers calibrated on 5 steps of the input to densities of 0.25; reached "
        f"{low:.3g} to {high:.3g}",
        "and so on",
    )


def test_readouts_gates_and_cells_without_a_threshold_send_what_they_have():
    network = absent(GruCell(), Activation("sigmoid"), Identity())
    done = calibrate(network, sample())
    assert done.asked == {}
    assert done.network.layers[1].neuron.threshold is None
    assert done.reached["layer1"] == 1.0
    asked = calibrate(network, sample(), densities={"layer0": 0.3})
    assert asked.network.layers[1].neuron.threshold > 0
    assert asked.reached["layer0"] == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize("density", [0.03, 0.25])
def test_thresholds_that_the_input_sets_reach_a_density_by_their_bias(density):
    net = GraphBuilder("unknown").add("input", Input((3, SIDE, SIDE))).add("conv", Conv2d(placeholder(8, 3, 3, 3)))
    net.add("context", ContextAware(placeholder(8, 3), placeholder(8)), "conv", "input").add("output", Output())
    network = lower(net.graph())
    done = calibrate(network, sample(), densities={"context": density}, seed=3)
    assert done.asked == {"context": density}
    bias = done.network.layers[-1].bias
    assert not bias[:8].any()
    assert len(set(bias[8:])) == 1
    trace = run_network(done.network, sample())
    sent = len(trace.layers[-1].channel) / (STEPS * np.prod(done.network.layers[-1].out_shape))
    assert sent == done.reached["context"] == pytest.approx(density, rel=0.02)


def test_masked_weights_stay_zero():
    network = absent(Relu())
    layer = network.layers[1]
    mask = np.random.default_rng(0).random(layer.edges[0].weight.shape) < 0.5
    layer = replace(layer, edges=(replace(layer.edges[0], mask=mask),))
    drawn = randomise(replace(network, layers=(network.layers[0], layer)), sample())
    weight = drawn.layers[1].edges[0].weight
    assert not weight[~mask].any()
    assert weight[mask].all()


def test_without_weights_a_network_does_not_run():
    with pytest.raises(ActivityError) as error:
        run_network(absent(Relu()), sample())
    assert str(error.value) == (
        "unknown: the weights of this network are not public, so it cannot be run; draw them (weights random:SEED), or give an "
        "activity file with its densities"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"density": 0.0}, "density must be above 0 and at most 1, not 0"),
        ({"densities": {"layer0": 1.5}}, "densities: layer0 must be above 0 and at most 1, not 1.5"),
        ({"densities": {"layr0": 0.5}}, "densities: unknown has no layer 'layr0' of neurons; did you mean layer0?"),
    ],
)
def test_impossible_densities_are_refused(options, message):
    with pytest.raises(RequestError) as error:
        randomise(absent(Relu()), sample(), **options)
    assert str(error.value) == message


def test_silence_cannot_be_calibrated_on():
    with pytest.raises(ActivityError) as error:
        randomise(absent(Relu()), [as_trace(np.zeros((2, 3, SIDE, SIDE), np.float32), binary=False)])
    assert str(error.value) == (
        "unknown: the input has no event to calibrate on; give a recording with events, or more of its steps"
    )

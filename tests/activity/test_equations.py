"""Neurons against closed forms, class scores, recurrent edges, progress, and refusals of inputs."""

import numpy as np
import pytest

from seneca_sim.activity import run_network
from seneca_sim.errors import ActivityError
from seneca_sim.events.sparse import LayerTrace, dense_steps, sparse_steps
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.graph.neurons import CubaLif, Identity, If, Li, Lif, Relu
from tests.activity.test_random_networks import as_trace

FLOAT = Precision("fp32", "fp32", "fp32")
ONE = np.ones((1, 1, 1, 1), np.float32)


def single(neuron, values, weight=1.0, precision=FLOAT, task="classification"):
    """Run one neuron on one input value per step; return what it sends and the trace."""
    edge = Edge("edge", 0, "dense", np.full((1, 1, 1, 1), weight, np.float32))
    layers = (
        Layer("input", None, (1, 1, 1), precision=FLOAT),
        Layer("neuron", neuron, (1, 1, 1), (edge,), precision=precision, is_output=True),
    )
    maps = np.array(values, np.float32).reshape(-1, 1, 1, 1)
    trace = run_network(Network("single", layers, task=task), [as_trace(maps, binary=False)])
    return dense_steps(trace.layers[1], (1, 1, 1)).ravel(), trace


def test_a_leaky_integrator_follows_its_geometric_series():
    decay, gain, leak, n = 0.9, 0.5, 0.2, np.arange(1, 41)
    v, trace = single(Li(decay, gain, leak), np.full(40, 2.0))
    rest = leak + gain * 2.0 / (1 - decay)  # where the membrane settles
    np.testing.assert_allclose(v, rest * (1 - decay**n), rtol=1e-5)
    assert trace.class_scores.tolist() == [pytest.approx(rest * (1 - decay**40), rel=1e-5)]


def test_a_current_based_neuron_answers_an_impulse_with_the_difference_of_two_decays():
    fast, slow, n = 0.5, 0.8, np.arange(30)
    neuron = CubaLif(decay_syn=fast, decay_mem=slow, r=2.0, w_in=3.0, threshold=1e9)
    reaches = 6.0 * (slow ** (n + 1) - fast ** (n + 1)) / (slow - fast)
    for step in (0, 3, 10):
        above = CubaLif(fast, slow, 2.0, 3.0, threshold=float(reaches[step]) * (1 - 1e-5), v_reset=-1e9)
        below = CubaLif(fast, slow, 2.0, 3.0, threshold=float(reaches.max()) * (1 + 1e-5))
        spikes, _ = single(above, np.eye(1, 30)[0])
        assert spikes[: step + 1].max() == 1
        assert not single(below, np.eye(1, 30)[0])[0].any()
    assert not single(neuron, np.eye(1, 30)[0])[0].any()


def test_reset_by_subtraction_keeps_the_rate():
    spikes, trace = single(If(reset="subtract"), np.full(1000, 0.375))
    assert spikes.sum() == 374  # v > 1: the spike at v = 1 comes one step later
    assert trace.class_scores.tolist() == [374]


def test_a_late_reset_subtracts_behind_the_next_decay():
    spikes, _ = single(Lif(decay=0.5, threshold=1.0, reset="subtract_late"), [1.5, 0.5, 0.5, 1.25, 0.0])
    # v = 1.5; 0.75 + 0.5 - 1 = 0.25; 0.125 + 0.5 = 0.625; 0.3125 + 1.25 = 1.5625; 0.78125 - 1
    assert spikes.tolist() == [1, 0, 0, 1, 0]
    spikes, _ = single(If(threshold=1.0, reset="subtract_late", max_spikes=5), [3.5, 0.0, 1.5])
    assert spikes.tolist() == [3, 0, 2]


def test_several_spikes_leave_in_one_step():
    spikes, _ = single(If(reset="subtract", max_spikes=5), [3.5, 0.5, 9.0, 0.0, -4.0])
    assert spikes.tolist() == [3, 1, 5, 4, 0]


def test_one_spike_needs_more_than_the_threshold_several_need_the_threshold():
    assert single(If(), [1.0])[0].tolist() == [0]
    assert single(If(max_spikes=2), [1.0])[0].tolist() == [1]


def test_the_membrane_has_a_lowest_value():
    spikes, _ = single(If(v_min=-1.0), [-100.0, 2.5])
    assert spikes.tolist() == [0, 1]


def test_leak_is_towards_the_leak_value():
    spikes, _ = single(Lif(decay=0.5, v_leak=4.0, threshold=2.5, v_reset=0.0), np.zeros(4))
    assert spikes.tolist() == [0, 1, 0, 1]  # 2, 3 (fires), 2, 3


def test_scores_of_values_are_their_mean():
    _, trace = single(Relu(), [4.0, -1.0, 1.0, 0.0])
    assert trace.class_scores.tolist() == [1.25]
    assert single(Relu(), [4.0], task="other")[1].class_scores is None


def test_a_recurrent_edge_brings_what_was_sent_one_step_before():
    edges = (Edge("in", 0, "dense", ONE), Edge("back", 1, "dense", 2 * ONE, delay=1))
    layers = (
        Layer("input", None, (1, 1, 1), precision=FLOAT),
        Layer("cell", Relu(), (1, 1, 1), edges, precision=FLOAT, is_output=True),
    )
    maps = np.array([1, 0, 0, 5], np.float32).reshape(4, 1, 1, 1)
    trace = run_network(Network("cell", layers), [as_trace(maps, binary=False)])
    assert dense_steps(trace.layers[1], (1, 1, 1)).ravel().tolist() == [1, 2, 4, 13]
    assert trace.sops.tolist() == [[1, 0], [0, 1], [0, 1], [1, 1]]


def test_recurrent_edges_are_summed_last_wherever_they_are_listed():
    large = np.full((1, 1, 1, 1), 2.0**24, np.float32)
    layers = (
        Layer("input", None, (1, 1, 1), precision=FLOAT),
        Layer(
            "cell",
            Identity(),
            (1, 1, 1),
            (Edge("back", 1, "dense", large, delay=1), Edge("a", 0, "dense", ONE), Edge("b", 0, "dense", ONE)),
            precision=FLOAT,
            is_output=True,
        ),
    )
    maps = np.array([0.75, 0.75], np.float32).reshape(2, 1, 1, 1)
    trace = run_network(Network("order", layers), [as_trace(maps, binary=False)])
    # 0.75 + 0.75 + 2**24 * 1.5 rounds to 25165826; with the large term first, each 0.75 would be lost
    assert trace.layers[1].value.tolist() == [1.5, 25165826.0]


def test_progress_is_told_step_by_step():
    told = []
    layers = (Layer("input", None, (1, 1, 1), precision=FLOAT), _readout())
    empty = sparse_steps(np.zeros(0, np.int64), None, 3, (1, 1, 1))
    run_network(Network("n", layers), [empty], lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def _readout() -> Layer:
    return Layer("out", Identity(), (1, 1, 1), (Edge("e", 0, "dense", ONE),), precision=FLOAT, is_output=True)


def test_inputs_must_fit_the_network():
    network = Network("n", (Layer("input", None, (1, 1, 2), precision=FLOAT), _readout()))
    good = sparse_steps(np.array([0, 1]), None, 1, (1, 1, 2))
    with pytest.raises(ActivityError) as error:
        run_network(network, [good, good])
    assert str(error.value) == "n has 1 input layers, but 2 inputs were given; give one for each"
    outside = LayerTrace(
        good.step_start, good.position + 1, good.first_event, good.channel, None, good.neuron_events, good.saturations
    )
    with pytest.raises(ActivityError) as error:
        run_network(network, [outside])
    assert str(error.value) == "n: input: position 2 lies outside the layer's map; there are 2"
    with pytest.raises(ActivityError) as error:
        run_network(network, [sparse_steps(np.zeros(0, np.int64), None, 0, (1, 1, 2))])
    assert str(error.value) == "n: the input has no time step; give at least one"


@pytest.mark.parametrize(
    ("edge", "message"),
    [
        (
            Edge("e", 0, "conv", np.ones((3, 4, 3, 3), np.float32), padding=(1, 1)),
            "weights of shape (3, 4, 3, 3) in 1 groups do not join (2, 4, 4) to (3, 4, 4); expected (3, 2, 3, 3)",
        ),
        (
            Edge("e", 0, "conv", np.ones((3, 1, 3, 3), np.float32), padding=(1, 1), groups=2),
            "weights of shape (3, 1, 3, 3) in 2 groups do not join (2, 4, 4) to (3, 4, 4); expected (3, 1, 3, 3)",
        ),
        (
            Edge("e", 0, "conv", np.ones((3, 2, 1, 1), np.float32), mask=np.ones((3, 2), bool)),
            "the mask has shape (3, 2), the weights have (3, 2, 1, 1)",
        ),
        (
            Edge("e", 0, "add", None, target_offset=2),
            "2 channels of 4x4 positions from channel 2 on do not fit into (3, 4, 4)",
        ),
    ],
)
def test_edges_must_fit_their_layers(edge, message):
    layers = (
        Layer("input", None, (2, 4, 4), precision=FLOAT),
        Layer("out", Relu(), (3, 4, 4), (edge,), precision=FLOAT),
    )
    with pytest.raises(ActivityError) as error:
        run_network(Network("n", layers), [sparse_steps(np.array([0, 1]), None, 1, (2, 4, 4))])
    assert str(error.value) == f"out: edge e from input: {message}"

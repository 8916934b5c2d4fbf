"""Synthetic activity: exact counts, clustering, seeds, and every refusal with its text."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.activity import (
    Densities,
    LayerDensities,
    load_activity,
    load_densities,
    run_network,
    synthetic_trace,
)
from seneca_sim.errors import ActivityError, RequestError
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph.network import Edge, Layer, MaxPool, Network, Precision
from seneca_sim.graph.neurons import Relu
from tests.activity.kinds import network_of_kinds
from tests.naive.network import slow_sops


def small_network() -> Network:
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(8, 2, 3, 3)).astype(np.float32)
    mask = rng.random(weight.shape) < 0.5
    recurrent = rng.normal(size=(8, 8, 1, 1)).astype(np.float32)
    edges = (
        Edge("first", 0, "conv", weight, padding=(1, 1), mask=mask),
        Edge("again", 1, "conv", recurrent, stride=(1, 1), pool=(1, 1), delay=1, padding=(2, 3)),
    )
    layers = (
        Layer("input", None, (2, 20, 24), precision=Precision(event="binary")),
        Layer("conv", Relu(), (8, 20, 24), edges[:1], pool=MaxPool((2, 2), (2, 2))),
        Layer("cell", Relu(), (8, 14, 18), (edges[1],), is_output=True),
    )
    return Network("small", layers)


GOOD = """format: seneca_sim/activity/1
network: small
provenance: made up
steps: 3
layers:
  input: {neuron_density: 0.07, pixel_density: 0.1}
  conv: {neuron_density: 0.05, pixel_density: 0.2, provenance: a guess}
  cell: {neuron_density: 0.1, pixel_density: 0.3, first_step: {neuron_density: 0.9, pixel_density: 1}}
"""


@pytest.fixture
def written(tmp_path):
    def write(text: str):
        path = tmp_path / "small.yaml"
        path.write_text(text)
        return path

    return write


def test_every_step_has_exactly_the_stated_counts(written):
    network = small_network()
    trace = load_activity(network, written(GOOD), seed=5)
    sizes = {0: (480, 2, 0.07, 0.1), 1: (120, 8, 0.05, 0.2), 2: (252, 8, 0.1, 0.3)}
    for index, (positions, channels, neuron, pixel) in sizes.items():
        layer = trace.layers[index]
        for step in range(3):
            first = index == 2 and step == 0
            active = slice(layer.step_start[step], layer.step_start[step + 1] + 1)
            events = np.diff(layer.first_event[active][[0, -1]])[0]
            assert events == round((0.9 if first else neuron) * positions * channels)
            assert layer.step_start[step + 1] - layer.step_start[step] == round((1 if first else pixel) * positions)
    assert trace.layers[1].neuron_events.tolist() == [round(0.05 * 8 * 480)] * 3
    assert trace.class_scores is None
    assert trace.source == "synthetic"
    assert trace.description == "small.yaml: densities from made up; a guess; 3 steps drawn with seed 5"


def test_sops_are_those_of_the_drawn_events(written):
    network = small_network()
    trace = load_activity(network, written(GOOD), steps=2)
    maps = [_dense(trace.layers[index], step, network.layers[index].out_shape) for index in (0, 1) for step in (0, 1)]
    first, again = network.layers[1].edges[0], network.layers[2].edges[0]
    expected = [
        [slow_sops(first, maps[0], network.layers[1]), 0],
        [slow_sops(first, maps[1], network.layers[1]), slow_sops(again, maps[2], network.layers[2])],
    ]
    assert trace.sops.tolist() == expected


def _dense(layer, step, shape):
    channels, rows, columns = shape
    dense = np.zeros((channels, rows * columns))
    for k in range(layer.step_start[step], layer.step_start[step + 1]):
        dense[layer.channel[layer.first_event[k] : layer.first_event[k + 1]], layer.position[k]] = 1
    return dense.reshape(shape)


def test_the_same_seed_draws_the_same_trace_and_another_seed_another(written):
    network = small_network()
    path = written(GOOD)
    one, same, other = (load_activity(network, path, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.layers[0].position, same.layers[0].position)
    assert np.array_equal(one.layers[1].channel, same.layers[1].channel)
    assert not np.array_equal(one.layers[0].position, other.layers[0].position)


def test_active_positions_cluster_and_agree_between_layers(written):
    network = small_network()
    trace = synthetic_trace(network, load_densities(written(GOOD), network), steps=8, seed=3)
    touching, shared = [], []
    for step in range(1, 8):
        active = [_dense(trace.layers[i], step, network.layers[i].out_shape).any(axis=0) for i in (0, 1)]
        neighbours = np.pad(active[0], 1)
        around = sum(np.roll(neighbours, move, axis) for move in (-1, 1) for axis in (0, 1))[1:-1, 1:-1]
        touching.append(around[active[0]].mean() / 4)
        halved = active[0].reshape(10, 2, 12, 2).any(axis=(1, 3))
        shared.append(active[1][halved].mean())
    assert np.mean(touching) > 3 * 0.1  # scattered positions of 10 % have 10 % active neighbours
    assert np.mean(shared) > 2 * 0.2  # and independent layers would share 20 %


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        (
            "neuron_density: 0.07, pixel_density: 0.1}",
            "neuron_density: 1.5, pixel_density: 0.1}",
            "6:27: layers.input.neuron_density: expected a number from 0 to 1, got 1.5",
        ),
        (
            "neuron_density: 0.07, pixel_density: 0.1}",
            "neuron_density: 0.3, pixel_density: 0.1}",
            "6:27: layers.input.neuron_density: 0.3 is larger than the pixel density, 0.1; at an active position at most all "
            "neurons send",
        ),
        (
            "neuron_density: 0.07, pixel_density: 0.1}",
            "neuron_density: 0.02, pixel_density: 0.1}",
            "6:48: layers.input.pixel_density: 0.1 is larger than neuron_density x channels = 0.04; at an active position at "
            "least one neuron sends",
        ),
        (
            "  cell:",
            "  cel:",
            "8:3: layers.cel: unknown layer; did you mean cell?\n"
            "{path}:5:1: layers.cell: this layer of the network is missing; state its neuron_density and pixel_density",
        ),
        (
            "pixel_density: 0.2, provenance",
            "pixel_densty: 0.2, provenance",
            "7:32: layers.conv.pixel_densty: unknown key; did you mean pixel_density?\n"
            "{path}:7:3: layers.conv.pixel_density: expected a number from 0 to 1, got null",
        ),
        (
            "provenance: made up",
            "provenance: ''",
            "3:13: provenance: expected a text that says where the densities come from, got ''",
        ),
        ("network: small", "network: other", "2:10: network: expected small, the network of this run, got 'other'"),
        ("steps: 3", "steps: 0", "4:8: steps: expected an integer from 1 to 10000000, got 0"),
        ("activity/1", "activity/9", "1:9: format: expected seneca_sim/activity/1, got 'seneca_sim/activity/9'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(written, wrong, right, message):
    assert GOOD.count(wrong) == 1
    path = written(GOOD.replace(wrong, right))
    with pytest.raises(ActivityError) as error:
        load_densities(path, small_network())
    assert str(error.value) == f"{path}:{message.format(path=path)}"


def test_no_steps_are_refused(written):
    network = small_network()
    with pytest.raises(RequestError, match=r"^steps must be at least 1, not 0$"):
        load_activity(network, written(GOOD), steps=0)


def test_a_drawn_trace_may_be_fed_to_the_network_as_input(written):
    network = small_network()
    drawn = load_activity(network, written(GOOD))
    trace = run_network(network, [drawn.layers[0]])
    assert trace.sops[:, 0].tolist() == drawn.sops[:, 0].tolist()


@pytest.mark.parametrize("seed", range(8))
def test_operations_of_all_kinds_of_edges_are_counted_without_weights(seed):
    """Several sums, transposed convolutions, enlarged maps, values for whole maps; weights are placeholders."""
    network = network_of_kinds(np.random.default_rng(seed), "float")
    layers = tuple(
        replace(layer, edges=tuple(_without_weights(edge) for edge in layer.edges)) for layer in network.layers
    )
    network = replace(network, layers=layers, weights="absent")
    share = LayerDensities((0.25, 0.25), (0.25, 0.25), "made up")
    trace = synthetic_trace(network, Densities("made up", "made up", 3, 4.0, (share,) * len(layers)), seed=seed)
    sent = [dense_steps(part, layer.out_shape) for part, layer in zip(trace.layers, layers, strict=True)]
    number = 0
    for layer in layers:
        for edge in layer.edges:
            maps = np.concatenate([np.zeros_like(sent[edge.source][:1])] * edge.delay + [sent[edge.source]])
            assert trace.sops[:, number].tolist() == [slow_sops(edge, maps[step], layer) for step in range(3)]
            number += 1
    assert trace.sops.any()


def _without_weights(edge: Edge) -> Edge:
    """Return an edge whose weights are one zero, seen everywhere."""
    return edge if edge.weight is None else replace(edge, weight=np.broadcast_to(np.float32(0), edge.weight.shape))

from math import prod

import pytest

from seneca_sim.graph.lower import lower
from seneca_sim.graph.published import PUBLISHED, build_published
from seneca_sim.graph.table import layer_table, network_totals


def macs(name, **options):
    """Return dense MACs of a step: of all layers, of the head, and of all but the head on valid taps."""
    network = lower(build_published(name, options))
    rows = list(zip(network.layers, layer_table(network), strict=True))
    head = sum(row.dense_macs for layer, row in rows if layer.is_head)
    valid = sum(row.dense_macs_valid for layer, row in rows if not layer.is_head)
    return sum(row.dense_macs for _, row in rows), head, valid


@pytest.mark.parametrize(("name", "twelve_frames"), [("red-se", 284_070_730_752), ("red", 284_070_583_296)])
def test_macs_of_red_over_twelve_frames_are_those_of_neurobench(name, twelve_frames):
    total, head, valid = macs(name)
    assert 12 * valid == twelve_frames
    assert (round((total - head) / 1e9, 2), round(head / 1e9, 2)) == (24.30, 6.24)


def test_macs_of_red_on_gen1_are_the_published_ones():
    total, head, _ = macs("red", size=(240, 304))
    assert (round((total - head) / 1e9, 2), round(head / 1e9, 2)) == (7.69, 1.98)


@pytest.mark.parametrize(
    ("name", "dense"),
    [
        ("pilotnet-msd", 28.22e6),
        ("nmnist-msd", 16.69e6),
        ("ncaltech-msd", 808.97e6),
        ("gen1-msd", 1_177.63e6),
        ("kws-mlp", 172_800),
    ],
)
def test_macs_of_masked_sigma_delta_networks_are_near_the_published_ones(name, dense):
    assert macs(name)[0] == pytest.approx(dense, rel=0.0005)


@pytest.mark.parametrize("width", [2, 4, 8])
def test_width_multiplies_convolutions_and_never_outputs_of_dense_layers(width):
    network = lower(build_published("pilotnet-msd", {"width": width}))
    shapes = [layer.shape[0] for layer in network.layers]
    assert shapes == [3, *(width * n for n in (24, 36, 48, 64, 64)), 1164, 100, 50, 10, 1]


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_every_published_network_lowers_without_taking_memory(name):
    network = lower(build_published(name, {}))
    assert network.weights == "absent"
    edges = [edge for layer in network.layers for edge in layer.edges if edge.weight is not None]
    assert (
        sum(edge.weight.base.nbytes if edge.weight.base is not None else edge.weight.nbytes for edge in edges) < 1 << 20
    )
    assert any(layer.is_output for layer in network.layers)


def test_maps_of_seed_on_one_megapixel_are_the_published_ones():
    layers = {layer.name: layer for layer in lower(build_published("seed-256-gru", {})).layers}
    assert [layers[f"level{k}"].shape for k in (1, 2, 3)] == [(256, 45, 80), (256, 23, 40), (256, 12, 20)]
    gen1 = {layer.name: layer for layer in lower(build_published("seed-128-lstm", {"size": (240, 304)})).layers}
    assert [gen1[f"level{k}"].shape for k in (1, 2, 3)] == [(128, 30, 38), (128, 15, 19), (128, 8, 10)]


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_every_network_takes_another_size(name):
    sizes = {"ems": (96, 64), "ms-": (96, 64), "sew": (96, 64), "kws": (1, 1), "pil": (70, 120), "gen": (111, 143)}
    size = sizes.get(name[:3], (75, 90))
    if name == "ncaltech-msd":
        size = (127, 159)
    network = lower(build_published(name, {"size": size}))
    assert network.layers[0].shape[1:] == size


def test_memory_of_red_without_head_is_the_published_one():
    graph = build_published("red", {})
    totals = network_totals(lower(graph), graph)
    bits = totals.weight_bits - totals.head_weight_bits + totals.state_bits + totals.held_bits
    assert bits / 1e6 == pytest.approx(404.1, abs=0.06)


@pytest.mark.parametrize(
    ("name", "maps", "published"),
    [("seed-256-gru", 2, 245.1), ("seed-128-gru", 2, 90.8), ("seed-256-gru-dense", 1, 226.1)],
)
def test_memory_of_seed_without_head_is_within_one_percent(name, maps, published):
    graph = build_published(name, {})
    network = lower(graph)
    totals = network_totals(network, graph)
    cells = sum(prod(layer.shape) for layer in network.layers if layer.name in ("level1", "level2", "level3", "level4"))
    bits = totals.weight_bits - totals.head_weight_bits + 16 * maps * cells
    assert bits / 1e6 == pytest.approx(published, rel=0.01)


def test_heads_are_marked():
    for name in ("red", "seed-256-gru", "ems-res18"):
        network = lower(build_published(name, {}))
        assert {layer.is_head for layer in network.layers} == {True, False}
        assert all(layer.is_head for layer in network.layers if layer.is_output)


def test_time_steps_restart_membranes():
    network = lower(build_published("ems-res10", {"time_steps": 4}))
    assert {layer.reset_every for layer in network.layers if type(layer.neuron).__name__ == "Lif"} == {4}


def test_the_head_sees_spikes_or_membranes():
    spiking, membrane = (
        {layer.name for layer in lower(build_published("ems-res10", {"last_layer": kind})).layers}
        for kind in ("spiking", "membrane")
    )
    assert spiking - membrane == {"detect32.spikes", "detect16.spikes"}

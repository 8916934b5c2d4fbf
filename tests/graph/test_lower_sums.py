"""Gated cells, broadcasts, enlarged maps and delays become layers that compute what their graph says."""

import numpy as np
import pytest

from seneca_sim.graph import (
    Affine,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    ContextAware,
    Conv2d,
    ConvGru,
    ConvMgu,
    ConvTranspose2d,
    Delay,
    Dense,
    DetectionOutput,
    Flatten,
    GraphBuilder,
    Identity,
    Input,
    Li,
    Lif,
    LstmCell,
    MaxPool2d,
    MguCell,
    Output,
    Product,
    Quantise,
    Relu,
    SqueezeExcite,
    SumPool2d,
    Upsample,
    lower,
    placeholder,
)
from seneca_sim.graph.placeholders import is_placeholder
from tests.graph.compare import assert_same, chain, layer_names


def test_constants_of_each_element_go_into_dense_weights():
    rng = np.random.default_rng(6)
    scale, offset = rng.integers(1, 5, 18) / 2, rng.integers(-2, 3, 18) / 4
    dense = Dense(rng.integers(-3, 4, (4, 18)).astype(np.int8), scale=0.5)
    network = assert_same(chain(Relu(), Flatten(), Affine(scale, offset), dense, shape=(2, 3, 3)))
    assert layer_names(network) == ["input", "relu0", "dense3"]
    assert network.layers[2].edges[0].weight.dtype == np.float32


def test_delay_of_one_length_becomes_the_delay_of_the_layer_behind_it():
    network = assert_same(
        chain(Relu(), Delay(2.0), Conv2d(np.ones((3, 2, 3, 3), np.int8), np.ones(3)), Relu()), steps=4
    )
    assert [(layer.name, layer.delay) for layer in network.layers] == [("input", 0), ("relu0", 0), ("relu3", 2)]


def test_delayed_output_is_a_layer_with_a_delay():
    network = assert_same(chain(Relu(), Delay(1.0)), steps=3)
    assert [(layer.name, layer.delay, type(layer.neuron)) for layer in network.layers[2:]] == [("delay1", 1, Identity)]


def test_delays_of_channels_biases_or_branches_are_neurons():
    conv = Conv2d(np.ones((2, 2, 1, 1), np.int8), np.ones(2))
    for nodes in ((Delay(np.array([0.0, 2.0])), Relu()), (conv, Delay(1.0), Relu())):
        network = assert_same(chain(*nodes), steps=4)
        assert [type(layer.neuron) for layer in network.layers[1:]] == [Delay, Relu]
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("late", Delay(1.0)).add("relu", Relu())
    network = assert_same(build.add("output", Output()).link("input", "relu").graph(), steps=3)
    assert [(layer.name, layer.delay) for layer in network.layers] == [("input", 0), ("late", 0), ("relu", 0)]


def test_delay_in_front_of_max_pooling_is_that_of_its_layer():
    network = assert_same(chain(Delay(1.0), MaxPool2d(2), Relu()), steps=3)
    assert [(layer.name, layer.delay, layer.pool is None) for layer in network.layers[1:]] == [
        ("maxpool2d1", 1, False),
        ("relu2", 0, True),
    ]


def test_gates_arrive_at_their_sums():
    rng = np.random.default_rng(7)
    x, y, bias = rng.random((6, 2, 3, 3)), rng.random((6, 2, 3, 3)), rng.random(8)
    layer = assert_same(chain(ConvGru(x, y, bias, threshold=0.5)), steps=4).layers[1]
    assert (layer.name, layer.neuron.threshold) == ("convgru0", 0.5)
    assert [(edge.name, edge.first_sum, edge.sums, edge.delay) for edge in layer.edges] == [
        ("convgru0.x", 0, 3, 0),
        ("convgru0.y", 1, 3, 1),
    ]
    np.testing.assert_allclose(layer.bias, bias, rtol=1e-6)


def test_batch_norm_is_folded_into_all_gates():
    rng = np.random.default_rng(8)
    build = GraphBuilder("net").add("input", Input((2, 5, 5))).add("x", Conv2d(rng.random((8, 2, 3, 3)), padding=1))
    norm = BatchNorm2d(rng.random(8), rng.random(8) + 0.5, rng.random(8), rng.random(8))
    build.add("norm", norm).add("lstm", LstmCell(0.25)).add("output", Output())
    build.add("y", Conv2d(rng.random((8, 2, 3, 3)), padding=1), "lstm", delay=1).link("y", "lstm")
    network = assert_same(build.graph(), steps=3)
    assert [(edge.name, edge.first_sum, edge.sums, edge.scale) for edge in network.layers[1].edges] == [
        ("x", 0, 4, None),
        ("y", 0, 4, None),
    ]
    assert network.layers[1].bias.shape == (8,)


def test_gates_in_groups_become_one_masked_convolution():
    rng = np.random.default_rng(9)
    build = GraphBuilder("net").add("input", Input((2, 4, 4)))
    build.add("x", Conv2d(rng.integers(-2, 3, (4, 1, 1, 1)).astype(np.int8), groups=2))
    build.add("back", Conv2d(np.ones((4, 2, 1, 1), np.int8), scale=0.25), "input")
    build.add("mgu", MguCell(), "x", "back").add("output", Output())
    (edge, _) = assert_same(build.graph(), steps=3).layers[1].edges
    assert (edge.groups, edge.weight.shape, int(edge.mask.sum())) == (1, (4, 2, 1, 1), 4)


def test_sums_that_others_read_too_reach_gates_through_unit_weights():
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("x", Conv2d(np.ones((8, 2, 1, 1), np.int8)))
    build.add("lstm", LstmCell(), "x", "x").add("output", Output()).add("also", Output(), "x")
    network = assert_same(build.graph(), steps=2)
    assert layer_names(network) == ["input", "x", "lstm"]
    assert [(edge.name, edge.weight.shape, int(edge.mask.sum())) for edge in network.layers[2].edges] == [
        ("x+lstm", (8, 8, 1, 1), 8),
        ("x+lstm.2", (8, 8, 1, 1), 8),
    ]


def test_maps_side_by_side_feed_a_sum_each():
    build = GraphBuilder("net").add("a", Input((2, 4, 4))).add("b", Input((2, 4, 4))).add("join", Concat(), "a", "b")
    build.add("back", Concat(), "b", "b").add("mgu", MguCell(), "join", "back").add("output", Output())
    edges = assert_same(build.graph(), steps=2).layers[2].edges
    assert [(edge.kind, edge.source, edge.first_sum, edge.target_offset) for edge in edges] == [
        ("add", 0, 0, 0),
        ("add", 1, 1, 0),
        ("add", 1, 1, 0),
        ("add", 1, 2, 0),
    ]


def test_squeeze_excite_scales_a_map_by_broadcast():
    rng = np.random.default_rng(10)
    build = GraphBuilder("net").add("input", Input((4, 5, 6))).add("relu", Relu())
    build.add("skip", Conv2d(rng.random((4, 4, 1, 1)), rng.random(4)), "input")
    build.add("se", SqueezeExcite(rng.random((2, 4)), rng.random((4, 2)), rng.random(2)), "relu", "skip")
    network = assert_same(build.add("output", Output()).graph(), steps=2)
    assert layer_names(network) == ["input", "relu", "se.mean", "se.squeeze", "se.gate", "se"]
    assert [(edge.name, edge.kind, edge.first_sum, edge.broadcast) for edge in network.layers[5].edges] == [
        ("relu+se", "add", 0, False),
        ("se.gate+se", "add", 1, True),
        ("skip", "conv", 2, False),
    ]
    mean = network.layers[2].edges[0]
    assert (mean.pool, mean.weight.shape, mean.groups) == ((5, 6), (4, 1, 1, 1), 4)
    np.testing.assert_allclose(mean.scale, [1 / 30], rtol=1e-6)


def test_context_aware_threshold_is_a_broadcast_convolution():
    rng = np.random.default_rng(11)
    build = GraphBuilder("net").add("input", Input((2, 5, 6))).add("conv", Conv2d(rng.random((3, 2, 3, 3)), padding=1))
    build.add("aware", ContextAware(rng.random((3, 2)), rng.random(3)), "conv", "input")
    layer = assert_same(build.add("output", Output()).graph(), steps=2).layers[2]
    assert [(edge.name, edge.kind, edge.first_sum, edge.broadcast) for edge in layer.edges] == [
        ("conv", "conv", 0, False),
        ("aware.theta", "conv", 1, True),
    ]


def test_dense_layer_of_a_map_is_held_before_it_is_broadcast():
    build = GraphBuilder("net").add("input", Input((2, 3, 3))).add("relu", Relu()).add("flat", Flatten())
    build.add("scale", Dense(np.ones((2, 18), np.float32))).add("product", Product(), "relu", "scale")
    network = assert_same(build.add("output", Output()).graph())
    assert layer_names(network) == ["input", "relu", "scale", "product"]
    assert network.layers[3].edges[1].broadcast


def test_upsampling_goes_straight_into_neurons_and_joined_maps():
    build = (
        GraphBuilder("net").add("a", Input((2, 3, 3))).add("b", Input((1, 6, 5))).add("up", Upsample(2, (6, 5)), "a")
    )
    build.add("join", Concat(), "b", "up").add("relu", Relu()).add("output", Output())
    edge = assert_same(build.graph()).layers[2].edges[1]
    assert (edge.kind, edge.upsample, edge.padding, edge.kernel, edge.target_offset) == (
        "add",
        (2, 2),
        (1, 1),
        (2, 2),
        1,
    )


def test_upsampling_before_weights_is_a_layer_of_its_own():
    network = assert_same(chain(Relu(), Upsample((1, 2)), Upsample(2), Conv2d(np.ones((1, 2, 3, 3), np.int8)), Relu()))
    assert [(layer.name, layer.shape) for layer in network.layers[2:]] == [
        ("upsample2", (2, 12, 24)),
        ("relu4", (1, 10, 22)),
    ]
    assert network.layers[2].edges[0].upsample == (2, 4)
    assert network.assumptions == (
        "upsample2: the sum is enlarged in front of weights; a layer of neurons that pass it on was added",
    )


def test_transposed_convolution_is_turned_and_spread():
    weight = np.arange(2 * 3 * 9, dtype=np.int8).reshape(2, 3, 3, 3)
    node = ConvTranspose2d(weight, stride=2, padding=1, output_padding=1)
    edge = assert_same(chain(node, Relu())).layers[1].edges[0]
    assert (edge.upsample, edge.stride, edge.padding, edge.weight.dtype) == ((2, 2), (1, 1), (1, 1), np.int8)
    np.testing.assert_array_equal(edge.weight[1, 0], weight[0, 1, ::-1, ::-1])


def test_max_pool_behind_gated_cells_has_its_own_layer():
    network = assert_same(chain(ConvMgu(np.ones((4, 2, 3, 3)), np.ones((4, 2, 3, 3))), MaxPool2d(2)), steps=2)
    assert [(layer.name, layer.pool is None) for layer in network.layers[1:]] == [
        ("convmgu0", True),
        ("maxpool2d1", False),
    ]


def test_quantiser_behind_max_pool_changes_places_with_it():
    network = assert_same(chain(Conv2d(np.ones((3, 2, 3, 3), np.int8)), MaxPool2d(2), Quantise(0.75, -4.0, 3.0)))
    assert layer_names(network) == ["input", "quantise2"]


def test_two_detection_heads_are_two_outputs():
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("near", Conv2d(np.ones((6, 2, 1, 1))), head=True)
    build.add("near_boxes", DetectionOutput("ssd", 2, np.ones((1, 2)), 8))
    build.add("far", Conv2d(np.ones((6, 2, 3, 3)), stride=2, padding=1), "input", head=True)
    network = lower(build.add("far_boxes", DetectionOutput("ssd", 2, np.ones((1, 2)), 16)).graph())
    assert [(layer.name, layer.is_output, layer.is_head) for layer in network.layers[1:]] == [
        ("near", True, True),
        ("far", True, True),
    ]


def test_absent_weights_are_never_copied():
    weight, bias = placeholder(4096, 2048, 3, 3), placeholder(4096)
    norm = BatchNorm2d(bias, np.ones(4096), np.ones(4096), bias)
    build = (
        GraphBuilder("net", weights="absent").add("input", Input((2048, 4, 4))).add("conv", Conv2d(weight, padding=1))
    )
    build.add("norm", norm).add("relu", Relu())
    build.add("up", ConvTranspose2d(weight, stride=2)).add("last", Relu())
    network = lower(build.add("output", Output()).graph())
    assert network.weights == "absent"
    assert all(is_placeholder(layer.edges[0].weight) for layer in network.layers[1:])
    assert [layer.bias is None for layer in network.layers[1:]] == [False, True]


def test_resets_reach_the_layer():
    build = GraphBuilder("net").add("input", Input((2,))).add("lif", Lif(0.5), reset_every=5, reset_first=2)
    layer = lower(build.add("output", Output()).graph()).layers[1]
    assert (layer.reset_every, layer.reset_first) == (5, 2)


@pytest.mark.parametrize(
    ("operator", "kinds"),
    [
        (Conv2d(np.ones((2, 2, 2, 2), np.int8), np.ones(2), stride=2), ["conv", "add"]),
        (SumPool2d(2), ["conv", "add"]),
        (AvgPool2d(3, 1), ["conv", "add"]),
    ],
)
def test_what_shrinks_a_map_over_a_delay_is_done_in_the_step_before(operator, kinds):
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("first", Li(0.5))
    build.add("feed", AvgPool2d(2) if not isinstance(operator, AvgPool2d) else AvgPool2d(3, 1), "input")
    build.add("second", Li(0.25)).add("output", Output()).add("back", operator, "first", delay=1).link("back", "second")
    network = assert_same(build.graph(), steps=4)
    (replayed,) = [edge for edge in network.layers[2].edges if edge.delay]
    inner = network.layers[replayed.source]
    assert [inner.edges[0].kind, replayed.kind] == kinds
    assert isinstance(inner.neuron, Identity)


@pytest.mark.parametrize("operator", [Upsample(2), ConvTranspose2d(np.ones((2, 2, 2, 2), np.int8), stride=2)])
def test_what_enlarges_a_map_over_a_delay_is_done_in_the_step_before(operator):
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("small", AvgPool2d(2)).add("first", Li(0.5))
    build.add("second", Li(0.25), "input").add("output", Output()).add("back", operator, "first", delay=1)
    network = assert_same(build.link("back", "second").graph(), steps=4)
    (replayed,) = [edge for edge in network.layers[2].edges if edge.delay]
    assert (replayed.kind, replayed.upsample) == ("add", (1, 1))
    assert network.layers[replayed.source].edges[0].upsample == (2, 2)


def test_gates_that_see_a_strided_step_before_get_unit_weights():
    rng = np.random.default_rng(12)
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("first", Li(0.5))
    build.add("x", Conv2d(rng.random((4, 2, 2, 2)), stride=2), "input").add("mgu", MguCell()).add("output", Output())
    build.add("back", Conv2d(rng.random((4, 2, 2, 2)), rng.random(4), stride=2), "first", delay=1).link("back", "mgu")
    network = assert_same(build.graph(), steps=4)
    (replayed,) = [edge for edge in network.layers[2].edges if edge.delay]
    assert (replayed.weight.shape, replayed.first_sum, replayed.sums) == ((4, 4, 1, 1), 1, 2)


def test_inputs_of_the_step_before_pass_weights_through_a_copy():
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("first", Li(0.5)).add("output", Output())
    build.add("back", Conv2d(np.ones((2, 2, 3, 3), np.int8), padding=1), "input").link("back", "first", delay=1)
    network = assert_same(build.graph(), steps=4)
    (replayed,) = [edge for edge in network.layers[1].edges if edge.delay]
    assert (replayed.kind, network.layers[replayed.source].name) == ("conv", "input.before")

"""A lowered network computes what its graph says, whatever is folded, fused, sliced or absorbed."""

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.graph import (
    Add,
    Affine,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    GraphBuilder,
    Identity,
    If,
    Input,
    Lif,
    MaxPool,
    MaxPool2d,
    Output,
    Precision,
    Relu,
    SigmaDelta,
    SumPool2d,
    ThresholdRelu,
    lower,
)
from tests.graph.compare import assert_same, chain, layer_names
from tests.graph.graphs import random_graph


@settings(max_examples=120, deadline=None)
@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_random_graph_equals_its_layers(n_nodes, seed):
    assert_same(random_graph(np.random.default_rng(seed), n_nodes), seed, steps=3)


def test_batch_norm_is_folded_into_float_weights_and_bias():
    rng = np.random.default_rng(0)
    norm = BatchNorm2d(rng.random(3), rng.random(3) + 0.5, rng.random(3), rng.random(3))
    network = assert_same(chain(Conv2d(rng.random((3, 2, 3, 3), np.float32), np.ones(3, np.float32)), norm, Relu()))
    (_, relu) = network.layers
    assert layer_names(network) == ["input", "relu2"]
    assert relu.edges[0].scale is None
    assert relu.bias.dtype == np.float32


def test_batch_norm_leaves_integer_weights_and_scales_them():
    weight = np.arange(54, dtype=np.int8).reshape(3, 2, 3, 3)
    norm = BatchNorm2d(np.zeros(3), np.full(3, 4.0), epsilon=0.0)
    network = assert_same(chain(Conv2d(weight, scale=0.5), norm, Relu()))
    edge = network.layers[1].edges[0]
    assert edge.weight.dtype == np.int8
    np.testing.assert_array_equal(edge.weight, weight)
    np.testing.assert_array_equal(edge.scale, [0.25])
    assert network.layers[1].precision == Precision("int8", "bf16", "bf16")


def test_average_pool_is_folded_into_the_next_edge():
    rng = np.random.default_rng(1)
    network = assert_same(
        chain(Relu(), AvgPool2d(2), Conv2d(rng.integers(-3, 4, (4, 2, 2, 2)).astype(np.int8)), Relu())
    )
    assert layer_names(network) == ["input", "relu0", "relu3"]
    edge = network.layers[2].edges[0]
    assert edge.pool == (2, 2)
    np.testing.assert_array_equal(edge.scale, [0.25])


def test_pool_of_a_pool_folds_over_incomplete_windows():
    network = assert_same(
        chain(SumPool2d(2), SumPool2d((2, 1)), Flatten(), Dense(np.eye(6, dtype=np.int8)), shape=(2, 7, 7))
    )
    edge = network.layers[1].edges[0]
    assert (edge.kind, edge.pool, edge.weight.shape) == ("dense", (4, 2), (6, 2, 1, 3))


def test_overlapping_pool_is_a_depthwise_layer():
    network = assert_same(chain(Relu(), SumPool2d(3, 2, 1), Conv2d(np.ones((2, 2, 1, 1), np.int8)), Relu()))
    assert layer_names(network) == ["input", "relu0", "sumpool2d1", "relu3"]
    layer = network.layers[2]
    edge = layer.edges[0]
    assert isinstance(layer.neuron, Identity)
    assert (edge.groups, edge.weight.shape, edge.stride, edge.padding, edge.pool) == (
        2,
        (2, 1, 3, 3),
        (2, 2),
        (1, 1),
        (1, 1),
    )


def test_pool_straight_into_neurons_is_a_depthwise_edge():
    network = assert_same(chain(AvgPool2d(2), Relu()))
    edge = network.layers[1].edges[0]
    assert (edge.kind, edge.weight.shape, edge.stride, edge.pool) == ("conv", (2, 1, 2, 2), (2, 2), (1, 1))
    np.testing.assert_array_equal(edge.scale, [0.25])


def test_max_pool_is_fused_behind_its_neuron():
    weight = np.ones((3, 2, 3, 3), np.int8)
    network = assert_same(
        chain(Conv2d(weight), Relu(), MaxPool2d(2, padding=1), Conv2d(np.ones((1, 3, 1, 1), np.int8)))
    )
    assert layer_names(network) == ["input", "relu1", "conv2d3"]
    assert network.layers[1].pool == MaxPool((2, 2), (2, 2), (1, 1))
    assert network.layers[1].out_shape == (3, 3, 3)


def test_relu_behind_max_pool_changes_places_with_it():
    network = assert_same(chain(Conv2d(np.ones((3, 2, 3, 3), np.int8)), MaxPool2d(2), Relu()))
    assert layer_names(network) == ["input", "relu2"]
    assert network.layers[1].pool == MaxPool((2, 2), (2, 2))


def test_threshold_below_zero_stays_behind_max_pool():
    network = assert_same(chain(Conv2d(np.ones((3, 2, 3, 3), np.int8)), MaxPool2d(2), ThresholdRelu(-1.0)))
    assert layer_names(network) == ["input", "maxpool2d1", "thresholdrelu2"]


def test_max_pool_of_an_input_has_its_own_layer():
    network = assert_same(chain(MaxPool2d(2), Conv2d(np.ones((3, 2, 3, 3), np.int8)), Relu()))
    layer = network.layers[1]
    assert (layer.name, layer.neuron.__class__, layer.edges[0].kind, layer.out_shape) == (
        "maxpool2d0",
        Identity,
        "add",
        (2, 3, 3),
    )


def test_max_pool_of_shared_neurons_leaves_them_alone():
    build = GraphBuilder("shared").add("input", Input((2, 4, 4))).add("relu", Relu()).add("sum", Add())
    build.add("pool", MaxPool2d(2)).add("pooled", Output()).add("whole", Output(), "sum")
    network = assert_same(build.graph())
    assert [(layer.name, layer.pool) for layer in network.layers[1:]] == [
        ("relu", None),
        ("pool", MaxPool((2, 2), (2, 2))),
    ]


def test_flatten_is_absorbed_in_channel_row_column_order():
    weight = np.arange(2 * 18, dtype=np.int32).reshape(2, 18)
    network = assert_same(chain(Relu(), Flatten(), Dense(weight), shape=(2, 3, 3)))
    edge = network.layers[2].edges[0]
    assert edge.kind == "dense"
    np.testing.assert_array_equal(edge.weight, weight.reshape(2, 2, 3, 3))


def test_neurons_behind_flatten_keep_the_map():
    threshold = np.repeat([0.5, 1.0], 16)
    graph = chain(Conv2d(np.ones((2, 2, 3, 3), np.int8)), Flatten(), If(threshold), Dense(np.ones((3, 32), np.int8)))
    network = lower(graph)
    assert network.layers[1].shape == (2, 4, 4)
    np.testing.assert_array_equal(network.layers[1].neuron.threshold, [[[0.5]], [[1.0]]])


def test_concatenation_slices_the_weights():
    rng = np.random.default_rng(2)
    build = GraphBuilder("concat").add("a", Input((2, 4, 4))).add("b", Input((3, 4, 4)))
    build.add("join", Concat(), "b", "a").add(
        "conv", Conv2d(rng.integers(-3, 4, (2, 5, 3, 3)).astype(np.int8), padding=1)
    )
    network = assert_same(build.add("relu", Relu()).add("output", Output()).graph())
    edges = network.layers[2].edges
    assert [(edge.name, edge.source, edge.weight.shape) for edge in edges] == [
        ("conv", 1, (2, 3, 3, 3)),
        ("conv.2", 0, (2, 2, 3, 3)),
    ]


def test_concatenation_before_neurons_adds_with_an_offset():
    build = GraphBuilder("concat").add("a", Input((2, 4, 4))).add("b", Input((3, 4, 4))).add("join", Concat(), "a", "b")
    network = assert_same(build.add("relu", Relu()).add("output", Output()).graph())
    assert [(edge.kind, edge.target_offset) for edge in network.layers[2].edges] == [("add", 0), ("add", 2)]


def test_concatenated_flat_maps_reach_one_dense_layer():
    rng = np.random.default_rng(3)
    build = GraphBuilder("heads").add("a", Input((2, 3, 3))).add("b", Input((1, 2, 4)))
    build.add("fa", Flatten(), "a").add("fb", Flatten(), "b").add("join", Concat(), "fa", "fb")
    build.add("fc", Dense(rng.integers(-3, 4, (4, 26)).astype(np.int8))).add("output", Output())
    network = assert_same(build.graph())
    assert [edge.weight.shape for edge in network.layers[2].edges] == [(4, 2, 3, 3), (4, 1, 2, 4)]


def test_residual_addition_is_a_second_edge():
    build = GraphBuilder("residual").add("input", Input((2, 4, 4))).add("first", Relu())
    build.add("conv", Conv2d(np.ones((2, 2, 3, 3), np.int8), padding=1)).add("add", Add(), "conv", "first")
    network = assert_same(build.add("second", Relu()).add("output", Output()).graph())
    assert [(edge.kind, edge.name) for edge in network.layers[2].edges] == [("conv", "conv"), ("add", "first+second")]


def test_weights_upon_weights_get_a_layer_between():
    network = assert_same(
        chain(
            Conv2d(np.ones((2, 2, 3, 3), np.int8), np.ones(2, np.float32)), Flatten(), Dense(np.ones((3, 32), np.int8))
        )
    )
    assert [(layer.name, layer.neuron.__class__) for layer in network.layers[1:]] == [
        ("flatten1", Identity),
        ("dense2", Identity),
    ]
    assert network.assumptions == (
        "flatten1: the sum is used by a linear operator again; a layer of neurons that pass it on was added",
    )


def test_sum_read_twice_is_computed_once():
    build = GraphBuilder("twice").add("input", Input((2, 4, 4))).add("conv", Conv2d(np.ones((2, 2, 1, 1), np.int8)))
    build.add("a", Relu(), "conv").add("b", ThresholdRelu(1.0), "conv").add("oa", Output(), "a").add(
        "ob", Output(), "b"
    )
    network = assert_same(build.graph())
    assert layer_names(network) == ["input", "conv", "a", "b"]


def test_scale_before_integer_weights_per_channel_gets_a_layer():
    affine = Affine(np.array([0.5, 2.0]))
    network = assert_same(chain(Relu(), affine, Conv2d(np.ones((2, 2, 1, 1), np.int8))))
    assert layer_names(network) == ["input", "relu0", "affine1", "conv2d2"]
    assert network.layers[2].edges[0].groups == 2


def test_scale_before_grouped_float_weights_goes_into_them():
    rng = np.random.default_rng(4)
    network = assert_same(
        chain(
            Affine(np.array([0.5, 2.0, 1.0, 4.0])),
            Conv2d(rng.random((4, 2, 2, 2), np.float32), groups=2),
            shape=(4, 5, 5),
        )
    )
    assert layer_names(network) == ["input", "conv2d1"]


def test_vector_input_is_a_map_of_one_position():
    network = assert_same(chain(Dense(np.ones((3, 5), np.int8)), Relu(), Dense(np.ones((2, 3), np.int8)), shape=(5,)))
    assert [layer.shape for layer in network.layers] == [(5, 1, 1), (3, 1, 1), (2, 1, 1)]


def recurrent(node, shape=(2, 4, 4), feed=None):
    build = GraphBuilder("recurrent").add("input", Input(shape))
    if feed:
        build.add("feed", feed)
    build.add("lif", Lif(0.5)).add("back", node).add("output", Output(), "lif")
    return build.link("back", "lif", delay=1).graph()


def test_recurrent_edge_comes_last_with_delay():
    network = lower(recurrent(Conv2d(np.ones((2, 2, 3, 3), np.int8), np.ones(2, np.float32), padding=1)))
    edges = network.layers[1].edges
    assert [(edge.kind, edge.source, edge.delay) for edge in edges] == [("add", 0, 0), ("conv", 1, 1)]
    np.testing.assert_array_equal(network.layers[1].bias, [1, 1])


def test_delay_may_leave_the_neuron_instead():
    build = GraphBuilder("recurrent").add("input", Input((3,))).add("lif", Lif(0.5))
    build.add("fc", Dense(np.ones((3, 3), np.int8))).add("out", Lif(0.5)).add("output", Output())
    graph = build.link("out", "fc", delay=1).graph()
    network = lower(graph)
    assert [(edge.source, edge.delay) for edge in network.layers[3].edges] == [(2, 0)]
    assert [(edge.source, edge.delay) for edge in network.layers[2].edges] == [(1, 0), (3, 1)]


def test_recurrent_pooling_is_a_depthwise_edge():
    edge = lower(recurrent(SumPool2d(3, 1, 1))).layers[1].edges[1]
    assert (edge.groups, edge.padding, edge.delay) == (2, (1, 1), 1)


def test_bias_between_sigma_delta_neurons_counts_once():
    graph = chain(
        SigmaDelta(0.5), Conv2d(np.ones((2, 2, 1, 1), np.int8), np.ones(2, np.float32)), MaxPool2d(2), SigmaDelta(0.5)
    )
    held = lower(graph).layers[2].neuron
    assert (held.step, held.mode, held.activation) == (0.0, "deadband", "identity")


def test_spikes_are_binary_and_counts_small_integers():
    build = (
        GraphBuilder("types")
        .add("input", Input((2, 4, 4)))
        .add("one", If())
        .add("many", If(max_spikes=300))
        .add("output", Output())
    )
    assert [layer.precision.event for layer in lower(build.graph()).layers] == ["binary", "binary", "int16"]


def test_stated_precision_and_head_reach_the_layer():
    build = GraphBuilder("types").add("input", Input((2,))).add("fc", Dense(np.ones((2, 2), np.int8)), head=True)
    build.add("relu", Relu(), precision=Precision("int4", "int16", "int8")).add("output", Output())
    layer = lower(build.graph()).layers[1]
    assert (layer.precision, layer.is_head, layer.is_output) == (Precision("int4", "int16", "int8"), True, True)


def test_padded_pool_is_not_folded():
    network = assert_same(chain(Relu(), SumPool2d(2, padding=1), Conv2d(np.ones((2, 2, 2, 2), np.int8)), Relu()))
    assert layer_names(network) == ["input", "relu0", "sumpool2d1", "relu3"]


def test_edges_with_delay_come_last_whatever_the_links_order():
    build = GraphBuilder("net").add("input", Input((3,))).add("lif", Lif(0.5)).add("out", Lif(0.5))
    build.add("back", Dense(np.ones((3, 3), np.int8)), "out").add("sum", Add(), "back", "lif")
    build._links[2] = dataclasses.replace(build._links[2], delay=1)
    network = lower(build.add("last", Relu()).add("output", Output()).graph())
    assert [(edge.name, edge.delay) for edge in network.layers[3].edges] == [("lif+last", 0), ("back", 1)]


def test_output_of_an_input_is_a_layer():
    network = assert_same(chain(Flatten(), shape=(2, 3, 3)))
    assert [(layer.name, layer.is_output) for layer in network.layers] == [("input", False), ("flatten0", True)]


def test_output_over_a_delay_is_a_layer():
    build = GraphBuilder("net").add("input", Input((3,))).add("lif", Lif(0.5)).add("now", Output())
    build._nodes["before"] = Output()
    network = lower(build.link("lif", "before", delay=1).graph())
    assert [(layer.name, layer.is_output) for layer in network.layers] == [
        ("input", False),
        ("lif", True),
        ("lif.2", True),
    ]
    assert network.layers[2].edges[0].delay == 1


def test_max_pool_that_is_fused_already_stays_before_relu():
    network = assert_same(chain(Identity(), MaxPool2d(2), Relu()))
    assert [(layer.name, layer.pool is None) for layer in network.layers[1:]] == [("identity0", False), ("relu2", True)]


def test_relu_that_a_delay_reads_stays_behind_max_pool():
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("pool", MaxPool2d(2)).add("relu", Relu())
    build.add("lif", Lif(0.5)).add("output", Output())
    build._nodes["back"] = Conv2d(np.ones((2, 2, 3, 3), np.int8), padding=1)
    network = lower(build.link("relu", "back", delay=1).link("back", "lif").graph())
    assert layer_names(network) == ["input", "pool", "relu", "lif"]
    assert [(edge.kind, edge.source, edge.delay) for edge in network.layers[3].edges] == [("add", 2, 0), ("conv", 2, 1)]


def test_scaled_part_of_a_recurrent_concatenation_is_delayed_behind_its_layer():
    build = GraphBuilder("net").add("input", Input((4, 2, 2))).add("first", Lif(0.5))
    build.add("a", Conv2d(np.ones((2, 4, 1, 1), np.int8))).add("left", Lif(0.5)).add("half", Affine(0.5))
    build.add("b", Conv2d(np.ones((2, 4, 1, 1), np.int8)), "first").add("right", Lif(0.5))
    build.add("join", Concat(), "half", "right").add("output", Output(), "right")
    network = lower(build.link("join", "first", delay=1).graph())
    assert layer_names(network) == ["input", "first", "left", "right", "left.scaled"]
    assert [(edge.source, edge.delay, edge.target_offset) for edge in network.layers[1].edges] == [
        (0, 0, 0),
        (4, 1, 0),
        (3, 1, 2),
    ]
    assert [(edge.source, edge.delay) for edge in network.layers[4].edges] == [(2, 0)]


def test_recurrent_convolution_that_changes_the_map_goes_through_a_layer():
    network = lower(recurrent(Conv2d(np.ones((2, 2, 2, 2), np.int8), dilation=2, padding=1)))
    assert layer_names(network) == ["input", "lif", "back.before"]
    assert [(edge.kind, edge.source, edge.delay) for edge in network.layers[1].edges] == [("add", 0, 0), ("add", 2, 1)]
    assert [(edge.name, edge.source, edge.delay) for edge in network.layers[2].edges] == [("back", 1, 0)]
    assert network.assumptions == (
        "back.before: only what neurons sent can be replayed over delay 1; a layer that passes it on was added",
    )


def test_input_of_the_step_before_goes_through_a_layer():
    build = GraphBuilder("net").add("input", Input((2,))).add("lif", Lif(0.5), "input").add("output", Output())
    network = lower(build.link("input", "lif", delay=1).graph())
    assert layer_names(network) == ["input", "lif", "input.before"]
    assert [(edge.kind, edge.source, edge.delay) for edge in network.layers[1].edges] == [("add", 0, 0), ("add", 2, 1)]
    assert [(edge.kind, edge.source, edge.delay) for edge in network.layers[2].edges] == [("add", 0, 0)]


def test_a_network_with_one_output_classifies_nothing():
    outputs = [chain(Relu(), Flatten(), Dense(np.ones((n, 72), np.float32)), Relu()) for n in (2, 1)]
    assert [lower(graph).task for graph in outputs] == ["classification", "other"]

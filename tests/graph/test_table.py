"""The layer table counts weights, multiplications and states as their definitions say."""

import numpy as np
from hypothesis import given, settings

from seneca_sim.graph import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvGru,
    ConvTranspose2d,
    CubaLif,
    Delay,
    Dense,
    Flatten,
    GraphBuilder,
    Input,
    Output,
    Precision,
    Relu,
    SqueezeExcite,
    load_network,
    lower,
    placeholder,
)
from seneca_sim.graph.table import graph_parameters, layer_table, network_totals
from tests.networks import networks


def test_published_counts_of_pilotnet():
    shapes = [(24, 3, 5, 2), (36, 24, 5, 2), (48, 36, 5, 2), (64, 48, 3, 1), (64, 64, 3, 1)]
    build = GraphBuilder("pilotnet").add("input", Input((3, 66, 200)))
    for number, (out, into, kernel, stride) in enumerate(shapes):
        build.add(f"conv{number}", Conv2d(np.zeros((out, into, kernel, kernel), np.int8), stride=stride)).add(
            f"relu{number}", Relu()
        )
    build.add("flat", Flatten())
    for number, (out, into) in enumerate([(1164, 1152), (100, 1164), (50, 100), (10, 50), (1, 10)]):
        build.add(f"fc{number}", Dense(np.zeros((out, into), np.int8))).add(f"act{number}", Relu())
    rows = layer_table(lower(build.add("output", Output()).graph()))
    # Sekikawa and Uto 2021 give 28 M dense operations for PilotNet
    assert round(sum(row.dense_macs for row in rows) / 1e6, 2) == 28.22
    assert sum(row.dense_macs for row in rows) == sum(row.dense_macs_valid for row in rows)


def test_every_column_of_a_small_layer():
    mask = np.ones((4, 1, 3, 3), bool)
    mask[0] = False
    build = GraphBuilder("net").add("input", Input((2, 8, 8))).add("relu", Relu()).add("pool", AvgPool2d(2))
    build.add("conv", Conv2d(np.ones((4, 1, 3, 3), np.int8), np.ones(4, np.float32), mask=mask, padding=1, groups=2))
    build.add("cuba", CubaLif(0.5, 0.5), precision=Precision("int8", "int16", "binary")).add("output", Output())
    row = layer_table(lower(build.graph()))[2]
    assert (row.name, row.kind, row.sources, row.shape, row.out_shape) == (
        "cuba",
        "CubaLif",
        ("relu",),
        (4, 4, 4),
        (4, 4, 4),
    )
    assert (row.parameters, row.masked, row.dense_macs, row.dense_macs_valid) == (40, 9, 36 * 16, 4 * 10 * 10)
    assert (row.states, row.weight_bits, row.state_bits) == (128, 288, 2048)


def valid_taps(network, layer, edge):
    """Count the products of a convolution that lie on its map, one by one."""
    source = network.layers[edge.source]
    rows, columns = ((source.out_shape[1 + axis] // edge.pool[axis] - 1) * edge.upsample[axis] + 1 for axis in (0, 1))
    count = 0
    for oy in range(1 if edge.broadcast else layer.shape[1]):
        for ox in range(1 if edge.broadcast else layer.shape[2]):
            for ky in range(edge.kernel[0]):
                for kx in range(edge.kernel[1]):
                    y = oy * edge.stride[0] - edge.padding[0] + ky * edge.dilation[0]
                    x = ox * edge.stride[1] - edge.padding[1] + kx * edge.dilation[1]
                    real = y % edge.upsample[0] == 0 and x % edge.upsample[1] == 0
                    count += real and 0 <= y < rows and 0 <= x < columns
    return count * edge.weight.shape[0] * edge.weight.shape[1]


def multiplies(edge):
    """Return whether an edge has weights that are not the one factor of a mean behind its folded pooling."""
    if edge.weight is None:
        return False
    depthwise = edge.weight.shape[0] == edge.groups > 1 and edge.weight.shape[1:] == (1, 1, 1)
    return not (depthwise and edge.pool != (1, 1) and len(set(edge.weight.ravel().tolist())) == 1)


@settings(max_examples=40, deadline=None)
@given(networks())
def test_valid_multiplications_equal_a_slow_count(network):
    for layer, row in zip(network.layers, layer_table(network), strict=True):
        assert row.dense_macs_valid == sum(valid_taps(network, layer, edge) for edge in layer.edges if multiplies(edge))
        assert row.dense_macs >= row.dense_macs_valid


def test_real_network_has_the_published_number_of_weights(shared_data):
    rows = layer_table(load_network(shared_data("models/nir/cnn_sinabs.nir")))
    assert sum(row.parameters for row in rows) == 800 + 2304 + 1152 + 32768 + 2560


def test_squeeze_excite_multiplies_in_its_dense_layers_only():
    block = SqueezeExcite(placeholder(16, 64), placeholder(64, 16))
    build = GraphBuilder("net", weights="absent").add("input", Input((64, 9, 16))).add("block", block)
    graph = build.add("output", Output()).graph()
    rows = {row.name: row for row in layer_table(lower(graph))}
    assert {name: row.dense_macs for name, row in rows.items() if row.dense_macs} == {
        "block.squeeze": 1024,
        "block.gate": 1024,
    }
    assert network_totals(lower(graph)).parameters == graph_parameters(graph) == 2048


def test_transposed_convolution_multiplies_real_values_only():
    node = ConvTranspose2d(np.ones((2, 3, 3, 3)), stride=2, padding=1, output_padding=1)
    build = GraphBuilder("net").add("input", Input((2, 4, 5))).add("up", node).add("relu", Relu())
    row = layer_table(lower(build.add("output", Output()).graph()))[1]
    assert row.shape == (3, 8, 10)
    assert row.dense_macs == 4 * 5 * 2 * 3 * 9
    # of 3 x 3 places around each value, the first row and column fall outside the map
    assert row.dense_macs_valid == (4 * 3 - 1) * (5 * 3 - 1) * 2 * 3


def test_cells_keep_one_state_and_the_outputs_of_the_step_before():
    cell = ConvGru(placeholder(12, 2, 3, 3), placeholder(12, 4, 3, 3), placeholder(16), threshold=0.1)
    build = GraphBuilder("net", weights="absent").add("input", Input((2, 5, 6))).add("gru", cell)
    graph = build.add("output", Output()).graph()
    row = layer_table(lower(graph))[1]
    assert (row.states, row.state_bits, row.held_bits) == (120, 1920, 1920)
    assert row.dense_macs == 30 * 9 * 12 * (2 + 4)
    assert row.parameters == graph_parameters(graph) == 9 * 12 * (2 + 4) + 16


def test_delays_keep_sums_under_way():
    build = GraphBuilder("net").add("input", Input((2,))).add("late", Delay(3.0)).add("relu", Relu())
    build.add("later", Delay(np.array([1.0, 2.0]))).add("output", Output())
    rows = layer_table(lower(build.graph()))
    assert [(row.name, row.states) for row in rows] == [("input", 0), ("relu", 6), ("later", 6)]


def test_shared_nodes_and_arrays_count_once_and_statistics_never():
    conv, bias = Conv2d(placeholder(2, 2, 1, 1)), np.ones(2)
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("a", conv)
    build.add("norm", BatchNorm2d(np.zeros(2), np.ones(2), np.ones(2), bias)).add("b", conv, "input")
    build.add("c", Conv2d(np.ones((2, 2, 1, 1)), bias), head=True)
    graph = build.add("first", Output(), "norm").add("second", Output(), "c").graph()
    assert graph_parameters(graph) == 4 + 2 + 2 + 4
    assert network_totals(lower(graph), graph).head_parameters == 6

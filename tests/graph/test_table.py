"""The layer table counts weights, multiplications and states as their definitions say."""

import numpy as np
from hypothesis import given, settings

from seneca_sim.graph import (
    AvgPool2d,
    Conv2d,
    CubaLif,
    Dense,
    Flatten,
    GraphBuilder,
    Input,
    Output,
    Precision,
    Relu,
    load_network,
    lower,
)
from seneca_sim.graph.table import layer_table
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
    rows, columns = (source.out_shape[1 + axis] // edge.pool[axis] for axis in (0, 1))
    count = 0
    for oy in range(layer.shape[1]):
        for ox in range(layer.shape[2]):
            for ky in range(edge.kernel[0]):
                for kx in range(edge.kernel[1]):
                    y = oy * edge.stride[0] - edge.padding[0] + ky * edge.dilation[0]
                    x = ox * edge.stride[1] - edge.padding[1] + kx * edge.dilation[1]
                    count += 0 <= y < rows and 0 <= x < columns
    return count * edge.weight.shape[0] * edge.weight.shape[1]


@settings(max_examples=40, deadline=None)
@given(networks())
def test_valid_multiplications_equal_a_slow_count(network):
    for layer, row in zip(network.layers, layer_table(network), strict=True):
        assert row.dense_macs_valid == sum(
            valid_taps(network, layer, edge) for edge in layer.edges if edge.weight is not None
        )
        assert row.dense_macs >= row.dense_macs_valid


def test_real_network_has_the_published_number_of_weights(shared_data):
    rows = layer_table(load_network(shared_data("models/nir/cnn_sinabs.nir")))
    assert sum(row.parameters for row in rows) == 800 + 2304 + 1152 + 32768 + 2560

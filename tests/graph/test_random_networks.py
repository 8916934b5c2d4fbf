"""The networks that the tests of all rooms draw are valid, and varied enough to test something."""

import numpy as np
from hypothesis import given, settings

from tests.networks import input_maps, networks, random_network


def edge_output(network, layer, edge):
    """Return (channels, rows, columns) that an edge writes to, from its geometry alone."""
    channels, rows, columns = network.layers[edge.source].out_shape
    if edge.weight is None:
        return channels, rows, columns
    size = (rows // edge.pool[0], columns // edge.pool[1])
    spans = [d * (k - 1) + 1 for d, k in zip(edge.dilation, edge.kernel, strict=True)]
    out = [(size[a] + 2 * edge.padding[a] - spans[a]) // edge.stride[a] + 1 for a in (0, 1)]
    assert edge.weight.shape[1] * edge.groups == channels
    return edge.weight.shape[0], out[0], out[1]


@settings(max_examples=60, deadline=None)
@given(networks())
def test_every_edge_fits_its_layer(network):
    read = set()
    for index, layer in enumerate(network.layers):
        assert min(layer.shape + layer.out_shape) > 0
        for edge in layer.edges:
            read.add(edge.source)
            assert edge.source < index or edge.delay == 1
            out = edge_output(network, layer, edge)
            assert out[1:] == layer.shape[1:]
            assert out[0] + edge.target_offset <= layer.shape[0] if edge.kind == "add" else out[0] == layer.shape[0]
            assert edge.mask is None or not np.any(edge.weight[~edge.mask])
    assert all(layer.is_output or index in read for index, layer in enumerate(network.layers))


def test_draws_cover_every_feature():
    drawn = [random_network(np.random.default_rng(seed)) for seed in range(200)]
    layers = [layer for network in drawn for layer in network.layers]
    edges = [edge for layer in layers for edge in layer.edges]
    assert len({type(layer.neuron) for layer in layers}) == 9
    assert any(layer.pool for layer in layers)
    assert {"conv", "dense", "add"} == {edge.kind for edge in edges}
    later = [
        (net, edge)
        for net in drawn
        for index, layer in enumerate(net.layers)
        for edge in layer.edges
        if edge.source > index
    ]
    assert later
    assert any(edge.groups > 1 for edge in edges)
    assert any(edge.dilation != (1, 1) for edge in edges)
    assert any(edge.pool != (1, 1) for edge in edges)
    assert any(edge.target_offset for edge in edges)
    assert any(edge.mask is not None and edge.scale is not None for edge in edges)


def test_input_maps_follow_the_event_type():
    network = random_network(np.random.default_rng(1))
    (first, *_) = input_maps(np.random.default_rng(0), network, 3)
    assert first.shape == (3, *network.layers[0].shape)


def test_same_seed_gives_the_same_network():
    first, second = (random_network(np.random.default_rng(5)) for _ in range(2))
    assert [layer.shape for layer in first.layers] == [layer.shape for layer in second.layers]

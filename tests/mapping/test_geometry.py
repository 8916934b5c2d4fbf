"""Receptive fields on one axis, against the definition of a convolution."""

import numpy as np
import pytest

from seneca_sim.graph.neurons import Relu
from seneca_sim.mapping.geometry import Axis, input_range, neuron_range, windows
from tests.mapping import naive
from tests.mapping.systems import conv, layer
from tests.networks import random_network


def edges_of(seed):
    net = random_network(np.random.default_rng(seed), max_layers=6)
    return [(net, each, edge) for each in net.layers for edge in each.edges]


def axis_of(net, each, edge, index):
    return Axis(
        net.layers[edge.source].out_shape[1 + index],
        each.shape[1 + index],
        edge.kernel[index],
        edge.stride[index],
        edge.padding[index],
        edge.dilation[index],
        edge.pool[index],
    )


@pytest.mark.parametrize("index", [0, 1])
def test_touched_neurons_and_last_taps_are_those_of_the_definition(index):
    rng = np.random.default_rng(7)
    for seed in range(40):
        for net, each, edge in edges_of(seed):
            axis = axis_of(net, each, edge, index)
            first = int(rng.integers(0, axis.neurons))
            span = (first, int(rng.integers(first + 1, axis.neurons + 1)))
            start = int(rng.integers(0, axis.inputs))
            inputs = (start, int(rng.integers(start + 1, axis.inputs + 1)))
            hits = [naive.touched(edge, axis.inputs, row, *span, index) for row in range(axis.inputs)]
            lowest, highest, number = axis.touched(span)
            assert lowest.tolist() == [min(hit, default=-1) for hit in hits]
            assert highest.tolist() == [max(hit, default=-1) for hit in hits]
            assert number.tolist() == [len(hit) for hit in hits]
            last = [max((row for row in range(*inputs) if o in hits[row]), default=-1) for o in range(*span)]
            assert axis.last_tap(span, inputs).tolist() == last
            rows = [row for row, hit in enumerate(hits) if hit]
            assert input_range(axis, span) == ((rows[0], rows[-1] + 1) if rows else (0, 0))


def test_the_neurons_of_a_part_are_the_hull_of_its_pooling_windows():
    for seed in range(40):
        for each in random_network(np.random.default_rng(seed), max_layers=6).layers:
            outputs = (0, each.out_shape[1])
            first, last = windows(each, outputs, "rows")
            expected = [naive.window(each, row, 0) for row in range(*outputs)]
            assert [(a, b) for a, b in zip(first, last, strict=True)] == [(w[0], w[-1]) for w in expected]
            assert neuron_range(each, outputs, "rows") == (expected[0][0], expected[-1][-1] + 1)


def test_without_pooling_outputs_are_neurons():
    each = layer("conv", 2, 8, conv(0, 2, 2), neuron=Relu())
    assert neuron_range(each, (3, 5), "columns") == (3, 5)

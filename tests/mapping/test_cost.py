"""Estimated loads against counts made the slow way, position by position."""

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.chip.programs import integrate_program
from seneca_sim.graph.network import Precision
from seneca_sim.mapping.cost import layer_cost, packet_flits, sent_values
from seneca_sim.mapping.geometry import neuron_range
from tests.mapping.naive import touched
from tests.mapping.systems import chain, conv, dense, host, layer, network
from tests.mapping.traces import random_trace, visits
from tests.networks import random_network

SENECA = load_chip("seneca")


def rounds_of(edge, net, each, positions, rows, group):
    """Rounds of an ungrouped convolution on neuron rows, from its definition."""
    size = net.layers[edge.source].out_shape
    total = 0
    for row, column, channels in positions:
        ways = len(touched(edge, size[1], row, *rows, 0)) * len(touched(edge, size[2], column, 0, each.shape[2], 1))
        total += -(-len(channels) // group) * ways
    return total


def test_rounds_of_a_part_are_those_of_the_definition():
    compared = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        net = random_network(rng, max_layers=5, max_side=6)
        trace = random_trace(rng, net)
        for number, each in enumerate(net.layers):
            for index, edge in enumerate(each.edges):
                if edge.kind != "conv" or edge.groups > 1:
                    continue
                cost = layer_cost(net, SENECA, number, trace)
                last = int(rng.integers(0, cost.rows))
                first = int(rng.integers(0, last + 1))
                rows = neuron_range(each, (first, last + 1), "rows")
                source = trace.layers[edge.source]
                sent = visits(source, net.layers[edge.source].out_shape[2])
                positions = sent[: source.step_start[-1 - edge.delay]]
                cycles = cost.edges[index].rounds.matrix[first, last]
                types = Precision(each.precision.weight, each.precision.state, net.layers[edge.source].precision.event)
                rounds = rounds_of(edge, net, each, positions, rows, 4)
                expected = rounds / max(1, trace.n_steps - edge.delay) * integrate_program(SENECA, types, 4).cycles
                assert cycles == pytest.approx(expected), seed
                compared += rounds > 0
    assert compared > 20


def test_the_load_of_a_dense_convolution_in_closed_form():
    """8x8x2 values in groups of 4: one group a position, 22 x 22 touches; int8 weights on BF16 states, 16 neurons a chunk."""
    net = network(host(), layer("conv", 20, 8, conv(0, 2, 20)))
    cost = layer_cost(net, SENECA, 1, None)
    program = cost.edges[0].rounds.prefix[-1] / 22**2
    assert program == int(program)
    edge = cost.edges[0]
    assert edge.chunk == 16
    assert [edge.chunks(channels) for channels in (1, 16, 17, 20)] == [1, 1, 2, 2]
    riscv = SENECA.core.riscv
    decode = 64 * (riscv.packet.value + 2 * riscv.value.value) + 22**2 * riscv.position.value + 8 * riscv.token.value
    assert sum(work.matrix[0, 7] for work in edge.decoding) == decode


def test_parts_of_some_rows_decode_the_halo():
    net = network(host(), layer("conv", 20, 8, conv(0, 2, 20)))
    decoding = layer_cost(net, SENECA, 1, None).edges[0].decoding[0].matrix
    per_row = decoding[0, 7] / 8
    assert [round(decoding[first, last] / per_row) for first, last in ((0, 0), (3, 3), (0, 3), (2, 5), (7, 7))] == [
        2,
        3,
        5,
        6,
        2,
    ]


def test_loads_grow_with_rows_and_channels():
    for seed in range(15):
        rng = np.random.default_rng(seed)
        net = random_network(rng, max_layers=5)
        for number, each in enumerate(net.layers):
            if each.is_input:
                continue
            cost = layer_cost(net, SENECA, number, random_trace(rng, net))
            small, large = cost.cycles(max(1, cost.channels // 2)), cost.cycles(cost.channels)
            upper = np.triu_indices(cost.rows)
            assert (large[upper] >= small[upper] - 1e-9).all()
            for first in range(cost.rows):
                assert (np.diff(large[first, first:]) >= -1e-9).all()
                assert (np.diff(large[: first + 1, first]) <= 1e-9).all()


def test_a_cut_producer_makes_more_packets_of_the_same_values():
    rng = np.random.default_rng(3)
    net = network(host(channels=6), layer("conv", 4, 8, conv(0, 6, 4)))
    trace = random_trace(rng, net)
    cut = sent_values(net, 0, trace, (2, 3))
    slow = sorted(
        (row, column, sum(low <= channel < high for channel in channels))
        for row, column, channels in visits(trace.layers[0], 8)
        for low, high in ((0, 2), (2, 3), (3, 6))
    )
    assert sorted(zip(cut.row.tolist(), cut.column.tolist(), cut.values.tolist(), strict=True)) == [
        entry for entry in slow if entry[2]
    ]
    dense_map = sent_values(net, 0, None, (2, 3))
    assert sorted(set(dense_map.values.tolist())) == [1, 2, 3]
    assert dense_map.values.sum() == 64 * 6


def test_groups_of_dense_edges_form_over_the_whole_step():
    """128 values are 32 groups of a dense edge, though each position has 2 values only."""
    net = network(host(), layer("out", 10, 1, dense(host(), 0, 10)))
    step = layer_cost(net, SENECA, 1, None).edges[0].rounds.prefix[-1]
    packet = layer_cost(net, load_chip("seneca", ["core.grouping.scope=packet"]), 1, None).edges[0].rounds.prefix[-1]
    assert packet == 2 * step


def test_packets_have_as_many_flits_as_the_header_and_the_values_take():
    """4 channels: 2 bits and 8 of value, three pairs a flit, 8 flits of 9 for values."""
    net = chain()
    packets, flits = packet_flits(net.layers[1], SENECA, SENECA.timing(), np.array([1, 3, 4, 24, 25]))
    assert packets.tolist() == [1, 1, 1, 1, 2]
    assert flits.tolist() == [2, 2, 3, 9, 11]


def test_a_replay_sends_the_values_of_the_step_before():
    rng = np.random.default_rng(4)
    net = network(host(), layer("r", 4, 8, conv(0, 2, 4), conv(1, 4, 4, delay=1)))
    trace = random_trace(rng, net, steps=3)
    recurrent = trace.layers[1]
    sent = sent_values(net, 1, trace, (1,), delay=1)
    assert sent.values.sum() == recurrent.first_event[recurrent.step_start[2]]
    assert sent.weight == 1 / 2
    assert sent_values(net, 1, trace, (1,)).values.sum() == recurrent.first_event[-1]

"""Automatic mapping of cells, squeeze-excite, U-Nets and a detector of published size, run on the cycle-level engine."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.engine import simulate
from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.graph.neurons import GruCell, Relu
from seneca_sim.mapping import GOALS, automatic_mapping
from seneca_sim.mapping.cost import layer_cost
from seneca_sim.mapping.memory import core_memory
from seneca_sim.mapping.validate import mapping_findings
from tests.mapping.blocks import gru, squeezed, u_net
from tests.mapping.seed_like import placeholder, seed_like
from tests.mapping.systems import add, conv, host, layer, network
from tests.mapping.traces import random_trace

SENECA = load_chip("seneca")
TABLE = load_chip("seneca-seed-table")


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("build", [gru, squeezed, u_net])
def test_mapped_blocks_run_to_the_end_and_the_estimate_counts_the_same(build, goal):
    net = build()
    chip = load_chip("seneca", ["core.data_memory_bits=16000"])
    trace = random_trace(np.random.default_rng(3), net)
    mapping = automatic_mapping(net, chip, goal=goal, trace=trace)
    assert mapping_findings(net, chip, mapping) == ()
    exact, estimated = (simulate(net, mapping, trace, chip, engine) for engine in ("fast", "estimate"))
    assert np.array_equal(exact.parts, estimated.parts)
    assert exact.steps[-1, 4] <= exact.makespan


@pytest.mark.parametrize(("hidden", "weights", "cells"), [(256, 12_846_272, 1_218_560), (128, 4_441_280, 609_280)])
def test_a_detector_of_published_size_takes_its_weights_once_and_two_maps_of_its_cells(hidden, weights, cells):
    """Without the head: 16 bit x (weights + c + y), the rule of the published memory column."""
    net = seed_like(hidden)
    for goal in ("fewest-cores", "power-of-two"):
        mapping = automatic_mapping(net, TABLE, goal=goal)
        memory = core_memory(net, TABLE, mapping)
        found = memory.by_kind()
        assert memory.replica_bits == 0
        assert found["weights"] == 16 * weights
        assert (found["states"], found["held_outputs"]) == (16 * cells, 16 * cells)
        assert (memory.cores.sum(axis=1) <= TABLE.core.data_memory_bits.value).all()
    assert cells == hidden * (45 * 80 + 23 * 40 + 12 * 20)
    stateless = sum(
        16 * part.state_rows * (part.channels[1] - part.channels[0]) * net.layers[part.layer].shape[2] * sums
        for part in mapping.parts
        for sums in [net.layers[part.layer].sums]
    )
    assert found["row_buffers"] == stateless


def test_weights_that_are_not_there_are_never_copied():
    net = seed_like()
    tracemalloc.start()
    automatic_mapping(net, TABLE, goal="fewest-cores")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(edge.weight.size for each in net.layers for edge in each.edges if edge.weight is not None) > 17e6
    assert peak < 30e6


def test_edges_into_several_sums_cost_chunks_of_all_of_them():
    """Int8 weights on BF16 states: 16 channels a chunk; 3 sums of 8 channels are 2 chunks, of 20 channels 4."""
    cost = layer_cost(gru(20), SENECA, 1, None)
    assert [cost.edges[0].chunks(channels) for channels in (1, 5, 6, 8, 20)] == [1, 1, 2, 2, 4]


def test_a_broadcast_edge_is_integrated_once_whatever_the_rows():
    """4 values from one position, an `add` edge: each a round of its own, in every part once, and no position paid."""
    cost = layer_cost(squeezed(), SENECA, 4, None).edges[1]
    rounds = cost.rounds.matrix
    assert rounds[0, 7] == rounds[0, 0] == rounds[3, 5] == rounds[7, 7] > 0
    assert cost.visits.tolist() == [0] * 8
    decode, positions = cost.decoding
    riscv = SENECA.core.riscv
    assert decode.matrix[2, 4] == riscv.packet.value + 4 * riscv.value.value + riscv.token.value
    assert positions.matrix[2, 4] == 0


def test_upsampled_values_cost_the_positions_that_they_go_to():
    up = add(0, upsample=(2, 2), padding=(1, 1))
    nearest = layer_cost(network(host(2, 4), layer("up", 2, 8, up)), SENECA, 1, None).edges[0]
    same = layer_cost(network(host(2, 8), layer("same", 2, 8, add(0))), SENECA, 1, None).edges[0]
    assert np.array_equal(nearest.rounds.matrix, same.rounds.matrix)
    assert nearest.visits.tolist() == same.visits.tolist() == [8] * 8


def test_layers_with_unknown_biases_fire_everywhere():
    edge = Edge("e", 0, "conv", placeholder(2, 2, 1, 1))
    known = Layer("relu", Relu(), (2, 8, 8), (edge,), bias=np.zeros(2, np.float32))
    empty = random_trace(np.random.default_rng(0), Network("n", (host(), known)), density=0.0)
    firing = [
        layer_cost(Network("n", (host(), known), weights=weights), SENECA, 1, empty).fire_tasks.matrix[0, 7]
        for weights in ("given", "absent")
    ]
    assert firing == [0, 64 * SENECA.timing().lc_task]


def test_a_cell_that_is_too_large_is_refused_by_its_bits():
    edges = conv(0, 2, 3, sums=3), conv(1, 1, 3, sums=3, first_sum=1, delay=1)
    net = network(host(), layer("gru", 1, 8, *edges, neuron=GruCell(), is_output=True))
    chip = load_chip("seneca", ["core.data_memory_bits=1000"])
    with pytest.raises(Exception) as caught:  # noqa: PT011
        automatic_mapping(net, chip, goal="fewest-cores")
    # weights (3 x 2 + 3 x 1) x 9 x 8, four sums of at most 4 rows of 8 columns, c and y of one row
    need = 9 * 9 * 8 + 4 * 1 * 8 * 16 + 8 * 16 + 8 * 8
    assert str(caught.value) == (
        f"gru: one row of one channel needs {need} bits, a core has 1000; input channels are not split: use narrower weights or "
        "more data memory (core.data_memory_bits)"
    )


def test_a_map_behind_a_broadcast_edge_is_refused_with_fewer_rows_than_all():
    net = squeezed()
    mapping = automatic_mapping(net, SENECA)
    index = next(index for index, part in enumerate(mapping.parts) if part.layer == 4)
    less = replace(mapping.parts[index], state_rows=7)
    found = mapping_findings(
        net, SENECA, replace(mapping, parts=(*mapping.parts[:index], less, *mapping.parts[index + 1 :]))
    )
    assert found == (
        f"scaled on core {less.core}: 7 state rows, 8 needed (all rows wait for what a "
        "broadcast edge brings); set state_rows: 8",
    )

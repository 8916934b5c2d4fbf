"""Memory, rows and mappings of cells, broadcast edges, upsampling and delays: counted neuron by neuron."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.chip.neuron_programs import sums_of
from seneca_sim.graph.network import Edge
from seneca_sim.graph.neurons import (
    Delay,
    GruCell,
    Lif,
    MultiThreshold,
    Relu,
    is_cell,
    is_stateful,
)
from seneca_sim.mapping.firing import fire_options
from seneca_sim.mapping.geometry import neuron_box, windows
from seneca_sim.mapping.memory import MEMORY_KINDS, core_memory
from seneca_sim.mapping.provision import provision_rows
from seneca_sim.mapping.types import Part
from tests.engine.random_features import enriched
from tests.mapping.blocks import gru, squeezed, u_net
from tests.mapping.naive import deadlocks, with_rows
from tests.mapping.splits import random_parts
from tests.mapping.systems import bits_by_kind, conv, host, layer, network, on_a_line, whole
from tests.networks import random_network

SENECA = load_chip("seneca")


def test_a_cell_holds_its_sums_in_some_rows_and_c_and_y_in_all():
    net = gru()
    assert bits_by_kind(net) == {
        "weights": (12 * 2 + 12 * 4) * 9 * 8,
        "states": 4 * 64 * 16,
        "held_outputs": 4 * 64 * 8,
        "row_buffers": 4 * 4 * 3 * 8 * 16,
    }


def test_the_bias_of_a_cell_is_one_number_for_each_sum():
    assert bits_by_kind(gru(bias=np.ones(16, np.float32)))["biases"] == 16 * 16


def test_a_part_of_a_cell_holds_the_channels_of_every_sum():
    halves = [Part(1, core, (2 * core, 2 * core + 2), (0, 8), (0, 8), 3) for core in (0, 1)]
    memory = core_memory(gru(), SENECA, on_a_line(gru(), halves))
    assert memory.replica_bits == 0
    assert memory.cores[0].tolist() == memory.cores[1].tolist()
    assert 2 * memory.cores[0] @ np.ones(7, np.int64) == sum(bits_by_kind(gru()).values())


def test_a_gate_is_one_sum_for_each_channel_and_each_part_of_it():
    net = squeezed()
    found = core_memory(net, SENECA, on_a_line(net, whole(net, 8))).parts[3]
    assert found[MEMORY_KINDS.index("row_buffers")] == 4 * (2 * 64 + 1) * 16
    halves = [
        replace(part, rows=rows, core=core) for part in whole(net, 8)[3:4] for core, rows in enumerate([(0, 3), (3, 8)])
    ]
    split = core_memory(net, SENECA, on_a_line(net, halves)).parts[:, MEMORY_KINDS.index("row_buffers")]
    assert split.tolist() == [4 * (2 * 8 * rows + 1) * 16 for rows in (3, 5)]


@pytest.mark.parametrize(
    ("neuron", "more", "states", "buffers"),
    [
        (Relu(), {"delay": 2}, 2 * 64, 3 * 8),
        (Lif(decay=0.5), {"delay": 2}, 3 * 64, 0),
        (Delay(5), {}, 6 * 64, 0),
        (Delay(np.array([1, 3, 0, 2]).reshape(4, 1, 1)), {}, 4 * 64, 0),
    ],
)
def test_delays_keep_a_map_for_each_step(neuron, more, states, buffers):
    found = bits_by_kind(network(host(), layer("late", 4, 8, conv(0, 2, 4), neuron=neuron, **more)))
    assert (found.get("states", 0), found.get("row_buffers", 0)) == (4 * 16 * states, 4 * 16 * buffers)


def test_thresholds_that_differ_between_channels_are_stored():
    net = network(host(), layer("stairs", 4, 8, conv(0, 2, 4), neuron=MultiThreshold(np.zeros((4, 15)))))
    assert bits_by_kind(net)["biases"] == 4 * 15 * 16
    same = network(host(), layer("stairs", 4, 8, conv(0, 2, 4), neuron=MultiThreshold(np.zeros((1, 15)))))
    assert "biases" not in bits_by_kind(same)


def test_masked_chunks_of_a_cell_hold_channels_of_all_sums():
    weight = np.ones((12, 2, 3, 3), np.int8)
    edge = Edge("e", 0, "conv", weight, padding=(1, 1), mask=weight > 0, sums=3)
    net = network(host(), layer("gru", 4, 8, edge, neuron=GruCell()))
    skipping = load_chip("seneca", ["core.masked=chunk_skip"])
    assert bits_by_kind(net, chip=skipping)["masks"] == 1 * 9 * 2, (
        "12 channels of 3 sums are 1 chunk of 16 int8 weights"
    )


def counted(net, parts, chip):
    """Bits of weights, states, held outputs and row buffers, neuron by neuron."""
    totals = np.zeros(4, np.int64)
    width = {"int8": 8, "bf16": 16, "int4": 4, "fp32": 16, "int32": 16, "int16": 16, "binary": 1}
    for part in parts:
        each = net.layers[part.layer]
        rows, columns = neuron_box(each, part)
        _, options = fire_options(net, each)
        state = width[each.precision.state]
        for edge in each.edges:
            if edge.weight is not None:
                outputs = [s * each.shape[0] + c for s in range(edge.sums) for c in range(*part.channels)]
                totals[0] += edge.weight[outputs].size * width[each.precision.weight]
        recurrent = any(edge.delay and edge.source == part.layer for other in net.layers for edge in other.edges)
        for _ in range(*part.channels):
            for place, row in enumerate(range(*rows)):
                for _ in range(*columns):
                    sums = sum(one.mapped for one in sums_of(*fire_options(net, each)))
                    if is_stateful(each.neuron):
                        totals[1] += state * (2 if type(each.neuron).__name__ in ("CubaLif",) else 1)
                    elif place < part.state_rows:
                        totals[3] += state * sums
                    totals[1] += state * is_cell(each.neuron)
                    assert row >= 0
            totals[3] += state * sum(one.vector for one in options["sums"])
            outputs = (part.rows[1] - part.rows[0]) * (part.columns[1] - part.columns[0])
            totals[2] += outputs * width[each.precision.event] * recurrent
    return totals


def test_memory_of_random_networks_is_that_of_their_neurons():
    cells = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        net = enriched(rng, random_network(rng, max_layers=3, max_side=5, max_channels=6))
        if any(type(each.neuron).__name__ == "SigmaDelta" for each in net.layers):
            continue
        parts = random_parts(rng, net, most=3)
        parts = [replace(part, core=index) for index, part in enumerate(with_rows(parts, provision_rows(net, parts)))]
        found = core_memory(net, SENECA, on_a_line(net, parts)).by_kind()
        kinds = ("weights", "states", "held_outputs", "row_buffers")
        assert [found[kind] for kind in kinds] == counted(net, parts, SENECA).tolist(), seed
        cells += sum(is_cell(each.neuron) for each in net.layers)
    assert cells > 10


def test_a_cell_needs_the_rows_of_its_kernels():
    assert provision_rows(gru(), whole(gru()), window=1) == (3,)
    assert provision_rows(gru(), whole(gru()), window=2) == (4,)


def test_a_map_that_waits_for_its_own_mean_is_held_whole():
    """And so is the input of the block, which the sum behind the gate is made of."""
    net = squeezed()
    assert provision_rows(net, whole(net), window=1) == (3, 1, 1, 8, 3)
    assert provision_rows(net, whole(net), window=2) == (4, 1, 1, 8, 4)


def test_skips_of_a_u_net_wait_in_as_many_rows_as_the_way_round_needs():
    net = u_net()
    rows = provision_rows(net, whole(net), window=1)
    assert not deadlocks(net, with_rows(whole(net), rows))
    assert rows == (3, 2, 2, 2, 4, 3), (
        "d waits for the rows 0, 1 of b that its first row comes from, e for the rows 0 - 3 of a"
    )
    for index, number in enumerate(rows):
        if number > 1:
            less = (*rows[:index], number - 1, *rows[index + 1 :])
            assert deadlocks(net, with_rows(whole(net), less)), index


@pytest.mark.parametrize("early_replay", [False, True])
def test_provisioned_networks_with_all_features_never_deadlock(early_replay):
    for seed in range(60):
        rng = np.random.default_rng(seed)
        net = enriched(rng, random_network(rng, max_layers=3, max_side=6, max_channels=6))
        parts = random_parts(rng, net, most=4 if seed % 2 else 1)
        rows = provision_rows(net, parts, window=1 + seed % 3, early_replay=early_replay)
        assert not deadlocks(net, with_rows(parts, rows), early_replay=early_replay), seed


def test_one_row_less_deadlocks_where_features_meet():
    """Pooling windows are held whole, even where upsampling leaves some of their rows without an input."""
    tried = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        net = enriched(rng, random_network(rng, max_layers=3, max_side=6, max_channels=6))
        parts = random_parts(rng, net, most=1)
        parts = with_rows(parts, provision_rows(net, parts, window=1))
        for part in parts:
            first, last = windows(net.layers[part.layer], part.rows, "rows")
            if part.state_rows > (last - first).max() + 1 and not is_stateful(net.layers[part.layer].neuron):
                band = part.layer, part.rows
                less = [replace(p, state_rows=p.state_rows - ((p.layer, p.rows) == band)) for p in parts]
                assert deadlocks(net, tuple(less)), (seed, part)
                tried += 1
    assert tried > 50

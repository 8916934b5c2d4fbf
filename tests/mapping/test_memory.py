"""Bits by kind: each closed form by hand."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.graph.network import Edge, Precision
from seneca_sim.graph.neurons import CubaLif, Lif, Relu, SigmaDelta
from seneca_sim.mapping.memory import MEMORY_KINDS, core_memory
from seneca_sim.mapping.types import Part
from tests.mapping.systems import INT8, bits_by_kind, conv, host, layer, network, on_a_line, whole

SENECA = load_chip("seneca")


def test_a_stateless_layer_holds_weights_biases_and_its_state_rows():
    one = replace(layer("conv", 4, 8, conv(0, 2, 4)), bias=np.zeros(4, np.float32))
    assert bits_by_kind(network(host(), one)) == {
        "weights": 4 * 2 * 9 * 8,
        "biases": 4 * 16,
        "row_buffers": 3 * 8 * 4 * 16,
    }


def test_head_weights_are_told_apart():
    found = bits_by_kind(network(host(), layer("head", 4, 8, conv(0, 2, 4), is_head=True)))
    assert found["head_weights"] == 4 * 2 * 9 * 8
    assert "weights" not in found


@pytest.mark.parametrize(
    ("neuron", "pool", "bits"),
    [
        (Lif(decay=0.5), 0, 16 * 64),
        (CubaLif(decay_syn=0.5, decay_mem=0.5), 0, 2 * 16 * 64),
        (CubaLif(decay_syn=0.5, decay_mem=0.5), 2, 2 * 16 * 64),
        (SigmaDelta(1.0), 0, 2 * 16 * 64),
        (SigmaDelta(1.0, "deadband"), 2, 16 * 64 + 16 * 16),
    ],
)
def test_neurons_that_remember_hold_their_maps(neuron, pool, bits):
    """Behind a fused max pooling, sigma-delta keeps what it has sent once per output."""
    net = network(host(), layer("conv", 1, 8, conv(0, 2, 1), neuron=neuron, pool=pool))
    assert bits_by_kind(net, whole(net, 8))["states"] == bits


def test_recurrent_layers_hold_what_they_sent():
    recurrent = layer("r", 4, 8, conv(0, 2, 4), conv(1, 4, 4, delay=1), neuron=Lif(decay=0.5))
    net = network(host(), recurrent)
    assert bits_by_kind(net, whole(net, 8)) == {
        "weights": (4 * 2 + 4 * 4) * 9 * 8,
        "states": 4 * 64 * 16,
        "held_outputs": 4 * 64 * 8,
    }
    spikes = network(host(), replace(recurrent, precision=Precision("int8", "bf16", "binary")))
    assert bits_by_kind(spikes, whole(spikes, 8))["held_outputs"] == 4 * 64


def test_residual_edges_have_no_weights():
    net = network(host(), layer("copy", 2, 8, Edge("add", 0, "add", None)))
    assert bits_by_kind(net) == {"row_buffers": 3 * 8 * 2 * 16}


def test_masked_chunks_take_a_bit_each_where_they_are_skipped():
    weight = np.ones((20, 2, 3, 3), np.int8)
    edge = Edge("e", 0, "conv", weight, padding=(1, 1), mask=weight > 0)
    net = network(host(), layer("conv", 20, 8, edge))
    assert "masks" not in bits_by_kind(net)
    skipping = load_chip("seneca", ["core.masked=chunk_skip"])
    assert bits_by_kind(net, chip=skipping)["masks"] == 2 * 9 * 2, "20 channels are 2 chunks of 16 int8 weights"


def test_weights_on_two_cores_are_replicas_and_on_one_core_are_stored_once():
    net = network(host(), layer("conv", 4, 8, conv(0, 2, 4)))
    halves = [Part(1, core, (0, 4), (4 * core, 4 * core + 4), (0, 8), 3) for core in (0, 1)]
    apart = core_memory(net, SENECA, on_a_line(net, halves))
    assert apart.by_kind()["weights"] == 2 * 576
    assert apart.replica_bits == 576
    assert apart.unique_bits == apart.total_bits - 576
    together = core_memory(net, SENECA, on_a_line(net, [replace(part, core=0) for part in halves]))
    assert together.by_kind()["weights"] == 576
    assert together.replica_bits == 0
    assert together.parts[:, 0].tolist() == [576, 0]


def test_channel_splits_hold_no_replicas_and_cores_sum_their_parts():
    net = network(host(), layer("conv", 4, 8, conv(0, 2, 4)), layer("next", 2, 8, conv(1, 4, 2)))
    parts = [Part(1, 0, (0, 3), (0, 8), (0, 8), 3), Part(1, 1, (3, 4), (0, 8), (0, 8), 3)]
    memory = core_memory(net, SENECA, on_a_line(net, [*parts, Part(2, 1, (0, 2), (0, 8), (0, 8), 3)]))
    assert memory.replica_bits == 0
    assert memory.cores[1].tolist() == (memory.parts[1] + memory.parts[2]).tolist()
    assert memory.cores.shape == (2, len(MEMORY_KINDS))


def test_types_without_programs_have_the_width_that_they_are_priced_as():
    wide = replace(layer("conv", 4, 8, conv(0, 2, 4)), precision=Precision("fp32", "fp32", "fp32"), neuron=Relu())
    narrow = replace(wide, precision=INT8)
    assert bits_by_kind(network(host(), wide))["weights"] == 2 * bits_by_kind(network(host(), narrow))["weights"]

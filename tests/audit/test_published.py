"""Published rows in whole runs: the calculator's worked example, the layers that fit a core, state rows, order of execution."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import seneca_sim as ss
from seneca_sim.activity import run_network
from seneca_sim.activity.trace import LayerTrace, Trace
from seneca_sim.chip import load_chip
from seneca_sim.chip.prices import price_table
from seneca_sim.chip.programs import fire_programs, integrate_program
from seneca_sim.engine.counts import INLET_COUNTERS, PART_COUNTERS
from seneca_sim.errors import MappingError
from seneca_sim.graph.network import Edge, Layer, MaxPool, Network, Precision
from seneca_sim.graph.neurons import Lif, Relu
from seneca_sim.mapping.automatic import automatic_mapping
from seneca_sim.mapping.memory import core_memory
from seneca_sim.mapping.provision import minimum_rows
from seneca_sim.mapping.types import Mapping, Part
from seneca_sim.mapping.validate import mapping_findings, validate_mapping
from tests.activity.test_random_networks import as_trace

BF16 = Precision("bf16", "bf16", "binary")
CYCLE_PJ = (5.9 + 5.7 + 0.3 * 10) / 1.4
STEPS = 5


def book_network():
    """256-128-64-10 in BF16 with spikes."""
    sizes = (256, 128, 64, 10)
    layers = [Layer("input", None, (256, 1, 1), precision=BF16)]
    for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        edge = Edge(f"fc{number + 1}", number, "dense", np.ones((outputs, inputs, 1, 1), np.float32))
        layers.append(
            Layer(edge.name, Lif(0.9), (outputs, 1, 1), (edge,), precision=BF16, is_output=outputs == sizes[-1])
        )
    return Network("book", tuple(layers), dt_us=10_000.0)


def book_trace():
    """10 % of 256, 128, 64 and 10 neurons in the mean of five steps: 128, 64, 32 and 5 events in all."""
    layers = []
    for size, counts in (
        (256, (26, 26, 26, 25, 25)),
        (128, (13, 13, 13, 13, 12)),
        (64, (7, 7, 6, 6, 6)),
        (10, (1,) * 5),
    ):
        channels = [np.linspace(0, size - 1, count).astype(np.int32) for count in counts]
        layers.append(
            LayerTrace(
                np.arange(STEPS + 1),
                np.zeros(STEPS, np.int32),
                np.cumsum([0, *counts]),
                np.concatenate(channels),
                None,
                np.array(counts),
                np.zeros(STEPS, np.int64),
            )
        )
    sops = np.array(
        [[26 * 128, 13 * 64, 70]] * 2 + [[26 * 128, 13 * 64, 60], [25 * 128, 13 * 64, 60], [25 * 128, 12 * 64, 60]]
    )
    return Trace(tuple(layers), "synthetic", sops.astype(np.int64), None, "10 % of the neurons")


@pytest.fixture(scope="module")
def book():
    """Give the example as a run: one core, a step every 10 ms, no grouping."""
    changes = ["core.grouping.size=1", "flow.period=5000000"]
    return ss.simulate(book_network(), activity=book_trace(), set=changes, cores=1)


def counted(result, name):
    """Sum a counter of parts and of inlets over the run, per step."""
    counts = result.record.counts
    tables = ((counts.parts, PART_COUNTERS), (counts.inlets, INLET_COUNTERS))
    return [table[:, :, names.index(name)].sum() / STEPS if name in names else 0 for table, names in tables]


def test_the_worked_example_as_a_run_beside_the_closed_form(book):
    """V6: 390 nJ a step in the book, 414 nJ as a run; every part of the difference is named.

    The book counts the 256 inputs as neurons that are updated and send, charges every event as a packet of its own, and
    has no idle lanes, end-of-step tokens or transport. It has no job of RISC-V for firing either, which FireNet asks for.
    """
    components = {name: uj * 1e3 / STEPS for name, uj in book.summary["energy_by_component_uj"].items()}
    decoded, fired = counted(book, "rv_cycles")[1], counted(book, "rv_cycles")[0]
    memory_of_riscv = (decoded + fired) * 0.3 * 10 / 1.4 / 1e3
    lanes = (
        sum(components[name] for name in ("npe", "data_memory", "loop_controller", "event_generator")) - memory_of_riscv
    )
    assert components["static"] == pytest.approx(300)
    assert book.summary["sops_per_step"] == 4160

    synaptic, activation = 4160 * 12.7 / 1e3, 458 * 12.1 / 1e3
    assert (round(synaptic, 1), round(activation, 2)) == (52.8, 5.54)  # printed
    idle_lanes = 6.4 * 6 * 12.7 / 1e3 + 6 * 12.1 / 1e3  # ten neurons are two chunks of eight
    inputs_are_no_neurons = -256 * 12.1 / 1e3
    generated = (12.8 + 6.4 + 1) * 1.1 / 1e3
    assert lanes == pytest.approx(synaptic + idle_lanes + activation + inputs_are_no_neurons + generated, rel=1e-9)

    one_packet_each = 44.8 * 58  # the book's 26.9 nJ, with 58 cycles for the 0.6 nJ of an event
    assert one_packet_each * CYCLE_PJ / 1e3 == pytest.approx(26.9, rel=0.01)
    shared_packets = -(44.8 - 4) * 20  # the hidden layer of 128 sends two packets, the others one
    tokens, tasks = 3 * 10, 44.8 - 4  # a token for each edge; a job of a cycle for each further task of a packet
    assert decoded == pytest.approx(one_packet_each + shared_packets + tokens + tasks)

    sends = 45.8 * (5 + 4)  # the book's 4.58 nJ
    inputs_are_sent_by_the_host, shared_headers = -25.6 * 9, -(20.2 - 4) * 5
    fires, end_tokens = 4 * 900, 3 * 10
    handed_over = 3 + 2 + 3  # a cycle for a packet or token that stays on the core, a cycle for a flit that leaves it
    credits_to_the_host = (STEPS - 1) / STEPS * (10 + 1)
    more = fires + end_tokens + handed_over + credits_to_the_host
    assert fired == pytest.approx(sends + inputs_are_sent_by_the_host + shared_headers + more)

    total = sum(components.values())
    assert total == pytest.approx(300 + lanes + (decoded + fired) * CYCLE_PJ / 1e3 + components["noc"])
    assert components["noc"] < 0.05
    assert total == pytest.approx(390, rel=0.07)
    assert round(total) == 414
    assert book.summary["mean_power_mw"] * 1e3 == pytest.approx(39.0, rel=0.07)
    assert book.summary["interval_us"] == pytest.approx(10_000, rel=0.001)


def test_prices_of_synaptic_operations_and_updates_move_with_every_instruction_that_they_hold():
    """V1-V5 and V11 are sums over the instruction table: one more pJ (or cycle) in a row shows as often as it is executed."""
    chip = load_chip("seneca")
    programs = {
        "V1": (lambda c: integrate_program(c, BF16, 1), {"MLD": 2, "ADD": 1, "MST": 1}),
        "V2": (lambda c: integrate_program(c, Precision(), 1), {"MLD": 2, "MUL": 1, "ADD": 1, "MST": 1}),
        "V3a": (
            lambda c: integrate_program(c, Precision("int8", "bf16", "binary"), 1),
            {"MLD": 1.5, "I2F": 1, "ADD": 1, "MST": 1},
        ),
        "V3b": (
            lambda c: integrate_program(c, Precision("int4", "bf16", "binary"), 1),
            {"MLD": 1.25, "I2F": 1, "ADD": 1, "MST": 1},
        ),
        "V3c": (
            lambda c: integrate_program(c, Precision("int4", "int8", "binary"), 1),
            {"MLD": 0.75, "SHR": 0.25, "ADD8": 0.5, "MST": 0.5},
        ),
        "V4": (
            lambda c: integrate_program(c, Precision("int4", "int8", "binary"), 4),
            {"MLD": 1.5, "SHR": 1, "ADD8": 2, "MST": 0.5},
        ),
        "V5": (lambda c: fire_programs(c, "Lif", {}, BF16).update, {"MLD": 1, "MUL": 2, "GTH": 1, "MST": 1}),
    }
    for row, (program_of, per_neuron) in programs.items():
        for name in type(chip.instructions).model_fields:
            value = getattr(chip.instructions, name)
            dearer = load_chip(
                chip,
                [
                    f"instructions.{name}.npe_pj={value.npe_pj.value + 1}",
                    f"instructions.{name}.total_pj={value.total_pj.value + 1}",
                    f"instructions.{name}.cycles={value.cycles.value + 1}",
                ],
            )
            before, after = program_of(chip), program_of(dearer)
            rise = sum(price_table(dearer).program_pj(after).values()) - sum(
                price_table(chip).program_pj(before).values()
            )
            times = per_neuron.get(name, 0)
            assert rise / before.neurons_per_chunk == pytest.approx(times, abs=1e-9), (row, name)
            assert (after.cycles - before.cycles) * 8 / before.neurons_per_chunk == pytest.approx(times), (row, name)


def convolution(side, channels=32, neuron=None, pool=0):
    """A 3x3 convolution of one input channel in BF16."""
    window = MaxPool((pool, pool), (pool, pool)) if pool else None
    weight = np.ones((channels, 1, 3, 3), np.float32)
    rows, columns = (side, side) if isinstance(side, int) else side
    layers = (
        Layer("input", None, (1, rows, columns), precision=BF16),
        Layer(
            "conv",
            neuron or Relu(),
            (channels, rows, columns),
            (Edge("e", 0, "conv", weight, padding=(1, 1)),),
            pool=window,
            is_output=True,
        ),
    )
    return Network("convolution", layers, task="other")


def alone(network, state_rows):
    """All of the layer on one core."""
    channels, rows, columns = network.layers[1].out_shape
    part = Part(1, 0, (0, channels), (0, rows), (0, columns), state_rows)
    return Mapping(network.name, (part,), (1, 1), ((0, 0),))


def test_states_of_56_by_56_by_32_fit_a_core_and_those_of_120_by_120_by_32_do_not():
    """V10, with states of 16 bits that remember."""
    chip = load_chip("seneca")
    small, large = (convolution(side, neuron=Lif(0.5)) for side in (56, 120))
    validate_mapping(small, chip, alone(small, 56))
    assert core_memory(small, chip, alone(small, 56)).by_kind()["states"] == 56 * 56 * 32 * 16
    assert automatic_mapping(small, chip, goal="fewest-cores").n_cores == 1
    bits = 120 * 120 * 32 * 16 + 32 * 9 * 16
    assert mapping_findings(large, chip, alone(large, 120)) == (
        f"conv on core 0: {bits} bits needed (weights 4608, states 7372800), 2097152 bits there; split it over at least 4 cores",
    )
    assert automatic_mapping(large, chip, goal="fewest-cores").n_cores == 4
    with pytest.raises(MappingError):
        automatic_mapping(large, chip, goal="fewest-cores", cores=3)


@pytest.mark.parametrize(("shape", "pool", "kept"), [((40, 24), 0, 3), ((40, 24), 2, 4), ((24, 40), 2, 4)])
def test_depth_first_order_keeps_three_rows_or_four_with_pooling(shape, pool, kept):
    """V24: X Y C states become 4 rows of C. Rows are those of the raster, so a map is best fed with its shorter side in x."""
    chip = load_chip("seneca")
    network = convolution(shape, pool=pool)
    (needed,) = minimum_rows(network, alone(network, 1).parts)
    assert needed == kept
    states = core_memory(network, chip, alone(network, needed)).by_kind()["row_buffers"]
    assert states == kept * shape[1] * 32 * 16
    conventional = ["flow.order=conventional"]
    whole = automatic_mapping(network, load_chip("seneca", conventional))
    assert core_memory(network, chip, whole).by_kind()["row_buffers"] == shape[0] * shape[1] * 32 * 16


def test_depth_first_order_is_sooner_and_smaller_than_conventional_order():
    weight = np.full((8, 8, 3, 3), 0.1, np.float32)
    graded = Precision("bf16", "bf16", "bf16")
    layers = [Layer("input", None, (8, 24, 24), precision=BF16)]
    for number in range(3):
        edge = Edge(f"conv{number}", number, "conv", weight, padding=(1, 1))
        layers.append(Layer(edge.name, Relu(), (8, 24, 24), (edge,), precision=graded, is_output=number == 2))
    network = Network("deep", tuple(layers), task="other")
    maps = (np.random.default_rng(0).random((1, 8, 24, 24)) < 0.05).astype(np.int32)
    trace = run_network(network, [as_trace(maps, binary=True)])
    parts = [Part(1 + core, core, (0, 8), (0, 24), (0, 24), 24) for core in range(3)]
    kept = [replace(part, state_rows=rows) for part, rows in zip(parts, minimum_rows(network, parts), strict=True)]
    first, last = (
        ss.simulate(
            network,
            activity=trace,
            order=order,
            mapping=Mapping("deep", tuple(cores), (2, 2), ((0, 0), (1, 0), (1, 1))),
        ).summary
        for order, cores in (("depth-first", kept), ("conventional", parts))
    )
    assert first["sops"] == last["sops"] == first["sops_executed"] == last["sops_executed"]
    assert (
        first["memory_by_kind_bits"]["row_buffers"] * 4
        < last["memory_by_kind_bits"]["row_buffers"]
        == 3 * 8 * 24 * 24 * 16
    )
    assert first["latency_us"] < 0.6 * last["latency_us"]  # with rows to spare it is half
    assert first["first_output_us"] < 0.3 * last["first_output_us"]

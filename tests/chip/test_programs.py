"""Micro-code: whole instruction counts a chunk, packing, options of neurons, types without programs."""

import itertools

import pytest

from seneca_sim.chip import load_chip
from seneca_sim.chip.number_types import bits_of, priced_type
from seneca_sim.chip.prices import price_table
from seneca_sim.chip.programs import (
    NEURON_KINDS,
    fire_programs,
    integrate_program,
    output_maps,
    state_bits,
    state_maps,
)
from seneca_sim.errors import ChipError
from seneca_sim.graph import neurons
from seneca_sim.graph.network import Precision

CHIP = load_chip("seneca")
STATE_TYPES = ("bf16", "int8")
OPTIONS = (
    {},
    {"reset": "subtract"},
    {"max_spikes": 4},
    {"max_spikes": 4, "reset": "subtract"},
    {"v_min": -1.0, "v_leak": 0.5, "v_reset": 0.1, "bias": True},
    {"mode": "deadband", "activation": "identity"},
)


def fired(kind, options=None, state="bf16", pooled=False, chip=CHIP):
    return fire_programs(chip, kind, options or {}, Precision("int8", state, "binary"), pooled)


def instructions(program):
    return dict(program.instructions)


def test_every_neuron_model_of_the_graph_has_programs():
    assert set(NEURON_KINDS) == {neuron.__name__ for neuron in neurons.Neuron.__args__}


@pytest.mark.parametrize("state", STATE_TYPES)
@pytest.mark.parametrize("kind", NEURON_KINDS)
def test_all_programs_of_a_fire_share_one_chunk_and_count_whole_instructions(kind, state):
    for options, pooled, word in itertools.product(OPTIONS, (False, True), (16, 32, 64)):
        programs = fired(kind, options, state, pooled, load_chip("seneca", [f"core.npe.word_bits={word}"]))
        present = [p for p in (programs.update, programs.pool, programs.emit) if p is not None]
        assert (programs.pool is not None) == pooled
        assert {p.neurons_per_chunk for p in present} == {8 * word // {"bf16": 16, "int8": 8}[state]}
        for program in present:
            assert all(isinstance(n, int) and n > 0 for _, n in program.instructions)
            assert len(instructions(program)) == len(program.instructions)
        assert sum(p.cycles for p in present) > 0


@pytest.mark.parametrize(("weight", "state"), [("bf16", "bf16"), ("int8", "bf16"), ("int4", "bf16"), ("int8", "int8")])
@pytest.mark.parametrize("word", [16, 32, 64])
def test_wider_ports_move_the_same_bits_for_each_neuron(weight, state, word):
    chip = load_chip("seneca", [f"core.npe.word_bits={word}"])
    program = integrate_program(chip, Precision(weight, state, "bf16"), 3)
    counts = instructions(program)
    lanes_neurons = program.neurons_per_chunk // 8
    weight_bits, state_bits_ = bits_of(chip, "weight", weight), bits_of(chip, "state", state)
    assert counts["MLD"] * word == lanes_neurons * (state_bits_ + 3 * weight_bits)
    assert counts["MST"] * word == lanes_neurons * state_bits_
    memory = price_table(chip).program_pj(program)["data_memory"]
    assert memory == pytest.approx(
        program.neurons_per_chunk * (2.9 * (state_bits_ + 3 * weight_bits) + 3.5 * state_bits_) / 16
    )


@pytest.mark.parametrize(
    ("precision", "group", "weighted", "expected", "neurons_per_chunk"),
    [
        (Precision("bf16", "bf16", "binary"), 1, True, {"MLD": 2, "ADD": 1, "MST": 1}, 8),
        (Precision("bf16", "bf16", "bf16"), 4, True, {"MLD": 5, "MUL": 4, "ADD": 4, "MST": 1}, 8),
        (Precision("int8", "bf16", "binary"), 1, True, {"MLD": 3, "I2F": 2, "ADD": 2, "MST": 2}, 16),
        (Precision("int4", "bf16", "int8"), 1, True, {"MLD": 5, "I2F": 4, "MUL": 4, "ADD": 4, "MST": 4}, 32),
        (Precision("int8", "int8", "int8"), 2, True, {"MLD": 3, "MUL8": 2, "ADD8": 2, "MST": 1}, 16),
        (Precision("bf16", "bf16", "bf16"), 4, False, {"MLD": 1, "ADD": 4, "MST": 1}, 8),
        (Precision("bf16", "int8", "binary"), 1, False, {"MLD": 1, "ADD8": 1, "MST": 1}, 16),
    ],
)
def test_integration_loads_states_once_and_weights_for_each_event(
    precision, group, weighted, expected, neurons_per_chunk
):
    program = integrate_program(CHIP, precision, group, weighted)
    assert (instructions(program), program.neurons_per_chunk) == (expected, neurons_per_chunk)


def test_cycles_are_the_sum_of_the_instruction_cycles():
    chip = load_chip("seneca", ["instructions.MLD.cycles=5", "instructions.ADD.cycles=2", "instructions.MST.cycles=7"])
    assert integrate_program(chip, Precision("bf16", "bf16", "binary"), 1).cycles == 2 * 5 + 2 + 7


def test_sums_are_kept_in_the_width_of_the_states():
    assert integrate_program(CHIP, Precision("int4", "int8"), 1).accumulator_bits == 8
    assert integrate_program(CHIP, Precision("int4", "int32"), 1).accumulator_bits == 16
    assert fired("Lif", state="int8").update.accumulator_bits == 8


@pytest.mark.parametrize(
    ("kind", "options", "update"),
    [
        ("Identity", {}, {"MLD": 1, "MST": 1}),
        ("Relu", {"bias": True}, {"MLD": 2, "MAX": 1, "MST": 1}),
        ("If", {"reset": "subtract"}, {"MLD": 1, "GTH": 1, "AND": 1, "SUB": 1, "MST": 1}),
        ("Lif", {"v_reset": 0.5}, {"MLD": 1, "MUL": 3, "GTH": 1, "ADD": 1, "MST": 1}),
        ("Lif", {"v_min": -1.0, "bias": True}, {"MLD": 2, "ADD": 1, "MUL": 2, "GTH": 1, "MAX": 1, "MST": 1}),
        (
            "If",
            {"max_spikes": 3, "reset": "subtract"},
            {"MLD": 1, "MUL": 2, "SUB": 2, "RND": 1, "MIN": 1, "MAX": 1, "MST": 1},
        ),
        ("Li", {"v_leak": 0.25}, {"MLD": 1, "MUL": 1, "ADD": 1, "MST": 1}),
        ("CubaLif", {}, {"MLD": 2, "ADD": 1, "MUL": 3, "GTH": 1, "MST": 2}),
        ("SigmaDelta", {}, {"MLD": 2, "MAX": 1, "SUB": 1, "MUL": 2, "RND": 1, "ADD": 1, "MST": 1}),
        (
            "SigmaDelta",
            {"mode": "deadband", "activation": "identity"},
            {"MLD": 2, "SUB": 1, "ABS": 1, "GTH": 1, "MUL": 1, "ADD": 1, "MST": 1},
        ),
    ],
)
def test_update_follows_from_the_equation_and_its_options(kind, options, update):
    programs = fired(kind, options)
    assert instructions(programs.update) == update
    assert instructions(programs.emit) == {"EVC": 1}


def test_options_may_be_arrays_of_the_neuron_model():
    import numpy as np

    lif = neurons.Lif(decay=0.9, v_leak=np.zeros((4, 1, 1)))
    options = {name: getattr(lif, name) for name in ("decay", "v_leak", "v_reset", "reset", "max_spikes", "v_min")}
    assert instructions(fired("Lif", options).update) == instructions(fired("Lif").update)


@pytest.mark.parametrize(
    ("kind", "options", "update", "pool", "emit"),
    [
        ("Relu", {}, {"MST": 1}, {"MLD": 1, "MAX": 1}, {"MAX": 1, "EVC": 1}),
        ("Lif", {}, {"MLD": 1, "MUL": 2, "GTH": 1, "MST": 1}, {"ORR": 1}, {"EVC": 1}),
        ("Li", {}, {"MLD": 1, "MUL": 1, "MST": 1}, {"MAX": 1}, {"EVC": 1}),
        (
            "SigmaDelta",
            {},
            {},
            {"MLD": 1, "MAX": 1},
            {"MAX": 1, "MLD": 1, "SUB": 1, "MUL": 2, "RND": 1, "ADD": 1, "MST": 1, "EVC": 1},
        ),
    ],
)
def test_fused_max_pooling_sits_where_values_become_events(kind, options, update, pool, emit):
    programs = fired(kind, options, pooled=True)
    assert [instructions(p) for p in (programs.update, programs.pool, programs.emit)] == [update, pool, emit]


def test_packed_states_compute_in_pairs_and_compare_one_by_one():
    programs = fired("Lif", state="int8")
    expected = {"MLD": 1, "MUL8": 2, "GTH": 2, "MST": 1, "I2F": 2, "SHL": 1, "ORR": 1}
    assert instructions(programs.update) == expected
    assert instructions(programs.emit) == {"EVC": 2}


def test_memory_holds_every_map_of_a_neuron_in_its_priced_width():
    two = {"CubaLif": 2, "SigmaDelta": 2, "Delay": 2, "Product": 3, "ContextThreshold": 2}
    cells = {"GruCell": 4 + 1, "MguCell": 3 + 1, "MinimalCell": 2 + 1, "LstmCell": 4 + 1}
    assert {kind: state_maps(kind) for kind in NEURON_KINDS} == dict.fromkeys(NEURON_KINDS, 1) | two | cells
    assert [kind for kind in NEURON_KINDS if output_maps(kind)] == ["SigmaDelta"]
    assert state_bits(CHIP, "SigmaDelta", "fp32") == 32
    assert state_bits(CHIP, "Lif", "int8") == 8


def test_published_map_of_states_fits_one_core_and_the_larger_does_not():
    bits = state_bits(CHIP, "Lif", "bf16")  # V10
    assert 56 * 56 * 32 * bits <= CHIP.core.data_memory_bits.value < 120 * 120 * 32 * bits


def test_every_number_type_is_known_or_mapped():
    widths = {t: bits_of(CHIP, "state", t) for t in ("int4", "int8", "int16", "int32", "int64", "bf16", "fp32")}
    assert widths == {"int4": 8, "int8": 8, "int16": 16, "int32": 16, "int64": 16, "bf16": 16, "fp32": 16}
    assert (bits_of(CHIP, "weight", "int4"), bits_of(CHIP, "event", "binary"), bits_of(CHIP, "event", "int4")) == (
        4,
        0,
        4,
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: priced_type(CHIP, "weight", "binary"),
            "chip seneca: weights of type binary have no programs; say what they are priced as, "
            "such as --set price_as.binary=bf16",
        ),
        (
            lambda: priced_type(load_chip("seneca", ["price_as.int32=int4"]), "state", "int32"),
            "chip seneca: price_as.int32 is int4, which has no programs as a state; name one of int8, bf16",
        ),
        (
            lambda: integrate_program(CHIP, Precision("bf16", "int8"), 1),
            "chip seneca: bf16 weights have no program on int8 states; use bf16 states or narrower weights",
        ),
        (
            lambda: integrate_program(CHIP, Precision(), 0),
            "a group of 0 events cannot be integrated; groups hold at least one",
        ),
        (
            lambda: fired("Gru"),
            f"chip seneca: no program fires neurons of kind Gru; there are programs for {', '.join(NEURON_KINDS)}",
        ),
        (
            lambda: state_maps("Gru"),
            f"no program fires neurons of kind Gru; there are programs for {', '.join(NEURON_KINDS)}",
        ),
    ],
)
def test_what_has_no_program_is_refused_with_a_sentence(call, message):
    with pytest.raises(ChipError) as caught:
        call()
    assert str(caught.value) == message

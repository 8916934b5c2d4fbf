"""Firing sequences: instruction counts by hand, and the register arithmetic that stands for exponentials and divisions."""

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.chip.neuron_programs import CELLS, FUNCTIONS, LOOKUP, ROUNDINGS, SUMS, Sum
from seneca_sim.chip.programs import fire_programs, state_maps, whole_maps
from seneca_sim.graph import neurons
from seneca_sim.graph.network import Precision

CHIP = load_chip("seneca")
UNFED = Sum(mapped=False)


def update(kind, chip=CHIP, pooled=False, **options):
    return dict(fire_programs(chip, kind, options, Precision(), pooled).update.instructions)


def total(kind, **options):
    return sum(update(kind, **options).values())


def test_sums_and_cells_are_those_of_the_graph():
    for name, names in SUMS.items():
        assert neurons.sum_names(getattr(neurons, name)()) == names
    cells = [kind for kind in neurons.Neuron.__args__ if neurons.is_cell(kind.__new__(kind))]
    assert {kind.__name__ for kind in cells} == set(CELLS)


def test_every_function_and_rounding_has_a_sequence_of_instructions_that_the_chip_has():
    assert set(FUNCTIONS) == set(neurons.Function.__args__)
    assert set(ROUNDINGS) == set(neurons.Rounding.__args__)
    for mnemonic in {each for sequence in (*FUNCTIONS.values(), *ROUNDINGS.values()) for each in sequence} - {LOOKUP}:
        assert CHIP.instructions.named(mnemonic).cycles.value >= 1


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("Activation", {"function": "hard_tanh"}, {"MLD": 1, "MAX": 1, "MIN": 1, "MST": 1}),
        (
            "Activation",
            {"function": "hard_tanh", "threshold": 0.1},
            {"MLD": 1, "MAX": 1, "MIN": 1, "ABS": 1, "GTH": 1, "MUL": 1, "MST": 1},
        ),
        ("Activation", {"function": "relu", "threshold": 0.1}, {"MLD": 1, "MAX": 1, "GTH": 1, "MUL": 1, "MST": 1}),
        (
            "Activation",
            {"function": "table_tanh"},
            {"MLD": 1 + 8, "MUL": 1, "RND": 1, "MAX": 1, "MIN": 1, "MST": 1},
        ),
        ("Clip", {"bias": True}, {"MLD": 2, "MAX": 1, "MIN": 1, "MST": 1}),
        ("Quantise", {}, {"MLD": 1, "MUL": 2, "RND": 1, "MAX": 1, "MIN": 1, "MST": 1}),
        (
            "Quantise",
            {"rounding": "floor"},
            {"MLD": 1, "MUL": 2, "RND": 1, "GTH": 1, "SUB": 1, "MAX": 1, "MIN": 1, "MST": 1},
        ),
        ("Quantise", {"bipolar": True}, {"MLD": 1, "AND": 1, "ORR": 1, "MST": 1}),
        ("MultiThreshold", {"thresholds": np.zeros((1, 7))}, {"MLD": 1, "GTH": 7, "ADD": 7, "MST": 1}),
        (
            "MultiThreshold",
            {"thresholds": np.zeros((4, 7)), "scale": 0.5, "offset": -1.0},
            {"MLD": 8, "GTH": 7, "ADD": 8, "MUL": 1, "MST": 1},
        ),
        ("Delay", {"steps": 3}, {"MLD": 2, "MST": 2}),
        ("Delay", {"steps": np.array([1, 3]).reshape(2, 1, 1)}, {"MLD": 1 + 8, "MST": 2}),
        ("Relu", {"delay": 2}, {"MLD": 2, "MAX": 1, "MST": 2}),
        ("Lif", {"delay": 2}, {"MLD": 2, "MUL": 2, "GTH": 1, "ADD": 1, "MST": 2}),
        ("Relu", {"sums": (Sum(vector=True),)}, {"MLD": 2, "ADD": 1, "MAX": 1, "MST": 1}),
        (
            "Product",
            {"sums": (Sum(), Sum(mapped=False, vector=True), UNFED)},
            {"MLD": 2, "MUL": 1, "MST": 1},
        ),
        (
            "Product",
            {"sums": (Sum(), Sum(mapped=False, vector=True), Sum()), "function": "relu"},
            {"MLD": 3, "MUL": 1, "ADD": 1, "MAX": 1, "MST": 2},
        ),
        (
            "ContextThreshold",
            {"sums": (Sum(bias=True), Sum(mapped=False, vector=True, bias=True))},
            {"MLD": 3, "MAX": 1, "GTH": 1, "MUL": 1, "MST": 1},
        ),
    ],
)
def test_update_is_the_equation(kind, options, expected):
    assert update(kind, **options) == expected


@pytest.mark.parametrize(
    ("kind", "gates", "activations", "inner"),
    [("GruCell", 2, 1, 6), ("MguCell", 1, 1, 6), ("MinimalCell", 1, 0, 4), ("LstmCell", 3, 2, 5)],
)
def test_a_cell_loads_and_clears_its_sums_loads_and_stores_c_and_computes_its_gates(kind, gates, activations, inner):
    """MUL, ADD of the gated sum; MLD c, SUB, MUL, ADD: c + u (z - c). LSTM: i phi(g), f c, their sum, o phi(c); MLD c."""
    sums = len(SUMS[kind])
    for gate, activation in (("hard_sigmoid", "hard_tanh"), ("sigmoid", "tanh")):
        options = {"gate": gate} | ({} if kind == "MinimalCell" else {"activation": activation})
        functions = gates * len(FUNCTIONS[gate]) + activations * len(FUNCTIONS[activation])
        assert total(kind, **options) == 2 * sums + functions + inner + 1
        assert update(kind, **options)["MST"] == sums + 1
        assert update(kind, **options)["MLD"] == sums + 1


def test_thresholds_and_resets_of_cells_cost_their_instructions():
    plain = total("GruCell")
    extra = [total("GruCell", threshold=0.1, reset=reset) - plain for reset in ("none", "subtract", "zero")]
    assert extra == [2, 4, 3]
    assert total("LstmCell", threshold=0.1) - total("LstmCell") == 3


def test_biases_of_some_sums_are_loaded_for_these_alone():
    sums = (Sum(bias=True), Sum(), Sum(bias=True), Sum())
    assert update("GruCell", sums=sums)["MLD"] == update("GruCell")["MLD"] + 2


def test_a_pooled_function_takes_the_maximum_of_its_sums_first():
    programs = fire_programs(CHIP, "Activation", {"function": "hard_tanh"}, Precision(), pooled=True)
    assert dict(programs.update.instructions) == {"MST": 1}
    assert dict(programs.pool.instructions) == {"MLD": 1, "MAX": 1}
    assert dict(programs.emit.instructions) == {"MAX": 1, "MIN": 1, "EVC": 1}


def test_without_lanes_riscv_takes_a_neuron_for_each_sum():
    units = ("npe", "loop_controller", "event_generator")
    chip = load_chip("seneca", [f"core.{unit}.enabled=false" for unit in units])
    one = fire_programs(chip, "Relu", {}, Precision()).update.cycles
    assert fire_programs(chip, "LstmCell", {}, Precision()).update.cycles == 4 * one


def test_maps_are_sums_that_edges_feed_c_and_rings():
    assert state_maps("LstmCell") == 5
    assert state_maps("Product", {"sums": (Sum(), Sum(mapped=False, vector=True), UNFED)}) == 1
    assert (state_maps("Delay", {"steps": np.array([1, 5])}), whole_maps("Delay", {"steps": np.array([1, 5])})) == (
        6,
        5,
    )
    assert (state_maps("GruCell", {"delay": 2}), whole_maps("GruCell", {"delay": 2})) == (4 + 1 + 8, 9)


def bf16(x):
    """Round to BF16, ties to even."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)


def words(x):
    return (bf16(x).view(np.uint32) >> 16).astype(np.uint16)


def floats(x):
    return (x.astype(np.uint32) << 16).view(np.float32)


class Lanes:
    """Executes instructions in BF16 and notes their names."""

    def __init__(self):
        self.names = []

    def __getattr__(self, name):
        def run(*operands):
            self.names.append(name)
            return OPERATIONS[name](*operands)

        return run


OPERATIONS = {
    "ABS": lambda a: np.abs(a),
    "ADD": lambda a, b: bf16(a + np.float32(b)),
    "SUB": lambda a, b: bf16(a - b),
    "MUL": lambda a, b: bf16(a * bf16(np.float32(b))),
    "MAX": lambda a, b: np.maximum(a, np.float32(b)),
    "RND": lambda a: np.rint(a),
    "SHL": lambda a, n: floats((words(a).astype(np.uint32) << n & 0xFFFF).astype(np.uint16)),
    "AND": lambda a, mask: floats(words(a) & np.uint16(mask)),
    "ORR": lambda a, b: floats(words(a) | words(b)),
    "SUB8": lambda a, b: floats(
        ((words(a) >> 8) - (words(b) >> 8) & 0xFF) << 8 | ((words(a) & 0xFF) - (words(b) & 0xFF) & 0xFF)
    ),
}


def newton(lanes, d, slope, start):
    r = lanes.SUB(np.float32(start), lanes.MUL(d, slope))
    for _ in range(2):
        r = lanes.MUL(r, lanes.SUB(np.float32(2), lanes.MUL(d, r)))
    return r


def exponential(lanes, x, rate):
    """2^t of t = -rate |x|, the sign of the shifted number taken back by the polynomial."""
    t = lanes.MAX(lanes.MUL(lanes.ABS(x), -rate), -127)
    whole = lanes.RND(t)
    f = lanes.SUB(t, whole)
    negative = lanes.ADD(lanes.MUL(lanes.ADD(lanes.MUL(f, -0.2426), -0.6972), f), -1)
    return lanes.MUL(lanes.SHL(lanes.ADD(whole, 255), 7), negative)


def sigmoid(lanes, x):
    r = newton(lanes, lanes.ADD(exponential(lanes, x, np.log2(np.e)), 1), 8 / 17, 24 / 17)
    return lanes.ADD(lanes.ORR(lanes.SUB(r, np.float32(0.5)), lanes.AND(x, 0x8000)), 0.5)


def tanh(lanes, x):
    r = newton(lanes, lanes.ADD(exponential(lanes, x, 2 * np.log2(np.e)), 1), 8 / 17, 24 / 17)
    return lanes.ORR(lanes.SUB(lanes.MUL(r, 2), np.float32(1)), lanes.AND(x, 0x8000))


def softsign(lanes, x):
    d = lanes.ADD(lanes.ABS(x), 1)
    half = lanes.SUB8(floats(np.full(x.shape, 0x7E80, np.uint16)), lanes.AND(d, 0x7F80))
    r = newton(lanes, lanes.MUL(d, half), 32 / 17, 48 / 17)
    return lanes.MUL(lanes.MUL(r, half), x)


@pytest.mark.parametrize(
    ("name", "run", "exact", "most"),
    [
        ("sigmoid", sigmoid, lambda x: 1 / (1 + np.exp(-x)), 0.01),
        ("tanh", tanh, np.tanh, 0.02),
        ("softsign", softsign, lambda x: x / (1 + np.abs(x)), 0.01),
    ],
)
def test_the_sequence_of_a_function_computes_it_in_bf16(name, run, exact, most):
    lanes, x = Lanes(), bf16(np.linspace(-20, 20, 4001))
    value = run(lanes, x)
    assert sorted(lanes.names) == sorted(FUNCTIONS[name])
    assert np.abs(value - exact(x.astype(np.float64))).max() < most

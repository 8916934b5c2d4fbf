"""Micro-code as data: what one chunk of neurons costs in instructions, for integration and for firing.

A chunk is what all lanes handle between two steps of the hardware loop: `npe.count` lanes times the neurons of one lane.
Loops over packed types are unrolled until every count is an integer: with 16-bit words, INT4 weights on INT8 states take four
neurons a lane (1 weight load, 1 shift to unpack it, 2 packed additions, 2 state loads, 2 stores).

The integrate programs and the update of LIF neurons compose to published energies (Tang et al. 2023, Table 8; snn-book, chapter
3.2; tests/chip/test_published_energies.py). Firing sequences are written per neuron, in BF16 (`neuron_programs.py`). Factors of
the input (r, w_in) are folded into the weights; decays are applied after firing, so that events add to the decayed state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seneca_sim.chip.description import Chip
from seneca_sim.chip.neuron_programs import CELLS, LOOKUP, MEMBRANES, NEURON_KINDS, sequences, sums_of
from seneca_sim.chip.number_types import BITS, NumberTypes, priced_type
from seneca_sim.errors import ChipError

__all__ = [
    "NEURON_KINDS",
    "FirePrograms",
    "Program",
    "fire_programs",
    "integrate_program",
    "output_maps",
    "state_bits",
    "state_maps",
    "whole_maps",
]

ALU_BITS = 16
"""Width of a lane's arithmetic: one BF16 number or two packed 8-bit integers an instruction."""
PACKED = {"ADD": "ADD8", "SUB": "SUB8", "MUL": "MUL8"}
BITWISE = ("AND", "ORR")
FLOAT_ONLY = ("GTH", "MAX", "MIN", "RND")


@dataclass(frozen=True, slots=True)
class Program:
    """One chunk of micro-code."""

    name: str
    neurons_per_chunk: int
    instructions: tuple[tuple[str, int], ...]
    """(mnemonic, executions) per chunk; every execution drives all lanes. Empty where RISC-V computes alone."""
    cycles: int
    """Cycles per chunk: of the loop controller, or of RISC-V in builds without one."""
    accumulator_bits: int
    """Width in which sums are kept from one operation to the next; integers saturate at it."""


def integrate_program(chip: Chip, precision: NumberTypes, group_size: int, weighted: bool = True) -> Program:
    """Return the program that adds one full group of events to one chunk of states.

    The states are loaded once, each event of the group fetches its weights (`weighted`), multiplies them by its value unless it
    is binary, and adds; the states are stored once. Without weights (`add` edges) the value itself, already scaled, is added.
    Without lanes, RISC-V takes `riscv.synapse` cycles for each synaptic operation, one neuron a chunk.

    >>> from seneca_sim.chip import load_chip
    >>> from types import SimpleNamespace
    >>> types = SimpleNamespace(weight="int4", state="int8", event="binary")
    >>> program = integrate_program(load_chip("seneca"), types, 4)
    >>> program.neurons_per_chunk, dict(program.instructions)
    (32, {'MLD': 6, 'SHR': 4, 'ADD8': 8, 'MST': 2})
    """
    if group_size < 1:
        raise ChipError(f"a group of {group_size} events cannot be integrated; groups hold at least one")
    weight, state = priced_type(chip, "weight", precision.weight), priced_type(chip, "state", precision.state)
    graded = priced_type(chip, "event", precision.event) != "binary"
    if weighted and BITS[weight] > BITS[state]:
        raise ChipError(
            f"chip {chip.name}: {weight} weights have no program on {state} states; use {weight} states or narrower weights"
        )
    kind = f"{weight} weights" if weighted else "values"
    name = f"integrate {group_size} {'graded' if graded else 'binary'} x {kind} into {state}"
    if not chip.core.npe.enabled.value:
        return Program(name, 1, (), group_size * chip.core.riscv.synapse.value, BITS[state])
    word = chip.core.npe.word_bits.value
    neurons = word // min(BITS[state], BITS[weight]) if weighted else word // BITS[state]
    words = neurons * BITS[state] // word
    operations = neurons * BITS[state] // ALU_BITS
    packed = "8" if state == "int8" else ""
    counts = {"MLD": words}
    if weighted:
        counts["MLD"] += group_size * neurons * BITS[weight] // word
        if weight != state:
            unpack, executions = ("I2F", neurons) if state == "bf16" else ("SHR", neurons * BITS[weight] // ALU_BITS)
            counts[unpack] = group_size * executions
        if graded:
            counts[f"MUL{packed}"] = group_size * operations
    counts[f"ADD{packed}"] = group_size * operations
    counts["MST"] = words
    return _program(chip, name, chip.core.npe.count.value * neurons, counts, BITS[state])


@dataclass(frozen=True, slots=True)
class FirePrograms:
    """Programs of firing a layer; all handle the same number of neurons a chunk."""

    update: Program
    """Per neuron: from the sum to its value and its next state; without EVC."""
    pool: Program | None
    """Per neuron of a window of a fused max pooling: takes its value into the maximum (of spikes: OR)."""
    emit: Program
    """Per output: hands the values to the event generator, or stores them for RISC-V to scan where there is none."""


def fire_programs(
    chip: Chip, neuron_kind: str, options: Mapping[str, Any], precision: NumberTypes, pooled: bool = False
) -> FirePrograms:
    """Return the programs that fire one chunk of neurons.

    `neuron_kind` is a class name of `graph/neurons.py`, `options` its fields by name (those that are absent have their
    defaults) and, optionally, `bias`: whether the layer has one; `sums`: a `neuron_programs.Sum` for each sum; `delay`: steps by
    which the layer's sums are delayed. Without lanes, RISC-V takes `riscv.neuron` cycles for an update, times the sums of the
    neuron, `riscv.synapse` for each neuron of a pooling window, one neuron a chunk.

    >>> from seneca_sim.chip import load_chip
    >>> from types import SimpleNamespace
    >>> bf16 = SimpleNamespace(weight="bf16", state="bf16", event="binary")
    >>> programs = fire_programs(load_chip("seneca"), "Lif", {}, bf16)
    >>> dict(programs.update.instructions), dict(programs.emit.instructions)
    ({'MLD': 1, 'MUL': 2, 'GTH': 1, 'MST': 1}, {'EVC': 1})
    """
    _check_kind(chip, neuron_kind)
    state = priced_type(chip, "state", precision.state)
    riscv = chip.core.riscv
    if not chip.core.npe.enabled.value:
        window = Program(f"pool {neuron_kind} on RISC-V", 1, (), riscv.synapse.value, BITS[state]) if pooled else None
        cycles = riscv.neuron.value * len(sums_of(neuron_kind, options))
        update = Program(f"update {neuron_kind} on RISC-V", 1, (), cycles, BITS[state])
        return FirePrograms(update, window, Program(f"emit {neuron_kind} on RISC-V", 1, (), 0, BITS[state]))
    update_ops, pool_ops, emit_ops = sequences(neuron_kind, options, pooled)
    emit_ops = [*emit_ops, "EVC" if chip.core.event_generator.enabled.value else "MST"]
    return FirePrograms(
        _packed(chip, f"update {neuron_kind}", update_ops, state),
        _packed(chip, f"pool {neuron_kind}", pool_ops, state) if pooled else None,
        _packed(chip, f"emit {neuron_kind}", emit_ops, state),
    )


def state_maps(neuron_kind: str, options: Mapping[str, Any] | None = None) -> int:
    """Return the numbers that the chip keeps for each neuron: its sums or membrane, and what comes on top.

    CubaLif: synaptic current and membrane. SigmaDelta: X and what has been sent so far; the residue of the dead band needs no
    map of its own, because residue = a - (sum of what was sent). On top, `whole_maps`. Options as for `fire_programs`.

    >>> state_maps("Lif"), state_maps("CubaLif"), state_maps("SigmaDelta", {"mode": "deadband"}), state_maps("GruCell")
    (1, 2, 2, 5)
    """
    if neuron_kind not in NEURON_KINDS:
        raise ChipError(_unknown(neuron_kind))
    own = 1 if neuron_kind in ("CubaLif", "SigmaDelta") else 0
    mapped = sum(each.mapped for each in sums_of(neuron_kind, options or {}))
    stateful = neuron_kind in (*MEMBRANES, "SigmaDelta", "Delay")
    return (1 if stateful else mapped) + own + whole_maps(neuron_kind, options)


def whole_maps(neuron_kind: str, options: Mapping[str, Any] | None = None) -> int:
    """Return how many of the `state_maps` are kept for all rows whatever becomes of the sums: c of a cell, rings of delays.

    A `Delay` of n steps keeps n maps, a layer whose sums are delayed by d (option `delay`) d for each sum.

    >>> whole_maps("GruCell"), whole_maps("Delay", {"steps": 3}), whole_maps("Relu", {"delay": 2})
    (1, 3, 2)
    """
    options = options or {}
    ring = int(np.max(np.asarray(options.get("steps", 1)))) if neuron_kind == "Delay" else 0
    mapped = sum(each.mapped for each in sums_of(neuron_kind, options))
    return int(neuron_kind in CELLS) + ring + mapped * int(options.get("delay", 0))


def output_maps(neuron_kind: str) -> int:
    """Return how many of the `state_maps` stand behind a fused max pooling, one number per output: 1 for SigmaDelta, else 0."""
    return 1 if neuron_kind == "SigmaDelta" else 0


def state_bits(chip: Chip, neuron_kind: str, state_type: str, options: Mapping[str, Any] | None = None) -> int:
    """Return the data memory of one neuron's states [bits], all its maps together, in the width they are priced as.

    >>> from seneca_sim.chip import load_chip
    >>> state_bits(load_chip("seneca"), "CubaLif", "fp32")
    32
    """
    return state_maps(neuron_kind, options) * BITS[priced_type(chip, "state", state_type)]


def _unknown(neuron_kind: str) -> str:
    return f"no program fires neurons of kind {neuron_kind}; there are programs for {', '.join(NEURON_KINDS)}"


def _check_kind(chip: Chip, neuron_kind: str) -> None:
    if neuron_kind not in NEURON_KINDS:
        raise ChipError(f"chip {chip.name}: {_unknown(neuron_kind)}")


def _program(chip: Chip, name: str, neurons: int, instructions: dict[str, int], accumulator_bits: int) -> Program:
    """Return a program of some instructions a chunk; its cycles are those of the unit that issues them."""
    if chip.core.loop_controller.enabled.value:
        cycles = sum(count * chip.instructions.named(name).cycles.value for name, count in instructions.items())
    else:
        cycles = sum(instructions.values()) * chip.core.riscv.issue.value
    return Program(name, neurons, tuple(instructions.items()), cycles, accumulator_bits)


def _packed(chip: Chip, name: str, sequence: Sequence[str], state: str) -> Program:
    """Return the program of a per-neuron sequence, unrolled to whole memory words.

    With INT8 states, additions, products and bitwise operations work on two packed neurons. What the published table lists for
    BF16 alone (comparisons, rounding) runs neuron by neuron after a conversion, and its results are packed again (SHL, ORR).
    A load at an address of the lane's own takes one MLD for each neuron of the chunk.
    """
    word, bits = chip.core.npe.word_bits.value, BITS[state]
    neurons = word // bits
    pairs = neurons * bits // ALU_BITS
    counts: dict[str, int] = {}

    def add(mnemonic: str, executions: int) -> None:
        counts[mnemonic] = counts.get(mnemonic, 0) + executions

    converted = state == "int8" and any(mnemonic in FLOAT_ONLY for mnemonic in sequence)
    for mnemonic in sequence:
        if mnemonic == LOOKUP:
            add("MLD", neurons * chip.core.npe.count.value)
        elif mnemonic in ("MLD", "MST"):
            add(mnemonic, neurons * bits // word)
        elif mnemonic in PACKED and state == "int8":
            add(PACKED[mnemonic], pairs)
        else:
            add(mnemonic, pairs if mnemonic in BITWISE else neurons)
    if converted:
        add("I2F", neurons)
        add("SHL", pairs)
        add("ORR", pairs)
    return _program(chip, f"{name}, {state} states", chip.core.npe.count.value * neurons, counts, bits)

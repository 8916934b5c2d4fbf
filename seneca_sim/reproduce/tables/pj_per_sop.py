"""Energy of synaptic operations, neuron updates and instructions; area and static power.

Everything is counted from the micro-code of the chip and priced with its table; nothing of the published sums is an input.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seneca_sim.chip import load_chip
from seneca_sim.chip.description import Chip
from seneca_sim.chip.instructions import Instructions
from seneca_sim.chip.prices import PriceTable, area_mm2, price_table, static_from_bits_uw
from seneca_sim.chip.programs import NEURON_KINDS, Program, fire_programs, integrate_program
from seneca_sim.graph.network import Edge, Layer, Network, NumberType, Precision
from seneca_sim.graph.neurons import Lif
from seneca_sim.reproduce.citations import PublishedTable
from seneca_sim.reproduce.rows import Quantity, Reproduction, Row, Status

if TYPE_CHECKING:
    from seneca_sim.reproduce.tables import Progress

__all__ = ["reproduce"]

_TYPES: tuple[tuple[NumberType, NumberType], ...] = (
    ("bf16", "bf16"),
    ("int8", "bf16"),
    ("int4", "bf16"),
    ("int8", "int8"),
    ("int4", "int8"),
)
"""Weights and states that the lanes have programs for."""
_GROUPS = (1, 2, 4, 8, 16)
_BF16_BINARY, _BF16_GRADED = Precision("bf16", "bf16", "binary"), Precision("bf16", "bf16", "bf16")
_OPTIMISED = Precision("int4", "int8", "binary")
_MEASURED = "bf16 weights, bf16 states, graded, group of 1"
"""Of these loops, the one whose published energy was measured: as any measured one it is predicted, not exact."""
_EXAMPLE, _DENSITY, _STEP_US = (256, 128, 64, 10), 0.1, 10_000
"""The calculator's worked example: layers, share of neurons that send, time of a step."""
_OURS = "composed from the instruction table and the micro-code of chip seneca"


def reproduce(published: PublishedTable, progress: Progress | None = None) -> Reproduction:
    """Compose the published energies from their parts."""
    chip = load_chip("seneca")
    table = _Table(published, chip)
    parts = (table.sops(), table.times(), table.updates(), table.instructions(), table.example(), table.core())
    return Reproduction(published.name, published.title, tuple(itertools.chain(*parts)), _notes(published, chip))


class _Table:
    """The rows of the table, composed on one chip."""

    def __init__(self, published: PublishedTable, chip: Chip) -> None:
        self.published, self.chip = published, chip
        self.prices: PriceTable = price_table(chip)
        self.cited = {row.row: row for row in published.rows}

    def row(self, name: str, quantity: Quantity, unit: str, ours: float, status: Status = "exact") -> Row:
        """Return one of our figures, beside the published one if there is one."""
        if name in self.cited:
            return self.cited[name].beside(quantity, ours, status, unit)
        return Row(self.published.name, name, quantity, unit, None, ours, status, _OURS)

    def chunk_pj(self, program: Program) -> float:
        """Return the energy of one chunk of a program."""
        return sum(self.prices.program_pj(program).values())

    def sop_pj(self, precision: Precision, group: int) -> float:
        """Return the energy of a synaptic operation in full groups and full lanes."""
        program = integrate_program(self.chip, precision, group)
        return self.chunk_pj(program) / (program.neurons_per_chunk * group)

    def sop_cycles(self, precision: Precision, group: int) -> float:
        """Return the time of a synaptic operation in full groups and full lanes."""
        program = integrate_program(self.chip, precision, group)
        return program.cycles / (program.neurons_per_chunk * group)

    def neuron_pj(self, kind: str) -> float:
        """Return the energy of a neuron's update and hand-over when it sends nothing."""
        programs = fire_programs(self.chip, kind, {}, _BF16_BINARY)
        return (self.chunk_pj(programs.update) + self.chunk_pj(programs.emit)) / programs.update.neurons_per_chunk

    def sops(self) -> Iterator[Row]:
        """Yield the energy of a synaptic operation by data types, kind of event and group size."""
        for (weight, state), graded, group in itertools.product(_TYPES, (False, True), _GROUPS):
            event: NumberType = state if graded else "binary"
            name = f"{weight} weights, {state} states, {'graded' if graded else 'binary'}, group of {group}"
            status: Status = "predicted" if name == _MEASURED else "exact"
            yield self.row(name, "pj_per_sop", "pJ", self.sop_pj(Precision(weight, state, event), group), status)
        for name, precision, group in (
            ("binary loop as measured (bf16, group of 1)", _BF16_BINARY, 1),
            ("optimised loop as measured (int4 on int8, group of 4)", _OPTIMISED, 4),
        ):
            yield self.row(name, "pj_per_sop", "pJ", self.sop_pj(precision, group), "predicted")
        name = "slope of the SEED hardware table (bf16, graded)"
        yield self.row(name, "pj_per_sop", "pJ", self.sop_pj(_BF16_GRADED, 1))

    def times(self) -> Iterator[Row]:
        """Yield the relative times of the inner loops."""
        optimised = self.sop_cycles(_OPTIMISED, 4)
        for kind, precision in (("binary", _BF16_BINARY), ("graded", _BF16_GRADED)):
            name = f"inner loop, {kind} bf16 / optimised"
            yield self.row(name, "time", "ratio", self.sop_cycles(precision, 1) / optimised, "predicted")

    def updates(self) -> Iterator[Row]:
        """Yield the energy of an update that sends nothing, of every neuron model in BF16, and of an event."""
        for kind in NEURON_KINDS:
            status: Status = "exact" if f"update {kind}" in self.cited else "predicted"
            yield self.row(f"update {kind}", "energy", "pJ", self.neuron_pj(kind), status)
        yield self.row("generated event", "energy", "pJ", self.prices["event.generated"].pj)

    def instructions(self) -> Iterator[Row]:
        """Yield what each instruction takes, summed from its parts."""
        for name in Instructions.model_fields:
            yield self.row(name, "energy", "pJ", self.chip.instructions.named(name).parts_pj)
        prices = self.chip.prices
        parts = prices.riscv_instruction_pj.value + prices.instruction_memory_pj.value
        yield self.row("RISC-V instruction", "energy", "pJ", parts)
        yield self.row("32-bit flit", "energy", "pJ", self.prices["flit.injected"].pj)

    def example(self) -> Iterator[Row]:
        """Yield the calculator's worked example: the inputs count as neurons there, and each event is a packet."""
        timing, cycle_pj = self.chip.timing(), self.prices["riscv.busy_cycle"].pj
        synapses = sum(source * target for source, target in itertools.pairwise(_EXAMPLE))
        events_in, events_out = sum(_EXAMPLE[:-1]) * _DENSITY, sum(_EXAMPLE) * _DENSITY
        step_cycles = _STEP_US * self.chip.clock_mhz.value
        parts_nj: dict[str, tuple[float, Status]] = {
            "synaptic operations": (synapses * _DENSITY * self.sop_pj(_BF16_BINARY, 1) / 1e3, "exact"),
            "input events": (events_in * (timing.rv_packet + timing.rv_value) * cycle_pj / 1e3, "derived"),
            "activation": (sum(_EXAMPLE) * self.neuron_pj("Lif") / 1e3, "exact"),
            "output events": (events_out * (timing.rv_out_packet + timing.rv_out) * cycle_pj / 1e3, "derived"),
            "static": (step_cycles * self.prices["core.cycle"].pj / 1e3, "exact"),
        }
        name = "-".join(map(str, _EXAMPLE))
        for part, (value, status) in parts_nj.items():
            yield self.row(f"{name}, {part}", "energy", "nJ", value, status)
        total = sum(value for value, _ in parts_nj.values())
        yield self.row(f"{name}, all", "energy", "nJ", total, "derived")
        yield self.row(f"{name}, all", "power", "µW", 1e3 * total / _STEP_US, "derived")

    def core(self) -> Iterator[Row]:
        """Yield area, power, and the states that fit a core."""
        for cores in (9, 7):
            yield self.row(f"{cores} cores", "area", "mm2", area_mm2(self.chip, cores))
        yield self.row("static, core", "power", "µW", static_from_bits_uw(self.chip), "derived")
        power = self.prices["riscv.busy_cycle"].pj * self.chip.clock_mhz.value / 1e3
        yield self.row("RISC-V alone (keyword spotting)", "power", "mW", power, "calibrated on these rows")
        for side in (56, 120):
            name = f"states of {side}x{side}x32, 16 bit"
            yield self.row(name, "cores", "cores", float(_cores(self.chip, side)))


def _cores(chip: Chip, side: int) -> int:
    """Return how few cores hold a 3x3 layer of 32 spiking channels on a square map."""
    from seneca_sim.graph.placeholders import placeholder
    from seneca_sim.mapping.automatic import automatic_mapping

    edge = Edge("conv", 0, "conv", placeholder(32, 1, 3, 3), padding=(1, 1))
    layers = (
        Layer("input", None, (1, side, side), precision=_BF16_BINARY),
        Layer("conv", Lif(0.5), (32, side, side), (edge,), precision=_BF16_BINARY, is_output=True),
    )
    return automatic_mapping(Network("map", layers, task="other"), chip, goal="fewest-cores").n_cores


def _notes(published: PublishedTable, chip: Chip) -> tuple[str, ...]:
    """Return what stands behind the rows."""
    evc = chip.instructions.EVC.parts_pj
    printed = {
        (row.row, quantity): f"{value:g}" for row in published.rows for quantity, (value, _) in row.values.items()
    }
    binary = printed["binary loop as measured (bf16, group of 1)", "pj_per_sop"]
    graded = printed[_MEASURED, "pj_per_sop"]
    optimised = printed["optimised loop as measured (int4 on int8, group of 4)", "pj_per_sop"]
    headline = printed["int4 weights, int8 states, binary, group of 4", "pj_per_sop"]
    received, sent = printed["input event on RISC-V", "energy"], printed["output event on RISC-V", "energy"]
    return (
        "a lane of eight pays its own compute, registers and memory and an eighth of the shared loop controller and event "
        "generator; programs are priced with the printed totals, instruction rows show the sum of the parts before rounding, and "
        f"every one rounds to the printed digit (EVC: {evc:g} pJ, printed {printed['EVC', 'energy']})",
        "published energies per synaptic operation are printed with two to four digits; ours round to the same digits (2.775 pJ is "
        f"printed {headline}). The poster's measured {binary}, {graded} and {optimised} pJ differ by up to 5 % from the sums: loop "
        "set-up is not in them",
        "neuron updates without a published figure are reconstructions of the micro-code from the published instruction set "
        "(predicted); Lif is MLD, MUL, GTH, MUL, MST, EVC",
        "the worked example counts the 256 inputs as neurons that are updated, and every event as a packet of its own; "
        f"RISC-V cycles of an input and an output event are derived from its {received} and {sent} nJ, so that these two parts "
        "are no test",
        "static power per core is composed from memory and register bits (28.5 µW); runs are charged the printed "
        f"{printed['static, core', 'power']} µW",
        "cycles per RISC-V instruction and its share of data accesses are derived from the power of the RISC-V-only build, so that "
        "this row is no test",
        "inner-loop times follow from equal cycles for every instruction, whatever their number",
    )

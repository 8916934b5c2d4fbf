"""Neuromorphic platforms side by side: cited values, with ours beside SENECA's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seneca_sim.chip import load_chip
from seneca_sim.chip.prices import area_mm2, price_table
from seneca_sim.chip.programs import integrate_program
from seneca_sim.graph.network import Precision
from seneca_sim.reproduce.citations import PublishedTable
from seneca_sim.reproduce.rows import Quantity, Reproduction, Row

if TYPE_CHECKING:
    from seneca_sim.reproduce.tables import Progress

__all__ = ["reproduce"]

_HEADLINE, _GROUP = Precision("int4", "int8", "binary"), 4
_LOOPS = {
    "SENECA, bf16, binary events, no grouping": Precision("bf16", "bf16", "binary"),
    "SENECA, bf16, graded events, no grouping": Precision("bf16", "bf16", "bf16"),
}
_RUN = "digits-lif"
_MEGABIT = 1 << 20


def reproduce(published: PublishedTable, progress: Progress | None = None) -> Reproduction:
    """Set SENECA's figures, composed and simulated, beside the cited ones."""
    chip = load_chip("seneca")
    prices = price_table(chip)

    def sop_pj(precision: Precision, group: int) -> float:
        program = integrate_program(chip, precision, group)
        return sum(prices.program_pj(program).values()) / (program.neurons_per_chunk * group)

    ours: dict[Quantity, float] = {
        "pj_per_sop": sop_pj(_HEADLINE, _GROUP),
        "area": area_mm2(chip, 1),
        "memory": chip.core.data_memory_bits.value / _MEGABIT,
    }
    rows = [
        row.beside(quantity, value, "exact") if row.row == "SENECA" else row.beside(quantity, None, "cited")
        for row in published.rows
        for quantity, value in ours.items()
        if quantity in row.values
    ]
    composed = "composed from the instruction table and the micro-code of chip seneca"
    for name, precision in _LOOPS.items():
        rows.append(Row(published.name, name, "pj_per_sop", "pJ", None, sop_pj(precision, 1), "exact", composed))
    if progress is not None:
        progress(f"{_RUN} on seneca", 0, 1)
    run, estimate = _whole_run(published.name)
    return Reproduction(published.name, published.title, (*rows, run), (*_notes(published), estimate))


def _whole_run(table: str) -> tuple[Row, str]:
    """Return what an operation takes in a run of a shipped network on the whole chip, all components counted, and by estimate."""
    from seneca_sim.simulation import simulate

    result, guess = (
        simulate(_RUN, events="digits-8", cores=8, noc="mesh", engine=engine) for engine in ("fast", "estimate")
    )
    source = f"run of {_RUN} on recording digits-8, chip seneca, 8 cores, engine fast, network mesh"
    value = float(result.summary["pj_per_sop"])
    name = f"SENECA, whole chip running {_RUN} (best mapping)"
    off = float(guess.summary["pj_per_sop"]) / value - 1
    estimate = f"engine estimate beside fast, energy of an operation in {_RUN}: {off:+.1%}"
    return Row(table, name, "pj_per_sop", "pJ", None, value, "predicted", source), estimate


def _notes(published: PublishedTable) -> tuple[str, ...]:
    """Return what stands behind the rows."""
    headline = published.row("SENECA").values["pj_per_sop"][0]
    return (
        f"{headline:g} pJ is the inner loop of int4 weights on int8 states with binary events in groups of 4, in full lanes; it "
        "does not hold for other number types, nor for what RISC-V, network and leakage take",
        "area and memory of a core are published figures that the chip file holds; the core's area leaves network and I/O out",
        "the other platforms differ in technology, voltage and in what they count as an operation; their figures are cited, not "
        "compared",
        f"{_RUN} is a small convolutional network; the calibrated chip spends most of its energy in RISC-V, no part of the "
        "headline",
    )

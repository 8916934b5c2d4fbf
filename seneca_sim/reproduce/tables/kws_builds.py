"""Keyword spotting on the five published builds of the architecture: times that are fitted, energies that follow from counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seneca_sim.chip import load_chip
from seneca_sim.chip.prices import price_table
from seneca_sim.chip.programs import integrate_program
from seneca_sim.reproduce.calibration import Calibration, calibrate_builds, fitted_names
from seneca_sim.reproduce.citations import PublishedRow, PublishedTable
from seneca_sim.reproduce.keyword_spotting import BUILDS, Workload, simulate_build
from seneca_sim.reproduce.rows import Reproduction, Row, Status

if TYPE_CHECKING:
    from seneca_sim.report.result import Result
    from seneca_sim.reproduce.tables import Progress

__all__ = ["reproduce"]

_SOFTWARE = "RISC-V only"
_ALTERNATIVES = (
    Workload(158_000, 4),
    Workload(135_000, 8),
    Workload(126_000, 16),
    Workload(126_000, 8, graded=True),
)
"""Other activities: what the energy saved by grouping gives for groups of 4, 8 and 16 (binary), and graded events."""


def reproduce(published: PublishedTable, progress: Progress | None = None) -> Reproduction:
    """Run the builds; then fit and run them with other assumptions about the activity, for the notes."""
    done, total = 0, len(BUILDS) + len(_ALTERNATIVES)
    rows: list[Row] = []
    breakdowns, estimates = [], []
    for done, name in enumerate(BUILDS):
        if progress is not None:
            progress(name, done, total)
        result = simulate_build(name, Workload())
        rows.extend(_rows(published.row(name), result))
        if name != _SOFTWARE:
            breakdowns.append(_breakdown(name, result))
        estimates.append(_estimate(name, result))
    alternatives = []
    for done, workload in enumerate(_ALTERNATIVES, len(BUILDS)):
        if progress is not None:
            progress(workload.label, done, total)
        alternatives.append(_alternative(published, workload))
    notes = (
        *_notes(published),
        "breakdown of the energies: " + "; ".join(breakdowns),
        "engine estimate beside fast, time: " + ", ".join(estimates),
        *alternatives,
    )
    return Reproduction(published.name, published.title, tuple(rows), notes)


def _rows(published: PublishedRow, result: Result) -> tuple[Row, Row]:
    """Return time and energy of a build."""
    time, energy = float(result.summary["latency_us"]), float(result.summary["energy_uj"])
    fitted: Status = "calibrated on these rows"
    return (
        published.beside("time", time, fitted),
        published.beside("energy", energy, fitted if published.row == _SOFTWARE else "predicted"),
    )


def _breakdown(name: str, result: Result) -> str:
    """Say where a build's energy goes, and what its operations cost at least."""
    chip, workload = result.record.chip, Workload()
    parts = result.cores.filter(like="energy_").sum()
    prices = price_table(chip)
    busy_cycles = float(result.cores.busy_riscv_us.sum()) * chip.clock_mhz.value
    riscv = busy_cycles * prices["riscv.busy_cycle"].pj / 1e6
    total, static = float(result.summary["energy_uj"]), float(parts["energy_static_uj"])
    lanes = total - riscv - static - float(parts["energy_noc_uj"])
    program = integrate_program(chip, workload.network().layers[1].precision, chip.core.grouping.size.value)
    chunk_pj = sum(prices.program_pj(program).values())
    least = workload.sops * chunk_pj / (program.neurons_per_chunk * chip.core.grouping.size.value) / 1e6
    return (
        f"{name} {total:.2f} µJ = lanes {lanes:.2f} (operations x instruction table {least:.2f}) + RISC-V {riscv:.2f} + "
        f"static {static:.2f}"
    )


def _estimate(name: str, result: Result) -> str:
    """Say how far the closed form is off."""
    fast = float(result.summary["latency_us"])
    estimate = float(simulate_build(name, Workload(), engine="estimate").summary["latency_us"])
    return f"{name} {100 * (estimate / fast - 1):+.1f} %"


def _alternative(published: PublishedTable, workload: Workload) -> str:
    """Fit the constants anew to the times with another activity, and say what they are and what the rows become."""
    riscv = load_chip("seneca").core.riscv
    given = Calibration({"core.riscv.position": riscv.position.value, "core.riscv.fire": riscv.fire.value})
    fit = calibrate_builds(published, workload, given)
    offsets = []
    for name in BUILDS:
        summary, values = simulate_build(name, workload, fit.overrides()).summary, published.row(name).values
        time, energy = summary["latency_us"] / values["time"][0], summary["energy_uj"] / values["energy"][0]
        offsets.append(f"{100 * (time - 1):+.0f} / {100 * (energy - 1):+.0f}")
    constants = ", ".join(f"{name} {value}" for name, value in fitted_names(fit).items() if name not in given.constants)
    return f"alternative, fitted anew: {workload.label}: {constants}; time / energy off by {', '.join(offsets)} %"


def _notes(published: PublishedTable) -> tuple[str, ...]:
    """Return what stands behind the rows."""
    ungrouped, grouped = (published.row(name).values["energy"][0] for name in ("+ event generator", "+ spike grouping"))
    return (
        f"assumed: {Workload().label}, one time step, BF16 weights and states, data memory doubled to hold them. The "
        "source states none of it",
        "five constants are fitted to the five times (cycles of an instruction and of a task, of scanning, of issuing, "
        "of a synapse in software), so that the times are no test; RISC-V's energy per cycle comes from the first row, "
        "so that its energy is none either. The activity is a sixth choice: it was taken so that the energies of the "
        "last two builds come near. The cost of firing and of kernel positions, two more constants, come from FireNet. "
        "Four energies are left as predictions",
        "the calibration runs with: python experiments/calibration.py",
        f"the saving of energy by grouping alone ({ungrouped - grouped:.2f} µJ over 7.6 pJ for each load and store) would be "
        "158,000 operations with groups of 4, 135,000 with groups of 8, 126,000 with groups of 16; the alternatives show each",
    )

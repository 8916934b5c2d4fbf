"""Where the calibrated constants of the preset `seneca` come from: each is fitted to published figures.

FireNet gives two: RISC-V cycles of a kernel position (durations of the two recurrent phases) and of an output
position that fires (energy of the spiking network: the cycles that everything else that is counted leaves). Keyword
spotting gives five, one for each of its times: cycles of an NPE instruction and of a task's set-up (builds with and
without grouping), then of a scanned neuron, of an issued instruction and of a synapse in software (the builds without
event generator, loop controller and NPEs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seneca_sim.chip.instructions import Instructions
from seneca_sim.reproduce.keyword_spotting import Workload, simulate_build
from seneca_sim.reproduce.optical_flow import simulate_flow

if TYPE_CHECKING:
    from seneca_sim.reproduce.citations import PublishedTable

__all__ = ["Calibration", "calibrate", "calibrate_builds", "calibrate_optical_flow", "fitted_names", "nearest_setting"]

INSTRUCTION_CYCLES = (1, 2, 3)
POSITION, FIRE, TASK, SCAN, ISSUE, SYNAPSE = (
    "core.riscv.position",
    "core.riscv.fire",
    "core.loop_controller.task_cycles",
    "core.riscv.scan",
    "core.riscv.issue",
    "core.riscv.synapse",
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Constants by dotted name (`instructions` stands for the cycles of every instruction)."""

    constants: dict[str, int]

    def overrides(self) -> list[str]:
        """Return them as changes of a chip.

        >>> Calibration({"core.riscv.fire": 9}).overrides()
        ['core.riscv.fire=9']
        """
        return [change for name, value in self.constants.items() for change in _changes(name, value)]

    def with_(self, name: str, value: int) -> Calibration:
        """Return these constants and one more, or one other."""
        return Calibration({**self.constants, name: value})


def _changes(name: str, value: int) -> Iterator[str]:
    if name == "instructions":
        yield from (f"instructions.{each}.cycles={value}" for each in Instructions.model_fields)
    else:
        yield f"{name}={value}"


def nearest_setting(measure: Callable[[int], float], target: float, low: int, high: int, step: int) -> int:
    """Return the multiple of `step` in [low, high] at which a rising, nearly linear measure is nearest to a target.

    >>> nearest_setting(lambda n: 3.0 * n, 100.0, 0, 90, 10)
    30
    """
    at = {n: measure(n * step) for n in (low // step, high // step)}
    first, last = at
    while last - first > 1 and at[first] < target < at[last]:
        share = (target - at[first]) / (at[last] - at[first])
        middle = min(max(first + round(share * (last - first)), first + 1), last - 1)
        at[middle] = measure(middle * step)
        if at[middle] < target:
            first = middle
        else:
            last = middle
    return min((first, last), key=lambda n: abs(at[n] - target)) * step


def calibrate(keyword_spotting: PublishedTable, optical_flow: PublishedTable) -> Calibration:
    """Fit all constants, FireNet's first."""
    return calibrate_builds(keyword_spotting, Workload(), calibrate_optical_flow(optical_flow))


def calibrate_optical_flow(published: PublishedTable) -> Calibration:
    """Fit the cost of a kernel position to the recurrent phases, that of a fired position to the spiking network's energy."""
    phases = [row.values["time"][0] for row in published.rows if row.row.startswith("56x56, spiking, recurrent")]
    energy = published.row("56x56, spiking").values["energy"][0]

    def recurrent_ms(position: int) -> float:
        changes = Calibration({POSITION: position}).overrides()
        return sum(simulate_flow("firenet-snn", overrides=changes).recurrent_ms.values())

    found = Calibration({POSITION: nearest_setting(recurrent_ms, sum(phases), 100, 1000, 5)})

    def energy_uj(fire: int) -> float:
        return simulate_flow("firenet-snn", overrides=found.with_(FIRE, fire).overrides()).energy_uj

    return found.with_(FIRE, nearest_setting(energy_uj, energy, 0, 4000, 50))


def calibrate_builds(published: PublishedTable, workload: Workload, given: Calibration) -> Calibration:
    """Fit five constants to the five times of keyword spotting."""
    times = {row.row: row.values["time"][0] for row in published.rows}

    def measured(build: str, fit: Calibration) -> float:
        return float(simulate_build(build, workload, fit.overrides()).summary["latency_us"])

    def fitted(fit: Calibration, name: str, build: str, low: int, high: int, step: int) -> Calibration:
        best = nearest_setting(lambda n: measured(build, fit.with_(name, n)), times[build], low, high, step)
        return fit.with_(name, best)

    def deviation(fit: Calibration) -> float:
        return max(abs(measured(build, fit) / times[build] - 1) for build in ("+ event generator", "+ spike grouping"))

    candidates = (
        fitted(given.with_("instructions", cycles), TASK, "+ event generator", 0, 400, 10)
        for cycles in INSTRUCTION_CYCLES
    )
    found = min(candidates, key=deviation)
    found = fitted(found, SCAN, "+ loop controller", 0, 400, 10)
    found = fitted(found, ISSUE, "+ NPEs", 1, 40, 1)
    return fitted(found, SYNAPSE, "RISC-V only", 1, 100, 1)


def fitted_names(fit: Calibration) -> dict[str, int]:
    """Return the constants of a fit, `instructions` named for what it stands for.

    >>> fitted_names(Calibration({"instructions": 2}))
    {'cycles of an instruction': 2}
    """
    return {"cycles of an instruction" if name == "instructions" else name: n for name, n in fit.constants.items()}

"""The SEED hardware table: energy, latency, memory, cores and operations of one step of SEED and RED.

Networks are the published names, activity files follow one rule (`models/activities/rules/zeros.yaml`), latencies are of a
step behind another one, on preset `seneca-seed-table` and its mesh, by engine `fast`. Only the budget of cores is set row by row.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seneca_sim.activity.fit import Fit, fit_densities, ruled_densities
from seneca_sim.activity.rule import load_rule
from seneca_sim.activity.synthetic import load_densities
from seneca_sim.chip import Chip, load_chip
from seneca_sim.errors import MappingError
from seneca_sim.graph import load_network
from seneca_sim.graph.network import Network
from seneca_sim.mapping.automatic import automatic_mapping
from seneca_sim.mapping.types import Mapping
from seneca_sim.reproduce.admissible import Admissible, largest_load, least_load
from seneca_sim.reproduce.citations import PublishedRow, PublishedTable
from seneca_sim.reproduce.detector_frame import Frame, FrameRun, memory_bits, prepared_frame, run_frame
from seneca_sim.reproduce.rows import Quantity, Reproduction, Row
from seneca_sim.reproduce.side_by_side import gathered
from seneca_sim.shipped import shipped_folder

if TYPE_CHECKING:
    from seneca_sim.reproduce.tables import Progress

__all__ = ["Case", "cases", "reproduce", "ruled_rows", "ruled_run"]

_PRESET, _FULL = "seneca-seed-table", "seneca"
_WIDE = ("noc.group_bits=14", "noc.routing_entries=16384")
"""The full chip names more multicast groups than its preset, since 10 bits are too few for these mappings."""
_OWN_GOALS = ("balanced", "power-of-two")
"""Goals of which the faster gives our best mapping."""


@dataclass(frozen=True, slots=True)
class Case:
    """How a published row is run."""

    row: str
    network: str
    activity: str
    budget: int | None
    """Cores that the mapping may use; None: as many as the rule needs."""


def cases() -> tuple[Case, ...]:
    """Return the rows: SEED within 256 cores, RED on the fewest and on the published number of cores."""
    return (
        Case("SEED 128, sparse recurrent, sparsity loss", "seed-128-gru", "seed-128-sparsity-loss", 256),
        Case("SEED 256, sparse recurrent, sparsity loss", "seed-256-gru", "seed-256-sparsity-loss", 256),
        Case("SEED 128, sparse recurrent, no loss", "seed-128-gru", "seed-128-no-loss", 256),
        Case("SEED 256, sparse recurrent, no loss", "seed-256-gru", "seed-256-no-loss", 256),
        Case("SEED 256, dense recurrent, no loss", "seed-256-gru-dense", "seed-256-dense", 256),
        Case("RED without SE, fewest cores", "red", "red", None),
        Case("RED without SE, lowest latency", "red", "red", 1446),
    )


def reproduce(published: PublishedTable, progress: Progress | None = None) -> Reproduction:
    """Run every row of the table, as many simulations at once as there are cores here."""
    runs = cases()
    with ThreadPoolExecutor(os.cpu_count()) as simulations, ThreadPoolExecutor(len(runs)) as pool:
        pending = {
            case.row: pool.submit(_row, published.row(case.row), case, simulations)
            for case in reversed(runs)  # the longest first
        }
        try:
            done = gathered(pending, progress)
        finally:
            simulations.shutdown(wait=False, cancel_futures=True)
    rows = [row for case in runs for row in done[case.row][0]]
    notes = [note for case in runs for note in done[case.row][1]]
    return Reproduction(published.name, published.title, tuple(rows), (*_NOTES, *notes))


_NOTES = (
    "energy is derived, no prediction: operations x 14.1 pJ (a program deduced from this table) + neuron updates as run; the "
    "table's energies hold no idle lanes of incomplete chunks, so these are left out and said per row",
    "memory is derived: 16 bits for each convolution weight once, without head and biases, and for each of two maps (c, y) of "
    "every level; one map where the recurrence is dense",
    "densities are assumed by one rule for all rows, activities/rules/zeros.yaml: rectified layers alike, what nothing rectifies "
    "dense, gated outputs below 8 %; the free number is solved for the operations alone, latencies are predictions under this rule",
    "admitted densities: every layer within the bounds of the rule, all operations as published, mapping as in the row; largest "
    "load: those that load one core's lanes most (exact), least load: those that load the busiest core least",
    "uniform densities: the other extreme rule, activities/rules/uniform.yaml, every layer alike, whatever it sends",
    "cores: layers are cut into powers of two of equal ranges of channels, at least a chunk of lanes each, then strips of columns, "
    "within 256 cores (SEED), 1446 (RED) or as few as fit; layers with the same weights (the head) share cores",
    "latency is that of a step in the steady state: recurrent layers hold what they sent in the step before, which is not run",
    "the depths of FIFOs and the width of flits of the preset, the rule that spends a budget by doubling, how small its ranges of "
    "channels may be (for less traffic), and heads that share cores were settled with these latencies in view: they hold for all "
    "rows alike, but the rows are no blind test of them",
    "full chip: chip seneca with RISC-V, network and static power, same mapping",
)


def _row(published: PublishedRow, case: Case, simulations: Executor) -> tuple[list[Row], list[str]]:
    """Return the rows of one published row, and what is to be said about them."""
    frame, chip, mapping = _ruled(case)
    ruled = simulations.submit(run_frame, frame, chip, mapping)
    full = simulations.submit(run_frame, frame, load_chip(_FULL, _WIDE), mapping)
    own = [
        (goal, ruled if ours == mapping else simulations.submit(run_frame, frame, chip, ours))
        for goal, ours in _own_mappings(frame, chip, int(published.values["cores"][0]))
    ]
    uniform = simulations.submit(run_frame, *_uniform(published, case, frame.network, chip))
    bounds, bound_note = _admitted_rows(published, ruled.result(), simulations)
    goal, best = min(own, key=lambda each: each[1].result().latency_ms)
    rows = [
        *ruled_rows(published, ruled.result()),
        *bounds,
        _beside(published, "uniform densities", uniform.result().latency_ms),
        *_own(published, "full chip", full.result()),
        *_own(published, "best mapping", best.result(), f"goal {goal}", cores=True),
    ]
    return rows, [f"{case.row}: {note}" for note in (*_row_notes(published, ruled.result()), bound_note)]


def ruled_run(case: Case) -> FrameRun:
    """Run a row by the rules of the table: shipped activity, mapping in powers of two, chip of the table."""
    return run_frame(*_ruled(case))


def _ruled(case: Case) -> tuple[Frame, Chip, Mapping]:
    """Return what the rules of the table run for a row."""
    network = load_network(case.network)
    path = shipped_folder("models") / "activities" / f"{case.activity}.yaml"
    frame, chip = prepared_frame(network, load_densities(path, network)), load_chip(_PRESET)
    return frame, chip, _ruled_mapping(frame, chip, case)


def ruled_rows(published: PublishedRow, run: FrameRun) -> Iterator[Row]:
    """Yield the published figures with ours beside them."""
    yield published.beside("energy", run.energy_mj - run.idle_lanes_mj(), "derived")
    yield published.beside("latency", run.latency_ms, "predicted")
    yield published.beside("memory", memory_bits(run.frame.network) / 1e6, "derived")
    yield published.beside("cores", float(run.mapping.n_cores), "predicted")
    yield published.beside("gsop", run.frame.gsop, "calibrated on these rows")


def _ruled_mapping(frame: Frame, chip: Chip, case: Case) -> Mapping:
    """Return the mapping by the rule of the published table."""
    return automatic_mapping(frame.network, chip, goal="power-of-two", cores=case.budget, trace=frame.trace)


def _fit(published: PublishedRow, network: Network, rule: str) -> Fit:
    """Return the densities of a shipped rule that cause the published operations."""
    path = shipped_folder("models") / "activities" / "rules" / f"{rule}.yaml"
    return fit_densities(network, load_rule(path), published.values["gsop"][0] * 1e9)


def _admitted_rows(published: PublishedRow, run: FrameRun, simulations: Executor) -> tuple[list[Row], str]:
    """Return latencies at both ends of what the rule admits, for the mapping of the row, and what its lanes do there."""
    fit = _fit(published, run.frame.network, "zeros")
    lowest, highest, operations, densities = (
        np.array([getattr(layer, name) for layer in fit.layers])
        for name in ("lowest", "highest", "dense_sops", "neuron_density")
    )
    admissible = Admissible(lowest, highest, operations.astype(np.float64), fit.target)
    loads = run.lanes(densities.tolist())
    least, bound, at_least = least_load(admissible, loads)
    most, at_most = largest_load(admissible, loads)
    pending = {}
    for end, found in (("least", at_least), ("largest", at_most)):
        frame = prepared_frame(run.frame.network, ruled_densities(run.frame.network, fit.rule, found.tolist()))
        pending[end] = simulations.submit(run_frame, frame, run.chip, run.mapping)
    rows = [
        _beside(published, f"admitted densities, {end} load", one.result().latency_ms) for end, one in pending.items()
    ]
    per_ms = run.chip.clock_mhz.value * 1e3
    note = (
        f"admitted densities let the lanes of the busiest core work {least / per_ms:.1f} to {most / per_ms:.1f} ms, for no "
        f"densities less than {bound / per_ms:.1f}; latency {rows[0].ours:.1f} to {rows[1].ours:.1f} ms"
    )
    return rows, note


def _uniform(published: PublishedRow, case: Case, network: Network, chip: Chip) -> tuple[Frame, Chip, Mapping]:
    """Return what is run where every layer is as dense as the others, mapped for that."""
    fit = _fit(published, network, "uniform")
    densities = ruled_densities(network, fit.rule, [layer.neuron_density for layer in fit.layers])
    frame = prepared_frame(network, densities)
    return frame, chip, _ruled_mapping(frame, chip, case)


def _beside(published: PublishedRow, variant: str, latency_ms: float) -> Row:
    """Return a latency under other densities beside the published one."""
    value, unit = published.values["latency"]
    name = f"{published.row} ({variant})"
    return Row(published.table, name, "latency", unit, value, latency_ms, "predicted", published.source)


def _own_mappings(frame: Frame, chip: Chip, cores: int) -> Iterator[tuple[str, Mapping]]:
    """Yield the goals that can be met on so many cores, and their mappings."""
    for goal in _OWN_GOALS:
        try:
            yield goal, automatic_mapping(frame.network, chip, goal=goal, cores=cores, trace=frame.trace)
        except MappingError:
            continue  # equal parts need more cores than were published


def _own(
    published: PublishedRow, variant: str, run: FrameRun, source: str = "", *, cores: bool = False
) -> Iterator[Row]:
    """Yield figures of ours that have no published value beside them."""
    figures: list[tuple[Quantity, str, float]] = [("energy", "mJ", run.energy_mj), ("latency", "ms", run.latency_ms)]
    if cores:
        figures.append(("cores", "cores", float(run.mapping.n_cores)))
    where = f"chip {run.chip.name}, engine fast, mesh" + (f", {source}" if source else "")
    for quantity, unit, value in figures:
        yield Row(published.table, f"{published.row} ({variant})", quantity, unit, None, value, "predicted", where)


def _row_notes(published: PublishedRow, run: FrameRun) -> Iterator[str]:
    """Yield the parts of a row's mapping, what bounds its latency, and how far the closed form is off."""
    layers = run.frame.network.layers
    parts = Counter(layers[part.layer].name for part in run.mapping.parts)
    text = ", ".join(f"{name} {number}" for name, number in parts.items())
    more = run.mapping.n_cores - int(published.values["cores"][0])
    yield f"{run.mapping.n_cores} cores, {more:+d} to the published count; parts: {text}"
    busy = run.lanes([1.0] * len(layers)).of(np.ones(len(layers)))
    per_ms = run.chip.clock_mhz.value * 1e3
    guess = run_frame(run.frame, run.chip, run.mapping, "estimate").latency_ms
    yield (
        f"bottleneck {run.on_core(int(busy.argmax()))}: its lanes work {busy.max() / per_ms:.1f} ms, those of the mean core "
        f"{busy.mean() / per_ms:.1f} ms; estimate {guess:.1f} ms ({guess / run.latency_ms - 1:+.0%}); idle lanes add "
        f"{run.idle_lanes_mj():.1f} mJ"
    )

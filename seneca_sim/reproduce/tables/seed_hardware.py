"""The SEED hardware table: energy, latency, memory, cores and operations of one step of SEED and RED.

Networks are the published names, activity files follow one rule (`models/activities/rules/zeros.yaml`), latencies are of the second
of two steps on preset `seneca-seed-table`, engine `fast` on the mesh. Nothing is set for a single row but its budget of cores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from seneca_sim.chip import Chip, load_chip
from seneca_sim.engine.counts import INLET_COUNTERS, PART_COUNTERS
from seneca_sim.graph import load_network
from seneca_sim.graph.network import Network, Precision
from seneca_sim.graph.neurons import is_cell
from seneca_sim.mapping.memory import weight_owners
from seneca_sim.mapping.types import Mapping
from seneca_sim.reproduce.citations import PublishedRow, PublishedTable
from seneca_sim.reproduce.rows import Quantity, Reproduction, Row
from seneca_sim.shipped import shipped_folder

if TYPE_CHECKING:
    from seneca_sim.activity.trace import Trace
    from seneca_sim.report.result import Result
    from seneca_sim.reproduce.tables import Progress

__all__ = ["Case", "cases", "memory_bits", "reproduce"]

WORD_BITS = 16
_PRESET, _FULL = "seneca-seed-table", "seneca"
_WIDE = ("noc.group_bits=14", "noc.routing_entries=16384")
"""The full chip names more multicast groups than its preset, since 10 bits are too few for these mappings."""


@dataclass(frozen=True, slots=True)
class Case:
    """How a published row is run."""

    row: str
    network: str
    activity: str
    goal: str
    budget: int | None
    """Cores that the mapping may use; None: as many as the rule needs."""


def cases() -> tuple[Case, ...]:
    """Return the rows: SEED within 256 cores, RED on the fewest and on the published number of cores."""
    rule = "power-of-two"
    return (
        Case("SEED 128, sparse recurrent, sparsity loss", "seed-128-gru", "seed-128-sparsity-loss", rule, 256),
        Case("SEED 256, sparse recurrent, sparsity loss", "seed-256-gru", "seed-256-sparsity-loss", rule, 256),
        Case("SEED 128, sparse recurrent, no loss", "seed-128-gru", "seed-128-no-loss", rule, 256),
        Case("SEED 256, sparse recurrent, no loss", "seed-256-gru", "seed-256-no-loss", rule, 256),
        Case("SEED 256, dense recurrent, no loss", "seed-256-gru-dense", "seed-256-dense", rule, 256),
        Case("RED without SE, fewest cores", "red", "red", rule, None),
        Case("RED without SE, lowest latency", "red", "red", "balanced", 1446),
    )


def reproduce(published: PublishedTable, progress: Progress | None = None) -> Reproduction:
    """Run every row of the table."""
    rows: list[Row] = []
    notes = list(_NOTES)
    runs = cases()
    for number, case in enumerate(runs):
        if progress is not None:
            progress(case.row, number, len(runs))
        found, said = _row(published.row(case.row), case)
        rows += found
        notes += said
    return Reproduction(published.name, published.title, tuple(rows), tuple(notes))


_NOTES = (
    "energy is derived, no prediction: operations x 14.1 pJ (a program deduced from this table) + neuron updates as run; the "
    "table's energies hold no idle lanes of incomplete chunks, so these are left out and said per row",
    "memory is derived: 16 bits for each convolution weight once, without head and biases, and for each of two maps (c, y) of "
    "every level; one map where the recurrence is dense",
    "densities are assumed by one rule for all rows, activities/rules/zeros.yaml: rectified layers alike, what nothing rectifies "
    "dense, gated outputs below 8 %; the free number is solved for the operations alone, latencies are predictions under this rule",
    "cores: layers are cut into powers of two of equal ranges of channels, within 256 cores (SEED) or as few as fit (RED); layers "
    "with the same weights (the head) share cores",
    "latency is that of the second of two steps; in the first only recurrent layers send",
    "the depths of FIFOs and the width of flits of the preset, the rule that spends a budget by doubling, and heads that share "
    "cores were settled with these latencies in view: they hold for all rows alike, but the rows are no blind test of them",
    "full chip: chip seneca with RISC-V, network and static power, same mapping, engine estimate",
)


def memory_bits(network: Network) -> int:
    """Return the memory that the published column counts [bits]: weights of convolutions once, no head, and maps of levels.

    Levels are the layers that a head sees: two maps where their outputs are events or states beside c, one where y = c or
    nothing recurs.
    """
    owners = weight_owners(network)
    weights = sum(
        edge.weight.size
        for number, layer in enumerate(network.layers)
        for edge in layer.edges
        if edge.weight is not None and not layer.is_head and owners[number] == number
    )
    seen = {edge.source for layer in network.layers if layer.is_head for edge in layer.edges}
    levels = [network.layers[number] for number in seen if not network.layers[number].is_head]
    cells = [layer.neuron for layer in levels if is_cell(layer.neuron)]
    single = all(getattr(cell, "threshold", 0) is None and type(cell).__name__ != "LstmCell" for cell in cells)
    return WORD_BITS * (weights + (1 if single else 2) * sum(prod(layer.shape) for layer in levels))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the runs of a row share."""

    network: Network
    full: Trace
    """Two full steps: loads of the mapper."""
    steady: Trace
    """The same, the first step cut to recurrent layers: what is run."""


def _prepared(case: Case) -> _Prepared:
    from seneca_sim.activity.steady import steady_step
    from seneca_sim.activity.synthetic import load_densities, synthetic_trace

    network = load_network(case.network)
    densities = load_densities(shipped_folder("models") / "activities" / f"{case.activity}.yaml", network)
    full = synthetic_trace(network, densities, steps=2)
    return _Prepared(network, full, steady_step(network, full))


def _row(published: PublishedRow, case: Case) -> tuple[list[Row], list[str]]:
    """Return the rows of one published row, and what is to be said about them."""
    from seneca_sim.mapping.automatic import automatic_mapping

    prepared, chip, full_chip = _prepared(case), load_chip(_PRESET), load_chip(_FULL, _WIDE)
    mapping = automatic_mapping(prepared.network, chip, goal=case.goal, cores=case.budget, trace=prepared.full)
    run = _run(prepared, chip, mapping, "fast")
    guess = _run(prepared, chip, mapping, "estimate")
    latency, energy = _latency_ms(run), _composed_mj(prepared.network, mapping, run, chip)
    rows = [
        published.beside("energy", energy, "derived"),
        published.beside("latency", latency, "predicted"),
        published.beside("memory", memory_bits(prepared.network) / 1e6, "derived"),
        published.beside("cores", float(mapping.n_cores), "predicted"),
        published.beside("gsop", float(prepared.steady.sops[1].sum()) / 1e9, "calibrated on these rows"),
    ]
    full = _run(prepared, full_chip, mapping, "estimate")
    rows += _own(published, f"{case.row} (full chip)", full, "chip seneca, engine estimate")
    expected = int(published.values["cores"][0])
    idle = _energy_mj(run) - energy
    notes = [
        f"{case.row}: {_parts_text(prepared.network, mapping)}; {mapping.n_cores - expected:+d} to the published count",
        f"{case.row}: {_bottleneck_text(prepared.network, mapping, run, chip)}; estimate {_latency_ms(guess):.1f} ms "
        f"({_latency_ms(guess) / latency - 1:+.0%}); idle lanes add {idle:.1f} mJ",
    ]
    goal, best, ours = _best(prepared, chip, expected)
    rows += _own(published, f"{case.row} (best mapping)", ours, f"goal {goal} within {expected} cores", best.n_cores)
    return rows, notes


def _best(prepared: _Prepared, chip: Chip, cores: int) -> tuple[str, Mapping, Result]:
    """Return the goal, mapping and run of the lowest latency on at most so many cores."""
    from seneca_sim.errors import MappingError
    from seneca_sim.mapping.automatic import automatic_mapping

    found = []
    for goal in ("balanced", "power-of-two"):
        try:
            mapping = automatic_mapping(prepared.network, chip, goal=goal, cores=cores, trace=prepared.full)
        except MappingError:
            continue  # the rule needs more cores than were published
        found.append((goal, mapping, _run(prepared, chip, mapping, "fast")))
    return min(found, key=lambda each: _latency_ms(each[2]))


def _own(published: PublishedRow, name: str, run: Result, source: str, cores: int | None = None) -> Iterator[Row]:
    """Yield figures of ours that have no published value beside them."""
    figures: list[tuple[Quantity, str, float]] = [
        ("energy", "mJ", _energy_mj(run)),
        ("latency", "ms", _latency_ms(run)),
    ]
    if cores is not None:
        figures.append(("cores", "cores", float(cores)))
    for quantity, unit, value in figures:
        yield Row(published.table, name, quantity, unit, None, value, "predicted", source)


def _run(prepared: _Prepared, chip: Chip, mapping: Mapping, engine: Any) -> Result:
    """Run the steady state of a row."""
    from seneca_sim.simulation import simulate

    return simulate(
        prepared.network, activity=prepared.steady, chip=chip, mapping=mapping, engine=engine, noc="mesh", warmup=1
    )


def _latency_ms(run: Result) -> float:
    """Return the latency of the second step."""
    return float(run.steps["latency_us"].iloc[1]) / 1e3


def _energy_mj(run: Result) -> float:
    """Return the energy of the second step."""
    return float(run.steps["energy_uj"].iloc[1]) / 1e3


def _composed_mj(network: Network, mapping: Mapping, run: Result, chip: Chip) -> float:
    """Return the energy of the second step without lanes that idle in incomplete chunks of integration [mJ]."""
    from seneca_sim.chip.prices import price_table
    from seneca_sim.chip.programs import integrate_program

    prices, counts = price_table(chip), run.record.counts
    idle_pj = 0.0
    inlets = iter(counts.inlets[1].tolist())
    for part in mapping.parts:
        layer = network.layers[part.layer]
        for edge in layer.edges:
            values = dict(zip(INLET_COUNTERS, next(inlets), strict=True))
            types = Precision(
                layer.precision.weight, layer.precision.state, network.layers[edge.source].precision.event
            )
            program = integrate_program(chip, types, chip.core.grouping.size.value, weighted=edge.weight is not None)
            lanes = values["chunks"] - values["sops"] / program.neurons_per_chunk
            idle_pj += lanes * sum(prices.program_pj(program).values())
    return _energy_mj(run) - idle_pj / 1e9


def _parts_text(network: Network, mapping: Mapping) -> str:
    """Return how many parts each layer has."""
    parts = Counter(network.layers[part.layer].name for part in mapping.parts)
    return f"{mapping.n_cores} cores; parts: " + ", ".join(f"{name} {number}" for name, number in parts.items())


def _bottleneck_text(network: Network, mapping: Mapping, run: Result, chip: Chip) -> str:
    """Return which layers the busiest core holds, and how long its lanes work in the second step."""
    counts = run.record.counts
    core_of = np.array([part.core for part in mapping.parts])
    of_inlet = np.repeat(
        np.arange(len(mapping.parts)), [len(network.layers[part.layer].edges) for part in mapping.parts]
    )
    busy = np.zeros(len(mapping.place))
    np.add.at(busy, core_of, counts.parts[1, :, PART_COUNTERS.index("lc_cycles")])
    np.add.at(busy, core_of[of_inlet], counts.inlets[1, :, INLET_COUNTERS.index("lc_cycles")])
    busiest, per_ms = int(busy.argmax()), chip.clock_mhz.value * 1e3
    names = dict.fromkeys(network.layers[part.layer].name for part in mapping.parts if part.core == busiest)
    return (
        f"bottleneck {', '.join(names)}: its lanes work {busy[busiest] / per_ms:.1f} ms, those of the mean core "
        f"{busy.sum() / mapping.n_cores / per_ms:.1f} ms"
    )

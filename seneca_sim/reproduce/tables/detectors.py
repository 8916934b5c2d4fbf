"""Event-based detectors: operations of a frame, parameters, and predicted energy and latency of variants of SEED."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seneca_sim.activity.fit import dense_sops, ruled_densities
from seneca_sim.activity.rule import Rule, load_rule
from seneca_sim.chip import load_chip
from seneca_sim.graph.lower import lower
from seneca_sim.graph.network import Network
from seneca_sim.graph.neurons import is_cell
from seneca_sim.graph.published import build_published
from seneca_sim.graph.table import graph_parameters
from seneca_sim.reproduce.citations import PublishedRow, PublishedTable, load_published
from seneca_sim.reproduce.detector_frame import memory_bits, prepared_frame, run_frame
from seneca_sim.reproduce.rows import Quantity, Reproduction, Row, Status
from seneca_sim.shipped import shipped_folder
from seneca_sim.yaml_positions import read_yaml

if TYPE_CHECKING:
    from seneca_sim.reproduce.tables import Progress

__all__ = ["frame_densities", "frame_sops", "recurrent_sparsity", "reproduce"]

_CHIP, _CORES, _FRAME_MS = "seneca-seed-table", 256, 50.0
_SIZES = {"1mpx": (360, 640), "gen1": (240, 304)}
_TITLES = {"1mpx": "1 Mpx", "gen1": "Gen1"}


@dataclass(frozen=True, slots=True)
class _Method:
    """A detector of ours: its networks, and the activity whose free number was solved for a published total."""

    network: str
    counted: str
    """The network whose parameters are published."""
    activity: str
    fitted: bool
    """Whether the published total on 1 Mpx is what the activity was solved for."""
    parameters: Status
    hardware: str = ""
    """Row of the hardware table whose number of cores its mapping may use; without one, `_CORES`."""

    @property
    def cores(self) -> int:
        """Most cores of its mapping."""
        return int(load_published("seed-hardware").row(self.hardware).values["cores"][0]) if self.hardware else _CORES


_METHODS = {
    "RED": _Method("red", "red-se", "red", True, "exact", "RED without SE, fewest cores"),
    "SEED-256": _Method("seed-256-gru", "seed-256-gru", "seed-256-sparsity-loss", True, "calibrated on these rows"),
    "SEED-128": _Method("seed-128-gru", "seed-128-gru", "seed-128-sparsity-loss", True, "calibrated on these rows"),
    "SEED-256 with MinimalRNN": _Method(
        "seed-256-minimal", "seed-256-minimal", "seed-256-sparsity-loss", False, "calibrated on these rows"
    ),
    "SEED-256 with MGU": _Method(
        "seed-256-mgu", "seed-256-mgu", "seed-256-sparsity-loss", False, "calibrated on these rows"
    ),
    "SEED-256 with LSTM": _Method(
        "seed-256-lstm", "seed-256-lstm", "seed-256-sparsity-loss", False, "calibrated on these rows"
    ),
}
_RUNS = (
    ("SEED-256 with MinimalRNN", "1mpx"),
    ("SEED-256 with MGU", "1mpx"),
    ("SEED-256 with LSTM", "1mpx"),
    ("SEED-256", "gen1"),
    ("SEED-128", "gen1"),
    ("RED", "gen1"),
)
"""Detectors whose hardware figures nobody has published."""


def reproduce(published: PublishedTable, progress: Progress | None = None) -> Reproduction:
    """Count parameters and operations, and run what the hardware table leaves out."""
    rows: list[Row] = []
    for row in published.rows:
        if "parameters" in row.values:
            rows += _counted(row)
    verdicts, estimates = [], []
    for number, (name, size) in enumerate(_RUNS):
        if progress is not None:
            progress("detectors on SENECA", number, len(_RUNS))
        predicted, verdict, estimate = _hardware(published.name, name, size)
        rows += predicted
        verdicts.append(verdict)
        estimates.append(estimate)
    real_time = f"done within {_FRAME_MS:g} ms, when the next frame comes, on {_CHIP}: {'; '.join(verdicts)}"
    beside = f"engine estimate beside fast, latency: {'; '.join(estimates)}"
    return Reproduction(
        published.name, published.title, tuple(rows), (*_NOTES, _sparsity_note(published), beside, real_time)
    )


def _counted(row: PublishedRow) -> Iterator[Row]:
    """Yield operations and parameters of one method."""
    method = _METHODS.get(row.row)
    if method is None:
        for size in [size for size in _TITLES if size in row.values]:
            value, unit = row.values[size]
            yield Row(row.table, f"{row.row}, {_TITLES[size]}", "gsop", unit, value, None, "cited", row.source)
        yield row.beside("parameters", None, "cited")
        return
    for size in _TITLES:
        if size in row.values:
            yield from _gsop(row, method, size)
    yield row.beside("parameters", graph_parameters(build_published(method.counted, {})) / 1e6, method.parameters)


def _gsop(row: PublishedRow, method: _Method, size: str) -> Iterator[Row]:
    """Yield the operations of a frame by the densities of an activity, and with every value sent."""
    rule, number = _activity(method.activity)
    network = lower(build_published(method.network, {"size": _SIZES[size]}))
    status: Status = "calibrated on these rows" if method.fitted and size == "1mpx" else "predicted"
    name, (value, unit) = f"{row.row}, {_TITLES[size]}", row.values[size]
    source = f"{row.source}; ours by the densities of activity {method.activity}"
    yield Row(row.table, name, "gsop", unit, value, frame_sops(network, rule, number) / 1e9, status, source)
    dense = sum(dense_sops(network)) / 1e9
    yield Row(row.table, f"{name}, every value sent", "gsop", unit, None, dense, "exact", f"shapes of {method.network}")


def _activity(name: str) -> tuple[Rule, float]:
    """Return the rule of a shipped activity, and the free number that was solved for its published total."""
    folder = shipped_folder("models") / "activities"
    fit: Any = read_yaml(folder / f"{name}.yaml").data
    return load_rule(folder / "rules" / Path(fit["fit"]["rule"]).name), float(fit["fit"]["number"])


def frame_densities(network: Network, rule: Rule, number: float) -> list[float]:
    """Return the density of each layer by a rule and a value of its free number."""
    return [rule.group_of(layer).at(number) for layer in network.layers]


def frame_sops(network: Network, rule: Rule, number: float) -> float:
    """Return the operations of a frame by the densities of a rule, padding taps not counted."""
    densities = frame_densities(network, rule, number)
    return sum(density * sops for density, sops in zip(densities, dense_sops(network), strict=True))


def recurrent_sparsity(network: Network, rule: Rule, number: float) -> dict[str, float]:
    """Return the share of zeros in what each recurrent layer sends, by the densities of a rule."""
    return {
        layer.name: 1.0 - rule.group_of(layer).at(number)
        for layer in network.layers
        if layer.neuron is not None and is_cell(layer.neuron)
    }


def _hardware(table: str, name: str, size: str) -> tuple[list[Row], str, str]:
    """Return what a frame takes on the chip of the hardware table, if it is done before the next one, and what estimate says."""
    from seneca_sim.mapping.automatic import automatic_mapping

    method = _METHODS[name]
    rule, number = _activity(method.activity)
    network, chip = lower(build_published(method.network, {"size": _SIZES[size]})), load_chip(_CHIP)
    frame = prepared_frame(network, ruled_densities(network, rule, frame_densities(network, rule, number)))
    mapping = automatic_mapping(network, chip, goal="balanced", cores=method.cores, trace=frame.trace)
    run = run_frame(frame, chip, mapping)
    label = f"{name}, {_TITLES[size]} (best mapping)"
    source = f"densities of activity {method.activity}, {_CHIP}, at most {method.cores} cores, engine fast, mesh"
    values: tuple[tuple[Quantity, str, float], ...] = (
        ("energy", "mJ", run.energy_mj),
        ("latency", "ms", run.latency_ms),
        ("memory", "Mb", memory_bits(network) / 1e6),
        ("cores", "cores", float(mapping.n_cores)),
    )
    in_time = "yes" if run.latency_ms <= _FRAME_MS else "no"
    verdict = f"{name}, {_TITLES[size]}: {in_time} ({run.latency_ms:.1f} ms on {mapping.n_cores} cores)"
    guess = run_frame(frame, chip, mapping, "estimate").latency_ms
    estimate = f"{name}, {_TITLES[size]}: {guess:.1f} ms ({guess / run.latency_ms - 1:+.0%})"
    rows = [Row(table, label, what, unit, None, value, "predicted", source) for what, unit, value in values]
    return rows, verdict, estimate


def _sparsity_note(published: PublishedTable) -> str:
    """Return how sparse the recurrent layers of SEED are in the activities."""
    least = {}
    for name, method in _METHODS.items():
        if name.startswith("SEED"):
            rule, number = _activity(method.activity)
            least[name] = min(recurrent_sparsity(lower(build_published(method.network, {})), rule, number).values())
    worst = min(least.values())
    stated = published.row("SEED, recurrent layers").values["zeros"][0]
    more = "more than" if 100 * worst > stated else "not more than"
    return (
        f"recurrent layers of SEED: {more} {stated:g} % zeros in every one, {100 * worst:.1f} % in the densest; the "
        "rule that makes the activities holds them there, because Wang et al. 2025 state it"
    )


_NOTES = (
    "operations on 1 Mpx of RED and SEED with ConvGRU are no test: the one free density of each activity was solved for them. Gen1 "
    "and the other cells are predicted with the same densities; that their cells and rectifiers are as dense is an assumption, "
    "and trained networks of another size or cell need not keep to it",
    "parameters of RED are exact (they count squeeze-excite; the activity and the runs do without it, as the hardware table "
    "does); SEED is a reconstruction whose layers were chosen by the published parameters",
    "ASTMNet, SNS, SpikingYOLO and RVT are cited only: no definition of theirs ships. The talk's SEED-56 is read as SEED-256",
    "accuracy (mAP) is not computed: no weights are public",
)

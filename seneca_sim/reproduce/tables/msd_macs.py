"""Masked sigma-delta networks: multiply-accumulates of a step, as functions of v, s, density and width."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seneca_sim.graph.lower import lower
from seneca_sim.graph.network import Network
from seneca_sim.graph.published import build_published
from seneca_sim.graph.table import network_totals
from seneca_sim.reproduce.citations import PublishedRow, PublishedTable
from seneca_sim.reproduce.rows import Reproduction, Row, Status
from seneca_sim.shipped import real_data_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seneca_sim.reproduce.tables import Progress

__all__ = ["reproduce"]

_STEPS = (2.0**-10, 0.25, 1.0)
"""Quantisation steps s, in units of the activations; the first is that of the start of training."""
_MASKED = ((0.5, 1.0), (0.1, 1.0), (0.03, 1.0))
"""(density, s) of masked networks."""
_RECORDINGS, _RECORDED_STEPS = 10, 10
"""Real recordings that a note averages, and steps of each."""
_MILLION = 1e6
_MACS, _GAIN = "M", "dense/MACs"


@dataclass(frozen=True, slots=True)
class _Case:
    """One data set of the paper, and what stands in for it."""

    name: str
    network: str
    status: Status
    """Of the dense count: exact, or of layers that were chosen to give it."""
    scene: str = ""
    widths: tuple[int, ...] = ()
    steps: int = 8
    """Steps that are averaged."""
    real: str = ""
    """Its real recordings in the folder of real data."""


_CASES = (
    _Case("PilotNet", "pilotnet-msd", "exact", widths=(2, 4, 8)),
    _Case(
        "N-MNIST",
        "nmnist-msd",
        "calibrated on these rows",
        "synthetic:road?size=34x34&duration=4s&seed=1",
        (2, 4, 8),
        20,
        "events/nmnist/test/*.bs2",
    ),
    _Case(
        "N-Caltech101",
        "ncaltech-msd",
        "exact",
        "synthetic:road?size=255x191&duration=1s&seed=1",
        (2,),
        4,
    ),
    _Case(
        "Gen1",
        "gen1-msd",
        "calibrated on these rows",
        "synthetic:road?size=287x223&duration=1s&seed=1",
        (2,),
        4,
    ),
)


def reproduce(published: PublishedTable, progress: Progress | None = None) -> Reproduction:
    """Count dense multiply-accumulates, and run the networks on generated recordings."""
    rows: list[Row] = []
    for number, case in enumerate(_CASES):
        if progress is not None:
            progress("sigma-delta networks", number, len(_CASES))
        rows += _Runs(published, case).rows()
    rows += _consistency(published)
    return Reproduction(published.name, published.title, tuple(rows), _notes(published, rows))


class _Runs:
    """The rows of one data set."""

    def __init__(self, published: PublishedTable, case: _Case) -> None:
        self.case, self.table = case, published.name
        self.cited = {row.row: row for row in published.rows if row.row.startswith(case.name)}
        graph = build_published(case.network, {})
        self.network = lower(graph)
        self.dense = network_totals(self.network, graph).dense_macs / _MILLION
        settings = self.cited[f"{case.name}, settings"].values
        self.window = int(settings["tau"][0]) if "tau" in settings else 0
        """Events that the input represents; of video none."""
        self.columns = _columns(self.cited[f"{case.name}, dense"])
        self.inputs = {column: _inputs(case, self.network, self.window, size) for column, size in self.columns.items()}
        self.trained = _trained(self.cited, case)

    def rows(self) -> Iterator[Row]:
        """Yield dense, cited, sparse and sigma-delta rows."""
        dense = self.cited[f"{self.case.name}, dense"]
        value = dense.values[self.trained][0]
        yield Row(self.table, dense.row, "macs", _MACS, value, self.dense, self.case.status, dense.source)
        submanifold = self.submanifold() if self.window else {}
        for row in self.cited.values():
            if row is not dense and "gain" in row.values:
                yield from self.beside(row, submanifold if row.row.endswith("SSC") else {})
        yield from self.ours()

    def beside(self, row: PublishedRow, ours: dict[str, float]) -> Iterator[Row]:
        """Yield the columns of a published method, with ours where weights do not matter."""
        status: Status = "predicted" if ours else "cited"
        source = row.source if not ours else f"{row.source}; ours on {self.case.scene}"
        for column in self.columns:
            name = f"{row.row}, {column}"
            yield Row(self.table, name, "macs", _MACS, row.values[column][0], ours.get(column), status, source)
        gain = self.dense / ours[self.trained] if ours else None
        name = f"{row.row}, gain at {self.trained}"
        yield Row(self.table, name, "macs", _GAIN, row.values["gain"][0], gain, status, source)

    def submanifold(self) -> dict[str, float]:
        """Return the multiply-accumulates of a submanifold sparse network by processing step."""
        return {column: _submanifold(self.network, maps) for column, maps in self.inputs.items()}

    def ours(self) -> Iterator[Row]:
        """Yield networks with drawn weights: without memory, by differences at several s, masked, and wider."""
        from seneca_sim.reproduce.event_macs import drawn, rectified, sops, stepped

        first = next(iter(self.inputs.values()))[:1]
        network = drawn(self.network, first)
        sparse = sops(rectified(network), first) / _MILLION
        yield self.row("activation-sparse (ours)", sparse, _MACS)
        yield self.row("activation-sparse (ours), gain", self.dense / sparse, _GAIN)
        for step in _STEPS:
            yield from self.differences(f"sigma-delta (ours), s = {step:.3g}", stepped(network, step))
        for density, step in _MASKED:
            masked = stepped(drawn(self.network, first, density), step)
            yield from self.differences(f"masked sigma-delta (ours), density {density:g}, s = {step:g}", masked)
        for width in self.case.widths:
            wide = stepped(drawn(lower(build_published(self.case.network, {"width": width})), first), 1.0)
            macs = sops(wide, self.inputs[self.trained][:3], 1) / _MILLION
            yield self.row(f"sigma-delta (ours), width {width}, s = 1, {self.trained}", macs, _MACS)

    def differences(self, name: str, network: Network) -> Iterator[Row]:
        """Yield the columns of one sigma-delta network, and its gain; the first step fills the window and is left out."""
        from seneca_sim.reproduce.event_macs import sops

        macs = {column: sops(network, maps, 1) / _MILLION for column, maps in self.inputs.items()}
        for column, value in macs.items():
            yield self.row(f"{name}, {column}", value, _MACS)
        yield self.row(f"{name}, gain at {self.trained}", self.dense / macs[self.trained], _GAIN)

    def row(self, name: str, value: float, unit: str) -> Row:
        """Return a figure of our own."""
        scene = self.case.scene or "pictures of the synthetic road"
        source = f"{self.case.network} with drawn weights on {scene}"
        return Row(self.table, f"{self.case.name}, {name}", "macs", unit, None, value, "predicted", source)


def _columns(dense: PublishedRow) -> dict[str, int]:
    """Return the processing steps of a data set as the paper prints them: events, or for video pictures a second.

    >>> _columns(PublishedRow("t", "r", "", {"v = 1250": (1, "M"), "10 Hz": (1, "M"), "gain": (1, "")}))
    {'v = 1250': 1250, '10 Hz': 10}
    """
    return {name: int("".join(filter(str.isdigit, name))) for name in dense.values if name != "gain"}


def _trained(cited: dict[str, PublishedRow], case: _Case) -> str:
    """Return the processing step of training, at which gains are stated."""
    (size, _) = cited[f"{case.name}, settings"].values["v"]
    return next(name for name, each in _columns(cited[f"{case.name}, dense"]).items() if each == size)


def _inputs(case: _Case, network: Network, window: int, size: int) -> NDArray[np.float32]:
    """Return what a network sees: a first map, then changes of it, (1 + steps, channels, rows, columns)."""
    from seneca_sim.events.camera import Camera, road_pictures
    from seneca_sim.reproduce.event_macs import event_cells, window_changes

    channels, rows, columns = shape = network.layers[0].shape
    if window:
        cells = event_cells(case.scene, window + case.steps * size, (rows, columns))
        return window_changes(cells, shape, window, size, case.steps)
    times = [round(1e6 * number / size) for number in range(case.steps + 1)]
    pictures = road_pictures(Camera(width=columns, height=rows, seed=1), times)
    grey = np.rint(255 * pictures)[:, None].repeat(channels, axis=1) / 255
    changes: NDArray[np.float32] = np.diff(grey, axis=0, prepend=np.zeros_like(grey[:1])).astype(np.float32)
    return changes


def _submanifold(network: Network, maps: NDArray[np.float32]) -> float:
    """Return the multiply-accumulates of a step of a submanifold sparse network [millions]."""
    from seneca_sim.reproduce.event_macs import submanifold_macs

    active, moved = np.cumsum(maps, axis=0) != 0, maps != 0
    frames = [[pixels.any(0) for pixels in each[1:]] for each in (active, moved)]
    return submanifold_macs(network, *frames) / _MILLION


def _consistency(published: PublishedTable) -> Iterator[Row]:
    """Yield what follows from other published figures: gains from the MACs beside them, rates from the rate at v = 1."""
    cited = {row.row: row for row in published.rows}
    for case in _CASES:
        trained = _trained(cited, case)
        dense = cited[f"{case.name}, dense"].values[trained][0]
        for row in published.rows:
            if row.row.startswith(f"{case.name}, ") and "gain" in row.values and not row.row.endswith("dense"):
                gain = dense / row.values[trained][0]
                name = f"{row.row}, gain from its MACs"
                yield Row(row.table, name, "macs", _GAIN, row.values["gain"][0], gain, "derived", row.source)
        if f"{case.name}, processing rate" in cited:
            rate = cited[f"{case.name}, processing rate"]
            for column, size in _columns(cited[f"{case.name}, dense"]).items():
                value, unit = rate.values[column]
                implied = rate.values["v = 1"][0] / size
                yield Row(rate.table, f"{rate.row}, {column}", "time", unit, value, implied, "derived", rate.source)


def _notes(published: PublishedTable, rows: list[Row]) -> tuple[str, ...]:
    """Return what stands behind the rows; published figures that disagree with each other are found, not typed in."""
    disagree = [
        f"{row.row} (printed {row.published:g}, from the others {row.ours:.3g} {row.unit})"
        for row in rows
        if row.status == "derived" and abs(row.deviation_percent or 0.0) > 20.0
    ]
    settings = "; ".join(
        f"{case.name} {', '.join(f'{name} = {value:,.0f} {unit}' for name, (value, unit) in row.values.items())}"
        for case in _CASES
        for row in [published.row(f"{case.name}, settings")]
    )
    return (
        f"settings of training, which windows and gains take from the paper's Table 1: {settings}",
        "published figures that disagree with those beside them, marked and not fitted: " + "; ".join(disagree),
        "missing weights: the paper's networks learn weights, masks and steps that send few differences, and these are not public. "
        "Ours have drawn weights (activations scaled to a root mean square of one), one s for all layers, masks of the largest "
        "weights. They show how the counts move with v, s and density; what training gains beyond, that wider trained networks "
        "need fewer operations, and accuracy cannot be shown",
        "no recording of the data sets is needed: rows are computed on generated recordings of a road, same sizes and windows; "
        "PilotNet sees pictures of the road, grey in three channels, in 8 bits",
        *(_real_note(published, case, rows) for case in _CASES if case.real),
        "SSC does not depend on weights, only on which pixels are active and have changed: ours is computed on the generated "
        "recordings, so that the scene decides; it stays within a factor of two but for N-MNIST at v = 1",
        "a step of v events counts what left the window too; steps after the first, which fills the window, are averaged. Dense "
        "counts take padding taps as the paper does, sparse ones meet none",
        "N-MNIST and Gen1 are reconstructions whose layers were chosen to give the dense count",
    )


def _real_note(published: PublishedTable, case: _Case, rows: list[Row]) -> str:
    """Say what real recordings of a data set give, where they are there; no row depends on them."""
    from seneca_sim.reproduce.event_macs import event_cells

    network = lower(build_published(case.network, {}))
    columns = _columns(published.row(f"{case.name}, dense"))
    window = int(published.row(f"{case.name}, settings").values["tau"][0])
    events = window + _RECORDED_STEPS * max(columns.values())
    found = (
        event_cells(path, events, network.layers[0].shape[1:]) for path in sorted(real_data_folder().glob(case.real))
    )
    recordings = list(itertools.islice((cells for cells in found if len(cells) == events), _RECORDINGS))
    if not recordings:
        return (
            f"real recordings of {case.name} were not there, so that none were run beside the generated ones; "
            "SENECA_SHARED_DATA names the folder of real data"
        )
    sizes = tuple(columns.values())
    counts = np.mean([_recorded_macs(network, cells, window, sizes) for cells in recordings], axis=0)
    generated = {row.row: row.ours for row in rows if row.ours is not None}
    named = [*(f"sigma-delta (ours), s = {step:.3g}" for step in _STEPS), "SSC"]
    shown = "; ".join(
        f"{name}: {_slashed(values)} (generated: {_slashed(generated[f'{case.name}, {name}, {column}'] for column in columns)})"
        for name, values in zip(named, counts, strict=True)
    )
    differences = counts[:-1]
    alike = (np.diff(differences) > 0).all() and (np.diff(differences / sizes) < 0).all()
    return (
        f"real recordings of {case.name}, mean of {len(recordings)}, MACs of a step [{_MACS}] at {' / '.join(columns)} (each event "
        f"by itself, asynchronous, and in batches): {shown}. {'As' if alike else 'Unlike'} on generated recordings, more new "
        "events a step take more operations, but fewer for each event"
    )


def _recorded_macs(
    network: Network, cells: NDArray[np.intp], window: int, sizes: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return multiply-accumulates on one recording [millions]: by differences at each s, then submanifold ones; by `sizes`."""
    from seneca_sim.reproduce.event_macs import drawn, sops, stepped, window_changes

    inputs = [window_changes(cells, network.layers[0].shape, window, size, _RECORDED_STEPS) for size in sizes]
    ours = drawn(network, inputs[0][:1])
    differences = [[sops(stepped(ours, step), maps, 1) / _MILLION for maps in inputs] for step in _STEPS]
    return np.array([*differences, [_submanifold(network, maps) for maps in inputs]])


def _slashed(values: Iterable[float]) -> str:
    """Return numbers in a line.

    >>> _slashed([0.07842, 2.0, 11.05])
    '0.0784 / 2 / 11.1'
    """
    return " / ".join(f"{value:.3g}" for value in values)

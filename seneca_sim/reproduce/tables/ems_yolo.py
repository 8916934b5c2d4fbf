"""EMS-YOLO: parameters, energy efficiency from firing rates by the operation-count formula, and SENECA's energy and latency.

The formula, in the form that is usual for spiking networks in 45 nm: a network without spikes takes 4.6 pJ for each of its N
multiply-accumulates; with spikes each of T steps takes 0.9 pJ x firing rate for each operation whose input is a spike, and 4.6 pJ
for each whose input is not. Efficiency is the first over the second. The supplement prints the efficiency and not the formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seneca_sim.graph.lower import lower
from seneca_sim.graph.network import Layer, Network
from seneca_sim.graph.neurons import Lif
from seneca_sim.graph.published import build_published
from seneca_sim.graph.table import dense_macs, graph_parameters
from seneca_sim.reproduce.citations import PublishedRow, PublishedTable
from seneca_sim.reproduce.rows import Reproduction, Row, Status

if TYPE_CHECKING:
    from seneca_sim.activity.trace import Trace
    from seneca_sim.reproduce.tables import Progress

__all__ = ["Operations", "efficiency", "operations", "reproduce"]

_MAC_PJ, _AC_PJ = 4.6, 0.9
"""Multiply-accumulate and accumulate of 32-bit floats, 45 nm (Horowitz, ISSCC 2014)."""
_NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "SEW-Res18, COCO, 3 steps": ("sew-res18", {}),
    "MS-Res18, COCO, 3 steps": ("ms-res18", {}),
    "EMS-Res18, COCO, 3 steps": ("ems-res18", {}),
    "EMS-Res10, COCO, 1 step": ("ems-res10", {}),
    "EMS-Res18, COCO, 1 step": ("ems-res18", {}),
    "EMS-Res34, COCO, 1 step": ("ems-res34", {}),
    "EMS-Res18, COCO, 3 steps, head on membranes": ("ems-res18", {"last_layer": "membrane"}),
    "EMS-Res18, Gen1, 5 steps, head on membranes": ("ems-res18-gen1", {"last_layer": "membrane"}),
    "EMS-Res18, Gen1, 5 steps, 2 scales": ("ems-res18-gen1", {}),
    "EMS-Res18, Gen1, 5 steps, 4 scales": ("ems-res18-gen1-4scale", {}),
}
_SIDE, _CORES = 96, 192
_CHIPS = ("seneca", "seneca-seed-table")
"""The second for networks with a published efficiency."""


@dataclass(frozen=True, slots=True)
class Operations:
    """Multiply-accumulates of one step of a network."""

    spikes: int
    """Those whose input is a spike or nothing."""
    values: int
    """Those whose input is a number."""
    picture: int
    """Those of `values` whose input is the picture itself."""


def operations(network: Network) -> Operations:
    """Return the multiply-accumulates of a network by what they receive, padding taps counted."""
    spikes = values = picture = 0
    for layer in network.layers:
        for edge in layer.edges:
            source = network.layers[edge.source]
            macs = dense_macs(edge, layer, source)
            spikes += macs * isinstance(source.neuron, Lif)
            values += macs * (not isinstance(source.neuron, Lif))
            picture += macs * source.is_input
    return Operations(spikes, values, picture)


def efficiency(spikes: int, values: int, firing_rate: float, steps: int) -> float:
    """Return the energy of a network without spikes over that of the spiking one, by the operation-count formula.

    >>> round(efficiency(1000, 0, 0.25, 4), 2)
    5.11
    """
    return _MAC_PJ * (spikes + values) / (steps * (_AC_PJ * firing_rate * spikes + _MAC_PJ * values))


def reproduce(published: PublishedTable, progress: Progress | None = None) -> Reproduction:
    """Count parameters and operations, and run the networks with synthetic activity at the published firing rates."""
    rows, notes = [], list(_NOTES)
    for row in published.rows:
        name, options = _NETWORKS[row.row]
        graph = build_published(name, {**options, "time_steps": _steps(row)})
        fitted: Status = "calibrated on these rows" if name.endswith("4scale") else "exact"
        rows.append(row.beside("parameters", graph_parameters(graph) / 1e6, fitted))
        if "firing_rate" in row.values:
            counted = operations(lower(graph))
            rows += _efficiencies(row, counted)
            if "energy" in row.values:
                notes.append(_needed_rate(row, counted))
    fired = [row for row in published.rows if "firing_rate" in row.values]
    for number, row in enumerate(fired):
        if progress is not None:
            progress("EMS-YOLO on SENECA", number, len(fired))
        rows += _on_seneca(row)
    return Reproduction(published.name, published.title, tuple(rows), tuple(notes))


def _steps(row: PublishedRow) -> int:
    return int(row.values["steps"][0])


def _rate(row: PublishedRow) -> float:
    return row.values["firing_rate"][0] / 100


def _efficiencies(row: PublishedRow, counted: Operations) -> list[Row]:
    """Return the efficiency by the formula, and with every operation but the first layer's counted as a spike's."""
    ours = efficiency(counted.spikes, counted.values, _rate(row), _steps(row))
    as_spikes = counted.spikes + counted.values - counted.picture
    other = efficiency(as_spikes, counted.picture, _rate(row), _steps(row))
    source = f"{row.source}; values between blocks counted as spikes"
    unit = "ANN/SNN"
    name = f"{row.row}, shortcuts as spikes"
    return [
        row.beside("energy", ours, "predicted", unit),
        Row(row.table, name, "energy", unit, row.values.get("energy", (None,))[0], other, "predicted", source),
    ]


def _needed_rate(row: PublishedRow, counted: Operations) -> str:
    """Return which firing rate of operations would give a published efficiency."""
    macs = counted.spikes + counted.values
    spiking_pj = _MAC_PJ * macs / (row.values["energy"][0] * _steps(row)) - _MAC_PJ * counted.values
    rate = spiking_pj / (_AC_PJ * counted.spikes)
    found = f"needs {100 * rate:.1f} % of" if rate > 0 else "cannot come about at any rate with"
    return (
        f"{row.row}: {counted.spikes / 1e9:.2f} G operations on spikes and {counted.values / 1e9:.2f} G on values a step; the "
        f"published efficiency {found} these operations on spikes, the published firing rate is {100 * _rate(row):.2f} %"
    )


def _on_seneca(row: PublishedRow) -> list[Row]:
    """Return energy and latency of one picture, at reduced size."""
    name, options = _NETWORKS[row.row]
    steps = _steps(row)
    network = lower(build_published(name, {**options, "time_steps": steps, "size": (_SIDE, _SIDE)}))
    trace = firing_trace(network, _rate(row), steps)
    chips = _CHIPS if "energy" in row.values else _CHIPS[:1]
    return [line for chip in chips for line in _picture(row, network, trace, chip)]


def _picture(row: PublishedRow, network: Network, trace: Trace, chip: str) -> list[Row]:
    """Return energy and latency of one picture on a chip."""
    from seneca_sim.simulation import simulate

    result = simulate(network, activity=trace, chip=chip, goal="balanced", cores=_CORES, noc="mesh", engine="fast")
    name = f"{row.row}, {_SIDE}x{_SIDE} on {chip} (best mapping)"
    source = (
        f"synthetic activity at the firing rate of {row.source}; {result.summary['cores']} cores, engine fast, mesh"
    )
    energy_mj = float(result.summary["energy_uj"]) / 1e3
    latency_ms = float(result.steps["end_us"].iloc[-1]) / 1e3
    return [
        Row(row.table, name, "energy", "mJ/picture", None, energy_mj, "predicted", source),
        Row(row.table, name, "latency", "ms/picture", None, latency_ms, "predicted", source),
    ]


def firing_trace(network: Network, firing_rate: float, steps: int, seed: int = 0) -> Trace:
    """Draw a trace in which every spiking layer fires at one rate and sums between blocks are never zero."""
    from seneca_sim.activity.synthetic import Densities, LayerDensities, synthetic_trace

    density: list[float] = []
    for layer in network.layers:
        density.append(_density(layer, firing_rate, density))
    layers = []
    for layer, share in zip(network.layers, density, strict=True):
        pixels = 1 - (1 - share) ** layer.out_shape[0]
        layers.append(LayerDensities((share, share), (pixels, pixels), "one rate for all spiking layers"))
    densities = Densities(network.name, f"firing rate {100 * firing_rate:.2f} %", steps, 4.0, tuple(layers))
    return synthetic_trace(network, densities, seed=seed)


def _density(layer: Layer, firing_rate: float, before: list[float]) -> float:
    """Return the share of a layer's values that are sent: all of a weighed sum, of a sum of spikes where one of them is."""
    if isinstance(layer.neuron, Lif):
        return firing_rate
    if layer.is_input or any(edge.weight is not None for edge in layer.edges):
        return 1.0
    silent = 1.0
    for edge in layer.edges:
        silent *= 1 - before[edge.source]
    return 1 - silent


_NOTES = (
    "efficiency by the operation-count formula 4.6 N / (T (0.9 r A + 4.6 M)): N multiply-accumulates of the network without "
    "spikes, A of them on spikes at firing rate r, M on values, T steps; 4.6 and 0.9 pJ are a 32-bit multiply-accumulate and "
    "accumulate in 45 nm. The supplement prints efficiencies, not the formula; this is the usual form",
    "one mean firing rate stands for all layers: rates by layer, which weigh the operations, are not published, and this is the "
    "first reason for the deviations; the second is what counts as a value (shortcuts, sums of SEW blocks, first layer in every "
    "step). 5.98 is what 28.5 % would give over three steps were everything a spike; Table 3 prints 28.56 %, for one step",
    f"runs on SENECA: pictures of {_SIDE}x{_SIDE} instead of 640x640 (Gen1: 320x320), so that they take seconds. Every spiking "
    "layer fires at the published mean rate, values between blocks are dense, weights bf16. No efficiency over a network without "
    "spikes on SENECA follows from these rows",
    "accuracy (mAP) is not computed: no weights are public",
)

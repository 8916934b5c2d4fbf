"""EMS-YOLO: parameters, energy efficiency from firing rates by the operation-count formula, and SENECA's energy and latency.

The formula, in the form that is usual for spiking networks in 45 nm: a network without spikes takes 4.6 pJ for each of its N
multiply-accumulates; with spikes each of T steps takes 0.9 pJ x firing rate for each operation whose input is a spike, and 4.6 pJ
for each whose input is not. Efficiency is the first over the second. The supplement prints the efficiency and not the formula.

On SENECA every network with a published firing rate runs one picture of its full size, all steps, on engine `fast` and the mesh.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seneca_sim.chip import load_chip
from seneca_sim.graph.lower import lower
from seneca_sim.graph.network import Layer, Network
from seneca_sim.graph.neurons import Lif
from seneca_sim.graph.published import build_published
from seneca_sim.graph.table import dense_macs, graph_parameters
from seneca_sim.mapping.automatic import automatic_mapping
from seneca_sim.reproduce.citations import PublishedRow, PublishedTable
from seneca_sim.reproduce.rows import Quantity, Reproduction, Row, Status
from seneca_sim.reproduce.side_by_side import gathered

if TYPE_CHECKING:
    from seneca_sim.activity.trace import Trace
    from seneca_sim.report.result import Result
    from seneca_sim.reproduce.tables import Progress

__all__ = [
    "CHIPS",
    "CORES",
    "Operations",
    "counted",
    "efficiency",
    "fired",
    "firing_trace",
    "on_chip",
    "operations",
    "reproduce",
]

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
CORES = 512
"""Most cores of a mapping."""
CHIPS: dict[str, tuple[str, ...]] = {
    "seneca": ("noc.group_bits=14", "noc.routing_entries=16384"),
    "seneca-seed-table": (),
}
"""Presets, and what is set in them: maps of this size need more multicast groups than the 10 bits of `seneca` name."""
_AT_ONCE = 2
"""Most runs at a time: two took up to 6.4 GB."""


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
    rows, notes = counted(published)
    with ThreadPoolExecutor(min(_AT_ONCE, os.cpu_count() or 1)) as pool:
        pending = {
            f"{row.row} on {chip}": pool.submit(on_chip, row, chip) for chip in CHIPS for row in fired(published)
        }
        done = gathered(pending, progress)
    runs = [done[f"{row.row} on {chip}"] for row in fired(published) for chip in CHIPS]
    rows += [row for run, _ in runs for row in run]
    notes += [note for _, note in runs]
    return Reproduction(published.name, published.title, tuple(rows), (*_NOTES, *notes))


def fired(published: PublishedTable) -> list[PublishedRow]:
    """Return the rows with a firing rate: the networks that are run."""
    return [row for row in published.rows if "firing_rate" in row.values]


def counted(published: PublishedTable) -> tuple[list[Row], list[str]]:
    """Return parameters and efficiencies, which need no run, and what is to be said about them."""
    rows, notes = [], []
    for row in published.rows:
        name, options = _NETWORKS[row.row]
        graph = build_published(name, {**options, "time_steps": _steps(row)})
        chosen: Status = "calibrated on these rows" if name.endswith("4scale") else "exact"
        rows.append(row.beside("parameters", graph_parameters(graph) / 1e6, chosen))
        if "firing_rate" in row.values:
            macs = operations(lower(graph))
            rows += _efficiencies(row, macs)
            if "energy" in row.values:
                notes.append(_needed_rate(row, macs))
    return rows, notes


def _steps(row: PublishedRow) -> int:
    return int(row.values["steps"][0])


def _rate(row: PublishedRow) -> float:
    return row.values["firing_rate"][0] / 100


def _efficiencies(row: PublishedRow, macs: Operations) -> list[Row]:
    """Return the efficiency by the formula, and with every operation but the first layer's counted as a spike's."""
    ours = efficiency(macs.spikes, macs.values, _rate(row), _steps(row))
    as_spikes = macs.spikes + macs.values - macs.picture
    other = efficiency(as_spikes, macs.picture, _rate(row), _steps(row))
    source = f"{row.source}; values between blocks counted as spikes"
    unit = "ANN/SNN"
    name = f"{row.row}, shortcuts as spikes"
    return [
        row.beside("energy", ours, "predicted", unit),
        Row(row.table, name, "energy", unit, row.values.get("energy", (None,))[0], other, "predicted", source),
    ]


def _needed_rate(row: PublishedRow, macs: Operations) -> str:
    """Return which firing rate of operations would give a published efficiency."""
    total = macs.spikes + macs.values
    spiking_pj = _MAC_PJ * total / (row.values["energy"][0] * _steps(row)) - _MAC_PJ * macs.values
    rate = spiking_pj / (_AC_PJ * macs.spikes)
    found = f"needs {100 * rate:.1f} % of" if rate > 0 else "cannot come about at any rate with"
    return (
        f"{row.row}: {macs.spikes / 1e9:.2f} G operations on spikes and {macs.values / 1e9:.2f} G on values a step; the "
        f"published efficiency {found} these operations on spikes, the published firing rate is {100 * _rate(row):.2f} %"
    )


def on_chip(row: PublishedRow, chip: str) -> tuple[list[Row], str]:
    """Return energy, latency and cores of one picture on a chip, and a note: what the closed form says and what bounds the run."""
    from seneca_sim.simulation import simulate

    name, options = _NETWORKS[row.row]
    network = lower(build_published(name, {**options, "time_steps": _steps(row)}))
    trace = firing_trace(network, _rate(row), _steps(row))
    loaded = load_chip(chip, CHIPS[chip])
    mapping = automatic_mapping(network, loaded, goal="balanced", cores=CORES, trace=trace)
    run, guess = (
        simulate(network, activity=trace, chip=loaded, mapping=mapping, noc="mesh", engine=engine)
        for engine in ("fast", "estimate")
    )
    rows = list(_picture(row, _size(network), chip, run))
    off = _latency_ms(guess) / _latency_ms(run) - 1
    note = f"{row.row}, on {chip}: estimate {_latency_ms(guess):,.1f} ms ({off:+.0%}); {run.summary['verdict']}"
    return rows, note


def _size(network: Network) -> str:
    """Return columns and rows of the picture."""
    _, rows, columns = network.layers[0].shape
    return f"{columns}x{rows}"


def _latency_ms(run: Result) -> float:
    """Return when the last step of a picture has ended, its first event entering at 0 [ms]."""
    return float(run.steps["end_us"].iloc[-1]) / 1e3


def _picture(row: PublishedRow, size: str, chip: str, run: Result) -> Iterator[Row]:
    """Yield the figures of a run."""
    figures: list[tuple[Quantity, str, float]] = [
        ("energy", "mJ/picture", float(run.summary["energy_uj"]) / 1e3),
        ("latency", "ms/picture", _latency_ms(run)),
        ("cores", "cores", float(run.summary["cores"])),
    ]
    source = f"synthetic activity at the firing rate of {row.source}; goal balanced, engine fast, mesh"
    for quantity, unit, value in figures:
        name = f"{row.row}, {size} on {chip} (best mapping)"
        yield Row(row.table, name, quantity, unit, None, value, "predicted", source)


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
    f"runs on SENECA: pictures of full size, 640x640 (Gen1: 320x320), all steps of a picture, on at most {CORES} cores. Every "
    "spiking layer fires at the published mean rate, values between blocks are dense, weights bf16; no efficiency over a network "
    "without spikes on SENECA follows from these rows",
    "energy on SENECA: counted work at the prices of the preset, with RISC-V, network and leakage on seneca and of the lanes' "
    "programs alone on seneca-seed-table. Latency: from the first event of a picture to the end of its last step; on seneca a "
    "step begins while the one before is under way, on seneca-seed-table when it has ended. The presets are the two readings of "
    "what is published and contradict each other; neither energy nor latency has a published value beside it",
    "chip seneca names more multicast groups than its preset (noc.group_bits=14, noc.routing_entries=16384, as in "
    "seed-hardware): with 10 bits maps of this size are cut into few strips",
    "on chip seneca runs take up to more than 4 times as long as the closed form says: its FIFOs are shallow, so layers wait for "
    "each other. Their depths are assumed, not published; with 512 tasks, 8192 values and 128 flits EMS-Res10 takes less than half "
    "as long. Mappings are chosen by the closed form and are not the last word: EMS-Res10 is nearly twice as fast on seneca when "
    "mapped as for seneca-seed-table; EMS-Res34, SEW-Res18 and Gen1 at 2 scales are slower",
    "accuracy (mAP) is not computed: no weights are public",
)

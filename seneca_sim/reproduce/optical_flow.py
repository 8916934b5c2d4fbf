"""FireNet as it ran on SENECA (Xu et al. 2025; posters NCN 2024): one layer on a core, an inference at a time.

The published timeline shows the recurrent convolutions as phases of their own (13.24 and 16.51 ms), and every core
starting 0.1 to 2 ms after the one before it. So an inference is read as two phases: the layers work through the map
as a pipeline; a recurrent layer that has fired its whole map then takes in its own values for the next step, and the
inference ends with the last of these phases. The simulator replays recurrent values when the next step arrives
instead, in between its events (`engine/timing.md` 8). Its first step has no values to replay and is the pipeline
alone; the second one's replay and recurrent events are the work of the phases. RISC-V alone bounds them, so the sum
of its jobs is their duration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from seneca_sim.activity.synthetic import Densities, load_densities, synthetic_trace
from seneca_sim.engine.counts import INLET_COUNTERS, PART_COUNTERS
from seneca_sim.graph import load_network
from seneca_sim.graph.network import Network
from seneca_sim.mapping.provision import provision_rows
from seneca_sim.mapping.types import Mapping, Part
from seneca_sim.request import Engine
from seneca_sim.shipped import shipped_folder

if TYPE_CHECKING:
    from seneca_sim.report.result import Result

__all__ = ["Flow", "Inference", "simulate_flow"]

Flow = Literal["firenet-snn", "firenet-ann"]
_CHIP_COLUMNS, _CHIP_ROWS = 4, 2
_FIRST, _SECOND = 0, 1


@dataclass(frozen=True, slots=True)
class Inference:
    """One inference, read as phases."""

    time_ms: float
    """Until the last phase has ended."""
    energy_uj: float
    recurrent_ms: dict[str, float]
    """Duration of the phase of each recurrent layer."""
    busy_ms: float
    """Sum over the cores, from their first job to the end of their last phase."""
    starts_ms: tuple[float, ...]
    """Of the cores, from the release of the inputs."""
    replayed_ms: float
    """Latency of the second step as simulated, recurrent values replayed between its events."""
    result: Result


def simulate_flow(
    name: Flow,
    side: int = 56,
    overrides: Sequence[str] = (),
    engine: Engine = "fast",
    mean_pixel_density: float | None = None,
) -> Inference:
    """Run two steps on the preset `seneca`, with other constants of the chip if they are given.

    With a mean of the pixel densities over the seven convolutions, those of the activity file are raised or lowered to it.
    """
    from seneca_sim.simulation import simulate

    network = load_network(name, size=(side, side))
    densities = load_densities(shipped_folder("models") / "activities" / f"{name}.yaml", network)
    if mean_pixel_density is not None:
        densities = _with_mean(densities, mean_pixel_density)
    result = simulate(
        network,
        activity=synthetic_trace(network, densities),
        mapping=_one_layer_a_core(network),
        set=["flow.pipelined=false", *overrides],
        engine=engine,
    )
    return _phases(network, result)


def _with_mean(densities: Densities, mean: float) -> Densities:
    """Return densities whose pixels average to another mean over the convolutions; neurons are as they were."""
    first, *convolutions, flow = densities.layers
    found = float(np.mean([layer.pixel_density for layer in convolutions]))
    changed = [
        replace(layer, pixel_density=(mean / found * layer.pixel_density[0], mean / found * layer.pixel_density[1]))
        for layer in convolutions
    ]
    return replace(densities, layers=(first, *changed, flow))


def _one_layer_a_core(network: Network) -> Mapping:
    """Return the published mapping, cores placed in the order of layers along a bent row."""
    whole = [
        Part(k, k - 1, (0, layer.shape[0]), (0, layer.shape[1]), (0, layer.shape[2]), 0)
        for k, layer in enumerate(network.layers)
        if k
    ]
    rows = provision_rows(network, whole)
    parts = tuple(replace(part, state_rows=n) for part, n in zip(whole, rows, strict=True))
    last = _CHIP_COLUMNS * _CHIP_ROWS - 1
    places = tuple((k if k < _CHIP_COLUMNS else last - k, k // _CHIP_COLUMNS) for k in range(len(parts)))
    return Mapping(network.name, parts, (_CHIP_COLUMNS, _CHIP_ROWS), places)


def _phases(network: Network, result: Result) -> Inference:
    """Put the two phases of an inference together from two simulated steps."""
    counts = result.record.counts
    cycles_per_ms = 1000 * result.record.chip.clock_mhz.value
    times = counts.part_times / cycles_per_ms
    starts, ends = times[_FIRST, :, 0], times[_FIRST, :, 2].copy()
    recurrent = {}
    for part, cycles in _recurrent_cycles(network, result).items():
        recurrent[network.layers[part + 1].name] = cycles / cycles_per_ms
        ends[part] += cycles / cycles_per_ms
    step = result.steps.iloc[_SECOND]
    static_uw = result.record.chip.prices.static_uw_per_core.value * len(starts)
    waiting_ms = float(ends.max()) - float(step.latency_us) / 1000
    return Inference(
        time_ms=float(ends.max()),
        energy_uj=float(step.energy_uj) + static_uw * waiting_ms / 1000,
        recurrent_ms=recurrent,
        busy_ms=float((ends - starts).sum()),
        starts_ms=tuple(float(start) for start in starts),
        replayed_ms=float(step.latency_us) / 1000,
        result=result,
    )


def _recurrent_cycles(network: Network, result: Result) -> dict[int, int]:
    """Return the RISC-V cycles that recurrent values take in the second step: their replay, and their integration."""
    counts, per_part = result.record.counts, PART_COUNTERS.index("rv_cycles")
    of_edge = INLET_COUNTERS.index("rv_cycles")
    edges = [(part, edge) for part, layer in enumerate(network.layers[1:]) for edge in layer.edges]
    cycles: dict[int, int] = {}
    for inlet, (part, edge) in enumerate(edges):
        if edge.delay:
            replay = np.diff(counts.parts[: _SECOND + 1, part, per_part])
            cycles[part] = int(replay.sum() + counts.inlets[_SECOND, inlet, of_edge])
    return cycles

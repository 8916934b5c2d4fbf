"""One frame of a detector on a chip, in the steady state: drawn from densities, mapped, run, and read off.

Of the step before, it has what recurrent layers hold of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from seneca_sim.chip import Chip
from seneca_sim.engine.counts import INLET_COUNTERS, PART_COUNTERS
from seneca_sim.graph.network import Network, Precision
from seneca_sim.graph.neurons import is_cell
from seneca_sim.mapping.memory import weight_owners
from seneca_sim.mapping.types import Mapping
from seneca_sim.reproduce.admissible import Loads

if TYPE_CHECKING:
    from seneca_sim.activity.synthetic import Densities
    from seneca_sim.activity.trace import Trace
    from seneca_sim.report.result import Result
    from seneca_sim.request import Engine

__all__ = ["Frame", "FrameRun", "memory_bits", "prepared_frame", "run_frame"]

WORD_BITS = 16


@dataclass(frozen=True, slots=True)
class Frame:
    """What is run: a network and what its layers send."""

    network: Network
    trace: Trace
    """One step; recurrent layers hold the step before."""

    @property
    def gsop(self) -> float:
        """Synaptic operations [10^9]."""
        return float(self.trace.sops.sum()) / 1e9


def prepared_frame(network: Network, densities: Densities) -> Frame:
    """Draw the activity of a frame."""
    from seneca_sim.activity.excerpt import excerpt
    from seneca_sim.activity.synthetic import synthetic_trace

    return Frame(network, excerpt(network, synthetic_trace(network, densities, steps=2), 1))


@dataclass(frozen=True, slots=True)
class FrameRun:
    """A frame that was run on a chip."""

    frame: Frame
    chip: Chip
    mapping: Mapping
    result: Result

    @property
    def latency_ms(self) -> float:
        """Latency [ms]."""
        return float(self.result.summary["latency_us"]) / 1e3

    @property
    def energy_mj(self) -> float:
        """Energy [mJ]."""
        return float(self.result.summary["energy_uj"]) / 1e3

    def idle_lanes_mj(self) -> float:
        """Return the energy of lanes that idle in incomplete chunks of integration [mJ]."""
        from seneca_sim.chip.prices import price_table
        from seneca_sim.chip.programs import integrate_program

        prices, network = price_table(self.chip), self.frame.network
        idle_pj = 0.0
        inlets = iter(self.result.record.counts.inlets[0].tolist())
        for part in self.mapping.parts:
            layer = network.layers[part.layer]
            for edge in layer.edges:
                values = dict(zip(INLET_COUNTERS, next(inlets), strict=True))
                types = Precision(
                    layer.precision.weight, layer.precision.state, network.layers[edge.source].precision.event
                )
                group = self.chip.core.grouping.size.value
                program = integrate_program(self.chip, types, group, weighted=edge.weight is not None)
                lanes = values["chunks"] - values["sops"] / program.neurons_per_chunk
                idle_pj += lanes * sum(prices.program_pj(program).values())
        return idle_pj / 1e9

    def lanes(self, densities: Sequence[float]) -> Loads:
        """Return what the lanes of each core do, split by the layers that it receives, which sent with these densities."""
        layers, counts = self.frame.network.layers, self.result.record.counts
        base = np.zeros(len(self.mapping.place))
        rates = np.zeros((len(base), len(layers)))
        fired = counts.parts[0, :, PART_COUNTERS.index("lc_cycles")].tolist()
        received = iter(counts.inlets[0, :, INLET_COUNTERS.index("lc_cycles")].tolist())
        for part, cycles in zip(self.mapping.parts, fired, strict=True):
            base[part.core] += cycles
            for edge in layers[part.layer].edges:
                work = next(received)
                rates[part.core, edge.source] += work / densities[edge.source] if work else 0.0
        return Loads(base, rates)

    def on_core(self, core: int) -> str:
        """Return the layers on a core."""
        parts = (part for part in self.mapping.parts if part.core == core)
        return ", ".join(dict.fromkeys(self.frame.network.layers[part.layer].name for part in parts))


def run_frame(frame: Frame, chip: Chip, mapping: Mapping, engine: Engine = "fast") -> FrameRun:
    """Run a frame on the mesh."""
    from seneca_sim.simulation import simulate

    result = simulate(frame.network, activity=frame.trace, chip=chip, mapping=mapping, engine=engine, noc="mesh")
    return FrameRun(frame, chip, mapping, result)


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

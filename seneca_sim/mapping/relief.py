"""What a mapping is bound by: load and memory of each core, the busiest one, a lower bound, and what would relieve it.

Loads are those that the automatic mapper balances (`cost.py`): cycles per time step, without waiting and filling of pipelines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import Chip
from seneca_sim.graph.network import Network
from seneca_sim.mapping.cost import LayerCost, layer_cost
from seneca_sim.mapping.geometry import AxisName
from seneca_sim.mapping.memory import core_memory
from seneca_sim.mapping.splits import channel_choices
from seneca_sim.mapping.strips import COUNTS, strip_ranges
from seneca_sim.mapping.types import Mapping, Part
from seneca_sim.units import counted

__all__ = ["CoreLoad", "LayerLoad", "MappingReport", "Relief", "mapping_report"]

SHOWN = 5
"""Cores that the text shows."""
NEAR = 0.98
"""Parts with this share of the largest load keep it up as well: all of their layers must be relieved."""


@dataclass(frozen=True, slots=True)
class CoreLoad:
    """One core."""

    core: int
    cycles: float
    """Per time step."""
    bits: int
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LayerLoad:
    """How a layer is cut, and its heaviest part."""

    layer: str
    parts: int
    channels: int
    """Ranges."""
    rows: int
    columns: int
    cycles: float
    """Of the busiest core that has a part of the layer, of all its layers."""
    own_cycles: float
    """Of the heaviest part alone."""


@dataclass(frozen=True, slots=True)
class Relief:
    """A finer cut of a layer that keeps the largest load up, alone on its cores."""

    layer: str
    axis: Literal["channels", "columns", "rows", "cores of their own"]
    ranges: int
    more_cores: int
    cycles: float
    """Of the heaviest part after it."""


@dataclass(frozen=True, slots=True)
class MappingReport:
    """Load and memory of a mapping."""

    network: str
    clock_mhz: float
    limit_bits: int
    """Data memory of a core."""
    cores: tuple[CoreLoad, ...]
    layers: tuple[LayerLoad, ...]
    bound_cycles: float
    """No mapping of these cores has a smaller largest load: all work, uncut, spread evenly."""
    bound_by: Literal["compute", "memory"]
    """memory: cores that are full and little busy take more than half of the mesh; compute: otherwise."""
    reliefs: tuple[Relief, ...]

    @property
    def busiest(self) -> CoreLoad:
        """The core with the largest load."""
        return max(self.cores, key=lambda core: core.cycles)

    @property
    def gap(self) -> float:
        """Largest load over its lower bound, less one."""
        return self.busiest.cycles / self.bound_cycles - 1 if self.bound_cycles else 0.0

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        return {**asdict(self), "busiest_core": self.busiest.core, "gap": self.gap}

    def text(self) -> str:
        """Return tables of layers and of the busiest cores, the bottleneck, and what would relieve it."""
        lines = [f"{'layer':24s} {'parts':>5s} {'ch x rows x cols':>16s} {'cycles':>14s} {'own part':>14s}"]
        for each in self.layers:
            cut = f"{each.channels} x {each.rows} x {each.columns}"
            lines.append(f"{each.layer:24s} {each.parts:5d} {cut:>16s} {each.cycles:14,.0f} {each.own_cycles:14,.0f}")
        lines.append(f"{'core':>5s} {'cycles':>14s} {'memory':>7s}  layers")
        for core in sorted(self.cores, key=lambda each: (-each.cycles, each.core))[:SHOWN]:
            share = core.bits / self.limit_bits
            lines.append(f"{core.core:5d} {core.cycles:14,.0f} {share:7.0%}  {', '.join(core.layers)}")
        busiest = self.busiest
        lines.append(
            f"bottleneck: core {busiest.core} ({', '.join(busiest.layers)}), {busiest.cycles:,.0f} cycles a step = "
            f"{busiest.cycles / self.clock_mhz / 1e3:.3f} ms; {self.gap:.0%} above the bound of {self.bound_cycles:,.0f} for "
            f"{counted(len(self.cores), 'core')}; {self.bound_by}-bound"
        )
        for relief in self.reliefs:
            cut = "on" if relief.axis == "cores of their own" else f"in {relief.ranges} ranges of"
            lines.append(
                f"relief: {relief.layer} {cut} {relief.axis}: {counted(relief.more_cores, 'more core')}, "
                f"{relief.cycles:,.0f} cycles a part ({relief.cycles / busiest.cycles - 1:+.0%})"
            )
        if not self.reliefs:
            lines.append(
                "relief: none by a finer cut of channels, columns or rows; cores that do the same in fewer cycles"
            )
        return "\n".join(lines)


def mapping_report(network: Network, chip: Chip, mapping: Mapping, trace: Trace | None = None) -> MappingReport:
    """Return what a mapping is bound by, for the activity of a trace, or for dense maps without one."""
    costs = _Costs(network, chip, trace)
    loads = np.asarray([costs.of(part) for part in mapping.parts])
    used = sorted({part.core for part in mapping.parts})
    busy = np.zeros(len(mapping.place))
    np.add.at(busy, [part.core for part in mapping.parts], loads)
    bits = core_memory(network, chip, mapping).cores.sum(axis=1)
    limit = chip.core.data_memory_bits.value
    names = {
        core: tuple(dict.fromkeys(network.layers[part.layer].name for part in mapping.parts if part.core == core))
        for core in used
    }
    full = [core for core in used if bits[core] > limit / 2 and busy[core] < busy.max() / 2]
    return MappingReport(
        network=network.name,
        clock_mhz=float(chip.clock_mhz.value),
        limit_bits=limit,
        cores=tuple(CoreLoad(core, float(busy[core]), int(bits[core]), names[core]) for core in used),
        layers=tuple(_layer_load(network, mapping, number, loads, busy) for number in costs.numbers),
        bound_cycles=costs.total() / len(used),
        bound_by="memory" if len(full) > len(used) / 2 else "compute",
        reliefs=tuple(_reliefs(network, mapping, costs, loads, busy)),
    )


class _Costs:
    """Loads of parts of a network."""

    def __init__(self, network: Network, chip: Chip, trace: Trace | None):
        self.numbers = [number for number, layer in enumerate(network.layers) if not layer.is_input]
        self._network, self._chip, self._trace = network, chip, trace
        self._known: dict[tuple[int, AxisName], LayerCost] = {}

    def along(self, number: int, axis: AxisName) -> LayerCost:
        """Return the loads of a layer along an axis."""
        key = (number, axis)
        if key not in self._known:
            self._known[key] = layer_cost(self._network, self._chip, number, self._trace, None, axis)
        return self._known[key]

    def of(self, part: Part) -> float:
        """Return the load of a part; of one cut along both axes, its columns' load times its share of rows."""
        rows = self._network.layers[part.layer].out_shape[1]
        whole = part.columns == (0, self._network.layers[part.layer].out_shape[2])
        axis: AxisName = "rows" if whole else "columns"
        start, end = part.rows if whole else part.columns
        channels = part.channels[1] - part.channels[0]
        load = self.along(part.layer, axis).cycles_of(channels, np.asarray([start]), np.asarray([end - 1]))
        return float(load[0]) * (1.0 if whole else (part.rows[1] - part.rows[0]) / rows)

    def total(self) -> float:
        """Return the load of all layers, uncut."""
        whole = (self.along(number, "rows") for number in self.numbers)
        return sum(
            float(cost.cycles_of(cost.channels, np.asarray([0]), np.asarray([cost.rows - 1]))[0]) for cost in whole
        )


def _layer_load(
    network: Network, mapping: Mapping, number: int, loads: np.ndarray[Any, Any], busy: np.ndarray[Any, Any]
) -> LayerLoad:
    """Return how a layer is cut."""
    of_layer = [index for index, part in enumerate(mapping.parts) if part.layer == number]
    parts = [mapping.parts[index] for index in of_layer]
    return LayerLoad(
        network.layers[number].name,
        len(parts),
        len({part.channels for part in parts}),
        len({part.rows for part in parts}),
        len({part.columns for part in parts}),
        max(float(busy[part.core]) for part in parts),
        max(float(loads[index]) for index in of_layer),
    )


def _reliefs(
    network: Network, mapping: Mapping, costs: _Costs, loads: np.ndarray[Any, Any], busy: np.ndarray[Any, Any]
) -> list[Relief]:
    """Return for every layer with a part on a core of about the largest load the next finer cut along each axis.

    Layers that are less than half of the load are left out, unless none is more.
    """
    found: list[Relief] = []
    near = [index for index, part in enumerate(mapping.parts) if busy[part.core] >= NEAR * busy.max()]
    least = min(0.5 * busy.max(), max(loads[index] for index in near))
    for number in costs.numbers:
        indices = [index for index, part in enumerate(mapping.parts) if part.layer == number]
        hot = [index for index in indices if busy[mapping.parts[index].core] >= NEAR * busy.max()]
        if not hot or max(loads[index] for index in hot) < least:
            continue
        parts = [mapping.parts[index] for index in indices]
        heaviest = max(float(loads[index]) for index in indices)
        name = network.layers[number].name
        if heaviest < NEAR * busy.max():
            found.append(Relief(name, "cores of their own", len(parts), len(hot), heaviest))
        if all(part.rows == (0, network.layers[number].out_shape[1]) for part in parts):
            found += _finer(name, costs.along(number, "columns"), parts, heaviest)
        elif all(part.columns == (0, network.layers[number].out_shape[2]) for part in parts):
            found += _finer_rows(name, costs.along(number, "rows"), parts, heaviest)
    return found


def _finer(name: str, cost: LayerCost, parts: Sequence[Part], heaviest: float) -> list[Relief]:
    """Return the next cuts of channels and of columns that lower the load of a layer's heaviest part."""
    channels, columns = len({part.channels for part in parts}), len({part.columns for part in parts})
    options: list[Relief] = []
    for choice in channel_choices(cost.channels, cost.chunk):
        after = _heaviest(cost, choice, columns) if len(choice) > channels else heaviest
        if after < NEAR * heaviest:
            options.append(Relief(name, "channels", len(choice), len(choice) * columns - len(parts), after))
            break
    for count in COUNTS:
        after = _heaviest(cost, [part.channels for part in parts], count)
        if columns < count <= cost.rows and count % columns == 0 and after < NEAR * heaviest:
            options.append(Relief(name, "columns", count, count * channels - len(parts), after))
            break
    return options


def _finer_rows(name: str, cost: LayerCost, parts: Sequence[Part], heaviest: float) -> list[Relief]:
    """Return the next cut of rows that lowers the load of a layer's heaviest part."""
    channels, rows = len({part.channels for part in parts}), len({part.rows for part in parts})
    for count in range(rows + 1, cost.rows + 1):
        after = _heaviest(cost, [part.channels for part in parts], count)
        if after < NEAR * heaviest:
            return [Relief(name, "rows", count, count * channels - len(parts), after)]
    return []


def _heaviest(cost: LayerCost, channels: Sequence[tuple[int, int]], count: int) -> float:
    """Return the load of the heaviest part of ranges of channels times even ranges along the axis of a cost."""
    first, end = np.asarray(strip_ranges(cost.rows, count), dtype=np.int64).T
    return float(cost.cycles_of(max(b - a for a, b in channels), first, end - 1).max())

"""One rating for every allocation: strips and ranges of rows, parts on cores of their own or several on a core.

A rating is the latency of a step by the row pipeline (`pipeline.py`), from loads with the packets that these very cuts cause, plus
what layers wait for each other because bursts of rows do not fit their event FIFOs. Where steps overlap, or layers wait for whole
maps, it is the pace instead of the latency: the largest load of a core, or that of ranges of rows that are served in turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import Chip
from seneca_sim.graph.network import Network
from seneca_sim.mapping.balance import Allocation
from seneca_sim.mapping.cost import Cuts, LayerCost, layer_cost, sent_values
from seneca_sim.mapping.geometry import AxisName, Span, output_range
from seneca_sim.mapping.pipeline import Range, RowPipeline, SharedCores, row_pipeline, row_shares
from seneca_sim.mapping.splits import Split
from seneca_sim.mapping.strips import Bursts, bursts

__all__ = ["Rater", "channel_cuts"]

Real = NDArray[np.floating[Any]]
Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What an allocation makes of a layer."""

    split: Split
    cores: Index
    """(ranges of rows or strips, ranges of channels)"""
    cycles: Real
    """(ranges of rows or strips,) load of each part [cycles per step]."""
    flow: Bursts

    @property
    def strips(self) -> int:
        """Number of strips."""
        return len(self.cycles) if self.split.axis == "columns" else 1

    @property
    def widest(self) -> int:
        """Channels of the largest range of them."""
        return max(end - start for start, end in self.split.channels)

    def ranges(self) -> dict[Range, slice]:
        """Return the rows of `cores` of each range of rows: strips are all of one range."""
        number = self.split.layer
        if self.split.axis == "columns":
            return {(number, 0): slice(None)}
        return {(number, row): slice(row, row + 1) for row in range(len(self.cycles))}

    def on_cores(self, here: slice) -> tuple[Index, Real]:
        """Return the cores of a range, each once, and the load of the range on them."""
        cores, which = np.unique(self.cores[here], return_inverse=True)
        loads = np.broadcast_to(self.cycles[here, None], self.cores[here].shape)
        return cores, np.asarray(np.bincount(which.ravel(), loads.ravel()), dtype=np.float64)

    def sharing(self, busy: Real) -> _Work:
        """Return the same with as much of its input FIFOs as it has of the load of its cores; the rest holds what else comes."""
        own = np.broadcast_to(self.cycles[:, None], self.cores.shape)
        shares = np.divide(own, busy[self.cores], out=np.ones(own.shape), where=busy[self.cores] > 0)
        share = min(1.0, float(shares.min()))
        return replace(self, flow=replace(self.flow, input_fifo=share * self.flow.input_fifo))


class Rater:
    """Rates allocations of a network; lower is better."""

    def __init__(
        self, network: Network, chip: Chip, trace: Trace | None, state_rows: Mapping[int, int], *, by_pace: bool = False
    ):
        self._network = network
        self._chip = chip
        self._trace = trace
        self._state_rows = state_rows
        self._by_pace = by_pace
        self._costs: dict[tuple[int, AxisName, tuple[tuple[int, ...], ...]], LayerCost] = {}
        self._flows: dict[tuple[int, tuple[tuple[int, ...], ...]], Bursts] = {}
        self._pipelines: dict[tuple[tuple[Span, ...], ...], RowPipeline] = {}
        numbers = [number for number, layer in enumerate(network.layers) if not layer.is_input]
        self._shares = {number: row_shares(self._cost(number, "rows", {})) for number in numbers}

    def rating(self, allocation: Allocation) -> float:
        """Return the rating of an allocation [cycles per step]."""
        work = self._work(allocation)
        parts = {part: layer.on_cores(here) for layer in work.values() for part, here in layer.ranges().items()}
        busy = np.zeros(max(allocation.cores) + 1)
        for cores, cycles in parts.values():
            busy[cores] += cycles
        work = {number: layer.sharing(busy) for number, layer in work.items()}
        loads = {part: self._load(work, part, float(cycles.max())) for part, (_, cycles) in parts.items()}
        held = {part: work[part[0]].flow.held(len(work[part[0]].ranges())) for part in parts}
        pipeline = self.pipeline({split.layer: split.rows for split in allocation.splits if _by_rows(split)})
        waits = sum(self._wait(layer) for layer in work.values())
        if self._by_pace:
            return max(float(busy.max()), *loads.values(), *_in_turn(pipeline, loads, held)) + waits
        each = {part: np.asarray([load]) for part, load in loads.items()}
        strips = {number: np.asarray([float(layer.strips)]) for number, layer in work.items()}
        if sum(len(cores) for cores, _ in parts.values()) == allocation.n_cores:
            return float(pipeline.latency(each, strips, held)[0]) + waits
        return pipeline.shared_latency(each, strips, held, SharedCores(parts, len(busy))) + waits

    def pipeline(self, ranges: Mapping[int, tuple[Span, ...]]) -> RowPipeline:
        """Return the row pipeline of layers of which some are cut into ranges of rows."""
        key = tuple(ranges.get(number, ()) for number in self._shares)
        if key not in self._pipelines:
            self._pipelines[key] = row_pipeline(self._network, self._state_rows, self._shares, ranges)
        return self._pipelines[key]

    def _load(self, work: Mapping[int, _Work], part: Range, busiest: float) -> float:
        """Return the load of a range, of which a core has at most `busiest`, with what strips served in turn cost."""
        layer = work[part[0]]
        edges = self._network.layers[part[0]].edges
        above = max((edge.source for edge in edges if not edge.delay and edge.source in work), default=None)
        strips = 1 if above is None else work[above].strips
        slowing = layer.flow.slowing(np.asarray(layer.strips), np.asarray(strips))
        return max(busiest, float(slowing) * float(layer.cycles[layer.ranges()[part]].max()))

    def _wait(self, layer: _Work) -> float:
        """Return what a layer and its consumers wait for each other [cycles per step]."""
        share = layer.widest / self._network.layers[layer.split.layer].shape[0] / layer.strips
        return float(layer.cycles.max()) * float(layer.flow.waiting(np.asarray(share)))

    def _work(self, allocation: Allocation) -> dict[int, _Work]:
        """Return what each layer comes to."""
        cuts, first, work = channel_cuts(allocation), 0, {}
        for split in allocation.splits:
            cores = np.asarray(allocation.cores[first : first + split.n_parts], dtype=np.int64)
            work[split.layer] = self._of_layer(split, cores.reshape(len(split.rows), -1), cuts)
            first += split.n_parts
        return work

    def _of_layer(self, split: Split, cores: Index, cuts: Cuts) -> _Work:
        """Return what a layer comes to; whole maps are looked at as one strip."""
        if not _by_rows(split):
            whole = output_range(self._network.layers[split.layer], "columns")
            split = replace(split, axis="columns", rows=split.rows if split.axis == "columns" else (whole,))
        first, end = np.asarray(split.rows, dtype=np.int64).T
        widest = max(end - start for start, end in split.channels)
        cycles = self._cost(split.layer, split.axis, cuts).cycles_of(widest, first, end - 1)
        return _Work(split, cores, cycles, self._flow(split.layer, cuts))

    def _cost(self, number: int, axis: AxisName, cuts: Cuts) -> LayerCost:
        """Return the loads of a layer for cuts of what feeds it."""
        key = number, axis, self._of_sources(number, cuts)
        if key not in self._costs:
            self._costs[key] = layer_cost(self._network, self._chip, number, self._trace, cuts, axis)
        return self._costs[key]

    def _flow(self, number: int, cuts: Cuts) -> Bursts:
        """Return how a layer meets its FIFOs for cuts of what feeds it."""
        key = number, self._of_sources(number, cuts)
        if key not in self._flows:
            edges = self._network.layers[number].edges
            sources = {edge.source: cuts.get(edge.source, ()) for edge in edges} | {number: ()}
            sent = {
                source: sent_values(self._network, source, self._trace, channels)
                for source, channels in sources.items()
            }
            self._flows[key] = bursts(self._network, self._chip, number, sent)
        return self._flows[key]

    def _of_sources(self, number: int, cuts: Cuts) -> tuple[tuple[int, ...], ...]:
        return tuple(cuts.get(edge.source, ()) for edge in self._network.layers[number].edges)


def channel_cuts(allocation: Allocation) -> Cuts:
    """Return the channels before which layers are cut."""
    return {split.layer: tuple(start for start, _ in split.channels[1:]) for split in allocation.splits}


def _by_rows(split: Split) -> bool:
    return split.axis == "rows" and len(split.rows) > 1


def _in_turn(pipeline: RowPipeline, loads: Mapping[Range, float], held: Mapping[Range, float]) -> list[float]:
    """Return how long ranges that are served in turn take, step after step: all of them but what their input FIFOs hold."""
    found: list[float] = []
    for part, load in loads.items():
        before = found[-1] if pipeline.in_turn(part) else 0.0
        found.append(before + (1.0 - held[part]) * load)
    return found

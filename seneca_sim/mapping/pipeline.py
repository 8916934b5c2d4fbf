"""Latency of a step through a depth-first pipeline, row by row: of many cuts of a network's layers at once, or of one allocation.

Each layer takes in what its output rows need, in order, at the pace of its heaviest part, and sends a row when all consumers have
granted it (`engine/timing.md` 3 and 4). Three things beyond the largest load follow: the first rows that later layers wait for, the
last rows that they have left when earlier layers are done, and layers that are busy with different rows at different times
(activity is seldom even over the rows) and lend each other no more than their state rows. Recurrent edges, whose rows are at hand,
and the network are left out. A step is looked at alone.

A layer may be cut into ranges of rows, each on cores of its own, which begin when their own first rows come. Rows come in raster
order: ranges served by one range of a producer are served in turn, the next one when the one before has taken in all but what its
input FIFOs hold. On cores with several layers rows are worked on in the order in which they would end on cores of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.mapping.cost import LayerCost
from seneca_sim.mapping.geometry import Span, edge_axis, input_range, neuron_range, output_range, windows

__all__ = ["Range", "RowPipeline", "SharedCores", "row_pipeline", "row_shares"]

Real = NDArray[np.floating[Any]]
Index = NDArray[np.int64]
Need = tuple[int, int, int]
"""(layer, first row, last row) that a row waits for; the first is that with which the work on it begins."""
Row = tuple[int, int]
"""(layer, output row)"""
Range = tuple[int, int]
"""(layer, number of its range of rows)"""

LEAST_SHARE = 1e-12
"""Share of a layer's load below which a range of rows has nothing to do."""


@dataclass(frozen=True, slots=True, eq=False)
class SharedCores:
    """What the cores of an allocation have of each range, and until when they are busy."""

    parts: Mapping[Range, tuple[Index, Real]]
    """Cores, each once, and the load of the range on them [cycles per step]."""
    busy: Real
    """(cores,) [cycles]"""

    def worked(self, part: Range, share: float, start: float) -> float:
        """Work on a share of a range as soon as its cores are free; return when the last of them has done so."""
        cores, loads = self.parts[part]
        self.busy[cores] = np.maximum(self.busy[cores], start) + share * loads
        return float(self.busy[cores].max())


@dataclass(frozen=True, slots=True, eq=False)
class RowPipeline:
    """Rows of all layers in an order in which each comes after all that it waits for."""

    order: tuple[Row, ...]
    needs: Mapping[Row, tuple[Need, ...]]
    """Rows of the layers before it."""
    grants: Mapping[Row, tuple[Row, ...]]
    """Rows that must have been sent before it may be: of consumers, and of ranges of a producer before the one that it works on."""
    share: Mapping[int, tuple[float, ...]]
    """Per layer: share of its range's load that each output row has."""
    ends: tuple[Row, ...]
    """Last rows of the ranges of layers that nobody reads."""
    part: Mapping[Row, Range]
    """The range that each row is in."""
    turns: frozenset[Range]
    """Ranges that are served after the one before them."""
    narrow: frozenset[int]
    """Layers of which a row is one position: it takes in what it needs row by row and is sent when all work on it is done."""

    def latency(self, loads: Mapping[Range, Real], strips: Mapping[int, Real], held: Mapping[Range, float]) -> Real:
        """Return the latency of each cut (cuts,) [cycles].

        Cuts are given by the loads of the heaviest part of each range, by the strips of each layer, and by the share of a range's
        load that waits in input FIFOs while the next range is served; none where there is no entry.
        """
        return self._last(self._sent(loads, strips, held, None))

    def shared_latency(
        self, loads: Mapping[Range, Real], strips: Mapping[int, Real], held: Mapping[Range, float], cores: SharedCores
    ) -> float:
        """Return the latency of one cut of which parts share cores [cycles]."""
        alone = self._sent(loads, strips, held, None)
        order = _ordered(self.needs, self.grants, {row: float(time[0]) for row, time in alone.items()})
        return float(self._last(replace(self, order=order)._sent(loads, strips, held, cores))[0])

    def _last(self, sent: Mapping[Row, Real]) -> Real:
        return np.asarray(np.max([sent[row] for row in self.ends], axis=0))

    def _sent(
        self,
        loads: Mapping[Range, Real],
        strips: Mapping[int, Real],
        held: Mapping[Range, float],
        cores: SharedCores | None,
    ) -> dict[Row, Real]:
        """Return when each row is sent (cuts,)."""
        begun: dict[Row, Real] = {}
        sent: dict[Row, Real] = {}
        taken: dict[Range, Real] = {}
        gone: dict[Range, Real] = {}
        turns = _Turns(strips)
        nothing = np.zeros(len(next(iter(loads.values()))))
        for row in self.order:
            layer, number = row
            part = self.part[row]
            share = self.share[layer][number]
            work = loads[part] * share
            start = taken[part] if part in taken else self._served(part, taken, loads, held, nothing)
            end = nothing
            spread: Real | None = None
            for source, first, last in self.needs[row]:
                start = np.maximum(start, begun[source, first])
                end = np.maximum(end, sent[source, last])
                late, wide = turns.between(source, layer)
                ready = begun[source, last]
                if late is not None:
                    ready = ready + late * (sent[source, last] - ready)
                left = work / (last + 1 - first) if layer in self.narrow else work
                end = np.maximum(end, ready + left)
                if wide is not None:
                    spread = wide if spread is None else np.maximum(spread, wide)
            end = np.maximum(end, start + work)
            if cores is not None:
                end = np.maximum(end, cores.worked(part, share, float(start[0])))
            taken[part] = end
            free = gone.get(part, nothing)
            for other in self.grants[row]:
                free = np.maximum(free, sent[other])
            opened = end if layer in self.narrow else start if spread is None else start + spread * (end - start)
            begun[row] = np.maximum(free, opened)
            sent[row] = gone[part] = np.maximum(free, end)
        return sent

    def _served(
        self,
        part: Range,
        taken: Mapping[Range, Real],
        loads: Mapping[Range, Real],
        held: Mapping[Range, float],
        nothing: Real,
    ) -> Real:
        """Return when the first row of a range may come: where it is served in turn, when the range before has taken in its own."""
        if part not in self.turns:
            return nothing
        before = part[0], part[1] - 1
        return np.maximum(nothing, taken[before] - held.get(before, 0.0) * loads[before])


class _Turns:
    """Shares of a row by which strips served in turn begin late, between layers."""

    def __init__(self, strips: Mapping[int, Real]):
        self._strips = strips
        self._known: dict[tuple[int, int], tuple[Real | None, Real | None]] = {}

    def between(self, source: int, layer: int) -> tuple[Real | None, Real | None]:
        """Return how late the last strip of a layer begins, and how late that of its source is sent; None where not at all."""
        if (source, layer) not in self._known:
            above, own = self._strips[source], self._strips[layer]
            late, wide = np.maximum(0.0, 1.0 - above / own), np.maximum(0.0, 1.0 - own / above)
            self._known[source, layer] = late if late.any() else None, wide if wide.any() else None
        return self._known[source, layer]


def row_shares(cost: LayerCost) -> Real:
    """Return the share of each output row in a layer's load, of its cost along rows."""
    first, last = np.zeros(cost.rows, dtype=np.int64), np.arange(cost.rows)
    work = np.maximum(np.diff(cost.cycles_of(cost.channels, first, last)), 0.0)
    work = np.concatenate([cost.cycles_of(cost.channels, first[:1], last[:1]), work])
    return np.asarray(work / max(float(work.sum()), 1.0))


def row_pipeline(
    network: Network,
    state_rows: Mapping[int, int],
    share: Mapping[int, Real],
    ranges: Mapping[int, tuple[Span, ...]] | None = None,
) -> RowPipeline:
    """Return the rows of a network's layers and what they wait for; `share` is that of each output row in its layer's load.

    `ranges` are the ranges of rows of layers that are cut by rows.
    """
    numbers = [number for number, layer in enumerate(network.layers) if not layer.is_input]
    cuts = {number: (output_range(network.layers[number], "rows"),) for number in numbers} | dict(ranges or {})
    needs: dict[Row, list[Need]] = {(number, row): [] for number in numbers for row in range(*_hull(cuts[number]))}
    grants: dict[Row, list[Row]] = {row: [] for row in needs}
    turns: set[Range] = set()
    for number in numbers:
        layer = network.layers[number]
        for edge in layer.edges:
            if edge.delay:
                continue
            above = cuts.get(edge.source, (output_range(network.layers[edge.source], "rows"),))
            turns |= {(number, index) for index in _served_in_turn(network, layer, edge, cuts[number], above)}
            if edge.source in cuts:
                for span in cuts[number]:
                    for row, opening, last in _needed(network, layer, edge, span):
                        needs[number, row].append((edge.source, max(opening, _range_of(last, above)[0]), last))
                        grants[number, row] += [(edge.source, end - 1) for _, end in above if opening < end <= last]
                    for source_row, row in _granted(network, layer, edge, span, state_rows[number]):
                        grants[edge.source, source_row].append((number, row))
    read = {edge.source for layer in network.layers for edge in layer.edges if not edge.delay}
    return RowPipeline(
        _ordered(needs, grants, {}),
        {row: tuple(each) for row, each in needs.items()},
        {row: tuple(each) for row, each in grants.items()},
        {number: _share_of_ranges(share[number], cuts[number]) for number in numbers},
        tuple((number, end - 1) for number in numbers if number not in read for _, end in cuts[number]),
        {
            (number, row): (number, index)
            for number in numbers
            for index, span in enumerate(cuts[number])
            for row in range(*span)
        },
        frozenset(turns),
        frozenset(number for number in numbers if network.layers[number].out_shape[2] == 1),
    )


def _hull(spans: Sequence[Span]) -> Span:
    return spans[0][0], spans[-1][1]


def _needed(network: Network, layer: Layer, edge: Edge, span: Span) -> list[tuple[int, int, int]]:
    """Return (row, first, last): the rows through an edge that each row of a range needs and no earlier one does."""
    axis, neurons = edge_axis(network, layer, edge, "rows"), neuron_range(layer, span, "rows")
    _, top = windows(layer, span, "rows")
    last = np.maximum.accumulate(np.maximum.accumulate(axis.last_tap(neurons))[top - neurons[0]])
    opening = 0 if span[0] == 0 else input_range(axis, neurons)[0]
    first = np.maximum(np.minimum(np.concatenate([[opening], last[:-1] + 1]), last), 0)
    return [(span[0] + row, int(first[row]), int(last[row])) for row in np.flatnonzero(last >= 0).tolist()]


def _range_of(row: int, ranges: Sequence[Span]) -> Span:
    return next(span for span in ranges if row < span[1])


def _granted(network: Network, layer: Layer, edge: Edge, span: Span, state_rows: int) -> list[tuple[int, int]]:
    """Return (row of the source, row of the range that must have been sent before it)."""
    axis, neurons = edge_axis(network, layer, edge, "rows"), neuron_range(layer, span, "rows")
    lowest, _ = windows(layer, span, "rows")
    highest = np.maximum.accumulate(axis.touched(neurons)[1])
    fired = np.searchsorted(lowest, highest - state_rows + 1, side="left") - 1
    return [(row, span[0] + int(fired[row])) for row in np.flatnonzero((highest >= 0) & (fired >= 0)).tolist()]


def _served_in_turn(
    network: Network, layer: Layer, edge: Edge, ranges: Sequence[Span], above: Sequence[Span]
) -> list[int]:
    """Return the ranges of which most rows come from the same range of the source as those of the range before."""
    axis = edge_axis(network, layer, edge, "rows")
    servers = []
    for span in ranges:
        first, end = input_range(axis, neuron_range(layer, span, "rows"))
        servers.append(_range_of(min((first + end) // 2, above[-1][1] - 1), above))
    return [index for index in range(1, len(ranges)) if servers[index] == servers[index - 1]]


def _share_of_ranges(share: Real, ranges: Sequence[Span]) -> tuple[float, ...]:
    """Return the share of each row in the load of its range, of those in the load of the layer."""
    parts = [share[slice(*span)] for span in ranges]
    return tuple(float(row) for part in parts for row in part / max(float(part.sum()), LEAST_SHARE))


def _ordered(
    needs: Mapping[Row, Sequence[Need]], grants: Mapping[Row, Sequence[Row]], when: Mapping[Row, float]
) -> tuple[Row, ...]:
    """Return rows so that each comes after those that it waits for, the earliest first of those that wait for nothing more."""
    after: dict[Row, list[Row]] = {row: [] for row in needs}
    waiting = dict.fromkeys(needs, 0)
    for row in needs:
        before = [(layer, last) for layer, _, last in needs[row]] + list(grants[row])
        if row[1]:
            before.append((row[0], row[1] - 1))
        for other in before:
            after[other].append(row)
        waiting[row] = len(before)
    ready = [(when.get(row, 0.0), index, row) for index, row in enumerate(needs) if not waiting[row]]
    order: list[Row] = []
    number = len(needs)
    while ready:
        row = heappop(ready)[2]
        order.append(row)
        for other in after[row]:
            waiting[other] -= 1
            if not waiting[other]:
                heappush(ready, (when.get(other, 0.0), number, other))
                number += 1
    return tuple(order)

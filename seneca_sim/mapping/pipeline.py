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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import MappingError
from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.mapping.cost import LayerCost
from seneca_sim.mapping.geometry import Span, edge_axis, input_range, neuron_range, output_range, windows

if TYPE_CHECKING:
    from seneca_sim.kernels.row_times import RowTables

__all__ = ["Range", "RowPipeline", "SharedCores", "row_pipeline", "row_shares"]

Real = NDArray[np.floating[Any]]
Index = NDArray[np.int64]
Need = tuple[int, int, int]
"""(layer, first row, last row) that a row waits for; the first is that with which the work on it begins."""
Row = tuple[int, int]
"""(layer, output row)"""
Range = tuple[int, int]
"""(layer, number of its range of rows)"""

BLOCK = 128
"""Cuts that are looked at together: their times stay in the cache."""
LEAST_SHARE = 1e-12
"""Share of a layer's load below which a range of rows has nothing to do."""


@dataclass(frozen=True, slots=True, eq=False)
class SharedCores:
    """What the cores of an allocation have of each range: cores, each once, and the load of the range on them [cycles per step]."""

    parts: Mapping[Range, tuple[Index, Real]]
    n_cores: int

    def lists(self, ranges: Sequence[Range]) -> tuple[Index, Index, NDArray[np.float64]]:
        """Return (where each range begins, cores, loads)."""
        nothing = np.zeros(0, np.int64), np.zeros(0)
        cores, loads = zip(*(self.parts.get(part, nothing) for part in ranges), strict=True)
        begin = np.cumsum([0, *map(len, cores)], dtype=np.int64)
        return begin, np.concatenate(cores).astype(np.int64), np.concatenate(loads, dtype=np.float64)


_APART = SharedCores({}, 0)
"""Every range on cores of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class RowPipeline:
    """Rows of all layers, numbered through, and what each waits for."""

    tables: RowTables
    order: Index
    """The rows in an order in which each comes after all that it waits for."""
    ranges: tuple[Range, ...]
    """As `tables` number them."""
    edges: tuple[tuple[int, int], ...]
    """Pairs of layers, as `tables` number them."""
    ends: Index
    """Last rows of the ranges of layers that nobody reads."""

    def latency(self, loads: Mapping[Range, Real], strips: Mapping[int, Real], held: Mapping[Range, float]) -> Real:
        """Return the latency of each cut (cuts,) [cycles].

        Cuts are given by the loads of the heaviest part of each range, by the strips of each layer, and by the share of a range's
        load that waits in input FIFOs while the next range is served; none where there is no entry.
        """
        cuts = len(next(iter(loads.values())))
        blocks = [slice(first, first + BLOCK) for first in range(0, cuts, BLOCK)]
        return np.concatenate(
            [self._last(self._sent(self.order, _at(loads, here), _at(strips, here), held, _APART)) for here in blocks]
        )

    def shared_latency(
        self, loads: Mapping[Range, Real], strips: Mapping[int, Real], held: Mapping[Range, float], cores: SharedCores
    ) -> float:
        """Return the latency of one cut of which parts share cores [cycles]."""
        alone = self._sent(self.order, loads, strips, held, _APART)
        order = _ordered(self.tables, alone[:, 0])
        return float(self._last(self._sent(order, loads, strips, held, cores))[0])

    def in_turn(self, part: Range) -> bool:
        """Return whether a range is served after the one before it."""
        return bool(self.tables.turn[self.ranges.index(part)])

    def _last(self, sent: Real) -> Real:
        return np.asarray(sent[self.ends].max(axis=0))

    def _sent(
        self,
        order: Index,
        loads: Mapping[Range, Real],
        strips: Mapping[int, Real],
        held: Mapping[Range, float],
        cores: SharedCores,
    ) -> Real:
        """Return when each row is sent (rows, cuts)."""
        from seneca_sim.kernels.row_times import row_times

        work = np.stack([loads[part] for part in self.ranges]).astype(np.float64)
        above, below = ([strips[edge[end]] for edge in self.edges] for end in (0, 1))
        shape = len(self.edges), work.shape[1]
        late, spread = (
            np.maximum(0.0, 1.0 - np.divide(*pair)).reshape(shape) for pair in ((above, below), (below, above))
        )
        kept = np.array([held.get(part, 0.0) for part in self.ranges])
        return row_times(
            self.tables, order, work, (late, spread), kept, cores.lists(self.ranges), np.zeros(cores.n_cores)
        )


def _at(values: Mapping[Any, Real], here: slice) -> dict[Any, Real]:
    """Return values of some of the cuts."""
    return {key: value[here] for key, value in values.items()}


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
    from seneca_sim.kernels.row_times import RowTables

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
    place = {row: index for index, row in enumerate(needs)}
    numbered = tuple((number, index) for number in numbers for index in range(len(cuts[number])))
    part = {
        (number, row): numbered.index((number, index))
        for number in numbers
        for index, span in enumerate(cuts[number])
        for row in range(*span)
    }
    edges = tuple({(source, number): None for (number, _), each in needs.items() for source, _, _ in each})
    tables = RowTables(
        layer=_whole(number for number, _ in needs),
        part=_whole(part[row] for row in needs),
        share=np.concatenate([_share_of_ranges(share[number], cuts[number]) for number in numbers]),
        narrow=_whole(network.layers[number].out_shape[2] == 1 for number, _ in needs),
        needs_begin=_begins(needs.values()),
        needs_first=_whole(place[source, first] for each in needs.values() for source, first, _ in each),
        needs_last=_whole(place[source, last] for each in needs.values() for source, _, last in each),
        needs_edge=_whole(
            edges.index((source, number)) for (number, _), each in needs.items() for source, _, _ in each
        ),
        grants_begin=_begins(grants.values()),
        grants=_whole(place[row] for each in grants.values() for row in each),
        turn=_whole(one in turns for one in numbered),
    )
    ends = _whole(place[number, end - 1] for number in numbers if number not in read for _, end in cuts[number])
    return RowPipeline(tables, _ordered(tables, np.zeros(len(needs))), numbered, edges, ends)


def _whole(numbers: Iterable[int]) -> Index:
    return np.fromiter(numbers, np.int64)


def _begins(lists: Iterable[Sequence[object]]) -> Index:
    return np.cumsum([0, *map(len, lists)], dtype=np.int64)


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


def _share_of_ranges(share: Real, ranges: Sequence[Span]) -> Real:
    """Return the share of each row in the load of its range, of those in the load of the layer."""
    parts = [share[slice(*span)] for span in ranges]
    return np.concatenate([part / max(float(part.sum()), LEAST_SHARE) for part in parts])


def _ordered(tables: RowTables, when: Real) -> Index:
    """Return rows so that each comes after those that it waits for, the earliest first of those that wait for nothing more."""
    number = len(tables.layer)
    after: list[list[int]] = [[] for _ in range(number)]
    waiting = [0] * number
    for row in range(number):
        before = tables.needs_last[slice(*tables.needs_begin[row : row + 2])].tolist()
        before += tables.grants[slice(*tables.grants_begin[row : row + 2])].tolist()
        if row and tables.layer[row - 1] == tables.layer[row]:
            before.append(row - 1)
        for other in before:
            after[other].append(row)
        waiting[row] = len(before)
    ready = [(float(when[row]), row, row) for row in range(number) if not waiting[row]]
    order: list[int] = []
    while ready:
        row = heappop(ready)[2]
        order.append(row)
        for other in after[row]:
            waiting[other] -= 1
            if not waiting[other]:
                heappush(ready, (float(when[other]), number, other))
                number += 1
    if len(order) < len(tables.layer):
        raise MappingError("rows wait for each other: a layer has fewer state rows than its windows and skips need")
    return np.array(order, np.int64)

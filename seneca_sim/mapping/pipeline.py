"""Latency of a step through a depth-first pipeline, row by row, for many cuts of a network's layers at once.

Each layer takes in what its output rows need, in order, at the pace of its heaviest part, and sends a row when all consumers have
granted it (`engine/timing.md` 3 and 4). Three things beyond the largest load follow: the first rows that later layers wait for, the
last rows that they have left when earlier layers are done, and layers that are busy with different rows at different times
(activity is seldom even over the rows) and lend each other no more than their state rows. Recurrent edges, whose rows are at hand,
and the network are left out. A step is looked at alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.network import Network
from seneca_sim.mapping.cost import LayerCost
from seneca_sim.mapping.geometry import edge_axis, output_range, windows

__all__ = ["RowPipeline", "row_pipeline", "row_shares"]

Real = NDArray[np.floating[Any]]
Index = NDArray[np.int64]
Need = tuple[int, int, int]
"""(layer, first row, last row) that a row waits for; the first is that with which the work on it begins."""
Row = tuple[int, int]
"""(layer, output row)"""


@dataclass(frozen=True, slots=True)
class RowPipeline:
    """Rows of all layers in an order in which each comes after all that it waits for."""

    order: tuple[Row, ...]
    needs: Mapping[Row, tuple[Need, ...]]
    """Rows of the layers before it."""
    grants: Mapping[Row, tuple[Row, ...]]
    """Rows that the consumers must have sent before it may be sent."""
    share: Mapping[int, Real]
    """Per layer (rows,): share of its load that each output row has."""
    ends: tuple[Row, ...]
    """Last rows of the layers that nobody reads."""

    def latency(self, loads: Mapping[int, Real], strips: Mapping[int, Real]) -> Real:
        """Return the latency of each cut (cuts,) [cycles], given by layer the loads of the heaviest parts and the strips."""
        begun: dict[Row, Real] = {}
        sent: dict[Row, Real] = {}
        taken: dict[int, Real] = {}
        nothing = np.zeros(len(next(iter(loads.values()))))
        for row in self.order:
            layer, number = row
            start = taken.get(layer, nothing)
            work = loads[layer] * self.share[layer][number]
            end = nothing
            spread = nothing
            for source, first, last in self.needs[row]:
                start = np.maximum(start, begun[source, first])
                late = np.maximum(0.0, 1.0 - strips[source] / strips[layer])
                end = np.maximum(end, sent[source, last])
                end = np.maximum(end, begun[source, last] + late * (sent[source, last] - begun[source, last]) + work)
                spread = np.maximum(spread, 1.0 - strips[layer] / strips[source])
            end = np.maximum(end, start + work)
            taken[layer] = end
            free = sent.get((layer, number - 1), nothing)
            for other in self.grants[row]:
                free = np.maximum(free, sent[other])
            begun[row] = np.maximum(free, start + spread * (end - start))
            sent[row] = np.maximum(free, end)
        return np.asarray(np.max([sent[row] for row in self.ends], axis=0))


def row_shares(cost: LayerCost) -> Real:
    """Return the share of each output row in a layer's load, of its cost along rows."""
    first, last = np.zeros(cost.rows, dtype=np.int64), np.arange(cost.rows)
    work = np.maximum(np.diff(cost.cycles_of(cost.channels, first, last)), 0.0)
    work = np.concatenate([cost.cycles_of(cost.channels, first[:1], last[:1]), work])
    return np.asarray(work / max(float(work.sum()), 1.0))


def row_pipeline(network: Network, state_rows: Mapping[int, int], share: Mapping[int, Real]) -> RowPipeline:
    """Return the rows of a network's layers and what they wait for; `share` is that of each output row in its layer's load."""
    needs: dict[Row, list[Need]] = {}
    grants: dict[Row, list[Row]] = {}
    for number, layer in enumerate(network.layers):
        if layer.is_input:
            continue
        rows = layer.out_shape[1]
        lowest, top = windows(layer, output_range(layer, "rows"), "rows")
        for row in range(rows):
            needs.setdefault((number, row), [])
            grants.setdefault((number, row), [])
        for edge in layer.edges:
            if edge.delay or network.layers[edge.source].is_input:
                continue
            axis = edge_axis(network, layer, edge, "rows")
            span = (0, layer.shape[1])
            last = np.maximum.accumulate(np.maximum.accumulate(axis.last_tap(span))[top])
            first = np.minimum(np.concatenate([[0], last[:-1] + 1]), last)
            for row in np.flatnonzero(last >= 0).tolist():
                needs[number, row].append((edge.source, max(0, int(first[row])), int(last[row])))
            highest = np.maximum.accumulate(axis.touched(span)[1])
            fired = np.searchsorted(lowest, highest - state_rows[number] + 1, side="left") - 1
            for row in np.flatnonzero((highest >= 0) & (fired >= 0)).tolist():
                grants.setdefault((edge.source, row), []).append((number, int(fired[row])))
    read = {edge.source for layer in network.layers for edge in layer.edges if not edge.delay}
    ends = tuple(
        (number, layer.out_shape[1] - 1)
        for number, layer in enumerate(network.layers)
        if not layer.is_input and number not in read
    )
    return RowPipeline(
        _ordered(needs, grants),
        {row: tuple(each) for row, each in needs.items()},
        {row: tuple(each) for row, each in grants.items()},
        share,
        ends,
    )


def _ordered(needs: Mapping[Row, Sequence[Need]], grants: Mapping[Row, Sequence[Row]]) -> tuple[Row, ...]:
    """Return rows so that each comes after those that it waits for."""
    after: dict[Row, list[Row]] = {row: [] for row in needs}
    waiting = dict.fromkeys(needs, 0)
    for row in needs:
        before = [(layer, last) for layer, _, last in needs[row]] + list(grants[row])
        if row[1]:
            before.append((row[0], row[1] - 1))
        for other in before:
            after[other].append(row)
        waiting[row] = len(before)
    ready = deque(row for row, number in waiting.items() if not number)
    order = []
    while ready:
        row = ready.popleft()
        order.append(row)
        for other in after[row]:
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    return tuple(order)

"""Ways to cut layers into ranges of channels times strips of columns, and the cheapest of them for a largest load.

Why columns: rows travel in raster order. Ranges of rows of one map would wait for each other, because what feeds them sends the
first range's rows before the second's and no queue holds a map; strips of columns work at the same time, row after row.

A core's FIFO holds little, so a consumer can work in parallel on `n` strips only if what feeds it does so too: a strip of
the producer serves the strips of the consumer that overlap it one after the other, except for what the consumers' input FIFOs
hold of a row. A producer that sends more often in some rows than in others (stride, pooling) sends a whole row at once; what
its event FIFO cannot hold of it makes the producer wait for its consumers, and them for it in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.chip import Chip
from seneca_sim.graph.network import Layer, Network
from seneca_sim.mapping.cost import LayerCost, Sent, packet_flits
from seneca_sim.mapping.geometry import Span, output_range, windows
from seneca_sim.mapping.memory import LayerMemory
from seneca_sim.mapping.splits import Split, channel_choices, even_ranges

__all__ = ["COUNTS", "Bursts", "LayerStrips", "bursts", "cheapest", "strip_ranges"]

Real = NDArray[np.floating[Any]]
Index = NDArray[np.int64]
COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64)
"""Numbers of strips that are looked at: cuts of a number are cuts of its multiples, so strips of different layers nest."""
FILLED = 0.5
"""Share of an input FIFO that is free when a row begins: the rest of the row before is still in it."""
LEAST_LOAD = 1e-6
"""Cycles of a part with nothing to do: what cannot be takes for ever even then."""
NONE = 1 << 40
"""More parts than there can be cores."""


@dataclass(frozen=True, slots=True)
class Bursts:
    """How a layer meets the FIFOs around it."""

    quiet: float
    """Share of its input rows at whose end it sends nothing."""
    values: float
    """Values that it sends per active row and step, all channels and columns."""
    event_fifo: int
    row_flits: Real
    """(producers,) flits of a row that reach the layer through each forward edge."""
    rows: Index
    """(producers,) rows through each forward edge."""
    input_fifo: float
    """Flits; infinite on an ideal network."""

    def slowing(self, own: Index, above: Index) -> Real:
        """Return the factor on the load of each of some strips where each strip of the producer serves several in turn."""
        held = self._held(np.max(self.row_flits, initial=0.0) / own)
        return np.asarray(np.maximum(1.0, own / above * (1.0 - held)))

    def held(self, ranges: int) -> float:
        """Return the share of what each of some ranges of rows gets in a step that its input FIFOs hold."""
        return float(self._held(np.max(self.row_flits * self.rows, initial=0.0) / ranges))

    def _held(self, flits: Real) -> Real:
        return np.asarray(np.minimum(1.0, FILLED * self.input_fifo / np.maximum(flits, 1.0)))

    def waiting(self, share: Real) -> Real:
        """Return the share of their loads that parts wait for consumers, for want of room in the event FIFO.

        `share` is that of a row's values that a part sends.
        """
        held = np.minimum(1.0, self.event_fifo / np.maximum(self.values * share, 1.0))
        return np.asarray(self.quiet * (1.0 - held))


def strip_ranges(columns: int, number: int) -> tuple[Span, ...]:
    """Cut columns into strips at multiples of 1 / number of the map.

    >>> strip_ranges(10, 4), strip_ranges(20, 2)
    (((0, 2), (2, 5), (5, 7), (7, 10)), ((0, 10), (10, 20)))
    """
    return tuple((index * columns // number, (index + 1) * columns // number) for index in range(number))


def bursts(network: Network, chip: Chip, number: int, sent: Mapping[int, Sent]) -> Bursts:
    """Return how a layer's rows come and go; `sent` is what it and its producers send."""
    layer, timing = network.layers[number], chip.timing()
    own = sent[number]
    forward = [edge for edge in layer.edges if not edge.delay]
    rows = [network.layers[edge.source].out_shape[1] for edge in forward if not edge.broadcast]
    flits = [
        float(packet_flits(network.layers[edge.source], chip, timing, sent[edge.source].values)[1].sum())
        * sent[edge.source].weight
        / network.layers[edge.source].out_shape[1]
        for edge in forward
    ]
    return Bursts(
        quiet=max(0.0, 1.0 - layer.out_shape[1] / max(rows, default=layer.out_shape[1])),
        values=float(own.values.sum()) * own.weight / layer.out_shape[1],
        event_fifo=timing.event_fifo,
        row_flits=np.asarray(flits),
        rows=np.asarray([network.layers[edge.source].out_shape[1] for edge in forward], dtype=np.int64),
        input_fifo=float(timing.input_flits) if chip.noc.kind.value == "mesh" else np.inf,
    )


class LayerStrips:
    """All ways to cut a layer into ranges of channels times strips: tables over (ranges of channels, numbers of strips)."""

    def __init__(
        self,
        number: int,
        layer: Layer,
        cost: LayerCost,
        memory: LayerMemory,
        flow: Bursts,
        state_rows: int,
        limit: int,
        most_strips: int = COUNTS[-1],
    ):
        self.number = number
        self.layer = layer
        self.cost = cost
        self.flow = flow
        self._state_rows = state_rows
        self._memory = memory
        self._limit = limit
        self._fitting: dict[float, NDArray[np.bool_]] = {}
        self._known: dict[tuple[int, int], Split] = {}
        self.choices = channel_choices(cost.channels, cost.chunk)
        self.counts = tuple(count for count in COUNTS if count <= min(cost.rows, most_strips))

    @cached_property
    def parts(self) -> Index:
        """(choices, counts) number of parts."""
        ranges = np.asarray([len(choice) for choice in self.choices], dtype=np.int64)
        return ranges[:, None] * np.asarray(self.counts, dtype=np.int64)

    @cached_property
    def _spans(self) -> tuple[Index, Index, Index]:
        """First and last column of the strips of all counts, one after the other, and where those of each count start."""
        spans = [span for count in self.counts for span in strip_ranges(self.cost.rows, count)]
        first, end = np.asarray(spans, dtype=np.int64).T
        return first, end - 1, np.cumsum([0, *self.counts[:-1]])

    @cached_property
    def _widest(self) -> list[int]:
        return [max(end - start for start, end in choice) for choice in self.choices]

    @cached_property
    def loads(self) -> Real:
        """(choices, counts) largest load of a part."""
        first, last, start = self._spans
        loads = [np.maximum.reduceat(self.cost.cycles_of(most, first, last), start) for most in self._widest]
        return np.asarray(np.maximum(np.stack(loads), LEAST_LOAD))

    @cached_property
    def bits(self) -> Index:
        """(choices, counts) memory of the largest part."""
        start = self._spans[2]
        return np.stack([np.maximum.reduceat(self._bits_of(most), start) for most in self._widest])

    @cached_property
    def _map_bits(self) -> Index:
        """Memory of each strip that one channel takes besides weights."""
        first, last, _ = self._spans
        left, right = windows(self.layer, output_range(self.layer, "columns"), "columns")
        sizes = zip((right[last] + 1 - left[first]).tolist(), (last + 1 - first).tolist(), strict=True)
        rows, high = self.layer.out_shape[1], self.layer.shape[1]
        kinds = (self._memory.map_kinds(1, (high, wide), out * rows, self._state_rows) for wide, out in sizes)
        return np.asarray([sum(bits) for bits in kinds], dtype=np.int64)

    def _bits_of(self, channels: int) -> Index:
        """Return the memory of each strip with some channels."""
        return channels * self._map_bits + sum(self._memory.channel_kinds(channels))

    def fits(self, room: float) -> NDArray[np.bool_]:
        """Return (choices, counts) whether parts take up to a share of a core's memory; all of it where none takes less."""
        if room not in self._fitting:
            small = self.bits <= room * self._limit
            self._fitting[room] = small if small.any() else self.bits <= self._limit
        return self._fitting[room]

    @cached_property
    def waits(self) -> Real:
        """(choices, counts) cycles that the layer and its consumers wait for each other, for want of room in the event FIFO."""
        share = np.asarray(self._widest)[:, None] / self.cost.channels / np.asarray(self.counts)
        return np.asarray(self.loads * self.flow.waiting(share))

    @cached_property
    def slowing(self) -> Real:
        """(counts of the producer, counts) factor on the load where a strip of the producer serves several strips in turn.

        Infinite where the strips do not nest.
        """
        own, above = np.asarray(self.counts)[None, :], np.asarray(COUNTS)[:, None]
        nested = (own % above == 0) | (above % own == 0)
        return np.where(nested, self.flow.slowing(own, above), np.inf)

    def fewest_parts(self, most_load: float, waiting: float, room: float) -> tuple[Index, Index]:
        """Return ((producer's counts, own counts) fewest parts within a load, the choice of channels for it); `NONE` for none.

        Of choices with as few parts that with the narrowest ranges of channels is taken: it holds the fewest weights. The layer may
        wait for its consumers for some share of the load.
        """
        allowed = self.fits(room) & (self.waits <= waiting * most_load)
        loads = np.where(allowed, self.loads, np.inf)[None] * self.slowing[:, None, :]
        parts = np.where(loads <= most_load, self.parts[None], NONE)
        choice = parts.shape[1] - 1 - parts[:, ::-1].argmin(axis=1)
        return parts.min(axis=1), choice

    def cell(self, split: Split) -> tuple[int, int] | None:
        """Return the (choice, count) with parts as large as those of an even cut; None for ranges of rows."""
        if split.axis == "rows" and len(split.rows) > 1:
            return None
        return self._widest.index(max(end - start for start, end in split.channels)), self.counts.index(len(split.rows))

    def split(self, choice: int, count: int) -> Split:
        """Return the cut into the ranges of a choice times a number of strips."""
        if (choice, count) not in self._known:
            self._known[choice, count] = self._cut(self.choices[choice], count)
        return self._known[choice, count]

    def even_split(self, channels: int, strips: int) -> Split:
        """Return the cut into even ranges of channels times strips, of which `counts` has the number."""
        return self._cut(even_ranges(self.cost.channels, channels), self.counts.index(strips))

    def _cut(self, channels: tuple[Span, ...], count: int) -> Split:
        first, last, start = self._spans
        here = slice(int(start[count]), int(start[count]) + self.counts[count])
        widest = max(end - start for start, end in channels)
        return Split(
            self.number,
            channels,
            strip_ranges(self.cost.rows, self.counts[count]),
            tuple(self.cost.cycles_of(widest, first[here], last[here]).tolist()),
            tuple(self._bits_of(widest)[here].tolist()),
            "columns",
        )


def cheapest(
    layers: Sequence[LayerStrips], parents: Sequence[int | None], most_load: float, waiting: float, room: float = 1.0
) -> tuple[int, list[tuple[int, int]]] | None:
    """Return (parts, (choice, count) of each layer) of the cut with the fewest parts within a load; None if there is none.

    `waiting` is the share of the load that layers may wait for their consumers, `room` that of a core's memory that parts may take.
    `parents` are the positions of the producers that each layer's strips must nest in, before it; None is the host, one strip.
    The result is the least for these trees: the cheapest cut of a layer and all below it, for each number of strips above it.
    """
    below: list[Index] = [np.zeros(len(layer.counts), dtype=np.int64) for layer in layers]
    chosen: list[tuple[Index, Index]] = []
    hosts = 0
    for position in range(len(layers) - 1, -1, -1):
        parts, choice = layers[position].fewest_parts(most_load, waiting, room)
        total = parts + below[position][None, :]
        count = total.argmin(axis=1)
        chosen.append((count, choice))
        least = total.min(axis=1)
        parent = parents[position]
        if parent is None:
            hosts += int(least[0])
        else:
            below[parent] += least[: len(below[parent])]
    if hosts >= NONE:
        return None
    found: list[tuple[int, int]] = []
    for position, parent in enumerate(parents):
        above = 0 if parent is None else found[parent][1]
        count, choice = chosen[len(layers) - 1 - position]
        own = int(count[above])
        found.append((int(choice[above, own]), own))
    return hosts, found

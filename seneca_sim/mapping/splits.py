"""Ways to cut one layer into parts: ranges of channels times ranges of rows, within a load and a memory limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.network import Layer
from seneca_sim.mapping.cost import LayerCost
from seneca_sim.mapping.geometry import AxisName, Span, output_range, windows
from seneca_sim.mapping.memory import LayerMemory

__all__ = ["UNLIMITED", "LayerSplits", "Split", "channel_choices", "even_ranges", "part_bits", "row_choices"]

Real = NDArray[np.floating[Any]]
Index = NDArray[np.int64]
UNLIMITED = float(np.finfo(np.float64).max)
"""A load that no part exceeds; parts that do not fit have an infinite one."""
ROW_CHOICES = 256
"""Cuts between rows that are looked at; larger maps are cut at multiples of rows only."""


@dataclass(frozen=True, slots=True)
class Split:
    """Ranges of channels times ranges of output rows or columns, with the load and memory of each of these at most."""

    layer: int
    channels: tuple[Span, ...]
    rows: tuple[Span, ...]
    """Ranges of rows, or of columns, by `axis`."""
    loads: tuple[float, ...]
    """Per row range [cycles per step]; of the range of channels that has most."""
    bits: tuple[int, ...]
    """Per row range; of the range of channels that has most."""
    axis: AxisName = "rows"

    @property
    def n_parts(self) -> int:
        """Number of parts."""
        return len(self.channels) * len(self.rows)

    @property
    def load(self) -> float:
        """Largest load of a part [cycles per step]."""
        return max(self.loads)


def even_ranges(size: int, number: int, unit: int = 1) -> tuple[Span, ...]:
    """Cut [0, size) into ranges whose lengths differ by at most one unit; the last may end in an incomplete unit.

    >>> even_ranges(10, 3), even_ranges(20, 2, unit=8)
    (((0, 4), (4, 7), (7, 10)), ((0, 16), (16, 20)))
    """
    units = -(-size // unit)
    number = min(number, units)
    small, larger = divmod(units, number)
    starts = [index * small + min(index, larger) for index in range(number + 1)]
    return tuple((start * unit, min(end * unit, size)) for start, end in pairwise(starts))


@dataclass(frozen=True, eq=False)
class _Choice:
    """One way to cut the channels, and at [first, last] row choice the load and memory of its largest part."""

    channels: tuple[Span, ...]
    loads: Real
    bits: Index
    fitting: Real
    """The loads; infinite where the part does not fit."""

    @cached_property
    def sorted_loads(self) -> Real:
        """All loads of parts that fit, from that of the largest single row choice up."""
        real = self.fitting[np.triu_indices(len(self.fitting))]
        return np.unique(real[np.isfinite(real) & (real >= np.diagonal(self.loads).max())])


def row_choices(rows: int) -> tuple[Index, Index]:
    """Return (starts, ends) of the ranges of rows that are not cut any further."""
    step = -(-rows // ROW_CHOICES)
    starts = np.arange(0, rows, step, dtype=np.int64)
    return starts, np.minimum(starts + step, rows)


def part_bits(layer: Layer, memory: LayerMemory, channels: int, state_rows: int) -> Index:
    """Return the memory of parts with some channels, at [first, last] row choice [bits]."""
    starts, ends = row_choices(layer.out_shape[1])
    columns = layer.shape[2]
    first, last = windows(layer, output_range(layer, "rows"), "rows")
    neurons = np.maximum(last[ends - 1][None, :] + 1 - first[starts][:, None], 0)
    outputs = np.maximum(ends[None, :] - starts[:, None], 0) * layer.out_shape[2]
    per_channel = outputs * memory.held_bits + neurons * columns * memory.whole_bits + memory.vector_bits
    if memory.stateful:
        per_channel += neurons * columns * memory.neuron_bits + outputs * memory.output_bits
    else:
        per_channel += np.minimum(neurons, state_rows) * columns * memory.neuron_bits
    return np.asarray(sum(memory.channel_kinds(channels)) + channels * per_channel, dtype=np.int64)


class LayerSplits:
    """All ways to cut a layer that are worth looking at."""

    def __init__(self, number: int, layer: Layer, cost: LayerCost, memory: LayerMemory, state_rows: int, limit: int):
        self.number = number
        self.layer = layer
        self.cost = cost
        self.memory = memory
        self.state_rows = state_rows
        self.limit = limit
        self.starts, self.ends = row_choices(cost.rows)

    def fewest_parts(self, most_load: float) -> int | None:
        """Return the fewest parts of at most this load that fit the memory; None if there is no such split."""
        found = self._fewest(most_load)
        return None if found is None else len(found[0].channels) * found[1]

    def fewest(self, most_load: float) -> Split | None:
        """Return the split into `fewest_parts` with the fewest cuts of channels and the least load."""
        found = self._fewest(most_load)
        return None if found is None else self._balanced_rows(*found, most_load)

    def _fewest(self, most_load: float) -> tuple[_Choice, int] | None:
        best: tuple[_Choice, int] | None = None
        for choice in self.choices:
            ranges = len(choice.channels)
            most = len(self.starts) if best is None else (len(best[0].channels) * best[1] - 1) // ranges
            number = _row_ranges(choice.fitting, most_load, most)
            if number is not None:
                best = choice, number
        return best

    def candidates(self) -> Iterator[Split]:
        """Yield for each cut of the channels the split with the fewest ranges of rows that fits."""
        for choice in self.choices:
            number = _row_ranges(choice.fitting, UNLIMITED, len(self.starts))
            if number is not None:
                yield self._balanced_rows(choice, number, UNLIMITED)

    @cached_property
    def choices(self) -> tuple[_Choice, ...]:
        """Even cuts along whole chunks, then all even cuts, fewest ranges first: chunks decide where both are as good."""
        return tuple(self._choice(ranges) for ranges in channel_choices(self.cost.channels, self.cost.chunk))

    def _choice(self, channels: tuple[Span, ...]) -> _Choice:
        most = max(end - start for start, end in channels)
        loads = self.cost.cycles(most)[np.ix_(self.starts, self.ends - 1)]
        bits = part_bits(self.layer, self.memory, most, self.state_rows)
        return _Choice(channels, loads, bits, np.where(bits <= self.limit, loads, np.inf))

    def _balanced_rows(self, choice: _Choice, number: int, most_load: float) -> Split:
        """Return the cut into a number of row ranges whose largest load is least; even ranges if they are as good."""
        candidates = choice.sorted_loads
        low, high = 0, int(np.searchsorted(candidates, most_load, side="right")) - 1
        while low < high:
            middle = (low + high) // 2
            if _row_ranges(choice.fitting, float(candidates[middle]), number) is None:
                low = middle + 1
            else:
                high = middle
        least = float(candidates[low])
        even = [(first, end - 1) for first, end in even_ranges(len(self.starts), number)]
        as_good = all(choice.fitting[first, last] <= least for first, last in even)
        return self._split(choice, even if as_good else _cut(choice.fitting, least))

    def _split(self, choice: _Choice, indices: list[tuple[int, int]]) -> Split:
        return Split(
            self.number,
            choice.channels,
            tuple((int(self.starts[first]), int(self.ends[last])) for first, last in indices),
            tuple(float(choice.loads[first, last]) for first, last in indices),
            tuple(int(choice.bits[first, last]) for first, last in indices),
        )

    def even_split(self, channels: int, rows: int) -> Split | None:
        """Return the even split into ranges of channels times ranges of rows; None if its parts do not fit."""
        choice = self._choice(even_ranges(self.cost.channels, channels))
        cuts = [(first, end - 1) for first, end in even_ranges(len(self.starts), rows)]
        split = self._split(choice, cuts)
        return split if max(split.bits) <= self.limit else None


def channel_choices(channels: int, chunk: int) -> tuple[tuple[Span, ...], ...]:
    """Return the even cuts of channels that are worth looking at: along whole chunks, then finer ones, fewest ranges first."""
    units = -(-channels // chunk)
    along = [even_ranges(channels, -(-units // size), chunk) for size in _largest_first(units)]
    finer = [even_ranges(channels, -(-channels // size)) for size in _largest_first(channels)]
    return tuple(dict.fromkeys(along + finer))


def _largest_first(size: int) -> list[int]:
    """Return the largest ranges of all even cuts of a size.

    >>> _largest_first(10)
    [10, 5, 4, 3, 2, 1]
    """
    return sorted({-(-size // number) for number in range(1, size + 1)}, reverse=True)


def _row_ranges(loads: Real, most_load: float, most: int) -> int | None:
    """Return the fewest ranges of rows with at most a load each; None if there are more than `most`."""
    if len(loads) == 1:
        return 1 if most >= 1 and loads[0, 0] <= most_load else None
    reach = (loads <= most_load).sum(axis=1).tolist()
    row, number = 0, 0
    while row < len(reach):
        if reach[row] <= row or number >= most:
            return None
        row, number = reach[row], number + 1
    return number


def _cut(loads: Real, most_load: float) -> list[tuple[int, int]]:
    """Return the (first, last) row choices of ranges as long as a load allows."""
    reach = (loads <= most_load).sum(axis=1).tolist()
    cuts, row = [], 0
    while row < len(reach):
        cuts.append((row, reach[row] - 1))
        row = reach[row]
    return cuts

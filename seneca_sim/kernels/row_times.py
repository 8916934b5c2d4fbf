"""When the rows of a depth-first pipeline are taken in and sent, for many cuts of its layers at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import kernel

__all__ = ["RowTables", "row_times"]

Index = NDArray[np.int64]
Real = NDArray[np.float64]


class RowTables(NamedTuple):
    """N rows of all layers, and what each waits for: entries of row n of a list are at [begin[n], begin[n + 1])."""

    layer: Index
    """(N,)"""
    part: Index
    """(N,) range of rows that the row is in, numbered through all layers."""
    share: Real
    """(N,) share of the range's load that the row has."""
    narrow: Index
    """(N,) 1 where a row is one position: it takes in what it needs row by row and is sent when all work on it is done."""
    needs_begin: Index
    needs_first: Index
    """Row of a layer before with which the work begins."""
    needs_last: Index
    """Row of the same layer with which it ends."""
    needs_edge: Index
    """Which pair of layers it is."""
    grants_begin: Index
    grants: Index
    """Rows that must have been sent before."""
    turn: Index
    """(ranges,) 1 where a range is served after the one before it."""


@kernel
def row_times(
    tables: RowTables,
    order: Index,
    loads: Real,
    turns: tuple[Real, Real],
    held: Real,
    cores: tuple[Index, Index, Real],
    busy: Real,
) -> Real:
    """Return when each row is sent, (N, cuts) [cycles]; rows are looked at in `order`, each after all that it waits for.

    Cuts are given by the loads of ranges, (ranges, cuts), and for each pair of layers, (pairs, cuts), by the shares of a row by
    which the last strip of the second begins late, and by which that of the first is sent late; `held` is the share of a range's
    load that waits in input FIFOs while the next range is served. `cores` are (begin, core, load) of the cores that each range
    has, and `busy` until when cores work, which this changes; without cores, ranges have those of their own.
    """
    cuts = loads.shape[1]
    late, spread = turns
    begun, sent = np.zeros((2, len(tables.layer), cuts))
    taken, gone = np.zeros((2, *loads.shape))
    opened = np.zeros(len(loads), np.bool_)
    start, end, wide, free = np.zeros((4, cuts))
    for row in order:
        part, share = tables.part[row], tables.share[row]
        narrow = tables.narrow[row] > 0
        for cut in range(cuts):
            start[cut] = taken[part, cut]
            end[cut] = wide[cut] = 0.0
            free[cut] = gone[part, cut]
        if tables.turn[part] and not opened[part]:
            for cut in range(cuts):
                start[cut] = max(0.0, taken[part - 1, cut] - held[part - 1] * loads[part - 1, cut])
        opened[part] = True
        for need in range(tables.needs_begin[row], tables.needs_begin[row + 1]):
            first, last, edge = tables.needs_first[need], tables.needs_last[need], tables.needs_edge[need]
            rows = float(last + 1 - first) if narrow else 1.0
            for cut in range(cuts):
                ready = begun[last, cut] + late[edge, cut] * (sent[last, cut] - begun[last, cut])
                start[cut] = max(start[cut], begun[first, cut])
                wide[cut] = max(wide[cut], spread[edge, cut])
                end[cut] = max(end[cut], max(sent[last, cut], ready + loads[part, cut] * share / rows))
        for cut in range(cuts):
            end[cut] = max(end[cut], start[cut] + loads[part, cut] * share)
        for place in range(cores[0][part], cores[0][part + 1]):
            core = cores[1][place]
            busy[core] = max(busy[core], start[0]) + share * cores[2][place]
            end[0] = max(end[0], busy[core])
        for place in range(tables.grants_begin[row], tables.grants_begin[row + 1]):
            other = tables.grants[place]
            for cut in range(cuts):
                free[cut] = max(free[cut], sent[other, cut])
        for cut in range(cuts):
            begin = end[cut] if narrow else start[cut] + wide[cut] * (end[cut] - start[cut])
            taken[part, cut] = end[cut]
            begun[row, cut] = max(free[cut], begin)
            sent[row, cut] = gone[part, cut] = max(free[cut], end[cut])
    return sent

"""Lower latency than an even largest load: cores move from layers that wait to layers that others wait for.

The search starts at the cut with the least largest load, or at one in powers of two. Each round looks at all cuts of one layer
that are near its own, and at pairs of a finer cut of one layer and a coarser one of another, and takes the one with the lowest
latency of `pipeline.py` within the cores, at a tie with the fewest. A local search: it ends where no such step is a relief.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.mapping.pipeline import RowPipeline

if TYPE_CHECKING:
    from seneca_sim.mapping.balanced import StripProblem

__all__ = ["refined", "step_latency"]

Real = NDArray[np.floating[Any]]
Index = NDArray[np.int64]
ROUNDS = 40
NEAR = 24
"""Cuts of a layer that are looked at in a round."""
PAIRED = 40
"""Finer cuts, and coarser ones, of which pairs are looked at."""
RELIEF = 1e-4
"""Share of the latency that a step must save."""
IMPOSSIBLE = 1e18
"""Cycles of a cut whose strips do not nest."""


def step_latency(problem: StripProblem, pipeline: RowPipeline, cuts: Index, most_load: float = IMPOSSIBLE) -> Real:
    """Return the latency of each cut [cycles per step]; `cuts` is (cuts, layers, 2): choice of channels, count of strips.

    Cuts of which a part has a larger load than `most_load` take for ever.
    """
    loads, strips = {}, {}
    waits = np.zeros(len(cuts))
    for position, (layer, parent) in enumerate(zip(problem.layers, problem.parents, strict=True)):
        choice, count = cuts[:, position, 0], cuts[:, position, 1]
        above = np.zeros_like(count) if parent is None else cuts[:, parent, 1]
        loads[layer.number, 0] = np.minimum(layer.loads[choice, count] * layer.slowing[above, count], IMPOSSIBLE)
        strips[layer.number] = np.asarray(layer.counts, dtype=np.float64)[count]
        waits += layer.waits[choice, count]
    largest = np.max(list(loads.values()), axis=0)
    return np.where(largest <= most_load, pipeline.latency(loads, strips, {}) + waits, np.inf)


def refined(
    problem: StripProblem,
    pipeline: RowPipeline,
    start: Sequence[tuple[int, int]],
    cores: int,
    *,
    overlapping: bool = False,
) -> tuple[float, list[tuple[int, int]]]:
    """Return (latency, cut) of the best cut found from a start within the cores, parts on cores of their own.

    Where steps are `overlapping` the largest load, which sets their pace, does not rise.
    """
    cut = np.asarray(start, dtype=np.int64)
    most = problem.largest(start) if overlapping else IMPOSSIBLE
    latency = float(step_latency(problem, pipeline, cut[None])[0])
    tables = [layer.parts for layer in problem.layers]
    for _ in range(ROUNDS):
        used = sum(int(table[tuple(cell)]) for table, cell in zip(tables, cut, strict=True))
        moves = [(position, cell) for position in range(len(cut)) for cell in _near(problem, cut, position)]
        if not moves:
            break
        single = _moved(cut, [(move,) for move in moves])
        more = np.asarray([int(tables[at][cell] - tables[at][tuple(cut[at])]) for at, cell in moves])
        after = step_latency(problem, pipeline, single, most)
        pairs = [(a, b) for a, b in _pairs(more, latency - after, cores - used) if moves[a][0] != moves[b][0]]
        both = _moved(cut, [(moves[a], moves[b]) for a, b in pairs]) if pairs else single[:0]
        extra = np.asarray([more[a] + more[b] for a, b in pairs], dtype=np.int64)
        options, added = np.concatenate([single, both]), np.concatenate([more, extra])
        rated = np.concatenate([after, step_latency(problem, pipeline, both, most)]) if pairs else after
        rated = np.where(added <= cores - used, rated, np.inf)
        best = int(np.lexsort((added, rated))[0])
        if rated[best] > latency * (1 - RELIEF):
            break
        cut, latency = options[best], float(rated[best])
    return latency, [(int(choice), int(count)) for choice, count in cut]


def _near(problem: StripProblem, cut: Index, position: int) -> list[tuple[int, int]]:
    """Return the cuts of a layer with about as many parts as it has, of each number of strips those that are worth their parts."""
    layer = problem.layers[position]
    own = int(layer.parts[tuple(cut[position])])
    allowed = layer.fits(1.0) & (layer.parts <= 2 * own + 2) & (layer.parts * 3 >= own)
    found = []
    for count in range(len(layer.counts)):
        least = np.inf
        for choice in range(len(layer.choices)):
            if allowed[choice, count] and layer.loads[choice, count] < least:
                least = float(layer.loads[choice, count])
                found.append((choice, count))
    found = [cell for cell in found if cell != tuple(cut[position])]
    return sorted(found, key=lambda cell: abs(np.log(layer.parts[cell] / own)))[:NEAR]


def _moved(cut: Index, steps: Sequence[Sequence[tuple[int, tuple[int, int]]]]) -> Index:
    """Return the cuts after each of some steps."""
    found = np.repeat(cut[None], len(steps), axis=0)
    for index, step in enumerate(steps):
        for position, cell in step:
            found[index, position] = cell
    return found


def _pairs(more: Index, gain: Real, left: int) -> list[tuple[int, int]]:
    """Return pairs of moves (finer, coarser) within the cores left: with the best gain and the least loss for each core."""
    finer, coarser = np.flatnonzero(more > left), np.flatnonzero(more < 0)
    finer = finer[np.argsort(-gain[finer] / more[finer], kind="stable")][:PAIRED]
    coarser = coarser[np.argsort(-gain[coarser] / -more[coarser], kind="stable")][: 2 * PAIRED]
    return [(int(a), int(b)) for a in finer for b in coarser if more[a] + more[b] <= left and gain[a] > 0]

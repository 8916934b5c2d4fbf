"""Cuts for the lowest latency within a number of cores: channels x strips of which the slowest is as fast as can be, and packings.

Objective: the largest load of a core [cycles per step], with what nested strips cost (`strips.py`), plus what layers wait for
each other because bursts of rows do not fit their event FIFOs. Constraints: data memory of each core, number of cores.

Parts on cores of their own: for a largest load the fewest parts follow layer by layer (`strips.cheapest`), and they fall as
the load rises, so the least load for which they are no more than the cores is found by bisection. That is exact for these
costs where every layer's strips nest in one producer's; where they must nest in several producers', the last of them counts.
Such cuts, and others to start from, are refined for the latency of a step (`refine.py`). Sharing cores is a packing problem: best
fit, where the largest load falls by it. Which of all these is best is for `rating.py` to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import Chip
from seneca_sim.graph.network import Network
from seneca_sim.mapping.balance import SHARED_PRECISION, Allocation, least_load, packed
from seneca_sim.mapping.cost import Cuts, layer_cost, sent_values
from seneca_sim.mapping.memory import layer_memory
from seneca_sim.mapping.pipeline import RowPipeline
from seneca_sim.mapping.refine import refined
from seneca_sim.mapping.splits import UNLIMITED
from seneca_sim.mapping.strips import COUNTS, LayerStrips, bursts, cheapest

__all__ = ["WAITING", "StripProblem", "packings", "strip_cuts", "strip_problem"]

PRECISION = 1e-6
"""Relative gap at which a bisection on loads ends."""
WAITING = (0.05, 0.3, 1.0)
"""Shares of the largest load that a layer with bursts may wait for its consumers: each is tried."""
LIGHT = 0.3
"""Share of the largest load up to which a part may stand beside a heavier one: two heavy ones would stop each other's pipeline."""
LOOSEST = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Shares of the load that a packing may have, at the first of which with a packing the search begins: parts for less load are
smaller, and may fill the memories of fewer cores.
"""
ROOM = (1.0, 0.9, 0.8)
"""Shares of a core's memory that a part may take where layers share cores: each is tried; what is left is room for others."""
Cells = tuple[tuple[int, int], ...]
"""(choice, count) of each layer."""
Tried = dict[tuple[float, Cells], Allocation | None]
"""Packings of cuts up to loads."""


@dataclass(frozen=True, slots=True)
class StripProblem:
    """Layers to cut, and the position of the producer in whose strips those of each layer nest; None is the host."""

    layers: tuple[LayerStrips, ...]
    parents: tuple[int | None, ...]
    pipeline: RowPipeline | None = None
    """What rows wait for; None where it is not asked for."""
    steps_overlap: bool = False
    """Steps follow each other through the pipeline: the largest load sets their pace, and may not rise for latency."""

    def within(self, most_load: float, waiting: float, cores: float, room: float = 1.0) -> list[tuple[int, int]] | None:
        """Return the (choice, count) of each layer of the cut with the fewest parts within a load; None if they are too many."""
        found = cheapest(self.layers, self.parents, most_load, waiting, room)
        return None if found is None or found[0] > cores else found[1]

    def splits(self, chosen: Sequence[tuple[int, int]]) -> Allocation:
        """Return the cut with every part on a core of its own."""
        splits = tuple(layer.split(*cell) for layer, cell in zip(self.layers, chosen, strict=True))
        return Allocation(splits, tuple(range(sum(split.n_parts for split in splits))))

    def cells(self, allocation: Allocation, cores: int) -> Cells | None:
        """Return the (choice, count) of each layer of an allocation with parts as large on cores of their own.

        None for cuts by rows, and where that takes more cores than there are.
        """
        splits = {split.layer: split for split in allocation.splits}
        cells = (layer.cell(splits[layer.number]) for layer in self.layers)
        found = tuple(cell for cell in cells if cell is not None)
        if len(found) < len(self.layers):
            return None
        parts = sum(int(layer.parts[cell]) for layer, cell in zip(self.layers, found, strict=True))
        return found if parts <= cores else None

    def least_load(self, cores: int) -> float:
        """Return a load below which no cut can be: that of all layers, each cut as it is least, evenly on the cores."""
        least = (np.min((layer.parts * layer.loads)[layer.fits(1.0)], initial=UNLIMITED) for layer in self.layers)
        return float(sum(least)) / cores

    def latency(self, chosen: Sequence[tuple[int, int]]) -> float:
        """Return the objective: largest load with what nesting costs, plus the waits of bursts [cycles per step]."""
        return self.largest(chosen) + self.waits(chosen)

    def largest(self, chosen: Sequence[tuple[int, int]]) -> float:
        """Return the largest load of a part with what nesting costs [cycles per step]."""
        worst = 0.0
        for (choice, count), layer, parent in zip(chosen, self.layers, self.parents, strict=True):
            above = 0 if parent is None else chosen[parent][1]
            worst = max(worst, float(layer.loads[choice, count] * layer.slowing[above, count]))
        return worst

    def waits(self, chosen: Sequence[tuple[int, int]]) -> float:
        """Return what the bursts of all layers cost [cycles per step]."""
        return sum(float(layer.waits[cell]) for cell, layer in zip(chosen, self.layers, strict=True))


def strip_problem(
    network: Network,
    chip: Chip,
    trace: Trace | None,
    state_rows: Mapping[int, int],
    cuts: Cuts,
    most_strips: int = COUNTS[-1],
) -> StripProblem:
    """Return the ways to cut a network's layers; `cuts` are the channels before which producers are cut.

    What is not known yet to be cut fills input FIFOs as if it were cut into chunks, which is the most that it can.
    """
    numbers = [number for number, layer in enumerate(network.layers) if not layer.is_input]
    position = {number: index for index, number in enumerate(numbers)}
    limit = chip.core.data_memory_bits.value
    layers, parents = [], []
    sent = {number: sent_values(network, number, trace) for number in range(len(network.layers))}
    for number in numbers:
        layer = network.layers[number]
        cost = layer_cost(network, chip, number, trace, cuts, "columns")
        flow = bursts(network, chip, number, sent)
        chunks = tuple(range(cost.chunk, layer.out_shape[0], cost.chunk))
        sent[number] = sent_values(network, number, trace, cuts.get(number, chunks))
        memory = layer_memory(network, chip, number)
        layers.append(LayerStrips(number, layer, cost, memory, flow, state_rows[number], limit, most_strips))
        producers = [position[edge.source] for edge in layer.edges if not edge.delay and edge.source in position]
        parents.append(max(producers, default=None))
    return StripProblem(tuple(layers), tuple(parents))


def strip_cuts(problem: StripProblem, cores: int, starts: Sequence[Cells] = ()) -> Iterator[Allocation]:
    """Yield cuts within the cores, every part on a core of its own: balanced and refined, and refined from other starts."""
    apart = [cells for waiting in WAITING if (cells := _apart(problem, cores, waiting)) is not None]
    for start in dict.fromkeys((*apart, *starts)):
        yield problem.splits(start)
        if problem.pipeline is not None:
            yield problem.splits(refined(problem, problem.pipeline, start, cores, overlapping=problem.steps_overlap)[1])


def packings(problem: StripProblem, cores: int, limit: int, most: float) -> Iterator[Allocation]:
    """Yield cuts of which parts share cores, the largest load of a core as low as best fit finds it, up to a load."""
    tried: Tried = {}
    for room in ROOM:
        for waiting in WAITING[:2]:
            shared = _shared(problem, cores, limit, most, room, waiting, tried)
            if shared is not None:
                yield shared


def _apart(problem: StripProblem, cores: int, waiting: float) -> Cells | None:
    """Return the cut with the least largest load if every part has a core of its own."""
    loosest = problem.within(UNLIMITED, waiting, cores)
    if loosest is None:
        return None
    high = problem.latency(loosest)
    least = least_load(lambda load: problem.within(load, waiting, cores) is not None, high, PRECISION)
    found = problem.within(least, waiting, cores)
    return None if found is None else tuple(found)


def _shared(
    problem: StripProblem, cores: int, limit: int, most: float, room: float, waiting: float, tried: Tried
) -> Allocation | None:
    """Return a packing, the largest load of a core as low as best fit finds it, up to a load; None if there is none."""

    def at(load: float) -> Allocation | None:
        chosen = problem.within(load, waiting, float("inf"), room)
        if chosen is None:
            return None
        key = load, tuple(chosen)
        if key not in tried:
            tried[key] = _packed(problem, chosen, load, cores, limit)
        return tried[key]

    begun = ((load, found) for share in LOOSEST if (found := at(load := share * most)) is not None)
    high, first = next(begun, (0.0, None))
    if first is None:
        return None
    if high == UNLIMITED:
        high = sum(split.n_parts * split.load for split in first.splits)
    return at(least_load(lambda load: at(load) is not None, high, SHARED_PRECISION))


def _packed(
    problem: StripProblem, chosen: Sequence[tuple[int, int]], load: float, cores: int, limit: int
) -> Allocation | None:
    """Return a cut with its parts packed up to a load; None where best fit takes more than the cores."""
    apart = problem.splits(chosen)
    total = sum(sum(split.loads) * len(split.channels) for split in apart.splits)
    if load < UNLIMITED and total > cores * load * (1 + PRECISION):
        return None
    found = packed(apart.splits, load, limit, LIGHT)
    return found if found.n_cores <= cores else None

"""Lowest latency within a number of cores: layers cut into channels x strips so that the slowest of them is as fast as can be.

Objective: the largest load of a core [cycles per step], with what nested strips cost (`strips.py`), plus what layers wait for
each other because bursts of rows do not fit their event FIFOs. Constraints: data memory of each core, number of cores.

Parts on cores of their own: for a largest load the fewest parts follow layer by layer (`strips.cheapest`), and they fall as
the load rises, so the least load for which they are no more than the cores is found by bisection. That is exact for these
costs where every layer's strips nest in one producer's; where they must nest in several producers', the last of them counts.
Sharing cores is a packing problem: best fit, used where it beats parts of their own. Small and sparse maps, of which input FIFOs
hold what a range of rows gets in a step, may be cut by rows as well: the cut with the lower objective is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import Chip
from seneca_sim.graph.network import Network
from seneca_sim.mapping.balance import SHARED_PRECISION, Allocation, least_load, packed
from seneca_sim.mapping.cost import layer_cost, sent_values
from seneca_sim.mapping.memory import layer_memory
from seneca_sim.mapping.pipeline import RowPipeline
from seneca_sim.mapping.refine import refined
from seneca_sim.mapping.splits import UNLIMITED
from seneca_sim.mapping.strips import COUNTS, FILLED, LayerStrips, bursts, cheapest

__all__ = ["StripProblem", "balanced_strips", "rows_latency", "strip_problem"]

PRECISION = 1e-6
"""Relative gap at which a bisection on loads ends."""
WAITING = (0.05, 0.3, 1.0)
"""Shares of the largest load that a layer with bursts may wait for its consumers: each is tried."""
SHARING_GAIN = 0.8
"""Layers share cores only where that lowers the largest load at least to this share: what shares a core waits for each other."""
LIGHT = 0.3
"""Share of the largest load up to which a part may stand beside a heavier one: two heavy ones would stop each other's pipeline."""
ROOM = (1.0, 0.9, 0.8)
"""Shares of a core's memory that a part may take where layers share cores: each is tried; what is left is room for others."""
Cuts = dict[int, tuple[int, ...]]


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
    layers, parents, sent = [], [], [sent_values(network, number, trace) for number in range(len(network.layers))]
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


def balanced_strips(problem: StripProblem, cores: int, limit: int) -> tuple[float, Allocation] | None:
    """Return (objective, cut) of the best found within the cores, parts on cores of their own or packed; None if none is."""
    chosen = [cells for waiting in WAITING if (cells := _apart(problem, cores, waiting)) is not None]
    best = min(chosen, key=problem.latency, default=None)
    apart = None if best is None else (problem.latency(best), problem.splits(_refined(problem, best, cores)))
    most = UNLIMITED if best is None else SHARING_GAIN * problem.latency(best)
    tries = [(room, waiting) for room in ROOM for waiting in WAITING[:2]]
    packings = [found for each in tries if (found := _shared(problem, cores, limit, most, *each)) is not None]
    return min(packings, key=lambda packing: packing[0]) if packings else apart


def _refined(problem: StripProblem, chosen: list[tuple[int, int]], cores: int) -> list[tuple[int, int]]:
    """Return a cut with a lower latency of a step, where one is found."""
    if problem.pipeline is None:
        return chosen
    return refined(problem, problem.pipeline, chosen, cores, overlapping=problem.steps_overlap)[1]


def rows_latency(problem: StripProblem, network: Network, allocation: Allocation) -> float:
    """Return the objective of a cut by rows: its largest load, and what ranges wait whose share of a step no input FIFO holds."""
    worst, load = 0.0, dict.fromkeys(allocation.cores, 0.0)
    cores = iter(allocation.cores)
    for layer, split, parent in zip(problem.layers, allocation.splits, problem.parents, strict=True):
        for cycles in split.loads:
            for _ in split.channels:
                load[next(cores)] += cycles
        above = 1 if parent is None else len(allocation.splits[parent].rows)
        forward = (edge for edge in layer.layer.edges if not edge.delay)
        rows = [network.layers[edge.source].out_shape[1] for edge in forward]
        segment = float(np.max(layer.flow.row_flits * rows, initial=1.0)) / len(split.rows)
        held = min(1.0, FILLED * layer.flow.input_fifo / max(segment, 1.0))
        worst = max(worst, split.load * len(split.rows) / above * (1.0 - held))
    return max(worst, *load.values())


def _apart(problem: StripProblem, cores: int, waiting: float) -> list[tuple[int, int]] | None:
    """Return the cut with the least largest load if every part has a core of its own."""
    loosest = problem.within(UNLIMITED, waiting, cores)
    if loosest is None:
        return None
    high = problem.latency(loosest)
    least = least_load(lambda load: problem.within(load, waiting, cores) is not None, high, PRECISION)
    return problem.within(least, waiting, cores)


def _shared(
    problem: StripProblem, cores: int, limit: int, most: float, room: float, waiting: float
) -> tuple[float, Allocation] | None:
    """Return (objective, cut and packing), the largest load of a core as low as best fit finds it, below a load; None for none."""

    def at(load: float) -> Allocation | None:
        chosen = problem.within(load, waiting, float("inf"), room)
        if chosen is None:
            return None
        apart = problem.splits(chosen)
        total = sum(sum(split.loads) * len(split.channels) for split in apart.splits)
        if load < UNLIMITED and total > cores * load * (1 + PRECISION):
            return None
        found = packed(apart.splits, load, limit, LIGHT)
        return found if found.n_cores <= cores else None

    first = at(most)
    if first is None:
        return None
    high = most if most < UNLIMITED else sum(split.n_parts * split.load for split in first.splits)
    least = least_load(lambda load: at(load) is not None, high, SHARED_PRECISION)
    found, chosen = at(least), problem.within(least, waiting, float("inf"), room)
    return None if found is None or chosen is None else (least + problem.waits(chosen), found)

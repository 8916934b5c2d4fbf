"""The search behind the goal `balanced`: of all cuts and packings that are found, the one that is rated lowest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from seneca_sim.errors import MappingError
from seneca_sim.mapping.balance import Allocation, balanced_apart, balanced_shared
from seneca_sim.mapping.balanced import WAITING, StripProblem, packings, strip_cuts
from seneca_sim.mapping.cost import Cuts
from seneca_sim.mapping.memory import weight_owners
from seneca_sim.mapping.powers import least_powers, of_teams, relieved, teams_of
from seneca_sim.mapping.rating import Rater, channel_cuts
from seneca_sim.mapping.splits import UNLIMITED, LayerSplits
from seneca_sim.mapping.strips import COUNTS
from seneca_sim.mapping.task import USEFUL_WINDOW, Task, layer_splits, runs_ahead, strips_of

__all__ = ["lowest_rated"]

REFINEMENTS = 2
"""Times that loads are computed anew for producers cut as found."""
SMALL_MAP = 4096
"""Positions of the largest map up to which cuts by rows are looked at."""
SHARING_GAIN = 0.8
"""Layers share cores only where that lowers the rating at least to this share: what shares a core waits for each other."""
Rated = tuple[float, Allocation]
"""(rating, allocation)"""


def lowest_rated(task: Task) -> Allocation | None:
    """Return the allocation with the lowest rating within the cores of a task; None where they are too few.

    Fewer cores are tried as well: more parts send more packets, and need not be a relief.
    """
    search = _Search(task)
    best: Rated | None = None
    for cores in _numbers_of_cores(_budget(task, search.problem)):
        most = UNLIMITED if best is None else best[0]
        if search.problem.least_load(cores) >= most:
            break
        best = _better(best, search.within(cores, most))
    return None if best is None else best[1]


def _numbers_of_cores(most: int) -> list[int]:
    """Return numbers of cores that are tried, the most first, then the powers of two below it.

    >>> _numbers_of_cores(100)
    [100, 64, 32, 16, 8, 4, 2, 1]
    """
    powers = (1 << power for power in reversed(range(most.bit_length())))
    return [number for number in dict.fromkeys((most, *powers)) if number > 0]


def _budget(task: Task, problem: StripProblem) -> int:
    """Return the most cores to use."""
    if task.cores is not None:
        return task.cores
    chosen = problem.within(UNLIMITED, 1.0, float("inf"))
    mesh = task.chip.noc.columns.value * task.chip.noc.rows.value
    return mesh or (0 if chosen is None else problem.splits(chosen).n_cores)


class _Search:
    """Looks for the allocation with the lowest rating."""

    def __init__(self, task: Task):
        self._task = task
        self._rater = Rater(task.network, task.chip, task.trace, _rows_ahead(task), by_pace=_by_pace(task))
        self.problem = self._strips({})
        self._layers = _layer_splits_if_any(task)
        self._by_cuts: dict[tuple[tuple[int, tuple[int, ...]], ...], tuple[StripProblem, list[LayerSplits]]] = {}

    def within(self, cores: int, most: float) -> Rated | None:
        """Return the best allocation found within some cores; what takes longer than `most` need not be found.

        Loads are those of whole producers, then those of producers cut as the best of the first time. Packings are looked at last.
        """
        problem, layers = self.problem, self._layers
        starts = self._powers(cores, range(len(self._task.network.layers)))
        apart = self._apart(problem, layers, cores, most, starts)
        apart = _better(apart, self._rated(self._powers(cores, weight_owners(self._task.network))))
        for _ in range(REFINEMENTS - 1):
            cuts = {} if apart is None else channel_cuts(apart[1])
            if not any(cuts.values()):
                break
            problem, layers = self._cut_before(cuts)
            apart = _better(apart, self._apart(problem, layers, cores, most))
        limit = most if apart is None else min(most, SHARING_GAIN * apart[0])
        shared = self._shared(problem, layers, cores, limit)
        return apart if shared is None or shared[0] > limit else shared

    def _cut_before(self, cuts: Cuts) -> tuple[StripProblem, list[LayerSplits]]:
        """Return the ways to cut layers whose producers are cut before some channels."""
        key = tuple(sorted(cuts.items()))
        if key not in self._by_cuts:
            layers = layer_splits(self._task, cuts) if self._layers and _rows_may_be_cut(self._task) else []
            self._by_cuts[key] = self._strips(cuts), layers
        return self._by_cuts[key]

    def _strips(self, cuts: Cuts) -> StripProblem:
        """Return the ways to cut into strips, and what rows wait for, unless layers wait for whole maps."""
        flow = self._task.chip.flow
        pipeline = None if flow.order.value == "conventional" else self._rater.pipeline({})
        return replace(strips_of(self._task, cuts), pipeline=pipeline, steps_overlap=flow.pipelined.value)

    def _apart(
        self,
        problem: StripProblem,
        layers: Sequence[LayerSplits],
        cores: int,
        most: float,
        starts: Sequence[Allocation] = (),
    ) -> Rated | None:
        """Return the best cut with every part on a core of its own."""
        best: Rated | None = None
        if problem.within(most, WAITING[-1], cores) is not None:
            cells = [found for start in starts if (found := problem.cells(start, cores)) is not None]
            best = self._rated(strip_cuts(problem, cores, cells))
        if layers and _rows_may_be_cut(self._task):
            best = _better(best, self._rated([balanced_apart(layers, cores)]))
        return best

    def _shared(self, problem: StripProblem, layers: Sequence[LayerSplits], cores: int, most: float) -> Rated | None:
        """Return the best packing of which no core has more than some load."""
        best = self._rated(packings(problem, cores, self._task.limit, most))
        if layers and _rows_may_be_cut(self._task):
            best = _better(best, self._rated([balanced_shared(layers, cores, self._task.limit)]))
        return best

    def _powers(self, cores: int, owners: Sequence[int]) -> list[Allocation]:
        """Return the cut in powers of two if there is one within the cores; layers with the same owner share theirs."""
        if not self._layers:
            return []
        teams = least_powers(teams_of(self._layers, owners))
        used = sum(team[0].n_parts for team in teams)
        return [of_teams(relieved(teams, self.problem, cores))] if used <= cores else []

    def _rated(self, allocations: Iterable[Allocation | None]) -> Rated | None:
        """Return the best of some allocations; None if there is none."""
        best: Rated | None = None
        for allocation in dict.fromkeys(allocations):
            best = best if allocation is None else _better(best, (self._rater.rating(allocation), allocation))
        return best


def _better(one: Rated | None, other: Rated | None) -> Rated | None:
    """Return what is rated lower, the first where they are equal."""
    if one is None or other is None:
        return one or other
    return other if other[0] < one[0] else one


def _layer_splits_if_any(task: Task) -> list[LayerSplits]:
    """Return the ways to cut each layer by rows; none where a whole row of one is too large for a core: strips may not be."""
    try:
        return layer_splits(task, {})
    except MappingError:
        return []


def _by_pace(task: Task) -> bool:
    """Return whether latency is not that of a pipeline of rows: steps overlap, or layers wait for whole maps."""
    return task.chip.flow.pipelined.value or task.chip.flow.order.value == "conventional"


def _rows_ahead(task: Task) -> dict[int, int]:
    """Return the state rows of each layer if there is memory for as many as are of use."""
    ahead = max(0, USEFUL_WINDOW - task.chip.flow.window.value)
    layers = task.network.layers
    return {number: have + ahead * runs_ahead(layers[number]) for number, have in task.state_rows.items()}


def _rows_may_be_cut(task: Task) -> bool:
    """Return whether cuts by rows are looked at: of small maps, since no FIFO holds a range of rows of a large one.

    Ranges of rows take multicast groups as strips do: not where these are to be few.
    """
    shapes = [task.network.layers[number].shape for number in task.mapped]
    return task.most_strips == COUNTS[-1] and max(rows * columns for _, rows, columns in shapes) <= SMALL_MAP

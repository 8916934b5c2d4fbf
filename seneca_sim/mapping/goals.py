"""What automatic mapping aims at: each goal cuts the layers and gives every part a core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import Chip
from seneca_sim.chip.prices import price_table
from seneca_sim.chip.programs import integrate_program
from seneca_sim.errors import MappingError
from seneca_sim.graph.network import Layer, Network, Precision
from seneca_sim.mapping.balance import Allocation, balanced_apart, balanced_shared, energy_per_step, packed
from seneca_sim.mapping.balanced import WAITING, StripProblem, packings, strip_cuts, strip_problem
from seneca_sim.mapping.cost import layer_cost
from seneca_sim.mapping.geometry import Span, output_range
from seneca_sim.mapping.memory import layer_memory, weight_owners
from seneca_sim.mapping.packing import Item, lower_bound, pack
from seneca_sim.mapping.powers import Team, least_powers, relieved, teams_of
from seneca_sim.mapping.rating import Cuts, Rater, channel_cuts
from seneca_sim.mapping.splits import UNLIMITED, LayerSplits, even_ranges, part_bits, row_choices
from seneca_sim.mapping.strips import COUNTS

__all__ = ["GOALS", "ROOMY", "STRATEGIES", "STRIPED", "USEFUL_WINDOW", "Draft", "Task", "items", "runs_ahead"]

GOALS = ("fewest-cores", "balanced", "power-of-two", "energy")
"""fewest-cores: as few as the memories allow. balanced: lowest latency within `cores`, of all that `balanced.py`,
`balance.py` and `powers.py` find the one that `rating.py` rates lowest. power-of-two: each layer's channels in equal parts, the
least power of two that fits; where `cores` are stated, the layer with the largest load gets twice as many, in channels and then in
strips of columns, again and again, while they last; layers with the same weights share cores (`powers.py`). energy: fewest padded
chunks and repeated deliveries within `cores`, layers sharing cores where they fit; latency is not weighed."""
STRIPED = ("balanced", "power-of-two")
"""Goals that cut strips of columns."""
ROOMY = ("balanced",)
"""Goals that fill free memory with state rows (`runs_ahead`): layers busy at different times then wait less for each other."""
USEFUL_WINDOW = 8
"""Rows that producers may run ahead where there is memory; more of them hardly change the latency."""
REFINEMENTS = 2
"""Times that loads are computed anew for producers cut as found."""
SMALL_MAP = 4096
"""Positions of the largest map up to which cuts by rows are looked at."""
SHARING_GAIN = 0.8
"""Layers share cores only where that lowers the rating at least to this share: what shares a core waits for each other."""
Rated = tuple[float, Allocation]
"""(rating, allocation)"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A part without state rows."""

    layer: int
    channels: Span
    rows: Span
    columns: Span
    core: int


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be mapped, and what every goal works with."""

    network: Network
    chip: Chip
    cores: int | None
    """Most cores to use; None is as many as the goal asks for."""
    trace: Trace | None
    state_rows: Mapping[int, int]
    """Rows assumed for the parts of each layer."""
    most_strips: int = COUNTS[-1]
    """Strips of columns that a layer may be cut into: each takes multicast groups of its own."""

    @property
    def limit(self) -> int:
        """Data memory of a core [bits]."""
        return self.chip.core.data_memory_bits.value

    @property
    def mapped(self) -> list[int]:
        """Numbers of the layers that live on cores."""
        return [number for number, layer in enumerate(self.network.layers) if not layer.is_input]


def _layer_splits(task: Task, cuts: Cuts) -> list[LayerSplits]:
    """Return the ways to cut each layer; refuse layers of which no part fits a core."""
    network, chip = task.network, task.chip
    layers = []
    for number in task.mapped:
        memory = layer_memory(network, chip, number)
        cost = layer_cost(network, chip, number, task.trace, cuts)
        splits = LayerSplits(number, network.layers[number], cost, memory, task.state_rows[number], task.limit)
        if splits.fewest_parts(UNLIMITED) is None:
            raise _too_large(
                task,
                number,
                int(part_bits(network.layers[number], memory, 1, task.state_rows[number]).diagonal().max()),
            )
        layers.append(splits)
    return layers


def _layer_splits_if_any(task: Task) -> list[LayerSplits]:
    """Return the ways to cut each layer by rows; none where a whole row of one is too large for a core: strips may not be."""
    try:
        return _layer_splits(task, {})
    except MappingError:
        return []


def _too_large(task: Task, number: int, need: int) -> MappingError:
    return MappingError(
        f"{task.network.layers[number].name}: one row of one channel needs {need} bits, a core has {task.limit}; input channels "
        "are not split: use narrower weights or more data memory (core.data_memory_bits)"
    )


def _too_few(task: Task, need: int, why: str) -> MappingError:
    return MappingError(
        f"network {task.network.name} needs {need} cores of {task.limit} bits {why}, but only {task.cores} may be used; "
        "allow more cores, or use narrower weights or more data memory"
    )


def _fewest_cores(task: Task) -> list[Draft]:
    """Pack pieces of layers by memory alone."""
    layers = items(task)
    pieces = pack(layers, task.limit)
    number = len({piece.core for piece in pieces})
    if task.cores is not None and number > task.cores:
        bound = lower_bound(layers, task.limit)
        raise _too_few(task, number, f"(at least {bound}, by its bits alone)")
    return [
        Draft(piece.item.layer, piece.channels, piece.item.rows, _columns(task, piece.item.layer), piece.core)
        for piece in pieces
    ]


def _columns(task: Task, number: int) -> Span:
    return output_range(task.network.layers[number], "columns")


def items(task: Task) -> list[Item]:
    """Return the layers to pack; a layer of which one channel is too large comes in even ranges of rows."""
    found: list[Item] = []
    for number in task.mapped:
        layer, memory = task.network.layers[number], layer_memory(task.network, task.chip, number)
        bits = part_bits(layer, memory, 1, task.state_rows[number])
        starts, ends = row_choices(layer.out_shape[1])
        for ranges in (even_ranges(len(starts), count) for count in range(1, len(starts) + 1)):
            if max(int(bits[first, end - 1]) for first, end in ranges) <= task.limit:
                break
        else:
            raise _too_large(task, number, int(bits.diagonal().max()))
        for first, end in ranges:
            rows = (int(starts[first]), int(ends[end - 1]))
            map_bits = int(bits[first, end - 1]) - sum(memory.channel_kinds(1))
            found.append(Item(number, layer.shape[0], rows, memory, map_bits))
    return found


def _balanced(task: Task) -> list[Draft]:
    """Return the allocation with the lowest rating within the cores; pack by memory alone where there are too few.

    Fewer cores are tried as well: more parts send more packets, and need not be a relief.
    """
    search = _Search(task)
    best: Rated | None = None
    for cores in _numbers_of_cores(_budget(task, search.problem)):
        most = UNLIMITED if best is None else best[0]
        if search.problem.least_load(cores) >= most:
            break
        best = _better(best, search.within(cores, most))
    return _fewest_cores(task) if best is None else _drafts(best[1], task.network)


def _numbers_of_cores(most: int) -> list[int]:
    """Return numbers of cores that are tried, the most first, then the powers of two below it.

    >>> _numbers_of_cores(100)
    [100, 64, 32, 16, 8, 4, 2, 1]
    """
    powers = (1 << power for power in reversed(range(most.bit_length())))
    return [number for number in dict.fromkeys((most, *powers)) if number > 0]


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
            layers = _layer_splits(self._task, cuts) if self._layers and _rows_may_be_cut(self._task) else []
            self._by_cuts[key] = self._strips(cuts), layers
        return self._by_cuts[key]

    def _strips(self, cuts: Cuts) -> StripProblem:
        """Return the ways to cut into strips, and what rows wait for, unless layers wait for whole maps."""
        flow = self._task.chip.flow
        pipeline = None if flow.order.value == "conventional" else self._rater.pipeline({})
        return replace(_strip_problem(self._task, cuts), pipeline=pipeline, steps_overlap=flow.pipelined.value)

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
        return [_of_teams(relieved(teams, self.problem, cores))] if used <= cores else []

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


def _strip_problem(task: Task, cuts: Cuts) -> StripProblem:
    """Return the ways to cut into strips, for producers cut before some channels."""
    return strip_problem(task.network, task.chip, task.trace, task.state_rows, cuts, task.most_strips)


def _by_pace(task: Task) -> bool:
    """Return whether latency is not that of a pipeline of rows: steps overlap, or layers wait for whole maps."""
    return task.chip.flow.pipelined.value or task.chip.flow.order.value == "conventional"


def _rows_ahead(task: Task) -> dict[int, int]:
    """Return the state rows of each layer if there is memory for as many as are of use."""
    ahead = max(0, USEFUL_WINDOW - task.chip.flow.window.value)
    layers = task.network.layers
    return {number: have + ahead * runs_ahead(layers[number]) for number, have in task.state_rows.items()}


def runs_ahead(layer: Layer) -> bool:
    """Return whether a layer gains by more state rows than it must have.

    Not where a step before comes back: cores take in rows before they replay, and no row fires before its replay.
    """
    return not any(edge.delay for edge in layer.edges)


def _rows_may_be_cut(task: Task) -> bool:
    """Return whether cuts by rows are looked at: of small maps, since no FIFO holds a range of rows of a large one.

    Ranges of rows take multicast groups as strips do: not where these are to be few.
    """
    shapes = [task.network.layers[number].shape for number in task.mapped]
    return task.most_strips == COUNTS[-1] and max(rows * columns for _, rows, columns in shapes) <= SMALL_MAP


def _budget(task: Task, problem: StripProblem) -> int:
    """Return the most cores to use."""
    if task.cores is not None:
        return task.cores
    chosen = problem.within(UNLIMITED, 1.0, float("inf"))
    mesh = task.chip.noc.columns.value * task.chip.noc.rows.value
    return mesh or (0 if chosen is None else problem.splits(chosen).n_cores)


def _drafts(allocation: Allocation, network: Network) -> list[Draft]:
    cores = iter(allocation.cores)
    drafts = []
    for split in allocation.splits:
        rows, columns = (output_range(network.layers[split.layer], name) for name in ("rows", "columns"))
        for span in split.rows:
            box = (span, columns) if split.axis == "rows" else (rows, span)
            drafts += [Draft(split.layer, channels, *box, next(cores)) for channels in split.channels]
    return drafts


def _power_of_two(task: Task) -> list[Draft]:
    """Cut each layer into equal parts, a power of two of them; layers with the same weights share cores."""
    teams = least_powers(teams_of(_layer_splits(task, {}), weight_owners(task.network)))
    used = sum(team[0].n_parts for team in teams)
    if task.cores is not None:
        if used > task.cores:
            raise _too_few(task, used, "for equal parts on cores of their own")
        teams = relieved(teams, _strip_problem(task, {}), task.cores)
    return _drafts(_of_teams(teams), task.network)


def _of_teams(teams: Sequence[Team]) -> Allocation:
    """Return the splits of all teams, each team on cores of its own."""
    cores: list[int] = []
    first = 0
    for team in teams:
        cores += [first + core for split in team for core in range(split.n_parts)]
        first += max(split.n_parts for split in team)
    return Allocation(tuple(split for team in teams for split in team), tuple(cores))


def _energy(task: Task) -> list[Draft]:
    """Cut each layer as it costs least energy and pack the parts: what stays on a core enters no network, and fewer are powered."""
    layers = _layer_splits(task, {})
    control_pj = price_table(task.chip)["riscv.busy_cycle"].pj
    chosen = []
    for layer in layers:
        lane_pj = _lane_pj(task, layer.number) + (control_pj if layer.cost.inline else 0.0)
        costs = [
            (energy_per_step(layer, split, lane_pj, control_pj), split.n_parts, split) for split in layer.candidates()
        ]
        chosen.append(min(costs, key=lambda cost: cost[:2])[2])
    shared = packed(tuple(chosen), UNLIMITED, task.limit)
    return _drafts(shared, task.network) if task.cores is None or shared.n_cores <= task.cores else _fewest_cores(task)


def _lane_pj(task: Task, number: int) -> float:
    """Return what a cycle of integration costs on the lanes of a layer's cores [pJ]."""
    network, layer = task.network, task.network.layers[number]
    edge = layer.edges[0]
    types = Precision(layer.precision.weight, layer.precision.state, network.layers[edge.source].precision.event)
    group = task.chip.core.grouping.size.value
    program = integrate_program(task.chip, types, group, weighted=edge.weight is not None)
    return sum(price_table(task.chip).program_pj(program).values()) / program.cycles if program.cycles else 0.0


STRATEGIES: dict[str, Callable[[Task], list[Draft]]] = {
    "fewest-cores": _fewest_cores,
    "balanced": _balanced,
    "power-of-two": _power_of_two,
    "energy": _energy,
}

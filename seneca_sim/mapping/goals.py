"""What automatic mapping aims at: each goal cuts the layers and gives every part a core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import Chip
from seneca_sim.chip.prices import price_table
from seneca_sim.chip.programs import integrate_program
from seneca_sim.errors import MappingError
from seneca_sim.graph.network import Network, Precision
from seneca_sim.mapping.balance import Allocation, balanced_apart, balanced_shared, energy_per_step, packed
from seneca_sim.mapping.balanced import StripProblem, balanced_strips, rows_latency, strip_problem
from seneca_sim.mapping.cost import layer_cost
from seneca_sim.mapping.geometry import Span, output_range
from seneca_sim.mapping.memory import layer_memory, weight_owners
from seneca_sim.mapping.packing import Item, lower_bound, pack
from seneca_sim.mapping.pipeline import RowPipeline, row_pipeline, row_shares
from seneca_sim.mapping.powers import least_powers, relieved, teams_of
from seneca_sim.mapping.splits import UNLIMITED, LayerSplits, Split, even_ranges, part_bits, row_choices
from seneca_sim.mapping.strips import COUNTS

__all__ = ["GOALS", "ROOMY", "STRATEGIES", "STRIPED", "USEFUL_WINDOW", "Draft", "Task", "items"]

GOALS = ("fewest-cores", "balanced", "power-of-two", "energy")
"""fewest-cores: as few as the memories allow. balanced: lowest latency within `cores` (`balanced.py`). power-of-two: each
layer's channels in equal parts, the least power of two that fits; where `cores` are stated, the layer with the largest load gets
twice as many, in channels and then in strips of columns, again and again, while they last; layers with the same weights share
cores (`powers.py`). energy: fewest padded chunks and repeated deliveries within `cores`, layers sharing cores where they fit;
latency is not weighed."""
STRIPED = ("balanced", "power-of-two")
"""Goals that cut strips of columns."""
ROOMY = ("balanced",)
"""Goals that fill free memory with state rows: layers that are busy at different times then wait less for each other."""
USEFUL_WINDOW = 8
"""Rows that producers may run ahead where there is memory; more of them hardly change the latency."""
REFINEMENTS = 2
"""Times that loads are computed anew for producers cut as found."""
SMALL_MAP = 4096
"""Positions of the largest map up to which cuts by rows are looked at."""
Cuts = dict[int, tuple[int, ...]]
"""Per layer, the channels before which it is cut."""


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
    """Balance for whole producers, then for producers cut as the first time; pack by memory alone where there are too few cores."""
    cuts: Cuts = {}
    found: Allocation | None = None
    for _ in range(REFINEMENTS):
        problem = strip_problem(task.network, task.chip, task.trace, task.state_rows, cuts, task.most_strips)
        problem = replace(problem, pipeline=_pipeline(task), steps_overlap=task.chip.flow.pipelined.value)
        cores = _budget(task, problem)
        again = balanced_strips(problem, cores, task.limit)
        if again is None:
            break
        by_rows = _by_rows(task, problem, cores, cuts)
        better = again[1] if by_rows is None or by_rows[0] >= again[0] else by_rows[1]
        if found is not None and better.splits == found.splits:
            break
        found, cuts = better, _channel_cuts(better.splits)
        if not any(cuts.values()):
            break
    return _fewest_cores(task) if found is None else _drafts(found, task.network)


def _pipeline(task: Task) -> RowPipeline | None:
    """Return what rows of the network wait for; None where no layer has more than one, or all wait for whole maps."""
    network, chip = task.network, task.chip
    single = max(network.layers[number].out_shape[1] for number in task.mapped) == 1
    if single or chip.flow.order.value == "conventional":
        return None
    shares = {number: row_shares(layer_cost(network, chip, number, task.trace)) for number in task.mapped}
    ahead = max(0, USEFUL_WINDOW - chip.flow.window.value)
    rows = {number: have + ahead for number, have in task.state_rows.items()}
    return row_pipeline(network, rows, shares)


def _by_rows(task: Task, problem: StripProblem, cores: int, cuts: Cuts) -> tuple[float, Allocation] | None:
    """Return (objective, best cut by rows) of small maps; None for large ones, of which no FIFO holds a range of rows.

    Ranges of rows take multicast groups as strips do: None where these are to be few.
    """
    if (
        task.most_strips < COUNTS[-1]
        or max(layer.layer.shape[1] * layer.layer.shape[2] for layer in problem.layers) > SMALL_MAP
    ):
        return None
    layers = _layer_splits(task, cuts)
    found = (balanced_apart(layers, cores), balanced_shared(layers, cores, task.limit))
    rated = [(rows_latency(problem, task.network, each), each) for each in found if each is not None]
    return min(rated, key=lambda one: one[0], default=None)


def _budget(task: Task, problem: StripProblem) -> int:
    """Return the most cores to use."""
    if task.cores is not None:
        return task.cores
    chosen = problem.within(UNLIMITED, 1.0, float("inf"))
    mesh = task.chip.noc.columns.value * task.chip.noc.rows.value
    return mesh or (0 if chosen is None else problem.splits(chosen).n_cores)


def _channel_cuts(splits: Sequence[Split]) -> Cuts:
    return {split.layer: tuple(start for start, _ in split.channels[1:]) for split in splits}


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
        problem = strip_problem(task.network, task.chip, task.trace, task.state_rows, {}, task.most_strips)
        teams = relieved(teams, problem, task.cores)
    drafts: list[Draft] = []
    first = 0
    for team in teams:
        numbers = [tuple(range(first, first + split.n_parts)) for split in team]
        drafts += _drafts(Allocation(team, tuple(core for cores in numbers for core in cores)), task.network)
        first = max(cores[-1] for cores in numbers) + 1
    return drafts


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

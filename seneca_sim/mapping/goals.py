"""What automatic mapping aims at: each goal cuts the layers and gives every part a core."""

from __future__ import annotations

from collections.abc import Callable

from seneca_sim.chip.prices import price_table
from seneca_sim.chip.programs import integrate_program
from seneca_sim.graph.network import Network, Precision
from seneca_sim.mapping.balance import Allocation, energy_per_step, packed
from seneca_sim.mapping.geometry import Span, output_range
from seneca_sim.mapping.memory import layer_memory, weight_owners
from seneca_sim.mapping.packing import Item, lower_bound, pack
from seneca_sim.mapping.powers import least_powers, of_teams, relieved, teams_of
from seneca_sim.mapping.search import lowest_rated
from seneca_sim.mapping.splits import UNLIMITED, even_ranges, part_bits, row_choices
from seneca_sim.mapping.task import Draft, Task, layer_splits, strips_of, too_few, too_large

__all__ = ["GOALS", "ROOMY", "STRATEGIES", "STRIPED", "items"]

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


def _fewest_cores(task: Task) -> list[Draft]:
    """Pack pieces of layers by memory alone."""
    layers = items(task)
    pieces = pack(layers, task.limit)
    number = len({piece.core for piece in pieces})
    if task.cores is not None and number > task.cores:
        bound = lower_bound(layers, task.limit)
        raise too_few(task, number, f"(at least {bound}, by its bits alone)")
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
            raise too_large(task, number, int(bits.diagonal().max()))
        for first, end in ranges:
            rows = (int(starts[first]), int(ends[end - 1]))
            map_bits = int(bits[first, end - 1]) - sum(memory.channel_kinds(1))
            found.append(Item(number, layer.shape[0], rows, memory, map_bits))
    return found


def _balanced(task: Task) -> list[Draft]:
    """Return the allocation with the lowest rating within the cores; pack by memory alone where there are too few."""
    found = lowest_rated(task)
    return _fewest_cores(task) if found is None else _drafts(found, task.network)


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
    teams = least_powers(teams_of(layer_splits(task, {}), weight_owners(task.network)))
    used = sum(team[0].n_parts for team in teams)
    if task.cores is not None:
        if used > task.cores:
            raise too_few(task, used, "for equal parts on cores of their own")
        teams = relieved(teams, strips_of(task, {}), task.cores)
    return _drafts(of_teams(teams), task.network)


def _energy(task: Task) -> list[Draft]:
    """Cut each layer as it costs least energy and pack the parts: what stays on a core enters no network, and fewer are powered."""
    layers = layer_splits(task, {})
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

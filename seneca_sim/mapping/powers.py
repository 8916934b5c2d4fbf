"""Equal parts in powers of two: each layer in as many as its memory asks for, and twice as many where time is lost.

Time is first sought in ranges of channels; where twice as many would be less than a chunk of sums or of neurons each, or are no
relief, in strips of columns (not rows: their ranges would wait for each other, see `strips.py`). Smaller ranges would leave
lanes idle, and send packets with few values to ever more cores. A layer in more strips than what feeds it is served strip
after strip where its input FIFOs hold little; where only that keeps its load up, the strips of what feeds it are doubled with
its own.

Layers with the same weights (a head used on several maps) form a team: their parts of the same channels and the same share of
the columns stand on the same core and have one copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seneca_sim.mapping.balance import Allocation
from seneca_sim.mapping.balanced import StripProblem
from seneca_sim.mapping.splits import LayerSplits, Split
from seneca_sim.mapping.strips import COUNTS, LayerStrips

__all__ = ["least_powers", "of_teams", "relieved", "teams_of"]

Team = tuple[Split, ...]
"""Splits of layers on the same cores: the k-th part of each stands on the k-th core."""


def teams_of(layers: Sequence[LayerSplits], owners: Sequence[int]) -> list[list[LayerSplits]]:
    """Return layers with the same weights together, others alone; `owners` is as of `memory.weight_owners`."""
    teams: dict[int, list[LayerSplits]] = {}
    for layer in layers:
        teams.setdefault(owners[layer.number], []).append(layer)
    return list(teams.values())


def least_powers(teams: Sequence[Sequence[LayerSplits]]) -> list[Team]:
    """Return the least power of two of equal parts that fit, for each team."""
    return [next(cut for cut in _doubled(team) if cut is not None) for team in teams]


def _doubled(team: Sequence[LayerSplits]) -> Iterator[Team | None]:
    """Yield even splits into 1, 2, 4, ... ranges of channels, then with one channel each into more and more ranges of rows."""
    channels, rows = team[0].cost.channels, min(len(layer.starts) for layer in team)
    number = 1
    while number <= channels:
        yield _even(team, number, 1)
        number *= 2
    number = 2
    while True:
        yield _even(team, channels, min(number, rows))
        number *= 2


def _even(team: Sequence[LayerSplits], channels: int, rows: int) -> Team | None:
    """Return even splits of all layers of a team; None if a core cannot hold its parts, with one copy of the weights."""
    splits = [layer.even_split(channels, rows) for layer in team]
    found = tuple(split for split in splits if split is not None)
    if len(found) < len(splits):
        return None
    most = max(end - start for start, end in found[0].channels)
    copies = (len(team) - 1) * sum(team[0].memory.channel_kinds(most))
    return found if sum(max(split.bits) for split in found) - copies <= team[0].limit else None


@dataclass(frozen=True, slots=True)
class _Grid:
    """Even ranges of channels times strips of columns."""

    channels: int
    strips: int

    @property
    def parts(self) -> int:
        """Number of cores."""
        return self.channels * self.strips


Grids = dict[int, _Grid]
"""By position of the team."""


def relieved(teams: Sequence[Team], problem: StripProblem, cores: int) -> list[Team]:
    """Cut the team with the largest load on a core into twice as many parts, again and again, while the cores last.

    Where that would take more cores than are left, or is no relief, the next one is cut, until no cut is left to make. Teams that
    memory cuts by rows stay as they are.
    """
    cuts = _Cuts(teams, problem)
    left = cores - sum(team[0].n_parts for team in teams)
    grids: Grids = {
        index: _Grid(len(team[0].channels), 1) for index, team in enumerate(teams) if len(team[0].rows) == 1
    }
    while left > 0:
        for index in sorted(grids, key=lambda index: -cuts.load(index, grids)):
            again = cuts.twice(index, grids)
            more = 0 if again is None else sum(again[team].parts - grids[team].parts for team in grids)
            if again is not None and more <= left:
                grids, left = again, left - more
                break
        else:
            break
    return [cuts.team(index, grids[index]) if index in grids else team for index, team in enumerate(teams)]


def of_teams(teams: Sequence[Team]) -> Allocation:
    """Return the splits of all teams, each team on cores of its own."""
    cores: list[int] = []
    first = 0
    for team in teams:
        cores += [first + core for split in team for core in range(split.n_parts)]
        first += max(split.n_parts for split in team)
    return Allocation(tuple(split for team in teams for split in team), tuple(cores))


class _Cuts:
    """Loads of teams by how they and what feeds them are cut."""

    def __init__(self, teams: Sequence[Team], problem: StripProblem):
        layers = {layer.number: layer for layer in problem.layers}
        self._teams = [[layers[split.layer] for split in team] for team in teams]
        self._team_of = {split.layer: index for index, team in enumerate(teams) for split in team}
        self._feeder = {
            layer.number: problem.layers[parent]
            for layer, parent in zip(problem.layers, problem.parents, strict=True)
            if parent is not None
        }
        self._loads: dict[tuple[int, int, int], float] = {}

    def load(self, index: int, grids: Grids) -> float:
        """Return the load of a team's busiest core [cycles per step], with what it waits for strips served in turn."""
        grid = grids[index]
        return sum(self._part(layer, grid) * self._slowing(layer, grid, grids) for layer in self._teams[index])

    def twice(self, index: int, grids: Grids) -> Grids | None:
        """Return cuts with twice the parts of a team; None where nothing is a relief.

        Channels first, as long as each range has a chunk; then strips; then strips of what feeds it as well.
        """
        grid, first, load = grids[index], self._teams[index][0], self.load(index, grids)
        tries: list[Grids] = []
        if 2 * grid.channels <= _most_ranges(first):
            tries.append({**grids, index: _Grid(2 * grid.channels, grid.strips)})
        if 2 * grid.strips <= self._most_strips(index):
            strips = {**grids, index: _Grid(grid.channels, 2 * grid.strips)}
            tries += [strips, self._fed(index, strips)]
        return next((again for again in tries if self.load(index, again) < load), None)

    def _fed(self, index: int, grids: Grids) -> Grids:
        """Return cuts in which what feeds a team, and what feeds that, has at least as many strips."""
        found, pending = dict(grids), [index]
        while pending:
            here = pending.pop()
            for layer in self._teams[here]:
                feeder = self._feeder.get(layer.number)
                above = -1 if feeder is None else self._team_of[feeder.number]
                if above not in found:
                    continue
                wanted = min(_strips(layer, found[here]), self._most_strips(above))
                if found[above].strips < wanted:
                    found[above] = _Grid(found[above].channels, wanted)
                    pending.append(above)
        return found

    def team(self, index: int, grid: _Grid) -> Team:
        """Return the splits of a team."""
        return tuple(layer.even_split(grid.channels, _strips(layer, grid)) for layer in self._teams[index])

    def _most_strips(self, index: int) -> int:
        """Return the most strips of a team: as many as its largest map can be cut into."""
        return max(_most(layer) for layer in self._teams[index])

    def _part(self, layer: LayerStrips, grid: _Grid) -> float:
        """Return the load of a layer's heaviest part [cycles per step]."""
        key = (layer.number, grid.channels, _strips(layer, grid))
        if key not in self._loads:
            self._loads[key] = layer.even_split(*key[1:]).load
        return self._loads[key]

    def _slowing(self, layer: LayerStrips, grid: _Grid, grids: Grids) -> float:
        """Return the factor on a layer's load where its strips are served in turn."""
        feeder = self._feeder.get(layer.number)
        above = None if feeder is None else grids.get(self._team_of[feeder.number])
        strips = 1 if feeder is None or above is None else _strips(feeder, above)
        return float(layer.slowing[COUNTS.index(strips), layer.counts.index(_strips(layer, grid))])


def _most_ranges(layer: LayerStrips) -> int:
    """Return the most ranges of channels of which each fills a chunk of lanes, both when it integrates and when it fires."""
    cost = layer.cost
    return min(cost.channels * layer.layer.sums // cost.chunk, cost.channels // cost.fire_chunk)


def _most(layer: LayerStrips) -> int:
    """Return the largest power of two of strips that a layer can be cut into."""
    return 1 << (layer.counts[-1].bit_length() - 1)


def _strips(layer: LayerStrips, grid: _Grid) -> int:
    """Return the strips of a layer of a team: small maps have fewer columns than the team has strips."""
    return min(grid.strips, _most(layer))

"""Equal parts in powers of two: each layer's channels in as many as its memory asks for, and twice as many where time is lost.

Layers with the same weights (a head used on several maps) form a team: their parts of the same channels share a core and one copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seneca_sim.mapping.splits import LayerSplits, Split

__all__ = ["Team", "powers_of_two", "teams_of"]

Team = tuple[Split, ...]
"""Splits of layers on the same cores: the k-th part of each stands on the k-th core."""


def teams_of(layers: Sequence[LayerSplits], owners: Sequence[int]) -> list[list[LayerSplits]]:
    """Return layers with the same weights together, others alone; `owners` is as of `memory.weight_owners`."""
    teams: dict[int, list[LayerSplits]] = {}
    for layer in layers:
        teams.setdefault(owners[layer.number], []).append(layer)
    return list(teams.values())


def powers_of_two(teams: Sequence[Sequence[LayerSplits]], cores: int | None) -> list[Team]:
    """Return the least power of two of equal parts that fit, for each team.

    With `cores`, the team with the largest load on a core is cut into twice as many parts, again and again; where that would take
    more cores than are left, or leave parts less than a chunk of lanes, the next one is, until no cut is left to make.
    """
    found = [next(cut for cut in _doubled(team) if cut is not None) for team in teams]
    left = 0 if cores is None else cores - sum(team[0].n_parts for team in found)
    while left > 0:
        for index in sorted(range(len(found)), key=lambda index: -_load(found[index])):
            again = _twice(teams[index], found[index])
            if again is not None and again[0].n_parts - found[index][0].n_parts <= left:
                left -= again[0].n_parts - found[index][0].n_parts
                found[index] = again
                break
        else:
            break
    return found


def _twice(layers: Sequence[LayerSplits], team: Team) -> Team | None:
    """Return a team cut into twice as many ranges of channels; None if it has one chunk of lanes each, or that is no relief."""
    if 2 * len(team[0].channels) * layers[0].cost.chunk > layers[0].cost.channels * layers[0].layer.sums:
        return None
    again = _even(layers, 2 * len(team[0].channels), len(team[0].rows))
    return None if again is None or _load(again) >= _load(team) else again


def _load(team: Team) -> float:
    """Return the load of a team's busiest core [cycles per step]."""
    return sum(split.load for split in team)


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

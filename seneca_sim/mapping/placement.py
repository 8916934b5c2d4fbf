"""Where cores sit on the mesh: the best of all places of a few cores; else a serpentine in layer order, improved by annealing.

What is minimised is the sum of flits x hops over all (sender, receiver) pairs, estimated per time step. A multicast tree crosses
shared links once, so the true link count is lower; pairs are a stand-in that can be updated in one pass over the cores. On eight
cores annealing is at most 5 % above the best of all placements (`tests/mapping/test_placement.py`); a dozen cores can be checked
with CP-SAT (`placement_check.py`), larger meshes are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import perm

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import Chip
from seneca_sim.errors import MappingError
from seneca_sim.graph.network import Network
from seneca_sim.mapping.cost import packet_flits, sent_values
from seneca_sim.mapping.geometry import edge_axis, neuron_box
from seneca_sim.mapping.types import Part

__all__ = ["Traffic", "flit_hops", "host_rows", "mesh_size", "place_cores", "serpentine", "traffic"]

Real = NDArray[np.float64]
Index = NDArray[np.int64]
FEW_PLACEMENTS = 10_000
"""So many placements are all looked at, instead of annealing."""
MOVES_PER_CORE = 100
FEWEST_MOVES = 3000
MOST_MOVES = 40_000
"""Moves tried in all: about a second for a thousand cores."""
SHARES = 1024
"""Fractions of a flit that annealing computes with, in integers: exact on every machine."""
COOLING = 1e-3
"""Last temperature over first."""


def mesh_size(chip: Chip, cores: int) -> tuple[int, int]:
    """Return (columns, rows): what the chip states, else the smallest near-square mesh that holds the cores.

    >>> from seneca_sim.chip import load_chip
    >>> mesh_size(load_chip("seneca"), 7)
    (3, 3)
    """
    columns, rows, most = chip.noc.columns.value, chip.noc.rows.value, chip.noc.max_cores.value
    if cores > most:
        raise MappingError(
            f"the mapping needs {cores} cores, but chip {chip.name} has at most {most}; raise noc.max_cores or use fewer cores"
        )
    if not columns:
        columns = max(1, int(np.ceil(np.sqrt(cores))))
        return columns, max(1, -(-cores // columns))
    if cores > columns * rows:
        raise MappingError(
            f"the mapping needs {cores} cores, but the mesh of chip {chip.name} has {columns} x {rows} = {columns * rows}; "
            "use a larger mesh (noc.columns, noc.rows) or fewer cores"
        )
    return columns, rows


def host_rows(n_inputs: int, rows: int) -> tuple[int, ...]:
    """Return a mesh row for each input layer's host port, spread evenly.

    >>> host_rows(1, 4), host_rows(2, 4)
    ((2,), (1, 3))
    """
    return tuple((2 * index + 1) * rows // (2 * n_inputs) for index in range(n_inputs))


def serpentine(cores: int, columns: int) -> tuple[tuple[int, int], ...]:
    """Return places along the columns, up and down, so that neighbours in number are neighbours on the mesh.

    >>> serpentine(5, 2)
    ((0, 0), (1, 0), (1, 1), (0, 1), (0, 2))
    """
    return tuple(
        (k % columns if k // columns % 2 == 0 else columns - 1 - k % columns, k // columns) for k in range(cores)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Flits per step between cores, and between cores and host ports."""

    cores: Real
    """(cores, cores), symmetric: both directions together."""
    hosts: Real
    """(cores, host ports)"""


def traffic(network: Network, chip: Chip, parts: Sequence[Part], cores: int, trace: Trace | None) -> Traffic:
    """Return the estimated traffic of a mapping: event packets, tokens and credits."""
    inputs = [number for number, layer in enumerate(network.layers) if layer.is_input]
    between, hosts = np.zeros((cores, cores)), np.zeros((cores, max(1, len(inputs))))
    by_layer = {number: [part for part in parts if part.layer == number] for number in range(len(network.layers))}
    flits = [_flits_per_row(network, chip, number, trace) for number in range(len(network.layers))]
    for number, layer in enumerate(network.layers):
        for edge in layer.edges:
            axis, senders = (
                edge_axis(network, layer, edge, "rows"),
                _Senders.of(network, edge.source, by_layer[edge.source]),
            )
            for consumer in by_layer[number]:
                reached = np.where(axis.touched(neuron_box(layer, consumer)[0])[2] > 0, flits[edge.source], 0.0)
                if edge.source in inputs:
                    hosts[consumer.core, inputs.index(edge.source)] += reached.sum()
                else:
                    np.add.at(between[consumer.core], senders.core, senders.sums(reached))
        if layer.is_output:
            senders = _Senders.of(network, number, by_layer[number])
            np.add.at(hosts[:, 0], senders.core, senders.sums(flits[number]))
    np.fill_diagonal(between, 0.0)
    return Traffic(between + between.T, hosts)


@dataclass(frozen=True, slots=True, eq=False)
class _Senders:
    """The parts of a layer, as arrays."""

    core: Index
    share: Real
    """Share of a row's values that the part sends."""
    rows: Index
    """(parts, 2)"""

    @classmethod
    def of(cls, network: Network, number: int, parts: Sequence[Part]) -> _Senders:
        """Collect the parts of a layer."""
        channels, _, columns = network.layers[number].out_shape
        share = [
            (part.channels[1] - part.channels[0]) * (part.columns[1] - part.columns[0]) / (channels * columns)
            for part in parts
        ]
        rows = np.asarray([part.rows for part in parts], dtype=np.int64).reshape(len(parts), 2)
        return cls(np.asarray([part.core for part in parts], dtype=np.int64), np.asarray(share), rows)

    def sums(self, per_row: Real) -> Real:
        """Return each part's share of a per-row amount."""
        along = np.concatenate([np.zeros(1), np.cumsum(per_row)])
        return np.asarray(self.share * (along[self.rows[:, 1]] - along[self.rows[:, 0]]))


def _flits_per_row(network: Network, chip: Chip, number: int, trace: Trace | None) -> Real:
    """Return the flits that a whole layer sends per output row and step, with one token and one credit."""
    layer = network.layers[number]
    sent = sent_values(network, number, trace)
    _, flits = packet_flits(layer, chip, chip.timing(), sent.values)
    return np.asarray(np.bincount(sent.row, flits, layer.out_shape[1]) * sent.weight + 2.0)


def flit_hops(load: Traffic, place: Sequence[tuple[int, int]], ports: Sequence[int]) -> float:
    """Return the flits x links per step of a placement, pairs counted apart; a host port is one link west of its router.

    >>> flit_hops(Traffic(np.array([[0.0, 3.0], [3.0, 0.0]]), np.array([[1.0], [0.0]])), [(0, 0), (1, 1)], [0])
    7.0
    """
    x, y = np.asarray(place).T
    pairs = (load.cores * (np.abs(x[:, None] - x) + np.abs(y[:, None] - y))).sum() / 2
    return float(pairs + (load.hosts * _host_hops(x, y, ports)).sum())


def _host_hops(x: Index, y: Index, ports: Sequence[int]) -> Index:
    """Return the links between places and host ports: (places, ports)."""
    return np.asarray(x[:, None] + 1 + np.abs(y[:, None] - np.asarray(ports)))


def place_cores(load: Traffic, mesh: tuple[int, int], ports: Sequence[int], seed: int) -> tuple[tuple[int, int], ...]:
    """Return a place for each core, of few or annealed `flit_hops`; the same seed gives the same places."""
    number, nodes = len(load.cores), mesh[0] * mesh[1]
    start = serpentine(nodes, mesh[0])
    if nodes == 1:
        return start
    if perm(nodes, number) <= FEW_PLACEMENTS:
        best = _best_of_all(load, start, ports)
    else:
        x, y = np.asarray(start, dtype=np.int64).T.copy()
        cores = np.zeros((nodes, nodes), dtype=np.int64)
        cores[:number, :number] = np.rint(load.cores * SHARES)
        hosts = np.zeros((nodes, load.hosts.shape[1]), dtype=np.int64)
        hosts[:number] = np.rint(load.hosts * SHARES)
        best = _anneal(cores, hosts, x, y, number, np.asarray(ports, dtype=np.int64), np.random.default_rng(seed))
    if flit_hops(load, best, ports) >= flit_hops(load, start[:number], ports):
        return start[:number]
    return best


def _best_of_all(load: Traffic, nodes: Sequence[tuple[int, int]], ports: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return the placement with the least flits x links of all that there are, the first of equals."""
    places = np.asarray(list(permutations(range(len(nodes)), len(load.cores))), dtype=np.int64)
    x, y = np.asarray(nodes, dtype=np.int64).T
    between = np.abs(x[:, None] - x) + np.abs(y[:, None] - y)
    cores, hosts = (np.rint(amount * SHARES).astype(np.int64) for amount in (load.cores, load.hosts))
    ways = (between[places[:, :, None], places[:, None, :]] * cores).sum(axis=(1, 2)) // 2
    ways += (_host_hops(x, y, ports)[places] * hosts).sum(axis=(1, 2))
    return tuple(nodes[node] for node in places[int(ways.argmin())].tolist())


def _anneal(
    cores: Index, hosts: Index, x: Index, y: Index, number: int, ports: Index, rng: np.random.Generator
) -> tuple[tuple[int, int], ...]:
    """Swap the places of two cores (or of a core and an empty place) while that shortens the way, or by chance when it is hot."""
    moves = min(max(MOVES_PER_CORE * number, FEWEST_MOVES), MOST_MOVES)
    first, second = rng.integers(0, number, moves), rng.integers(0, len(x), moves)
    luck = rng.random(moves)

    def change(a: int, b: int) -> int:
        """Return what swapping two places adds to the flits x links; their distance from each other stays."""
        away = (np.abs(x - x[b]) + np.abs(y - y[b])) - (np.abs(x - x[a]) + np.abs(y - y[a]))
        difference = cores[a] - cores[b]
        difference[a] = difference[b] = 0
        ways = (hosts[a] - hosts[b]) * (x[b] - x[a] + np.abs(y[b] - ports) - np.abs(y[a] - ports))
        return int(difference @ away + ways.sum())

    samples = [abs(change(int(a), int(b))) for a, b in zip(first[:100], second[:100], strict=True)]
    hot = max(float(np.mean(samples)), np.finfo(np.float64).tiny)
    total = least = 0
    best = x.copy(), y.copy()
    for move in range(moves):
        a, b = int(first[move]), int(second[move])
        added = change(a, b)
        if added <= 0 or luck[move] < np.exp(-added / (hot * COOLING ** (move / moves))):
            x[[a, b]], y[[a, b]] = x[[b, a]], y[[b, a]]
            total += added
            if total < least:
                least, best = total, (x.copy(), y.copy())
    return tuple(zip(best[0][:number].tolist(), best[1][:number].tolist(), strict=True))

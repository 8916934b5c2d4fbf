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
CONTROL = 2.0
"""Flits of a row from a part to another besides events: the row's token, and the credit that comes back for it."""
FEW_PLACEMENTS = 10_000
"""So many placements are all looked at, instead of annealing."""
MOVES = 500_000
"""Moves tried: a tenth of a second for a few cores, two seconds for a thousand."""
SHARES = 1024
"""Fractions of a flit that annealing computes with, in integers: exact on every machine."""
FIRST_TEMPERATURE = 0.1
"""Of the flits of an average core, by one link."""
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
    flits = [_flits_per_row(network, chip, number, trace, by_layer[number]) for number in range(len(network.layers))]
    for number, layer in enumerate(network.layers):
        for edge in layer.edges:
            rows, columns = (edge_axis(network, layer, edge, name) for name in ("rows", "columns"))
            senders = _Senders.of(network, edge.source, by_layer[edge.source])
            for consumer in by_layer[number]:
                reached = [
                    (axis.touched(span)[2] > 0).astype(np.float64)
                    for axis, span in zip((rows, columns), neuron_box(layer, consumer), strict=True)
                ]
                if edge.source in inputs:
                    row_flits = (flits[edge.source] * reached[0]).sum() * reached[1].mean() + CONTROL * reached[0].sum()
                    hosts[consumer.core, inputs.index(edge.source)] += row_flits
                else:
                    np.add.at(between[consumer.core], senders.core, senders.flits(flits[edge.source], *reached))
        if layer.is_output:
            senders = _Senders.of(network, number, by_layer[number])
            every = (np.ones(size) for size in layer.out_shape[1:])
            np.add.at(hosts[:, 0], senders.core, senders.flits(flits[number], *every))
    np.fill_diagonal(between, 0.0)
    return Traffic(between + between.T, hosts)


@dataclass(frozen=True, slots=True, eq=False)
class _Senders:
    """The parts of a layer, as arrays."""

    core: Index
    share: Real
    """Share of a position's values that the part sends."""
    rows: Index
    """(parts, 2)"""
    columns: Index
    """(parts, 2)"""

    @classmethod
    def of(cls, network: Network, number: int, parts: Sequence[Part]) -> _Senders:
        """Collect the parts of a layer."""
        channels = network.layers[number].out_shape[0]
        return cls(
            np.asarray([part.core for part in parts], dtype=np.int64),
            np.asarray([(part.channels[1] - part.channels[0]) / channels for part in parts]),
            np.asarray([part.rows for part in parts], dtype=np.int64).reshape(len(parts), 2),
            np.asarray([part.columns for part in parts], dtype=np.int64).reshape(len(parts), 2),
        )

    def flits(self, per_row: Real, rows: Real, columns: Real) -> Real:
        """Return what each part sends of rows and columns that are reached (1, others 0), with a token and a credit a row."""
        positions = _sums(per_row * rows, self.rows) * _sums(columns, self.columns) / len(columns)
        control = CONTROL * _sums(rows, self.rows) * (_sums(columns, self.columns) > 0)
        return np.asarray(self.share * positions + control)


def _sums(amounts: Real, spans: Index) -> Real:
    """Return the sum of amounts over each half-open range."""
    along = np.concatenate([np.zeros(1), np.cumsum(amounts)])
    return np.asarray(along[spans[:, 1]] - along[spans[:, 0]])


def _flits_per_row(network: Network, chip: Chip, number: int, trace: Trace | None, parts: Sequence[Part]) -> Real:
    """Return the flits of events that all ranges of a layer's channels together send per output row and step."""
    layer = network.layers[number]
    channels, rows, columns = layer.out_shape
    cuts = tuple(sorted({part.channels[0] for part in parts} - {0}))
    if trace is None:
        _, flits = packet_flits(layer, chip, chip.timing(), np.ediff1d([0, *cuts, channels]))
        return np.full(rows, float(flits.sum() * columns))
    sent = sent_values(network, number, trace, cuts)
    _, flits = packet_flits(layer, chip, chip.timing(), sent.values)
    return np.asarray(np.bincount(sent.row, flits, rows) * sent.weight)


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
        best = _annealed(load, start[:number], mesh, ports, np.random.default_rng(seed))
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


def _annealed(
    load: Traffic,
    start: Sequence[tuple[int, int]],
    mesh: tuple[int, int],
    ports: Sequence[int],
    rng: np.random.Generator,
) -> tuple[tuple[int, int], ...]:
    """Return places that annealing finds from a start."""
    from seneca_sim.kernels.anneal import anneal_places

    number = len(load.cores)
    flits = np.rint(load.cores * SHARES).astype(np.int64)
    hosts = np.rint(load.hosts * SHARES).astype(np.int64)
    core, other = np.nonzero(flits)
    starts = np.concatenate([[0], np.cumsum(np.bincount(core, minlength=number))])
    hot = max(1.0, FIRST_TEMPERATURE * float(flits.sum() + hosts.sum()) / number)
    x, y = np.asarray(start, dtype=np.int64).T.copy()
    x, y = anneal_places(
        (starts, other, flits[core, other], hosts),
        x,
        y,
        mesh,
        np.asarray(ports, dtype=np.int64),
        (rng.integers(0, number, MOVES), rng.random((3, MOVES))),
        (hot, hot * COOLING),
    )
    return tuple(zip(x.tolist(), y.tolist(), strict=True))

"""Multicast groups that a mapping needs, and the routers that hold an entry for each.

A group is a set of destinations of one sending core or host port (`engine/timing.md` 9 and 10): which parts an event reaches
depends on its position, so a part needs a group for each set that occurs, tokens included. Every router that the group's tree
of XY paths visits holds one entry. Credits have one receiver and travel by its coordinates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.network import Network
from seneca_sim.mapping.geometry import Span, edge_axis, neuron_box, output_range
from seneca_sim.mapping.types import Mapping

__all__ = ["Routing", "routing"]

HOST = -1
"""The host among the destinations; input layer number i sends as HOST - i."""
Cores = frozenset[int]
Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Routing:
    """Groups of a mapping."""

    groups: int
    """Groups of all senders."""
    entries: Index
    """(mesh rows, mesh columns): entries of each router."""


def routing(network: Network, mapping: Mapping) -> Routing:
    """Return the groups of a mapping and their entries in the routers."""
    inputs = [number for number, layer in enumerate(network.layers) if layer.is_input]
    groups: set[tuple[int, Cores]] = set()
    for number, layer in enumerate(network.layers):
        readers = _readers(network, mapping, number, delay=0)
        replayed = _readers(network, mapping, number, delay=1)
        if layer.is_input:
            whole = (output_range(layer, "rows"), output_range(layer, "columns"))
            groups |= {(HOST - inputs.index(number), cores) for cores in _sets(readers, *whole, to_host=False)}
        known: dict[tuple[Span, Span], set[Cores]] = {}
        for part in mapping.parts:
            if part.layer != number:
                continue
            box = (part.rows, part.columns)
            if box not in known:
                known[box] = set(_sets(readers, *box, to_host=layer.is_output)) | set(
                    _sets(replayed, *box, to_host=False)
                )
            groups |= {(part.core, cores) for cores in known[box] if cores != {part.core}}
    return Routing(len(groups), _entries(mapping, groups))


@dataclass(frozen=True, slots=True, eq=False)
class _Reader:
    """Parts that read a layer through an edge with the same box: their cores, and the rows and columns that they touch."""

    cores: set[int]
    rows: NDArray[np.bool_]
    columns: NDArray[np.bool_]


def _readers(network: Network, mapping: Mapping, number: int, delay: int) -> list[_Reader]:
    """Return all inlets of edges from a layer, those of equal boxes together."""
    found: list[_Reader] = []
    for consumer, layer in enumerate(network.layers):
        for edge in layer.edges:
            if edge.source != number or edge.delay != delay:
                continue
            rows, columns = (edge_axis(network, layer, edge, name) for name in ("rows", "columns"))
            boxes: dict[tuple[Span, Span], set[int]] = {}
            for part in mapping.parts:
                if part.layer == consumer:
                    boxes.setdefault(neuron_box(layer, part), set()).add(part.core)
            found += [
                _Reader(cores, rows.touched(box[0])[2] > 0, columns.touched(box[1])[2] > 0)
                for box, cores in boxes.items()
            ]
    return found


def _sets(readers: list[_Reader], rows: Span, columns: Span, *, to_host: bool) -> Iterator[Cores]:
    """Yield the sets of cores that events at the positions of a box, and tokens of its rows, are sent to."""
    always = {HOST} if to_host else set()
    reached = [
        reader for reader in readers if reader.rows[slice(*rows)].any() and reader.columns[slice(*columns)].any()
    ]
    if not reached:
        if always:
            yield frozenset(always)
        return
    by_row = np.unique(np.stack([reader.rows[slice(*rows)] for reader in reached]), axis=1).T
    by_column = np.unique(np.stack([reader.columns[slice(*columns)] for reader in reached]), axis=1).T
    for row in by_row:
        for column in (*by_column, np.ones(len(reached), dtype=np.bool_)):
            hit = [reader.cores for reader, touched in zip(reached, row & column, strict=True) if touched]
            if cores := always.union(*hit):
                yield frozenset(cores)


def _entries(mapping: Mapping, groups: Collection[tuple[int, Cores]]) -> Index:
    """Return the groups of which each router is on a path, (rows, columns) of the mesh.

    XY paths run along the row of the sender, then along the columns of the destinations.
    """
    columns, rows = mapping.mesh
    place = np.array([*mapping.place, (0, mapping.host_rows[0])], np.int64)  # HOST is the last
    ports = [place[sender] if sender > HOST else (0, mapping.host_rows[HOST - sender]) for sender, _ in groups]
    from_x, from_y = np.array(ports, np.int64).reshape(-1, 2).T
    group = np.repeat(np.arange(len(groups)), [len(cores) for _, cores in groups])
    to_x, to_y = place[np.fromiter((core for _, cores in groups for core in cores), np.int64)].T
    first, last = from_x.copy(), from_x.copy()
    np.minimum.at(first, group, to_x)
    np.maximum.at(last, group, to_x)
    branch, which = np.unique(group * columns + to_x, return_inverse=True)
    owner, x = np.divmod(branch, columns)
    low, high = from_y[owner], from_y[owner]
    np.minimum.at(low, which, to_y)
    np.maximum.at(high, which, to_y)
    along_row, along_column = np.zeros((rows, columns + 1), np.int64), np.zeros((rows + 1, columns), np.int64)
    np.add.at(along_row, (from_y, first), 1)
    np.add.at(along_row, (from_y, last + 1), -1)
    for begin, end in ((low, from_y[owner]), (from_y[owner] + 1, high + 1)):
        np.add.at(along_column, (begin, x), 1)
        np.add.at(along_column, (end, x), -1)
    return np.cumsum(along_row, axis=1)[:, :-1] + np.cumsum(along_column, axis=0)[:-1]

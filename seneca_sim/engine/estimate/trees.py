"""Multicast trees and credit paths on the mesh: links and exits of flows, and the load of every link."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.design import Design
from seneca_sim.engine.estimate.reach import Flows
from seneca_sim.engine.routes import EAST, LOCAL, NORTH, SOUTH, WEST

__all__ = ["Trees", "paths_of", "trees_of"]

Index = NDArray[np.int64]
AT_ONCE = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """What Q flows take on the mesh."""

    links: Index
    """(Q,) links between routers."""
    exits: Index
    """(Q,) destinations."""
    load: Index
    """(routers, 5, steps) flits at each output port."""


@dataclass(slots=True, eq=False)
class _Mesh:
    """Flits on the ports of a mesh, collected as changes along its rows and columns."""

    change: Index
    """(rows + 1, columns + 1, 5, steps): difference to the router before, along the direction of each port; local as it is."""

    @classmethod
    def of(cls, design: Design, steps: int) -> _Mesh:
        """Return a mesh without flits."""
        columns, rows = design.mapping.mesh
        return cls(np.zeros((rows + 1, columns + 1, 5, steps), np.int64))

    def along_rows(self, y: Index, x: Index, to_x: Index, flits: Index) -> None:
        """Add flits that go from x to x' in row y."""
        for port, begin, end in ((EAST, x, to_x), (WEST, to_x + 1, x + 1)):
            used = begin < end
            np.add.at(self.change[:, :, port], (y[used], begin[used]), flits[used])
            np.subtract.at(self.change[:, :, port], (y[used], end[used]), flits[used])

    def along_columns(self, x: Index, y: Index, to_y: Index, flits: Index) -> None:
        """Add flits that go from y to y' in column x."""
        for port, begin, end in ((SOUTH, y, to_y), (NORTH, to_y + 1, y + 1)):
            used = begin < end
            np.add.at(self.change[:, :, port], (begin[used], x[used]), flits[used])
            np.subtract.at(self.change[:, :, port], (end[used], x[used]), flits[used])

    def load(self) -> Index:
        """Return (routers, 5, steps) flits; the flits that leave at a router are added by the caller."""
        load = self.change
        load[:, :, [EAST, WEST]] = np.cumsum(load[:, :, [EAST, WEST]], axis=1)
        load[:, :, [SOUTH, NORTH]] = np.cumsum(load[:, :, [SOUTH, NORTH]], axis=0)
        return load[:-1, :-1].reshape(-1, 5, load.shape[3]).copy()


def trees_of(design: Design, flows: Flows) -> Trees:
    """Return the trees of flows: x first, then y; the host leaves at the west edge of its row (`engine/timing.md` 10)."""
    columns = design.mapping.mesh[0]
    mesh = _Mesh.of(design, flows.flits.shape[1])
    links = np.zeros(len(flows.owner), np.int64)
    for begin in range(0, len(flows.owner), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        links[some] = _add_trees(design, flows, some, mesh)
    load = mesh.load()
    place = np.array(design.mapping.place, np.int64)
    flow, core = np.nonzero(flows.cores)
    np.add.at(load[:, LOCAL], place[core, 1] * columns + place[core, 0], flows.flits[flow])
    load[design.mapping.host_rows[0] * columns, WEST] += flows.flits[flows.host].sum(axis=0)
    return Trees(links, flows.cores.sum(axis=1) + flows.host, load)


def _add_trees(design: Design, flows: Flows, some: slice, mesh: _Mesh) -> Index:
    """Add the trees of some flows to the mesh; return how many links between routers each takes."""
    columns, rows = design.mapping.mesh
    node, place = np.array(design.node, np.int64), np.array(design.mapping.place, np.int64)
    source_x, source_y = node[flows.source[some]].T
    flits = flows.flits[some]
    wanted = np.zeros((len(source_x), rows, columns), np.bool_)
    wanted[:, place[:, 1], place[:, 0]] = flows.cores[some]
    wanted[:, design.mapping.host_rows[0], 0] |= flows.host[some]
    used = np.asarray(wanted.any(axis=1))
    east = np.maximum(source_x, columns - 1 - used[:, ::-1].argmax(axis=1))
    west = np.minimum(source_x, used.argmax(axis=1))
    for far in (east, west):
        mesh.along_rows(source_y, source_x, far, flits)
    flow, x = np.nonzero(used)
    column, y = wanted[flow, :, x], source_y[flow]
    south = np.maximum(y, rows - 1 - column[:, ::-1].argmax(axis=1))
    north = np.minimum(y, column.argmax(axis=1))
    for far in (south, north):
        mesh.along_columns(x, y, far, flits[flow])
    branches = np.bincount(flow, south - north, minlength=len(source_x)).astype(np.int64)
    return np.asarray(east - west + branches)


def paths_of(design: Design, source: Index, target: Index, flits: Index) -> Trees:
    """Return the paths of Q unicast flows, (Q, steps) flits, between indices of `Design.node` (hosts: the west edge)."""
    columns = design.mapping.mesh[0]
    node = np.array(design.node, np.int64)
    (x, y), (to_x, to_y) = node[source].T, node[target].T
    mesh = _Mesh.of(design, flits.shape[1])
    mesh.along_rows(y, x, to_x, flits)
    mesh.along_columns(to_x, y, to_y, flits)
    load = mesh.load()
    to_host = target >= len(design.mapping.place)
    np.add.at(load, (to_y * columns + to_x, np.where(to_host, WEST, LOCAL)), flits)
    return Trees(np.abs(x - to_x) + np.abs(y - to_y), np.ones(len(x), np.int64), load)

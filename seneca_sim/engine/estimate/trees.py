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


def trees_of(design: Design, flows: Flows) -> Trees:
    """Return the trees of flows: x first, then y; the host leaves at the west edge of its row (`engine/timing.md` 10)."""
    columns, rows = design.mapping.mesh
    load = np.zeros((rows * columns * 5, flows.flits.shape[1]), np.int64)
    links = np.zeros(len(flows.owner), np.int64)
    for begin in range(0, len(flows.owner), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        ports = _ports(design, flows, some)
        port, flow = np.nonzero(ports.T)
        if len(port):
            begins = np.flatnonzero(np.diff(port, prepend=-1))
            load[port[begins]] += np.add.reduceat(flows.flits[some][flow], begins, axis=0)
        links[some] = ports.sum(axis=1, dtype=np.int64)
    exits = flows.cores.sum(axis=1) + flows.host
    return Trees(links - exits, exits, load.reshape(rows * columns, 5, -1))


def _ports(design: Design, flows: Flows, some: slice) -> NDArray[np.bool_]:
    """Return (flows, routers x 5): the output ports that each flow takes."""
    columns, rows = design.mapping.mesh
    node = np.array(design.node, np.int64)
    source_x, source_y = (node[flows.source[some], axis][:, None] for axis in (0, 1))
    count = len(source_x)
    ports = np.zeros((count, rows, columns, 5), np.bool_)
    place = np.array(design.mapping.place, np.int64)
    local = ports[..., LOCAL]
    local[:, place[:, 1], place[:, 0]] = flows.cores[some]
    wanted = local.copy()
    host_row = design.mapping.host_rows[0]
    wanted[:, host_row, 0] |= flows.host[some]
    x, y = np.arange(columns), np.arange(rows)[None, :, None]
    any_row = wanted.any(axis=1)
    far_east = np.where(any_row, x, -1).max(axis=1, keepdims=True)
    far_west = np.where(any_row, x, columns).min(axis=1, keepdims=True)
    flow = np.arange(count)
    ports[flow, source_y[:, 0], :, EAST] = (x >= source_x) & (x < far_east)
    ports[flow, source_y[:, 0], :, WEST] = (x <= source_x) & (x > far_west)
    far_south = np.where(wanted, y, -1).max(axis=1, keepdims=True)
    far_north = np.where(wanted, y, rows).min(axis=1, keepdims=True)
    ports[..., SOUTH] = (y >= source_y[:, :, None]) & (y < far_south)
    ports[..., NORTH] = (y <= source_y[:, :, None]) & (y > far_north)
    ports[:, host_row, 0, WEST] |= flows.host[some]
    return ports.reshape(count, -1)


def paths_of(design: Design, source: Index, target: Index, flits: Index) -> Trees:
    """Return the paths of Q unicast flows, (Q, steps) flits, between indices of `Design.node` (hosts: the west edge)."""
    columns, rows = design.mapping.mesh
    node = np.array(design.node, np.int64)
    (x, y), (to_x, to_y) = node[source].T, node[target].T
    change = np.zeros((rows + 1, columns + 1, 5, flits.shape[1]), np.int64)
    for port, begin, end in ((EAST, x, to_x), (WEST, to_x + 1, x + 1)):
        used = begin < end
        np.add.at(change, (y[used], begin[used], port), flits[used])
        np.subtract.at(change, (y[used], end[used], port), flits[used])
    change[:, :, [EAST, WEST]] = np.cumsum(change[:, :, [EAST, WEST]], axis=1)
    for port, begin, end in ((SOUTH, y, to_y), (NORTH, to_y + 1, y + 1)):
        used = begin < end
        np.add.at(change, (begin[used], to_x[used], port), flits[used])
        np.subtract.at(change, (end[used], to_x[used], port), flits[used])
    change[:, :, [SOUTH, NORTH]] = np.cumsum(change[:, :, [SOUTH, NORTH]], axis=0)
    to_host = target >= len(design.mapping.place)
    np.add.at(change, (to_y, to_x, np.where(to_host, WEST, LOCAL)), flits)
    load = change[:rows, :columns].reshape(rows * columns, 5, -1)
    return Trees(np.abs(x - to_x) + np.abs(y - to_y), np.ones(len(x), np.int64), load)

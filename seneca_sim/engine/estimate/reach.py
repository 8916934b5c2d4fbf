"""Who receives what a layer sends: destinations of its positions and rows, and the flows of flits that follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.design import Design, Inlet
from seneca_sim.engine.estimate.outline import inlet_axis, part_axis
from seneca_sim.engine.estimate.packets import Packets, summed

__all__ = ["Flows", "Reach", "reach_of"]

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Flows:
    """Q multicast flows: flits from one router to the same destinations."""

    owner: Index
    """(Q,) the sending part; -1 for the host."""
    source: Index
    """(Q,) index in `Design.node`."""
    cores: Flags
    """(Q, cores) destinations, without the sender's own core."""
    host: Flags
    """(Q,) whether the host is one."""
    flits: Index
    """(Q, steps)"""


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Destinations of a layer's senders (its parts, the host, or replays), by class of row and of column.

    Positions of a class reach the same inlets. S senders, R and K classes of rows and columns, C cores.
    """

    design: Design
    inlets: list[Inlet]
    """Inlets that the layer feeds."""
    senders: Index
    """(S,) parts; -1 for the host."""
    core: Index
    """(S,) index in `Design.node`."""
    to_host: bool
    row_class: Index
    column_class: Index
    cores: Flags
    """(R, K, C) cores that a position reaches."""
    boxes: Index
    """(S, 2, 2): rows and columns of each sender."""
    token_cores: Flags
    """(S, R, C) cores that a row's token of each sender reaches."""
    tokens: dict[int, Index]
    """For each inlet that is fed, (rows,): senders whose tokens of a row it receives."""

    def reached(self, packets: Packets) -> Flags:
        """Return whether each packet has a destination."""
        any_core = np.asarray(self.cores.any(axis=2)) | self.to_host
        return np.asarray(any_core[self.row_class[packets.y], self.column_class[packets.x]])

    def remote(self, packets: Packets) -> Flags:
        """Return whether each packet has a destination other than its own core."""
        return np.asarray(self._remote()[packets.sender, self.row_class[packets.y], self.column_class[packets.x]])

    def _remote(self) -> Flags:
        """Return (S, R, K): whether a position has a destination other than the sender's core."""
        elsewhere = self.cores.sum(axis=2)[None] - self.cores[:, :, self._own()].transpose(2, 0, 1) * self._is_core()
        return np.asarray(elsewhere > 0) | self.to_host

    def _own(self) -> Index:
        return np.where(self.senders >= 0, self.core, 0)

    def _is_core(self) -> Index:
        return (self.senders >= 0).astype(np.int64)[:, None, None]

    def _inside(self) -> Flags:
        """Return (S, rows): the rows of each sender."""
        row = np.arange(len(self.row_class))
        return np.asarray((row >= self.boxes[:, 0, :1]) & (row < self.boxes[:, 0, 1:]))

    def token_reached(self) -> Flags:
        """Return (S, rows): whether a sender's row has a token."""
        return np.asarray((np.asarray(self.token_cores.any(axis=2)) | self.to_host)[:, self.row_class] & self._inside())

    def token_remote(self) -> Flags:
        """Return (S, rows): whether a sender's token of a row leaves the core."""
        other = np.asarray(self._others(self.token_cores).any(axis=2)) | self.to_host
        return np.asarray(other[:, self.row_class] & self._inside())

    def _others(self, cores: Flags) -> Flags:
        """Return (S, ..., C) destinations without each sender's own core."""
        others = cores.copy()
        parts = np.flatnonzero(self.senders >= 0)
        others[parts, ..., self.core[parts]] = False
        return others

    def flows(self, packets: Packets) -> Flows:
        """Return the flows of the packets and tokens that leave their cores."""
        senders, steps = len(self.senders), packets.shape[0]
        rows, columns, cores = self.cores.shape
        group = (packets.sender * rows + self.row_class[packets.y]) * columns + self.column_class[packets.x]
        flits = summed(group * steps + packets.step, packets.flits, senders * rows * columns * steps).reshape(-1, steps)
        used = np.flatnonzero(flits.any(axis=1))
        sender, place = np.divmod(used, rows * columns)
        events = self.cores.reshape(-1, cores)[place]
        own = self.senders[sender] >= 0
        events[own, self.core[sender[own]]] = False
        of_class = np.zeros((len(self.row_class), rows), np.int64)
        of_class[np.arange(len(self.row_class)), self.row_class] = 1
        tokens = self._inside() @ of_class
        token_sender, token_row = np.nonzero(tokens)
        token_cores = self._others(self.token_cores)[token_sender, token_row]
        who = np.concatenate([sender, token_sender])
        to = np.concatenate([events, token_cores])
        amount = np.concatenate([flits[used], np.repeat(tokens[token_sender, token_row][:, None], steps, axis=1)])
        leaves = to.any(axis=1) | self.to_host
        who, to = who[leaves], to[leaves]
        return Flows(self.senders[who], self.core[who], to, np.full(len(who), self.to_host), amount[leaves])


def _classes(flags: Flags, size: int) -> tuple[Index, Flags]:
    """Return the class of each position of a (members, size) table, and (members, classes) flags."""
    if not len(flags):
        return np.zeros(size, np.int64), np.zeros((0, 1), np.bool_)
    first: dict[bytes, int] = {}
    inverse = [first.setdefault(position.tobytes(), len(first)) for position in np.packbits(flags, axis=0).T]
    number = np.array(inverse, np.int64)
    return number, flags[:, np.searchsorted(np.maximum.accumulate(number), np.arange(len(first)))]


def reach_of(design: Design, layer: int, delay: int) -> Reach:
    """Return the destinations of a layer's values of this step, or (delay 1) of their replay in the next one."""
    source = design.network.layers[layer]
    _, height, width = source.out_shape
    inlets, row_flags, column_flags = _reached_by(design, layer, delay)
    row_class, row_sets = _classes(row_flags, height)
    column_class, column_sets = _classes(column_flags, width)
    target_core = np.array([design.mapping.parts[inlet.part].core for inlet in inlets], np.int64)
    cores = np.zeros((len(design.mapping.place), row_sets.shape[1], column_sets.shape[1]), np.bool_)
    np.logical_or.at(cores, target_core, row_sets[:, :, None] & column_sets[:, None, :])
    senders, core, boxes = _senders(design, layer)
    token_cores = np.zeros((len(senders), row_sets.shape[1], cores.shape[0]), np.bool_)
    tokens = np.zeros((len(inlets), height), np.int64)
    spans = boxes[:, 1].tolist()
    for begin, end in dict.fromkeys(map(tuple, spans)):
        members = column_flags[:, begin:end].any(axis=1)
        reached = np.zeros((len(design.mapping.place), row_sets.shape[1]), np.bool_)
        np.logical_or.at(reached, target_core[members], row_sets[members])
        mine = np.array([span == [begin, end] for span in spans])
        token_cores[mine] = reached.T
        tokens[members] += row_flags[members] * _covered(boxes[mine, 0], height)
    return Reach(
        design,
        inlets,
        senders,
        core,
        source.is_output and delay == 0,
        row_class,
        column_class,
        cores.transpose(1, 2, 0),
        boxes,
        token_cores,
        {inlet.number: tokens[number] for number, inlet in enumerate(inlets)},
    )


def _covered(spans: Index, size: int) -> Index:
    """Return (size,) how many spans hold each place."""
    change = np.zeros(size + 1, np.int64)
    np.add.at(change, spans[:, 0], 1)
    np.subtract.at(change, spans[:, 1], 1)
    return np.asarray(np.cumsum(change[:-1]))


def _reached_by(design: Design, layer: int, delay: int) -> tuple[list[Inlet], Flags, Flags]:
    """Return the inlets of a layer's values, and (inlets, rows) and (inlets, columns): what reaches them."""
    source = design.network.layers[layer]
    _, height, width = source.out_shape
    inlets, rows, columns = [], [], []
    for inlet in design.inlets:
        if inlet.link.source != layer or inlet.link.delay != delay:
            continue
        part = design.mapping.parts[inlet.part]
        target = design.network.layers[part.layer]
        axes = [
            inlet_axis(inlet.link, source, axis, part_axis(target, axis, span))
            for axis, span in enumerate((part.rows, part.columns))
        ]
        inlets.append(inlet)
        rows.append(axes[0].reached)
        columns.append(axes[1].reached)
    return inlets, np.array(rows, np.bool_).reshape(-1, height), np.array(columns, np.bool_).reshape(-1, width)


def _senders(design: Design, layer: int) -> tuple[Index, Index, Index]:
    """Return (part or -1, index in `Design.node`, (rows, columns)) of everyone who sends a layer's values."""
    if design.network.layers[layer].is_input:
        _, height, width = design.network.layers[layer].out_shape
        return np.array([-1]), np.array([design.node_of_host(layer)]), np.array([[[0, height], [0, width]]])
    parts = design.parts_of[layer]
    boxes = [(design.mapping.parts[number].rows, design.mapping.parts[number].columns) for number in parts]
    cores = [design.mapping.parts[number].core for number in parts]
    return np.array(parts, np.int64), np.array(cores, np.int64), np.array(boxes, np.int64).reshape(-1, 2, 2)

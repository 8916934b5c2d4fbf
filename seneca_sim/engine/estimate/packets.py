"""Every packet of values that a layer sends, in one table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.trace import LayerTrace
from seneca_sim.engine.estimate.design import Design

__all__ = ["Packets", "packets_of"]

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Packets:
    """N packets of one layer. Packets of a step, position and sender stand in the order in which they are sent."""

    step: Index
    """(N,) time step to which the values belong."""
    y: Index
    x: Index
    sender: Index
    """(N,) number of the sender among the layer's parts; 0 for the host."""
    first: Index
    """(N,) first value in the trace's channels of the layer."""
    count: Index
    """(N,) values."""
    flits: Index
    """(N,) with the header."""
    shape: tuple[int, int, int]
    """(steps, rows, columns) of what the layer sends."""

    def grid(self, amount: Index | None = None) -> Index:
        """Return (steps, rows, columns): an amount of each packet (None: 1), summed over positions."""
        steps, rows, columns = self.shape
        place = (self.step * rows + self.y) * columns + self.x
        if amount is None:
            return np.bincount(place, minlength=steps * rows * columns).reshape(self.shape)
        return summed(place, amount, steps * rows * columns).reshape(self.shape)

    def per_row(self, amount: Index, senders: int) -> Index:
        """Return (senders, steps, rows): an amount of each packet, summed over columns."""
        steps, rows, _ = self.shape
        place = (self.sender * steps + self.step) * rows + self.y
        return summed(place, amount, senders * steps * rows).reshape(senders, steps, rows)

    def at(self, kept: NDArray[np.bool_] | Index) -> Packets:
        """Return some of the packets."""
        step, y, x, sender = self.step[kept], self.y[kept], self.x[kept], self.sender[kept]
        return Packets(step, y, x, sender, self.first[kept], self.count[kept], self.flits[kept], self.shape)


def summed(place: Index, amount: NDArray[np.generic], size: int) -> Index:
    """Return (size,) sums of whole amounts by place (exact below 2**53)."""
    return np.bincount(place, amount, minlength=size).astype(np.int64)


def packets_of(design: Design, layer: int, delay: int) -> Packets:
    """Return what a layer sends, or (delay 1) replays: one packet per position, fire task and capacity (`engine/timing.md` 9)."""
    timing, shape = design.timing, design.network.layers[layer].out_shape
    pairs = timing.flit_bits // (max(1, (shape[0] - 1).bit_length()) + design.costs.layers[layer].value_bits)
    pairs = max(1, pairs)
    capacity = max(1, (timing.max_flits - timing.header_flits) * pairs)
    sent = design.trace.sent(layer, delay)
    tables = [_split(design, layer, sent, tasks, capacity) for tasks in _families(_tasks(design, layer))]
    step, position, sender, first, count = (np.concatenate(columns) for columns in zip(*tables, strict=True))
    y, x = np.divmod(position, shape[2])
    flits = timing.header_flits + -(-count // pairs)
    step += design.steps - sent.n_steps  # where a network starts, there is nothing to replay in its first step
    return Packets(step, y, x, sender, first, count, flits, (design.steps, shape[1], shape[2]))


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """Channels that leave a position together, and who sends them at each position: -1 for nobody."""

    channels: tuple[int, int]
    sender: Index


def _tasks(design: Design, layer: int) -> list[_Task]:
    """Return the channels of every fire task, or those of the host."""
    channels, rows, columns = design.network.layers[layer].out_shape
    if design.network.layers[layer].is_input:
        return [_Task((0, channels), np.zeros(rows * columns, np.int64))]
    spans: dict[tuple[int, int], Index] = {}
    for number, part_number in enumerate(design.parts_of[layer]):
        part = design.mapping.parts[part_number]
        owner = spans.setdefault(part.channels, np.full((rows, columns), -1, np.int64))
        owner[slice(*part.rows), slice(*part.columns)] = number
    step = design.timing.event_fifo
    return [
        _Task((low, min(low + step, end)), owner.ravel())
        for (begin, end), owner in sorted(spans.items(), key=lambda item: item[0])
        for low in range(begin, end, step)
    ]


def _families(tasks: list[_Task]) -> list[list[_Task]]:
    """Return the tasks in groups without common channels, channels ascending."""
    families: list[list[_Task]] = []
    for task in sorted(tasks, key=lambda task: task.channels):
        for family in families:
            if family[-1].channels[1] <= task.channels[0]:
                family.append(task)
                break
        else:
            families.append([task])
    return families


def _split(design: Design, layer: int, trace: LayerTrace, tasks: list[_Task], capacity: int) -> tuple[Index, ...]:
    """Return (step, position, sender, first value, count) of packets of at most `capacity` values, step by step."""
    task_of = np.full(design.network.layers[layer].shape[0], -1, np.int16)
    for number, task in enumerate(tasks):
        task_of[slice(*task.channels)] = number
    of_value = task_of[trace.channel]
    begins = np.zeros(len(of_value), np.bool_)
    begins[trace.first_event[:-1]] = True
    begins[1:] |= of_value[1:] != of_value[:-1]
    first = np.flatnonzero(begins)
    count = np.diff(np.append(first, len(of_value)))
    site = np.searchsorted(trace.first_event, first, side="right") - 1
    step = np.repeat(np.arange(trace.n_steps), np.diff(trace.step_start))[site]
    position = trace.position[site].astype(np.int64)
    sender = np.stack([task.sender for task in tasks])[of_value[first], position]
    sender[of_value[first] < 0] = -1
    if (sender < 0).any():
        kept = sender >= 0
        step, position, first, count, sender = (values[kept] for values in (step, position, first, count, sender))
    if not len(count) or int(count.max()) <= capacity:
        return step, position, sender, first, count
    packets = -(-count // capacity)
    which = np.repeat(np.arange(len(count)), packets)
    number = np.arange(len(which)) - np.repeat(np.cumsum(packets) - packets, packets)
    taken = np.minimum(capacity, count[which] - number * capacity)
    return step[which], position[which], sender[which], first[which] + number * capacity, taken

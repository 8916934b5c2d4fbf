"""Integrate tasks: how the values of a packet form groups, rounds and tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seneca_sim.chip.timing import Timing
from seneca_sim.engine.reference.geometry import Position, kernel_index
from seneca_sim.engine.reference.inlet import Inlet
from seneca_sim.engine.reference.packet import Packet

__all__ = ["Integration", "Round", "addressed_values", "flushed", "integrations"]

Value = tuple[Position, int]
"""(input position, channel)"""


@dataclass(frozen=True, slots=True)
class Round:
    """One group of values at one neuron position."""

    neuron: Position
    values: int
    chunks: tuple[int, ...]
    """Outputs (channels of each sum) of each chunk that is executed."""
    tests: int
    """Chunks that were tested for masks."""


@dataclass(frozen=True, slots=True)
class Integration:
    """What one decode or flush job does: its cost on RISC-V and the task that it pushes, if any."""

    cost: int
    rounds: tuple[Round, ...] = ()
    kept: tuple[Value, ...] | None = None
    """The open group of the step after this job; None if the inlet keeps no open groups."""

    @property
    def pushes(self) -> bool:
        """Whether a task is pushed."""
        return any(turn.chunks for turn in self.rounds)

    def duration(self, inlet: Inlet, timing: Timing) -> int:
        """Return the cycles of the task on the loop controller."""
        chunks = sum(len(turn.chunks) for turn in self.rounds)
        return max(1, timing.lc_task + chunks * (inlet.costs.chunk_cycles + timing.lc_chunk))


def convolution_group(inlet: Inlet, channel: int) -> int:
    """Return the convolution group of a source channel; on an `add` edge every channel is one."""
    if inlet.edge.kind == "add":
        return channel
    return channel // (inlet.source.shape[0] // inlet.edge.groups)


def addressed(inlet: Inlet, group: int) -> range:
    """Return the channels of the part in a convolution group."""
    part = inlet.part.channels
    if inlet.edge.kind == "add":
        target = range(group + inlet.edge.target_offset, group + inlet.edge.target_offset + 1)
    else:
        size = inlet.part.layer.shape[0] // inlet.edge.groups
        target = range(group * size, (group + 1) * size)
    return range(max(part.start, target.start), min(part.stop, target.stop))


def round_outputs(inlet: Inlet, group: int) -> list[int]:
    """Return the outputs of the weights that a round of a convolution group holds: the channels of each sum in turn."""
    channels = addressed(inlet, group)
    return [number * inlet.part.layer.shape[0] + channel for number in range(inlet.edge.sums) for channel in channels]


def is_one_position(inlet: Inlet) -> bool:
    """Return whether the sum of an edge is one number a channel, so that values have no kernel position."""
    return inlet.edge.kind == "dense" or inlet.edge.broadcast


def groups_across_packets(inlet: Inlet, timing: Timing) -> bool:
    """Return whether the values of several packets share groups."""
    grouped = inlet.edge.kind == "add" or inlet.edge.groups > 1
    return timing.group_scope == "step" and is_one_position(inlet) and not grouped


def addressed_values(inlet: Inlet, packet: Packet) -> list[Value]:
    """Return the values of a packet that act on some channel of the part."""
    return [
        (packet.position, channel) for channel in packet.channels if addressed(inlet, convolution_group(inlet, channel))
    ]


def integrations(inlet: Inlet, packet: Packet, timing: Timing) -> Iterator[Integration]:
    """Yield what each decode job of a packet does for an inlet."""
    arrival = timing.rv_packet + timing.rv_value * len(packet.channels)
    values = addressed_values(inlet, packet)
    if not values:
        jobs: Iterator[Integration] = iter([Integration(0)])
    elif groups_across_packets(inlet, timing):
        jobs = _across_packets(inlet, packet.step, values, timing)
    else:
        jobs = _within_packet(inlet, packet.position, values, timing)
    for job in jobs:
        yield Integration(job.cost + arrival, job.rounds, job.kept)
        arrival = 0


def _within_packet(inlet: Inlet, position: Position, values: list[Value], timing: Timing) -> Iterator[Integration]:
    groups: list[list[Value]] = []
    for number in dict.fromkeys(convolution_group(inlet, channel) for _, channel in values):
        members = [value for value in values if convolution_group(inlet, value[1]) == number]
        size = timing.group_size
        groups += [members[start : start + size] for start in range(0, len(members), size)]
    for neurons in _scopes(inlet, position, timing):
        paid = 0 if is_one_position(inlet) else timing.rv_position * len(neurons)
        for group in groups:
            rounds = tuple(form_round(inlet, group, neuron, timing) for neuron in neurons)
            yield Integration(paid + timing.rv_skip * sum(turn.tests for turn in rounds), rounds)
            paid = 0


def _scopes(inlet: Inlet, position: Position, timing: Timing) -> list[list[Position]]:
    if inlet.edge.broadcast:
        return [[_first_neuron(inlet)]]
    touched = inlet.touched(position)
    if timing.task_scope == "pixel":
        return [touched]
    if timing.task_scope == "row":
        return [[neuron for neuron in touched if neuron[0] == row] for row in inlet.touched_rows[position[0]]]
    return [[neuron] for neuron in touched]


def _across_packets(inlet: Inlet, step: int, values: list[Value], timing: Timing) -> Iterator[Integration]:
    left = list(values)
    while left:
        group = list(inlet.open_groups.get(step, []))
        while left and len(group) < timing.group_size:
            group.append(left.pop(0))
        if len(group) < timing.group_size:
            yield Integration(0, kept=tuple(group))
        else:
            yield _pushed(inlet, group, 0, timing)


def _first_neuron(inlet: Inlet) -> Position:
    return inlet.part.neurons.rows.start, inlet.part.neurons.columns.start


def _pushed(inlet: Inlet, group: list[Value], cost: int, timing: Timing) -> Integration:
    turn = form_round(inlet, group, _first_neuron(inlet), timing)
    return Integration(cost + timing.rv_skip * turn.tests, (turn,), kept=())


def flushed(inlet: Inlet, step: int, timing: Timing) -> Integration:
    """Return what the job does that pushes an open group when its position fires."""
    return _pushed(inlet, inlet.open_groups[step], timing.rv_fire, timing)


def form_round(inlet: Inlet, group: list[Value], neuron: Position, timing: Timing) -> Round:
    """Return a round: its chunks, without those in which every weight of the group's values is masked."""
    outputs = round_outputs(inlet, convolution_group(inlet, group[0][1]))
    size = inlet.costs.neurons_per_chunk
    chunks = [outputs[start : start + size] for start in range(0, len(outputs), size)]
    tests = 0
    if timing.masked == "chunk_skip" and inlet.edge.mask is not None:
        tests = len(chunks)
        chunks = [chunk for chunk in chunks if any(has_weight(inlet, chunk, value, neuron) for value in group)]
    return Round(neuron, len(group), tuple(len(chunk) for chunk in chunks), tests)


def has_weight(inlet: Inlet, chunk: list[int], value: Value, neuron: Position) -> bool:
    """Return whether a value has an unmasked weight to some output of a chunk at a neuron position."""
    assert inlet.edge.mask is not None  # only masked edges are tested
    place, channel = value
    ky, kx = (0, 0) if inlet.edge.broadcast else (kernel_index(inlet.edge, a, place[a], neuron[a]) for a in (0, 1))
    source = channel % inlet.edge.mask.shape[1]
    return any(bool(inlet.edge.mask[target, source, ky, kx]) for target in chunk)

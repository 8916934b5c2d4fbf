"""What every goal of automatic mapping works with: the task, the ways to cut its layers, and what it has to refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import Chip
from seneca_sim.errors import MappingError
from seneca_sim.graph.network import Layer, Network
from seneca_sim.mapping.balanced import StripProblem, strip_problem
from seneca_sim.mapping.cost import Cuts, layer_cost
from seneca_sim.mapping.geometry import Span
from seneca_sim.mapping.memory import layer_memory
from seneca_sim.mapping.splits import UNLIMITED, LayerSplits, part_bits
from seneca_sim.mapping.strips import COUNTS

__all__ = ["USEFUL_WINDOW", "Draft", "Task", "layer_splits", "runs_ahead", "strips_of", "too_few", "too_large"]

USEFUL_WINDOW = 8
"""Rows that producers may run ahead where there is memory; more of them hardly change the latency."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A part without state rows."""

    layer: int
    channels: Span
    rows: Span
    columns: Span
    core: int


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be mapped, and what every goal works with."""

    network: Network
    chip: Chip
    cores: int | None
    """Most cores to use; None is as many as the goal asks for."""
    trace: Trace | None
    state_rows: Mapping[int, int]
    """Rows assumed for the parts of each layer."""
    most_strips: int = COUNTS[-1]
    """Strips of columns that a layer may be cut into: each takes multicast groups of its own."""

    @property
    def limit(self) -> int:
        """Data memory of a core [bits]."""
        return self.chip.core.data_memory_bits.value

    @property
    def mapped(self) -> list[int]:
        """Numbers of the layers that live on cores."""
        return [number for number, layer in enumerate(self.network.layers) if not layer.is_input]


def layer_splits(task: Task, cuts: Cuts) -> list[LayerSplits]:
    """Return the ways to cut each layer; refuse layers of which no part fits a core."""
    network, chip = task.network, task.chip
    layers = []
    for number in task.mapped:
        memory = layer_memory(network, chip, number)
        cost = layer_cost(network, chip, number, task.trace, cuts)
        splits = LayerSplits(number, network.layers[number], cost, memory, task.state_rows[number], task.limit)
        if splits.fewest_parts(UNLIMITED) is None:
            raise too_large(
                task,
                number,
                int(part_bits(network.layers[number], memory, 1, task.state_rows[number]).diagonal().max()),
            )
        layers.append(splits)
    return layers


def too_large(task: Task, number: int, need: int) -> MappingError:
    """Return the error of a layer of which not even a row of one channel fits a core, and how many bits that needs."""
    return MappingError(
        f"{task.network.layers[number].name}: one row of one channel needs {need} bits, a core has {task.limit}; input channels "
        "are not split: use narrower weights or more data memory (core.data_memory_bits)"
    )


def too_few(task: Task, need: int, why: str) -> MappingError:
    """Return the error of a network that needs more cores than it may use."""
    return MappingError(
        f"network {task.network.name} needs {need} cores of {task.limit} bits {why}, but only {task.cores} may be used; "
        "allow more cores, or use narrower weights or more data memory"
    )


def strips_of(task: Task, cuts: Cuts) -> StripProblem:
    """Return the ways to cut into strips, for producers cut before some channels."""
    return strip_problem(task.network, task.chip, task.trace, task.state_rows, cuts, task.most_strips)


def runs_ahead(layer: Layer) -> bool:
    """Return whether a layer gains by more state rows than it must have.

    Not where a step before comes back: cores take in rows before they replay, and no row fires before its replay.
    """
    return not any(edge.delay for edge in layer.edges)

"""What a run leaves behind: everything that its tables and prices follow from, and nothing that the clock on the wall changes.

L layers, E edges (numbered through all layers in order), P parts, I inlets (numbered by part, then edge), T steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import Chip
from seneca_sim.chip.number_types import Role, bits_of, priced_type
from seneca_sim.engine.counts import INLET_COUNTERS, Counts
from seneca_sim.engine.programs import LayerPrograms
from seneca_sim.graph.network import Layer, Network
from seneca_sim.graph.neurons import SigmaDelta
from seneca_sim.graph.table import dense_macs
from seneca_sim.mapping.types import Mapping
from seneca_sim.report.sums import summed

__all__ = [
    "Activity",
    "EdgeFacts",
    "InputFile",
    "LayerFacts",
    "Record",
    "Run",
    "Width",
    "Widths",
    "activity_totals",
    "layer_facts",
]

Instructions = tuple[tuple[str, int], ...]
"""Instructions of one chunk of a program, each with how often it is executed."""


@dataclass(frozen=True, slots=True)
class EdgeFacts:
    """One edge of a network: what its work costs and what a dense implementation would do."""

    name: str
    source: str
    kind: Literal["conv", "dense", "add"]
    delay: int
    integrate: Instructions
    dense_macs: int
    masked: bool
    """Whether training fixed some of its weights to zero."""


@dataclass(frozen=True, slots=True)
class Width:
    """Bits of one number in the data memory, as the chip charges its type."""

    bits: int
    meaning: str
    """Its type, and what that is charged as, in words."""
    constants: tuple[str, ...] = ()
    """Dotted name of the constant that says so, if the chip has no programs for the type."""


@dataclass(frozen=True, slots=True)
class Widths:
    """Widths of a layer's numbers, by what they are; without edges it keeps none."""

    weight: Width
    state: Width
    held_output: Width


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One layer of a network: its size and the programs of its neurons (none for input layers)."""

    name: str
    shape: tuple[int, int, int]
    out_shape: tuple[int, int, int]
    is_input: bool
    widths: Widths
    update: Instructions = ()
    pool: Instructions = ()
    emit: Instructions = ()
    edges: tuple[EdgeFacts, ...] = ()
    sends_pooled: bool = False
    """Whether what is compared and sent lies behind the fused pooling, as for sigma-delta neurons."""

    @property
    def senders(self) -> int:
        """Number of neurons that may send: all, or one for each output where they send behind the pooling."""
        return int(np.prod(self.out_shape)) if self.sends_pooled else self.neurons

    @property
    def neurons(self) -> int:
        """Number of neurons, before fused pooling."""
        return self.shape[0] * self.shape[1] * self.shape[2]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that a run read: which argument named it, where it was, and what it held."""

    argument: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Run:
    """How a run was asked for, in plain values."""

    request: dict[str, Any]
    """Arguments of `simulate` that differ from their defaults, as in a run file."""
    inputs: tuple[InputFile, ...]
    versions: dict[str, str]
    network: str
    input: str
    activity_source: Literal["simulated", "synthetic"]
    mapping: str
    engine: str
    seed: int
    warmup: int
    step_us: float | None
    """Input time of one step; None for frames."""
    classifies: bool
    sigma_delta: bool
    """Whether a layer is sigma-delta and starts at zero, so that the first step stands apart."""
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """Totals of the activity trace."""

    events: NDArray[np.int64]
    """(T, L) values sent, after fused pooling."""
    neuron_events: NDArray[np.int64]
    """(T, L) active neurons, before fused pooling."""
    positions: NDArray[np.int64]
    """(T, L) output positions with at least one event."""
    saturations: NDArray[np.int64]
    """(T, L)"""
    sops: NDArray[np.int64]
    """(T, E)"""
    class_scores: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One run: request, chip, network facts, mapping, memory, activity totals and the engine's counts."""

    run: Run
    chip: Chip
    layers: tuple[LayerFacts, ...]
    mapping: Mapping
    memory: NDArray[np.int64]
    """(P, len(MEMORY_KINDS)) bits reserved by each part."""
    activity: Activity
    counts: Counts

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return len(self.counts.steps)

    @property
    def edges(self) -> tuple[EdgeFacts, ...]:
        """All edges, numbered through all layers in order."""
        return tuple(edge for layer in self.layers for edge in layer.edges)

    @property
    def host_layer(self) -> int | None:
        """The layer that host packets belong to: the only input layer, or None if there are several."""
        inputs = [number for number, layer in enumerate(self.layers) if layer.is_input]
        return inputs[0] if len(inputs) == 1 else None

    def layer_of_part(self) -> NDArray[np.int64]:
        """Return the layer index of each part, (P,)."""
        return np.array([part.layer for part in self.mapping.parts], dtype=np.int64)

    def core_of_part(self) -> NDArray[np.int64]:
        """Return the core of each part, (P,)."""
        return np.array([part.core for part in self.mapping.parts], dtype=np.int64)

    def inlets(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the part and the edge of each inlet, both (I,)."""
        first = np.cumsum([0, *(len(layer.edges) for layer in self.layers)])
        pairs = [
            (number, first[part.layer] + edge)
            for number, part in enumerate(self.mapping.parts)
            for edge in range(len(self.layers[part.layer].edges))
        ]
        table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def executed_sops(self) -> NDArray[np.int64]:
        """Return the synaptic operations that the chip executed through each edge, (E,).

        Where windows of a fused pooling leave neurons out, the chip executes fewer than the network has; where a split by
        rows or columns makes windows overlap, it executes those of the shared neurons on each core.
        """
        _, edge = self.inlets()
        return summed(self.counts.inlets[:, :, INLET_COUNTERS.index("sops")].sum(axis=0), edge, len(self.edges))

    def layer_of_edge(self) -> NDArray[np.int64]:
        """Return the layer that each edge leads into, (E,)."""
        return np.repeat(np.arange(len(self.layers)), [len(layer.edges) for layer in self.layers])


def activity_totals(trace: Trace) -> Activity:
    """Return the totals of a trace per step and layer."""
    layers = trace.layers
    return Activity(
        events=np.stack([np.diff(layer.first_event[layer.step_start]) for layer in layers], axis=1),
        neuron_events=np.stack([layer.neuron_events for layer in layers], axis=1),
        positions=np.stack([np.diff(layer.step_start) for layer in layers], axis=1),
        saturations=np.stack([layer.saturations for layer in layers], axis=1),
        sops=trace.sops,
        class_scores=trace.class_scores,
    )


def layer_facts(network: Network, chip: Chip, programs: tuple[LayerPrograms, ...]) -> tuple[LayerFacts, ...]:
    """Return the facts of each layer of a network with its programs on a chip."""
    return tuple(_facts(network, chip, layer, own) for layer, own in zip(network.layers, programs, strict=True))


def _facts(network: Network, chip: Chip, layer: Layer, programs: LayerPrograms) -> LayerFacts:
    """Return the facts of one layer."""
    types = layer.precision
    widths = Widths(
        _width(chip, "weight", types.weight, any(edge.weight is not None for edge in layer.edges)),
        _width(chip, "state", types.state, bool(layer.edges)),
        _width(chip, "event", types.event, True),
    )
    edges = tuple(
        EdgeFacts(
            edge.name,
            network.layers[edge.source].name,
            edge.kind,
            edge.delay,
            program.instructions,
            dense_macs(edge, layer, network.layers[edge.source]),
            edge.mask is not None,
        )
        for edge, program in zip(layer.edges, programs.integrate, strict=True)
    )
    fire = programs.fire
    if fire is None:
        return LayerFacts(layer.name, layer.shape, layer.out_shape, True, widths, edges=edges)
    pool = () if fire.pool is None else fire.pool.instructions
    instructions = (fire.update.instructions, pool, fire.emit.instructions)
    sends_pooled = isinstance(layer.neuron, SigmaDelta) and layer.pool is not None
    return LayerFacts(layer.name, layer.shape, layer.out_shape, False, widths, *instructions, edges, sends_pooled)


def _width(chip: Chip, role: Role, number_type: str, used: bool) -> Width:
    """Return the width of a number in the data memory; a spike takes a bit, numbers that a layer does not have take none."""
    if not used:
        return Width(0, f"no {role}s")
    priced = priced_type(chip, role, number_type)
    bits = max(1, bits_of(chip, role, number_type))
    if priced == number_type:
        return Width(bits, f"width of {number_type} {role}s")
    return Width(bits, f"width of {number_type} {role}s, priced as {priced}", (f"price_as.{number_type}",))

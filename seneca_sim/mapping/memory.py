"""What a mapping keeps in the data memories, in bits, by kind.

Widths are those that the chip prices the layer's number types as. Weights are stored densely, zeros included; skipping
masked chunks takes one bit for each chunk of weights (input channel, kernel position, chunk of output channels) on top.
Scales and neuron constants are in instructions and registers, the one bit per position that notes a touched neuron is in
its state word: neither is counted, nor are the 256 entries that a core needs of each function that it looks up in a table.
Layers with the same weights (a head used on several maps) keep one copy where the same channels stand on the same core.
Only sums that edges feed are kept. What a broadcast edge adds is one sum per channel, kept by every part of these channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.chip import Chip
from seneca_sim.chip.number_types import bits_of
from seneca_sim.chip.programs import integrate_program, output_maps, state_bits, whole_maps
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.graph.neurons import MultiThreshold, is_stateful
from seneca_sim.mapping.firing import fire_options
from seneca_sim.mapping.geometry import neuron_box
from seneca_sim.mapping.types import Mapping, Part

__all__ = ["MEMORY_KINDS", "SHARED_KINDS", "LayerMemory", "Memory", "core_memory", "layer_memory", "weight_owners"]

MEMORY_KINDS = (
    "weights",  # of all layers that are no head, replicas included
    "head_weights",  # of detection and classification heads
    "biases",  # one per channel and sum, as wide as a state; the thresholds of `MultiThreshold` that differ between channels
    "masks",  # one bit for each chunk of a masked edge (`masked: chunk_skip`)
    "states",  # whole maps of neurons that remember, of the inner state of cells, of rings that delay
    "held_outputs",  # the values sent in the step before, for recurrent edges
    "row_buffers",  # the state rows of sums that nobody remembers, and the sums per channel of broadcast edges
)
SHARED_KINDS = 4
"""The first kinds belong to channels: parts of the same channels, of layers with the same weights, hold replicas on different
cores, on the same core one copy."""

Bits = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LayerMemory:
    """What one layer's parts need, from which the bits of any part follow."""

    weight_bits: int
    """Per channel, all edges."""
    is_head: bool
    bias_bits: int
    """Per channel."""
    mask_bits: tuple[tuple[int, int, int, int], ...]
    """Per masked edge: (bits for each chunk of channels, channels of a chunk, channels of a convolution group, sums).

    A chunk holds channels of all sums that the edge feeds."""
    neuron_bits: int
    """Sums and states of one neuron, before fused pooling; of stateless ones only some rows are kept."""
    whole_bits: int
    """What every neuron of the map keeps besides: c of a cell, rings that delay."""
    vector_bits: int
    """Sums of broadcast edges, per channel."""
    output_bits: int
    """States that stand behind the fused pooling, per output."""
    held_bits: int
    """Sent values, per output."""
    stateful: bool

    def channel_kinds(self, channels: int) -> tuple[int, int, int, int]:
        """Return the bits that belong to a number of channels: weights, head weights, biases, masks.

        Chunks hold channels of one convolution group, as in execution; groups are counted from the first of the channels.
        """
        weights = channels * self.weight_bits
        masks = sum(
            bits * (channels // group * -(-group * sums // chunk) + -(-(channels % group) * sums // chunk))
            for bits, chunk, group, sums in self.mask_bits
        )
        head = (0, weights) if self.is_head else (weights, 0)
        return (*head, channels * self.bias_bits, masks)

    def map_kinds(self, channels: int, neurons: tuple[int, int], outputs: int, state_rows: int) -> tuple[int, int, int]:
        """Return the bits of states, held outputs and row buffers for (rows, columns) of neurons and a number of outputs."""
        rows, columns = neurons
        whole = rows * columns * self.whole_bits
        if self.stateful:
            whole += rows * columns * self.neuron_bits + outputs * self.output_bits
        buffered = 0 if self.stateful else min(state_rows, rows) * columns * self.neuron_bits
        return channels * whole, channels * outputs * self.held_bits, channels * (buffered + self.vector_bits)


def layer_memory(network: Network, chip: Chip, number: int) -> LayerMemory:
    """Return what the parts of a layer need.

    Raises
    ------
    ChipError
        If the chip has no programs for the layer's number types and does not say what they are priced as.
    """
    layer = network.layers[number]
    kind, options = fire_options(network, layer)
    state = bits_of(chip, "state", layer.precision.state)
    behind = output_maps(kind) * state if layer.pool is not None else 0
    whole = whole_maps(kind, options) * state
    weighted = [edge for edge in layer.edges if edge.weight is not None]
    width = bits_of(chip, "weight", layer.precision.weight) if weighted else 0
    held = number in network.replayed
    skips = chip.core.masked.value == "chunk_skip"
    return LayerMemory(
        weight_bits=width * sum(edge.sums * _weights_of_channel(edge) for edge in weighted),
        is_head=layer.is_head,
        bias_bits=state * (_thresholds_of_channel(layer) + (0 if layer.bias is None else layer.sums)),
        mask_bits=tuple(
            (
                _weights_of_channel(edge),
                _chunk_of(network, chip, layer, edge),
                layer.shape[0] // edge.groups,
                edge.sums,
            )
            for edge in weighted
            if skips and edge.mask is not None
        ),
        neuron_bits=state_bits(chip, kind, layer.precision.state, options) - behind - whole,
        whole_bits=whole,
        vector_bits=state * sum(each.vector for each in options["sums"]),
        output_bits=behind,
        held_bits=max(1, bits_of(chip, "event", layer.precision.event)) if held else 0,
        stateful=layer.neuron is not None and is_stateful(layer.neuron),
    )


def weight_owners(network: Network) -> tuple[int, ...]:
    """Return for each layer the first one with the same weights and biases: itself, or a layer before it."""
    known: dict[tuple[int, ...], list[int]] = {}
    owners = []
    for number, layer in enumerate(network.layers):
        weights = tuple(id(edge.weight) for edge in layer.edges if edge.weight is not None)
        alike = known.setdefault(weights, []) if weights else []
        owner = next((other for other in alike if _same_constants(layer, network.layers[other])), number)
        if owner == number:
            alike.append(number)
        owners.append(owner)
    return tuple(owners)


def _same_constants(layer: Layer, other: Layer) -> bool:
    """Return whether layers with the same weights have the same biases and number types, too."""
    if layer.precision != other.precision or isinstance(layer.neuron, MultiThreshold):
        return False
    if layer.bias is None or other.bias is None:
        return layer.bias is other.bias
    return np.array_equal(layer.bias, other.bias)


def _thresholds_of_channel(layer: Layer) -> int:
    """Return the thresholds of one channel where they differ between channels, else 0."""
    if not isinstance(layer.neuron, MultiThreshold) or layer.neuron.thresholds.shape[0] == 1:
        return 0
    return int(layer.neuron.thresholds.shape[1])


def _weights_of_channel(edge: Edge) -> int:
    """Return the weights of one output channel, for one sum."""
    return 0 if edge.weight is None else int(np.prod(edge.weight.shape[1:]))


def _chunk_of(network: Network, chip: Chip, layer: Layer, edge: Edge) -> int:
    """Return the channels that one chunk of an edge's integrate program handles."""
    event = network.layers[edge.source].precision.event
    types = Precision(layer.precision.weight, layer.precision.state, event)
    return integrate_program(chip, types, chip.core.grouping.size.value).neurons_per_chunk


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """Bits of a mapping; columns are `MEMORY_KINDS`."""

    parts: Bits
    """(parts, kinds); what two parts on one core share is counted at the first."""
    cores: Bits
    """(cores, kinds)"""
    replica_bits: int
    """Weights, biases and masks that are on more than one core, counted once less."""

    @property
    def total_bits(self) -> int:
        """All kinds on all cores, replicas included."""
        return int(self.parts.sum())

    @property
    def unique_bits(self) -> int:
        """The total without replicas."""
        return self.total_bits - self.replica_bits

    def by_kind(self) -> dict[str, int]:
        """Return the bits of each kind on all cores; of the replicas that they hold, too (`replicas`, contained in the others)."""
        totals = {kind: int(bits) for kind, bits in zip(MEMORY_KINDS, self.parts.sum(axis=0), strict=True)}
        return {**totals, "replicas": self.replica_bits}


def core_memory(network: Network, chip: Chip, mapping: Mapping) -> Memory:
    """Return the bits that each part and each core of a mapping holds.

    >>> from seneca_sim.chip import load_chip
    >>> from seneca_sim.graph.neurons import Relu
    >>> weight = np.ones((8, 2, 3, 3), np.float32)
    >>> layers = (
    ...     Layer("in", None, (2, 6, 6)),
    ...     Layer("conv", Relu(), (8, 6, 6), (Edge("e", 0, "conv", weight, padding=(1, 1)),)),
    ... )
    >>> halves = tuple(Part(1, core, (0, 8), (3 * core, 3 * core + 3), (0, 6), 3) for core in (0, 1))
    >>> memory = core_memory(Network("n", layers), load_chip("seneca"), Mapping("n", halves, (2, 1), ((0, 0), (1, 0))))
    >>> memory.by_kind()["weights"], memory.replica_bits, memory.by_kind()["row_buffers"] == 2 * 3 * 6 * 8 * 16
    (4608, 2304, True)
    """
    layers = {number: layer_memory(network, chip, number) for number in {part.layer: 0 for part in mapping.parts}}
    bits = np.zeros((len(mapping.parts), len(MEMORY_KINDS)), dtype=np.int64)
    for row, part in zip(bits, mapping.parts, strict=True):
        rows, columns = neuron_box(network.layers[part.layer], part)
        channels = part.channels[1] - part.channels[0]
        outputs = (part.rows[1] - part.rows[0]) * (part.columns[1] - part.columns[0])
        neurons = (rows[1] - rows[0], columns[1] - columns[0])
        memory = layers[part.layer]
        row[:SHARED_KINDS] = memory.channel_kinds(channels)
        row[SHARED_KINDS:] = memory.map_kinds(channels, neurons, outputs, part.state_rows)
    owners = weight_owners(network)
    _share_on_cores(mapping.parts, layers, owners, bits)
    cores = np.zeros((len(mapping.place), len(MEMORY_KINDS)), dtype=np.int64)
    np.add.at(cores, [part.core for part in mapping.parts], bits)
    ranges: dict[int, set[tuple[int, int]]] = {}
    for part in mapping.parts:
        ranges.setdefault(owners[part.layer], set()).add(part.channels)
    memories = {owners[number]: memory for number, memory in layers.items()}
    once = sum(_once(memories[owner], spans) for owner, spans in ranges.items())
    return Memory(bits, cores, int(bits[:, :SHARED_KINDS].sum()) - once)


def _share_on_cores(parts: Sequence[Part], layers: dict[int, LayerMemory], owners: Sequence[int], bits: Bits) -> None:
    """Keep one copy of the weights, biases and masks of each channel on each core: later parts take what is there."""
    held: dict[tuple[int, int], set[int]] = {}
    for row, part in zip(bits, parts, strict=True):
        here = held.setdefault((part.core, owners[part.layer]), set())
        channels = set(range(*part.channels))
        if channels & here:
            row[:SHARED_KINDS] = layers[part.layer].channel_kinds(len(channels - here))
        here |= channels


def _once(memory: LayerMemory, ranges: set[tuple[int, int]]) -> int:
    """Return the bits of weights, biases and masks if every channel were stored on one core only."""
    covered: set[int] = set()
    bits = 0
    for channels in sorted(ranges):
        new = set(range(*channels)) - covered
        bits += sum(memory.channel_kinds(len(new)))
        covered |= new
    return bits

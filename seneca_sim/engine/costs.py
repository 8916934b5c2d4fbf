"""What the chip's programs cost a network: cycles and sizes per layer and per edge, shared by all engines."""

from __future__ import annotations

from dataclasses import dataclass

from seneca_sim.chip.description import Chip
from seneca_sim.chip.number_types import bits_of
from seneca_sim.chip.programs import FirePrograms
from seneca_sim.engine.programs import network_programs
from seneca_sim.graph.network import Layer, Network
from seneca_sim.mapping.firing import Evaluate, evaluate_rule

__all__ = [
    "Costs",
    "EdgeCosts",
    "Evaluate",
    "LayerCosts",
    "costs_of",
    "evaluate_rule",
]


@dataclass(frozen=True, slots=True)
class LayerCosts:
    """Costs of firing one layer. Input layers, which only use `value_bits`, are listed too, so that indices agree."""

    neurons_per_chunk: int = 1
    """Channels that one chunk of the update, window or emit program handles."""
    update_cycles: int = 1
    """Cycles of one chunk of the neuron update, per neuron position."""
    pool_cycles: int = 0
    """Cycles of one chunk of the window program (fused max pooling), per neuron position of the window; 0 without pooling."""
    emit_cycles: int = 1
    """Cycles of one chunk of the emit program, per output position."""
    evaluate: Evaluate = "always"
    value_bits: int = 0
    """Bits of one value of the layer's events in a packet; 0 for binary events."""

    def touched_only(self, step: int, *, continues: bool = False) -> bool:
        """Return whether untouched positions are skipped in a step of a trace, which may continue an earlier one.

        >>> LayerCosts(evaluate="touched_later").touched_only(0), LayerCosts(evaluate="touched_later").touched_only(1)
        (False, True)
        """
        return self.evaluate == "touched" or (self.evaluate == "touched_later" and (continues or step > 0))


@dataclass(frozen=True, slots=True)
class EdgeCosts:
    """Costs of integrating through one edge."""

    neurons_per_chunk: int = 1
    """Channels that one chunk of the integrate program handles."""
    chunk_cycles: int = 1
    """Cycles of one chunk for one full group of events."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of a network on a chip."""

    layers: tuple[LayerCosts, ...]
    """In the order of `Network.layers`."""
    edges: tuple[EdgeCosts, ...]
    """Edges numbered through all layers in order."""


def costs_of(network: Network, chip: Chip) -> Costs:
    """Return what the programs of a chip cost a network.

    >>> import numpy as np
    >>> from seneca_sim.chip import load_chip
    >>> from seneca_sim.graph.network import Edge
    >>> from seneca_sim.graph.neurons import Relu
    >>> edge = Edge("e", 0, "conv", np.ones((4, 2, 3, 3), np.float32))
    >>> layers = Layer("in", None, (2, 8, 8)), Layer("relu", Relu(), (4, 6, 6), (edge,))
    >>> costs = costs_of(Network("example", layers), load_chip("seneca"))
    >>> costs.layers[1].neurons_per_chunk, costs.layers[1].evaluate, costs.layers[1].value_bits, costs.edges
    (8, 'touched', 16, (EdgeCosts(neurons_per_chunk=8, chunk_cycles=28),))
    """
    programs = network_programs(network, chip)
    layers = (_layer_costs(network, layer, own.fire, chip) for layer, own in zip(network.layers, programs, strict=True))
    edges = (EdgeCosts(program.neurons_per_chunk, program.cycles) for own in programs for program in own.integrate)
    return Costs(tuple(layers), tuple(edges))


def _layer_costs(network: Network, layer: Layer, fire: FirePrograms | None, chip: Chip) -> LayerCosts:
    """Return the costs of firing one layer; of an input layer, only the width of its values."""
    value_bits = bits_of(chip, "event", layer.precision.event)
    if fire is None:
        return LayerCosts(value_bits=value_bits)
    return LayerCosts(
        neurons_per_chunk=fire.update.neurons_per_chunk,
        update_cycles=fire.update.cycles,
        pool_cycles=0 if fire.pool is None else fire.pool.cycles,
        emit_cycles=fire.emit.cycles,
        evaluate=evaluate_rule(layer, bias_known=network.weights != "absent"),
        value_bits=value_bits,
    )

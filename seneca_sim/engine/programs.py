"""The programs that a network runs on a chip."""

from __future__ import annotations

from dataclasses import dataclass

from seneca_sim.chip.description import Chip
from seneca_sim.chip.number_types import Role, priced_type
from seneca_sim.chip.programs import FirePrograms, Program, fire_programs, integrate_program
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.mapping.firing import fire_options

__all__ = ["LayerPrograms", "network_programs", "priced_as"]

ROLES: tuple[Role, ...] = ("weight", "state", "event")


@dataclass(frozen=True, slots=True)
class LayerPrograms:
    """Programs of one layer: firing its neurons, and integrating through each of its edges."""

    fire: FirePrograms | None
    """None for input layers."""
    integrate: tuple[Program, ...]


def network_programs(network: Network, chip: Chip) -> tuple[LayerPrograms, ...]:
    """Return the programs of each layer of a network on a chip."""
    return tuple(
        LayerPrograms(
            _fire(network, layer, chip), tuple(_integrate(network, layer, edge, chip) for edge in layer.edges)
        )
        for layer in network.layers
    )


def _fire(network: Network, layer: Layer, chip: Chip) -> FirePrograms | None:
    """Return the programs that fire a layer, None for input layers."""
    if layer.neuron is None:
        return None
    return fire_programs(chip, *fire_options(network, layer), layer.precision, layer.pool is not None)


def _integrate(network: Network, layer: Layer, edge: Edge, chip: Chip) -> Program:
    """Return the program that integrates through an edge: weights and states of the layer, events of the source."""
    types = Precision(layer.precision.weight, layer.precision.state, network.layers[edge.source].precision.event)
    return integrate_program(chip, types, chip.core.grouping.size.value, weighted=edge.weight is not None)


def priced_as(network: Network, chip: Chip) -> tuple[str, ...]:
    """Return a sentence for each number type of a network that the chip prices as another one.

    >>> from seneca_sim.chip import load_chip
    >>> layer = Layer("input", None, (1, 1, 1), precision=Precision("fp32", "fp32", "binary"))
    >>> hidden = Layer("out", None, (1, 1, 1), edges=(Edge("e", 0, "add", None),), precision=Precision("fp32", "fp32", "binary"))
    >>> priced_as(Network("two", (layer, hidden)), load_chip("seneca"))
    ('function fp32, priced as bf16 (weights, states)',)
    """
    roles: dict[tuple[str, str], dict[str, None]] = {}
    for layer in network.layers:
        for role in ROLES if layer.edges else ROLES[2:]:
            number_type = getattr(layer.precision, role)
            priced = priced_type(chip, role, number_type)
            if priced != number_type:
                roles.setdefault((number_type, priced), {})[f"{role}s"] = None
    return tuple(f"function {own}, priced as {priced} ({', '.join(of)})" for (own, priced), of in roles.items())

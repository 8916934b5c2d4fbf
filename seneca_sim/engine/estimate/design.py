"""The design point that is estimated, with the numbering of its edges and inlets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seneca_sim.activity.trace import Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs
from seneca_sim.graph.network import Edge, Network
from seneca_sim.mapping.types import Mapping

__all__ = ["Design", "Inlet"]


@dataclass(frozen=True, slots=True)
class Inlet:
    """A part with one incoming edge of its layer."""

    number: int
    part: int
    edge: int
    """Number of the edge through all layers."""
    link: Edge


@dataclass(frozen=True, eq=False)
class Design:
    """A network, its activity, a mapping and the costs and timing of a chip."""

    network: Network
    mapping: Mapping
    trace: Trace
    timing: Timing
    costs: Costs

    @property
    def steps(self) -> int:
        """Time steps."""
        return self.trace.n_steps

    @cached_property
    def inlets(self) -> list[Inlet]:
        """All inlets, by part, then edge."""
        base = np.cumsum([0, *(len(layer.edges) for layer in self.network.layers)]).tolist()
        inlets: list[Inlet] = []
        for number, part in enumerate(self.mapping.parts):
            for position, edge in enumerate(self.network.layers[part.layer].edges):
                inlets.append(Inlet(len(inlets), number, base[part.layer] + position, edge))
        return inlets

    @cached_property
    def inlets_of(self) -> list[list[int]]:
        """The inlets of each part."""
        inlets: list[list[int]] = [[] for _ in self.mapping.parts]
        for inlet in self.inlets:
            inlets[inlet.part].append(inlet.number)
        return inlets

    @cached_property
    def parts_of(self) -> list[list[int]]:
        """The parts of each layer."""
        parts: list[list[int]] = [[] for _ in self.network.layers]
        for number, part in enumerate(self.mapping.parts):
            parts[part.layer].append(number)
        return parts

    @cached_property
    def hosts(self) -> list[int]:
        """Input layers, in network order."""
        return [number for number, layer in enumerate(self.network.layers) if layer.is_input]

    @cached_property
    def node(self) -> list[tuple[int, int]]:
        """(x, y) of the router of each core, then of each input layer's host port."""
        rows = self.mapping.host_rows
        return [*self.mapping.place, *((0, rows[min(host, len(rows) - 1)]) for host in range(len(self.hosts)))]

    def node_of_host(self, layer: int) -> int:
        """Return the index in `node` of an input layer's host port."""
        return len(self.mapping.place) + self.hosts.index(layer)

"""Routes on the mesh: x first, then y; a multicast packet follows the union of its paths."""

from __future__ import annotations

from collections.abc import Sequence

from seneca_sim.engine.reference.packet import Node
from seneca_sim.mapping.types import Mapping

__all__ = ["EAST", "LOCAL", "NORTH", "SOUTH", "WEST", "Place", "Routes"]

Place = tuple[int, int]
"""A router, by its column x and row y."""
NORTH, EAST, SOUTH, WEST, LOCAL = range(5)
NEIGHBOUR = {NORTH: (0, -1), EAST: (1, 0), SOUTH: (0, 1), WEST: (-1, 0)}


class Routes:
    """Where the nodes of a mapping sit, and the ways between them."""

    def __init__(self, mapping: Mapping) -> None:
        self._place = mapping.place

    def place(self, node: Node) -> Place:
        """Return the router of a node; host ports sit at column 0."""
        kind, number = node
        return (0, number) if kind == "host" else self._place[number]

    def entry(self, node: Node) -> tuple[Place, int]:
        """Return the router and the port at which a node is attached."""
        return self.place(node), WEST if node[0] == "host" else LOCAL

    def path(self, source: Node, target: Node) -> list[tuple[Place, int]]:
        """Return the (router, output port) hops to a node, the port to the node itself last."""
        (x, y), (end, port) = self.place(source), self.entry(target)
        hops = []
        while (x, y) != end:
            along_row = EAST if x < end[0] else WEST
            along_column = SOUTH if y < end[1] else NORTH
            direction = along_row if x != end[0] else along_column
            hops.append(((x, y), direction))
            x, y = x + NEIGHBOUR[direction][0], y + NEIGHBOUR[direction][1]
        return [*hops, ((x, y), port)]

    def tree(self, source: Node, targets: Sequence[Node]) -> dict[Place, tuple[int, ...]]:
        """Return the output ports at each router that a packet passes."""
        ports: dict[Place, set[int]] = {}
        for target in targets:
            for place, port in self.path(source, target):
                ports.setdefault(place, set()).add(port)
        return {place: tuple(sorted(chosen)) for place, chosen in ports.items()}

    def neighbour(self, place: Place, port: int) -> tuple[Place, int]:
        """Return the router behind an output port, and the input port at which it is entered."""
        dx, dy = NEIGHBOUR[port]
        return (place[0] + dx, place[1] + dy), (port + 2) % 4

    def leads_out(self, place: Place, port: int) -> bool:
        """Return whether an output port leads to a core or the host, not to another router.

        On the mesh no packet goes west from column 0 except to the host.
        """
        return port == LOCAL or (port == WEST and place[0] == 0)

"""The mesh: routers with bounded input buffers, virtual cut-through, multicast, and round-robin arbitration."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from seneca_sim.engine.reference.clock import Unit
from seneca_sim.engine.reference.network import NetworkOnChip
from seneca_sim.engine.reference.packet import Node, Packet
from seneca_sim.engine.reference.routes import LOCAL, Place

if TYPE_CHECKING:
    from seneca_sim.engine.reference.system import System

__all__ = ["Mesh"]


@dataclass(slots=True, eq=False)
class Entry:
    """A packet in an input buffer."""

    packet: Packet
    visible: int
    """Cycle at which its head flit is visible."""
    wanted: set[int]
    """Output ports to which it has not been copied."""
    eligible: int | None = None
    """Cycle from which it competes; None until it is first."""


@dataclass(slots=True, eq=False)
class Buffer:
    """An input buffer; it wakes whoever fills it when it gets room."""

    upstream: Callable[[], None]
    room: int
    entries: deque[Entry] = field(default_factory=deque)


class Router(Unit):
    """Five input buffers and five output ports."""

    def __init__(self, mesh: Mesh, place: Place) -> None:
        self.mesh = mesh
        self.place = place
        flits = mesh.system.timing.buffer_flits
        self.inputs = [Buffer(partial(mesh.wake_upstream, place, port), flits) for port in range(5)]
        self.sends_until = [0] * 5
        """Cycle from which each output port is not sending."""
        self.last_winner = [LOCAL] * 5
        super().__init__(mesh.system.clock)

    def accept(self, port: int, packet: Packet, outputs: set[int]) -> None:
        """Take room for a packet whose head flit is visible in the next cycle."""
        buffer = self.inputs[port]
        buffer.room -= packet.flits
        entry = Entry(packet, self.clock.now + 1, outputs)

        def arrive() -> None:
            buffer.entries.append(entry)
            self._front(buffer)

        self.clock.at(entry.visible, arrive)

    def _front(self, buffer: Buffer) -> None:
        """Let the first packet of a buffer compete as soon as it is eligible."""
        if buffer.entries and buffer.entries[0].eligible is None:
            first = buffer.entries[0]
            first.eligible = max(first.visible + self.mesh.system.timing.router_cycles, self.clock.now)
            self.clock.at(first.eligible, self.wake)

    def decide(self) -> None:
        """Grant every output port that is not sending."""
        for output in range(5):
            if self.sends_until[output] <= self.clock.now:
                winner = self._winner(output)
                if winner is not None:
                    self._grant(winner, output)

    def _winner(self, output: int) -> int | None:
        """Return the input port that wins an output: round robin, from the one after the last winner."""
        for turn in range(1, 6):
            port = (self.last_winner[output] + turn) % 5
            entries = self.inputs[port].entries
            if not entries or entries[0].eligible is None or entries[0].eligible > self.clock.now:
                continue
            if output in entries[0].wanted and self.mesh.has_room_behind(self.place, output, entries[0].packet):
                return port
        return None

    def _grant(self, port: int, output: int) -> None:
        buffer = self.inputs[port]
        entry = buffer.entries[0]
        now, packet = self.clock.now, entry.packet
        assert entry.eligible is not None  # only eligible packets win
        self.last_winner[output] = port
        self.sends_until[output] = now + packet.flits
        entry.wanted.remove(output)
        self.mesh.count(self.place, output, packet, now - entry.eligible)
        self.mesh.forward(self.place, output, packet)

        def sent() -> None:
            self.wake()

        def leave() -> None:
            buffer.entries.popleft()
            buffer.room += packet.flits
            buffer.upstream()
            self._front(buffer)
            self.wake()

        self.clock.at(now + packet.flits, sent if entry.wanted else leave)


class Mesh(NetworkOnChip):
    """Routers in columns and rows."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        columns, rows = system.mapping.mesh
        self.routers = {(x, y): Router(self, (x, y)) for y in range(rows) for x in range(columns)}
        self._trees: dict[tuple[Node, tuple[Node, ...]], dict[Place, tuple[int, ...]]] = {}

    def has_room(self, node: Node, flits: int) -> bool:
        """Return whether the router's buffer at a node has room for a packet."""
        place, port = self.routes.entry(node)
        return self.routers[place].inputs[port].room >= flits

    def inject(self, node: Node, packet: Packet) -> None:
        """Put a packet into the router's buffer at a node."""
        place, port = self.routes.entry(node)
        self.routers[place].accept(port, packet, set(self._tree(packet)[place]))

    def free(self, node: Node) -> None:
        """Let the router of a core look again whether its NoC FIFO has room."""
        self.routers[self.routes.place(node)].wake()

    def has_room_behind(self, place: Place, output: int, packet: Packet) -> bool:
        """Return whether the next buffer behind an output port has room for a packet; the host always has."""
        if output == LOCAL:
            return self.system.core_at[place].flits + packet.flits <= self.system.timing.input_flits
        if self.routes.leads_out(place, output):
            return True
        neighbour, port = self.routes.neighbour(place, output)
        return self.routers[neighbour].inputs[port].room >= packet.flits

    def forward(self, place: Place, output: int, packet: Packet) -> None:
        """Send a packet through an output port."""
        if self.routes.leads_out(place, output):
            self.deliver(place, output, packet)
            return
        neighbour, port = self.routes.neighbour(place, output)
        self.routers[neighbour].accept(port, packet, set(self._tree(packet)[neighbour]))

    def wake_upstream(self, place: Place, port: int) -> None:
        """Let whoever fills an input buffer look again."""
        if port == LOCAL:
            self.system.core_at[place].riscv.wake()
        elif self.routes.leads_out(place, port):
            self.system.host.wake(place[1])
        else:
            neighbour, _ = self.routes.neighbour(place, port)
            self.routers[neighbour].wake()

    def _tree(self, packet: Packet) -> dict[Place, tuple[int, ...]]:
        source = packet.source
        key = source, packet.remote
        if key not in self._trees:
            self._trees[key] = self.routes.tree(source, packet.remote)
        return self._trees[key]

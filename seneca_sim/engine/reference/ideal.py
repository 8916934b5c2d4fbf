"""The ideal network: hop latency and one flit a cycle at source and sink, no contention between."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from seneca_sim.engine.reference.clock import Job, Server
from seneca_sim.engine.reference.network import NetworkOnChip
from seneca_sim.engine.reference.packet import Node, Packet

if TYPE_CHECKING:
    from seneca_sim.engine.reference.system import System

__all__ = ["Ideal"]


class Sink(Server):
    """A core or host port that takes one packet after the other."""

    def __init__(self, network: Ideal, node: Node) -> None:
        self.network = network
        self.place, self.port = network.routes.entry(node)
        self.eligible: list[tuple[int, tuple[bool, int], Packet]] = []
        """(cycle, source: host ports first, packet)"""
        super().__init__(network.system.clock)

    def offer(self, packet: Packet) -> None:
        """Let a packet compete from this cycle on."""
        kind, number = packet.source
        self.eligible.append((self.clock.now, (kind == "core", number), packet))
        self.eligible.sort(key=lambda entry: entry[:2])
        self.wake()

    def choose(self) -> Job | None:
        """Take the next packet."""
        if not self.eligible:
            return None
        cycle, _, packet = self.eligible.pop(0)
        self.network.count(self.place, self.port, packet, self.clock.now - cycle)
        self.network.deliver(self.place, self.port, packet)
        return Job(f"take {packet}", packet.flits, lambda: None)


class Ideal(NetworkOnChip):
    """A network without contention."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        cores: list[Node] = [("core", number) for number in range(len(system.mapping.place))]
        rows: list[Node] = [("host", row) for row in sorted(set(system.mapping.host_rows))]
        self.sinks = {node: Sink(self, node) for node in cores + rows}

    def has_room(self, node: Node, flits: int) -> bool:
        """Return True: buffers have no limits."""
        return True

    def inject(self, node: Node, packet: Packet) -> None:
        """Send a packet on its way to each destination."""
        clock, hop = self.system.clock, self.system.timing.router_cycles + 1
        for target in packet.remote:
            hops = len(self.routes.path(node, target)) - 1
            sink = self.sinks[target]
            clock.at(clock.now + hop + hops * hop, partial(sink.offer, packet))
        for place, ports in self.routes.tree(node, packet.remote).items():
            for port in ports:
                if not self.routes.leads_out(place, port):
                    self.count(place, port, packet, 0)

"""What cores and hosts see of a network on chip, and what both kinds of it count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seneca_sim.engine.reference.packet import Node, Packet
from seneca_sim.engine.reference.routes import LOCAL, Place, Routes

if TYPE_CHECKING:
    from seneca_sim.engine.reference.system import System

__all__ = ["NetworkOnChip"]


class NetworkOnChip:
    """Takes packets from nodes and hands them to others, some cycles later."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.routes = Routes(system.mapping)

    def has_room(self, node: Node, flits: int) -> bool:
        """Return whether a node may inject a packet in this cycle."""
        raise NotImplementedError

    def inject(self, node: Node, packet: Packet) -> None:
        """Take a packet; its head flit is visible in the next cycle."""
        raise NotImplementedError

    def free(self, node: Node) -> None:
        """Note that a core's NoC FIFO has got room."""

    def count(self, place: Place, port: int, packet: Packet, waited: int) -> None:
        """Count a packet on an output port."""
        ledger = self.system.ledger
        router = place[1] * self.system.mapping.mesh[0] + place[0]
        ledger.add((f"port{port}", 0, router), "flits", packet.flits)
        ledger.add((f"port{port}", 0, router), "waits", waited)
        leaves = self.routes.leads_out(place, port)
        ledger.add(packet.account, "ejected_flits" if leaves else "link_flits", packet.flits)

    def deliver(self, place: Place, port: int, packet: Packet) -> None:
        """Hand a packet to the core or host behind an output port, to be seen after its last flit."""
        clock = self.system.clock
        if port == LOCAL:
            core = self.system.core_at[place]
            core.take_flits(packet.flits)
            clock.at(clock.now + packet.flits, lambda: core.receive(packet))
        else:
            clock.at(clock.now + packet.flits, lambda: self.system.host.receive(packet))

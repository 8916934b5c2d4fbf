"""Packets: what they carry, for whom, and how many flits they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seneca_sim.chip.timing import Timing
from seneca_sim.engine.reference.geometry import Position
from seneca_sim.engine.reference.inlet import Grant, Inlet, Outlet
from seneca_sim.engine.reference.ledger import Account

__all__ = ["Node", "Packet", "PacketSize"]

Node = tuple[Literal["host", "core"], int]
"""A host port by its mesh row, or a core by its number."""


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """Flits that travel together."""

    kind: Literal["event", "token", "credit"]
    step: int
    row: int
    flits: int
    account: Account
    """The part (or host) and step that made it."""
    source: Node
    outlet: Outlet
    """The producer that sends it; of a credit, the producer that it is for."""
    remote: tuple[Node, ...]
    """Destinations over the network."""
    targets: tuple[Inlet, ...] = ()
    """Inlets that it is decoded for, in that order."""
    local: int | None = None
    """The own core, if it is a destination."""
    position: Position = (0, 0)
    channels: tuple[int, ...] = ()
    room: int = 0
    """Values that leave the event FIFO when the packet is injected."""
    closes_step: bool = False
    """Whether it is the token of the sending part's last row."""
    credit: tuple[Inlet, Grant] | None = None

    def __str__(self) -> str:
        what = {"event": f"packet {self.position}", "token": f"token {self.row}", "credit": f"credit {self.row}"}
        return what[self.kind]


@dataclass(frozen=True, slots=True)
class PacketSize:
    """Flits and capacity of a layer's event packets.

    >>> PacketSize.of(Timing(), channels=16, value_bits=16), PacketSize.of(Timing(), channels=16, value_bits=16).flits(3)
    (PacketSize(header=1, pairs=1, capacity=8), 4)
    """

    header: int
    pairs: int
    capacity: int

    @classmethod
    def of(cls, timing: Timing, channels: int, value_bits: int) -> PacketSize:
        """Return the sizes for a layer with so many channels and value bits."""
        channel_bits = max(1, (channels - 1).bit_length())
        pairs = max(1, timing.flit_bits // (channel_bits + value_bits))
        return cls(timing.header_flits, pairs, max(1, (timing.max_flits - timing.header_flits) * pairs))

    def flits(self, values: int) -> int:
        """Return the flits of a packet with so many values."""
        return self.header + -(-values // self.pairs)

    def split(self, channels: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return the values of each packet in turn."""
        return [channels[start : start + self.capacity] for start in range(0, len(channels), self.capacity)]

"""The host: its ports send the input layers' events and receive outputs and credits."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from seneca_sim.engine.reference.clock import Job, Server
from seneca_sim.engine.reference.inlet import Outlet
from seneca_sim.engine.reference.packet import Node, Packet

if TYPE_CHECKING:
    from seneca_sim.engine.reference.system import System

__all__ = ["Host", "HostPort", "InputStream"]


class InputStream:
    """The packets and tokens of one input layer, in the order in which they are sent."""

    def __init__(self, system: System, outlet: Outlet) -> None:
        self.system = system
        self.outlet = outlet
        self.left: deque[Packet] = deque()
        for step in range(system.trace.n_steps):
            for row in outlet.box.rows:
                self._add_row(step, row)

    def _add_row(self, step: int, row: int) -> None:
        system, outlet = self.system, self.outlet
        channels = range(system.network.layers[outlet.layer].shape[0])
        for column in outlet.box.columns:
            position = row, column
            values = system.layer_values(outlet.layer, step, position, channels)
            reached = outlet.reached(position)
            system.ledger.add(("host", step, 0), "values_sent" if reached else "values_dropped", len(values))
            for packet in system.sizes[outlet.layer].split(values) if reached else []:
                self._add("event", step, position, packet)
        if outlet.reached_by_row(row):
            self._add("token", step, (row, 0), ())

    def _add(self, kind: str, step: int, position: tuple[int, int], channels: tuple[int, ...]) -> None:
        outlet, row = self.outlet, position[0]
        targets = outlet.reached(position) if kind == "event" else outlet.reached_by_row(row)
        cores: list[Node] = [("core", number) for number in sorted({inlet.part.core for inlet in targets})]
        self.left.append(
            Packet(
                kind="event" if kind == "event" else "token",
                step=step,
                row=row,
                flits=self.system.sizes[outlet.layer].flits(len(channels)) if kind == "event" else 1,
                account=("host", step, 0),
                source=self.system.node(outlet),
                outlet=outlet,
                remote=tuple(cores),
                targets=targets,
                position=position,
                channels=channels,
            )
        )


class HostPort(Server):
    """A port at the west edge of a mesh row; it serves the input layers that enter there."""

    def __init__(self, host: Host, row: int, streams: list[InputStream]) -> None:
        self.host = host
        self.row = row
        self.streams = streams
        super().__init__(host.system.clock)

    def choose(self) -> Job | None:
        """Send the next packet of the lowest input layer that can."""
        for stream in self.streams:
            if stream.left and self._may_send(stream, stream.left[0]):
                return self._job(stream, stream.left[0])
        return None

    def note(self, job: Job | None) -> None:
        """Add the packet to the journal."""
        if job is not None:
            self.host.system.journal(f"host {self.row}", job)

    def _may_send(self, stream: InputStream, packet: Packet) -> bool:
        if packet.step >= self.host.released or stream.outlet.ungranted(packet.step, packet.row):
            return False
        return self.host.system.noc.has_room(("host", self.row), packet.flits)

    def _job(self, stream: InputStream, packet: Packet) -> Job:
        system = self.host.system

        def begin() -> None:
            stream.left.popleft()
            system.ledger.first(("steps", packet.step, 0), "first_flit", self.clock.now)
            system.ledger.add(packet.account, "flits", packet.flits)
            system.noc.inject(("host", self.row), packet)

        return Job(f"send {packet}", packet.flits, lambda: None, begin)


class Host:
    """All host ports, the release of steps, and the reception of outputs."""

    def __init__(self, system: System, outlets: list[Outlet]) -> None:
        self.system = system
        self.rows = system.mapping.host_rows
        self.output: Node = ("host", self.rows[0])
        self.released = 0
        """Steps released so far."""
        self.ended = 0
        """Steps of which all end-of-step tokens have been received."""
        self._tokens = [0] * system.trace.n_steps
        self.outlets = outlets
        streams = [InputStream(system, outlet) for outlet in outlets]
        self.ports = {
            row: HostPort(self, row, [stream for stream in streams if self.rows[stream.outlet.order] == row])
            for row in sorted(set(self.rows))
        }
        self._awaited = -1
        """Latest step whose time has been put on the clock."""

    def release(self) -> None:
        """Release the steps whose time, predecessor and phase allow it."""
        system = self.system
        while self.released < system.trace.n_steps:
            step = self.released
            if not system.phase_is_open(step, 0) or (not system.timing.pipelined and self.ended < step):
                return
            if system.clock.now < step * system.timing.period:
                if self._awaited < step:
                    self._awaited = step
                    system.clock.at(step * system.timing.period, self.release)
                return
            self.released += 1
            system.ledger.first(("steps", step, 0), "release", system.clock.now)
            for port in self.ports.values():
                port.wake()

    def wake(self, row: int) -> None:
        """Let a port look again whether it can send."""
        self.ports[row].wake()

    def receive(self, packet: Packet) -> None:
        """Take a whole packet: a credit, an output, or an output token."""
        if packet.credit is not None:
            inlet, grant = packet.credit
            packet.outlet.granted[inlet].add(grant)
            for port in self.ports.values():
                port.wake()
            return
        ledger, account, now = self.system.ledger, ("steps", packet.step, 0), self.system.clock.now
        if packet.kind == "event":
            ledger.add(("host", packet.step, 0), "values_received", len(packet.channels))
            ledger.first(account, "first_output", now)
            ledger.last(account, "last_output", now)
        elif packet.closes_step:
            self._tokens[packet.step] += 1
            if self._tokens[packet.step] == self.system.n_output_parts:
                ledger.last(account, "end", now)
                self.system.step_ended(packet.step)
                self.ended += 1
                self.release()

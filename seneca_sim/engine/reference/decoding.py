"""RISC-V's decoding: the jobs of the packet at the head of the loopback slot or of the NoC FIFO."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from seneca_sim.engine.reference.clock import Job
from seneca_sim.engine.reference.core import Core, Task
from seneca_sim.engine.reference.inlet import Inlet
from seneca_sim.engine.reference.integration import Integration, addressed_values, integrations
from seneca_sim.engine.reference.packet import Packet

__all__ = ["Decoder", "integrate"]


class Decoder:
    """The current packet and what is left to do for it."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.packet: Packet | None = None
        self._inlets: deque[Inlet] = deque()
        self._jobs: Iterator[Integration] = iter(())
        self._next: tuple[Inlet, Integration, bool] | None = None
        """The integration at hand, its inlet, and whether it is the first for it."""

    def job(self) -> Job | None:
        """Return the next job of the current packet, or the first of the next packet."""
        packet = self.packet or self._candidate()
        if packet is None:
            return None
        if packet.credit is not None:
            return self._credit_job(packet)
        if packet.kind == "token":
            return self._token_job(packet)
        return self._event_job(packet)

    def lacks_slot(self) -> bool:
        """Return whether the next job waits for a Task FIFO slot."""
        packet = self.packet or self._candidate()
        if packet is None or packet.kind != "event":
            return False
        _, integration, _ = self._look(packet)
        return integration.pushes and not self.core.has_slot()

    def lacks_rows(self) -> bool:
        """Return whether a packet waits for state rows (`flow_control: none`)."""
        heads = [self.core.loopback, self.core.arrived[0] if self.core.arrived else None]
        return any(head is not None and head is not self.packet and not self._has_rows(head) for head in heads)

    def _candidate(self) -> Packet | None:
        if self.core.loopback is not None and self._has_rows(self.core.loopback):
            return self.core.loopback
        if self.core.arrived and self._has_rows(self.core.arrived[0]):
            return self.core.arrived[0]
        return None

    def _has_rows(self, packet: Packet) -> bool:
        if self.core.system.timing.flow_control == "row_credits" or packet.kind != "event":
            return True
        return all(inlet.is_free(inlet.grant(packet.step, packet.row)) for inlet in self._own(packet))

    def _own(self, packet: Packet) -> list[Inlet]:
        return [inlet for inlet in packet.targets if inlet.part.core == self.core.number]

    def _credit_job(self, packet: Packet) -> Job:
        assert packet.credit is not None  # the caller has looked
        inlet, grant = packet.credit
        account = ("inlets", packet.step, inlet.index)

        def finish() -> None:
            self.core.system.ledger.add(account, "credits")
            packet.outlet.granted[inlet].add(grant)
            self._leave(packet)

        return Job(f"decode {packet}", max(1, self.core.system.timing.rv_token), finish, account=account)

    def _token_job(self, packet: Packet) -> Job:
        inlets = self._inlets if packet is self.packet else deque(self._own(packet))
        inlet = inlets[0]
        account = ("inlets", packet.step, inlet.index)

        def begin() -> None:
            self.packet, self._inlets = packet, inlets
            self._note_start(packet, inlet)

        def finish() -> None:
            self.core.system.ledger.add(account, "tokens")
            inlet.frontiers[packet.outlet].pass_row(packet.step, packet.row)
            self._hear(packet, inlet)
            inlets.popleft()
            if not inlets:
                self._leave(packet)

        return Job(f"decode {packet}", max(1, self.core.system.timing.rv_token), finish, begin, account)

    def _look(self, packet: Packet) -> tuple[Inlet, Integration, bool]:
        """Return what the next job of an event packet does."""
        if packet is self.packet and self._next is not None:
            return self._next
        inlet = self._own(packet)[0]
        return inlet, next(integrations(inlet, packet, self.core.system.timing)), True

    def _event_job(self, packet: Packet) -> Job | None:
        inlet, integration, is_first = self._look(packet)
        if integration.pushes and not self.core.has_slot():
            return None
        if self.packet is None:
            self.packet = packet
            self._inlets = deque(self._own(packet))
            self._enter_inlet(packet)
        if is_first:
            self._note_start(packet, inlet)
            self._count_arrival(packet, inlet)

        def finish() -> None:
            if is_first:
                inlet.frontiers[packet.outlet].pass_before(packet.step, packet.position)
                self._hear(packet, inlet)
            self._advance(packet, inlet)

        return integrate(self.core, inlet, packet.step, integration, f"decode {packet}", finish)

    def _enter_inlet(self, packet: Packet) -> None:
        inlet = self._inlets[0]
        self._jobs = integrations(inlet, packet, self.core.system.timing)
        self._next = inlet, next(self._jobs), True

    def _advance(self, packet: Packet, inlet: Inlet) -> None:
        following = next(self._jobs, None)
        if following is not None:
            self._next = inlet, following, False
            return
        self._inlets.popleft()
        if self._inlets:
            self._enter_inlet(packet)
        else:
            self._leave(packet)

    def _count_arrival(self, packet: Packet, inlet: Inlet) -> None:
        ledger, account = self.core.system.ledger, ("inlets", packet.step, inlet.index)
        ledger.add(account, "packets")
        ledger.add(account, "values", len(packet.channels))
        ledger.add(account, "dropped_values", len(packet.channels) - len(addressed_values(inlet, packet)))

    def _note_start(self, packet: Packet, inlet: Inlet) -> None:
        system = self.core.system
        system.ledger.first(("part_times", packet.step, inlet.part.index), "start", system.clock.now)

    def _hear(self, packet: Packet, inlet: Inlet) -> None:
        if inlet.edge.delay == 0:
            inlet.part.heard_step = max(inlet.part.heard_step, packet.step)

    def _leave(self, packet: Packet) -> None:
        self.packet, self._next = None, None
        if packet is self.core.loopback:
            self.core.loopback = None
        else:
            self.core.arrived.popleft()
            self.core.flits -= packet.flits
            self.core.system.noc.free(("core", self.core.number))


def integrate(core: Core, inlet: Inlet, step: int, job: Integration, name: str, then: Callable[[], None]) -> Job:
    """Return the decode or flush job that pushes (or, inline, executes) an integrate task."""
    timing, ledger = core.system.timing, core.system.ledger
    account = ("inlets", step, inlet.index)
    duration = job.duration(inlet, timing) if job.pushes else 0
    task = Task(name.replace("decode packet", "integrate").replace("flush", "integrate"), duration, account)

    def finish() -> None:
        if job.kept is not None:
            inlet.open_groups[step] = list(job.kept)
        ledger.add(account, "rounds", len(job.rounds))
        for turn in job.rounds:
            ledger.add(account, "chunks", len(turn.chunks))
            ledger.add(account, "sops", turn.values * sum(turn.chunks))
            ledger.add(account, "skip_tests", turn.tests)
            if turn.chunks and not inlet.edge.broadcast:
                inlet.part.touch(step, turn.neuron)
        if job.pushes:
            ledger.add(account, "tasks")
            core.push(task)
        then()

    cycles = max(1, job.cost + (duration if timing.inline else 0))
    return Job(name, cycles, finish, account=account)

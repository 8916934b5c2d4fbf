"""RISC-V: one job at a time, in the order inject, send, fire, decode, replay."""

from __future__ import annotations

from seneca_sim.engine.reference.clock import Job, Server
from seneca_sim.engine.reference.core import Core
from seneca_sim.engine.reference.decoding import Decoder
from seneca_sim.engine.reference.firing import fire_job, fire_obstacle
from seneca_sim.engine.reference.replaying import Replay
from seneca_sim.engine.reference.sending import inject_job, send_job

__all__ = ["RiscV"]


class RiscV(Server):
    """The serial processor of a core; in every cycle it is busy or waits for something that has a name."""

    def __init__(self, core: Core, replays: list[Replay]) -> None:
        self.core = core
        self.decoder = Decoder(core)
        self.replays = replays
        self._state = "idle"
        self._since = 0
        super().__init__(core.system.clock)

    def choose(self) -> Job | None:
        """Return the first possible job."""
        self.core.system.ledger.most(("rooms", 0, self.core.number), "tasks", self.core.slots)
        return (
            inject_job(self.core) or send_job(self.core) or fire_job(self.core) or self.decoder.job() or self._replay()
        )

    def note(self, job: Job | None) -> None:
        """Account for the job, or for what RISC-V waits for from now on."""
        self.close(self.clock.now)
        self._state = "busy" if job is not None else self.waiting_for()
        if job is not None:
            system = self.core.system
            system.journal(f"core {self.core.number} riscv", job)
            if job.account is not None:
                system.ledger.add(job.account, "rv_cycles", job.cycles)

    def close(self, cycle: int) -> None:
        """Add the cycles up to now to the state that they were spent in."""
        self.core.system.ledger.add(("cores", 0, self.core.number), self._state, cycle - self._since)
        self._since = cycle

    def waiting_for(self) -> str:
        """Return the state of a cycle without a job."""
        if self.core.outbox is not None:
            return "network"
        obstacles = fire_obstacle(self.core)
        if "event_room" in obstacles:
            return "event_room"
        if "task_fifo" in obstacles or self.decoder.lacks_slot():
            return "task_fifo"
        lacks_grant = any(replay.is_due() and replay.lacks_grant() for replay in self.replays)
        if "credit" in obstacles or lacks_grant or self.decoder.lacks_rows():
            return "credit"
        return "idle" if self._has_finished() else "input"

    def _has_finished(self) -> bool:
        core = self.core
        left = core.records or core.credits or core.loopback or core.arrived
        return not left and all(part.is_finished for part in core.parts)

    def _replay(self) -> Job | None:
        jobs = (replay.job() for replay in self.replays)
        return next((job for job in jobs if job is not None), None)

"""The loop controller, which runs tasks in order, and the event generator behind it."""

from __future__ import annotations

from collections import deque

from seneca_sim.engine.reference.clock import Job, Server
from seneca_sim.engine.reference.core import Core, Record, Task

__all__ = ["EventGenerator", "LoopController"]


class LoopController(Server):
    """Pops one task after the other; a fire task's values go to the event generator at its end."""

    def __init__(self, core: Core) -> None:
        self.core = core
        super().__init__(core.system.clock)

    def choose(self) -> Job | None:
        """Pop the next task."""
        if not self.core.tasks:
            return None
        task = self.core.tasks.popleft()
        return Job(task.name, task.duration, lambda: self._finish(task), self._begin)

    def note(self, job: Job | None) -> None:
        """Add the task to the journal."""
        if job is not None:
            self.core.system.journal(f"core {self.core.number} loop controller", job)

    def _begin(self) -> None:
        self.core.schedule(self.clock.now + 1, self._free_slot)

    def _free_slot(self) -> None:
        self.core.slots -= 1

    def _finish(self, task: Task) -> None:
        ledger = self.core.system.ledger
        ledger.add(task.account, "lc_cycles", task.duration)
        ledger.add(("npe", 0, self.core.number), "busy", task.duration)
        if task.record is not None:
            self.core.generator.accept(task.record)


class EventGenerator(Server):
    """Writes the values of one fire task after the other into the event FIFO."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.waiting: deque[Record] = deque()
        super().__init__(core.system.clock)

    def accept(self, record: Record) -> None:
        """Take the values of a fire task that ends in this cycle."""
        self.waiting.append(record)
        self.wake()

    def choose(self) -> Job | None:
        """Write the values of the next task; without an event generator they all appear at once."""
        if not self.waiting:
            return None
        record = self.waiting.popleft()
        values = len(record.channels)
        timing = self.core.system.timing
        cycles = max(1, -(-values // timing.evgen_rate)) if timing.event_generator else 1
        rate = timing.evgen_rate if timing.event_generator else max(1, values)
        for cycle in range(1, cycles):
            self.core.schedule(self.clock.now + cycle, lambda: self._write(record, rate))

        def finish() -> None:
            self.core.release(record.n_channels - values)
            self._write(record, rate)

        return Job(f"write {record.position}", cycles, finish)

    def _write(self, record: Record, rate: int) -> None:
        record.visible = min(record.visible + rate, len(record.channels))
        record.is_visible = True
        self.core.settle()

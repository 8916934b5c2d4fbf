"""Time in two halves of a cycle: first the effects of the cycle become visible, then every unit decides from what it sees."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass

import simpy
from simpy.events import EventPriority

__all__ = ["Clock", "Job", "Server", "Unit"]

_DECIDE = 2
"""Priority of decisions: after every effect (SimPy's 0 and 1) of the same cycle."""


class _Turn(simpy.Event):
    """A unit's turn to decide in the present cycle."""

    def call(self, priority: int) -> None:
        """Give the turn, after all effects of this cycle."""
        self._ok = True
        self._value = None
        self.env.schedule(self, EventPriority(priority))


class Clock:
    """Cycles as SimPy counts them. A seed shuffles the order in which units decide within a cycle, which changes nothing."""

    def __init__(self, seed: int | None = None) -> None:
        self.environment = simpy.Environment()
        self.last_effect = 0
        self._shuffle = None if seed is None else random.Random(seed)

    @property
    def now(self) -> int:
        """The present cycle."""
        return int(self.environment.now)

    def at(self, cycle: int, effect: Callable[[], None]) -> None:
        """Make an effect visible at a cycle."""

        def apply(_: simpy.Event) -> None:
            self.last_effect = self.now
            effect()

        timeout = self.environment.timeout(cycle - self.now)
        assert timeout.callbacks is not None  # a new event has a list of callbacks
        timeout.callbacks.append(apply)

    def decision_priority(self) -> int:
        """Return the place of a decision among those of its cycle."""
        return _DECIDE if self._shuffle is None else _DECIDE + self._shuffle.randrange(1 << 20)


class Unit:
    """A unit of the chip: it sleeps until something that it can see changes, then decides in that cycle."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._turn = _Turn(clock.environment)
        clock.environment.process(self._live())
        self.wake()

    def wake(self) -> None:
        """Let the unit decide in this cycle, unless it is busy (it decides when its job ends)."""
        if not self._turn.triggered:
            self._turn.call(self.clock.decision_priority())

    def decide(self) -> None:
        """Start what can start in this cycle; effects come in later cycles."""
        raise NotImplementedError

    def _live(self) -> Generator[simpy.Event, None, None]:
        while True:
            yield self._turn
            self._turn = _Turn(self.clock.environment)
            self.decide()


@dataclass(frozen=True, slots=True)
class Job:
    """Work that keeps a server busy for some cycles."""

    name: str
    cycles: int
    finish: Callable[[], None]
    """The effects, visible in the cycle after the last."""
    begin: Callable[[], None] | None = None
    """What happens in the first cycle: room reserved, the head flit on its way."""
    account: tuple[str, int, int] | None = None
    """("parts" or "inlets", step, index) whose RISC-V cycles these are."""


class Server(Unit):
    """A unit that does one job at a time."""

    def choose(self) -> Job | None:
        """Return the job that starts in this cycle."""
        raise NotImplementedError

    def note(self, job: Job | None) -> None:
        """Take note of what the unit does from this cycle on."""

    def _live(self) -> Generator[simpy.Event, None, None]:
        while True:
            yield self._turn
            job = self.choose()
            self.note(job)
            if job is not None:
                if job.begin is not None:
                    job.begin()
                yield self.clock.environment.timeout(job.cycles)
                self.clock.last_effect = self.clock.now
                job.finish()
            self._turn = _Turn(self.clock.environment)
            if job is not None:
                self.wake()

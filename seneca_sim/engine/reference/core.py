"""A core: its parts, its bounded FIFOs, and the packets and records that wait in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seneca_sim.engine.reference.geometry import Position
from seneca_sim.engine.reference.inlet import Grant, Inlet, Outlet
from seneca_sim.engine.reference.packet import Packet
from seneca_sim.engine.reference.part import Part

if TYPE_CHECKING:
    from seneca_sim.engine.reference.loop_controller import EventGenerator, LoopController
    from seneca_sim.engine.reference.riscv import RiscV
    from seneca_sim.engine.reference.system import System

__all__ = ["Core", "Credit", "Record", "Task"]


@dataclass(slots=True, eq=False)
class Record:
    """A fire task's line in the event FIFO."""

    part: Part
    step: int
    position: Position
    n_channels: int
    """Channels of the task; 0 for a marker."""
    channels: tuple[int, ...]
    """Channels with a value."""
    closes_row: bool
    is_visible: bool = False
    is_scanned: bool = False
    visible: int = 0
    """Values written by the event generator."""
    sent: int = 0
    """Values that have gone into packets (or were dropped)."""
    token_sent: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Work for the loop controller."""

    name: str
    duration: int
    account: tuple[str, int, int]
    record: Record | None = None
    """Of a fire task."""


@dataclass(frozen=True, slots=True, eq=False)
class Credit:
    """A grant that has not been sent yet."""

    inlet: Inlet
    outlet: Outlet
    grant: Grant

    @property
    def order(self) -> tuple[int, int, int, int, Grant]:
        """Latest layer first, then lowest part, edge, producer, row."""
        part = self.inlet.part
        return -part.layer_index, part.index, self.inlet.number, self.outlet.order, self.grant


class Core:
    """State that the units of one core share."""

    riscv: RiscV
    loop_controller: LoopController
    generator: EventGenerator

    def __init__(self, system: System, number: int, parts: list[Part]) -> None:
        self.system = system
        self.number = number
        self.parts = sorted(parts, key=lambda part: (-part.layer_index, part.index))
        self.tasks: deque[Task] = deque()
        self.slots = 0
        """Task FIFO slots in use: tasks that wait, and the one popped in this cycle."""
        self.records: deque[Record] = deque()
        self.reserved = 0
        """Values in the event FIFO, or room reserved for them."""
        self.outbox: Packet | None = None
        self.loopback: Packet | None = None
        self.arrived: deque[Packet] = deque()
        """Whole packets in the NoC FIFO."""
        self.flits = 0
        """Flits in the NoC FIFO, or on their way into it."""
        self.credits: list[Credit] = []

    def reserve(self, values: int) -> None:
        """Take room in the event FIFO."""
        self.reserved += values
        self.system.ledger.most(("rooms", 0, self.number), "values", self.reserved)

    def release(self, values: int) -> None:
        """Free room in the event FIFO."""
        self.reserved -= values
        self.riscv.wake()

    def take_flits(self, flits: int) -> None:
        """Take room in the NoC FIFO."""
        self.flits += flits
        self.system.ledger.most(("rooms", 0, self.number), "flits", self.flits)

    def has_slot(self) -> bool:
        """Return whether a task can be pushed (inline builds have no Task FIFO)."""
        timing = self.system.timing
        return timing.inline or self.slots < timing.task_fifo

    def push(self, task: Task) -> None:
        """Put a task into the Task FIFO; in inline builds its work is done already."""
        if task.record is not None:
            self.records.append(task.record)
        if self.system.timing.inline:
            if task.record is not None:
                self.generator.accept(task.record)
            return
        self.tasks.append(task)
        self.slots += 1
        self.loop_controller.wake()

    def receive(self, packet: Packet) -> None:
        """Let a whole packet from the network be decoded."""
        self.arrived.append(packet)
        self.riscv.wake()

    def settle(self) -> None:
        """Consume the records at the head of the event FIFO for which nothing is left to do."""
        while self.records and self._is_consumed(self.records[0]):
            record = self.records.popleft()
            if record.closes_row:
                row = record.position[0]
                record.part.done_rows.add((record.step, row))
                if row == record.part.outputs.rows[-1]:
                    self.system.ledger.last(
                        ("part_times", record.step, record.part.index), "done", self.system.clock.now
                    )
        self.riscv.wake()

    def _is_consumed(self, record: Record) -> bool:
        if not record.is_visible or record.sent < len(record.channels):
            return False
        if not self.system.timing.event_generator and not record.is_scanned:
            return False
        return record.token_sent or not self.owes_token(record)

    def owes_token(self, record: Record) -> bool:
        """Return whether a record closes a row of which somebody must hear."""
        outlet = record.part.outlet
        reaches = outlet.to_host or bool(outlet.reached_by_row(record.position[0]))
        return record.closes_row and not record.token_sent and reaches

    def raise_grants(self, part: Part) -> None:
        """Grant the rows for which a part has got state: at once on this core, by credit to others."""
        for inlet in part.inlets:
            for outlet in inlet.frontiers:
                for grant in inlet.new_grants(outlet):
                    if not outlet.paced or outlet.core == self.number:
                        outlet.granted[inlet].add(grant)
                    else:
                        self.credits.append(Credit(inlet, outlet, grant))
        self.credits.sort(key=lambda credit: credit.order)

    def schedule(self, cycle: int, effect: Callable[[], None]) -> None:
        """Make an effect on this core visible at a cycle, and let RISC-V see it."""

        def apply() -> None:
            effect()
            self.riscv.wake()

        self.system.clock.at(cycle, apply)

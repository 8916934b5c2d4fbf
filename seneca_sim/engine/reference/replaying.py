"""RISC-V's replay of the values that a part sent in the step before, row by row."""

from __future__ import annotations

from seneca_sim.engine.reference.clock import Job
from seneca_sim.engine.reference.core import Core
from seneca_sim.engine.reference.geometry import Position
from seneca_sim.engine.reference.part import Part
from seneca_sim.engine.reference.sending import row_token, value_packet

__all__ = ["Replay"]


class Replay:
    """How far one part has replayed its held map."""

    def __init__(self, core: Core, part: Part, is_early: bool) -> None:
        assert part.replay is not None  # only parts with delay edges have one
        self.core = core
        self.part = part
        self.outlet = part.replay
        self.is_early = is_early
        self.step = 0
        self.row = part.outputs.rows.start
        self.looked_at = 0
        """Columns of the row that have been looked at."""
        self.packets: list[tuple[int, ...]] = []
        """Values of the packets that are left of the position looked at last."""

    def is_due(self) -> bool:
        """Return whether the next job is possible, were its row granted."""
        if self.step == self.part.steps or self.core.outbox is not None:
            return False
        if self.step > 0 and (self.step - 1, self.row) not in self.part.done_rows:
            return False
        hears = any(inlet.edge.delay == 0 and inlet.frontiers for inlet in self.part.inlets)
        return self.is_early or not hears or self.part.heard_step >= self.step

    def lacks_grant(self) -> bool:
        """Return whether the row has not been granted by all that it reaches."""
        return bool(self.outlet.ungranted(self.step, self.row))

    def job(self) -> Job | None:
        """Return the next job: one packet, or the end of the row."""
        if not self.is_due() or self.lacks_grant():
            return None
        looked_at, position, packets = self._look()
        timing = self.core.system.timing
        cost = timing.rv_replay * (looked_at - self.looked_at)
        account = ("parts", self.step, self.part.index)
        if position is None:
            if self.outlet.reached_by_row(self.row):
                cost += timing.rv_token
            return Job(f"replay token {self.row}", max(1, cost), lambda: self._end_row(account), account=account)
        cost += timing.rv_out_packet + timing.rv_out * len(packets[0])

        def finish() -> None:
            self.looked_at, self.packets = looked_at, packets[1:]
            self.core.outbox = value_packet(self.core, self.outlet, account, position, packets[0])
            self.core.system.ledger.add(account, "replay_values", len(packets[0]))

        return Job(f"replay values {position}", max(1, cost), finish, account=account)

    def _look(self) -> tuple[int, Position | None, list[tuple[int, ...]]]:
        """Return the columns looked at so far, and the position and packets of the next packet, if the row has one."""
        columns = self.part.outputs.columns
        if self.packets:
            return self.looked_at, (self.row, columns[self.looked_at - 1]), self.packets
        for place in range(self.looked_at, len(columns)):
            position = self.row, columns[place]
            packets = self._held(position)
            if packets and self.outlet.reached(position):
                return place + 1, position, packets
        return len(columns), None, []

    def _held(self, position: Position) -> list[tuple[int, ...]]:
        system, size = self.core.system, self.core.system.sizes[self.part.layer_index]
        return [
            packet
            for channels in self.part.slices
            for packet in size.split(system.values(self.part, self.step - 1, position, channels))
        ]

    def _end_row(self, account: tuple[str, int, int]) -> None:
        if self.outlet.reached_by_row(self.row):
            self.core.outbox = row_token(self.core, self.outlet, account, self.row)
        self.part.replayed_rows.add((self.step, self.row))
        self.looked_at = 0
        self.row += 1
        if self.row == self.part.outputs.rows.stop:
            self.row = self.part.outputs.rows.start
            self.step += 1

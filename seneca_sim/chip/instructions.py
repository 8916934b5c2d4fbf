"""The instruction table of the lanes: cycles and energy of each instruction."""

from __future__ import annotations

from pydantic import Field

from seneca_sim.chip.constant import Constant, Group, PositiveCount, Quantity

__all__ = ["PUBLISHED_LANES", "Instruction", "Instructions"]

PUBLISHED_LANES = 8
"""Lanes that share one loop controller and one event generator in the published table: its totals hold for one of them."""


class Instruction(Group):
    """One row of the instruction table; energies of one lane, except the two shared parts."""

    cycles: Constant[PositiveCount] = Field(description="time of one instruction [cycles]")
    npe_pj: Constant[Quantity] = Field(description="compute and registers of one lane [pJ]")
    memory_pj: Constant[Quantity] = Field(description="data memory, one 16-bit access of one lane [pJ]")
    loop_pj: Constant[Quantity] = Field(description="loop buffer and controller, shared by all lanes [pJ]")
    event_pj: Constant[Quantity] = Field(description="event generator, shared by all lanes [pJ]")
    total_pj: Constant[Quantity] = Field(description="printed sum for one lane of eight [pJ]")

    @property
    def parts_pj(self) -> float:
        """Energy of one lane of eight, composed from the parts [pJ]; the printed total rounds it."""
        shared = (self.loop_pj.value + self.event_pj.value) / PUBLISHED_LANES
        return self.npe_pj.value + self.memory_pj.value + shared


class Instructions(Group):
    """All instructions; names ending in 8 work on two packed 8-bit integers."""

    ADD: Instruction = Field(description="add, BF16")
    SUB: Instruction = Field(description="subtract, BF16")
    MUL: Instruction = Field(description="multiply, BF16")
    ADD8: Instruction = Field(description="add, 2 x INT8")
    SUB8: Instruction = Field(description="subtract, 2 x INT8")
    MUL8: Instruction = Field(description="multiply, 2 x INT8")
    GTH: Instruction = Field(description="greater than, BF16")
    MAX: Instruction = Field(description="maximum, BF16")
    MIN: Instruction = Field(description="minimum, BF16")
    EQL: Instruction = Field(description="equal")
    ABS: Instruction = Field(description="absolute value")
    AND: Instruction = Field(description="bitwise and")
    ORR: Instruction = Field(description="bitwise or")
    SHL: Instruction = Field(description="shift left")
    SHR: Instruction = Field(description="shift right")
    I2F: Instruction = Field(description="integer to BF16")
    RND: Instruction = Field(description="round")
    MLD: Instruction = Field(description="load from data memory")
    MST: Instruction = Field(description="store to data memory")
    EVC: Instruction = Field(description="hand lane values to the event generator")

    def named(self, name: str) -> Instruction:
        """Return the row of one instruction."""
        row: Instruction = getattr(self, name)
        return row

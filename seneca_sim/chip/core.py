"""What one core of a chip file holds: lanes, loop controller, event generator, memories, FIFOs and the costs of its RISC-V."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from seneca_sim.chip.constant import Constant, Count, Group, PositiveCount, PositiveNumber, Quantity, Switch, choice

__all__ = ["Core", "EventGenerator", "Grouping", "LoopController", "Npe", "RiscV"]

Cycles = Constant[Count]
WordBits = Annotated[Literal[16, 32, 64], choice(16, 32, 64)]
GroupScope = Annotated[Literal["packet", "step"], choice("packet", "step")]
TaskScope = Annotated[Literal["position", "row", "pixel"], choice("position", "row", "pixel")]
Masked = Annotated[Literal["dense", "chunk_skip"], choice("dense", "chunk_skip")]


class Npe(Group):
    """The lanes that execute neural micro-code side by side."""

    enabled: Constant[Switch] = Field(
        description="whether the core has neural processing elements; without, RISC-V computes"
    )
    count: Constant[PositiveCount] = Field(description="neural processing elements (lanes) of a core")
    word_bits: Constant[WordBits] = Field(description="width of one lane's port to the data memory [bits]")
    register_bits: Constant[PositiveCount] = Field(description="register file of one lane [bits]")


class LoopController(Group):
    """The unit that steps the lanes through micro-code."""

    enabled: Constant[Switch] = Field(description="whether a loop controller issues instructions; without, RISC-V does")
    task_cycles: Cycles = Field(description="fixed time of one task on the loop controller [cycles]")
    chunk_cycles: Cycles = Field(description="fixed time of each chunk that a task executes [cycles]")


class EventGenerator(Group):
    """The unit that drops silent lanes and writes events into the event FIFO."""

    enabled: Constant[Switch] = Field(
        description="whether an event generator exists; without, RISC-V scans all neurons"
    )
    rate: Constant[PositiveCount] = Field(description="values that it writes into the event FIFO [values/cycle]")


class Grouping(Group):
    """Spike grouping: how many events are integrated between one load and one store of a state."""

    size: Constant[PositiveCount] = Field(description="events of a full group; smaller groups are padded [events]")
    scope: Constant[GroupScope] = Field(
        description="where the groups of dense edges form: within a packet, or in arrival order through a time step"
    )


class RiscV(Group):
    """What the controller of a core costs: time per job and per item, and how its cycles become energy."""

    packet: Cycles = Field(description="decoding an event packet [cycles/packet]")
    value: Cycles = Field(description="decoding one value of a packet [cycles/value]")
    position: Cycles = Field(description="addressing one kernel position of a convolution [cycles/position]")
    fire: Cycles = Field(description="finding a ready position and pushing its fire task [cycles/task]")
    untouched: Cycles = Field(description="passing over a position that no event touched [cycles/position]")
    out_packet: Cycles = Field(description="making an event packet [cycles/packet]")
    out: Cycles = Field(description="wrapping one value into a packet [cycles/value]")
    token: Cycles = Field(description="sending or decoding an end-of-row token or a row credit [cycles/packet]")
    replay: Cycles = Field(description="looking at one position of the map that is replayed [cycles/position]")
    skip: Cycles = Field(description="testing whether all weights of a chunk are masked [cycles/chunk]")
    scan: Cycles = Field(
        description="scanning one neuron for an event, where there is no event generator [cycles/neuron]"
    )
    issue: Constant[PositiveCount] = Field(
        description="issuing one instruction to the lanes, where there is no loop controller [cycles/instruction]"
    )
    synapse: Constant[PositiveCount] = Field(
        description="computing one synaptic operation, where there are no lanes [cycles/SOP]"
    )
    neuron: Constant[PositiveCount] = Field(description="updating one neuron, where there are no lanes [cycles/neuron]")
    cpi: Constant[PositiveNumber] = Field(description="cycles per instruction [cycles/instruction]")
    access_rate: Constant[Quantity] = Field(description="data memory accesses per instruction [accesses/instruction]")
    idle_pj: Constant[Quantity] = Field(description="energy of a cycle in which RISC-V waits [pJ/cycle]")


class Core(Group):
    """One core; all cores of a chip are alike."""

    npe: Npe
    loop_controller: LoopController
    event_generator: EventGenerator
    grouping: Grouping
    riscv: RiscV
    data_memory_bits: Constant[PositiveCount] = Field(description="data memory of a core [bits]")
    instruction_memory_bits: Constant[PositiveCount] = Field(description="instruction memory of a core [bits]")
    task_fifo: Constant[PositiveCount] = Field(description="depth of the Task FIFO [tasks]")
    event_fifo: Constant[PositiveCount] = Field(description="depth of the event FIFO [values]")
    task_scope: Constant[TaskScope] = Field(
        description="how much of a convolution one integrate task covers: a kernel position, a kernel row, or all of a pixel"
    )
    masked: Constant[Masked] = Field(
        description="masked weights: executed as zeros, or chunks skipped in which all weights are masked"
    )

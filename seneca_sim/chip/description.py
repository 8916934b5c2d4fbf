"""The hardware description: what a chip file may say, validated and frozen. Energies in pJ, times in cycles of one clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from seneca_sim.chip.constant import (
    Constant,
    CoreCount,
    Count,
    Group,
    PositiveCount,
    PositiveNumber,
    Quantity,
    Switch,
    choice,
)
from seneca_sim.chip.core import Core
from seneca_sim.chip.instructions import Instructions
from seneca_sim.chip.rules import broken_rules
from seneca_sim.chip.timing import Timing

__all__ = ["Area", "Chip", "Flow", "Network", "PriceAs", "Prices"]

NetworkKind = Annotated[Literal["mesh", "ideal"], choice("mesh", "ideal")]
FlowControl = Annotated[Literal["row_credits", "none"], choice("row_credits", "none")]
Order = Annotated[Literal["depth-first", "conventional"], choice("depth-first", "conventional")]
Barrier = Annotated[Literal["layer", "global"], choice("layer", "global")]
Powered = Annotated[Literal["mapped", "all"], choice("mapped", "all")]
PricedType = Annotated[Literal["bf16", "int8", "int4"], choice("bf16", "int8", "int4")]


class Network(Group):
    """The network on chip: a mesh with dimension-order routing and multicast trees."""

    kind: Constant[NetworkKind] = Field(description="a mesh with contention, or hop latency alone")
    columns: Constant[Count] = Field(description="columns of the mesh; 0 with 0 rows: the smallest near-square [cores]")
    rows: Constant[Count] = Field(description="rows of the mesh; 0 with 0 columns: the smallest near-square [cores]")
    router_cycles: Constant[Count] = Field(
        description="pipeline latency of a router, besides one cycle per link [cycles]"
    )
    buffer_flits: Constant[PositiveCount] = Field(description="input buffer of a router port [flits]")
    input_flits: Constant[PositiveCount] = Field(description="NoC FIFO of a core [flits]")
    max_flits: Constant[PositiveCount] = Field(description="longest packet, header included [flits]")
    flit_bits: Constant[PositiveCount] = Field(description="width of a flit and of a link [bits]")
    kind_bits: Constant[PositiveCount] = Field(description="header field: kind of packet [bits]")
    group_bits: Constant[PositiveCount] = Field(description="header field: multicast group [bits]")
    y_bits: Constant[PositiveCount] = Field(description="header field: row of the position [bits]")
    x_bits: Constant[PositiveCount] = Field(description="header field: column of the position [bits]")
    routing_entries: Constant[PositiveCount] = Field(description="routing table of a router [groups]")
    max_cores: Constant[CoreCount] = Field(description="most cores that a mapping may use [cores]")


class Flow(Group):
    """How layers take turns."""

    control: Constant[FlowControl] = Field(description="row credits from consumer to producer, or none (may deadlock)")
    window: Constant[PositiveCount] = Field(description="input rows granted ahead of the lowest unfired row [rows]")
    order: Constant[Order] = Field(description="positions fire as soon as they are complete, or at the end of the step")
    barrier: Constant[Barrier] = Field(description="conventional order: a layer waits for its producers, or for all")
    barrier_cycles: Constant[Count] = Field(description="conventional order: cost of a global barrier [cycles]")
    early_replay: Constant[Switch] = Field(
        description="whether recurrent values may be replayed before the first event or token of the step"
    )
    pipelined: Constant[Switch] = Field(description="whether a step may enter before the one before has left")
    period: Constant[Count] = Field(
        description="time between the releases of two steps; 0: as soon as possible [cycles]"
    )


class Prices(Group):
    """Energies outside the instruction table."""

    riscv_instruction_pj: Constant[Quantity] = Field(description="RISC-V core and periphery, per instruction [pJ]")
    instruction_memory_pj: Constant[Quantity] = Field(description="instruction memory, per RISC-V instruction [pJ]")
    riscv_access_pj: Constant[Quantity] = Field(description="data memory, per 32-bit access of RISC-V [pJ]")
    flit_injected_pj: Constant[Quantity] = Field(description="a flit entering the network [pJ]")
    flit_link_pj: Constant[Quantity] = Field(description="a flit crossing a link between routers [pJ]")
    flit_ejected_pj: Constant[Quantity] = Field(description="a flit leaving the network [pJ]")
    event_generated_pj: Constant[Quantity] = Field(description="an event made by the event generator [pJ]")
    static_uw_per_core: Constant[Quantity] = Field(description="static power of a whole core [uW]")
    static_pw_per_memory_bit: Constant[Quantity] = Field(
        description="static power of memory, to check the figure of the whole core [pW/bit]"
    )
    static_pw_per_register_bit: Constant[Quantity] = Field(
        description="static power of registers, to check the figure of the whole core [pW/bit]"
    )
    powered: Constant[Powered] = Field(
        description="cores that draw static power: those with a part, or all of the mesh"
    )


class Area(Group):
    """Silicon area."""

    core_mm2: Constant[Quantity] = Field(description="area of a core, without network, shared memory and I/O [mm2]")


class PriceAs(Group):
    """Number types without programs of their own, and the type whose programs and widths they are charged as."""

    fp32: Constant[PricedType] | None = Field(default=None, description="what fp32 is priced as")
    int64: Constant[PricedType] | None = Field(default=None, description="what int64 is priced as")
    int32: Constant[PricedType] | None = Field(default=None, description="what int32 is priced as")
    int16: Constant[PricedType] | None = Field(default=None, description="what int16 is priced as")
    int4: Constant[PricedType] | None = Field(default=None, description="what int4 states are priced as")

    def named(self, number_type: str) -> str | None:
        """Return the type that a type is priced as, None if the chip file names none."""
        constant: Constant[str] | None = getattr(self, number_type, None)
        return None if constant is None else constant.value


class Chip(Group):
    """A hardware description; every constant says how it is known."""

    name: str = Field(min_length=1, description="name of the chip in reports")
    description: str = Field(default="", description="what the description is good for")
    extends: str | None = Field(default=None, description="the preset or file that this one changes")
    clock_mhz: Constant[PositiveNumber] = Field(description="clock of all cores and routers [MHz]")
    core: Core
    noc: Network
    flow: Flow
    instructions: Instructions
    prices: Prices
    area: Area
    price_as: PriceAs = PriceAs()

    def flat(self) -> dict[str, Constant[Any]]:
        """Return every constant by its dotted name, in the order of the schema."""
        return dict(_constants(self, ""))

    def timing(self) -> Timing:
        """Return the numbers that decide time, as the engines read them."""
        core, noc, flow, riscv = self.core, self.noc, self.flow, self.core.riscv
        return Timing(
            group_size=core.grouping.size.value,
            group_scope=core.grouping.scope.value,
            task_scope=core.task_scope.value,
            masked=core.masked.value,
            inline=not core.loop_controller.enabled.value,
            event_generator=core.event_generator.enabled.value,
            evgen_rate=core.event_generator.rate.value,
            task_fifo=core.task_fifo.value,
            event_fifo=core.event_fifo.value,
            lc_task=core.loop_controller.task_cycles.value,
            lc_chunk=core.loop_controller.chunk_cycles.value,
            **{f"rv_{name}": getattr(riscv, name).value for name in RISCV_COSTS},
            noc=noc.kind.value,
            **{name: getattr(noc, name).value for name in NOC_SIZES},
            flow_control=flow.control.value,
            order=flow.order.value,
            barrier=flow.barrier.value,
            barrier_cycles=flow.barrier_cycles.value,
            early_replay=flow.early_replay.value,
            pipelined=flow.pipelined.value,
            period=flow.period.value,
        )

    @model_validator(mode="after")
    def _keeps_rules(self) -> Self:
        broken = broken_rules({name: constant.value for name, constant in self.flat().items()})
        if broken:
            text = "; ".join(f"{key}: {sentence}" for key, sentence in broken)
            raise PydanticCustomError("rules", "{text}", {"text": text})
        return self


RISCV_COSTS = (
    "packet", "value", "position", "fire", "untouched", "out_packet", "out", "token", "replay", "skip", "scan",
)  # fmt: skip
NOC_SIZES = (
    "router_cycles", "buffer_flits", "input_flits", "max_flits", "flit_bits", "kind_bits", "group_bits", "y_bits", "x_bits",
)  # fmt: skip


def _constants(group: BaseModel, prefix: str) -> Iterator[tuple[str, Constant[Any]]]:
    for name in type(group).model_fields:
        item = getattr(group, name)
        if isinstance(item, Constant):
            yield prefix + name, item
        elif isinstance(item, BaseModel):
            yield from _constants(item, f"{prefix}{name}.")

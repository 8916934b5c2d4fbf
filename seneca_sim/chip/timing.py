"""The numbers of a chip that decide time, as the engines read them. `Chip.timing()` fills this from a validated chip file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """Timing parameters; the rules that use them are in `engine/timing.md`. Cycles, flits, tasks, values or bits, as said."""

    group_size: int = 4
    """Events integrated between one load and one store of a state."""
    group_scope: Literal["packet", "step"] = "step"
    """Where groups of dense edges form."""
    task_scope: Literal["position", "row", "pixel"] = "position"
    masked: Literal["dense", "chunk_skip"] = "dense"
    inline: bool = False
    """No loop controller: RISC-V issues or executes every instruction itself."""
    event_generator: bool = True
    evgen_rate: int = 1
    task_fifo: int = 16
    event_fifo: int = 64
    lc_task: int = 0
    lc_chunk: int = 0
    rv_packet: int = 1
    rv_value: int = 1
    rv_position: int = 1
    rv_fire: int = 1
    rv_untouched: int = 1
    rv_out_packet: int = 1
    rv_out: int = 1
    rv_token: int = 1
    rv_replay: int = 1
    rv_skip: int = 1
    rv_scan: int = 1
    noc: Literal["mesh", "ideal"] = "mesh"
    router_cycles: int = 1
    buffer_flits: int = 18
    input_flits: int = 64
    max_flits: int = 9
    flit_bits: int = 32
    kind_bits: int = 2
    group_bits: int = 10
    y_bits: int = 10
    x_bits: int = 10
    flow_control: Literal["row_credits", "none"] = "row_credits"
    order: Literal["depth-first", "conventional"] = "depth-first"
    barrier: Literal["layer", "global"] = "layer"
    barrier_cycles: int = 0
    early_replay: bool = False
    pipelined: bool = True
    period: int = 0

    @property
    def header_flits(self) -> int:
        """Header flits of an event packet."""
        bits = self.kind_bits + self.group_bits + self.y_bits + self.x_bits
        return -(-bits // self.flit_bits)

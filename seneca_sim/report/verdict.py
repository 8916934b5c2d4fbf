"""What bounds a run or a layer: the largest share of the time of the busiest core, or of the core of its busiest part.

Compute: the loop controller and the NPEs work. Control: the RISC-V works. Network: its finished packet cannot enter the
network. Input: it waits for events, tokens or credits, or has nothing left to do. (A RISC-V that waits for Task FIFO or event
room waits for the NPEs, whose work is counted already.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.counts import CORE_STATES, INLET_COUNTERS, PART_COUNTERS
from seneca_sim.report.record import Record
from seneca_sim.report.sums import summed

__all__ = ["Bound", "Verdict", "layer_loads", "layer_verdicts", "run_verdict"]

Bound = Literal["compute", "control", "network", "input"]
_WORDS: dict[Bound, str] = {
    "compute": "compute (NPEs): the loop controller and the NPEs of core {core} ({layers}) work {share:.0%} of the time",
    "control": "control (RISC-V): the RISC-V of core {core} ({layers}) works {share:.0%} of the time",
    "network": "network: the RISC-V of core {core} ({layers}) waits for the network {share:.0%} of the time",
    "input": "waiting for input: even the busiest core, {core} ({layers}), has nothing to work on {share:.0%} of the time",
}
_STATE = {name: number for number, name in enumerate(CORE_STATES)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What bounds, on which core, for what share of the time."""

    bound_by: Bound
    core: int
    share: float
    sentence: str


def run_verdict(record: Record) -> Verdict:
    """Return what bounds the run: the largest share of the time of the busiest core."""
    busy = np.maximum(record.counts.cores[:, _STATE["busy"]], record.counts.npe_busy)
    return _core_verdict(record, int(np.argmax(busy)))


def _core_verdict(record: Record, core: int) -> Verdict:
    """Return the largest of four shares of a core's time; ties in the order compute, control, network, input."""
    states = record.counts.cores[core]
    cycles: dict[Bound, int] = {
        "compute": int(record.counts.npe_busy[core]),
        "control": int(states[_STATE["busy"]]),
        "network": int(states[_STATE["network"]]),
        "input": sum(int(states[_STATE[name]]) for name in ("credit", "input", "idle")),
    }
    bound = max(cycles, key=lambda name: cycles[name])
    share = cycles[bound] / max(1, record.counts.makespan)
    layers = dict.fromkeys(record.layers[part.layer].name for part in record.mapping.parts if part.core == core)
    return Verdict(bound, core, share, _WORDS[bound].format(core=core, layers=", ".join(layers), share=share))


def layer_loads(record: Record) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the RISC-V and the loop-controller cycles of each part in the run, (P,) each."""
    counts = record.counts
    part, _ = record.inlets()
    loads = []
    for counter in ("rv_cycles", "lc_cycles"):
        own = counts.parts[:, :, PART_COUNTERS.index(counter)].sum(axis=0)
        coming = counts.inlets[:, :, INLET_COUNTERS.index(counter)].sum(axis=0)
        loads.append(own + summed(coming, part, len(own)))
    return loads[0], loads[1]


def layer_verdicts(record: Record) -> tuple[tuple[int | None, Bound | None], ...]:
    """Return the busiest part of each layer and what bounds the core that it lives on; None for input layers."""
    loads = np.maximum(*layer_loads(record))
    of_layer = record.layer_of_part()
    verdicts: list[tuple[int | None, Bound | None]] = []
    for number in range(len(record.layers)):
        parts = np.flatnonzero(of_layer == number)
        if len(parts):
            part = int(parts[np.argmax(loads[parts])])
            verdicts.append((part, _core_verdict(record, record.mapping.parts[part].core).bound_by))
        else:
            verdicts.append((None, None))
    return tuple(verdicts)

"""What an engine returns: integers only. Prices meet them in the report.

P parts, I inlets (a part with one incoming edge of its layer; numbered by part, then edge), C cores, T steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CORE_STATES", "INLET_COUNTERS", "PART_COUNTERS", "STEP_TIMES", "Counts"]

PART_COUNTERS = (
    "fire_tasks",  # fire tasks executed (markers of untouched row ends not counted)
    "update_chunks",  # chunks of the neuron update program
    "pool_chunks",  # chunks of the window program (fused max pooling)
    "emit_chunks",  # chunks of the emit program
    "markers",  # tasks with no neuron
    "untouched_positions",  # positions skipped or marked
    "events",  # values handed to the event generator
    "packets",  # event packets made, replays too
    "replay_values",  # values in replayed packets
    "dropped_values",  # values that reach nobody
    "tokens",  # tokens made, replays too
    "credits",  # credit packets made
    "flits",  # flits injected (tokens and credits too)
    "link_flits",  # flits x links between routers, each link of a multicast tree once
    "ejected_flits",  # flits x destinations (cores and host)
    "rv_cycles",  # RISC-V cycles of fire, send, inject and replay jobs
    "lc_cycles",  # loop-controller cycles of fire tasks and markers (0 in inline builds: they are in rv_cycles)
)
"""Per part and step; work on what leaves the part. A job or packet belongs to the step whose row, value or credited row it carries."""

INLET_COUNTERS = (
    "packets",  # event packets decoded
    "values",  # values in them
    "dropped_values",  # values whose convolution group has no channel in the part, or whose position touches nothing
    "tokens",  # tokens decoded
    "credits",  # credits decoded by producing cores (not by the host), counted at the inlet that sent them
    "tasks",  # integrate tasks executed
    "rounds",  # group x kernel position
    "chunks",  # chunks of the integrate program
    "sops",  # values x touched positions x channels addressed (executed chunks only; padding not counted)
    "skip_tests",  # chunk tests of chunk-skipping masks
    "rv_cycles",  # RISC-V cycles of decode and flush jobs
    "lc_cycles",  # loop-controller cycles of integrate tasks (0 in inline builds)
)
"""Per inlet and step; work on what comes in."""

CORE_STATES = ("busy", "network", "event_room", "task_fifo", "credit", "input", "idle")
"""States of a core's RISC-V; their cycles sum to the makespan."""

STEP_TIMES = ("release", "first_flit", "first_output", "last_output", "end")
"""Per step: release at the host; start of the first host packet (-1: none); delivery of the first and of the last output event
(-1: none); delivery of the last end-of-step token."""


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Everything that an engine measured, in cycles and counts (int64)."""

    makespan: int
    """Cycle of the last effect."""
    parts: NDArray[np.int64]
    """(T, P, len(PART_COUNTERS))"""
    part_times: NDArray[np.int64]
    """(T, P, 3): start of the first decode (not of credits) or fire job, of the first inject of an event packet (no replay; -1: none), cycle at which the last row is done."""
    inlets: NDArray[np.int64]
    """(T, I, len(INLET_COUNTERS))"""
    cores: NDArray[np.int64]
    """(C, len(CORE_STATES)) cycles of the RISC-V; C counts all cores of `Mapping.place`, mapped or not."""
    npe_busy: NDArray[np.int64]
    """(C,) cycles of the loop controller (0 in inline builds)."""
    fifo_max: NDArray[np.int64]
    """(C, 3): largest occupancy, after the effects of a cycle, of the Task FIFO [tasks], the event FIFO [values reserved], the NoC FIFO [flits]."""
    links: NDArray[np.int64]
    """(rows * columns, 5, 2): per router (y * columns + x) and output port (N, E, S, W, local): flits, and cycles that eligible packets waited."""
    host: NDArray[np.int64]
    """(T, 6): flits injected, link flits, flits ejected by host packets; values sent; values dropped; values received."""
    steps: NDArray[np.int64]
    """(T, len(STEP_TIMES))"""

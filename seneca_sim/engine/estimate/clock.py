"""The step and part times of `Counts`, from the times at which rows leave or phases end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.assembly import line_of
from seneca_sim.engine.estimate.line import Line
from seneca_sim.engine.estimate.phases import Phases, phases_of
from seneca_sim.engine.estimate.work import Work
from seneca_sim.kernels.rows_run import run_rows

__all__ = ["Times", "times_of"]

Real = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Times of a run, as in `Counts`."""

    steps: Index
    parts: Index
    makespan: int


def times_of(work: Work) -> Times:
    """Return the times of a design point."""
    timing = work.design.timing
    if timing.order == "conventional" and timing.barrier == "global":
        return _phase_times(work, phases_of(work))
    line = line_of(work)
    run_rows(line.machine.address)
    steps, late = _step_times(line)
    parts = _part_times(line, late)
    last = float(line.machine["rows"]["end"].max())
    return Times(steps, parts, int(np.ceil(max(last, float(steps.max())))))


def _step_times(line: Line) -> tuple[Index, Real]:
    """Return (T, 5) step times, and by how much the busiest link delays each step."""
    work = line.work
    design = work.design
    first, sends = _host_begins(line)
    load = work.links.max(axis=(0, 1)).astype(np.float64)
    began = np.where(sends, first, line.machine["steps"]["release"])
    linked = np.zeros(design.steps)
    before = 0.0
    for step in range(design.steps):
        linked[step] = before = max(before, line.machine["steps"]["release"][step]) + load[step]
    late = np.maximum(0.0, linked - line.machine["steps"]["ends"])
    pushed = np.concatenate([[0.0], late[:-1]])
    heard, (first_output, last_output) = _outputs(line)
    table = np.stack(
        [
            line.machine["steps"]["release"],
            np.where(sends, began + (pushed if design.timing.pipelined else 0.0), -1.0),
            np.where(heard, first_output + pushed, -1.0),
            np.where(heard, last_output + late, -1.0),
            np.maximum.accumulate(line.machine["steps"]["ends"] + late),
        ],
        axis=1,
    )
    return np.ceil(table - 1e-6).astype(np.int64), late


def _host_begins(line: Line) -> tuple[Real, NDArray[np.bool_]]:
    """Return (T,) the start of the first host packet, and whether there is one."""
    work = line.work
    first = np.full(work.design.steps, np.inf)
    for layer in work.design.hosts:
        rows = line.rows(line.host(layer))
        begin, end = rows["begin"], rows["end"]
        first = np.minimum(first, np.where(end > begin, begin, np.inf).min(axis=1))
    return np.where(np.isfinite(first), first, 0.0), np.isfinite(first)


def _outputs(line: Line) -> tuple[NDArray[np.bool_], tuple[Real, Real]]:
    """Return (T,): whether the host hears of values, and when it does first and last."""
    design = line.work.design
    first, last = np.full(design.steps, np.inf), np.full(design.steps, -np.inf)
    for number, part in enumerate(design.mapping.parts):
        if not design.network.layers[part.layer].is_output:
            continue
        opened, closed = line.rows(number)["begin"], line.rows(number)["end"]
        values = line.work.outputs[number].values
        latency = line.machine["cores"]["to_host"][part.core]
        columns = values.shape[2]
        share = np.maximum(0.0, closed - opened)[:, :, None] / columns
        begin, end = (
            np.where(values, opened[:, :, None] + share * (np.arange(columns) + more), fill)
            for more, fill in ((0, np.inf), (1, -np.inf))
        )
        first = np.minimum(first, begin.min(axis=(1, 2)) + latency)
        token = line.work.outputs[number].closing
        heard = np.where(values.any(axis=2), end.max(axis=2) - token, -np.inf)
        last = np.maximum(last, heard.max(axis=1) + latency)
    hears = np.isfinite(first)
    return hears, (np.where(hears, first, 0.0), np.where(hears, np.maximum(first, last), 0.0))


def _part_times(line: Line, late: Real) -> Index:
    """Return (T, P, 3) part times."""
    design = line.work.design
    table = np.zeros((design.steps, len(design.mapping.parts), 3))
    for number in range(len(design.mapping.parts)):
        begin, end = line.rows(number)["begin"], line.rows(number)["end"]
        inlets = [inlet for inlet in design.inlets_of[number] if not design.inlets[inlet].link.delay]
        least = [line.items(inlet)["begin"].min(axis=1, initial=np.inf) for inlet in inlets]
        start = np.min([*least, begin.min(axis=1)], axis=0)
        first = np.where(line.work.outputs[number].sends_packets, begin, np.inf).min(axis=1)
        sends = np.isfinite(first)
        table[:, number, 0] = start
        table[:, number, 1] = np.where(sends, first, -1.0)
        table[:, number, 2] = np.maximum.accumulate(end[:, -1]) + late
    return np.ceil(table - 1e-6).astype(np.int64)


def _phase_times(work: Work, phases: Phases) -> Times:
    """Return the times of a chip with a global barrier."""
    design = work.design
    opened, quiet = phases.open, phases.quiet
    outputs = [phases.depth[n] for n, layer in enumerate(design.network.layers) if layer.is_output]
    heard = work.host[:, 5] > 0
    ends = quiet[:, max(outputs)]
    sends = work.host[:, 0] > 0
    first = opened[:, min(outputs)]
    columns = (
        opened[:, 0],
        np.where(sends, opened[:, 0], -1),
        np.where(heard, first, -1),
        np.where(heard, ends, -1),
        ends,
    )
    table = np.zeros((design.steps, len(design.mapping.parts), 3))
    for number, part in enumerate(design.mapping.parts):
        sources = [phases.depth[edge.source] for edge in design.network.layers[part.layer].edges if not edge.delay]
        depth = phases.depth[part.layer]
        table[:, number, 0] = opened[:, min(sources, default=depth)]
        table[:, number, 1] = np.where(work.outputs[number].sends_packets.any(axis=1), opened[:, depth], -1)
        table[:, number, 2] = quiet[:, depth]
    return Times(np.stack(columns, axis=1).astype(np.int64), table.astype(np.int64), int(quiet[-1, -1]))

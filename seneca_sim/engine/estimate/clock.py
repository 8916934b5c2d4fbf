"""The step and part times of `Counts`, from the times at which rows leave or phases end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.phases import Phases, phases_of
from seneca_sim.engine.estimate.pipeline import Pipeline, arrivals, pipeline_of, to_host
from seneca_sim.engine.estimate.pressure import hold_back
from seneca_sim.engine.estimate.service import run_steps
from seneca_sim.engine.estimate.work import Work

__all__ = ["Times", "times_of"]

Real = NDArray[np.float64]
Index = NDArray[np.int64]
MOST_RUNS = 16
"""Runs through the pipeline, each with the stalls that the ones before have found."""
BUFFER_RUNS = 2
"""Runs that look for stalls of full buffers, whose room is a rough guess: found again and again, they add up to too much."""
SETTLED = 1e-3
"""Share of the time of the run below which a new stall, or what it adds to the end, counts as nothing."""
PATIENCE = 3
"""Runs that may add nothing before stalls that wander are given up."""


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
    line = pipeline_of(work)
    _run_until_settled(line)
    steps, late = _step_times(line)
    parts = _part_times(line, late)
    last = max(float(rows.end.max()) for rows in line.sent.values())
    return Times(steps, parts, int(np.ceil(max(last, float(steps.max())))))


def _run_until_settled(line: Pipeline) -> None:
    """Run the pipeline again and again with the stalls found so far, until they add little to the end of the run."""
    ends, unchanged = 0.0, 0
    for number in range(MOST_RUNS):
        run_steps(line)
        before, ends = ends, float(line.ends.max())
        unchanged = unchanged + 1 if ends - before <= SETTLED * ends else 0
        if hold_back(line, buffers=number < BUFFER_RUNS) <= SETTLED * ends or unchanged == PATIENCE:
            break


def _step_times(line: Pipeline) -> tuple[Index, Real]:
    """Return (T, 5) step times, and by how much the busiest link delays each step."""
    work = line.work
    design = work.design
    first, sends = _host_begins(line)
    load = work.links.max(axis=(0, 1)).astype(np.float64)
    began = np.where(sends, first, line.release)
    linked = np.zeros(design.steps)
    before = 0.0
    for step in range(design.steps):
        linked[step] = before = max(before, line.release[step]) + load[step]
    late = np.maximum(0.0, linked - line.ends)
    pushed = np.concatenate([[0.0], late[:-1]])
    heard, (first_output, last_output) = _outputs(line)
    table = np.stack(
        [
            line.release,
            np.where(sends, began + (pushed if design.timing.pipelined else 0.0), -1.0),
            np.where(heard, first_output + pushed, -1.0),
            np.where(heard, last_output + late, -1.0),
            np.maximum.accumulate(line.ends + late),
        ],
        axis=1,
    )
    return np.ceil(table - 1e-6).astype(np.int64), late


def _host_begins(line: Pipeline) -> tuple[Real, NDArray[np.bool_]]:
    """Return (T,) the start of the first host packet, and whether there is one."""
    work = line.work
    first = np.full(work.design.steps, np.inf)
    for layer in work.design.hosts:
        begin, end = line.sent[layer, 0].begin[0], line.sent[layer, 0].end[0]
        first = np.minimum(first, np.where(end > begin, begin, np.inf).min(axis=1))
    return np.where(np.isfinite(first), first, 0.0), np.isfinite(first)


def _outputs(line: Pipeline) -> tuple[NDArray[np.bool_], tuple[Real, Real]]:
    """Return (T,): whether the host hears of values, and when it does first and last."""
    design = line.work.design
    first, last = np.full(design.steps, np.inf), np.full(design.steps, -np.inf)
    for number, part in enumerate(design.mapping.parts):
        if not design.network.layers[part.layer].is_output:
            continue
        rows = line.sent[part.layer, 0]
        opened, closed = line.rows_of(number, rows.begin), line.rows_of(number, rows.end)
        values = line.work.outputs[number].values
        latency = to_host(line.work, part.core)
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


def _part_times(line: Pipeline, late: Real) -> Index:
    """Return (T, P, 3) part times."""
    design = line.work.design
    table = np.zeros((design.steps, len(design.mapping.parts), 3))
    for number, part in enumerate(design.mapping.parts):
        begin, end = (
            line.rows_of(number, times) for times in (line.sent[part.layer, 0].begin, line.sent[part.layer, 0].end)
        )
        inlets = [inlet for inlet in design.inlets_of[number] if not design.inlets[inlet].link.delay]
        least = [arrivals(line, inlet, slice(0, design.steps))[0].min(axis=1, initial=np.inf) for inlet in inlets]
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

"""What a part has to do for each input row that reaches it and for each output row that it fires, on every unit of its core."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.design import Design
from seneca_sim.engine.estimate.intake import Intake
from seneca_sim.engine.estimate.work import Work
from seneca_sim.kernels.rows_machine import ITEM, ROW

__all__ = ["held_cycles", "is_early", "items_of", "rows_of", "shares_of"]

Real = NDArray[np.float64]
Index = NDArray[np.int64]
Records = NDArray[np.void]


def items_of(design: Design, intake: Intake, rows: Index) -> Records:
    """Return (T, n) items of an inlet from some rows of its source."""
    items = np.zeros((design.steps, len(rows)), ITEM)
    cycles = np.maximum(intake.riscv, intake.flits)[:, rows]
    items["riscv"], items["lanes"] = _coupled(design, cycles, intake.lanes[:, rows], intake.tasks[:, rows])
    items["last"] = cycles / np.maximum(1, intake.arrivals[:, rows])
    items["begin"], items["arrive"] = np.inf, -np.inf
    items["step"] = np.arange(design.steps)[:, None]
    items["next"] = -1
    return items


def rows_of(work: Work, number: int, neighbours: int) -> Records:
    """Return (T, R) output rows of a part that shares its core with so many parts, itself included."""
    output, timing = work.outputs[number], work.design.timing
    steps, height = output.riscv.shape
    rows = np.zeros((steps, height), ROW)
    riscv = output.riscv + _credit_cycles(work, number, neighbours)[:, None] / height
    rows["riscv"], rows["lanes"] = _coupled(work.design, riscv, output.lanes, output.tasks)
    rows["held"] = held_cycles(work, number)
    rows["sends"] = output.sends + output.closing
    rate = timing.evgen_rate if timing.event_generator else 1 << 30
    rows["made"] = 1 + np.ceil(output.burst / rate)
    rows["closing"] = output.closing
    return rows


def held_cycles(work: Work, number: int) -> Real:
    """Return (T, R) cycles for which the fire tasks of each row keep later ones out of the event FIFO.

    A task reserves room for all its channels from its push to the end of its generation, then keeps its values until they are sent.
    """
    timing, part, output = work.design.timing, work.design.mapping.parts[number], work.outputs[number]
    channels = part.channels[1] - part.channels[0]
    width = min(channels, timing.event_fifo)
    pieces = -(-channels // timing.event_fifo)
    tasks = np.maximum(1, output.tasks)
    active = output.values.sum(axis=2) * pieces / tasks
    values = output.burst * active / pieces
    rate = timing.evgen_rate if timing.event_generator else 1 << 30
    made = max(1, timing.rv_fire) + output.lanes / tasks + np.maximum(1.0, values / rate)
    sent = output.sends * active / pieces
    shared = (width * made + values * sent) / timing.event_fifo
    alone = made + sent if 2 * width > timing.event_fifo else 0.0
    return np.asarray(output.tasks * np.maximum(shared, alone))


def _coupled(
    design: Design, riscv: NDArray[np.generic], lanes: NDArray[np.generic], tasks: Index
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Return the cycles that work occupies RISC-V and loop controller, which can drift apart by a Task FIFO at most."""
    if design.timing.inline:
        return riscv, lanes
    free = 1.0 - np.minimum(1.0, design.timing.task_fifo / np.maximum(1, tasks))
    excess = (lanes - riscv) * free  # type: ignore[operator]
    return riscv + np.maximum(0.0, excess), lanes + np.maximum(0.0, -excess)


def _credit_cycles(work: Work, number: int, neighbours: int) -> Real:
    """Return (T,) RISC-V cycles of the credits that a part sends and of those that it gets, as a share of its core."""
    token = max(1, work.design.timing.rv_token)
    core = work.design.mapping.parts[number].core
    sent = np.zeros(work.design.steps, np.int64)
    for inlet in work.design.inlets_of[number]:
        sent += work.credits[inlet].number.sum(axis=0) * (token + 1)
    return np.asarray(sent + work.credit_riscv[:, core] / neighbours)


def is_early(design: Design, layer: int) -> bool:
    """Return whether the replays of a layer need not wait for the first input of the step (`engine/timing.md` 8)."""
    edges = design.network.layers[layer].edges
    earlier = design.network.layers[:layer]
    back = any(edge.delay and edge.source == layer for other in earlier for edge in other.edges)
    return design.timing.early_replay or back or all(edge.delay for edge in edges)


def shares_of(work: Work, number: int) -> tuple[float, float]:
    """Return the share of an input row that a part's first output waits for, and that of its outputs that wait for its end."""
    design = work.design
    share, at_end, width = 0.0, 1.0, work.outputs[number].values.shape[2]
    for inlet in (design.inlets[n] for n in design.inlets_of[number]):
        columns = work.axes[inlet.number][1]
        if inlet.link.delay:
            continue
        if design.timing.order == "conventional":
            share, at_end = 1.0, float(len(columns.last))
            continue
        share = max(share, (int(columns.last[0]) + 1) / len(columns.count))
        at_end = max(at_end, float((columns.last == columns.last.max()).sum()))
    return share, at_end / width

"""A chip with a global barrier: phases do not overlap, so a run is the sum of their bottlenecks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.items import held_cycles
from seneca_sim.engine.estimate.line import host_flits, latencies
from seneca_sim.engine.estimate.recursion import completed
from seneca_sim.engine.estimate.work import Work
from seneca_sim.engine.fast.plan import depth_of

__all__ = ["Phases", "phases_of"]

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Phases:
    """When the phases of a run open and end; T steps, D depths of layers."""

    depth: list[int]
    """Of each layer."""
    open: Real
    """(T, D)"""
    quiet: Real
    """(T, D) nothing can happen any more."""


def phases_of(work: Work) -> Phases:
    """Return the phases: each lasts as long as its busiest core or host port, and the way of its last packet."""
    design = work.design
    depth = depth_of(design.network)
    depths = max(depth) + 1
    riscv, lanes, held = np.zeros((3, depths, design.steps, len(design.mapping.place)))
    ports = np.zeros((depths, design.steps))
    way = np.zeros((depths, 1))
    for number, part in enumerate(design.mapping.parts):
        output, phase = work.outputs[number], depth[part.layer]
        riscv[phase, :, part.core] += output.riscv.sum(axis=1)
        lanes[phase, :, part.core] += output.lanes.sum(axis=1)
        held[phase, :, part.core] += held_cycles(work, number).sum(axis=1)
        riscv[max(0, phase - 1), :, part.core] += output.replay.sum(axis=1)
    for inlet, intake in zip(design.inlets, work.intakes, strict=True):
        part = design.mapping.parts[inlet.part]
        phase = depth[part.layer] - 1 if inlet.link.delay else depth[inlet.link.source]
        riscv[phase, :, part.core] += intake.riscv.sum(axis=1)
        lanes[phase, :, part.core] += intake.lanes.sum(axis=1)
    for layer in design.hosts:
        ports[0] += host_flits(work, layer).sum(axis=1)
    for (layer, _), reach in work.reach.items():
        for inlet in reach.inlets:
            target = design.mapping.parts[inlet.part].core
            far = latencies(work, reach.core, np.full_like(reach.core, target)).max()
            way[depth[layer]] = np.maximum(way[depth[layer]], far)
    length = np.maximum(np.maximum(np.maximum(riscv, lanes), held).max(axis=2), ports) + way
    pause = design.timing.barrier_cycles
    whole = (length + pause).sum(axis=0)
    released = np.arange(design.steps) * float(design.timing.period) - pause
    end = completed(whole, released + whole, 0.0)
    after = np.cumsum((length + pause)[::-1], axis=0)[::-1].T
    return Phases(depth, end[:, None] - after + pause, end[:, None] - after + pause + length.T)

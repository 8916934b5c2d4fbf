"""Back-pressure: row credits and full buffers hold producers back to the pace of their consumers.

Layers are taken from the last to the first. The bounds that this finds for the rows of producers delay what they send in the next
run through the pipeline, which may find more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.outline import part_axis
from seneca_sim.engine.estimate.pipeline import Pipeline, feeding

__all__ = ["hold_back"]

Real = NDArray[np.float64]


def hold_back(line: Pipeline, buffers: bool) -> float:
    """Delay the rows of all senders of values of the same step until they find room; return the longest delay [cycles].

    `buffers`: room in the buffers on their way, too, not in the state rows of their consumers alone.
    """
    work, longest = line.work, 0.0
    for layer in reversed(range(len(work.design.network.layers))):
        reach, rows = work.reach[layer, 0], line.sent[layer, 0]
        for inlet in reach.inlets:
            _raise_bounds(line, inlet.number, buffers)
        own = np.isfinite(rows.begin)
        delay = np.where(own, np.maximum(0.0, rows.bound - np.where(own, rows.begin, 0.0)), 0.0)
        last = np.where(own, rows.end + delay, -np.inf).reshape(len(own), -1)
        late = np.maximum.accumulate(last, axis=1).reshape(own.shape) - np.where(own, rows.end, 0.0)
        delay = np.where(own, np.maximum(delay, late), 0.0)
        longest = max(longest, float(delay.max(initial=0.0)))
        rows.begin[:] += delay
        rows.end[:] += delay
        for number in work.design.parts_of[layer]:
            line.fired[number][:] += line.rows_of(number, delay)
    return longest


def _raise_bounds(line: Pipeline, number: int, buffers: bool) -> None:
    """Raise the bounds of the senders of an inlet: no row may leave before it is granted and finds room on its way."""
    work, timing = line.work, line.work.design.timing
    inlet = work.design.inlets[number]
    reach, rows = work.reach[inlet.link.source, 0], line.sent[inlet.link.source, 0]
    core = work.design.mapping.parts[inlet.part].core
    fed = feeding(work, number)
    if not fed.any():
        return
    latency = rows.latency[fed, core]
    token = max(1, timing.rv_token)
    remote = latency > 0
    way = np.where(remote, token + 1 + latency + np.where(reach.senders[fed] >= 0, token, 0), 0)
    if timing.flow_control == "none":
        way = np.zeros_like(way)
    bound = _grants(line, number) + way[:, None, None]
    if buffers and timing.noc == "mesh" and remote.any():
        hops = float(np.mean(latency[remote])) / (timing.router_cycles + 1)
        room = _room(line, number, timing.input_flits + hops * timing.buffer_flits)
        bound = np.maximum(bound, np.where(remote[:, None, None], room, -np.inf))
    rows.bound[fed] = np.maximum(rows.bound[fed], bound)


def _grants(line: Pipeline, number: int) -> Real:
    """Return (T, source rows): when an inlet grants each row; -inf for what it grants from the start."""
    design = line.work.design
    inlet = design.inlets[number]
    part = design.mapping.parts[inlet.part]
    axis = part_axis(design.network.layers[part.layer], 0, part.rows)
    rows = line.work.axes[number][0]
    fired = np.concatenate([[-np.inf], np.maximum.accumulate(line.fired[inlet.part].ravel())])
    step = np.arange(design.steps)[:, None]
    if design.timing.order == "conventional":
        return np.asarray(fired[np.where(rows.reached, step * len(axis.windows), 0)])
    height = axis.neurons[1] - axis.neurons[0]
    lowest = (step * height + axis.low).ravel()
    wanted = step * height + rows.highest - part.state_rows + 1
    return np.asarray(fired[np.searchsorted(lowest, np.where(rows.reached, wanted, 0))])


def _room(line: Pipeline, number: int, held: float) -> Real:
    """Return (T, source rows): when buffers of `held` flits have room for a row that its inlet takes no faster than it can."""
    inlet = line.work.design.inlets[number]
    items = line.items[inlet.part]
    mine = items.inlet == number
    flits = line.work.intakes[number].flits
    taken = np.full(flits.shape, -np.inf)
    taken[:, items.row[mine]] = line.consumed[inlet.part][:, mine]
    ends = np.maximum.accumulate(taken.ravel())
    through = np.cumsum(flits.ravel())
    known = np.isfinite(ends)
    if not known.any():
        return taken
    before = np.concatenate([[0], through[:-1]]) - held
    return np.interp(before, through[known], ends[known], left=-np.inf).reshape(flits.shape)

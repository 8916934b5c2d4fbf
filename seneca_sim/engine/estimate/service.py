"""A core serves its items: RISC-V, loop controller and event FIFO work side by side, each in the order of service.

A unit ends item k at ``max(end of item k - 1, arrival of its first packet) + cost``, and not before the item has arrived whole and
its last packet is served; the loop controller also waits for RISC-V, which pushes its tasks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.items import Load, is_early
from seneca_sim.engine.estimate.pipeline import Pipeline, receive, replay, send_host, to_host
from seneca_sim.engine.estimate.recursion import completed

__all__ = ["run_steps"]

Real = NDArray[np.float64]
Index = NDArray[np.int64]


def run_steps(line: Pipeline) -> None:
    """Run all steps through the pipeline, with the bounds that are known so far."""
    design, work, steps = line.work.design, line.work, line.work.design.steps
    line.carry.clear()
    line.release, line.ends = np.arange(steps, dtype=np.float64) * design.timing.period, np.zeros(steps)
    recurrent = any(delay for _, delay in work.reach)
    blocks = [slice(t, t + 1) for t in range(steps)] if recurrent or not design.timing.pipelined else [slice(0, steps)]
    for block in blocks:
        if not design.timing.pipelined and block.start:
            line.release[block] = np.maximum(line.release[block], line.ends[block.start - 1])
        _run_block(line, block)


def _run_block(line: Pipeline, block: slice) -> None:
    """Run some steps through all layers."""
    work, design = line.work, line.work.design
    send_host(line, block)
    early = [layer for layer, delay in work.reach if delay and is_early(design, layer)]
    for layer in early:
        replay(line, layer, block)
    for layer, parts in enumerate(design.parts_of):
        if (layer, 1) in work.reach and layer not in early:
            replay(line, layer, block)
        for number in parts:
            receive(line, number, block)
        for core in sorted({design.mapping.parts[number].core for number in parts}):
            _serve(line, core, layer, block)
    for number, part in enumerate(design.mapping.parts):
        if design.network.layers[part.layer].is_output:
            end = line.rows_of(number, line.sent[part.layer, 0].end)[block, -1]
            line.ends[block] = np.maximum(line.ends[block], end + to_host(work, part.core))


def _serve(line: Pipeline, core: int, layer: int, block: slice) -> None:
    """Serve the items of a core as far as a layer: of later layers only the load is known."""
    layers = {number: line.work.design.mapping.parts[number].layer for number in line.parts[core]}
    loads = [line.loads[n] if layers[n] <= layer else _steps_of(line.static[n], block) for n in layers]
    order = _service_order(line, core, layer, block)

    def served(tables: list[Real]) -> Real:
        """Return the values of all parts, item after item in the order of service."""
        return np.concatenate([table.ravel() for table in tables])[order]

    def known(tables: dict[int, Real]) -> Real:
        """Return times, -inf where a later layer's are not known."""
        return served(
            [t if layers[n] <= layer else np.full_like(t, -np.inf) for n in layers for t in [tables[n][block]]]
        )

    riscv, lanes, chain = (served([load.units[unit] for load in loads]) for unit in range(3))
    tails = [served([load.tails[unit] for load in loads]) for unit in range(3)]
    send, out = served([load.send for load in loads]), served([load.out for load in loads])
    begin, arrive = known(line.begin), known(line.arrive)
    before = line.carry.get((core, layer), (0.0, 0.0, 0.0))
    control = completed(riscv, np.maximum(begin + riscv, arrive + tails[0]), before[0])
    opened = np.maximum(begin, _before(control, before[0]))
    compute = completed(lanes, np.maximum(opened + lanes, control - send + tails[1]), before[1])
    room = completed(chain, np.maximum(opened + chain, arrive + tails[2]), before[2])
    line.carry[core, layer] = float(control[-1]), float(compute[-1]), float(room[-1])
    ended = np.maximum(np.maximum(control, compute), room)
    times = np.stack([np.maximum(begin, _before(ended, max(before))), ended, np.maximum(ended, compute + out)])
    unsorted = np.empty_like(times)
    unsorted[:, order] = times
    offset = 0
    for number, load in zip(layers, loads, strict=True):
        if layers[number] == layer:
            own = unsorted[:, offset : offset + load.send.size].reshape(3, *load.send.shape)
            line.consumed[number][block] = own[1]
            _leave(line, number, block, load, own)
        offset += load.send.size


def _before(ends: Real, first: float) -> Real:
    """Return the end of the item before each one."""
    return np.concatenate([[first], ends[:-1]])


def _steps_of(load: Load, block: slice) -> Load:
    """Return the load of some steps."""
    return Load(
        load.of_row[block], load.leads[block], load.later[block], load.units[:, block], load.tails[:, block],
        load.send[block], load.out[block],
    )  # fmt: skip


def _leave(line: Pipeline, number: int, block: slice, load: Load, times: Real) -> None:
    """Note when the output rows of a part leave, from the (3, T, n) starts, ends and ends of sending of its items."""
    items, rows = line.items[number], line.sent[line.work.design.mapping.parts[number].layer, 0]
    work = items.row_work[block]
    started, ended, done = np.take_along_axis(times, load.of_row[None], axis=2)
    fired, end = ended - load.later, done - load.later
    wait = np.maximum(0.0, fired - work - started) * items.share
    opened = np.where(load.leads, started + wait, fired - work)
    tail = items.sends[block] + items.made[block]
    begin = np.minimum(opened + work / items.width + tail, fired + tail)
    bound = line.rows_of(number, rows.bound)[block]
    line.fired[number][block] = fired
    line.rows_of(number, rows.begin)[block] = np.maximum(begin, bound)
    line.rows_of(number, rows.end)[block] = np.maximum(end, bound + end - begin)


def _service_order(line: Pipeline, core: int, layer: int, block: slice) -> Index:
    """Return the order in which the items of a core's parts, one part after the other, are served.

    Items of the layer are served as they arrive, those of earlier layers at the times that are already known for them; items of
    later layers after what makes them due.
    """
    due, time, known = [], [], []
    for number in line.parts[core]:
        own = line.work.design.mapping.parts[number].layer
        times = _queued(line, number, block) if own == layer else line.consumed[number][block]
        step = np.arange(len(times))[:, None]
        due.append((step + np.maximum(line.items[number].key, 0.0) / 2).ravel())
        time.append(times.ravel())
        known.append(np.full(times.size, own <= layer))
    moment, is_known, due_at = np.concatenate(time), np.concatenate(known), np.concatenate(due)
    if not is_known.all():
        order = np.argsort(due_at[is_known], kind="stable")
        reached = np.maximum.accumulate(moment[is_known][order])
        place = np.searchsorted(due_at[is_known][order], due_at[~is_known], side="right") - 1
        moment[~is_known] = np.where(place >= 0, reached[place], -np.inf)
    return np.lexsort((due_at, ~is_known, moment))


def _queued(line: Pipeline, number: int, block: slice) -> Real:
    """Return (T, n): when the items of a part could be served, behind what waits in the core's NoC FIFO before them."""
    design, items = line.work.design, line.items[number]
    part = design.mapping.parts[number]
    arrive = line.arrive[number][block]
    ahead = [other for other in line.parts[part.core] if design.mapping.parts[other].layer < part.layer]
    ahead = [other for other in ahead if line.items[other].remote.any()]
    if not ahead or not items.remote.any():
        return arrive

    def known(tables: dict[int, Real]) -> Real:
        """Return the values of all remote items that earlier layers of the core are known to take."""
        return np.concatenate([tables[other][block][:, line.items[other].remote].ravel() for other in ahead])

    taken, came = known(line.consumed), known(line.arrive)
    flits = known({other: line.items[other].flits.astype(np.float64) for other in ahead})
    order = np.argsort(taken, kind="stable")
    through = np.concatenate([[0.0], np.cumsum(flits[order])])
    ends = np.concatenate([[0.0], taken[order]])
    full = np.interp(np.interp(arrive, ends, through) + design.timing.input_flits, through, ends)
    order = np.argsort(came, kind="stable")
    last = np.concatenate([[-np.inf], np.maximum.accumulate(taken[order])])
    waiting = last[np.searchsorted(came[order], arrive, side="right")]
    return np.where(items.remote, np.maximum(arrive, np.minimum(full, waiting)), arrive)

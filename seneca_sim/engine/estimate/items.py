"""What a part has to do for each input row that reaches it: decode it, and fire the output rows that it makes ready."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.design import Design
from seneca_sim.engine.estimate.work import Work

__all__ = ["START", "REPLAY", "Load", "PartItems", "held_cycles", "is_early", "load_of", "part_items", "row_keys"]

Real = NDArray[np.float64]
Index = NDArray[np.int64]
START, REPLAY = -1, -2
"""Inlet numbers of items that no input row causes: the start of the step, and a row that is replayed."""


@dataclass(frozen=True, slots=True, eq=False)
class PartItems:
    """The n items of a part in a step; R output rows, T steps."""

    key: Real
    """(n,) ascending: share of the step's input rows after which the item is due."""
    inlet: Index
    """(n,) inlet, `START` or `REPLAY`."""
    row: Index
    """(n,) input row, or row to replay."""
    remote: NDArray[np.bool_]
    """(n,) whether the row comes through the network."""
    flits: Index
    """(T, n) flits of the row."""
    riscv: Real
    """(T, n) RISC-V cycles of decoding (or replaying)."""
    lanes: Real
    """(T, n) loop-controller cycles of integration."""
    last_packet: Real
    """(T, n) RISC-V cycles of the last packet."""
    fire_riscv: Real
    """(T, R) RISC-V cycles of firing and sending an output row."""
    fire_lanes: Real
    """(T, R) loop-controller cycles of firing."""
    held: Real
    """(T, R) cycles for which the fire tasks hold the event FIFO."""
    closing: Index
    """(R,) RISC-V cycles of the row's token."""
    sends: Real
    """(T, R) RISC-V cycles that send the values of one position, and the token."""
    made: Real
    """(T, R) cycles in which the event generator makes the values of one position."""
    of_row: Index
    """(R,) the item that makes each output row ready if rows arrive in order."""
    share: float
    """Share of an input row that must have arrived before the first output of a row fires."""
    at_end: float
    """Share of the outputs of a row that wait for the end of the last input row."""
    width: int
    """Outputs of a row."""

    @property
    def row_work(self) -> Real:
        """(T, R) cycles of an output row on its busiest unit."""
        return np.maximum(np.maximum(self.fire_riscv, self.fire_lanes), self.held)


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """The items of a part with the output rows that each makes ready; n items, R output rows, over some steps."""

    of_row: Index
    """(T, R) the item."""
    leads: NDArray[np.bool_]
    """(T, R) whether the row is the first of its item."""
    later: Real
    """(T, R) cycles of the rows after it that the same item makes ready."""
    units: Real
    """(3, T, n) cycles of RISC-V, loop controller and event FIFO."""
    tails: Real
    """(3, T, n) those left when the last packet of the row has arrived (loop controller: when RISC-V has pushed its last task)."""
    send: Real
    """(T, n) RISC-V cycles that send what the last task emits."""
    out: Real
    """(T, n) cycles from the end of the last task to the end of its sending."""


def load_of(items: PartItems, of_row: Index, steps: slice) -> Load:
    """Return the load of some steps if the given items, (T, R), make the output rows ready."""
    count, rows = of_row.shape
    work = items.row_work[steps]
    leads = np.ones(of_row.shape, np.bool_)
    leads[:, 1:] = of_row[:, 1:] != of_row[:, :-1]
    closes = np.ones(of_row.shape, np.bool_)
    closes[:, :-1] = leads[:, 1:]
    through = np.cumsum(work, axis=1)
    ends = np.minimum.accumulate(np.where(closes, np.arange(rows), rows)[:, ::-1], axis=1)[:, ::-1]
    later = np.take_along_axis(through, ends, axis=1) - through
    step = np.broadcast_to(np.arange(count)[:, None], of_row.shape)
    place = step * len(items.key) + of_row

    def spread(amount: Real, kept: NDArray[np.bool_] | None = None) -> Real:
        """Return (T, n): amounts of output rows at their items."""
        at, values = (place, amount) if kept is None else (place[kept], amount[kept])
        summed = np.bincount(at.ravel(), values.ravel(), count * len(items.key)).reshape(count, -1)
        return np.asarray(summed, np.float64)

    fire_riscv, held, closing = items.fire_riscv[steps], items.held[steps], items.closing
    units = np.stack(
        [
            items.riscv[steps] + spread(fire_riscv),
            items.lanes[steps] + spread(items.fire_lanes[steps]),
            spread(held),
        ]
    )
    send = spread(items.sends[steps], closes)
    tails = np.stack(
        [
            items.last_packet[steps] + spread((fire_riscv - closing) * items.at_end + closing + later, leads),
            spread(items.fire_lanes[steps] / items.width, closes),
            spread(held * items.at_end + later, leads),
        ]
    )
    return Load(of_row, leads, later, units, tails, send, send + spread(items.made[steps], closes))


def row_keys(work: Work) -> list[Real]:
    """Return for each layer (output rows,): the share of a step's input rows that a row waits for."""
    design = work.design
    keys: list[Real] = []
    for number, layer in enumerate(design.network.layers):
        rows = layer.out_shape[1]
        if layer.is_input:
            keys.append(np.arange(1, rows + 1) / rows)
            continue
        key = np.zeros(rows)
        for part_number in design.parts_of[number]:
            part = design.mapping.parts[part_number]
            for inlet in (design.inlets[n] for n in design.inlets_of[part_number]):
                if inlet.link.delay:
                    continue
                last = work.axes[inlet.number][0].last
                if design.timing.order == "conventional":
                    last = np.full_like(last, last.max(initial=-1))
                span = slice(*part.rows)
                key[span] = np.maximum(key[span], np.append(keys[inlet.link.source], 0.0)[last])
        keys.append(np.maximum.accumulate(key))
    return keys


def part_items(work: Work, number: int, keys: list[Real]) -> PartItems:
    """Return the items of a part."""
    output, timing = work.outputs[number], work.design.timing
    inlet, row, key = _sequence(work, number, keys)
    of_row, share, at_end = _triggers(work, number, inlet, row)
    steps, rows = output.riscv.shape
    riscv, lanes, last_packet = np.zeros((3, steps, len(inlet)))
    remote, flits = np.zeros(len(inlet), np.bool_), np.zeros((steps, len(inlet)), np.int64)
    for which in np.unique(inlet):
        mine = inlet == which
        own = row[mine]
        if which == REPLAY:
            riscv[:, mine] = output.replay[:, own]
        elif which != START:
            intake = work.intakes[which]
            remote[mine], flits[:, mine] = _is_remote(work, which), intake.flits[:, own]
            cycles = np.maximum(intake.riscv, intake.flits)[:, own]
            riscv[:, mine], lanes[:, mine] = _coupled(work, cycles, intake.lanes[:, own], intake.tasks[:, own])
            last_packet[:, mine] = cycles / np.maximum(1, intake.arrivals[:, own])
    fire_riscv = output.riscv + _credit_cycles(work, number)[:, None] / rows
    fire_riscv, fire_lanes = _coupled(work, fire_riscv, output.lanes.astype(np.float64), output.tasks)
    width = output.values.shape[2]
    sends = output.sends + output.closing
    rate = timing.evgen_rate if timing.event_generator else 1 << 30
    made = 1 + np.ceil(output.burst / rate)
    held = held_cycles(work, number)
    return PartItems(
        key, inlet, row, remote, flits, riscv, lanes, last_packet, fire_riscv, fire_lanes, held, output.closing, sends, made,
        of_row, share, at_end / width, width,
    )  # fmt: skip


def _is_remote(work: Work, number: int) -> bool:
    """Return whether an inlet has a producer on another core, or the host."""
    inlet = work.design.inlets[number]
    reach = work.reach[inlet.link.source, inlet.link.delay]
    return bool((reach.core != work.design.mapping.parts[inlet.part].core).any())


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


def _coupled(work: Work, riscv: NDArray[np.generic], lanes: NDArray[np.generic], tasks: Index) -> tuple[Real, Real]:
    """Return the cycles that work occupies RISC-V and loop controller, which can drift apart by a Task FIFO at most."""
    control, compute = np.asarray(riscv, np.float64), np.asarray(lanes, np.float64)
    if work.design.timing.inline:
        return control, compute
    held = np.minimum(1.0, work.design.timing.task_fifo / np.maximum(1, tasks))
    excess = (compute - control) * (1.0 - held)
    return control + np.maximum(0.0, excess), compute + np.maximum(0.0, -excess)


def _credit_cycles(work: Work, number: int) -> Real:
    """Return (T,) RISC-V cycles of the credits that a part sends and of those that it gets, as a share of its core."""
    token = max(1, work.design.timing.rv_token)
    core = work.design.mapping.parts[number].core
    neighbours = sum(part.core == core for part in work.design.mapping.parts)
    sent = np.zeros(work.design.steps, np.int64)
    for inlet in work.design.inlets_of[number]:
        sent += work.credits[inlet].number.sum(axis=0) * (token + 1)
    return np.asarray(sent + work.credit_riscv[:, core] / neighbours)


def _sequence(work: Work, number: int, keys: list[Real]) -> tuple[Index, Index, Real]:
    """Return (inlet, row, key) of the items of a part, by key."""
    design = work.design
    part = design.mapping.parts[number]
    inlets, rows, due = [np.array([START])], [np.array([0])], [np.array([-1.0])]
    if (part.layer, 1) in work.reach:
        height = part.rows[1] - part.rows[0]
        inlets.append(np.full(height, REPLAY))
        rows.append(np.arange(height))
        due.append(np.full(height, _replay_key(design, part.layer, keys)))
    for inlet in (design.inlets[n] for n in design.inlets_of[number]):
        source = inlet.link.source
        row = np.flatnonzero(work.reach[source, inlet.link.delay].tokens[inlet.number])
        inlets.append(np.full(len(row), inlet.number))
        rows.append(row)
        replayed = inlet.link.delay
        due.append(np.full(len(row), _replay_key(design, source, keys)) if replayed else keys[source][row])
    inlet_of, row_of, key = np.concatenate(inlets), np.concatenate(rows), np.concatenate(due)
    order = np.argsort(key, kind="stable")
    return inlet_of[order], row_of[order], key[order]


def _replay_key(design: Design, layer: int, keys: list[Real]) -> float:
    """Return the share of a step's input after which a layer replays: none, or what makes the first packet reach it."""
    if is_early(design, layer):
        return 0.0
    sources = [edge.source for edge in design.network.layers[layer].edges if not edge.delay]
    return min(float(keys[source][0]) for source in sources)


def is_early(design: Design, layer: int) -> bool:
    """Return whether the replays of a layer need not wait for the first input of the step (`engine/timing.md` 8)."""
    edges = design.network.layers[layer].edges
    earlier = design.network.layers[:layer]
    back = any(edge.delay and edge.source == layer for other in earlier for edge in other.edges)
    return design.timing.early_replay or back or all(edge.delay for edge in edges)


def _triggers(work: Work, number: int, inlet_of: Index, row_of: Index) -> tuple[Index, float, float]:
    """Return (item that makes each output row ready, share of an input row before its first output, outputs left at its end)."""
    design, part = work.design, work.design.mapping.parts[number]
    of_row = np.zeros(part.rows[1] - part.rows[0], np.int64)
    share, at_end = 0.0, 1.0
    whole = design.timing.order == "conventional"
    for inlet in (design.inlets[n] for n in design.inlets_of[number]):
        rows, columns = work.axes[inlet.number]
        mine = np.flatnonzero(inlet_of == inlet.number)
        last = np.full_like(rows.last, rows.last.max(initial=-1)) if whole else rows.last
        if len(mine):
            at = np.searchsorted(row_of[mine], last, side="right") - 1
            of_row = np.maximum(of_row, np.where(at >= 0, mine[at], 0))
        if not inlet.link.delay:
            wide = columns.last.max()
            share = max(share, 1.0 if whole else (int(columns.last[0]) + 1) / len(columns.count))
            at_end = max(at_end, float(len(columns.last) if whole else (columns.last == wide).sum()))
    return np.maximum.accumulate(of_row), share, at_end

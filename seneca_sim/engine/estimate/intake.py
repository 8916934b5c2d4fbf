"""Integration work of an inlet, by step and input row: closed sums over what its source sends (`engine/timing.md` 5.4 and 6).

What a packet costs is a product of how many rows and columns it touches and of how many groups it makes, so sums over packets are
products of three tables: rows touched, packets (or groups, values) per position, columns touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.costs import EdgeCosts
from seneca_sim.engine.counts import INLET_COUNTERS
from seneca_sim.engine.estimate.design import Design, Inlet
from seneca_sim.engine.estimate.gathering import Work, gathered
from seneca_sim.engine.estimate.groups import Groups, gathers, groups_of, is_grouped, is_one_position, round_channels
from seneca_sim.engine.estimate.masked import masked
from seneca_sim.engine.estimate.outline import InletAxis
from seneca_sim.engine.estimate.packets import Packets
from seneca_sim.engine.fast.masks import chunk_bits

__all__ = ["Intake", "Source", "intake_of"]

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class Source:
    """What arrives through the edges of a layer, with sums that several inlets share."""

    packets: Packets
    channel: NDArray[np.int32]
    """Channels of all values of the layer."""
    sums: dict[tuple[object, ...], Index] = field(default_factory=dict)
    groups: dict[tuple[object, ...], Groups] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Intake:
    """Work of an inlet; T steps, H rows of the source."""

    counts: Index
    """(T, len(INLET_COUNTERS)), without credits."""
    riscv: Index
    """(T, H) cycles of decoding and flushing."""
    lanes: Index
    """(T, H) cycles of integrate tasks on the loop controller."""
    flits: Index
    """(T, H) flits of the packets and tokens that arrive."""
    arrivals: Index
    """(T, H) packets and tokens that arrive."""
    tasks: Index
    """(T, H) integrate tasks."""
    touched: Flags | None
    """(T, output rows, output columns) outputs whose windows were touched; None where nothing depends on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums over the packets of each (step, row) of a source; every one is (T, H)."""

    packets: Index
    values: Index
    flits: Index
    useful: Index
    """Packets with a value that reaches the part."""
    kept: Index
    """Values that do."""
    positions: Index
    """Positions touched, once for each useful packet."""
    scopes: Index
    """Task scopes (positions, rows or pixels touched), once for each useful packet."""
    jobs: Index
    """Task scopes x groups."""
    rounds: Index
    """Positions x groups."""
    chunk_rounds: Index
    """Positions x groups x chunks."""
    sops: Index


def intake_of(
    design: Design, inlet: Inlet, source: Source, axes: tuple[InletAxis, InletAxis], tokens: Index, watched: bool
) -> Intake:
    """Return the work of an inlet; `watched`: whether the part must know which of its outputs were touched."""
    timing = design.timing
    groups = _groups(design, inlet, source)
    sums = _sums(design, inlet, source, groups, axes)
    work, neurons = _work(design, inlet, source, sums, axes)
    tasks, rounds, chunks, sops, tests, riscv, lanes = work
    received = np.broadcast_to(tokens * axes[0].reached, riscv.shape)
    riscv = riscv + received * max(1, timing.rv_token)
    if timing.inline:
        lanes = np.zeros_like(lanes)
    totals = {
        "packets": sums.packets,
        "values": sums.values,
        "dropped_values": sums.values - sums.kept,
        "tokens": received,
        "tasks": tasks,
        "rounds": rounds,
        "chunks": chunks,
        "sops": sops,
        "skip_tests": tests,
        "rv_cycles": riscv,
        "lc_cycles": lanes,
    }
    zero = np.zeros(design.steps, np.int64)
    counts = np.stack([totals[name].sum(axis=1) if name in totals else zero for name in INLET_COUNTERS], axis=1)
    touched = _touched(design, inlet, source, groups, axes, chunks, neurons) if watched else None
    return Intake(counts, riscv, lanes, sums.flits + received, sums.packets + received, tasks, touched)


def _skips(design: Design, inlet: Inlet) -> bool:
    """Return whether an inlet skips chunks whose weights are all masked."""
    return design.timing.masked == "chunk_skip" and inlet.link.mask is not None


def _work(
    design: Design, inlet: Inlet, source: Source, sums: Sums, axes: tuple[InletAxis, InletAxis]
) -> tuple[Work, Flags | None]:
    """Return the tasks of an inlet and their cycles and, of masked ones, the neurons that had a chunk executed."""
    costs, part = design.costs.edges[inlet.edge], design.mapping.parts[inlet.part]
    bits = chunk_bits(inlet.link, part.channels, costs.neurons_per_chunk) if _skips(design, inlet) else None
    if gathers(inlet.link, design.timing.group_scope):
        return gathered(design, inlet, source.packets, source.channel, bits), None
    if bits is not None:
        return masked(design, inlet, source.packets, source.channel, axes, bits)
    lanes = lanes_of(design, costs, sums.jobs, sums.chunk_rounds)
    riscv = _riscv(design, is_one_position(inlet.link), sums, lanes)
    return (sums.jobs, sums.rounds, sums.chunk_rounds, sums.sops, np.zeros_like(sums.rounds), riscv, lanes), None


def _touched(
    design: Design,
    inlet: Inlet,
    source: Source,
    groups: Groups,
    axes: tuple[InletAxis, InletAxis],
    chunks: Index,
    neurons: Flags | None,
) -> Flags:
    """Return (T, output rows, output columns): outputs for whose windows a chunk was executed."""
    rows, columns = axes
    if inlet.link.broadcast:  # what it adds is for all positions, none is touched by it
        return np.zeros((design.steps, len(rows.windows), len(columns.windows)), np.bool_)
    if neurons is not None:
        return _seen(neurons, rows.windows, columns.windows)
    if gathers(inlet.link, design.timing.group_scope) and _skips(design, inlet):
        return np.asarray((chunks > 0).any(axis=1))[:, None, None]
    useful = source.packets.grid(groups.useful.astype(np.int64))
    return _seen(useful, rows.feeds, columns.feeds)


def _groups(design: Design, inlet: Inlet, source: Source) -> Groups:
    """Return the groups that each packet makes at an inlet, shared by inlets with the same channels."""
    part = design.mapping.parts[inlet.part]
    costs = design.costs.edges[inlet.edge]
    channels = part.channels if is_grouped(inlet.link) else (0, part.channels[1] - part.channels[0])
    key = (inlet.edge, channels)
    if key not in source.groups:
        source.groups[key] = groups_of(
            inlet.link, part.channels, costs.neurons_per_chunk, design.timing.group_size, source.packets, source.channel
        )
    return source.groups[key]


@dataclass(frozen=True, slots=True)
class _Summer:
    """Sums of amounts of packets over what they touch of an inlet, shared by inlets with the same columns."""

    source: Source
    edge: int
    columns: tuple[int, int]
    special: tuple[int, int] | None
    """Channels of the part where amounts depend on them."""
    across: dict[str, Index]
    """Columns reached, or neurons touched in each."""

    def __call__(self, name: str, amount: Index | None, wide: str, tall: Index, own: bool = True) -> Index:
        """Return tall[y] x the sum over x of wide[x] x the amounts at (y, x); `own`: they are amounts of this inlet alone."""
        shared = (self.edge, self.special) if own else ()
        key = (name, wide, self.edge, self.columns, *shared)
        sums = self.source.sums
        if key not in sums:
            grid = (name, *shared)
            if grid not in sums:
                sums[grid] = self.source.packets.grid(amount)
            sums[key] = sums[grid] @ self.across[wide]
        return sums[key] * tall


def _sums(design: Design, inlet: Inlet, source: Source, groups: Groups, axes: tuple[InletAxis, InletAxis]) -> Sums:
    """Return the sums over the packets that reach an inlet."""
    part, packets, (rows, columns) = design.mapping.parts[inlet.part], source.packets, axes
    special = part.channels if is_grouped(inlet.link) else None
    across = {"reach": columns.reached.astype(np.int64), "count": columns.count}
    total = _Summer(source, inlet.edge, part.columns, special, across)
    reach_y = rows.reached.astype(np.int64)
    scope = {"position": ("count", rows.count), "row": ("reach", rows.count), "pixel": ("reach", reach_y)}
    wide, tall = scope[design.timing.task_scope]
    useful = groups.useful.astype(np.int64) if special else None
    rounds = total("groups", groups.number, "count", rows.count)
    values = total("values", packets.count, "reach", reach_y, False)
    if special is None:
        width = round_channels(inlet.link, part.channels)
        kept, chunks = values, rounds * -(-width // design.costs.edges[inlet.edge].neurons_per_chunk)
        sops = total("values", packets.count, "count", rows.count, False) * width
    else:
        kept = total("kept", groups.kept, "reach", reach_y)
        chunks, sops = (
            total(name, amount, "count", rows.count)
            for name, amount in (("chunks", groups.chunks), ("sops", groups.sops))
        )
    return Sums(
        packets=total("packets", None, "reach", reach_y, False),
        values=values,
        flits=total("flits", packets.flits, "reach", reach_y, False),
        useful=total("useful", useful, "reach", reach_y, special is not None),
        kept=kept,
        positions=total("useful", useful, "count", rows.count, special is not None),
        scopes=total("useful", useful, wide, tall, special is not None),
        jobs=total("groups", groups.number, wide, tall),
        rounds=rounds,
        chunk_rounds=chunks,
        sops=sops,
    )


def lanes_of(design: Design, costs: EdgeCosts, tasks: Index, chunks: Index) -> Index:
    """Return the loop-controller cycles of tasks with some chunks in all."""
    chunk = costs.chunk_cycles + design.timing.lc_chunk
    return tasks * max(design.timing.lc_task, int(chunk == 0)) + chunks * chunk


def _riscv(design: Design, one_position: bool, sums: Sums, lanes: Index) -> Index:
    """Return the cycles of all decode jobs; every job lasts at least one cycle."""
    timing = design.timing
    head = timing.rv_packet * sums.packets + timing.rv_value * sums.values
    place = 0 if one_position else timing.rv_position
    useless = sums.packets - sums.useful
    if timing.rv_packet + timing.rv_value == 0:
        head = head + useless
    if timing.inline:
        return head + place * sums.positions + lanes
    cycles = head + place * sums.positions + (sums.jobs - sums.scopes)
    if place == 0:
        cycles = cycles + sums.scopes - sums.useful
        if timing.rv_packet + timing.rv_value == 0:
            cycles = cycles + sums.useful
    return cycles


def _seen(active: NDArray[np.generic], rows: Flags, columns: Flags) -> Flags:
    """Return (T, output rows, output columns): whether an active position feeds an output."""
    maps = (active > 0).astype(np.float32)  # type: ignore[operator]
    return np.asarray(rows.astype(np.float32) @ maps @ columns.T.astype(np.float32) > 0)

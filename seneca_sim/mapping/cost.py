"""Estimated load of a part [cycles per time step]: what the automatic mapper balances.

A part's load is that of its busier unit, loop controller or RISC-V (their sum in builds without a loop controller), from the
counts of `engine/timing.md`: rounds and chunks of integration, firing, packets decoded and sent. Values come from an activity
trace (mean over its steps) or, without one, from a dense map in which every neuron sends. Waiting, contention and the filling
of the pipeline are left out: it compares splits, it does not predict latency.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import Chip
from seneca_sim.chip.number_types import bits_of
from seneca_sim.chip.programs import FirePrograms, fire_programs, integrate_program
from seneca_sim.chip.timing import Timing
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.mapping.firing import evaluate_rule, fire_options
from seneca_sim.mapping.geometry import Axis, AxisName, edge_axis, output_range, windows

__all__ = ["Cuts", "LayerCost", "Sent", "layer_cost", "packet_flits", "sent_values"]

Cuts = Map[int, tuple[int, ...]]
"""Per layer, the channels before which it is cut."""
Real = NDArray[np.floating[Any]]
Index = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """What a layer sends in a step: one entry per packet-making visit of a position by a producer, mean over steps."""

    row: Index
    column: Index
    values: Index
    weight: float
    """What one entry counts: 1 / steps, of a replay 1 / steps that have one."""


def sent_values(
    network: Network, number: int, trace: Trace | None, cuts: tuple[int, ...] = (), *, delay: int = 0
) -> Sent:
    """Return what a layer sends if its channels are cut before the channels `cuts` (each range makes packets of its own).

    With `delay`, what its replay sends: the values of the step before; a first step that has none does not count.
    """
    channels, rows, columns = network.layers[number].out_shape
    edges = (0, *cuts, channels)
    if trace is None:
        position = np.repeat(np.arange(rows * columns, dtype=np.int64), len(edges) - 1)
        return Sent(position // columns, position % columns, np.tile(np.ediff1d(edges), rows * columns), 1.0)
    steps = trace.sent(number, delay)
    position = steps.position.astype(np.int64)
    values: Index = np.ediff1d(steps.first_event)
    if cuts:
        visit = np.repeat(np.arange(len(position), dtype=np.int64), values) * (len(cuts) + 1)
        visit += np.searchsorted(np.asarray(cuts), steps.channel, side="right")
        counts = np.bincount(visit, minlength=1)
        visits = np.flatnonzero(counts)
        position, values = position[visits // (len(cuts) + 1)], counts[visits]
    return Sent(position // columns, position % columns, values.astype(np.int64), 1.0 / max(1, steps.n_steps))


def packet_flits(layer: Layer, chip: Chip, timing: Timing, values: Index) -> tuple[Index, Index]:
    """Return (packets, flits in them) of positions that send some values each (`engine/timing.md` 9)."""
    channel_bits = max(1, (layer.shape[0] - 1).bit_length())
    pairs = max(1, timing.flit_bits // (channel_bits + bits_of(chip, "event", layer.precision.event)))
    packets = -(-values // max(1, (timing.max_flits - timing.header_flits) * pairs))
    return packets, packets * timing.header_flits + -(-values // pairs)


@dataclass(frozen=True, eq=False)
class _Work:
    """Work that grows with a range of rows (or columns): the sum over [low[a], high[b]) of an amount, times a channel factor."""

    low: Index
    """(rows,) first row under a part that starts at output row a."""
    high: Index
    """(rows,) end of the rows under a part whose last output row is b."""
    prefix: Real
    """(rows under + 1,) cumulative amounts."""

    @cached_property
    def matrix(self) -> Real:
        """The work of the parts of output rows a..b at [a, b]."""
        return self.prefix[self.high][None, :] - self.prefix[self.low][:, None]

    def between(self, first: Index, last: Index) -> Real:
        """Return the work of the parts of output rows first..last."""
        return np.asarray(self.prefix[self.high[last]] - self.prefix[self.low[first]])


def _work(low: Index, high: Index, amount: Real) -> _Work:
    return _Work(low, high, np.concatenate([np.zeros(1), np.cumsum(amount)]))


@dataclass(frozen=True, slots=True, eq=False)
class _EdgeCost:
    """Integration through one edge, as if one channel chunk were addressed."""

    rounds: _Work
    """Cycles on the loop controller for one chunk per round."""
    tasks: _Work
    """Cycles on the loop controller whatever the channels."""
    decoding: tuple[_Work, ...]
    """Cycles of RISC-V, whatever the channels."""
    visits: Real
    """(neuron rows,) positions touched, once for each value-carrying position that touches them."""
    chunk: int
    """Channels of a chunk."""
    channels: int
    groups: int
    sums: int
    """Sums of each neuron that the edge feeds; a chunk holds channels of all of them."""

    def chunks(self, channels: int) -> float:
        """Return the chunks per round of a part with some channels; a part outside a convolution group has no round of it."""
        if self.groups == 1:
            return -(-channels * self.sums // self.chunk)
        of_group = self.channels / self.groups
        if channels < of_group:
            return -(-channels // self.chunk) / self.groups
        return channels / self.channels * -(-int(of_group) // self.chunk)


@dataclass(frozen=True, eq=False)
class LayerCost:
    """Loads of all parts that a layer can be cut into along one axis; words speak of rows, which columns may take the place of."""

    channels: int
    rows: int
    """Size of the output map along the axis."""
    chunk: int
    """Channels below which cutting on saves no time on the lanes."""
    inline: bool
    edges: tuple[_EdgeCost, ...]
    fire_chunks: _Work
    """Cycles on the loop controller for one chunk."""
    fire_tasks: _Work
    """Cycles on the loop controller whatever the channels."""
    fire_chunk: int
    firing: _Work
    """Cycles of RISC-V, whatever the channels."""
    sending: _Work
    """Cycles of RISC-V for all channels together."""
    tokens: float = 0.0
    """Cycles of RISC-V for the ends of rows, of every part that is a range of columns."""

    def lanes(self, channels: int) -> Real:
        """Return loop-controller cycles per step at [first row, last row] for parts with some channels."""
        load = self.fire_chunks.matrix * -(-channels // self.fire_chunk) + self._lanes_of_tasks
        for edge in self.edges:
            load += edge.rounds.matrix * edge.chunks(channels)
        return load

    def control(self, channels: int) -> Real:
        """Return RISC-V cycles per step, without the programs of builds that have no loop controller."""
        return self._control_of_rows + self.sending.matrix * (channels / self.channels) + self.tokens

    @cached_property
    def _lanes_of_tasks(self) -> Real:
        return sum((edge.tasks.matrix for edge in self.edges), start=self.fire_tasks.matrix)

    @cached_property
    def _control_of_rows(self) -> Real:
        return sum((work.matrix for edge in self.edges for work in edge.decoding), start=self.firing.matrix)

    def cycles(self, channels: int) -> Real:
        """Return the load at [first row, last row] for parts with some channels [cycles per step]."""
        lanes, control = self.lanes(channels), self.control(channels)
        return lanes + control if self.inline else np.maximum(lanes, control)

    def cycles_of(self, channels: int, first: Index, last: Index) -> Real:
        """Return the load of parts of rows first..last with some channels [cycles per step]; `cycles` for a few parts only."""
        fired = self.fire_chunks.between(first, last)
        lanes = fired * -(-channels // self.fire_chunk) + self.fire_tasks.between(first, last)
        control = self.firing.between(first, last) + self.sending.between(first, last) * (channels / self.channels)
        for edge in self.edges:
            lanes += edge.rounds.between(first, last) * edge.chunks(channels) + edge.tasks.between(first, last)
            for work in edge.decoding:
                control += work.between(first, last)
        control += self.tokens
        return lanes + control if self.inline else np.maximum(lanes, control)


def layer_cost(
    network: Network,
    chip: Chip,
    number: int,
    trace: Trace | None,
    cuts: Cuts | None = None,
    axis: AxisName = "rows",
) -> LayerCost:
    """Return the loads of a layer along an axis; `cuts` are the channels before which its source layers are cut, by layer."""
    layer, timing = network.layers[number], chip.timing()
    edges = tuple(
        _edge_cost(
            network,
            chip,
            layer,
            edge,
            sent_values(network, edge.source, trace, (cuts or {}).get(edge.source, ()), delay=edge.delay),
            axis,
        )
        for edge in layer.edges
    )
    programs = fire_programs(chip, *fire_options(network, layer), layer.precision, layer.pool is not None)
    along, across = (1, 2) if axis == "rows" else (2, 1)
    rows = np.arange(layer.out_shape[along], dtype=np.int64)
    fired = _fired_positions(network, layer, edges, axis)
    sent = sent_values(network, number, trace)
    packets, _ = packet_flits(layer, chip, timing, sent.values)
    cycles = packets * timing.rv_out_packet + sent.values * timing.rv_out
    sending = np.bincount(sent.row if axis == "rows" else sent.column, cycles, len(rows)) * sent.weight
    control = fired * timing.rv_fire + (layer.out_shape[across] - fired) * timing.rv_untouched
    tokens = 1
    if number in network.replayed:
        sending *= 2
        control += timing.rv_replay * layer.out_shape[across]
        tokens = 2
    received = sum(network.layers[edge.source].out_shape[1] for edge in layer.edges)
    if axis == "rows":
        control += tokens * timing.rv_token
    return LayerCost(
        channels=layer.shape[0],
        rows=len(rows),
        chunk=max([edge.chunk for edge in edges if edge.groups == 1] or [programs.update.neurons_per_chunk]),
        inline=timing.inline,
        edges=edges,
        fire_chunks=_work(rows, rows + 1, fired * _cycles_per_output(layer, programs, timing)),
        fire_tasks=_work(rows, rows + 1, fired * timing.lc_task),
        fire_chunk=programs.update.neurons_per_chunk,
        firing=_work(rows, rows + 1, control),
        sending=_work(rows, rows + 1, sending),
        tokens=0.0 if axis == "rows" else float(timing.rv_token * (tokens * layer.out_shape[1] + received)),
    )


def _cycles_per_output(layer: Layer, programs: FirePrograms, timing: Timing) -> float:
    """Return loop-controller cycles of one chunk of an output position: updates, window and emission."""
    neurons = layer.shape[1] * layer.shape[2] / (layer.out_shape[1] * layer.out_shape[2])
    cycles = neurons * (programs.update.cycles + timing.lc_chunk) + programs.emit.cycles + timing.lc_chunk
    if layer.pool is not None and programs.pool is not None:
        cycles += layer.pool.kernel[0] * layer.pool.kernel[1] * (programs.pool.cycles + timing.lc_chunk)
    return cycles


def _edge_cost(network: Network, chip: Chip, layer: Layer, edge: Edge, sent: Sent, axis: AxisName) -> _EdgeCost:
    """Return the integration costs of one edge."""
    timing, source = chip.timing(), network.layers[edge.source]
    rows, columns = (edge_axis(network, layer, edge, name) for name in (axis, "columns" if axis == "rows" else "rows"))
    sent_row, sent_column = (sent.row, sent.column) if axis == "rows" else (sent.column, sent.row)
    types = Precision(layer.precision.weight, layer.precision.state, source.precision.event)
    program = integrate_program(chip, types, timing.group_size, weighted=edge.weight is not None)
    groups = source.shape[0] if edge.kind == "add" else edge.groups
    touched = columns.touched((0, columns.neurons))[2][sent_column]
    rounds = np.maximum(-(-sent.values // timing.group_size), np.minimum(sent.values, groups if groups > 1 else 0))
    packets, _ = packet_flits(source, chip, timing, sent.values)

    def by_input_row(amount: NDArray[np.generic]) -> Real:
        return np.bincount(sent_row, amount, rows.inputs) * sent.weight

    first, last = windows(layer, output_range(layer, axis), axis)
    on_rows, end_rows = first, last + 1
    low, high = _input_bounds(rows, first, last)
    vector, once = edge.kind == "dense" or edge.broadcast, edge.broadcast
    touched = np.ones_like(touched) if once else touched
    gathers = timing.group_scope == "step" and (edge.kind == "dense" or (once and groups == 1))
    grouped = by_input_row(sent.values / timing.group_size if gathers else rounds * touched)
    per_chunk = program.cycles + timing.lc_chunk
    decode = by_input_row(packets * timing.rv_packet + sent.values * timing.rv_value)
    decode += timing.rv_token if axis == "rows" else 0
    positions = by_input_row(packets * touched * (0 if vector else timing.rv_position))
    in_rows = rounds if axis == "rows" else rounds * touched
    tasks = by_input_row({"position": rounds * touched, "row": in_rows, "pixel": rounds}[timing.task_scope])
    once_a_part = timing.task_scope == "pixel" or (timing.task_scope == "row" and axis == "columns")

    def on_neurons(amount: Real) -> _Work:
        """Return what each touch of a neuron row costs; of a broadcast edge, what each part does once."""
        return _work(low, high, amount) if once else _work(on_rows, end_rows, _on_neuron_rows(rows, amount))

    return _EdgeCost(
        rounds=on_neurons(grouped * per_chunk),
        tasks=(_work(low, high, tasks * timing.lc_task) if once_a_part else on_neurons(tasks * timing.lc_task)),
        decoding=(_work(low, high, decode), on_neurons(positions)),
        visits=np.zeros(rows.neurons) if once else _on_neuron_rows(rows, by_input_row(touched)),
        chunk=program.neurons_per_chunk,
        channels=layer.shape[0],
        groups=groups,
        sums=edge.sums,
    )


def _on_neuron_rows(axis: Axis, amount: Real) -> Real:
    """Return per neuron row the sum of an amount over the input rows that touch it, once for each touch."""
    acting = amount[: axis.sources * axis.pool].reshape(axis.sources, axis.pool).sum(axis=1)
    total = np.zeros(axis.neurons)
    for tap in range(axis.taps):
        source, real = axis.sources_of(np.arange(axis.neurons, dtype=np.int64), tap)
        total[real] += acting[source[real]]
    return total


def _input_bounds(axis: Axis, first: Index, last: Index) -> tuple[Index, Index]:
    """Return for each output row the first input row that it or a later row needs, and the end of those of it or earlier ones."""
    highest = axis.touched((0, axis.neurons))[1]
    needed_from = np.searchsorted(np.maximum.accumulate(highest), first, side="left")
    needed_to = np.maximum.accumulate(axis.last_tap((0, axis.neurons)))[last] + 1
    return np.minimum(needed_from, needed_to).astype(np.int64), needed_to


def _fired_positions(network: Network, layer: Layer, edges: tuple[_EdgeCost, ...], axis: AxisName) -> Real:
    """Return the output positions per row that run their neuron program: all, or at most those that a value touches."""
    rows, columns = layer.out_shape[1:] if axis == "rows" else layer.out_shape[:0:-1]
    if evaluate_rule(layer, bias_known=network.weights != "absent") == "always":
        return np.full(rows, float(columns))
    first, last = windows(layer, output_range(layer, axis), axis)
    visits = np.zeros(rows)
    for edge in edges:
        visits += np.diagonal(_work(first, last + 1, edge.visits).matrix)
    return np.minimum(visits, columns)

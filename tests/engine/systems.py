"""Small systems for the engine's tests: a network, its activity as literal events, a mapping, and costs."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, replace

import numpy as np

from seneca_sim.activity.trace import LayerTrace, Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs, EdgeCosts, LayerCosts
from seneca_sim.engine.counts import CORE_STATES, INLET_COUNTERS, PART_COUNTERS, Counts
from seneca_sim.engine.reference.system import Entry, System
from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.graph.neurons import Identity
from seneca_sim.mapping.types import Mapping, Part
from tests.engine.invariants import check_all

Event = tuple[int, int, int, int]
"""(step, row, column, channel)"""

CHEAP = Timing(task_fifo=2, event_fifo=2, lc_task=1, rv_packet=2, rv_out_packet=2)
"""Tight FIFOs and small costs, so that a walk stays short and every wait occurs."""
TASK = Costs((LayerCosts(update_cycles=2, emit_cycles=1),), (EdgeCosts(chunk_cycles=2),))


def conv(source: int, out: int = 1, inp: int = 1, kernel: int = 3, **fields: object) -> Edge:
    """Return a convolution edge of ones; "same" padding unless told otherwise."""
    fields = {"padding": (kernel // 2, kernel // 2)} | fields
    return Edge("conv", source, "conv", np.ones((out, inp, kernel, kernel), np.float32), **fields)  # type: ignore[arg-type]


def row_pair(source: int) -> Edge:
    """Return a convolution edge whose kernel is two neighbours in a row."""
    return Edge("pair", source, "conv", np.ones((1, 1, 1, 2), np.float32))


def layer_trace(shape: tuple[int, int, int], steps: int, events: list[Event]) -> LayerTrace:
    """Return the trace of binary events."""
    by_place: dict[tuple[int, int], list[int]] = {}
    for step, row, column, channel in sorted(events):
        by_place.setdefault((step, row * shape[2] + column), []).append(channel)
    starts = [sum(place[0] < step for place in by_place) for step in range(steps + 1)]
    counts = [0, *(len(channels) for channels in by_place.values())]
    return LayerTrace(
        step_start=np.array(starts, np.int64),
        position=np.array([place for _, place in by_place], np.int32),
        first_event=np.cumsum(counts, dtype=np.int64),
        channel=np.array([channel for channels in by_place.values() for channel in channels], np.int32),
        value=None,
        neuron_events=np.zeros(steps, np.int64),
        saturations=np.zeros(steps, np.int64),
    )


@dataclass(frozen=True)
class Case:
    """A system that can be run."""

    layers: tuple[Layer, ...]
    parts: tuple[Part, ...]
    events: Table[int, list[Event]]
    steps: int = 1
    timing: Timing = CHEAP
    mesh: tuple[int, int] = (1, 1)
    host_rows: tuple[int, ...] = (0,)
    costs: Costs | None = None

    def with_timing(self, **changes: object) -> Case:
        """Return the case with other timing parameters."""
        return replace(self, timing=replace(self.timing, **changes))  # type: ignore[arg-type]

    def inputs(self) -> tuple[Network, Mapping, Trace, Timing, Costs]:
        """Return what an engine needs."""
        columns, rows = self.mesh
        place = tuple((x, y) for y in range(rows) for x in range(columns))
        mapping = Mapping("case", self.parts, self.mesh, place, self.host_rows)
        traces = tuple(
            layer_trace(layer.out_shape, self.steps, self.events.get(index, []))
            for index, layer in enumerate(self.layers)
        )
        edges = sum(len(layer.edges) for layer in self.layers)
        trace = Trace(traces, "synthetic", np.zeros((self.steps, edges), np.int64))
        costs = self.costs or Costs(TASK.layers * len(self.layers), TASK.edges * edges)
        return Network("case", self.layers), mapping, trace, self.timing, costs

    def system(self, shuffle: int | None = None) -> System:
        """Return the system, ready to run."""
        return System(*self.inputs(), shuffle=shuffle)

    def run(self, shuffle: int | None = None) -> Counts:
        """Return the counts of a run."""
        return self.system(shuffle).run()

    def checked(self) -> Counts:
        """Return the counts of a run that keeps every invariant."""
        counts = self.run()
        check_all(*self.inputs(), counts)
        return counts


def walked(case: Case) -> tuple[Counts, dict[str, list[str]]]:
    """Return the counts and, for each unit, its journal as lines "start-end work"."""
    system = case.system()
    counts = system.run()
    lines: dict[str, list[str]] = {}
    for entry in system.entries:
        lines.setdefault(entry.unit, []).append(line(entry))
    return counts, lines


def line(entry: Entry) -> str:
    """Return a line of the journal."""
    return f"{entry.start}-{entry.end} {entry.work}"


def table(text: str) -> list[str]:
    """Return the lines of a table, without indentation and empty lines."""
    return [" ".join(row.split()) for row in text.splitlines() if row.strip()]


def states(counts: Counts, core: int) -> dict[str, int]:
    """Return the cycles of a core's states, without those that are zero."""
    return {name: int(cycles) for name, cycles in zip(CORE_STATES, counts.cores[core], strict=True) if cycles}


def part_counts(counts: Counts, step: int, part: int) -> dict[str, int]:
    """Return the counters of a part in a step, without those that are zero."""
    row = counts.parts[step, part]
    return {name: int(count) for name, count in zip(PART_COUNTERS, row, strict=True) if count}


def inlet_counts(counts: Counts, step: int, inlet: int) -> dict[str, int]:
    """Return the counters of an inlet in a step, without those that are zero."""
    row = counts.inlets[step, inlet]
    return {name: int(count) for name, count in zip(INLET_COUNTERS, row, strict=True) if count}


def source(rows: int, columns: int, channels: int = 1) -> Layer:
    """Return an input layer."""
    return Layer("in", None, (channels, rows, columns))


def layer(name: str, shape: tuple[int, int, int], *edges: Edge, **fields: object) -> Layer:
    """Return a layer that passes its sums on."""
    return Layer(name, Identity(), shape, edges, **fields)  # type: ignore[arg-type]

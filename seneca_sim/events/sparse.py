"""The sparse form of what a layer sends: active positions in raster order with their ascending channels, step by step.

Memory follows events, not maps. The same form serves recordings (sliced into time steps) and layers of neurons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LayerTrace", "dense_steps", "differences", "joined", "sparse_steps"]


@dataclass(frozen=True, slots=True, eq=False)
class LayerTrace:
    """Events of one layer over T steps: A active positions, E events (after fused max pooling).

    Step t owns positions ``step_start[t]:step_start[t+1]``; position k owns events ``first_event[k]:first_event[k+1]``.
    """

    step_start: NDArray[np.int64]
    """(T + 1,)"""
    position: NDArray[np.int32]
    """(A,) y * columns + x in the layer's `out_shape`, ascending within a step."""
    first_event: NDArray[np.int64]
    """(A + 1,)"""
    channel: NDArray[np.int32]
    """(E,) ascending within a position."""
    value: NDArray[np.float32] | NDArray[np.int32] | None
    """(E,) never zero; None where every value is 1 (spikes)."""
    neuron_events: NDArray[np.int64]
    """(T,) non-zero neurons before fused pooling."""
    saturations: NDArray[np.int64]
    """(T,) values that hit the end of their integer range."""

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return len(self.step_start) - 1

    @classmethod
    def silent(cls, n_steps: int) -> LayerTrace:
        """Return steps in which nothing is sent."""
        none, zeros = np.zeros(0, np.int32), np.zeros(n_steps, np.int64)
        return cls(np.zeros(n_steps + 1, np.int64), none, np.zeros(1, np.int64), none, None, zeros, zeros)

    def first(self, n_steps: int) -> LayerTrace:
        """Return the first steps, all if there are not more."""
        return self if n_steps >= self.n_steps else self._steps(0, n_steps)

    def repeated(self, times: int) -> LayerTrace:
        """Return each step so many times, one behind the other."""
        if times == 1:
            return self
        return joined([step for number in range(self.n_steps) for step in [self.step(number)] * times])

    def step(self, number: int) -> LayerTrace:
        """Return one step."""
        return self._steps(number, number + 1)

    def since(self, step: int) -> LayerTrace:
        """Return the steps from one on."""
        return self._steps(step, self.n_steps)

    def _steps(self, begin: int, end: int) -> LayerTrace:
        """Return some consecutive steps."""
        first, last = self.step_start[begin], self.step_start[end]
        low, high = self.first_event[first], self.first_event[last]
        return LayerTrace(
            self.step_start[begin : end + 1] - first,
            self.position[first:last],
            self.first_event[first : last + 1] - low,
            self.channel[low:high],
            None if self.value is None else self.value[low:high],
            self.neuron_events[begin:end],
            self.saturations[begin:end],
        )

    def cells(self, shape: tuple[int, int, int]) -> NDArray[np.int64]:
        """Return the (E,) cell numbers from which `sparse_steps` builds this trace for a map of `shape`."""
        channels, rows, columns = shape
        step = np.repeat(np.arange(self.n_steps, dtype=np.int64), np.diff(self.step_start))
        place = (step * (rows * columns) + self.position) * channels
        return (np.repeat(place, np.diff(self.first_event)) + self.channel).astype(np.int64, copy=False)


def sparse_steps(
    cell: NDArray[np.int64],
    value: NDArray[np.float32] | NDArray[np.int32] | None,
    n_steps: int,
    shape: tuple[int, int, int],
    saturations: NDArray[np.int64] | None = None,
) -> LayerTrace:
    """Build the sparse form from (E,) cell numbers ((step * rows + y) * columns + x) * channels + channel, ascending and unique.

    >>> trace = sparse_steps(np.array([0, 1, 7]), None, n_steps=2, shape=(2, 1, 2))
    >>> trace.step_start, trace.position, trace.first_event, trace.channel
    (array([0, 1, 2]), array([0, 1], dtype=int32), array([0, 2, 3]), array([0, 1, 1], dtype=int32))
    """
    channels, rows, columns = shape
    place, channel = np.divmod(cell, channels)
    first = np.flatnonzero(np.diff(place, prepend=-1))
    step, position = np.divmod(place[first], rows * columns)
    steps = np.arange(n_steps + 1)
    edges = np.searchsorted(cell, steps * rows * columns * channels)
    return LayerTrace(
        step_start=np.searchsorted(step, steps),
        position=position.astype(np.int32),
        first_event=np.append(first, len(cell)),
        channel=channel.astype(np.int32),
        value=value,
        neuron_events=np.diff(edges),
        saturations=np.zeros(n_steps, np.int64) if saturations is None else saturations,
    )


def dense_steps(trace: LayerTrace, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Spread the events over maps of (T, channels, rows, columns), zero where nothing was sent.

    >>> dense_steps(sparse_steps(np.array([0, 1, 7]), None, 2, (2, 1, 2)), (2, 1, 2)).reshape(2, 4).tolist()
    [[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """
    channels, rows, columns = shape
    maps = np.zeros((trace.n_steps, channels, rows * columns), np.float32)
    step = np.repeat(np.arange(trace.n_steps), np.diff(trace.step_start))
    events = np.diff(trace.first_event)
    value = 1.0 if trace.value is None else trace.value
    maps[np.repeat(step, events), trace.channel, np.repeat(trace.position, events)] = value
    return maps.reshape(trace.n_steps, channels, rows, columns)


def joined(traces: list[LayerTrace]) -> LayerTrace:
    """Return the steps of several traces of one layer, one behind the other.

    >>> joined([sparse_steps(np.array([0, 1]), None, 1, (2, 1, 2)), LayerTrace.silent(2)]).step_start
    array([0, 1, 1, 1])
    """
    if len(traces) == 1:
        return traces[0]
    values: list[Any] = [trace.value for trace in traces if trace.value is not None]
    return LayerTrace(
        _running([trace.step_start for trace in traces]),
        _chained([trace.position for trace in traces]),
        _running([trace.first_event for trace in traces]),
        _chained([trace.channel for trace in traces]),
        _chained(values) if values else None,
        np.concatenate([trace.neuron_events for trace in traces]),
        np.concatenate([trace.saturations for trace in traces]),
    )


def _chained(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Return arrays one behind the other; one beside empty ones is not copied."""
    filled = [array for array in arrays if len(array)]
    return filled[0] if len(filled) == 1 else np.concatenate(arrays)


def _running(starts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return indices that count on from list to list; each begins with 0 and ends with the number of its items."""
    parts, offset = [np.zeros(1, np.int64)], 0
    for start in starts:
        parts.append(start[1:] + offset)
        offset += int(start[-1])
    return np.concatenate(parts)


def differences(traces: Iterator[LayerTrace], shape: tuple[int, int, int]) -> Iterator[LayerTrace]:
    """Yield the changes from step to step of a map that is zero before the first; traces continue one another.

    >>> steps = sparse_steps(np.array([0, 1, 2, 5]), np.array([3, 1, 3, 2]), 3, (1, 1, 2))
    >>> dense_steps(next(differences(iter([steps]), (1, 1, 2))), (1, 1, 2)).reshape(3, 2).tolist()
    [[3.0, 1.0], [0.0, -1.0], [-3.0, 2.0]]
    """
    size = shape[0] * shape[1] * shape[2]
    ending, ended = np.zeros(0, np.int64), np.zeros(0, np.int32)
    for trace in traces:
        if not trace.n_steps:
            continue
        cell = trace.cells(shape)
        value = np.ones(len(cell), np.int32) if trace.value is None else trace.value
        cells = np.concatenate([cell, ending, cell + size])
        signed = np.concatenate([value, ended, -value])
        order = np.argsort(cells, kind="stable")
        cells, signed = cells[order], signed[order]
        first = np.flatnonzero(np.diff(cells, prepend=-1))
        change = np.add.reduceat(signed, first) if len(first) else signed
        cells = cells[first]
        inside = (cells < trace.n_steps * size) & (change != 0)
        after = cells >= trace.n_steps * size
        ending, ended = cells[after] - trace.n_steps * size, change[after]
        yield sparse_steps(cells[inside], change[inside], trace.n_steps, shape)

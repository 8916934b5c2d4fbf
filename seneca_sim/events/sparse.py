"""The sparse form of what a layer sends: active positions in raster order with their ascending channels, step by step.

Memory follows events, not maps. The same form serves recordings (sliced into time steps) and layers of neurons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LayerTrace", "dense_steps", "sparse_steps"]


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

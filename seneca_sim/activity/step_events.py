"""The events of one layer in one step, and arrays that grow by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.events.sparse import LayerTrace

__all__ = ["GrowingTrace", "StepEvents", "step_events"]


@dataclass(frozen=True, slots=True, eq=False)
class StepEvents:
    """Active positions in raster order with their ascending channels; fields as in `LayerTrace`, for one step."""

    position: NDArray[np.int32]
    first_event: NDArray[np.int64]
    channel: NDArray[np.int32]
    value: NDArray[np.float32] | NDArray[np.int32] | None

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.channel)


def step_events(trace: LayerTrace, step: int) -> StepEvents:
    """Return one step of a trace.

    >>> zeros = np.zeros(2, np.int64)
    >>> events = np.array([0, 2], np.int32)
    >>> trace = LayerTrace(np.array([0, 0, 1]), np.array([5], np.int32), np.array([0, 2]), events, None, zeros, zeros)
    >>> step_events(trace, 0).n_events, step_events(trace, 1).n_events
    (0, 2)
    """
    first, last = trace.step_start[step], trace.step_start[step + 1]
    bounds = trace.first_event[first : last + 1]
    events = slice(bounds[0], bounds[-1])
    value = None if trace.value is None else trace.value[events]
    return StepEvents(trace.position[first:last], bounds - bounds[0], trace.channel[events], value)


class _Growing:
    """An array that doubles its room when it is full."""

    def __init__(self, dtype: Any) -> None:
        self.room = np.empty(256, dtype)
        self.size = 0

    def extend(self, items: NDArray[Any]) -> None:
        """Append items."""
        size = self.size + len(items)
        if size > len(self.room):
            room = np.empty(max(size, 2 * len(self.room)), self.room.dtype)
            room[: self.size] = self.room[: self.size]
            self.room = room
        self.room[self.size : size] = items
        self.size = size

    def array(self) -> NDArray[Any]:
        """Return what was appended."""
        return self.room[: self.size].copy()


class GrowingTrace:
    """Collects the steps of one layer; memory follows events, not maps."""

    def __init__(self, value_type: type[np.float32] | type[np.int32] | None) -> None:
        self.step_start = [0]
        self.position = _Growing(np.int32)
        self.first_event = _Growing(np.int64)
        self.channel = _Growing(np.int32)
        self.value = None if value_type is None else _Growing(value_type)
        self.neuron_events: list[int] = []
        self.saturations: list[int] = []

    def append(self, events: StepEvents, neuron_events: int, saturations: int) -> None:
        """Append a step."""
        self.first_event.extend(events.first_event[:-1] + self.channel.size)
        self.position.extend(events.position)
        self.channel.extend(events.channel)
        if self.value is not None and events.value is not None:
            self.value.extend(events.value)
        self.step_start.append(self.position.size)
        self.neuron_events.append(neuron_events)
        self.saturations.append(saturations)

    def trace(self) -> LayerTrace:
        """Return what was collected."""
        return LayerTrace(
            step_start=np.array(self.step_start, np.int64),
            position=self.position.array(),
            first_event=np.append(self.first_event.array(), self.channel.size),
            channel=self.channel.array(),
            value=None if self.value is None else self.value.array(),
            neuron_events=np.array(self.neuron_events, np.int64),
            saturations=np.array(self.saturations, np.int64),
        )

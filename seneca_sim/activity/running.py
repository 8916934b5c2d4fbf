"""One layer of neurons while the network runs: sums, neurons, and a record of what they send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.connection import Connection
from seneca_sim.activity.delay_line import DelayLine
from seneca_sim.activity.float_neurons import FloatNeurons
from seneca_sim.activity.integer_neurons import IntegerNeurons
from seneca_sim.activity.number_types import arithmetic_of
from seneca_sim.activity.step_events import GrowingTrace, StepEvents
from seneca_sim.activity.sums import Sums
from seneca_sim.errors import ActivityError
from seneca_sim.graph.network import Layer, Network
from seneca_sim.kernels.maps import collect_events, count_events

__all__ = ["RunningLayer", "silence"]

Events = Sequence[StepEvents] | Mapping[int, StepEvents]


def silence() -> StepEvents:
    """Return a step without events."""
    return StepEvents(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int32), None)


class RunningLayer:
    """A layer of neurons while the network runs."""

    def __init__(self, network: Network, index: int, first_edge: int, steps: list[float | None], wraps: bool) -> None:
        layer = network.layers[index]
        self.where = f"{network.name}: {layer.name}"
        arithmetic = arithmetic_of(layer)
        edges = [
            Connection(edge, network.layers[edge.source], layer, first_edge + number, steps[edge.source])
            for number, edge in enumerate(layer.edges)
        ]
        self.edges = sorted(edges, key=lambda connection: connection.edge.delay)
        self.sums = Sums(layer, arithmetic, wraps)
        self.line = DelayLine(layer.delay, self.sums.shape, self.sums.dtype) if layer.delay else None
        self.neurons = (
            IntegerNeurons(layer, wraps) if arithmetic == "integer" else FloatNeurons(layer, arithmetic == "bf16")
        )
        self.layer = layer
        self.value_type = _value_type(layer, arithmetic == "integer")
        self.record = GrowingTrace(self.value_type)

    def gather(self, now: Events, before: Events, sops: NDArray[np.int64]) -> tuple[NDArray[Any], int]:
        """Return the sums that act in a step and how many numbers left their range; fill the SOPs of the edges.

        `now` and `before` hold the events of the sources in this step and the one before, by the numbers of the layers.
        """
        arrivals = []
        for connection in self.edges:
            edge = connection.edge
            events = connection.arriving(before[edge.source] if edge.delay else now[edge.source])
            sops[connection.number] = connection.sops(events)
            arrivals.append((connection, events))
        x, outside = self.sums.of(arrivals)
        if self.line is not None:
            x = self.line.passed(x, x)
        return x, outside

    def step(self, step: int, now: Events, before: Events, sops: NDArray[np.int64]) -> StepEvents:
        """Return the events of one step; fill the SOPs of the edges and record.

        A restart spares sums on their way and events that were sent: those of a recurrent edge still arrive.
        """
        x, outside = self.gather(now, before, sops)
        if _restarts(self.layer, step):
            self.neurons.restart()
        values, neuron_events, more = self.neurons.step(x)
        if self.value_type is None and np.any(values > 1):
            raise ActivityError(
                f"{self.where}: a value of step {step} is {values.max():g}, but its events are binary; set an event type that "
                "holds values"
            )
        events = _events(values, self.value_type)
        if events.value is not None and not np.isfinite(events.value).all():
            raise ActivityError(
                f"{self.where}: a value of step {step} is not a finite number; look for weights or inputs that are far too large"
            )
        self.record.append(events, neuron_events, outside + more)
        return events


def _restarts(layer: Layer, step: int) -> bool:
    """Return whether states return to their initial values before a step."""
    since = step - layer.reset_first
    return layer.reset_every > 0 and since >= 0 and since % layer.reset_every == 0


def _value_type(layer: Layer, integer: bool) -> type[np.float32] | type[np.int32] | None:
    """Return the type of a layer's event values; None where all are 1."""
    if layer.precision.event == "binary":
        return None
    spikes = hasattr(layer.neuron, "max_spikes")
    return np.int32 if integer or spikes else np.float32


def _events(values: NDArray[Any], value_type: type[np.float32] | type[np.int32] | None) -> StepEvents:
    """Return the events of a map of (positions, channels)."""
    n_positions, n_events = count_events(values)
    value: NDArray[Any] | None = None if value_type is None else np.empty(n_events, value_type)
    events = StepEvents(
        np.empty(n_positions, np.int32),
        np.empty(n_positions + 1, np.int64),
        np.empty(n_events, np.int32),
        value,
    )
    collect_events(values, events.position, events.first_event, events.channel, events.value)
    return events

"""Run a network once: step by step, layer by layer, in the numbers that each layer states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.checks import check_layer_trace
from seneca_sim.activity.connection import Connection
from seneca_sim.activity.delay_line import DelayLine
from seneca_sim.activity.float_neurons import FloatNeurons
from seneca_sim.activity.integer_neurons import IntegerNeurons
from seneca_sim.activity.number_types import Overflow, arithmetic_of, check_numbers, sent_steps
from seneca_sim.activity.scores import ClassScores
from seneca_sim.activity.step_events import GrowingTrace, StepEvents, step_events
from seneca_sim.activity.sums import Sums
from seneca_sim.activity.trace import LayerTrace, Trace
from seneca_sim.errors import ActivityError, RequestError
from seneca_sim.graph.network import Layer, Network
from seneca_sim.kernels.maps import collect_events, count_events

__all__ = ["run_steps"]

Advance = Callable[[int, int], None]


def run_steps(
    network: Network, inputs: Sequence[LayerTrace], progress: Advance | None, overflow: Overflow, description: str
) -> Trace:
    """Run a network on one trace per input layer; see `seneca_sim.activity.run_network`."""
    if overflow not in get_args(Overflow):
        raise RequestError(f"overflow must be one of {', '.join(get_args(Overflow))}, not {overflow!r}")
    if network.weights == "absent":
        raise ActivityError(
            f"{network.name}: the weights of this network are not public, so it cannot be run; draw them (weights=random), or "
            "give an activity file with its densities"
        )
    fed = _fed(network, inputs)
    n_steps = inputs[0].n_steps
    layers = _prepared(network, fed, overflow)
    sops = np.zeros((n_steps, sum(len(layer.edges) for layer in network.layers)), np.int64)
    scores = ClassScores(network)
    before: list[StepEvents] = [_silence()] * len(network.layers)
    for step in range(n_steps):
        now: list[StepEvents] = []
        for index, layer in enumerate(network.layers):
            if layer.is_input:
                now.append(step_events(fed[index], step))
            else:
                now.append(layers[index].step(step, now, before, sops[step]))
            if index == scores.index:
                scores.add(now[index])
        before = now
        if progress is not None:
            progress(step + 1, n_steps)
    traces = tuple(fed[index] if index in fed else layers[index].record.trace() for index in range(len(network.layers)))
    return Trace(traces, "simulated", sops, scores.scores(n_steps), description)


def _fed(network: Network, inputs: Sequence[LayerTrace]) -> dict[int, LayerTrace]:
    """Return the checked trace of each input layer by its index."""
    numbers = [index for index, layer in enumerate(network.layers) if layer.is_input]
    if len(inputs) != len(numbers):
        raise ActivityError(
            f"{network.name} has {len(numbers)} input layers, but {len(inputs)} inputs were given; give one for each"
        )
    n_steps = inputs[0].n_steps
    if n_steps < 1:
        raise ActivityError(f"{network.name}: the input has no time step; give at least one")
    fed = {}
    for index, trace in zip(numbers, inputs, strict=True):
        layer = network.layers[index]
        check_layer_trace(f"{network.name}: {layer.name}", trace, layer, n_steps)
        fed[index] = trace
    return fed


def _prepared(network: Network, fed: dict[int, LayerTrace], overflow: Overflow) -> dict[int, _Running]:
    """Return the layers of neurons, ready to run, by their index."""
    integer_inputs = {index: _holds_integers(trace) for index, trace in fed.items()}
    steps = sent_steps(network, integer_inputs)
    layers, number = {}, 0
    for index, layer in enumerate(network.layers):
        if not layer.is_input:
            check_numbers(network, index, steps)
            layers[index] = _Running(network, index, number, steps, wraps=overflow == "wrap")
        number += len(layer.edges)
    return layers


def _holds_integers(trace: LayerTrace) -> bool:
    """Return whether the values of an input are whole numbers of at most 32 bits."""
    value = trace.value
    return value is None or bool(np.all((value == np.rint(value)) & (np.abs(value.astype(np.float64)) < 2**31)))


def _silence() -> StepEvents:
    """Return a step without events."""
    return StepEvents(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int32), None)


class _Running:
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

    def step(self, step: int, now: list[StepEvents], before: list[StepEvents], sops: NDArray[np.int64]) -> StepEvents:
        """Return the events of one step; fill the SOPs of the edges and record.

        A restart spares sums on their way and events that were sent: those of a recurrent edge still arrive.
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

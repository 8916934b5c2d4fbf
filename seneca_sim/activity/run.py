"""Run a network once: step by step, layer by layer, in the numbers that each layer states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np

from seneca_sim.activity.checks import check_layer_trace
from seneca_sim.activity.number_types import Overflow, check_numbers, sent_steps
from seneca_sim.activity.running import RunningLayer, silence
from seneca_sim.activity.scores import ClassScores
from seneca_sim.activity.step_events import StepEvents, step_events
from seneca_sim.activity.trace import LayerTrace, Trace
from seneca_sim.errors import ActivityError, RequestError
from seneca_sim.graph.network import Network

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
            f"{network.name}: the weights of this network are not public, so it cannot be run; draw them (weights random:SEED), or "
            "give an activity file with its densities"
        )
    fed = _fed(network, inputs)
    n_steps = inputs[0].n_steps
    layers = _prepared(network, fed, overflow)
    sops = np.zeros((n_steps, sum(len(layer.edges) for layer in network.layers)), np.int64)
    scores = ClassScores(network)
    before: list[StepEvents] = [silence()] * len(network.layers)
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


def _prepared(network: Network, fed: dict[int, LayerTrace], overflow: Overflow) -> dict[int, RunningLayer]:
    """Return the layers of neurons, ready to run, by their index."""
    integer_inputs = {index: _holds_integers(trace) for index, trace in fed.items()}
    steps = sent_steps(network, integer_inputs)
    layers, number = {}, 0
    for index, layer in enumerate(network.layers):
        if not layer.is_input:
            check_numbers(network, index, steps)
            layers[index] = RunningLayer(network, index, number, steps, wraps=overflow == "wrap")
        number += len(layer.edges)
    return layers


def _holds_integers(trace: LayerTrace) -> bool:
    """Return whether the values of an input are whole numbers of at most 32 bits."""
    value = trace.value
    return value is None or bool(np.all((value == np.rint(value)) & (np.abs(value.astype(np.float64)) < 2**31)))

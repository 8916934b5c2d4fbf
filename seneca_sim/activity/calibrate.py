"""Random weights for networks whose own are not public, with thresholds calibrated to stated densities.

Layer by layer: weights are drawn (`drawn_weights`), scaled so that the sums that arrive anywhere have a root mean square of
one on a sample of the input, and one number of the neurons (`knobs`) is set so that the layer sends the stated share of
values. The next layer sees what this one then sends. Only the events of a layer are held while others may need them, and
weights are drawn one layer at a time. Recurrent edges from later layers are silent during calibration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.drawn_weights import draw_weights, scale_weights
from seneca_sim.activity.knobs import Knob, knob_of
from seneca_sim.activity.number_types import sent_steps
from seneca_sim.activity.running import RunningLayer, silence
from seneca_sim.activity.step_events import StepEvents, step_events
from seneca_sim.errors import ActivityError, RequestError
from seneca_sim.events.inputs import NetworkInput
from seneca_sim.events.sparse import LayerTrace
from seneca_sim.graph.network import Layer, Network
from seneca_sim.graph.neurons import is_cell
from seneca_sim.yaml_positions import did_you_mean

__all__ = ["DENSITY", "Calibration", "calibrate"]

DENSITY = 0.1
"""Share of values that layers send, unless another is stated: recordings through published networks send 2 % to 25 %."""
SAMPLE_STEPS = 8
"""Time steps of the sample: the consecutive ones with the most input events."""
_ROUNDS = 14
_CLOSE = 0.01
"""Bisection ends at this relative distance from the density."""
_SAMPLED_SUMS = 1 << 18
"""Sums of a step that a quantile is taken of."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A network with random weights, and what came of its calibration."""

    network: Network
    asked: Mapping[str, float]
    """Density by the name of each layer that was calibrated."""
    reached: Mapping[str, float]
    """Density by the name of each layer of neurons, on the sample."""


def calibrate(
    network: Network,
    inputs: NetworkInput | Sequence[LayerTrace],
    *,
    density: float = DENSITY,
    densities: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Calibration:
    """Draw the weights of a network and calibrate thresholds, biases and steps on an input; the same seed, the same network.

    Parameters
    ----------
    density
        Share of a layer's values (after fused pooling) that are sent per time step. Output layers are not calibrated,
        unless `densities` names them.
    densities
        Densities of single layers by name.

    >>> from seneca_sim.events.inputs import load_input
    >>> from seneca_sim.graph import load_network
    >>> network = load_network("firenet-ann", size="20x20")
    >>> found = calibrate(network, load_input(network, "digits"), density=0.2, seed=1)
    >>> found.asked["conv1"], round(found.reached["conv1"], 2)
    (0.2, 0.2)
    """
    layers = inputs.layers if isinstance(inputs, NetworkInput) else inputs
    stated = dict(densities or {})
    _check_request(network, layers, density, stated)
    sample = _Sample(network, layers)
    for index, layer in enumerate(network.layers):
        if not layer.is_input:
            wanted = stated.get(layer.name, None if layer.is_output else density)
            sample.calibrate(index, wanted, layer.name in stated, (seed, index))
    drawn = replace(sample.network, weights="random")
    reached = {layer.name: sample.density(index) for index, layer in enumerate(drawn.layers) if not layer.is_input}
    kept = tuple(text for text in network.assumptions if not text.startswith("weights "))
    sentence = _sentence(seed, sample, reached)
    return Calibration(replace(drawn, assumptions=(sentence, *kept)), sample.asked, reached)


def _check_request(network: Network, layers: Sequence[LayerTrace], density: float, stated: Mapping[str, float]) -> None:
    """Raise an error for densities that none can have and for inputs without events."""
    names = [layer.name for layer in network.layers if not layer.is_input]
    for name, value in {"density": density, **stated}.items():
        if name != "density" and name not in names:
            raise RequestError(f"densities: {network.name} has no layer {name!r} of neurons{did_you_mean(name, names)}")
        if not 0 < value <= 1:
            where = "density" if name == "density" else f"densities: {name}"
            raise RequestError(f"{where} must be above 0 and at most 1, not {value:g}")
    inputs = sum(layer.is_input for layer in network.layers)
    if len(layers) != inputs:
        raise ActivityError(
            f"{network.name} has {inputs} input layers, but {len(layers)} inputs were given; give one for each"
        )
    if not any(len(trace.channel) for trace in layers):
        raise ActivityError(
            f"{network.name}: the input has no event to calibrate on; give a recording with events, or more of its steps"
        )


def _sentence(seed: int, sample: _Sample, reached: Mapping[str, float]) -> str:
    """Return what was assumed about the weights and what came of it."""
    values = [reached[name] for name in sample.asked]
    targets = sorted(set(sample.asked.values()))
    if not values:
        return f"weights random: drawn with seed {seed}; nothing of this network could be calibrated"
    asked = f"{targets[0]:.3g}" if len(targets) == 1 else f"{targets[0]:.3g} to {targets[-1]:.3g}"
    return (
        f"weights random: drawn with seed {seed}, {len(values)} of {len(reached)} layers calibrated on {sample.steps} steps of the "
        f"input to densities of {asked}; reached {min(values):.3g} to {max(values):.3g}"
    )


class _Sample:
    """A network on the way to its calibration, with the events of its layers on some steps of the input."""

    def __init__(self, network: Network, inputs: Sequence[LayerTrace]) -> None:
        self.network = network
        self.asked: dict[str, float] = {}
        self.steps = min(SAMPLE_STEPS, inputs[0].n_steps)
        begin = _busiest(inputs, self.steps)
        self.events: dict[int, list[StepEvents]] = {}
        self.counts: dict[int, int] = {}
        fed = iter(inputs)
        for index, layer in enumerate(network.layers):
            if layer.is_input:
                trace = next(fed)
                self.events[index] = [step_events(trace, begin + step) for step in range(self.steps)]

    def density(self, index: int) -> float:
        """Return the share of values that a layer sent."""
        return self.counts[index] / (self.steps * float(np.prod(self.network.layers[index].out_shape)))

    def calibrate(self, index: int, wanted: float | None, asked: bool, seed: tuple[int, int]) -> None:
        """Draw the weights of a layer, scale them, and set its knob; keep what it sends."""
        layer = self.replaced(index, draw_weights(self.network.layers[index], seed))
        size = self.typical_sum(index)
        if size > 0:
            layer = self.replaced(index, scale_weights(layer, 1.0 / size, lambda edge: edge.delay == 0))
        knob = knob_of(layer, asked)
        if wanted is not None and knob is not None:
            self.asked[layer.name] = wanted
            self.turn(index, knob, wanted, size if size > 0 else 1.0)
        else:
            self.run(index)
        self.forget(index)

    def replaced(self, index: int, layer: Layer) -> Layer:
        """Put a layer into the network and return it."""
        layers = self.network.layers
        self.network = replace(self.network, layers=(*layers[:index], layer, *layers[index + 1 :]))
        return layer

    def turn(self, index: int, knob: Knob, wanted: float, size: float) -> None:
        """Set a knob so that the layer sends the wanted share, and run it."""
        if knob.stateless is not None and not any(edge.delay for edge in self.network.layers[index].edges):
            sums = knob.stateless(self.sums(index))
            self.replaced(index, knob.turned(max(float(np.quantile(sums, 1.0 - wanted)), 0.0)))
            self.run(index)
            return
        low, high = 1e-6 * size, 1e6 * size
        if not self._weights_are_scaled(index):
            low, high = 1e-6 * max(size, 1.0), 1e6 * max(size, 1.0)
        if is_cell(self.network.layers[index].neuron):
            low, high = 1e-6, 2.0
        best, least = np.sqrt(low * high), np.inf
        for _ in range(2 * _ROUNDS):
            value = float(np.sqrt(low * high))
            self.replaced(index, knob.turned(value))
            self.run(index)
            miss = self.density(index) - wanted
            if abs(miss) < least:
                best, least = value, abs(miss)
            if abs(miss) <= _CLOSE * wanted or high / low < 1.0 + 1e-6:
                break
            low, high = (value, high) if miss > 0 else (low, value)
        self.replaced(index, knob.turned(best))
        self.run(index)

    def _weights_are_scaled(self, index: int) -> bool:
        """Return whether sums have a root mean square of one."""
        return all(
            edge.scale is not None or edge.weight is None or edge.weight.dtype.kind == "f"
            for edge in self.network.layers[index].edges
        )

    def running(self, index: int) -> RunningLayer:
        """Return a layer ready to run on its own."""
        whole = {number: _is_whole(events) for number, events in self.events.items()}
        inputs = {
            number: whole.get(number, False) for number, layer in enumerate(self.network.layers) if layer.is_input
        }
        return RunningLayer(self.network, index, 0, sent_steps(self.network, inputs), wraps=False)

    def sources(self, index: int, step: int) -> dict[int, StepEvents]:
        """Return the events of the sources of a layer in one step; silence where they are not known."""
        known = {edge.source for edge in self.network.layers[index].edges}
        return {n: self.events[n][step] if n in self.events and step >= 0 else silence() for n in known}

    def run(self, index: int) -> None:
        """Run a layer over the sample and keep its events."""
        running, sops = self.running(index), self._no_sops(index)
        own: list[StepEvents] = []
        for step in range(self.steps):
            before = self.sources(index, step - 1) | {index: own[-1] if own else silence()}
            own.append(running.step(step, self.sources(index, step), before, sops))
        self.events[index] = own
        self.counts[index] = sum(events.n_events for events in own)

    def sums(self, index: int) -> NDArray[np.float64]:
        """Return a sample of the sums of a layer that no event of its own reaches."""
        running, sops = self.running(index), self._no_sops(index)
        rng = np.random.default_rng(index)
        parts = []
        for step in range(self.steps):
            x, _ = running.gather(self.sources(index, step), self.sources(index, step - 1), sops)
            flat = x.reshape(-1)
            chosen = flat if flat.size <= _SAMPLED_SUMS else flat[rng.integers(0, flat.size, _SAMPLED_SUMS)]
            parts.append(chosen.astype(np.float64))
        return np.concatenate(parts)

    def typical_sum(self, index: int) -> float:
        """Return the root mean square of the sums that are not zero."""
        sums = self.sums(index)
        sums = sums[sums != 0]
        return float(np.sqrt(np.mean(sums**2))) if len(sums) else 0.0

    def _no_sops(self, index: int) -> NDArray[np.int64]:
        """Return room for SOPs that nobody asks for."""
        return np.zeros(len(self.network.layers[index].edges), np.int64)

    def forget(self, index: int) -> None:
        """Let go of events that no later layer needs."""
        needed = {edge.source for layer in self.network.layers[index + 1 :] for edge in layer.edges}
        for number in [number for number in self.events if number not in needed]:
            del self.events[number]


def _busiest(inputs: Sequence[LayerTrace], steps: int) -> int:
    """Return the first of so many consecutive steps that have the most input events."""
    totals = np.concatenate([[0], np.cumsum(sum(trace.neuron_events for trace in inputs))])
    return int(np.argmax(totals[steps:] - totals[:-steps]))


def _is_whole(events: Sequence[StepEvents]) -> bool:
    """Return whether values are whole numbers."""
    return all(part.value is None or bool(np.all(part.value == np.rint(part.value))) for part in events)

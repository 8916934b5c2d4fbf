"""Neurons in integers of the state's width; what leaves is brought into the range of the event type."""

from __future__ import annotations

from typing import Any

import numpy as np

from seneca_sim.activity.firing import Map, Neurons
from seneca_sim.activity.number_types import integer_range, vector
from seneca_sim.graph.network import Layer
from seneca_sim.kernels.arithmetic import Limits
from seneca_sim.kernels.integer_neurons import (
    accumulate_integers,
    activate_integers,
    fire_integers,
    leak_integrate_integers,
    quantise_integers,
)
from seneca_sim.kernels.quantisers import encode_integers

__all__ = ["IntegerNeurons"]


class IntegerNeurons(Neurons):
    """Neurons in integers of the state's width; what leaves is brought into the range of the event type."""

    dtype = np.int64
    lowest = -(2**63)

    def __init__(self, layer: Layer, wraps: bool) -> None:
        self.limits = Limits(*integer_range(layer.precision.state), wraps)
        event = layer.precision.event
        low, high = integer_range(event if event.startswith("int") and event != "int64" else "int32")
        self.event_limits = Limits(low, high, wraps)
        super().__init__(layer)

    def number(self, name: str, value: Any, entries: int | None = None) -> Map:
        """Return a constant as one number per channel."""
        entries = entries or self.layer.shape[0]
        if value is None:
            return np.full(entries, self.lowest, np.int64)
        numbers = vector(value, entries)
        return numbers if name.startswith("decay") else numbers.astype(np.int64)

    def add(self, total: Map, addend: Map) -> int:
        """Add in place."""
        return int(accumulate_integers(total, addend, self.limits))

    def integrate(self, state: Map, x: Map, decay: Map, leak: Map, gain: Map) -> int:
        """Update ``state = decay (state - leak) + leak + gain x``."""
        return int(leak_integrate_integers(state, x, decay, leak, gain, self.limits))

    def activated(self, x: Map, floor: Map) -> Map:
        """Return x where it lies above the floor, else 0."""
        activate_integers(x, floor, self.y)
        return self.y

    def fire(self) -> int:
        """Fill `spikes` and reset the neurons that fired."""
        constants, neuron = self.constants, self.neuron
        subtract = neuron.reset == "subtract"
        thresholds = constants["threshold"], constants["v_reset"], constants["v_min"]
        return int(fire_integers(self.v, *thresholds, subtract, neuron.max_spikes, self.spikes, self.limits))

    def changes(self, a: Map) -> int:
        """Fill `change` with what sigma-delta neurons send."""
        neuron, deadband = self.neuron, self.neuron.mode == "deadband"
        states = self.sent, self.residue, self.constants["step"]
        return int(quantise_integers(a, *states, deadband, neuron.fraction_bits, self.event_limits, self.change))

    def encoded(self, x: Map, rounding: int) -> Map:
        """Return ``step q``, what quantisers make of x."""
        constants = self.constants
        encode_integers(x, constants["step"], constants["low"], constants["high"], rounding, self.y)
        return self.y

    def times(self, factor: Map, values: Map) -> Map:
        """Return a product; sums of it are brought into the range."""
        values *= factor
        return values

    def leaving(self, values: Map) -> tuple[Map, int]:
        """Return values as events carry them."""
        kept = np.zeros_like(values)
        outside = int(accumulate_integers(kept, values, self.event_limits))
        return kept.astype(np.int32), outside

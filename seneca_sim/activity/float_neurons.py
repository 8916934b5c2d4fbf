"""Neurons in float32, or in bf16 with every operation rounded."""

from __future__ import annotations

from typing import Any

import numpy as np

from seneca_sim.activity.firing import Map, Neurons
from seneca_sim.activity.number_types import integer_range, vector
from seneca_sim.graph.network import Layer
from seneca_sim.graph.neurons import (
    Activation,
    ContextThreshold,
    LstmCell,
    MguCell,
    MinimalCell,
    MultiThreshold,
    Product,
)
from seneca_sim.kernels.arithmetic import round_bfloats
from seneca_sim.kernels.cells import CellRule, gate_by_context, multiply, update_gated, update_lstm, update_minimal
from seneca_sim.kernels.functions import FUNCTIONS, apply_function
from seneca_sim.kernels.neurons import activate, fire, leak_integrate, quantise
from seneca_sim.kernels.quantisers import encode

__all__ = ["FloatNeurons"]

_RESETS = ("none", "subtract", "zero")


class FloatNeurons(Neurons):
    """Neurons in float32, or in bf16 (`rounded`)."""

    dtype = np.float32
    lowest = -np.inf

    def __init__(self, layer: Layer, rounded: bool) -> None:
        self.rounded = rounded
        event = layer.precision.event
        self.sends_rounded = event == "bf16" and not rounded
        self.most = np.float32(integer_range(event)[1] if event.startswith("int") else np.inf)
        super().__init__(layer)

    def number(self, name: str, value: Any, entries: int | None = None) -> Map:
        """Return a constant as one number per channel."""
        numbers = vector(self.lowest if value is None else value, entries or self.layer.shape[0]).astype(np.float32)
        if self.rounded:
            round_bfloats(numbers)
        return numbers

    def threshold_table(self, neuron: MultiThreshold) -> Map:
        """Return (channels, n) thresholds as the layer's numbers hold them, in float64."""
        numbers = super().threshold_table(neuron).astype(np.float32)
        if self.rounded:
            round_bfloats(numbers.reshape(-1))
        return numbers.astype(np.float64)

    def add(self, total: Map, addend: Map) -> int:
        """Add in place."""
        total += addend
        if self.rounded:
            round_bfloats(total.reshape(-1))
        return 0

    def integrate(self, state: Map, x: Map, decay: Map, leak: Map, gain: Map) -> int:
        """Update ``state = decay (state - leak) + leak + gain x``."""
        leak_integrate(state, x, decay, leak, gain, self.rounded)
        return 0

    def activated(self, x: Map, floor: Map) -> Map:
        """Return x where it lies above the floor, else 0."""
        activate(x, floor, self.y)
        return self.y

    def fire(self) -> int:
        """Fill `spikes` and reset the neurons that fired."""
        constants, neuron = self.constants, self.neuron
        subtract = neuron.reset == "subtract"
        thresholds = constants["threshold"], constants["v_reset"], constants["v_min"]
        fire(self.v, *thresholds, subtract, neuron.max_spikes, self.spikes, self.rounded)
        return 0

    def changes(self, a: Map) -> int:
        """Fill `change` with what sigma-delta neurons send."""
        deadband = self.neuron.mode == "deadband"
        states = self.sent, self.residue, self.constants["step"]
        return int(quantise(a, *states, deadband, self.most, self.change, self.rounded, self.sends_rounded))

    def encoded(self, x: Map, rounding: int) -> Map:
        """Return ``step q``, what quantisers make of x."""
        constants = self.constants
        encode(x, constants["step"], constants["low"], constants["high"], rounding, self.y, self.rounded)
        return self.y

    def times(self, factor: Map, values: Map) -> Map:
        """Return a product, rounded in bf16."""
        values *= factor
        if self.rounded:
            round_bfloats(values.reshape(-1))
        return values

    def float_response(self, x: Map) -> Map:
        """Return the values of functions, products, contexts and cells."""
        neuron, y, rounded = self.neuron, self.y, self.rounded
        match neuron:
            case Activation():
                apply_function(x, FUNCTIONS.index(neuron.function), self.constants["threshold"], y, rounded)
            case Product():
                multiply(x, FUNCTIONS.index(neuron.function), y, rounded)
            case ContextThreshold():
                gate_by_context(x, y)
            case _:
                self.update_cells(x)
        return y

    def update_cells(self, x: Map) -> None:
        """Update the inner states of cells, and fill `y` with what they send."""
        neuron = self.neuron
        threshold = self.constants["threshold"]
        activation = FUNCTIONS.index(getattr(neuron, "activation", "identity"))
        reset = _RESETS.index(getattr(neuron, "reset", "none"))
        rule = CellRule(FUNCTIONS.index(neuron.gate), activation, reset, self.rounded)
        match neuron:
            case LstmCell():
                update_lstm(x, threshold, self.v, self.y, rule)
            case MinimalCell():
                update_minimal(x, threshold, self.v, self.y, rule)
            case _:
                gates = (1, 2) if isinstance(neuron, MguCell) else (2, 3)
                update_gated(x, *gates, threshold, self.v, self.y, rule)

    def leaving(self, values: Map) -> tuple[Map, int]:
        """Return values as events carry them."""
        if self.sends_rounded:
            round_bfloats(values.reshape(-1))
        return values, 0

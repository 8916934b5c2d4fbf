"""What the neurons of a layer do with their sums: states, and the values that leave after fused pooling."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.number_types import integer_range, vector
from seneca_sim.graph.network import Layer
from seneca_sim.graph.neurons import CubaLif, Identity, If, Li, Lif, Relu, SigmaDelta, ThresholdRelu
from seneca_sim.kernels.arithmetic import Limits, round_bfloats
from seneca_sim.kernels.integer_neurons import (
    accumulate_integers,
    activate_integers,
    fire_integers,
    leak_integrate_integers,
    quantise_integers,
)
from seneca_sim.kernels.maps import max_pool
from seneca_sim.kernels.neurons import activate, fire, leak_integrate, quantise

__all__ = ["FloatNeurons", "IntegerNeurons", "Neurons"]

Map = NDArray[Any]
"""(positions, channels)"""


class Neurons:
    """The neurons of a layer with their states; subclasses say in which numbers. Maps are reused from call to call."""

    dtype: Any
    """float32 or int64."""
    lowest: float
    """The floor under which no number lies, and the `v_min` of neurons without one."""

    def __init__(self, layer: Layer) -> None:
        channels, rows, columns = layer.shape
        self.layer = layer
        neuron: Any = layer.neuron
        self.neuron = neuron
        numbers = {field.name: getattr(neuron, field.name) for field in fields(neuron)}
        self.constants = {name: self.number(name, item) for name, item in numbers.items() if not isinstance(item, str)}
        self.constants.setdefault("v_leak", self.number("v_leak", 0))
        self.bias = None if layer.bias is None else self.number("bias", layer.bias).reshape(1, channels)
        shape = (rows * columns, channels)
        out_shape = (layer.out_shape[1] * layer.out_shape[2], channels)
        self.v, self.current, self.y = (np.zeros(shape, self.dtype) for _ in range(3))
        self.spikes = np.zeros(shape, np.int32)
        self.pools = {np.dtype(kind): np.zeros(out_shape, kind) for kind in (self.dtype, np.int32) if layer.pool}
        if isinstance(self.neuron, SigmaDelta):
            self.sent, self.residue, self.change = (np.zeros(out_shape, self.dtype) for _ in range(3))
            if self.bias is not None:
                self.add(self.v, self.bias)

    def number(self, name: str, value: Any) -> Map:
        """Return a constant as one number per channel, in the type that kernels take; None is `lowest`."""
        raise NotImplementedError

    def add(self, total: Map, addend: Map) -> int:
        """Add in place; return how many sums left their range."""
        raise NotImplementedError

    def integrate(self, state: Map, x: Map, decay: Map, leak: Map, gain: Map) -> int:
        """Update ``state = decay (state - leak) + leak + gain x``; return how many numbers left their range."""
        raise NotImplementedError

    def activated(self, x: Map, floor: Map) -> Map:
        """Return x where it lies above the floor, else 0."""
        raise NotImplementedError

    def fire(self) -> int:
        """Fill `spikes` and reset the neurons that fired; return how many numbers left their range."""
        raise NotImplementedError

    def changes(self, a: Map) -> int:
        """Fill `change` with what sigma-delta neurons send; return how many values were cut."""
        raise NotImplementedError

    def leaving(self, values: Map) -> tuple[Map, int]:
        """Return values other than spikes as events carry them (float32 or int32), and how many were cut."""
        raise NotImplementedError

    def step(self, x: Map) -> tuple[Map, int, int]:
        """Return the values that leave, how many neurons sent before pooling, and how many numbers left their range.

        Sigma-delta neurons with fused pooling compare after it, so they count there.
        """
        if isinstance(self.neuron, SigmaDelta):
            outside = self.add(self.v, x)
            floor = self.number("floor", 0 if self.neuron.activation == "relu" else None)
            outside += self.changes(self.pooled(self.activated(self.v, floor)))
            values, cut = self.leaving(self.change)
            return values, int(np.count_nonzero(values)), outside + cut
        outside = 0 if self.bias is None else self.add(x, self.bias)
        values, more = self.respond(x)
        values, cut = self.cut_spikes() if values is self.spikes else self.leaving(values)
        return self.pooled(values), int(np.count_nonzero(values)), outside + more + cut

    def respond(self, x: Map) -> tuple[Map, int]:
        """Return the values of neurons other than sigma-delta, and how many numbers left their range."""
        constants = self.constants
        match self.neuron:
            case Identity() | Relu():
                return self.activated(x, self.number("floor", 0 if isinstance(self.neuron, Relu) else None)), 0
            case ThresholdRelu():
                return self.activated(x, constants["threshold"]), 0
            case CubaLif():
                no_leak = self.number("v_leak", 0)
                outside = self.integrate(self.current, x, constants["decay_syn"], no_leak, constants["w_in"])
                decay, x = constants["decay_mem"], self.current
            case If():
                outside, decay = 0, self.number("decay", 1)
            case Li() | Lif():
                outside, decay = 0, constants["decay"]
        outside += self.integrate(self.v, x, decay, constants["v_leak"], constants["r"])
        if isinstance(self.neuron, Li):
            self.y[:] = self.v
            return self.y, outside
        return self.spikes, outside + self.fire()

    def cut_spikes(self) -> tuple[Map, int]:
        """Return numbers of spikes, cut to the range of the event type, and how many were cut."""
        event = self.layer.precision.event
        high = integer_range(event)[1] if event.startswith("int") else 2**31 - 1
        cut = int(np.count_nonzero(self.spikes > high)) if self.neuron.max_spikes > high else 0
        if cut:
            np.minimum(self.spikes, high, out=self.spikes)
        return self.spikes, cut

    def pooled(self, values: Map) -> Map:
        """Return a map after fused max pooling; without one, the map itself."""
        pool = self.layer.pool
        if pool is None:
            return values
        out = self.pools[values.dtype]
        window = (*pool.kernel, *pool.stride, *pool.padding)
        max_pool(values, self.layer.shape[1], self.layer.shape[2], window, out, self.layer.out_shape[2])
        return out


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

    def number(self, name: str, value: Any) -> Map:
        """Return a constant as one number per channel."""
        numbers = vector(self.lowest if value is None else value, self.layer.shape[0]).astype(np.float32)
        if self.rounded:
            round_bfloats(numbers)
        return numbers

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

    def leaving(self, values: Map) -> tuple[Map, int]:
        """Return values as events carry them."""
        if self.sends_rounded:
            round_bfloats(values.reshape(-1))
        return values, 0


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

    def number(self, name: str, value: Any) -> Map:
        """Return a constant as one number per channel."""
        if value is None:
            return np.full(self.layer.shape[0], self.lowest, np.int64)
        numbers = vector(value, self.layer.shape[0])
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
        deadband = self.neuron.mode == "deadband"
        states = self.sent, self.residue, self.constants["step"]
        return int(quantise_integers(a, *states, deadband, self.event_limits, self.change))

    def leaving(self, values: Map) -> tuple[Map, int]:
        """Return values as events carry them."""
        kept = np.zeros_like(values)
        outside = int(accumulate_integers(kept, values, self.event_limits))
        return kept.astype(np.int32), outside

"""What the neurons of a layer do with their sums: states, and the values that leave after fused pooling."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.delay_line import DelayLine
from seneca_sim.activity.number_types import integer_range
from seneca_sim.graph.network import Layer
from seneca_sim.graph.neurons import (
    Clip,
    CubaLif,
    Delay,
    Identity,
    If,
    Li,
    Lif,
    MultiThreshold,
    Quantise,
    Relu,
    SigmaDelta,
    ThresholdRelu,
    is_cell,
    is_stateful,
)
from seneca_sim.kernels.maps import max_pool
from seneca_sim.kernels.quantisers import BIPOLAR, ROUNDINGS, count_thresholds

__all__ = ["Map", "Neurons"]

Map = NDArray[Any]
"""(positions, channels)"""
_PER_SUM = ("bias", "thresholds")


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
        self.constants = {
            name: self.number(name, item)
            for name, item in numbers.items()
            if not isinstance(item, str | bool) and name not in _PER_SUM
        }
        self.constants.setdefault("v_leak", self.number("v_leak", 0))
        sums = layer.sums
        self.bias = None if layer.bias is None else self.number("bias", layer.bias, sums * channels).reshape(1, -1)
        shape = (rows * columns, channels)
        out_shape = (layer.out_shape[1] * layer.out_shape[2], channels)
        lives_on = is_cell(neuron) or (is_stateful(neuron) and not isinstance(neuron, Delay))
        self.v = np.zeros(shape if lives_on else (0, 0), self.dtype)
        self.current = np.zeros(shape if isinstance(neuron, CubaLif) else (0, 0), self.dtype)
        self.y = np.zeros(shape, self.dtype)
        spiking = isinstance(neuron, If | Lif | CubaLif)
        self.spikes = np.zeros(shape if spiking else (0, 0), np.int32)
        self.pools = {np.dtype(kind): np.zeros(out_shape, kind) for kind in (self.dtype, np.int32) if layer.pool}
        self.line = DelayLine(neuron.steps, shape, self.dtype) if isinstance(neuron, Delay) else None
        self.late = np.zeros(shape, self.dtype) if getattr(neuron, "reset", "") == "subtract_late" else None
        """What the spikes of the step before still take from the membrane (negative)."""
        held = out_shape if isinstance(neuron, SigmaDelta) else (0, 0)
        self.sent, self.residue, self.change = (np.zeros(held, self.dtype) for _ in range(3))
        if isinstance(neuron, MultiThreshold):
            self.thresholds = self.threshold_table(neuron)
        self.restart()

    def restart(self) -> None:
        """Return all states to their initial values."""
        for state in (self.v, self.current, self.sent, self.residue):
            state[:] = 0
        if self.line is not None:
            self.line.restart()
        if self.late is not None:
            self.late[:] = 0
        if isinstance(self.neuron, SigmaDelta) and self.bias is not None:
            self.add(self.v, self.bias)

    def number(self, name: str, value: Any, entries: int | None = None) -> Map:
        """Return a constant as one number per channel, in the type that kernels take; None is `lowest`."""
        raise NotImplementedError

    def threshold_table(self, neuron: MultiThreshold) -> Map:
        """Return (channels, n) thresholds as the layer's numbers hold them, in float64."""
        channels = self.layer.shape[0]
        return np.ascontiguousarray(np.broadcast_to(neuron.thresholds, (channels, neuron.thresholds.shape[-1])))

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

    def encoded(self, x: Map, rounding: int) -> Map:
        """Return ``step q``, what quantisers make of x."""
        raise NotImplementedError

    def times(self, factor: Map, values: Map) -> Map:
        """Return a product in the layer's numbers, rounded where they are; it may be `values` itself."""
        raise NotImplementedError

    def float_response(self, x: Map) -> Map:
        """Return the values of neurons that never compute in integers."""
        raise NotImplementedError

    def leaving(self, values: Map) -> tuple[Map, int]:
        """Return values other than spikes as events carry them (float32 or int32), and how many were cut."""
        raise NotImplementedError

    def step(self, x: Map) -> tuple[Map, int, int]:
        """Return the values that leave, how many neurons sent before pooling, and how many numbers left their range.

        Sigma-delta neurons with fused pooling compare after it, so they count there.
        """
        if isinstance(self.neuron, SigmaDelta):
            outside = self.accumulate(x)
            floor = self.number("floor", 0 if self.neuron.activation == "relu" else None)
            outside += self.changes(self.pooled(self.activated(self.v, floor)))
            values, cut = self.leaving(self.change)
            return values, int(np.count_nonzero(values)), outside + cut
        outside = 0 if self.bias is None else self.add(x, self.bias)
        values, more = self.respond(x)
        values, cut = self.cut_spikes() if values is self.spikes else self.leaving(values)
        return self.pooled(values), int(np.count_nonzero(values)), outside + more + cut

    def accumulate(self, x: Map) -> int:
        """Update the X of sigma-delta neurons; return how many numbers left their range."""
        outside = 0
        if not self.neuron.accumulates:
            self.v[:] = 0
            outside = 0 if self.bias is None else self.add(self.v, self.bias)
        gain = self.constants["gain"]
        return outside + self.add(self.v, x if np.all(gain == 1) else self.times(gain, x))

    def respond(self, x: Map) -> tuple[Map, int]:
        """Return the values of neurons other than sigma-delta, and how many numbers left their range."""
        constants, neuron = self.constants, self.neuron
        match neuron:
            case Identity() | Relu():
                return self.activated(x, self.number("floor", 0 if isinstance(neuron, Relu) else None)), 0
            case ThresholdRelu():
                return self.activated(x, constants["threshold"]), 0
            case Clip():
                return np.minimum(np.maximum(x, constants["low"], out=self.y), constants["high"], out=self.y), 0
            case Quantise():
                return self.encoded(x, BIPOLAR if neuron.bipolar else ROUNDINGS.index(neuron.rounding)), 0
            case MultiThreshold():
                count_thresholds(x, self.thresholds, self.y)
                levels = self.times(constants["scale"], self.y)
                return levels, self.add(levels, constants["offset"].reshape(1, -1))
            case If() | Lif() | Li() | CubaLif():
                return self.membranes(x)
        if self.line is not None:
            return self.line.passed(x, self.y), 0
        return self.float_response(x), 0

    def membranes(self, x: Map) -> tuple[Map, int]:
        """Return the spikes (of `Li` the membranes) of leaky neurons, and how many numbers left their range."""
        outside, constants = 0, self.constants
        if isinstance(self.neuron, CubaLif):
            no_leak = self.number("v_leak", 0)
            outside += self.integrate(self.current, x, constants["decay_syn"], no_leak, constants["w_in"])
            decay, x = constants["decay_mem"], self.current
        else:
            decay = self.number("decay", 1) if isinstance(self.neuron, If) else constants["decay"]
        outside += self.integrate(self.v, x, decay, constants["v_leak"], constants["r"])
        if isinstance(self.neuron, Li):
            self.y[:] = self.v
            return self.y, outside
        if self.late is None:
            return self.spikes, outside + self.fire()
        return self.spikes, outside + self.fire_late(self.late)

    def fire_late(self, late: Map) -> int:
        """Fill `spikes`; subtract what those of the step before owe, and note what these do. Return what left its range."""
        outside = self.add(self.v, late)
        held = self.v.copy()
        outside += self.fire()
        np.maximum(held, self.constants["v_min"].reshape(1, -1), out=self.v)
        late[:] = -self.times(self.constants["threshold"].reshape(1, -1), self.spikes.astype(self.dtype))
        return outside

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

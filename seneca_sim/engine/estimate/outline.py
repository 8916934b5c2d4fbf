"""Where things touch, one axis at a time, as tables: the vectorised form of `engine/geometry.py`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.geometry import Axis, axis_of, fresh_of, windows_of
from seneca_sim.graph.network import Edge, Layer

__all__ = ["InletAxis", "PartAxis", "inlet_axis", "part_axis"]

Span = tuple[int, int]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class PartAxis:
    """The output rows (or columns) of a part and the neurons under them."""

    windows: tuple[Span, ...]
    """Neurons of each output's window."""
    neurons: Span
    """Hull of the windows."""
    fresh: Index
    """(outputs,) neurons of each window that no earlier window of the part holds."""
    sizes: Index
    """(outputs,) neurons of each window."""

    @property
    def low(self) -> Index:
        """(outputs,) first neuron of each window, from the part's first."""
        return np.array([begin for begin, _ in self.windows], dtype=np.int64) - self.neurons[0]


@dataclass(frozen=True, slots=True, eq=False)
class InletAxis:
    """The input rows (or columns) of an edge and what they touch in a part."""

    count: Index
    """(inputs,) neurons of the part that each input position touches; 1 for a broadcast edge, whose sum is kept once."""
    taps: Flags
    """(kernel, inputs): whether the position touches a neuron of the part through this tap."""
    neuron: Index
    """(kernel, inputs): that neuron, from the part's first."""
    highest: Index
    """(inputs,) highest neuron touched, from the part's first; -1 for none."""
    windows: Flags
    """(outputs, neurons): whether the window of an output holds a neuron of the part."""
    feeds: Flags
    """(outputs, inputs): whether the input touches a neuron of the output's window."""
    last: Index
    """(outputs,) last input that touches a window up to this output's; -1 for none."""

    @property
    def reached(self) -> Flags:
        """(inputs,): whether a position touches the part."""
        return self.count > 0


def part_axis(layer: Layer, axis: int, outputs: Span) -> PartAxis:
    """Return the rows (0) or columns (1) of a part that holds a range of a layer's outputs."""
    pool = layer.pool
    window = (1, 1, 0) if pool is None else (pool.kernel[axis], pool.stride[axis], pool.padding[axis])
    return _part_axis(tuple(windows_of(layer, axis, outputs)), window)


@lru_cache(maxsize=4096)
def _part_axis(windows: tuple[Span, ...], _window: tuple[int, int, int]) -> PartAxis:
    """Return the outputs with these windows."""
    neurons = windows[0][0], max(end for _, end in windows)
    sizes = np.array([end - begin for begin, end in windows], dtype=np.int64)
    return PartAxis(windows, neurons, np.array(fresh_of(list(windows)), dtype=np.int64), sizes)


def inlet_axis(edge: Edge, source: Layer, axis: int, part: PartAxis) -> InletAxis:
    """Return what the rows (0) or columns (1) of an edge's source touch in a part."""
    return _inlet_axis(axis_of(edge, source, axis), part.windows, part.neurons)


@lru_cache(maxsize=4096)
def _inlet_axis(axis: Axis, windows: tuple[Span, ...], neurons: Span) -> InletAxis:
    """Return what the positions of an axis touch; the same as `touched_of` and `last_touching`, as tables."""
    size = neurons[1] - neurons[0]
    neuron = np.arange(size, dtype=np.int64)
    bounds = np.array(windows, dtype=np.int64) - neurons[0]
    held = (neuron >= bounds[:, :1]) & (neuron < bounds[:, 1:])
    if axis.broadcast:
        one = np.ones((1, axis.size), np.int64)
        feeds = np.ones((len(windows), axis.size), np.bool_)
        return InletAxis(one[0], one > 0, one - 1, one[0] * (size - 1), held, feeds, feeds[:, 0] * (axis.size - 1))
    position = np.arange(axis.size, dtype=np.int64)
    place = position // axis.pool * axis.upsample
    reach = place + axis.padding - np.arange(axis.kernel, dtype=np.int64)[:, None] * axis.dilation
    taps = (reach >= 0) & (reach % axis.stride == 0) & (position < axis.size // axis.pool * axis.pool)
    place = reach // axis.stride
    taps &= (place >= neurons[0]) & (place < neurons[1])
    place -= neurons[0]
    touched = np.zeros((size, axis.size), dtype=np.int64)
    tap, at = np.nonzero(taps)
    touched[place[tap, at], at] = 1
    before = np.concatenate([np.zeros((1, axis.size), np.int64), np.cumsum(touched, axis=0)])
    feeds = before[bounds[:, 1]] > before[bounds[:, 0]]
    last = np.where(feeds, position, -1).max(axis=1, initial=-1)
    return InletAxis(
        count=taps.sum(axis=0),
        taps=taps,
        neuron=place,
        highest=np.where(taps, place, -1).max(axis=0),
        windows=held,
        feeds=feeds,
        last=np.maximum.accumulate(last),
    )

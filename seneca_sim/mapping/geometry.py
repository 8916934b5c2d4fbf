"""Which input rows and columns touch which neurons: the arithmetic of receptive fields, one axis at a time.

Everything here is a product of rows and columns, so one `Axis` (a map's rows, or its columns) is all that is needed.
Coordinates are whole-map coordinates; a part is a half-open range of them. The engines derive their own geometry from the
definition, on purpose: what is written here twice would be wrong twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.mapping.types import Part

__all__ = [
    "Axis",
    "AxisName",
    "Span",
    "edge_axis",
    "input_range",
    "neuron_box",
    "neuron_range",
    "output_range",
    "windows",
]

Index = NDArray[np.int64]
Span = tuple[int, int]
"""A half-open range of rows or columns."""
AxisName = Literal["rows", "columns"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of an edge: input r touches neuron o where, for a tap, o * stride - padding + tap * dilation = r // pool * upsample.

    Through a broadcast edge the one input position touches every neuron.

    >>> axis = Axis(inputs=8, neurons=8, kernel=3, padding=1)
    >>> axis.touched((0, 8))[1].tolist()  # highest neuron row touched by each input row
    [1, 2, 3, 4, 5, 6, 7, 7]
    >>> axis.last_tap((0, 8)).tolist()  # highest input row that each neuron row needs
    [1, 2, 3, 4, 5, 6, 7, 7]
    """

    inputs: int
    """Size of the source map."""
    neurons: int
    """Size of the neuron map."""
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    pool: int = 1
    upsample: int = 1
    broadcast: bool = False

    @property
    def sources(self) -> int:
        """Number of input positions after pooling."""
        return self.inputs // self.pool

    def sources_of(self, neurons: Index, tap: int) -> tuple[Index, NDArray[np.bool_]]:
        """Return the pooled input position that each neuron reads through a tap, and whether there is one.

        Broadcast edges are looked at as one tap.
        """
        if self.broadcast:
            return np.zeros_like(neurons), np.ones(neurons.shape, dtype=np.bool_)
        place = neurons * self.stride - self.padding + tap * self.dilation
        source = place // self.upsample
        return source, (place % self.upsample == 0) & (source >= 0) & (source < self.sources)

    @property
    def taps(self) -> int:
        """Number of taps; one for broadcast edges."""
        return 1 if self.broadcast else self.kernel

    def touched(self, span: Span) -> tuple[Index, Index, Index]:
        """Return (lowest, highest, number) of the neurons of `span` that each input position touches; (-1, -1, 0) for none."""
        if self.broadcast:
            one = np.ones(self.inputs, dtype=np.int64)
            return one * span[0], one * (span[1] - 1), one * (span[1] - span[0])
        source = np.arange(self.inputs, dtype=np.int64) // self.pool
        complete = source < self.sources
        lowest = np.full(self.inputs, self.neurons, dtype=np.int64)
        highest = np.full(self.inputs, -1, dtype=np.int64)
        number = np.zeros(self.inputs, dtype=np.int64)
        for tap in range(self.kernel):
            shifted = source * self.upsample + self.padding - tap * self.dilation
            neuron = shifted // self.stride
            hit = complete & (shifted % self.stride == 0) & (neuron >= span[0]) & (neuron < span[1])
            lowest[hit] = np.minimum(lowest[hit], neuron[hit])
            highest[hit] = np.maximum(highest[hit], neuron[hit])
            number += hit
        lowest[number == 0] = -1
        return lowest, highest, number

    def last_tap(self, span: Span, inputs: Span | None = None) -> Index:
        """Return the highest input position (of a range of them) that touches each neuron of `span`; -1 for none."""
        first, end = (0, self.inputs) if inputs is None else inputs
        neuron = np.arange(*span, dtype=np.int64)
        last = np.full(neuron.shape, -1, dtype=np.int64)
        for tap in range(self.taps):
            source, real = self.sources_of(neuron, tap)
            position = np.minimum(source * self.pool + self.pool, end) - 1
            real &= position >= np.maximum(source * self.pool, first)
            last = np.maximum(last, np.where(real, position, -1))
        return last


def edge_axis(network: Network, layer: Layer, edge: Edge, name: AxisName) -> Axis:
    """Return the axis of an edge into a layer: its rows or its columns."""
    index = 0 if name == "rows" else 1
    return Axis(
        inputs=network.layers[edge.source].out_shape[1 + index],
        neurons=layer.shape[1 + index],
        kernel=edge.kernel[index],
        stride=edge.stride[index],
        padding=edge.padding[index],
        dilation=edge.dilation[index],
        pool=edge.pool[index],
        upsample=edge.upsample[index],
        broadcast=edge.broadcast,
    )


def windows(layer: Layer, outputs: Span, name: AxisName) -> tuple[Index, Index]:
    """Return (first, last) neuron position of the pooling window of each output position in a range, clipped to the map.

    Without fused pooling a window is the position itself.
    """
    index = 0 if name == "rows" else 1
    position = np.arange(*outputs, dtype=np.int64)
    if layer.pool is None:
        return position, position
    first = position * layer.pool.stride[index] - layer.pool.padding[index]
    last = first + layer.pool.kernel[index] - 1
    return np.maximum(first, 0), np.minimum(last, layer.shape[1 + index] - 1)


def neuron_range(layer: Layer, outputs: Span, name: AxisName) -> Span:
    """Return the neurons under a range of outputs: the hull of their pooling windows.

    >>> from seneca_sim.graph.network import Layer, MaxPool
    >>> from seneca_sim.graph.neurons import Relu
    >>> neuron_range(Layer("conv", Relu(), (4, 9, 9), pool=MaxPool((3, 3), (2, 2))), (1, 3), "rows")
    (2, 7)
    """
    first, last = windows(layer, outputs, name)
    return int(first[0]), int(last[-1]) + 1


def neuron_box(layer: Layer, part: Part) -> tuple[Span, Span]:
    """Return the (rows, columns) of neurons that a part computes, before fused pooling."""
    return neuron_range(layer, part.rows, "rows"), neuron_range(layer, part.columns, "columns")


def output_range(layer: Layer, name: AxisName) -> Span:
    """Return the whole range of a layer's output rows or columns."""
    return 0, layer.out_shape[1 if name == "rows" else 2]


def input_range(axis: Axis, span: Span) -> Span:
    """Return the hull of the input positions that touch any neuron of `span`; (0, 0) if there is none.

    >>> input_range(Axis(inputs=8, neurons=4, kernel=3, stride=2, padding=1), (1, 3))
    (1, 6)
    """
    touching = np.flatnonzero(axis.touched(span)[2])
    return (int(touching[0]), int(touching[-1]) + 1) if len(touching) else (0, 0)

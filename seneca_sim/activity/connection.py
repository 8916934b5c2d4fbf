"""Edges prepared for the kernels: geometry in plain integers, weights laid out for reading side by side.

A dense edge becomes a convolution from one position whose channels are all neurons of the (pooled) source map, an `add`
edge one with a weight of one per channel and kernel position, so that a single kernel serves all kinds. The sums of a
neuron are so many channels side by side, sum after sum; an edge into several of them is a convolution with more channels.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.checks import check_edge
from seneca_sim.activity.step_events import StepEvents
from seneca_sim.graph.network import Edge, Layer
from seneca_sim.kernels.landing import Geometry, count_sops, flatten_events

__all__ = ["Connection"]


class Connection:
    """One edge into a layer: what it does to the events of a step."""

    def __init__(self, edge: Edge, source: Layer, target: Layer, number: int, step: float | None = None) -> None:
        """Prepare an edge; `step` is that of which all values of the source are whole multiples, if there is one."""
        check_edge(target.name, edge, source, target)
        self.edge = edge
        self.number = number
        """Its column in `Trace.sops`."""
        self.unit = _unit(edge, target, step)
        """What values are whole multiples of, and are divided by before they are summed; 1 where they are summed as they are."""
        self.factor = _factor(edge, self.unit)
        """(out,) or (1,) factor of the sum; None is 1."""
        self.is_separate = self.factor is not None or edge.broadcast
        """Whether the edge has a sum of its own, added to the neurons' sums at its end."""
        out = source.out_shape[0] if edge.weight is None else len(edge.weight)
        first = edge.first_sum * target.shape[0] + (edge.target_offset if edge.weight is None else 0)
        self.window = slice(first, first + out)
        """Where its channels lie among sums x channels of the layer."""
        self.own_shape = (1 if edge.broadcast else target.shape[1] * target.shape[2], out)
        """(positions, channels) of its own sum."""
        self.is_dense = edge.kind == "dense"
        self.source_geometry = self.geometry = _geometry(edge, source, target, first, out, self.is_separate)
        if self.is_dense:
            inputs = int(np.prod(_weights(edge).shape[1:]))
            channels, offset = self.geometry.out_channels, self.geometry.offset
            self.geometry = Geometry(*(1,) * 9, *(0, 0, 1, 1), inputs, inputs, out, 1, 1, channels, offset)

    @cached_property
    def weight(self) -> NDArray[Any]:
        """Weights in their own type, flat, as (kernel row, kernel column, input channel, output channel of the group)."""
        if self.edge.weight is None:
            return np.ones(self.geometry.kernel_y * self.geometry.kernel_x * self.geometry.in_channels, np.int8)
        return _spread(_weights(self.edge), self.edge.groups)

    @cached_property
    def float_weight(self) -> NDArray[np.float32]:
        """The same in float32."""
        return self.weight.astype(np.float32, copy=False)

    @cached_property
    def bfloat_weight(self) -> NDArray[np.float32]:
        """The same rounded to bf16."""
        from seneca_sim.kernels.arithmetic import round_bfloats

        rounded = self.weight.astype(np.float32)
        round_bfloats(rounded)
        return rounded

    @cached_property
    def wide_weight(self) -> NDArray[np.int32]:
        """The same in int32."""
        return self.weight.astype(np.int32, copy=False)

    @cached_property
    def largest_sum(self) -> int:
        """The largest sum of magnitudes of weights that the events of a step can apply to one neuron."""
        window = self.edge.pool[0] * self.edge.pool[1]
        if self.edge.weight is None:
            return window
        magnitudes = np.abs(_weights(self.edge).astype(np.int64))
        return window * int(magnitudes.reshape(len(magnitudes), -1).sum(axis=1).max(initial=0))

    @cached_property
    def largest_weight(self) -> int:
        """The largest magnitude of a weight."""
        return int(np.abs(self.weight.astype(np.int64)).max(initial=0))

    @cached_property
    def unmasked(self) -> NDArray[np.int32] | None:
        """For each kernel position and input channel, how many outputs have a weight that training left free; None: all."""
        if self.edge.mask is None:
            return None
        free = _spread(self.edge.mask, self.edge.groups).reshape(-1, self.geometry.out_per_group)
        counts: NDArray[np.int32] = free.sum(axis=1, dtype=np.int32)
        return counts

    def arriving(self, events: StepEvents) -> StepEvents:
        """Return the events as the kernels of this edge take them."""
        if not self.is_dense:
            return events
        flat, number = np.empty(events.n_events, np.int32), np.empty(events.n_events, np.int64)
        kept = flatten_events(events.position, events.first_event, events.channel, self.source_geometry, flat, number)
        value = None if events.value is None else events.value[number[:kept]]
        return StepEvents(np.zeros(1, np.int32), np.array([0, kept], np.int64), flat[:kept], value)

    def values(self, events: StepEvents, dtype: Any) -> NDArray[Any]:
        """Return the values of events, divided by the unit, in the type that a kernel takes."""
        if events.value is None:
            return np.ones(events.n_events, dtype)
        if self.unit == 1.0:
            return events.value.astype(dtype, copy=False)
        multiples: NDArray[Any] = np.rint(events.value / self.unit).astype(dtype)
        return multiples

    def sops(self, arriving: StepEvents) -> int:
        """Return how many weights the arriving events apply to neurons, masked ones not counted.

        A broadcast edge applies them once, to the sums that all positions share.
        """
        return int(count_sops(arriving.position, arriving.first_event, arriving.channel, self.geometry, self.unmasked))


def _weights(edge: Edge) -> NDArray[Any]:
    """Return the weights of an edge that has some."""
    return np.zeros((0, 0, 1, 1), np.int8) if edge.weight is None else edge.weight


def _spread(weights: NDArray[Any], groups: int) -> NDArray[Any]:
    """Return (out, in / groups, kernel rows, columns) as flat (rows, columns, in, out / groups).

    >>> _spread(np.arange(4).reshape(2, 2, 1, 1), 1)  # weight[out, in] = 2 out + in
    array([0, 2, 1, 3])
    """
    out, inputs, rows, columns = weights.shape
    grouped = weights.reshape(groups, out // groups, inputs, rows, columns)
    return np.ascontiguousarray(grouped.transpose(3, 4, 0, 2, 1)).reshape(-1)


def _unit(edge: Edge, target: Layer, step: float | None) -> float:
    """Return the step whose multiples are summed in place of the values; 1 where values are.

    Integer weights and whole multiples make sums that no order of additions and no rounding changes.
    """
    whole_weights = edge.weight is None or edge.weight.dtype.kind == "i"
    return 1.0 if step is None or target.precision.state == "bf16" or not whole_weights else step


def _factor(edge: Edge, unit: float) -> NDArray[np.float32] | None:
    """Return the factor of the edge's sum."""
    if edge.scale is None:
        return None if unit == 1.0 else np.full(1, unit, np.float32)
    scale = np.asarray(edge.scale).reshape(-1)
    return scale.astype(np.float32) if unit == 1.0 else (scale.astype(np.float64) * unit).astype(np.float32)


def _geometry(edge: Edge, source: Layer, target: Layer, first: int, out: int, separate: bool) -> Geometry:
    """Return the sizes of an edge into all sums of a layer, or into a sum of its own."""
    channels, rows, columns = source.out_shape
    adds = edge.kind == "add"
    groups = channels if adds else edge.groups
    padding = (edge.upsample[0] - 1, edge.upsample[1] - 1) if adds else edge.padding
    return Geometry(
        columns,
        rows // edge.pool[0],
        columns // edge.pool[1],
        *edge.pool,
        *((1, 1) if edge.broadcast else edge.kernel),
        *((1, 1) if adds else edge.stride),
        *padding,
        *((1, 1) if adds else edge.dilation),
        in_channels=channels,
        in_per_group=channels // groups,
        out_per_group=out // groups,
        out_rows=1 if edge.broadcast else target.shape[1],
        out_columns=1 if edge.broadcast else target.shape[2],
        out_channels=out if separate else target.sums * target.shape[0],
        offset=0 if separate else first,
        upsample_y=edge.upsample[0],
        upsample_x=edge.upsample[1],
    )

"""Edges prepared for the kernels: geometry in plain integers, weights laid out for reading side by side.

A dense edge becomes a convolution from one position whose channels are all neurons of the (pooled) source map, an `add`
edge one with a weight of one per channel, so that a single kernel serves all kinds.
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

    def __init__(self, edge: Edge, source: Layer, target: Layer, number: int) -> None:
        check_edge(target.name, edge, source, target)
        self.edge = edge
        self.number = number
        """Its column in `Trace.sops`."""
        self.source_geometry = _geometry(edge, source, target)
        self.is_dense = edge.kind == "dense"
        self.geometry = self.source_geometry
        if self.is_dense:
            inputs = int(np.prod(_weights(edge).shape[1:]))
            self.geometry = Geometry(
                *(1,) * 9, *(0, 0, 1, 1), inputs, inputs, target.shape[0], 1, 1, target.shape[0], offset=0
            )
        self.scale = None if edge.scale is None else _scale(edge, target)

    @cached_property
    def weight(self) -> NDArray[Any]:
        """Weights in their own type, flat, as (kernel row, kernel column, input channel, output channel of the group)."""
        if self.edge.weight is None:
            return np.ones(self.geometry.in_channels, np.int8)
        return _spread(_weights(self.edge), self.edge.groups)

    @cached_property
    def float_weight(self) -> NDArray[np.float32]:
        """The same in float32."""
        return self.weight.astype(np.float32)

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
        return self.weight.astype(np.int32)

    @cached_property
    def largest_sum(self) -> int:
        """The largest sum of magnitudes of the weights that one neuron has."""
        if self.edge.weight is None:
            return 1
        magnitudes = np.abs(_weights(self.edge).astype(np.int64))
        return int(magnitudes.reshape(len(magnitudes), -1).sum(axis=1).max(initial=0))

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

    def sops(self, arriving: StepEvents) -> int:
        """Return how many weights the arriving events apply to neurons, masked ones not counted."""
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


def _scale(edge: Edge, target: Layer) -> NDArray[np.float32]:
    """Return the factor of each of the target's channels; what an `add` edge does not reach has factor one."""
    scale = np.asarray(edge.scale, np.float32).reshape(-1)
    if len(scale) in (1, target.shape[0]):
        return np.ascontiguousarray(np.broadcast_to(scale, (target.shape[0],)))
    spread = np.ones(target.shape[0], np.float32)
    spread[edge.target_offset : edge.target_offset + len(scale)] = scale
    return spread


def _geometry(edge: Edge, source: Layer, target: Layer) -> Geometry:
    """Return the sizes of an edge."""
    channels, rows, columns = source.out_shape
    adds = edge.kind == "add"
    groups = channels if adds else edge.groups
    out = channels if adds else target.shape[0]
    return Geometry(
        columns,
        rows // edge.pool[0],
        columns // edge.pool[1],
        *edge.pool,
        *edge.kernel,
        *((1, 1) if adds else edge.stride),
        *((0, 0) if adds else edge.padding),
        *((1, 1) if adds else edge.dilation),
        in_channels=channels,
        in_per_group=channels // groups,
        out_per_group=out // groups,
        out_rows=target.shape[1],
        out_columns=target.shape[2],
        out_channels=target.shape[0],
        offset=edge.target_offset if adds else 0,
    )

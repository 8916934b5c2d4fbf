"""What arrives at the neurons of a layer in one step: weighted sums over all edges, in the layer's arithmetic.

The order per neuron is fixed: edges as listed with recurrent ones last, positions in raster order, channels ascending. An
edge without a scale adds to the layer's sum directly; an edge with one has a sum of its own, scaled and added at its end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.connection import Connection
from seneca_sim.activity.number_types import Arithmetic, integer_range
from seneca_sim.activity.step_events import StepEvents
from seneca_sim.graph.network import Layer
from seneca_sim.kernels.arithmetic import Limits, round_bfloats
from seneca_sim.kernels.landing import Geometry
from seneca_sim.kernels.scatter import scatter, scatter_bfloat, scatter_limited

__all__ = ["Sums"]

_INT32_HIGH = 2**31 - 1

Arrivals = list[tuple[Connection, StepEvents]]


class Sums:
    """Sums of one layer; the map that a call returns is reused by the next call."""

    def __init__(self, layer: Layer, arithmetic: Arithmetic, wraps: bool) -> None:
        channels, rows, columns = layer.shape
        self.shape = (rows * columns, channels)
        self.arithmetic = arithmetic
        self.bfloat_weights = layer.precision.weight == "bf16"
        self.limits = (
            Limits(*integer_range(layer.precision.state), wraps) if arithmetic in ("integer", "scaled") else None
        )
        size = rows * columns * channels
        self.floats = np.zeros(0 if arithmetic == "integer" else size, np.float32)
        self.narrow: NDArray[np.int32] = np.zeros(size if self.limits else 0, np.int32)
        self.wide: NDArray[np.int64] = np.zeros(size if self.limits else 0, np.int64)

    def of(self, arrivals: Arrivals) -> tuple[NDArray[Any], int]:
        """Return the (positions, channels) sums of a step, float32 or int64, and how many left the integer range."""
        if self.limits is None:
            return self._floats(arrivals).reshape(self.shape), 0
        if self.arithmetic == "integer":
            outside = self._integers(arrivals, self.limits)
            return self.wide.reshape(self.shape), outside
        return self._scaled(arrivals, self.limits)

    def _floats(self, arrivals: Arrivals) -> NDArray[np.float32]:
        """Return sums in float32, or in bf16."""
        rounded = self.arithmetic == "bf16"
        total = self.floats
        total[:] = 0
        for connection, events in arrivals:
            own = total if connection.scale is None else np.zeros_like(total)
            if rounded:
                value = _values(events, np.float32).copy()
                round_bfloats(value)
                scatter_bfloat(*_places(connection, events, value), connection.bfloat_weight, own)
            else:
                value = _values(events, np.float32)
                weight = connection.bfloat_weight if self.bfloat_weights else connection.float_weight
                scatter(*_places(connection, events, value), weight, own)
            if connection.scale is not None:
                self._add_scaled(total, own, connection.scale, rounded)
        return total

    def _add_scaled(
        self, total: NDArray[np.float32], own: NDArray[np.float32], scale: NDArray[np.float32], rounded: bool
    ) -> None:
        """Add ``scale * own`` to the total; in bf16 scale, product and sum are rounded."""
        if rounded:
            scale = scale.copy()
            round_bfloats(scale)
        product = (own.reshape(self.shape) * scale).reshape(-1)
        if rounded:
            round_bfloats(product)
        total += product
        if rounded:
            round_bfloats(total)

    def _integers(self, arrivals: Arrivals, limits: Limits) -> int:
        """Fill `wide` with integer sums; return how many left the range."""
        if _cannot_overflow(arrivals, limits):
            self.narrow[:] = 0
            for connection, events in arrivals:
                scatter(*_places(connection, events, _values(events, np.int32)), connection.weight, self.narrow)
            self.wide[:] = self.narrow
            return 0
        self.wide[:] = 0
        outside = 0
        for connection, events in arrivals:
            places = _places(connection, events, _values(events, np.int32))
            outside += int(scatter_limited(*places, connection.wide_weight, self.wide, limits))
        return outside

    def _scaled(self, arrivals: Arrivals, limits: Limits) -> tuple[NDArray[np.float32], int]:
        """Return float32 sums of scaled integer sums, one per edge."""
        total, outside = self.floats, 0
        total[:] = 0
        for arrival in arrivals:
            outside += self._integers([arrival], limits)
            own, scale = self.wide.astype(np.float32), arrival[0].scale
            if scale is None:
                total += own
            else:
                self._add_scaled(total, own, scale, rounded=False)
        return total.reshape(self.shape), outside


def _cannot_overflow(arrivals: Arrivals, limits: Limits) -> bool:
    """Return whether int8 weights and a bound on all partial sums of a step allow sums without tests for overflow."""
    bound = 0
    for connection, events in arrivals:
        if connection.weight.dtype != np.int8:
            return False
        largest = 1 if events.value is None else int(np.abs(events.value.astype(np.int64)).max(initial=0))
        bound += largest * min(connection.largest_sum, connection.largest_weight * events.n_events)
    return bound <= min(limits.high, _INT32_HIGH)


def _values(events: StepEvents, dtype: Any) -> NDArray[Any]:
    """Return the values of events in the type that a kernel takes."""
    return np.ones(events.n_events, dtype) if events.value is None else events.value.astype(dtype, copy=False)


def _places(connection: Connection, events: StepEvents, value: NDArray[Any]) -> tuple[Any, Any, Any, Any, Geometry]:
    """Return the first arguments of all scatter kernels."""
    return events.position, events.first_event, events.channel, value, connection.geometry

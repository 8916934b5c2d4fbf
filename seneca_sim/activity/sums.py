"""What arrives at the neurons of a layer in one step: weighted sums over all edges, in the layer's arithmetic.

The order per sum is fixed: edges as listed with recurrent ones last, positions in raster order, channels ascending. An
edge without a scale adds to the layer's sums directly. An edge with one, or from a layer of which multiples of a step are
summed (`Connection.unit`), or with a value for the whole map (`broadcast`) has a sum of its own, scaled and added at its end.
In integers edges with a sum of their own come last.
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
from seneca_sim.kernels.integer_neurons import accumulate_integers
from seneca_sim.kernels.landing import Geometry
from seneca_sim.kernels.scatter import scatter, scatter_bfloat, scatter_limited

__all__ = ["Sums"]

_INT32_HIGH = 2**31 - 1

Arrivals = list[tuple[Connection, StepEvents]]


class Sums:
    """Sums of one layer; the map that a call returns is reused by the next call."""

    def __init__(self, layer: Layer, arithmetic: Arithmetic, wraps: bool) -> None:
        channels, rows, columns = layer.shape
        self.shape = (rows * columns, layer.sums * channels)
        self.arithmetic = arithmetic
        self.dtype: Any = np.int64 if arithmetic == "integer" else np.float32
        self.bfloat_weights = layer.precision.weight == "bf16"
        self.limits = (
            Limits(*integer_range(layer.precision.state), wraps) if arithmetic in ("integer", "scaled") else None
        )
        size = self.shape[0] * self.shape[1]
        self.floats = np.zeros(0 if arithmetic == "integer" else size, np.float32)
        self.narrow: NDArray[np.int32] = np.zeros(size if self.limits else 0, np.int32)
        self.wide: NDArray[np.int64] = np.zeros(size if self.limits else 0, np.int64)

    def of(self, arrivals: Arrivals) -> tuple[NDArray[Any], int]:
        """Return the (positions, sums x channels) sums of a step, float32 or int64, and how many left the integer range."""
        if self.limits is None:
            return self._floats(arrivals).reshape(self.shape), 0
        if self.arithmetic == "integer":
            return self._integers(arrivals, self.limits)
        return self._scaled(arrivals, self.limits)

    def _floats(self, arrivals: Arrivals) -> NDArray[np.float32]:
        """Return sums in float32, or in bf16."""
        rounded = self.arithmetic == "bf16"
        total = self.floats
        total[:] = 0
        for connection, events in arrivals:
            own = np.zeros(connection.own_shape, np.float32) if connection.is_separate else total
            value = connection.values(events, np.float32)
            if rounded:
                value = value.copy()
                round_bfloats(value)
                scatter_bfloat(*_places(connection, events, value), connection.bfloat_weight, own.reshape(-1))
            else:
                weight = connection.bfloat_weight if self.bfloat_weights else connection.float_weight
                scatter(*_places(connection, events, value), weight, own.reshape(-1))
            if connection.is_separate:
                self._add_own(connection, own, rounded)
        return total

    def _add_own(self, connection: Connection, own: NDArray[np.float32], rounded: bool) -> None:
        """Add ``factor * own`` to the sums that an edge feeds; in bf16 factor, product and sum are rounded."""
        factor = connection.factor
        if factor is not None and rounded:
            factor = factor.copy()
            round_bfloats(factor)
        if factor is not None:
            own = own * factor
        if rounded:
            round_bfloats(own.reshape(-1))
        total = self.floats.reshape(self.shape)[:, connection.window]
        total += own
        if rounded:
            sums = np.ascontiguousarray(total)
            round_bfloats(sums.reshape(-1))
            total[:] = sums

    def _integers(self, arrivals: Arrivals, limits: Limits) -> tuple[NDArray[np.int64], int]:
        """Return integer sums, and how many left the range."""
        direct = [arrival for arrival in arrivals if not arrival[0].is_separate]
        outside = _integer_sums(direct, self.narrow, self.wide, limits)
        total = self.wide.reshape(self.shape)
        for connection, events in arrivals:
            if connection.is_separate:
                own, more = self._own_integers(connection, events, limits)
                sums = np.ascontiguousarray(total[:, connection.window])
                outside += more + int(accumulate_integers(sums, own, limits))
                total[:, connection.window] = sums
        return total, outside

    def _scaled(self, arrivals: Arrivals, limits: Limits) -> tuple[NDArray[np.float32], int]:
        """Return float32 sums of scaled integer sums, one per edge."""
        outside = 0
        self.floats[:] = 0
        for connection, events in arrivals:
            if connection.is_separate:
                integers, more = self._own_integers(connection, events, limits)
                self._add_own(connection, integers.astype(np.float32), rounded=False)
            else:
                more = _integer_sums([(connection, events)], self.narrow, self.wide, limits)
                self.floats += self.wide.astype(np.float32)
            outside += more
        return self.floats.reshape(self.shape), outside

    def _own_integers(
        self, connection: Connection, events: StepEvents, limits: Limits
    ) -> tuple[NDArray[np.int64], int]:
        """Return the sum of one edge, and how many numbers left the range."""
        size = connection.own_shape[0] * connection.own_shape[1]
        narrow, wide = self.narrow[:size], self.wide[:size]
        if self.arithmetic == "integer":
            narrow, wide = np.zeros(size, np.int32), np.zeros(size, np.int64)
        outside = _integer_sums([(connection, events)], narrow, wide, limits)
        return wide.reshape(connection.own_shape), outside


def _integer_sums(arrivals: Arrivals, narrow: NDArray[np.int32], wide: NDArray[np.int64], limits: Limits) -> int:
    """Fill `wide` with integer sums; return how many left the range."""
    if _cannot_overflow(arrivals, limits):
        narrow[:] = 0
        for connection, events in arrivals:
            places = _places(connection, events, connection.values(events, np.int32))
            scatter(*places, connection.weight, narrow)
        wide[:] = narrow
        return 0
    wide[:] = 0
    outside = 0
    for connection, events in arrivals:
        places = _places(connection, events, connection.values(events, np.int32))
        outside += int(scatter_limited(*places, connection.wide_weight, wide, limits))
    return outside


def _cannot_overflow(arrivals: Arrivals, limits: Limits) -> bool:
    """Return whether a bound on all partial sums of a step allows 32-bit sums without tests for overflow."""
    bound = 0
    for connection, events in arrivals:
        value = connection.values(events, np.int64)
        largest = int(np.abs(value).max(initial=0))
        bound += largest * min(connection.largest_sum, connection.largest_weight * events.n_events)
    return bound <= min(limits.high, _INT32_HIGH)


def _places(connection: Connection, events: StepEvents, value: NDArray[Any]) -> tuple[Any, Any, Any, Any, Geometry]:
    """Return the first arguments of all scatter kernels."""
    return events.position, events.first_event, events.channel, value, connection.geometry

"""What each sender sends in each step: the active positions of its box with the values of its channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.trace import LayerTrace, Trace

__all__ = ["ChannelPool", "emissions_of"]

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPool:
    """The channels of all events of all layers in one array, and where each layer begins."""

    channel: NDArray[np.int32]
    base: NDArray[np.int64]

    @classmethod
    def of(cls, trace: Trace) -> ChannelPool:
        """Pool the channels of a trace."""
        sizes = [len(layer.channel) for layer in trace.layers]
        channel = np.concatenate([layer.channel for layer in trace.layers] + [np.zeros(1, np.int32)])
        return cls(channel.astype(np.int32), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))


def emissions_of(
    trace: LayerTrace, width: int, base: int, channels: Span, rows: Span, columns: Span
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ((N, 3) position, first value in the pool, number of values; (T + 1,) where each step begins).

    Positions without a value of the channels are left out; `width` is the number of columns of the layer's map.
    """
    inside = (trace.channel >= channels[0]) & (trace.channel < channels[1])
    below = trace.channel < channels[0]
    first, end = trace.first_event[:-1], trace.first_event[1:]
    seen = np.concatenate([[0], np.cumsum(inside)])
    before = np.concatenate([[0], np.cumsum(below)])
    count = seen[end] - seen[first]
    value = base + first + before[end] - before[first]
    y, x = np.divmod(trace.position, width)
    keep = (count > 0) & (y >= rows[0]) & (y < rows[1]) & (x >= columns[0]) & (x < columns[1])
    kept = np.concatenate([[0], np.cumsum(keep)])
    table = np.stack([trace.position[keep].astype(np.int64), value[keep], count[keep]], axis=1)
    return table, kept[trace.step_start].astype(np.int64)

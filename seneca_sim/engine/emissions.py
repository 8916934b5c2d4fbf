"""What each sender sends in each step: the active positions of its box with the values of its channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.trace import LayerTrace

__all__ = ["ChannelPool", "SplitLayer", "emissions_of"]

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPool:
    """The channels of all events of all layers in one array, and where each layer begins."""

    channel: NDArray[np.int32]
    base: NDArray[np.int64]

    @classmethod
    def of(cls, layers: Sequence[LayerTrace]) -> ChannelPool:
        """Pool the channels of the layers of a trace."""
        sizes = [len(layer.channel) for layer in layers]
        channel = np.concatenate([layer.channel for layer in layers] + [np.zeros(1, np.int32)])
        return cls(channel.astype(np.int32), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class SplitLayer:
    """One layer's active positions, cut at all channels where parts of it begin or end."""

    trace: LayerTrace
    bounds: NDArray[np.int64]
    first: NDArray[np.int64]
    """(A, bounds) first event of an active position whose channel is at least a bound."""

    @classmethod
    def of(cls, trace: LayerTrace, spans: list[Span]) -> SplitLayer:
        """Cut a layer at the ends of its parts' channels."""
        bounds = np.unique(np.array(spans, dtype=np.int64).ravel())
        sites = len(trace.position)
        site = np.repeat(np.arange(sites), np.diff(trace.first_event))
        segment = np.searchsorted(bounds, trace.channel, side="right")
        counts = np.bincount(site * (len(bounds) + 1) + segment, minlength=sites * (len(bounds) + 1))
        counts = counts.reshape(sites, len(bounds) + 1)[:, : len(bounds)]
        return cls(trace, bounds, trace.first_event[:-1, None] + np.cumsum(counts, axis=1))


def emissions_of(
    layer: SplitLayer, width: int, base: int, channels: Span, rows: Span, columns: Span
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ((N, 3) position, first value in the pool, number of values; (T + 1,) where each step begins).

    Positions without a value of the channels are left out; `width` is the number of columns of the layer's map.
    """
    low, high = np.searchsorted(layer.bounds, channels)
    first, count = layer.first[:, low], layer.first[:, high] - layer.first[:, low]
    y, x = np.divmod(layer.trace.position, width)
    keep = (count > 0) & (y >= rows[0]) & (y < rows[1]) & (x >= columns[0]) & (x < columns[1])
    kept = np.concatenate([[0], np.cumsum(keep)])
    table = np.stack([layer.trace.position[keep].astype(np.int64), base + first[keep], count[keep]], axis=1)
    return table, kept[layer.trace.step_start].astype(np.int64)

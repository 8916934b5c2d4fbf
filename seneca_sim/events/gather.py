"""Gather the events of steps into a map, and take them out of it in the sparse form: what kernels need, kept between blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError
from seneca_sim.events.sparse import LayerTrace
from seneca_sim.events.stream import EventStream
from seneca_sim.events.view import View
from seneca_sim.graph.network import InputContract

__all__ = ["Gatherer", "Placed", "check_channels"]

MAX_CELLS = 1 << 30
"""Values of a map, channels x rows x columns."""
LIST_SHARE = 512
"""A map of so many cells times n gets a list of n cells: sorting more takes longer than looking through the map."""
WINDOW_VALUES = 1 << 24
"""Values that a window may write at once."""


class Placed(NamedTuple):
    """Events that the network sees, in the order of time."""

    time: NDArray[np.int64]
    cell: NDArray[np.int64]
    """Position times channels plus channel, of the first bin."""
    weight: NDArray[np.int32]
    """1, or -1 for OFF where signs count."""

    @classmethod
    def nothing(cls) -> Placed:
        """Return no events."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32))

    def then(self, later: Placed) -> Placed:
        """Return these events and later ones."""
        if not len(self.time):
            return later
        return Placed(
            np.concatenate([self.time, later.time]),
            np.concatenate([self.cell, later.cell]),
            np.concatenate([self.weight, later.weight]),
        )

    def part(self, first: int, last: int | None = None) -> Placed:
        """Return the events from `first` up to `last`."""
        return Placed(self.time[first:last], self.cell[first:last], self.weight[first:last])


def check_channels(source: str, channels: int, contract: InputContract) -> None:
    """Refuse an input whose channels no recording of events fills in the representation of its contract."""
    match contract.representation:
        case "signed_count":
            allowed: tuple[int, ...] = (1,)
        case "histogram":
            allowed = (2,)
        case "signed_voxel":
            allowed = (contract.bins,)
        case "voxel" | "time_surface":
            allowed = (2 * contract.bins,)
        case _:
            allowed = (1, 2)
    if channels in allowed:
        return
    parts = "give frames (an .npz file with the key frames)"
    if channels % 2 == 0:
        parts = f"say what they are, such as --input representation=voxel,bins={channels // 2} (or time_surface), or {parts}"
    bins = f" of {contract.bins} bins" if contract.in_parts else ""
    raise EventsError(
        f"{source}: the network's input has {channels} channels, but a recording as {contract.representation}{bins} has "
        f"{' or '.join(map(str, allowed))}; {parts}"
    )


class Gatherer:
    """A network's input map of `shape` (channels, rows, columns), filled by events as a contract says."""

    def __init__(self, shape: tuple[int, int, int], contract: InputContract, view: View) -> None:
        self.contract, self.view = contract, view
        self.channels, self.rows, self.columns = shape
        n_cells = self.channels * self.rows * self.columns
        surface = contract.representation == "time_surface"
        self.cells: NDArray[Any] = np.zeros(n_cells, np.float32 if surface else np.int32)
        flags = np.zeros(-(-n_cells // 64) * 8, np.uint8)
        listed = np.zeros(max(n_cells // LIST_SHARE, 64), np.int32)
        self.memory = (flags, flags.view(np.uint64), listed, np.zeros(5, np.int64))
        self.window: tuple[Any, ...] | None = None

    @property
    def _whole(self) -> bool:
        """Whether all events of a slice must be known before the first is placed: parts of unknown length."""
        surface = self.contract.representation == "time_surface"
        return surface or (self.contract.in_parts and (self.contract.bin_span == "events" or self._by_number))

    @property
    def _by_number(self) -> bool:
        return self.contract.slice_events is not None

    @property
    def _limit(self) -> int:
        return 1 if self.contract.representation == "binary" else self.contract.clip or 0

    def placed(self, block: EventStream, start_us: int, end_us: int | None) -> Placed:
        """Return the events of a block that the network sees, from `start_us` on; later than `end_us` counts just before it."""
        from seneca_sim.kernels.slice_counts import place_events

        contract, view = self.contract, self.view
        t_us = block.t_us
        if end_us is not None and len(t_us) and t_us[-1] >= end_us:
            t_us = np.minimum(t_us, end_us - 1)
        first = int(np.searchsorted(t_us, start_us))
        columns = (block.y, block.x) if view.swap_xy else (block.x, block.y)
        x, y = (np.ascontiguousarray(axis[first:], np.int32) for axis in columns)
        tables = view.tables((block.width, block.height))
        signed = contract.representation in ("signed_count", "signed_voxel")
        reverse = contract.polarity_order == "on-off" and not signed
        second = 0 if view.flip_polarity != reverse else 1
        merged = self.channels == 1 or signed
        polarity_major = contract.in_parts and contract.channel_order == "polarity-major"
        stride = 0 if merged else contract.bins if polarity_major else 1
        n = len(t_us) - first
        into = Placed(np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int32))
        layout = (self.columns, self.channels, stride, second, signed)
        polarity = np.ascontiguousarray(block.p[first:], np.uint8)
        time = np.ascontiguousarray(t_us[first:], np.int64)
        kept = place_events(time, x, y, polarity, *tables, layout, (into.time, into.cell, into.weight))
        return into.part(0, kept)

    def steps(
        self,
        events: Placed,
        bounds: NDArray[np.int64],
        complete: int,
        spans: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
    ) -> tuple[LayerTrace, Placed]:
        """Return the first `complete` steps of events, and those events of later steps that must be given again.

        Step s has the events ``bounds[s]:bounds[s + 1]`` and lasts ``spans[1][s]`` microseconds from ``spans[0][s]``.
        """
        from seneca_sim.kernels.slice_counts import bin_events, count_steps, surface_steps

        contract, later = self.contract, Placed.nothing()
        bounds = np.ascontiguousarray(bounds, np.int64)
        if self._whole:
            later, events = events.part(bounds[complete]), events.part(0, bounds[complete])
            bounds = bounds[: complete + 1]
        state = self.memory[3]
        sparse = _sparse(
            complete, int(min(state[0] + len(events.time), len(self.cells) * (complete + 1))), self.cells.dtype
        )
        state[1:3] = 0
        if contract.in_parts:
            start, span = self._spans(events, bounds, spans)
            one = contract.channel_order == "polarity-major" or contract.representation == "signed_voxel"
            stride = 1 if one else 2
            if contract.representation == "time_surface":
                surface_steps(
                    events.time, events.cell, bounds, start, span, contract.bins, stride, self.cells, self.memory,
                    self.channels, sparse,
                )  # fmt: skip
                return self._trace(sparse, complete), later
            bin_events(events.time, events.cell, bounds, start, span, contract.bins, stride)
        count_steps(
            events.cell, events.weight, bounds, complete, self.cells, self.memory, self.channels, self._limit, sparse
        )
        return self._trace(sparse, complete), later

    def _spans(
        self, events: Placed, bounds: NDArray[np.int64], spans: tuple[NDArray[np.int64], NDArray[np.int64]] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return beginning and length of each slice [us]: as stated, or from its first to its last event."""
        if spans is not None and self.contract.bin_span == "slice":
            return spans
        first, last = bounds[:-1], np.maximum(bounds[1:] - 1, bounds[:-1])
        if not len(events.time):
            return np.zeros(len(first), np.int64), np.ones(len(first), np.int64)
        time = np.append(events.time, events.time[-1])
        until = 1 if self.contract.representation == "time_surface" else 0
        return time[first], time[last] - time[first] + until

    def window_steps(self, events: Placed, sizes: tuple[int, int], closing: bool = False) -> Iterator[LayerTrace]:
        """Yield the steps of a window that slides over events: `sizes` holds its events and the new ones of a step."""
        from seneca_sim.kernels.slice_window import window_steps

        window, step_events = sizes
        if self.window is None:
            ring = (np.zeros(window, np.int64), np.zeros(window, np.int32))
            self.window = (ring, np.zeros(len(self.cells), np.int32))
        ring, histogram = self.window
        changes = self.contract.differences
        state = self.memory[3]
        held = min(window, len(self.cells))
        piece = max(len(events.time), 1) if changes else max(WINDOW_VALUES // held, 1) * step_events
        for first in range(0, max(len(events.time), 1), piece):
            part = events.part(first, first + piece)
            n_steps = (int(state[4]) + len(part.time)) // step_events + closing
            capacity = int(state[0]) + 2 * len(part.time) if changes else n_steps * held
            sparse = _sparse(n_steps, capacity, np.dtype(np.int32))
            state[1:3] = 0
            done = window_steps(
                part.cell, part.weight, sizes, ring, histogram, self.cells, self.memory, self.channels,
                self._limit, sparse, (changes, closing),
            )  # fmt: skip
            yield self._trace(sparse, done)

    def _trace(self, sparse: tuple[Any, ...], n_steps: int) -> LayerTrace:
        """Return what kernels wrote."""
        step_start, position, first_event, channel, value = sparse
        n_positions, n_values = (int(number) for number in self.memory[3][1:3])
        first_event[n_positions] = n_values
        first_event = first_event[: n_positions + 1].copy()
        values = value[:n_values].copy()
        if self.contract.scale != 1:
            values = (values * np.float32(self.contract.scale)).astype(np.float32)
        binary = self.contract.representation == "binary" and not self.contract.differences and self.contract.scale == 1
        return LayerTrace(
            step_start=step_start[: n_steps + 1],
            position=position[:n_positions].copy(),
            first_event=first_event,
            channel=channel[:n_values].copy(),
            value=None if binary else values,
            neuron_events=np.diff(first_event[step_start[: n_steps + 1]]),
            saturations=np.zeros(n_steps, np.int64),
        )


def _sparse(n_steps: int, capacity: int, dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """Return arrays that kernels fill with steps; one place more, since kernels write before they know that it counts."""
    return (
        np.zeros(n_steps + 1, np.int64),
        np.empty(capacity + 1, np.int32),
        np.empty(capacity + 1, np.int64),
        np.empty(capacity + 1, np.int32),
        np.empty(capacity + 1, dtype),
    )

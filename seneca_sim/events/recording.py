"""Recordings that are read block by block, so that memory does not grow with their length: of events, or of frames.

A format's module gives an `EventSource`: what the header states, and a function that decodes the file from its beginning.
`event_recording` makes a `Recording` of it, whose blocks are checked, in the order of time, and of one sensor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError, RequestError
from seneca_sim.events.stream import EventStream

__all__ = ["BACKWARD_US", "Columns", "EventSource", "FrameRecording", "Recording", "event_recording", "whole_stream"]

BLOCK_EVENTS = 1 << 20
"""Events of a block where nothing else is asked for."""
PROBE_EVENTS = 1 << 12
"""Events of a block where only the first event is asked for."""
BLOCK_BYTES = 1 << 24
"""Size of a block of frames where nothing else is asked for [bytes]."""
BACKWARD_US = 100_000
"""How far an event may lie before an earlier one of the file [us]; what lies further back is damage, or another recording."""

HELD_EVENTS = 1 << 20
"""Events at the beginning of a recording that may stand in any order where the format is not that of a camera."""

Arrays = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]


class Columns(NamedTuple):
    """Events as a format's decoder gives them, in the order of the file."""

    t_us: NDArray[np.int64]
    x: NDArray[np.int32]
    y: NDArray[np.int32]
    p: NDArray[np.uint8]
    fixed: bool = True
    """False where the file holds more than events, so that an event's number does not tell its byte."""

    @property
    def arrays(self) -> Arrays:
        """The four columns alone."""
        return self.t_us, self.x, self.y, self.p

    def piece(self, first: int, last: int, *, fixed: bool = True) -> Columns:
        """Return the events [first, last)."""
        return Columns(self.t_us[first:last], self.x[first:last], self.y[first:last], self.p[first:last], fixed)


@dataclass(frozen=True, slots=True, eq=False)
class EventSource:
    """What the header of a file of events states, and how its events are decoded."""

    path: Path
    format: str
    """Name of the format, such as ``EVT3``."""
    decode: Callable[[int], Iterator[Columns]]
    """From the largest number of events in a block to blocks, always from the beginning of the recording."""
    size: tuple[int, int] | None = None
    """Width and height of the sensor, None where the file does not state them."""
    start_us: int | None = 0
    """Where the first time step begins; None: with the first event (cameras with a free-running clock)."""
    duration_us: int | None = None
    """Length that the format's users agree on; None: up to the last event."""
    customary: tuple[int, int] | None = None
    """(side, length [us]): a recording that fits side x side pixels has this length."""
    n_events: int | None = None
    """Number of events, where it is known without decoding."""
    first_byte: int | None = None
    """Where event 0 begins in the file; None where events have no fixed place."""
    event_bytes: int = 0
    """Bytes an event, where `first_byte` is known."""
    any_order: bool = False
    """Whether no clock of a camera wrote the file, so that its first `HELD_EVENTS` events may stand in any order."""
    assumptions: tuple[str, ...] = ()
    """What the file does not state and was taken for granted, one sentence each."""

    def __post_init__(self) -> None:
        """Refuse a sensor without pixels."""
        if self.size is not None and min(self.size) < 1:
            raise EventsError(
                f"{self.path.name}: the sensor must be at least 1x1 pixels, not {self.size[0]}x{self.size[1]}"
            )

    def stream(self, columns: Columns, first_event: int, size: tuple[int, int]) -> EventStream:
        """Return a block that begins with the given event of the recording as a checked stream in the order of the file."""
        return EventStream(
            *columns.arrays,
            *size,
            source=self.path.name,
            geometry_stated=self.size is not None,
            start_us=self.start_us or 0,
            duration_us=self.duration_us,
            first_byte=self.first_byte if columns.fixed else None,
            event_bytes=self.event_bytes,
            first_event=first_event,
        )

    def reach(self, blocks: Iterator[Columns]) -> tuple[tuple[int, int], int]:
        """Return the width and height that just hold all events, at least 1x1, and the number of events."""
        width, height, n_events = 1, 1, 0
        for columns in blocks:
            width, height = max(width, int(columns.x.max()) + 1), max(height, int(columns.y.max()) + 1)
            n_events += len(columns.t_us)
        return (width, height), n_events

    def length(self, size: tuple[int, int]) -> int | None:
        """Return the agreed length of a recording from a sensor of this size."""
        if self.customary is not None and max(size) <= self.customary[0]:
            return self.customary[1]
        return self.duration_us


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A recording of events; each pass over `blocks` reads the file from its beginning."""

    path: Path
    format: str
    """Name of the format, such as ``EVT3``."""
    width: int
    """Columns of the sensor [pixels]."""
    height: int
    """Rows of the sensor [pixels]."""
    geometry_stated: bool
    """False where the file does not state the sensor's size: width and height then just hold all events."""
    start_us: int
    """Where the first time step begins [us]."""
    duration_us: int | None
    """Length that the format's users agree on; None: up to the last event."""
    n_events: int | None
    """Number of events, where it is known without decoding all of them."""
    source: EventSource

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the file does not state and was taken for granted, one sentence each."""
        return self.source.assumptions

    def blocks(self, max_events: int = BLOCK_EVENTS) -> Iterator[EventStream]:
        """Yield all events in the order of time, at most `max_events` at once.

        Every block has the recording's size, start and length; `EventStream.disordered` counts the events that stood
        behind a later one in the file.
        """
        if max_events < 1:
            raise RequestError(f"max_events must be at least 1, not {max_events}")
        size = self.width, self.height
        for stream in _in_order(_checked(self.source, self.source.decode(max_events), size), self.source.any_order):
            for first in range(0, stream.n_events, max_events):
                late = 0 if first else stream.disordered
                piece = _piece(stream, first, first + max_events, late)
                yield _with(piece, start_us=self.start_us, duration_us=self.duration_us)


@dataclass(frozen=True, slots=True, eq=False)
class FrameRecording:
    """A recording of frames; each pass over `blocks` reads the file from its beginning."""

    path: Path
    format: str
    """Name of the format, such as ``NumPy array``."""
    n_frames: int
    """Number of frames."""
    shape: tuple[int, int, int]
    """Channels, rows and columns of a frame."""
    decode: Callable[[int], Iterator[NDArray[Any]]]
    """From the largest number of frames in a block to blocks (T, channels, rows, columns)."""
    frame_us: int | None = None
    """Time from frame to frame [us], where the file states it."""
    assumptions: tuple[str, ...] = ()
    """What the file does not state and was taken for granted, one sentence each."""

    def blocks(self, max_frames: int | None = None) -> Iterator[NDArray[Any]]:
        """Yield all frames in turn as (T, channels, rows, columns) arrays of the file's number type."""
        if max_frames is not None and max_frames < 1:
            raise RequestError(f"max_frames must be at least 1, not {max_frames}")
        pixels = self.shape[0] * self.shape[1] * self.shape[2]
        yield from self.decode(max_frames or max(BLOCK_BYTES // (4 * pixels), 1))


def _with(stream: EventStream, **changed: Any) -> EventStream:
    """Return the same events with other facts about them, without checking them again."""
    again = object.__new__(EventStream)
    for name in EventStream.__slots__:
        object.__setattr__(again, name, changed.get(name, getattr(stream, name)))
    return again


def _checked(source: EventSource, blocks: Iterator[Columns], size: tuple[int, int]) -> Iterator[EventStream]:
    """Yield blocks that are not empty as streams in the order of the file; refuse events off the sensor or before time 0."""
    first_event = 0
    for columns in blocks:
        if len(columns.t_us):
            yield source.stream(columns, first_event, size)
        first_event += len(columns.t_us)


def _in_order(streams: Iterator[EventStream], any_order: bool) -> Iterator[EventStream]:
    """Yield the same events sorted by time, block by block; refuse jumps back of more than `BACKWARD_US`.

    Blocks wait until nothing that is yet to come can lie before their last event. One that goes back in time is merged
    with those that it reaches into. With `any_order` the first `HELD_EVENTS` events are sorted at once.
    """
    if any_order:
        streams = _sorted_beginning(streams)
    waiting: deque[EventStream] = deque()
    latest = -1
    for stream in streams:
        if latest <= stream.t_us[0] and not np.any(stream.t_us[1:] < stream.t_us[:-1]):
            latest = int(stream.t_us[-1])
        else:
            before = np.maximum(np.maximum.accumulate(stream.t_us), latest)
            stream, latest = _sorted(_counted(stream, before)), int(before[-1])
        reached = [stream]
        while waiting and waiting[-1].t_us[-1] > stream.t_us[0]:
            reached.append(waiting.pop())
        if len(reached) > 1:
            stream = _sorted(_joined(reached[::-1]))
            settled = int(np.searchsorted(stream.t_us, latest - BACKWARD_US))
            if settled:
                waiting.append(_piece(stream, 0, settled, stream.disordered))
            stream = _piece(stream, settled, stream.n_events, 0 if settled else stream.disordered)
        waiting.append(stream)
        while waiting[0].t_us[-1] < latest - BACKWARD_US:
            yield waiting.popleft()
    yield from waiting


def _sorted_beginning(streams: Iterator[EventStream]) -> Iterator[EventStream]:
    """Yield the first `HELD_EVENTS` events in the order of time, then the others as they come."""
    first, held = [], 0
    while held < HELD_EVENTS and (stream := next(streams, None)) is not None:
        first.append(stream)
        held += stream.n_events
    if first:
        whole = _joined(first)
        late = int(np.count_nonzero(whole.t_us < np.maximum.accumulate(whole.t_us)))
        yield from [_with(_sorted(whole), disordered=late)] if late else first
    yield from streams


def _counted(stream: EventStream, before: NDArray[np.int64]) -> EventStream:
    """Count the events that lie behind the latest time so far, `before`; refuse one that lies further back than allowed."""
    behind_us = before - stream.t_us
    if behind_us.max() > BACKWARD_US:
        k = int(np.argmax(behind_us > BACKWARD_US))
        raise EventsError(
            f"{stream.source}: {stream.place(k)} at {stream.t_us[k]} us comes after an event at {before[k]} us; times may go "
            f"back by {BACKWARD_US} us at most: the file is damaged or holds several recordings, sort or split it"
        )
    return _with(stream, disordered=int(np.count_nonzero(behind_us)))


def _sorted(stream: EventStream) -> EventStream:
    """Return a stream in the order of time; events of one time keep their order."""
    order = np.argsort(stream.t_us, kind="stable")
    columns = {name: getattr(stream, name)[order] for name in ("t_us", "x", "y", "p")}
    return _with(stream, **columns, first_byte=None)


def _joined(streams: list[EventStream]) -> EventStream:
    """Return streams of one recording one behind the other."""
    if len(streams) == 1:
        return streams[0]
    columns = {name: np.concatenate([getattr(stream, name) for stream in streams]) for name in ("t_us", "x", "y", "p")}
    fixed = all(stream.first_byte is not None for stream in streams)
    return _with(
        streams[0],
        **columns,
        first_byte=streams[0].first_byte if fixed else None,
        disordered=sum(stream.disordered for stream in streams),
    )


def _piece(stream: EventStream, first: int, last: int, disordered: int) -> EventStream:
    """Return the events [first, last) of a stream."""
    columns = {name: getattr(stream, name)[first:last] for name in ("t_us", "x", "y", "p")}
    return _with(stream, **columns, first_event=stream.first_event + first, disordered=disordered)


def event_recording(source: EventSource) -> Recording:
    """Open a source; a file that does not state the sensor's size is passed once for it."""
    size, n_events, start_us = source.size, source.n_events, source.start_us
    if size is None:
        size, n_events = source.reach(block for block in source.decode(BLOCK_EVENTS) if len(block.t_us))
    recording = Recording(
        source.path,
        source.format,
        *size,
        source.size is not None,
        start_us or 0,
        source.length(size),
        n_events,
        source,
    )
    if start_us is not None:
        return recording
    first = next(recording.blocks(PROBE_EVENTS), None)
    return replace(recording, start_us=0 if first is None else int(first.t_us[0]))


def whole_stream(source: EventSource) -> EventStream:
    """Read all events of a source at once, in the order of time."""
    blocks = [block for block in source.decode(BLOCK_EVENTS) if len(block.t_us)]
    size = source.size or source.reach(iter(blocks))[0]
    streams = list(_in_order(_checked(source, iter(blocks), size), source.any_order))
    if not streams:
        empty = Columns(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.uint8))
        return source.stream(empty, 0, size)
    stream = _joined(streams)
    start_us = int(stream.t_us[0]) if source.start_us is None else source.start_us
    return _with(stream, start_us=start_us, duration_us=source.length(size))

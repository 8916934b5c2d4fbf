"""Slice a recording into time steps of a network's input, block by block: by time, by number, or as a sliding window.

Memory holds one block, one step's map, and the sparse steps that came out; never the recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError, RequestError
from seneca_sim.events.gather import Gatherer, Placed, check_channels
from seneca_sim.events.sparse import LayerTrace, differences, joined
from seneca_sim.events.stream import EventStream
from seneca_sim.events.view import View, fitted_view
from seneca_sim.graph.network import InputContract, Representation

__all__ = ["Slicing", "slicing_of", "sliced", "stream_steps"]

MAX_STEPS = 10_000_000
"""Beyond this a recording was probably stamped by a clock that started long before it."""


@dataclass(frozen=True, slots=True)
class Slicing:
    """How a recording becomes steps; the first `steps` of them (None: all).

    A step has `slice_us` microseconds; or `slice_events` events that the network sees; or, with `window_events`, the last
    so many events after every `slice_events` new ones.
    """

    slice_us: int = 1000
    slice_events: int | None = None
    steps: int | None = None
    start_us: int | None = None
    """Where step 0 begins [us]; None: where the recording says."""
    window_events: int | None = None

    def __post_init__(self) -> None:
        """Refuse lengths below one."""
        for name in ("slice_us", "slice_events", "steps", "window_events"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise RequestError(f"{name} must be at least 1, not {value}")
        if self.window_events is not None and self.slice_events is None:
            raise RequestError("window_events needs slice_events, the number of new events of a step")


def slicing_of(contract: InputContract, steps: int | None = None, start_us: int | None = None) -> Slicing:
    """Return the slicing that a contract states.

    >>> slicing_of(InputContract(slice_us=5000), steps=3)
    Slicing(slice_us=5000, slice_events=None, steps=3, start_us=None, window_events=None)
    """
    return Slicing(contract.slice_us, contract.slice_events, steps, start_us, contract.window_events)


def sliced(
    blocks: Iterable[EventStream],
    shape: tuple[int, int, int],
    contract: InputContract,
    view: View,
    slicing: Slicing,
    source: str,
) -> Iterator[LayerTrace]:
    """Yield the steps of a recording's blocks, several at once, for an input of `shape` (channels, rows, columns).

    Blocks come in the order of time. Reading ends with the last step that is asked for. Errors begin with `source`.
    """
    gatherer = Gatherer(shape, contract, view)
    if slicing.slice_events is None:
        steps = _by_time(blocks, gatherer, slicing, source)
    elif slicing.window_events is None:
        steps = _by_number(blocks, gatherer, slicing.slice_events, slicing, source)
    else:
        return _capped(_by_window(blocks, gatherer, slicing, source), slicing)
    return differences(steps, shape) if contract.differences else steps


def _by_time(blocks: Iterable[EventStream], gatherer: Gatherer, slicing: Slicing, source: str) -> Iterator[LayerTrace]:
    """Yield steps of equal time. What comes after the agreed length of a recording counts at its end (N-MNIST: 299 ms)."""
    width = slicing.slice_us
    start, limit, step, last = slicing.start_us, slicing.steps, 0, -1
    waiting = Placed.nothing()
    for block in blocks:
        if start is None:
            start = block.start_us
        if block.duration_us is not None and slicing.steps is None:
            limit = -(-block.duration_us // width)
        events = gatherer.placed(
            block, start, None if block.duration_us is None else block.start_us + block.duration_us
        )
        latest = _latest(block, start)
        last = max(last, (latest - start) // width)
        if limit is None and last >= MAX_STEPS:
            raise _too_many(source, last + 1, start)
        reached = last if limit is None else min(last, limit - 1)
        if reached < step:
            continue
        edges = start + np.arange(step, reached + 2) * width
        events = waiting.then(events)
        bounds = np.searchsorted(events.time, edges)
        bounds[0] = 0
        ended = limit is not None and last >= limit
        complete = reached - step + ended
        spans = (edges[:-1], np.full(len(edges) - 1, width))
        trace, waiting = gatherer.steps(events, bounds, complete, spans)
        yield trace
        step += complete
        if ended or (limit is not None and step >= limit):
            return
    total = last + 1 if limit is None else limit
    start = start or 0
    if total < 1:
        raise _nothing(source, start)
    if total > MAX_STEPS:
        raise _too_many(source, total, start)
    edges = start + np.arange(step, total + 1) * width
    bounds = np.append(0, np.full(total - step, len(waiting.time)))
    yield gatherer.steps(waiting, bounds, total - step, (edges[:-1], np.full(total - step, width)))[0]


def _latest(block: EventStream, start: int) -> int:
    """Return when the last event of a block counts [us]; before `start` if there is none."""
    if not block.n_events:
        return start - 1
    latest = int(block.t_us[-1])
    return latest if block.duration_us is None else min(latest, block.start_us + block.duration_us - 1)


def _by_number(
    blocks: Iterable[EventStream], gatherer: Gatherer, size: int, slicing: Slicing, source: str
) -> Iterator[LayerTrace]:
    """Yield steps of equally many events; the last may have fewer."""
    limit, done, opened, start = slicing.steps, 0, 0, slicing.start_us
    waiting = Placed.nothing()
    for block in blocks:
        start = block.start_us if start is None else start
        events = waiting.then(gatherer.placed(block, start, None))
        gathered = opened - len(waiting.time)
        complete = (gathered + len(events.time)) // size
        if limit is not None:
            complete = min(complete, limit - done)
        bounds = np.concatenate([[0], size - gathered + size * np.arange(complete), [len(events.time)]])
        trace, waiting = gatherer.steps(events, bounds, complete, None)
        yield trace
        done += complete
        opened = gathered + len(events.time) - complete * size
        if limit is not None and done >= limit:
            return
    rest = 1 if opened else 0
    total = done + rest if limit is None else limit
    if total < 1:
        raise _nothing(source, start or 0)
    bounds = np.append(0, np.full(total - done, len(waiting.time)))
    yield gatherer.steps(waiting, bounds, total - done, None)[0]


def _by_window(
    blocks: Iterable[EventStream], gatherer: Gatherer, slicing: Slicing, source: str
) -> Iterator[LayerTrace]:
    """Yield what a sliding window changes, or holds, after every so many new events; the last step may have fewer."""
    sizes = slicing.window_events or 1, slicing.slice_events or 1
    start, done = slicing.start_us, 0
    for block in blocks:
        start = block.start_us if start is None else start
        for trace in gatherer.window_steps(gatherer.placed(block, start, None), sizes):
            done += trace.n_steps
            yield trace
            if slicing.steps is not None and done >= slicing.steps:
                return
    for trace in gatherer.window_steps(Placed.nothing(), sizes, closing=True):
        done += trace.n_steps
        yield trace
    if not done and slicing.steps is None:
        raise _nothing(source, start or 0)


def _capped(traces: Iterator[LayerTrace], slicing: Slicing) -> Iterator[LayerTrace]:
    """Yield exactly the steps that are asked for: no more, and silent ones where the recording ends."""
    done = 0
    for trace in traces:
        kept = trace if slicing.steps is None else trace.first(slicing.steps - done)
        done += kept.n_steps
        yield kept
    if slicing.steps is not None and done < slicing.steps:
        yield LayerTrace.silent(slicing.steps - done)


def _nothing(source: str, start_us: int) -> EventsError:
    return EventsError(
        f"{source}: no event at or after {start_us} us; state the number of steps or an earlier start_us"
    )


def _too_many(source: str, steps: int, start_us: int) -> EventsError:
    return EventsError(
        f"{source}: {steps} steps from {start_us} us to the last event are too many; "
        "ask for fewer steps or longer ones, or state where the recording starts (start_us)"
    )


def stream_steps(
    stream: EventStream,
    shape: tuple[int, int, int],
    representation: Representation | InputContract,
    slicing: Slicing | None = None,
    view: View | None = None,
) -> LayerTrace:
    """Return the input events of each step for a network input of `shape` (channels, rows, columns).

    Two channels are the polarities (0 OFF, 1 ON; exchanged by `flip_polarity`), one channel merges them. `binary` is 1
    for any number of events in a bin, `count` is their number, `signed_count` is ON minus OFF in one channel; the rest
    is stated by `InputContract`, which may be given instead.

    >>> x, y, p = np.array([[0, 0, 1], [0, 0, 0], [1, 1, 0]])
    >>> stream = EventStream(np.array([0, 10, 1500]), x, y, p, width=2, height=1, source="three")
    >>> trace = stream_steps(stream, (1, 1, 2), "signed_count", Slicing(slice_us=1000))
    >>> trace.step_start, trace.position, trace.value
    (array([0, 1, 2]), array([0, 1], dtype=int32), array([ 2, -1], dtype=int32))
    """
    contract = representation if isinstance(representation, InputContract) else InputContract(representation)
    slicing = slicing or slicing_of(contract)
    channels, rows, columns = shape
    check_channels(stream.source, channels, contract)
    seen, _ = fitted_view(
        stream.source, (stream.width, stream.height), stream.geometry_stated, (columns, rows), contract, view or View()
    )
    t_us: NDArray[np.int64] = stream.t_us
    if len(t_us) and np.any(t_us[1:] < t_us[:-1]):
        order = np.argsort(t_us, kind="stable")
        stream = replace(stream, t_us=t_us[order], x=stream.x[order], y=stream.y[order], p=stream.p[order])
    return joined(list(sliced([stream], shape, contract, seen, slicing, stream.source)))

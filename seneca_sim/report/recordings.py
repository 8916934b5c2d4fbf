"""What a recording holds, and what a network sees of it, in words. One pass over the file, whatever its length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import RequestError
from seneca_sim.events.inputs import input_traces, opened
from seneca_sim.events.recording import FrameRecording, Recording
from seneca_sim.events.sparse import LayerTrace, dense_steps, joined
from seneca_sim.events.steps import Slicing, sliced
from seneca_sim.events.stream import EventStream
from seneca_sim.events.view import View
from seneca_sim.graph.contract import contract_text
from seneca_sim.graph.network import InputContract

if TYPE_CHECKING:
    from seneca_sim.graph.network import Network

__all__ = [
    "RecordingFacts",
    "SeenInput",
    "facts_text",
    "recording_facts",
    "recording_line",
    "recording_text",
    "seen_input",
    "seen_text",
]

DENSITY_US = 10_000
"""Length of the slices in which active pixels are counted."""
MOST_BINS = 4096
"""Bins of the rate over time; twice as wide ones are used when they do not suffice."""
HOT_TIMES = 10
"""A pixel is hot that sends so many times more events than each of its neighbours, and at least `HOT_EVENTS`."""
HOT_EVENTS = 20
LARGEST_STEPS = 4
"""Steps of which a network's input is shown."""
_BARS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True, eq=False)
class RecordingFacts:
    """What one pass over a recording of events tells."""

    recording: Recording
    on: NDArray[np.int64]
    """(rows, columns) ON events."""
    off: NDArray[np.int64]
    """(rows, columns) OFF events."""
    first_us: int
    last_us: int
    rate_bins: NDArray[np.int64]
    """Events in bins of `bin_us` from the first event on."""
    bin_us: int
    disordered: int
    """Events that stood behind a later one in the file."""
    active: NDArray[np.int64]
    """Pixels with an event in each 10 ms."""

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.on.sum() + self.off.sum())

    @property
    def hot(self) -> list[tuple[int, int, int]]:
        """(x, y, events) of hot pixels, the busiest first."""
        counts = self.on + self.off
        padded = np.pad(counts, 1)
        rows, columns = counts.shape
        shifts = [(dy, dx) for dy in range(3) for dx in range(3) if (dy, dx) != (1, 1)]
        around = np.max([padded[dy : dy + rows, dx : dx + columns] for dy, dx in shifts], axis=0)
        places = np.argwhere((counts >= HOT_EVENTS) & (counts > HOT_TIMES * around))
        return sorted(((int(x), int(y), int(counts[y, x])) for y, x in places), key=lambda hot: (-hot[2], hot))


class _Tally:
    """Counts what passes by."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        n = recording.width * recording.height
        self.counts = [np.zeros(n, np.int64), np.zeros(n, np.int64)]
        self.first = self.last = 0
        self.bins, self.bin_us = np.zeros(MOST_BINS, np.int64), 1000
        self.seen = self.disordered = 0

    def passing(self) -> Iterator[EventStream]:
        """Yield the recording's blocks and count their events."""
        for block in self.recording.blocks():
            pixel = block.y.astype(np.int64) * self.recording.width + block.x
            for polarity, counts in enumerate(self.counts):
                counts += np.bincount(pixel[block.p == polarity], minlength=len(counts))
            if not self.seen:
                self.first = int(block.t_us[0])
            self.last = int(block.t_us[-1])
            while (self.last - self.first) // self.bin_us >= MOST_BINS:
                self.bins = np.append(self.bins[::2] + self.bins[1::2], np.zeros(MOST_BINS // 2, np.int64))
                self.bin_us *= 2
            self.bins += np.bincount((block.t_us - self.first) // self.bin_us, minlength=MOST_BINS)
            self.seen += block.n_events
            self.disordered += block.disordered
            yield block


def recording_facts(recording: Recording) -> RecordingFacts:
    """Read a recording of events once and return what it holds."""
    tally = _Tally(recording)
    shape = (1, recording.height, recording.width)
    first = next(recording.blocks(4096), None)
    active: list[NDArray[np.int64]] = []
    if first is not None:
        start = int(first.t_us[0])
        slicing = Slicing(DENSITY_US, start_us=start)
        contract = InputContract("binary", DENSITY_US)
        active = [
            trace.neuron_events
            for trace in sliced(tally.passing(), shape, contract, View(), slicing, recording.path.name)
        ]
    size = recording.height, recording.width
    used = (tally.last - tally.first) // tally.bin_us + 1
    return RecordingFacts(
        recording,
        tally.counts[1].reshape(size),
        tally.counts[0].reshape(size),
        tally.first,
        tally.last,
        tally.bins[:used] if tally.seen else tally.bins[:0],
        tally.bin_us,
        tally.disordered,
        np.concatenate(active) if active else np.zeros(0, np.int64),
    )


def recording_line(facts: RecordingFacts) -> str:
    """Return pixels, events, duration, rate and polarity of a recording."""
    recording, n_events = facts.recording, facts.n_events
    seconds = (facts.last_us - facts.first_us) / 1e6
    rate = f", {n_events / seconds:,.0f} events/s" if seconds else ""
    on = f", {int(facts.on.sum()) / n_events:.0%} ON" if n_events else ""
    reach = "" if recording.geometry_stated else " (as far as events reach)"
    size = f"{recording.width}x{recording.height} pixels{reach}"
    return f"{size}, {n_events:,} events in {seconds * 1e3:,.1f} ms{rate}{on}"


def recording_text(path: Path | str) -> str:
    """Return what a recording holds, in a few lines: of events, or of frames.

    >>> print(recording_text("digits").splitlines()[1])
    20x20 pixels, 2,218 events in 116.1 ms, 19,097 events/s, 62% ON
    """
    recording = opened(path)
    if isinstance(recording, FrameRecording):
        return _frames_text(recording)
    return facts_text(recording_facts(recording))


def facts_text(facts: RecordingFacts) -> str:
    """Return what a recording of events holds, in a few lines."""
    lines = [facts.recording.path.name, recording_line(facts), f"format: {facts.recording.format}"]
    if not facts.n_events:
        return "\n".join(lines)
    pixels = facts.on.size
    used = np.count_nonzero(facts.on + facts.off)
    lines.append(
        f"density: {facts.active.mean() / pixels:.2%} of the pixels have an event in 10 ms (most: "
        f"{facts.active.max() / pixels:.2%}), {used / pixels:.1%} in the whole recording"
    )
    seconds = facts.bin_us / 1e6
    shown = _coarser(facts.rate_bins, 60)
    bars = "".join(_BARS[min(round(8 * value / max(shown.max(), 1)), 8)] for value in shown)
    lines.append(f"rate: |{bars}| up to {facts.rate_bins.max() / seconds:,.0f} events/s in {facts.bin_us / 1000:g} ms")
    hot = facts.hot
    named = ", ".join(f"({x}, {y}) {count:,} events" for x, y, count in hot[:3])
    lines.append(f"hot pixels: {len(hot)}{': ' + named if hot else ''}{', ...' if len(hot) > 3 else ''}")
    late = f"{facts.disordered:,} events stand behind a later one" if facts.disordered else "all events in order"
    lines.append(f"time: {late}, from {facts.first_us:,} to {facts.last_us:,} us")
    return "\n".join(lines)


def _coarser(bins: NDArray[np.int64], most: int) -> NDArray[np.float64]:
    """Return at most so many means over neighbouring bins."""
    edges = np.linspace(0, len(bins), min(len(bins), most) + 1).astype(int)
    return np.array([bins[first:last].mean() for first, last in pairwise(edges)])


def _frames_text(recording: FrameRecording) -> str:
    """Return what a recording of frames holds."""
    channels, rows, columns = recording.shape
    every = "" if recording.frame_us is None else f", one every {recording.frame_us:,} us"
    lines = [
        recording.path.name,
        f"{columns}x{rows} pixels, {channels} channels, {recording.n_frames:,} frames{every}",
        f"format: {recording.format}",
        *(f"assumed: {note}" for note in recording.assumptions),
    ]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True, eq=False)
class SeenInput:
    """What a network sees of a recording."""

    network: Network
    source: str
    trace: LayerTrace
    assumptions: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, rows, columns) of the input."""
        return next(layer.shape for layer in self.network.layers if layer.is_input)

    def shown_steps(self) -> tuple[list[int], NDArray[np.float32]]:
        """Return a few steps over the whole input, and their maps (steps, channels, rows, columns)."""
        n = self.trace.n_steps
        count = min(LARGEST_STEPS, n)
        chosen = sorted({round((k + 0.5) * n / count - 0.5) for k in range(count)})
        return chosen, np.concatenate([dense_steps(self.trace.step(step), self.shape) for step in chosen])


def seen_input(network: Network, path: Path | str, view: View, steps: int | None) -> SeenInput:
    """Slice a recording as a network's input contract says."""
    inputs = [layer.name for layer in network.layers if layer.is_input]
    if len(inputs) != 1:
        raise RequestError(
            f"{network.name} has the inputs {', '.join(inputs)}; what one recording gives to one is shown"
        )
    recording = opened(path)
    pieces, notes, _ = input_traces(network, recording, network.input_contract, view, steps=steps)
    return SeenInput(network, recording.path.name, joined(list(pieces)), (*network.assumptions, *notes))


def seen_text(seen: SeenInput) -> str:
    """Return the contract of a network, what it sees, and what was assumed."""
    channels, rows, columns = seen.shape
    trace = seen.trace
    values = len(trace.channel)
    density = values / (trace.n_steps * channels * rows * columns) if trace.n_steps else 0.0
    reach = "all values are 1"
    if trace.value is not None and values:
        reach = f"values from {trace.value.min():g} to {trace.value.max():g}"
    lines = [
        f"{seen.source} for {seen.network.name}",
        contract_text(seen.network.input_contract),
        f"{channels} channels of {columns}x{rows} pixels (width x height), {trace.n_steps:,} steps",
        f"{values:,} values, {values / max(trace.n_steps, 1):,.1f} a step ({density:.2%} of the map), {reach}",
        *(f"assumed: {sentence}" for sentence in seen.assumptions),
    ]
    return "\n".join(lines)

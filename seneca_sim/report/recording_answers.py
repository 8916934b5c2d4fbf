"""Answer a question about a recording: describe it, show what a network sees, draw it, or write it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seneca_sim.errors import RequestError
from seneca_sim.events.camera import LARGEST
from seneca_sim.events.inputs import opened
from seneca_sim.events.recording import FrameRecording, Recording
from seneca_sim.report.recordings import (
    RecordingFacts,
    facts_text,
    recording_facts,
    recording_text,
    seen_input,
    seen_text,
)

if TYPE_CHECKING:
    from seneca_sim.graph.network import Network

__all__ = ["RecordingQuestion", "answer"]

RECORDINGS = (".npz", ".dat")
"""Formats in which recordings are written."""


@dataclass(frozen=True, slots=True)
class RecordingQuestion:
    """A recording, the network that is to see it, and how; options as on the command line."""

    file: str | None = None
    synthesise: str | None = None
    size: str | None = None
    duration: str | None = None
    seed: int | None = None
    crop: str | None = None
    pool: int | None = None
    resize: str | None = None
    swap_xy: bool = False
    flip_polarity: bool = False
    network: str | None = None
    slice: str | None = None
    input: str | None = None
    steps: int | None = None
    width: int | None = None
    network_set: tuple[str, ...] = ()

    def source(self, camera: tuple[int, int] | None = None) -> str:
        """Return the file, or the name of the synthetic recording that is asked for, from a `camera` of the network's size."""
        made = {"size": self.size, "duration": self.duration, "seed": self.seed}
        if self.synthesise is not None:
            if self.file is not None:
                raise RequestError(f"synthesise makes a recording of its own; leave {self.file!r} out")
            if self.network is not None:
                made["size"] = None if camera is None else f"{camera[0]}x{camera[1]}"
            query = "&".join(f"{key}={value}" for key, value in made.items() if value is not None)
            return f"synthetic:{self.synthesise}" + (f"?{query}" if query else "")
        if self.file is None:
            raise RequestError(
                "which recording? give a file, a name of `seneca-sim list recordings`, or --synthesise road"
            )
        given = [key for key in made if made[key] is not None and not (key == "size" and self.network)]
        if given:
            raise RequestError(f"{', '.join(given)}: of synthetic recordings; give --synthesise road, or leave it out")
        return self.file

    def loaded(self) -> Network:
        """Return the network that is to see the recording."""
        from seneca_sim.graph import load_network
        from seneca_sim.graph.contract import with_input

        network = load_network(str(self.network), size=self.size, width=self.width, network_set=self.network_set)
        return with_input(network, self.slice, self.input)


def answer(question: RecordingQuestion, output: Path | None = None) -> Iterator[str]:
    """Yield the answer's lines; draw or write to `output` if there is one."""
    network = None if question.network is None else question.loaded()
    source = question.source(None if network is None else _camera_size(network))
    if output is not None and output.suffix.lower() not in (".png", ".pdf", ".svg", *RECORDINGS):
        raise RequestError(
            f"{output}: expected a picture (.png, .pdf, .svg) or a recording ({', '.join(RECORDINGS)}) as output"
        )
    writes = output is not None and output.suffix.lower() in RECORDINGS
    if network is not None:
        if writes:
            raise RequestError(
                f"{output}: what a network sees is drawn, not recorded; choose a picture such as seen.png"
            )
        yield from _seen(question, network, source, output)
        return
    only = {"slice": question.slice, "input": question.input, "steps": question.steps, "crop": question.crop}
    only |= {"pool": question.pool, "resize": question.resize, "width": question.width}
    only |= {"swap-xy": question.swap_xy or None, "flip-polarity": question.flip_polarity or None}
    if given := [f"--{name}" for name, value in only.items() if value is not None]:
        raise RequestError(
            f"{', '.join(given)}: for what a network sees; name it with --for NETWORK, or leave them out"
        )
    recording = opened(source)
    if writes and output is not None:
        yield _written(recording, output)
        return
    if isinstance(recording, FrameRecording):
        if output is not None:
            raise RequestError(f"{source}: frames are shown as a network sees them; name it with --for NETWORK")
        yield recording_text(source)
        return
    facts = recording_facts(recording)
    yield facts_text(facts)
    if output is not None:
        from seneca_sim.report.recording_plots import facts_figure, save_figure

        save_figure(facts_figure(facts), output)
        yield f"picture: {output}"
    elif sys.stdout.isatty():
        yield _drawn(facts)


def _camera_size(network: Network) -> tuple[int, int] | None:
    """Return width and height of the camera that a network was made for, None where no synthetic one has that size."""
    contract = network.input_contract
    _, rows, columns = next(layer.shape for layer in network.layers if layer.is_input)
    size = contract.sensor_width or columns * contract.pool, contract.sensor_height or rows * contract.pool
    return size if size[0] <= LARGEST[0] and size[1] <= LARGEST[1] else None


def _seen(question: RecordingQuestion, network: Network, source: str, output: Path | None) -> Iterator[str]:
    """Yield what a network sees of a recording."""
    from seneca_sim.events.view import parse_view

    if question.steps is not None and question.steps < 1:
        raise RequestError(f"steps must be an integer >= 1, not {question.steps}")
    view = parse_view(question.crop, question.pool, question.resize, question.swap_xy, question.flip_polarity)
    seen = seen_input(network, source, view, question.steps)
    yield seen_text(seen)
    if output is not None:
        from seneca_sim.report.recording_plots import save_figure, seen_figure

        save_figure(seen_figure(seen), output)
        yield f"picture: {output}"


def _written(recording: Recording | FrameRecording, output: Path) -> str:
    """Write a recording of events, and return what was written in a sentence."""
    from seneca_sim.events.writing import write_recording

    if isinstance(recording, FrameRecording):
        raise RequestError(f"{recording.path.name}: holds frames, which are not written as events")
    n_events = write_recording(recording, output)
    return f"{output}: {n_events:,} events of {recording.width}x{recording.height} pixels"


def _drawn(facts: RecordingFacts, columns: int = 76) -> str:
    """Return the picture of a recording in coloured half blocks, two rows of pixels in one of letters."""
    from seneca_sim.report.recording_plots import picture_of

    rows, width = facts.on.shape
    step = -(-width // columns)
    height, across = -(-rows // step), -(-width // step)
    padded = [np.zeros((height * step, across * step), np.int64) for _ in range(2)]
    for whole, counts in zip(padded, (facts.on, facts.off), strict=True):
        whole[:rows, :width] = counts
    blocks = [whole.reshape(height, step, across, step).sum(axis=(1, 3)) for whole in padded]
    pixels: Any = picture_of(blocks[0], blocks[1])
    if height % 2:
        pixels = np.concatenate([pixels, np.full((1, across, 3), 255, np.uint8)])
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        cells = [
            f"\x1b[38;2;{a[0]};{a[1]};{a[2]};48;2;{b[0]};{b[1]};{b[2]}m▀" for a, b in zip(upper, lower, strict=True)
        ]
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines)

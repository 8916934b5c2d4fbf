"""The command about recordings: what one holds, what a network sees of it, and a synthetic one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seneca_sim.cli.options import Crop, FlipPolarity, Input, NetworkSet, Pool, Resize, Slice, SwapXy, Width

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(events)


def events(
    file: Annotated[
        str | None,
        typer.Argument(help="Recording: a file, a shipped one, or synthetic:road?seed=1.", metavar="FILE"),
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", help="Show what this network sees of it.", metavar="NETWORK")
    ] = None,
    synthesise: Annotated[
        str | None,
        typer.Option("--synthesise", help="Make a recording with a synthetic camera: road.", metavar="SCENE"),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", help="Of the synthetic camera (WxH, up to 1280x720), or of a published network (HxW)."),
    ] = None,
    duration: Annotated[str | None, typer.Option("--duration", help="Of the synthetic recording, e.g. 500ms.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of the synthetic recording.")] = None,
    width: Width = None,
    network_set: NetworkSet = None,
    slice_: Slice = None,
    input_: Input = None,
    crop: Crop = None,
    pool: Pool = None,
    resize: Resize = None,
    swap_xy: SwapXy = False,
    flip_polarity: FlipPolarity = False,
    steps: Annotated[int | None, typer.Option("--steps", help="Time steps to slice for the network.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Picture (.png, .pdf, .svg), or recording (.npz, .dat).")
    ] = None,
) -> None:
    """Describe a recording: pixels, events, duration, rate, density, hot pixels, order; or what a network sees of it."""
    from seneca_sim.report.recording_answers import RecordingQuestion, answer

    made = {"synthesise": synthesise, "size": size, "duration": duration, "seed": seed}
    shaped = {"crop": crop, "pool": pool, "resize": resize, "swap_xy": swap_xy, "flip_polarity": flip_polarity}
    network = {"network": for_, "slice": slice_, "input": input_, "steps": steps, "width": width}
    question = RecordingQuestion(file, **made, **shaped, **network, network_set=tuple(network_set or ()))  # type: ignore[arg-type]
    for text in answer(question, output):
        typer.echo(text)

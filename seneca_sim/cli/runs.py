"""Commands that make results: run and reprice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seneca_sim.cli.options import (
    Chip,
    Cores,
    Crop,
    DtUs,
    FlipPolarity,
    Goal,
    Input,
    Json,
    MaxSpikes,
    Network,
    NetworkSet,
    Numerics,
    Output,
    Overflow,
    Pool,
    Reset,
    ResetEvery,
    Resize,
    Set,
    Size,
    Slice,
    State,
    SwapXy,
    Weights,
    Width,
    network_options,
)
from seneca_sim.cli.progress import live_progress
from seneca_sim.request import DEFAULT_NETWORK

if TYPE_CHECKING:
    from seneca_sim.report.result import Result

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(run)
    app.command()(reprice)


def run(
    network: Network = DEFAULT_NETWORK,
    events: Annotated[
        str | None, typer.Option("--events", help="Recording or frames: a file, or a shipped one.")
    ] = None,
    activity: Annotated[
        str | None, typer.Option("--activity", help="Stored activity, or densities to draw one from.")
    ] = None,
    chip: Chip = "seneca",
    set_: Set = None,
    mapping: Annotated[str | None, typer.Option("--mapping", help="Mapping file; automatic without.")] = None,
    goal: Goal = "balanced",
    cores: Cores = None,
    engine: Annotated[
        str, typer.Option("--engine", help="fast, reference (the same, slowly) or estimate (closed form).")
    ] = "fast",
    noc: Annotated[str | None, typer.Option("--noc", help="Network on chip: mesh or ideal (no contention).")] = None,
    order: Annotated[str | None, typer.Option("--order", help="Convolution: depth-first or conventional.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Time steps; all of the recording without.")] = None,
    dt_us: DtUs = None,
    slice_: Slice = None,
    input_: Input = None,
    crop: Crop = None,
    pool: Pool = None,
    resize: Resize = None,
    swap_xy: SwapXy = False,
    flip_polarity: FlipPolarity = False,
    reset: Reset = None,
    max_spikes: MaxSpikes = None,
    reset_every: ResetEvery = None,
    numerics: Numerics = None,
    state: State = None,
    size: Size = None,
    width: Width = None,
    network_set: NetworkSet = None,
    weights: Weights = None,
    overflow: Overflow = "saturate",
    seed: Annotated[int, typer.Option("--seed", help="Of whatever is drawn at random.")] = 0,
    begin: Annotated[
        int, typer.Option("--begin", help="First step that the chip runs; recurrent layers hold the step before.")
    ] = 0,
    warmup: Annotated[int, typer.Option("--warmup", help="First steps to leave out of latencies and intervals.")] = 0,
    output: Output = None,
    json: Json = False,
) -> None:
    """Run a network on the chip (without arguments: the shipped example) and report energy, latency, memory and cores."""
    from seneca_sim.simulation import run_named

    shaped = {"crop": crop, "pool": pool, "resize": resize, "swap_xy": swap_xy, "flip_polarity": flip_polarity}
    seen = {"input": input_, "events": events, "activity": activity, "steps": steps, "slice": slice_, "seed": seed}
    chosen = {"chip": chip, "set": tuple(set_ or ()), "mapping": mapping, "goal": goal, "cores": cores}
    timed = {"engine": engine, "noc": noc, "order": order, "begin": begin, "warmup": warmup}
    function = {"dt_us": dt_us, "reset": reset, "max_spikes": max_spikes, "numerics": numerics, "overflow": overflow}
    built = network_options(state, size, width, network_set, reset_every=reset_every, weights=weights)
    with live_progress() as progress:
        result = run_named(network, {**seen, **shaped, **chosen, **timed, **function, **built}, output, progress)
    _deliver(result, output, json)


def reprice(
    folder: Annotated[Path, typer.Argument(help="Result folder of an earlier run.", metavar="DIR")],
    set_: Set = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Price the stored counts of a run anew; changes that would alter timing are refused."""
    from seneca_sim.report.reprice import reprice_folder

    _deliver(reprice_folder(folder, tuple(set_ or ())), output, json)


def _deliver(result: Result, output: Path | None, json: bool) -> None:
    """Save a result if asked to, and print its summary."""
    if output is not None:
        result.save(output)
    if json:
        from seneca_sim.report.files import json_text

        typer.echo(json_text(result.summary), nl=False)
    else:
        from seneca_sim.report.terminal import print_summary

        print_summary(result)

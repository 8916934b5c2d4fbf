"""Commands about mappings: map writes one, validate checks one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seneca_sim.cli.options import (
    Chip,
    Cores,
    DtUs,
    Goal,
    MaxSpikes,
    Network,
    NetworkSet,
    Numerics,
    Reset,
    ResetEvery,
    Set,
    Size,
    State,
    Weights,
    Width,
    network_options,
)
from seneca_sim.cli.progress import live_progress
from seneca_sim.request import DEFAULT_NETWORK

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("map")(map_)
    app.command()(validate)


def map_(
    network: Network = DEFAULT_NETWORK,
    chip: Chip = "seneca",
    set_: Set = None,
    goal: Goal = "balanced",
    cores: Cores = None,
    order: Annotated[str | None, typer.Option("--order", help="Convolution: depth-first or conventional.")] = None,
    events: Annotated[str | None, typer.Option("--events", help="Recording to balance the load for; optional.")] = None,
    activity: Annotated[
        str | None, typer.Option("--activity", help="Activity to balance the load for; optional.")
    ] = None,
    dt_us: DtUs = None,
    reset: Reset = None,
    max_spikes: MaxSpikes = None,
    reset_every: ResetEvery = None,
    numerics: Numerics = None,
    state: State = None,
    size: Size = None,
    width: Width = None,
    network_set: NetworkSet = None,
    weights: Weights = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Mapping file to write.")] = Path("mapping.yaml"),
    plot: Annotated[Path | None, typer.Option("--plot", help="PNG file for load and memory of the cores.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print what the mapping is bound by as JSON.")] = False,
) -> None:
    """Map a network automatically, write the mapping as a file that can be edited and checked, and say what it is bound by."""
    from seneca_sim.simulation import write_mapping

    choices = {"network": network, "chip": chip, "set": tuple(set_ or ()), "goal": goal, "cores": cores, "order": order}
    function = {"dt_us": dt_us, "reset": reset, "max_spikes": max_spikes, "numerics": numerics}
    built = network_options(state, size, width, network_set, reset_every=reset_every, weights=weights)
    load = {"events": events, "activity": activity}
    with live_progress() as progress:
        text = write_mapping({**choices, **function, **built, **load}, output, progress, plot=plot, json=json)
    typer.echo(text)


def validate(
    mapping: Annotated[Path, typer.Argument(help="Mapping file.", metavar="MAPPING")],
    network: Annotated[
        str | None, typer.Option("--network", help="Network, where it is not the one that the file names.")
    ] = None,
    chip: Chip = "seneca",
    set_: Set = None,
    order: Annotated[str | None, typer.Option("--order", help="Convolution: depth-first or conventional.")] = None,
    numerics: Numerics = None,
    state: State = None,
    size: Size = None,
    width: Width = None,
    network_set: NetworkSet = None,
) -> None:
    """Check a mapping against network and chip: coverage, memory by kind, row buffers, routing tables."""
    from seneca_sim.simulation import check_mapping

    built = network_options(state, size, width, network_set)
    chosen = {"chip": chip, "set": tuple(set_ or ()), "order": order, "numerics": numerics}
    typer.echo(check_mapping(mapping, network, **chosen, **built))

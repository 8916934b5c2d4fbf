"""Commands about networks: convert."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seneca_sim.cli.options import DtUs, MaxSpikes, NetworkSet, Reset, ResetEvery, Size, State, Width, network_options

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(convert)


def convert(
    source: Annotated[str, typer.Argument(help="Network file of any format, or a shipped network.", metavar="IN")],
    target: Annotated[Path, typer.Argument(help="File to write: .h5 (native) or .nir.", metavar="OUT")],
    dt_us: DtUs = None,
    reset: Reset = None,
    max_spikes: MaxSpikes = None,
    reset_every: ResetEvery = None,
    state: State = None,
    size: Size = None,
    width: Width = None,
    network_set: NetworkSet = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="File of weights for the network: .npz, safetensors or .pt.")
    ] = None,
) -> None:
    """Write a network as a native or a NIR file; prints what had to be assumed."""
    from seneca_sim.graph.convert import convert_network

    built = network_options(state, size, width, network_set, reset_every=reset_every, weights=weights)
    graph = convert_network(source, target, dt_us=dt_us, reset=reset, max_spikes=max_spikes, **built)
    typer.echo(f"{graph.name}: {len(graph.nodes)} nodes written to {target}")
    for sentence in graph.assumptions:
        typer.echo(f"assumed: {sentence}")

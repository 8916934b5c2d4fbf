"""The command about activities: fit finds densities that meet a published total of operations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seneca_sim.cli.options import NetworkSet, Size, Width

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(fit)


def fit(
    network: Annotated[str, typer.Argument(help="Shipped network or network file.", metavar="NETWORK")],
    sops: Annotated[
        str, typer.Option("--sops", help="Synaptic operations of a step to meet, e.g. 2.75G.", metavar="NUMBER")
    ],
    rule: Annotated[
        str, typer.Option("--rule", help="Rule file: what is assumed of layers; or a shipped one.", metavar="RULE")
    ] = "zeros",
    tilt: Annotated[
        float, typer.Option("--tilt", help="Density of the last layer relative to the first, on top of the rule.")
    ] = 1.0,
    size: Size = None,
    width: Width = None,
    network_set: NetworkSet = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Activity file to write.")] = None,
) -> None:
    """Find densities that meet a published total of synaptic operations, by one rule, and write them as an activity file."""
    from seneca_sim.activity.fit import fit_report

    built = {"size": size, "width": width, "network_set": tuple(network_set or ())}
    for line in fit_report(network, sops, rule, output, tilt=tilt, **built):
        typer.echo(line)

"""Commands about published tables: reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seneca_sim.cli.options import output_folder
from seneca_sim.cli.progress import live_progress

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(reproduce)


def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(help="Table, or all for the whole scorecard; without it, the list of tables.", metavar="NAME"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Folder for CSV, Markdown and plot of each table.",
            parser=output_folder,
            metavar="PATH",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON and nothing else.")] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take what the tables give now into the accepted scorecard.")
    ] = False,
) -> None:
    """Compute published tables anew: published values, ours beside them, deviations, sources and how ours came about."""
    from seneca_sim.reproduce.answer import answer

    with live_progress() as progress:
        given = answer(name, output, json, accept, progress)
    typer.echo(given.text)
    for change in given.moved:
        typer.echo(f"moved: {change}", err=True)
    if given.moved:
        raise typer.Exit(1)

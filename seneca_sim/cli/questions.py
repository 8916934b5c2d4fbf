"""Commands that answer questions: list, show, explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seneca_sim.cli.options import DtUs, NetworkSet, Numerics, Set, Size, State, Width, network_options

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("list")(list_)
    app.command()(show)
    app.command()(explain)


def list_(
    what: Annotated[
        str, typer.Argument(help="chips, models, mappings, activities, recordings or tables.", metavar="WHAT")
    ],
) -> None:
    """List what ships with the package, or the output tables."""
    from seneca_sim.report.catalogue import listing

    typer.echo(listing(what))


def show(
    name: Annotated[str, typer.Argument(help="Chip or network: a shipped name or a file.", metavar="NAME")],
    set_: Set = None,
    dt_us: DtUs = None,
    numerics: Numerics = None,
    state: State = None,
    size: Size = None,
    width: Width = None,
    network_set: NetworkSet = None,
    json: Annotated[bool, typer.Option("--json", help="Layers and totals of a network as JSON.")] = False,
    draw: Annotated[
        Path | None, typer.Option("--draw", help="Save a drawing of a network as .png, .svg or .pdf.")
    ] = None,
) -> None:
    """Show every constant of a chip with its source, or the layers of a network."""
    from seneca_sim.report.catalogue import shown_text

    built = network_options(state, size, width, network_set)
    typer.echo(shown_text(name, tuple(set_ or ()), json, draw, dt_us=dt_us, numerics=numerics, **built))


def explain(
    subject: Annotated[str, typer.Argument(help="Result folder, or a word of the output.", metavar="DIR|TERM")],
    question: Annotated[
        str | None, typer.Argument(help="field[:layer[:component]], e.g. energy_uj:conv1:npe.", metavar="QUESTION")
    ] = None,
    chip: Annotated[str, typer.Option("--chip", help="Chip whose constant is meant.")] = "seneca",
) -> None:
    """Unfold a number of a result into counts times prices, or define an output column or a constant of the chip."""
    from seneca_sim.report.catalogue import explanation

    typer.echo(explanation(subject, question, chip))

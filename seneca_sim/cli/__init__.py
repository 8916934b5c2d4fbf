"""The command line. A command parses its arguments, calls one library function and prints what comes back.

Results go to stdout or to files, progress and errors to stderr. Exit codes: 0 done, 1 a check failed, 2 a request that cannot
be served, 130 interrupted.
"""

from __future__ import annotations

import errno
import io
import sys
from typing import Annotated, NoReturn

import typer

from seneca_sim.cli import activities, mappings, networks, questions, recordings, reproductions, runs
from seneca_sim.cli.interrupt import interruptible
from seneca_sim.errors import SenecaError

__all__ = ["app", "main"]

app = typer.Typer(
    name="seneca-sim",
    help="Simulate event-based neural networks on SENECA, cycle by cycle: energy, latency, memory and cores.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (runs, mappings, networks, activities, questions, recordings, reproductions):
    group.add_commands(app)


_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR)
"""What a system says of a path that a user may not or cannot use."""


def _print_version(asked: bool) -> None:
    if asked:
        from seneca_sim import __version__

        typer.echo(f"seneca-sim {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; errors that the user can mend end with one message and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # letters that a terminal lacks are no reason to stop
    try:
        with interruptible():
            app()
    except SenecaError as error:
        _fail(str(error))
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        _fail(f"not enough memory{reason}; run fewer steps or a smaller network")
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            _fail(f"the output cannot be written: {error.strerror}")
        if error.errno not in _REFUSED or error.filename is None:
            raise
        _fail(f"{error.filename}: {error.strerror}; check the path and its permissions")


def _fail(message: str) -> NoReturn:
    """Say on stderr, if there is one, what is wrong, and leave with exit code 2."""
    typer.echo(f"seneca-sim: {message}", err=True)
    sys.exit(2)

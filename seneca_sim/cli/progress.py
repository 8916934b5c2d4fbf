"""A live bar on stderr for what takes longer than a second or two; silent where stderr is no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from seneca_sim.cli.interrupt import raise_if_interrupted
from seneca_sim.request import Progress

__all__ = ["live_progress"]

_PATIENCE_S = 1.5
"""Nothing is shown before."""


@contextmanager
def live_progress() -> Iterator[Progress]:
    """Give a function that shows how far a stage of a run is: its name, what is done, and how much there is."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    name, share = TextColumn("{task.description:>10}"), TextColumn("{task.percentage:3.0f} %")
    columns = (name, BarColumn(), share, TimeElapsedColumn(), TimeRemainingColumn())
    bars = Bars(*columns, console=console, transient=True, disable=not console.is_terminal)
    tasks: dict[str, TaskID] = {}
    began = time.monotonic()

    def show(stage: str, done: float, total: float) -> None:
        raise_if_interrupted()
        if time.monotonic() - began < _PATIENCE_S or bars.disable:
            return
        bars.start()
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total)
        bars.update(tasks[stage], completed=done, total=total)

    try:
        yield show
    finally:
        bars.stop()

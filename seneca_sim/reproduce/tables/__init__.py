"""The tables, one module each: a function that takes the cited values and returns the table with ours beside them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from seneca_sim.errors import RequestError
from seneca_sim.reproduce.citations import PublishedTable, load_published
from seneca_sim.reproduce.rows import Reproduction
from seneca_sim.yaml_positions import did_you_mean

__all__ = ["TABLES", "Progress", "reproduce"]

Progress = Callable[[str, int, int], None]
"""Called with what is being computed, steps done and steps in all."""

TABLES = {
    "pj-per-sop": "pj_per_sop",
    "kws-builds": "kws_builds",
    "firenet": "firenet",
    "platforms": "platforms",
    "seed-hardware": "seed_hardware",
    "detectors": "detectors",
    "msd-macs": "msd_macs",
    "ems-yolo": "ems_yolo",
    "depth-first-memory": "depth_first_memory",
}
"""Names, and the module of each."""


def reproduce(name: str, progress: Progress | None = None) -> Reproduction:
    """Run one table."""
    if name not in TABLES:
        guess = did_you_mean(name, TABLES) or f"; the tables are {', '.join(TABLES)}"
        raise RequestError(f"there is no table {name!r}{guess}")
    module = import_module(f"seneca_sim.reproduce.tables.{TABLES[name]}")
    run = cast("Callable[[PublishedTable, Progress | None], Reproduction]", module.reproduce)
    return run(load_published(name), progress)

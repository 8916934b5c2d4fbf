"""New prices for stored counts: the result of a fresh run without running."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seneca_sim.chip import load_chip
from seneca_sim.errors import RequestError
from seneca_sim.report.result import Result, load_result

__all__ = ["is_price", "reprice", "reprice_folder"]

_PRICES = re.compile(r"prices\.\w+|area\.\w+|instructions\.\w+\.\w+_pj|core\.riscv\.(cpi|access_rate|idle_pj)")
"""Constants that decide energy and area alone: engines and programs never read them."""


def is_price(key: str) -> bool:
    """Return whether a constant of the chip may change without changing any count.

    >>> is_price("prices.flit_injected_pj"), is_price("instructions.MLD.cycles")
    (True, False)
    """
    return _PRICES.fullmatch(key) is not None


def reprice(result: Result, changes: Sequence[str]) -> Result:
    """Return a result with changed prices, equal to that of a fresh run with the same changes.

    `changes` are ``key=value`` texts; one that would alter timing, function or memory is refused by its name.
    """
    if not changes:
        raise RequestError("nothing to price anew; name at least one constant, such as --set prices.flit_injected_pj=3")
    chip = load_chip(result.record.chip, changes)
    keys = [change.partition("=")[0].strip() for change in changes]
    refused = [key for key in keys if not is_price(key)]
    if refused:
        settings = " ".join(f"--set {change}" for change in changes)
        raise RequestError(
            f"{', '.join(refused)} would alter more than prices, so the stored counts would not hold; "
            f"run again: seneca-sim run ... {settings}"
        )
    run = result.record.run
    if run.request.get("goal") == "energy" and "mapping" not in run.request:
        raise RequestError(
            f"{', '.join(keys)} may alter the mapping, which was chosen for its energy; "
            "run again, or fix the mapping with `seneca-sim map` and --mapping"
        )
    request = {**run.request, "set": [*run.request.get("set", []), *changes]}
    return Result(replace(result.record, chip=chip, run=replace(run, request=request)))


def reprice_folder(folder: Path | str, changes: Sequence[str]) -> Result:
    """Return the repriced result of a stored run."""
    return reprice(load_result(folder), changes)

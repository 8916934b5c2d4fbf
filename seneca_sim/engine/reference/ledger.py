"""The account of a run: every count under its name, turned into arrays at the end."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.counts import CORE_STATES, INLET_COUNTERS, PART_COUNTERS, STEP_TIMES, Counts

__all__ = ["HOST", "Account", "Ledger"]

HOST = ("flits", "link_flits", "ejected_flits", "values_sent", "values_dropped", "values_received")
PART_TIMES = ("start", "first_inject", "done")
ROOMS = ("tasks", "values", "flits")

Account = tuple[str, int, int]
"""(table, step, row of the table): where a count belongs."""


class Ledger:
    """Counts by (table, step, row, name); times by the same key."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int, int, str]] = Counter()
        self._times: dict[tuple[str, int, int, str], int] = {}

    def add(self, account: Account, name: str, amount: int = 1) -> None:
        """Add to a count."""
        self._counts[(*account, name)] += amount

    def first(self, account: Account, name: str, cycle: int) -> None:
        """Note a time unless one has been noted before."""
        self._times.setdefault((*account, name), cycle)

    def last(self, account: Account, name: str, cycle: int) -> None:
        """Note a time in place of an earlier one."""
        self._times[(*account, name)] = cycle

    def most(self, account: Account, name: str, amount: int) -> None:
        """Keep the largest amount."""
        self._counts[(*account, name)] = max(self._counts[(*account, name)], amount)

    def time(self, account: Account, name: str) -> int | None:
        """Return a time that has been noted."""
        return self._times.get((*account, name))

    def counts(self, makespan: int, steps: int, parts: int, inlets: int, cores: int, routers: int) -> Counts:
        """Return everything as arrays."""
        links = [self._table(f"port{port}", 1, routers, ("flits", "waits"))[0] for port in range(5)]
        return Counts(
            makespan=makespan,
            parts=self._table("parts", steps, parts, PART_COUNTERS),
            part_times=self._table("part_times", steps, parts, PART_TIMES, -1),
            inlets=self._table("inlets", steps, inlets, INLET_COUNTERS),
            cores=self._table("cores", 1, cores, CORE_STATES)[0],
            npe_busy=self._table("npe", 1, cores, ("busy",))[0, :, 0],
            fifo_max=self._table("rooms", 1, cores, ROOMS)[0],
            links=np.stack(links, axis=1),
            host=self._table("host", steps, 1, HOST)[:, 0],
            steps=self._table("steps", steps, 1, STEP_TIMES, -1)[:, 0],
        )

    def _table(self, table: str, steps: int, rows: int, names: tuple[str, ...], empty: int = 0) -> NDArray[np.int64]:
        values: dict[tuple[str, int, int, str], int] = self._times if empty else self._counts
        array = np.full((steps, rows, len(names)), empty, dtype=np.int64)
        for (owner, step, row, name), amount in values.items():
            if owner == table:
                array[step, row, names.index(name)] = amount
        return array

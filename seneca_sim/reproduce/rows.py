"""Rows of a reproduced table: a published value, ours beside it, and how ours came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["FIELDS", "Quantity", "Reproduction", "Row", "Status"]

Quantity = Literal[
    "energy", "latency", "memory", "cores", "gsop", "parameters", "macs", "time", "area", "power", "pj_per_sop"
]
Status = Literal["exact", "derived", "calibrated on these rows", "predicted", "cited"]
"""exact: follows without a free number; derived: by a rule deduced from the published figures; calibrated on these rows: no
test; predicted: from counts, with nothing fitted to the row; cited: published only, ours is missing."""

FIELDS = ("table", "row", "quantity", "unit", "published", "ours", "deviation_percent", "status", "source")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. Rows with a mapping of our own end in "(best mapping)"; they have no published value to deviate from."""

    table: str
    row: str
    quantity: Quantity
    unit: str
    published: float | None
    ours: float | None
    status: Status
    source: str

    def __post_init__(self) -> None:
        """Refuse words that the columns do not have."""
        if self.quantity not in get_args(Quantity) or self.status not in get_args(Status):
            raise ValueError(f"{self.table}: {self.row}: {self.quantity!r} or {self.status!r} is no quantity or status")

    @property
    def deviation_percent(self) -> float | None:
        """How far ours lies above the published value [%], to nine places; None where one is missing or it is zero.

        >>> Row("t", "r", "energy", "mJ", 40.0, 39.0, "derived", "a talk").deviation_percent
        -2.5
        """
        if self.published is None or self.ours is None or self.published == 0:
            return None
        return round(100.0 * (self.ours - self.published) / self.published, 9) + 0.0

    def plain(self) -> dict[str, object]:
        """Return the fields by name, in the order of `FIELDS`."""
        return {name: getattr(self, name) for name in FIELDS}


@dataclass(frozen=True, slots=True)
class Reproduction:
    """One table, reproduced."""

    name: str
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """Sentences about assumptions, misses and their causes."""

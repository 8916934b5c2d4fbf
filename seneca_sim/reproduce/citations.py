"""Published values as cited data: one YAML file for each table, beside this module.

::

    format: seneca_sim/published/1
    table: seed-hardware
    title: what the table is about
    source: where its values stand, unless a row says otherwise
    rows:
      - row: SEED-128, sparse recurrent, sparsity loss
        source: if it differs
        values:
          energy: [39.3, mJ]
          cores: [236, cores]
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from seneca_sim.errors import FileFormatError
from seneca_sim.reproduce.rows import Quantity, Row, Status
from seneca_sim.yaml_positions import read_yaml

__all__ = ["PUBLISHED_FOLDER", "PublishedRow", "PublishedTable", "load_published", "published_names"]

FORMAT = "seneca_sim/published/1"
PUBLISHED_FOLDER = Path(__file__).parent / "published"


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One row of a published table: its values, by quantity, with their units."""

    table: str
    row: str
    source: str
    values: dict[str, tuple[float, str]]

    def beside(self, quantity: Quantity, ours: float | None, status: Status, unit: str | None = None) -> Row:
        """Return a published value with ours beside it; without a published one, `unit` says what ours is in."""
        value, own_unit = self.values.get(quantity, (None, unit or ""))
        return Row(self.table, self.row, quantity, own_unit, value, ours, status, self.source)


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """The cited values of one table."""

    name: str
    title: str
    rows: tuple[PublishedRow, ...]

    def row(self, name: str) -> PublishedRow:
        """Return a row by its name."""
        return next(row for row in self.rows if row.row == name)


def published_names() -> list[str]:
    """Return the tables whose values are there."""
    return sorted(path.stem for path in PUBLISHED_FOLDER.glob("*.yaml"))


def load_published(name: str) -> PublishedTable:
    """Read the cited values of a table; raises `FileFormatError` for a file that is not as described."""
    path = PUBLISHED_FOLDER / f"{name}.yaml"
    data: Any = read_yaml(path).data
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise FileFormatError(f"{path}: no cited values: expected the format {FORMAT!r}")
    rows = [
        PublishedRow(
            name,
            str(row["row"]),
            str(row.get("source", data["source"])),
            {cast("str", key): (float(value), str(unit)) for key, (value, unit) in row["values"].items()},
        )
        for row in data["rows"]
    ]
    return PublishedTable(name, str(data["title"]), tuple(rows))

"""Define a word of the output: a column of a table, a field of the summary, or a constant of the chip."""

from __future__ import annotations

from collections.abc import Iterator

from seneca_sim.chip import Chip
from seneca_sim.chip.show import TERMS
from seneca_sim.errors import ResultError
from seneca_sim.report.columns import TABLES, meanings
from seneca_sim.yaml_positions import did_you_mean

__all__ = ["constant_line", "explain_term"]


def explain_term(term: str, chip: Chip) -> str:
    """Return the definition of an output column, of a table, or of a constant of the chip (dotted, a group, or its last word)."""
    lines = [f"{table}: {column.name}{_unit(column.unit)}: {column.meaning}" for table, column in meanings(term)]
    if term in TABLES:
        lines += [f"{column.name}{_unit(column.unit)}: {column.meaning}" for column in TABLES[term]]
    lines += _constants(term, chip)
    if not lines:
        words = {column.name for columns in TABLES.values() for column in columns} | set(TABLES) | set(chip.flat())
        guess = (
            did_you_mean(term, sorted(words))
            or "; expected a column, a table (seneca-sim list tables) or a constant (seneca-sim show CHIP)"
        )
        raise ResultError(f"{term!r} is no output column, table or chip constant{guess}")
    return "\n".join(lines)


def _unit(unit: str) -> str:
    """Return a unit in brackets, nothing if there is none."""
    return f" [{unit}]" if unit else ""


def _constants(term: str, chip: Chip) -> Iterator[str]:
    """Yield a line for each constant that a term names: by its dotted name, its group, or its last word."""
    for key in chip.flat():
        if key == term or key.startswith(f"{term}.") or key.rsplit(".", 1)[-1] == term:
            yield constant_line(key, chip)


def constant_line(key: str, chip: Chip) -> str:
    """Return a constant with its value, meaning, status and source in one line."""
    constant = chip.flat()[key]
    return f"{key} = {constant.value}: {TERMS[key]} ({constant.status}: {constant.source})"

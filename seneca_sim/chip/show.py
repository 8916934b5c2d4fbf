"""Chips in words: every constant with value, unit, status, source and range, and what each constant means."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from seneca_sim.chip.constant import Constant
from seneca_sim.chip.description import Chip
from seneca_sim.chip.schema import model_at
from seneca_sim.yaml_positions import shown

__all__ = ["TERMS", "ConstantRow", "chip_rows", "chip_text"]

_UNIT = re.compile(r"^(?P<meaning>.*?)(?: \[(?P<unit>[^\]]+)\])?$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ConstantRow:
    """One constant of a chip, as a row of text."""

    name: str
    """Dotted name, as `--set` takes it."""
    value: str
    unit: str
    status: str
    range: str
    """``low to high`` where the sources leave a range, else empty."""
    source: str


def chip_rows(chip: Chip) -> list[ConstantRow]:
    """Return a row for every constant of a chip, in the order of the schema.

    >>> from seneca_sim.chip import load_chip
    >>> row = next(row for row in chip_rows(load_chip("seneca")) if row.name == "core.task_fifo")
    >>> row.value, row.unit, row.status, row.range
    ('16', 'tasks', 'assumed', '2 to 64')
    """
    return [
        ConstantRow(name, _plain(constant.value), _unit(name), constant.status, _range(constant), constant.source)
        for name, constant in chip.flat().items()
    ]


def chip_text(chip: Chip, width: int = 160) -> str:
    """Return the chip as aligned text, sources wrapped to `width` columns; one that stood before is named by its constant."""
    rows = chip_rows(chip)
    heads = [(row.name, f"{row.value} {row.unit}".strip(), row.status, row.range) for row in rows]
    columns = [max(len(head[i]) for head in heads) for i in range(4)]
    indent = sum(columns) + 2 * len(columns)
    lines = textwrap.wrap(f"{chip.name}: {chip.description}".rstrip(": "), width)
    first: dict[str, str] = {}
    for row, head in zip(rows, heads, strict=True):
        start = "  ".join(text.ljust(size) for text, size in zip(head, columns, strict=True))
        before = first.setdefault(row.source, row.name)
        source = row.source if before == row.name or len(row.source) <= 60 else f"as {before}"
        wrapped = textwrap.wrap(source, max(40, width - indent), break_long_words=False) or [""]
        lines += [f"{start}  {wrapped[0]}".rstrip(), *(" " * indent + line for line in wrapped[1:])]
    return "\n".join(lines)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def _range(constant: Constant[Any]) -> str:
    if constant.low is None and constant.high is None:
        return ""
    low, high = ("" if end is None else _plain(end) for end in (constant.low, constant.high))
    return low if low == high else f"{low} to {high}".strip()


def _unit(name: str) -> str:
    group, _, key = name.rpartition(".")
    model = model_at(Chip, group.split(".") if group else ())
    description = "" if model is None else model.model_fields[key].description or ""
    match = _UNIT.match(description)
    return "" if match is None else match["unit"] or ""


def _terms(model: type[BaseModel], path: tuple[str, ...] = (), prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted name and the description of every constant below a model."""
    for name, field in model.model_fields.items():
        inner = model_at(model, (name,))
        if inner is None:
            continue
        description = field.description or ""
        if issubclass(inner, Constant):
            yield ".".join((*path, name)), prefix + description
        else:
            yield from _terms(inner, (*path, name), f"{name} ({description}): " if description else "")


TERMS: dict[str, str] = dict(_terms(Chip))
"""What each constant of a chip means, with its unit in brackets, by dotted name."""

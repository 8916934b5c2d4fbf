"""The accepted scorecard: what every table gave when somebody last looked at it, as a file; a row that moves is a finding.

Only `accept` writes the file. Numbers move when they differ by more than a millionth, texts when they differ at all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seneca_sim.errors import FileFormatError, RequestError
from seneca_sim.reproduce.rows import FIELDS, Reproduction, Row
from seneca_sim.units import counted
from seneca_sim.whole_file import check_whole, write_whole

__all__ = ["SCORECARD", "accept", "accepted", "check_acceptable", "moved", "rows_csv"]

SCORECARD = Path(__file__).parent / "scorecard.csv"
"""The file that holds it."""
TOLERANCE = 1e-6
"""Relative difference up to which a number has not moved: the last digit of the file, and more than machines differ by."""
_NUMBERS = ("published", "ours")
_TEXTS = ("status", "source")
Key = tuple[str, str, str, str]
"""Table, row, quantity and unit."""


def rows_csv(rows: Iterable[Row]) -> bytes:
    """Return rows as CSV: UTF-8, newline ends, nine significant digits, empty where a value is missing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows([_cell(value) for value in row.plain().values()] for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    """Return the text of one cell.

    >>> _cell(1 / 3), _cell(None), _cell("cited")
    ('0.333333333', '', 'cited')
    """
    return "" if value is None else f"{value:.9g}" if isinstance(value, float | int) else str(value)


def _lines(rows: Iterable[Row]) -> list[dict[str, str]]:
    """Return rows as the file holds them."""
    return list(csv.DictReader(rows_csv(rows).decode().splitlines()))


def accepted(path: Path = SCORECARD) -> dict[Key, dict[str, str]]:
    """Read a scorecard; raises `FileFormatError` if it is none."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(f"{path}: the accepted scorecard cannot be read: {error}") from None
    if not rows or tuple(rows[0]) != FIELDS:
        raise FileFormatError(f"{path}: no scorecard: expected the columns {', '.join(FIELDS)}")
    wrong = [f"{path}:{number}: {what}" for number, row in enumerate(rows[1:], 2) if (what := _wrong(row))]
    if wrong:
        raise FileFormatError("\n".join(wrong))
    lines = [dict(zip(FIELDS, row, strict=True)) for row in rows[1:]]
    return {_key(line): line for line in lines}


def _wrong(row: Sequence[str]) -> str:
    """Say what is wrong with a line; nothing if it is as `rows_csv` writes it."""
    if len(row) != len(FIELDS):
        return f"expected {len(FIELDS)} cells, got {len(row)}"
    for field in _NUMBERS:
        value = row[FIELDS.index(field)]
        try:
            float(value or 0)
        except ValueError:
            return f"{field}: expected a number or nothing, got {value!r}"
    return ""


def _key(line: dict[str, str]) -> Key:
    return line["table"], line["row"], line["quantity"], line["unit"]


def moved(reproductions: Iterable[Reproduction], path: Path = SCORECARD) -> tuple[str, ...]:
    """Return a sentence for every row of some tables that is not as accepted: what it was, and what it is."""
    return tuple(text for each in reproductions for text in _moved_of(each, accepted(path)))


def _moved_of(reproduction: Reproduction, before: dict[Key, dict[str, str]]) -> Iterator[str]:
    """Yield the moved rows of one table."""
    now = {_key(line): line for line in _lines(reproduction.rows)}
    for key, line in now.items():
        name = _name(key)
        if key not in before:
            yield f"{name}: is new: {line['ours'] or 'missing'} ({line['status']})"
            continue
        for field in (*_NUMBERS, *_TEXTS):
            old, new = before[key][field], line[field]
            if not (_near(old, new) if field in _NUMBERS else old == new):
                yield f"{name}: {field} was {old or 'missing'}, is {new or 'missing'}"
    for key, line in before.items():
        if key[0] == reproduction.name and key not in now:
            yield f"{_name(key)}: was {line['ours'] or 'missing'} ({line['status']}), is gone"


def _name(key: Key) -> str:
    table, row, quantity, unit = key
    return f"{table}: {row}: {quantity}{f' [{unit}]' if unit else ''}"


def _near(old: str, new: str) -> bool:
    """Return whether two cells hold the same number, or none.

    >>> _near("1", "1.0000001"), _near("1", "1.0001"), _near("", "")
    (True, False, True)
    """
    if not old or not new:
        return old == new
    before, now = float(old), float(new)
    return abs(now - before) <= TOLERANCE * max(abs(before), abs(now))


def check_acceptable(path: Path = SCORECARD) -> None:
    """Raise `RequestError` if `accept` could not write the scorecard, before minutes are spent on tables."""
    try:
        check_whole(path)
    except RequestError as error:
        raise _elsewhere(error) from None


def _elsewhere(error: RequestError) -> RequestError:
    """Return the error of a scorecard that cannot be written, with the place where it can."""
    return RequestError(f"{error}: scorecards are accepted in a clone of the project")


def accept(reproductions: Sequence[Reproduction], path: Path = SCORECARD) -> str:
    """Take what these tables give into the scorecard; rows of other tables stay. Returns what was done in a sentence."""
    names = [each.name for each in reproductions]
    kept = [line for line in accepted(path).values() if line["table"] not in names] if path.exists() else []
    lines = [*kept, *(line for each in reproductions for line in _lines(each.rows))]
    lines.sort(key=lambda line: line["table"])
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    try:
        write_whole(path, text.getvalue().encode())
    except RequestError as error:
        raise _elsewhere(error) from None
    count = sum(len(each.rows) for each in reproductions)
    return f"accepted: {counted(count, 'row')} of {', '.join(names)} {'is' if count == 1 else 'are'} in {path}"

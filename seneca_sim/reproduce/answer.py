"""What the command answers: the list of tables, one table, or all of them against the accepted scorecard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seneca_sim.errors import RequestError
from seneca_sim.report.files import check_writable, json_text, write_folder
from seneca_sim.reproduce.citations import load_published
from seneca_sim.reproduce.plots import png_bytes
from seneca_sim.reproduce.rows import Reproduction
from seneca_sim.reproduce.scorecard import SCORECARD, accept, accepted, check_acceptable, moved, rows_csv
from seneca_sim.reproduce.tables import TABLES, Progress, reproduce
from seneca_sim.reproduce.text import markdown, table_text
from seneca_sim.units import counted

__all__ = ["ALL", "Answer", "answer"]

ALL = "all"


@dataclass(frozen=True, slots=True)
class Answer:
    """What to print, and whether rows of the scorecard moved."""

    text: str
    moved: tuple[str, ...] = ()


def answer(
    name: str | None, output: Path | None, json: bool, accepting: bool, progress: Progress | None = None
) -> Answer:
    """List the tables without a name; else run one or all, write their files, and say how they stand."""
    if name is None:
        if accepting or json or output is not None:
            raise RequestError(f"nothing to run: name a table ({', '.join(TABLES)}) or {ALL}")
        return Answer(_listing())
    names = list(TABLES) if name == ALL else [name]
    if output is not None:
        check_writable(output)
    if accepting:
        check_acceptable(SCORECARD)
    if not accepting or SCORECARD.exists():
        accepted()  # a scorecard that cannot be read is told before minutes are spent
    tables = [reproduce(each, progress) for each in names]
    if output is not None:
        write_folder(output, _files(tables, whole=name == ALL))
    changes = () if accepting else moved(tables)
    ending = accept(tables) if accepting else _standing(tables, changes)
    text = _json(tables) if json else "\n\n".join([*(table_text(table) for table in tables), ending])
    return Answer(text, changes)


def _standing(tables: list[Reproduction], changes: tuple[str, ...]) -> str:
    """Return how some tables compare with the accepted scorecard."""
    count = counted(sum(len(table.rows) for table in tables), "row")
    if changes:
        differences = counted(len(changes), "difference")
        return f"{count}, {differences} from the accepted scorecard; --accept takes them into it"
    return f"{count}, all as in the accepted scorecard"


def _listing() -> str:
    """Return the tables with their titles, one a line."""
    width = max(map(len, TABLES))
    return "\n".join(f"{name:<{width}}  {load_published(name).title}" for name in TABLES)


def _json(tables: list[Reproduction]) -> str:
    """Return the rows of some tables as a JSON list."""
    return json_text([row.plain() for table in tables for row in table.rows]).rstrip()


def _files(tables: list[Reproduction], whole: bool) -> dict[str, bytes]:
    """Return CSV, Markdown and plot of each table as files; of the whole scorecard one CSV more."""
    files: dict[str, bytes] = {}
    for table in tables:
        files[f"{table.name}.csv"] = rows_csv(table.rows)
        files[f"{table.name}.md"] = markdown(table).encode()
        files[f"{table.name}.png"] = png_bytes(table)
    if whole:
        files["scorecard.csv"] = rows_csv(row for table in tables for row in table.rows)
    return files

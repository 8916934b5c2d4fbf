"""A reproduced table as text: for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seneca_sim.reproduce.rows import Reproduction, Row

__all__ = ["markdown", "number_text", "table_text"]

_HEADS = ("row", "quantity", "unit", "published", "ours", "deviation", "status", "source")
_RIGHT = ("published", "ours", "deviation")
_WIDEST_ROW = 84


def table_text(table: Reproduction) -> str:
    """Return a table for a terminal: sources are numbered and stand below, before the notes."""
    sources = _sources(table)
    rows = [_HEADS, *(_cells(row, f"[{sources[row.source]}]") for row in table.rows)]
    widths = [min(max(len(row[column]) for row in rows), _WIDEST_ROW) for column in range(len(_HEADS))]
    lines = [f"{table.name}: {table.title}", ""]
    lines += [_aligned(row, widths) for row in rows]
    lines += ["", *(f"[{number}] {source}" for source, number in sources.items())]
    lines += [f"note: {note}" for note in table.notes]
    return "\n".join(lines)


def _sources(table: Reproduction) -> dict[str, int]:
    """Return the number of each source, in the order of the rows."""
    return {source: number for number, source in enumerate(dict.fromkeys(row.source for row in table.rows), 1)}


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return cells in columns, numbers at the right."""
    align: list[Callable[[str, int], str]] = [str.rjust if head in _RIGHT else str.ljust for head in _HEADS]
    return "  ".join(put(cell, width) for put, cell, width in zip(align, cells, widths, strict=True)).rstrip()


def _cells(row: Row, source: str) -> tuple[str, ...]:
    """Return the cells of a row as text."""
    deviation = row.deviation_percent
    off = "" if deviation is None else f"{round(deviation, 2) + 0.0:+.2f} %"
    return (row.row, row.quantity, row.unit, number_text(row.published), number_text(row.ours), off, row.status, source)


def number_text(value: float | None) -> str:
    """Return a number with four significant digits, whole numbers whole; nothing for a missing one.

    >>> number_text(14.1), number_text(24_108_176), number_text(0.0123456), number_text(None)
    ('14.1', '24,108,176', '0.01235', '')
    """
    if value is None:
        return ""
    if abs(value) >= 1000 and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def markdown(table: Reproduction) -> str:
    """Return a table as Markdown, with its plot beside it, sources and notes below."""
    sources = _sources(table)
    rows = [tuple(cell.replace("|", "\\|") for cell in _cells(row, f"[{sources[row.source]}]")) for row in table.rows]
    rule = ["---:" if head in _RIGHT else "---" for head in _HEADS]
    lines = [f"# {table.name}", "", table.title, ""]
    lines += [f"| {' | '.join(cells)} |" for cells in (_HEADS, rule, *rows)]
    lines += ["", f"![{table.title}]({table.name}.png)", "", "## Sources", ""]
    lines += [f"{number}. {source}" for source, number in sources.items()]
    if table.notes:
        lines += ["", "## Notes", "", *(f"- {note}" for note in table.notes)]
    return "\n".join(lines) + "\n"

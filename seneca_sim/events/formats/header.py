"""The text lines at the beginning of Prophesee's and jAER's files, each behind a mark."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from seneca_sim.errors import FileFormatError

__all__ = ["header_lines"]

MAX_LINE = 1 << 16
"""Longest line that is taken for text [bytes]."""


def header_lines(path: Path, file: IO[bytes], mark: bytes = b"%") -> tuple[int, dict[str, str]]:
    """Return the offset behind the text lines, where the file then stands, and what they state, by lower-case name.

    A line states its first word, the value is the rest. Only the first of several lines of one name counts.
    """
    stated: dict[str, str] = {}
    while True:
        offset = file.tell()
        if file.read(1) != mark:
            file.seek(offset)
            return offset, stated
        line = file.readline(MAX_LINE)
        if not line.endswith(b"\n"):
            raise FileFormatError(
                f"{path.name}: byte {offset}: the header line has no end; the file is truncated"
                if len(line) < MAX_LINE
                else f"{path.name}: byte {offset}: the header line has no end within {MAX_LINE} bytes; the file is damaged"
            )
        words = line.decode("ascii", "replace").split(maxsplit=1)
        if words:
            stated.setdefault(words[0].lower(), words[1].strip() if len(words) > 1 else "")

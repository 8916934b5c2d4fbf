"""The text lines at the beginning of Prophesee's and jAER's files, each behind a mark."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from seneca_sim.errors import FileFormatError

__all__ = ["header_lines"]

MAX_LINE = 1 << 16
"""Longest line that is taken for text [bytes]."""
LAST_LINES = ("end", "end of ascii header", "!end-header")


def header_lines(path: Path, file: IO[bytes], mark: bytes = b"%") -> tuple[int, dict[str, str]]:
    """Return the offset behind the text lines, where the file then stands, and what they state, by lower-case name.

    A line states its first word, the value is the rest; only the first of several lines of one name counts. `LAST_LINES`
    end them. Bytes that happen to begin with the mark, but are no text, belong to the data.
    """
    stated: dict[str, str] = {}
    while True:
        offset = file.tell()
        line = file.readline(MAX_LINE)
        if not line.startswith(mark) or any(byte < 32 and byte not in b"\t\r\n" for byte in line):
            file.seek(offset)
            break
        if not line.endswith(b"\n"):
            raise FileFormatError(
                f"{path.name}: byte {offset}: the header line has no end; the file is truncated"
                if len(line) < MAX_LINE
                else f"{path.name}: byte {offset}: the header line has no end within {MAX_LINE} bytes; the file is damaged"
            )
        text = line[len(mark) :].decode("ascii", "replace").strip()
        if text.lower() in LAST_LINES:
            break
        name, *value = text.split(maxsplit=1) or [""]
        stated.setdefault(name.rstrip(":").lower(), *value or [""])
    return file.tell(), stated

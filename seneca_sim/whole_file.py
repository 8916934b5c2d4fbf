"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from seneca_sim.errors import RequestError

__all__ = ["check_whole", "refusal", "whole_file", "write_whole"]


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file so that at any moment the path holds the old content or the new; folders on the way are made.

    Raises `RequestError` if it cannot be written; then nothing has changed.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(f"{folder}/new/one.txt", b"content")
    ...     Path(folder, "new", "one.txt").read_bytes()
    b'content'
    """
    with whole_file(path) as file:
        file.write(content)


def check_whole(path: str | Path) -> None:
    """Raise `RequestError` if a file could not be written whole, before hours are spent on its content; nothing is changed."""
    path = Path(path)
    _refuse_folder(path)
    reason = refusal(path.parent)
    if reason:
        raise _unwritable(path, reason)


def refusal(folder: Path) -> str:
    """Return why a folder, which may not exist yet, could not be written; nothing if it could."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        return f"{str(existing)!r} is a file"
    return "" if os.access(existing, os.W_OK | os.X_OK) else "permission denied"


def _refuse_folder(path: Path) -> None:
    """Raise `RequestError` if a file to write is a folder."""
    if path.is_dir():
        raise RequestError(f"{str(path)!r} cannot be written: it is a folder; name a file in it")


def _unwritable(path: Path, reason: str) -> RequestError:
    """Return the error of a file that cannot be written."""
    return RequestError(f"{str(path)!r} cannot be written: {reason}; choose another place")


@contextmanager
def whole_file(path: str | Path) -> Iterator[IO[bytes]]:
    """Give a file to write piece by piece, which replaces what the path holds when the block ends without an error.

    Folders on the way are made. Raises `RequestError` if it cannot be written.
    """
    path = Path(path)
    _refuse_folder(path)
    staging: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, staging = tempfile.mkstemp(prefix=".seneca-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        Path(staging).chmod(0o666 & ~umask)
        Path(staging).replace(path)
        staging = None
    except OSError as error:
        reason = error.strerror or str(error)
        raise _unwritable(path, reason.lower()) from None
    finally:
        if staging is not None:
            Path(staging).unlink(missing_ok=True)

"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from seneca_sim.errors import RequestError

__all__ = ["whole_file", "write_whole"]


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


@contextmanager
def whole_file(path: str | Path) -> Iterator[IO[bytes]]:
    """Give a file to write piece by piece, which replaces what the path holds when the block ends without an error.

    Folders on the way are made. Raises `RequestError` if it cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise RequestError(f"{str(path)!r} cannot be written: it is a folder; name a file in it")
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
        raise RequestError(f"{str(path)!r} cannot be written: {reason.lower()}; choose another place") from None
    finally:
        if staging is not None:
            Path(staging).unlink(missing_ok=True)

"""Where compiled kernels are kept between runs. Whatever is wrong there costs time, never a run.

The folder's name is a digest of all kernel sources and the version of numba, because numba's own cache looks only at the
file that holds a function and would return old code when a callee in another file changes. ``SENECA_NUMBA_CACHE=0`` keeps
nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache

__all__ = ["cache_folder", "keep"]


def _digest() -> str:
    """Return a digest of exactly these kernel sources and this numba."""
    digest = hashlib.blake2b(numba.__version__.encode(), digest_size=12)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()


def _bases() -> Iterator[Path]:
    """Yield the folders in which ours may be: the user's cache, then a folder for temporary files of our own."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    with contextlib.suppress(RuntimeError):  # no home
        yield cache.expanduser() / "seneca_sim"
    if hasattr(os, "getuid"):
        yield Path(tempfile.gettempdir()) / f"seneca_sim-{os.getuid()}"


def _is_usable(base: Path) -> bool:
    """Return whether files can be made in a folder, and by nobody else: code is loaded from it."""
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=base):
            pass
        status = base.stat()
    except OSError:
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and status.st_mode & 0o022 == 0)


def cache_folder() -> Path | None:
    """Return the folder for these kernels, None if there is no usable place or none is wanted."""
    if os.environ.get("SENECA_NUMBA_CACHE", "1") == "0":
        return None
    return next((base / _digest() for base in _bases() if _is_usable(base)), None)


class _Shelf(FunctionCache):
    """Compiled code of one kernel on disk; what cannot be read is compiled again, what cannot be written is not kept."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code for a signature, None if there is none."""
        try:
            found = super().load_overload(sig, target_context)
        except Exception:  # a damaged pickle may raise anything
            with contextlib.suppress(OSError):
                self.flush()
            return None
        if found is not None and tuple(found.signature.args) != tuple(sig):
            return None  # two processes wrote the first files of two signatures at once
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code for a signature."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


_FOLDER = cache_folder()


def keep(kernel: Any, function: Callable[..., Any]) -> None:
    """Keep the code of a kernel between runs, if there is a folder for it."""
    if _FOLDER is None:
        return
    before = getattr(numba.config, "CACHE_DIR")  # noqa: B009  numba fills this module at run time
    setattr(numba.config, "CACHE_DIR", str(_FOLDER))  # noqa: B010
    try:
        kernel._cache = _Shelf(function)
    finally:
        setattr(numba.config, "CACHE_DIR", before)  # noqa: B010

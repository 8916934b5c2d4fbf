"""Where the files that ship with the package are, in a clone and in an installed wheel, and the real data that do not ship."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Literal

__all__ = ["real_data_folder", "shipped_folder"]


@cache
def shipped_folder(kind: Literal["models", "mappings", "experiments"]) -> Path:
    """Return the folder of the shipped files of one kind.

    >>> shipped_folder("models").is_dir()
    True
    """
    package = Path(__file__).parent
    installed = package / "_shipped" / kind
    return installed if installed.is_dir() else package.parent / kind


def real_data_folder() -> Path:
    """Return the folder of real networks and recordings, which may be absent: $SENECA_SHARED_DATA, else ../shared/data."""
    beside = Path(__file__).parent.parent.parent / "shared" / "data"
    return Path(os.environ.get("SENECA_SHARED_DATA") or beside)

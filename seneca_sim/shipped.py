"""Where the files that ship with the package are: models, mappings and experiments, in a clone and in an installed wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

__all__ = ["shipped_folder"]


@cache
def shipped_folder(kind: Literal["models", "mappings", "experiments"]) -> Path:
    """Return the folder of the shipped files of one kind.

    >>> shipped_folder("models").is_dir()
    True
    """
    package = Path(__file__).parent
    installed = package / "_shipped" / kind
    return installed if installed.is_dir() else package.parent / kind

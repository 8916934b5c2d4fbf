"""Names that nothing else has."""

from __future__ import annotations

from collections.abc import Container
from itertools import count

__all__ = ["unused_name"]


def unused_name(wished: str, taken: Container[str]) -> str:
    """Return a name that is not taken: the one that is wished for, else with the first number from 2 on that makes it one.

    >>> unused_name("conv", {"relu"}), unused_name("conv", {"conv", "conv.2"})
    ('conv', 'conv.3')
    """
    return next(name for k in count(1) if (name := wished if k == 1 else f"{wished}.{k}") not in taken)

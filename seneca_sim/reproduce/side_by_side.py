"""Results of simulations that run side by side, as they come."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, as_completed
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from seneca_sim.reproduce.tables import Progress

__all__ = ["gathered"]

Found = TypeVar("Found")


def gathered(pending: Mapping[str, Future[Found]], progress: Progress | None) -> dict[str, Found]:
    """Return the results by name, told as they come; after the first error what has not begun is cancelled.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     gathered({"four": pool.submit(pow, 2, 2), "nine": pool.submit(pow, 3, 2)}, None)["nine"]
    9
    """
    names = {future: name for name, future in pending.items()}
    try:
        for number, future in enumerate(as_completed(names), 1):
            if progress is not None:
                progress(names[future], number, len(names))
            future.result()
    finally:
        for future in names:
            future.cancel()
    return {name: future.result() for name, future in pending.items()}

"""Ctrl-C stops a run soon, also where it falls into a callback from compiled code, which swallows exceptions."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interruptible", "raise_if_interrupted"]

_interrupted = threading.Event()


@contextmanager
def interruptible() -> Iterator[None]:
    """Remember an interrupt until `raise_if_interrupted` asks, besides raising it at once where that is heard."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _interrupted.clear()
    handler, hook = signal.signal(signal.SIGINT, _note), sys.unraisablehook
    sys.unraisablehook = lambda found: None if found.exc_type is KeyboardInterrupt else hook(found)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        sys.unraisablehook = hook


def _note(_: int, __: FrameType | None) -> None:
    """Note an interrupt and raise it."""
    _interrupted.set()
    raise KeyboardInterrupt


def raise_if_interrupted() -> None:
    """Raise `KeyboardInterrupt` if there was an interrupt that was not heard."""
    if _interrupted.is_set():
        raise KeyboardInterrupt

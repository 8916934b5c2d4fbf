"""Lengths as users write them: times, slices of a recording, sizes of pictures."""

from __future__ import annotations

import re

from seneca_sim.errors import RequestError

__all__ = ["parse_size", "parse_slice", "parse_time"]

_TIME = re.compile(r"(\d{1,15})\s*(us|ms|s)", re.ASCII)
_EVENTS = re.compile(r"(\d{1,15})\s*events", re.ASCII)
_WINDOW = re.compile(r"window\s*:\s*(\d{1,15})\s*,\s*(\d{1,15})", re.ASCII)
_SIZE = re.compile(r"(\d{1,5})\s*x\s*(\d{1,5})", re.ASCII)
_MICROSECONDS = {"us": 1, "ms": 1000, "s": 1_000_000}


def parse_time(text: str) -> int | None:
    """Return the microseconds of a time with its unit, None of what is none.

    >>> parse_time("500us"), parse_time("2 s"), parse_time("5")
    (500, 2000000, None)
    """
    match = _TIME.fullmatch(text.strip())
    return None if match is None else int(match[1]) * _MICROSECONDS[match[2]]


def parse_slice(text: str | int) -> tuple[int | None, int | None, int | None]:
    """Return what a slice is: microseconds, or events, or events and the size of a window; None for the others.

    A plain number is one of microseconds. Raises a `RequestError` for what is no slice.

    >>> parse_slice("2ms"), parse_slice("500events"), parse_slice("window:5000,100")
    ((2000, None, None), (None, 500, None), (None, 100, 5000))
    """
    words = str(text).strip()
    found: tuple[int | None, int | None, int | None] = (None, None, None)
    if (time_us := parse_time(f"{words}us" if words.isdigit() else words)) is not None:
        found = (time_us, None, None)
    elif (match := _EVENTS.fullmatch(words)) is not None:
        found = (None, int(match[1]), None)
    elif (match := _WINDOW.fullmatch(words)) is not None:
        found = (None, int(match[2]), int(match[1]))
    if not any(found) or 0 in found or max(number or 0 for number in found) > 1 << 50:
        raise RequestError(
            "slice must be a time such as 1000us or 5ms, a number such as 500events, or a window such as window:5000,100 "
            f"(the last 5000 events, after every 100 new ones), not {text!r}"
        )
    return found


def parse_size(name: str, text: str) -> tuple[int, int]:
    """Return width and height [pixels] of a text; raises a `RequestError` that begins with `name`.

    >>> parse_size("resize", "640x480")
    (640, 480)
    """
    match = _SIZE.fullmatch(str(text).strip())
    if match is None or not 0 < int(match[1]) <= 16384 or not 0 < int(match[2]) <= 16384:
        raise RequestError(f"{name} must be WIDTHxHEIGHT such as 640x480, at most 16384 each, not {text!r}")
    return int(match[1]), int(match[2])

"""Options of published networks as users write them: sizes such as 240x304, and key=value texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from seneca_sim.errors import RequestError
from seneca_sim.graph.published.architecture import Size
from seneca_sim.graph.published.catalogue import PUBLISHED

__all__ = ["parse_size", "published_options"]

_SIZE = re.compile(r"(\d{1,5})\s*[xX,]\s*(\d{1,5})", re.ASCII)


def parse_size(size: str | Size) -> Size:
    """Return (rows, columns) of a size such as ``240x304``.

    >>> parse_size("240x304"), parse_size((34, 34))
    ((240, 304), (34, 34))
    """
    if isinstance(size, str):
        match = _SIZE.fullmatch(size.strip())
        if match is None or not int(match[1]) or not int(match[2]):
            raise RequestError(f"size must be rows x columns, such as 240x304, not {size!r}")
        return int(match[1]), int(match[2])
    if len(size) != 2:
        raise RequestError(f"size must be (rows, columns), not {size!r}")
    return int(size[0]), int(size[1])


def published_options(
    name: str,
    size: str | Size | None = None,
    width: int | None = None,
    settings: Sequence[str] | Mapping[str, Any] = (),
) -> dict[str, Any]:
    """Return the options of a published network; settings are ``key=value`` texts or a mapping.

    >>> published_options("ems-res18", "320x320", settings=["time_steps=5"])
    {'time_steps': 5, 'size': (320, 320)}
    """
    if isinstance(settings, str):
        raise RequestError(f"network_set must be a list of key=value texts, not the text {settings!r}")
    known = PUBLISHED[name].options()
    options: dict[str, Any] = dict(settings) if isinstance(settings, Mapping) else {}
    for text in () if isinstance(settings, Mapping) else settings:
        key, equals, value = str(text).partition("=")
        if not equals or not key.strip():
            raise RequestError(f"{name}: {text!r} is no option; write key=value")
        if key.strip() in options:
            raise RequestError(f"{name}: {key.strip()} is stated twice; leave one out")
        options[key.strip()] = _parsed(name, key.strip(), value.strip(), known.get(key.strip()))
    shape = None if size is None else parse_size(size)
    for option, stated in {"size": shape, "width": width}.items():
        if stated is not None and options.setdefault(option, stated) != stated:
            raise RequestError(f"{name}: {option} is stated twice, as {options[option]} and as {stated}; leave one out")
    return options


def _parsed(name: str, key: str, text: str, kind: Any) -> Any:
    """Return a text as a value of the type of its option; options that do not exist are refused when the network is built."""
    if kind is Size or key == "size":
        return parse_size(text)
    if get_origin(kind) is Literal:
        return next((choice for choice in get_args(kind) if str(choice) == text), text)
    if kind is int or kind is float:
        try:
            return kind(text)
        except ValueError:
            expected = "a whole number" if kind is int else "a number"
            raise RequestError(f"{name}: {key} must be {expected}, not {text!r}") from None
    return text

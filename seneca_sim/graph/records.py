"""Dataclasses from stored values: each value is checked against the annotation of its field, nothing is executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import FileFormatError
from seneca_sim.graph.graph import Link

__all__ = ["build_record", "plain", "read_links"]

Value = TypeVar("Value")


def plain(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name."""
    return {entry.name: getattr(value, entry.name) for entry in fields(value)}


def read_links(where: str, table: NDArray[Any], names: list[str]) -> tuple[Link, ...]:
    """Return the links of a table (n, 4): numbers of source and target among `names`, port, delay."""
    if table.ndim != 2 or table.shape[1] != 4 or table.dtype.kind not in "iu":
        raise FileFormatError(f"{where} has type {table.dtype} and shape {table.shape}, expected integers (n, 4)")
    links = []
    for row, (source, target, port, delay) in enumerate(table.tolist()):
        if not (0 <= source < len(names) and 0 <= target < len(names)):
            raise FileFormatError(
                f"{where}: link {row} joins nodes {source} and {target}, the file has nodes 0 to {len(names) - 1}"
            )
        links.append(Link(names[source], names[target], port, delay))
    return tuple(links)


def build_record(where: str, kind: type[Value], values: Mapping[str, Any]) -> Value:
    """Return a dataclass from stored values, each checked against the annotation of its field."""
    hints = get_type_hints(kind)
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise FileFormatError(
                f"{where}: {kind.__name__} has no field {name!r}; known are {', '.join(known) or 'none'}"
            )
    for name, entry in known.items():
        if name not in values and entry.default is MISSING and entry.default_factory is MISSING:
            raise FileFormatError(f"{where}: {kind.__name__} needs the field {name!r}; the file is incomplete")
    return kind(**{name: _fitted(f"{where}: {name}", hints[name], value) for name, value in values.items()})


def _fitted(where: str, hint: Any, value: Any) -> Any:
    """Return a stored value as its annotation says: integers may stand for floats and bools."""
    choices = get_args(hint) if get_origin(hint) not in (None, tuple, np.ndarray, Literal) else (hint,)
    for choice in choices:
        if choice is NoneType:
            continue
        if get_origin(choice) is Literal:
            if value in get_args(choice):
                return value
        elif get_origin(choice) is np.ndarray:
            if isinstance(value, np.ndarray):
                return _fitted_array(where, choice, value)
        elif get_origin(choice) is tuple:
            length = len(value) if isinstance(value, tuple) else -1
            if length >= 0 and (Ellipsis in get_args(choice) or length == len(get_args(choice))):
                return value
        elif choice is bool and value in (0, 1):
            return bool(value)
        elif choice is int and isinstance(value, int):
            return value
        elif choice is float and isinstance(value, int | float):
            return float(value)
    expected = ", ".join(str(option) for option in get_args(hint)) if get_origin(hint) is Literal else _named(hint)
    shown = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else repr(value)
    raise FileFormatError(f"{where} is {shown}, expected {expected}")


def _fitted_array(where: str, hint: Any, value: NDArray[Any]) -> NDArray[Any]:
    """Return an array of the annotated type; floats of any width are equal."""
    (wanted,) = get_args(get_args(hint)[1])
    if wanted is np.bool_ and value.dtype != np.bool_:
        raise FileFormatError(f"{where} is an array of {value.dtype}, expected bool")
    if wanted is np.float64:
        if value.dtype.kind not in "iuf":
            raise FileFormatError(f"{where} is an array of {value.dtype}, expected float64")
        return value.astype(np.float64)
    return value


def _named(hint: Any) -> str:
    """Return an annotation in words."""
    options = get_args(hint) if get_origin(hint) not in (None, tuple, np.ndarray) else (hint,)
    words = {int: "an integer", float: "a number", bool: "0 or 1", str: "a text"}
    names = [
        words.get(option) or ("an array" if get_origin(option) is np.ndarray else "integers")
        for option in options
        if option is not NoneType
    ]
    return " or ".join(dict.fromkeys(names))

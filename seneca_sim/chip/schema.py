"""The schema of chip files, as seen from a dotted key: what may stand there, and how pydantic's refusals read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from seneca_sim.chip.constant import Constant
from seneca_sim.yaml_positions import KeyPath, did_you_mean, shown

__all__ = ["allowed_keys", "dotted_keys", "model_at", "refusals"]

_WANTED = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
}
_MISSING = {"value": "a value", "status": "published, derived, calibrated, assumed or set"}
A_CONSTANT = "a constant {value, status, source}"


def model_at(model: type[BaseModel], path: Iterable[str | int]) -> type[BaseModel] | None:
    """Return the model of the group at a path below a model, None if there is no group.

    >>> from seneca_sim.chip.description import Chip
    >>> model_at(Chip, ("core", "npe")).__name__
    'Npe'
    """
    current = model
    for key in path:
        field = current.model_fields.get(str(key))
        inner = None if field is None else _group_of(field.annotation)
        if inner is None:
            return None
        current = inner
    return current


def _group_of(annotation: Any) -> type[BaseModel] | None:
    candidates = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def allowed_keys(model: type[BaseModel], path: Iterable[str | int]) -> list[str]:
    """Return the keys that may stand in the group at a path; empty where there is no group."""
    group = model_at(model, path)
    return [] if group is None else list(group.model_fields)


def dotted_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every constant below a model.

    >>> from seneca_sim.chip.description import Area
    >>> list(dotted_keys(Area))
    ['core_mm2']
    """
    for name, field in model.model_fields.items():
        inner = _group_of(field.annotation)
        if inner is None:
            continue
        if issubclass(inner, Constant):
            yield prefix + name
        else:
            yield from dotted_keys(inner, f"{prefix}{name}.")


def refusals(error: ValidationError, model: type[BaseModel]) -> list[tuple[KeyPath, str, bool]]:
    """Return (path, sentence, whether the key itself is wrong) of everything that pydantic refused.

    >>> from seneca_sim.chip.description import Area
    >>> try:
    ...     Area.model_validate({"core_mm2": {"value": -1, "status": "set", "source": "me"}, "core": 1})
    ... except ValidationError as error:
    ...     for refusal in refusals(error, Area):
    ...         print(refusal)
    (('core_mm2', 'value'), 'expected a finite number >= 0, got -1', False)
    (('core',), 'unknown key; did you mean core_mm2?', True)
    """
    return [_refusal(dict(item), model) for item in error.errors(include_url=False)]


def _refusal(item: dict[str, Any], model: type[BaseModel]) -> tuple[KeyPath, str, bool]:
    path: KeyPath = tuple(item["loc"])
    kind = item["type"]
    if kind == "extra_forbidden":
        known = allowed_keys(model, path[:-1])
        guess = did_you_mean(str(path[-1]), known) or f"; known here: {', '.join(known)}"
        return path, f"unknown key{guess}", True
    if kind in ("rule", "rules"):
        return path, item["msg"], False
    group = model_at(model, path)
    is_constant = group is not None and issubclass(group, Constant)
    if kind == "missing":
        wanted = "a mapping" if group is not None else _MISSING.get(str(path[-1]), "a text")
        return path, f"is missing; expected {A_CONSTANT if is_constant else wanted}", False
    if kind.startswith("model") and is_constant:
        wanted = f"{A_CONSTANT} (a bare value is possible in a file that extends another)"
    elif kind == "expected":
        wanted = item["ctx"]["phrase"]
    else:
        wanted = _WANTED.get(kind, item["msg"])
    choices = re.split(", | or ", wanted)
    guess = did_you_mean(item["input"], choices) if isinstance(item["input"], str) and len(choices) > 1 else ""
    return path, f"expected {wanted}, got {shown(item['input'])}{guess}", False

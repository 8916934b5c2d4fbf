"""Chip files: read, extend, override, and validate; everything that is wrong is reported at once, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from seneca_sim.chip.constant import Constant
from seneca_sim.chip.description import Chip
from seneca_sim.chip.rules import broken_rules
from seneca_sim.chip.schema import dotted_keys, model_at, refusals
from seneca_sim.errors import ChipError
from seneca_sim.yaml_positions import Finding, KeyPath, YamlFile, did_you_mean, plain_scalar, read_yaml, shown

__all__ = ["chip_names", "load_chip"]

PRESETS = Path(__file__).parent / "presets"
HEAD = ("name", "description", "extends")
"""Keys that belong to one file: they are neither inherited nor overridden."""


def chip_names() -> list[str]:
    """Return the names of the chips that ship with the package.

    >>> chip_names()
    ['seneca', 'seneca-seed-table']
    """
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_chip(chip: str | Path | Chip, overrides: Sequence[str] = ()) -> Chip:
    """Return the validated chip of a preset's name or a YAML file, with dotted `key=value` overrides applied in order.

    A file may extend a preset or another file (`extends: NAME_OR_PATH`, paths relative to the file); then it says only what
    differs, and may give a constant as a bare value, whose status becomes `set`. A loaded chip may be given to override more of it.

    Raises
    ------
    ChipError
        With one line for each thing that is wrong: ``file:line:column: key: expected ..., got ...``.
    FileFormatError
        If a file cannot be read or is not YAML.

    >>> chip = load_chip("seneca", ["core.npe.count=16"])
    >>> chip.core.npe.count.value, chip.core.npe.count.status
    (16, 'set')
    """
    tree = _Tree(chip.model_dump(), {}) if isinstance(chip, Chip) else _read_tree(_located(str(chip)))
    for override in overrides:
        _apply(override, tree)
    valid, refused = _validated(tree)
    findings = sorted(tree.findings + refused, key=_place)
    if valid is None or findings:
        raise ChipError("\n".join(map(str, findings)))
    return valid


@dataclass(slots=True)
class _Tree:
    """A chip file with what it extends merged in, not yet validated."""

    data: dict[str, Any]
    origins: dict[KeyPath, tuple[str, str]]
    """From a path to where its value stands and where its key stands."""
    findings: list[Finding] = field(default_factory=list)

    def finding(self, path: KeyPath, text: str, *, at_key: bool = False) -> Finding:
        """Return a finding about a key, placed where the file, the extended file or the override says it."""
        where = ""
        for length in range(len(path), -1, -1):
            if (places := self.origins.get(path[:length])) is not None:
                where = places[1 if at_key else 0]
                break
        named = path[:-1] if path[-1:] == ("value",) and _is_constant(path[:-1]) else path
        return Finding(where, ".".join(map(str, named)), text)


def _is_constant(path: KeyPath) -> bool:
    model = model_at(Chip, path)
    return model is not None and issubclass(model, Constant)


def _located(name: str, folder: Path | None = None) -> Path:
    """Return the path of a preset's name, or of a file (relative to `folder`)."""
    if name in chip_names():
        return PRESETS / f"{name}.yaml"
    path = Path(name) if folder is None else folder / name
    if path.is_file():
        return path
    raise ChipError(
        f"no chip is named {name!r} and there is no such file; shipped chips: {', '.join(chip_names())}"
        + did_you_mean(name, chip_names())
    )


def _label(path: Path) -> str:
    return path.name if path.parent == PRESETS else str(path)


def _read_tree(path: Path, chain: tuple[Path, ...] = ()) -> _Tree:
    """Read a chip file and, before it, what it extends."""
    file = read_yaml(path, _label(path))
    if not isinstance(file.data, dict):
        raise ChipError(
            f"{file.label}: expected a chip file (a mapping with `extends`, or with all keys), got {shown(file.data)}"
        )
    own: dict[str, Any] = file.data
    own.setdefault("name", path.stem)
    tree = _Tree(own, {key: (file.where(key), file.where(key, at_key=True)) for key in file.positions}, file.findings)
    base = _extended(file, path, (*chain, path.resolve()), tree.findings)
    if base is None:
        return tree
    wrapped = _with_provenance(own, f"user file {path.name}", ())
    inherited = {key: value for key, value in base.data.items() if key not in HEAD}
    replaced = {path for path, _ in _constant_values(wrapped, ())}
    kept = {
        path: places
        for path, places in base.origins.items()
        if not any(path[:length] in replaced for length in range(len(path) + 1))
    }
    return _Tree(_merged(inherited, wrapped, ()), kept | tree.origins, base.findings + tree.findings)


def _extended(file: YamlFile, path: Path, chain: tuple[Path, ...], findings: list[Finding]) -> _Tree | None:
    """Return the tree that a file extends, None if nothing; a preset in place of one that cannot be had."""
    name = file.data.get("extends") if isinstance(file.data, dict) else None
    if not isinstance(name, str):
        return None
    try:
        base = _located(name, path.parent)
    except ChipError as error:
        findings.append(file.finding(("extends",), str(error)))
        return _read_tree(PRESETS / "seneca.yaml")
    if base.resolve() in chain:
        loop = " extends ".join(step.name for step in (*chain[chain.index(base.resolve()) :], base))
        findings.append(file.finding(("extends",), f"{loop}; remove one of these lines"))
        return _read_tree(PRESETS / "seneca.yaml")
    return _read_tree(base, chain)


def _with_provenance(data: Mapping[str, Any], source: str, path: KeyPath) -> dict[str, Any]:
    """Return the tree with every bare value of a constant made one that the user has set."""
    result: dict[str, Any] = {}
    for key, value in data.items():
        inner = (*path, key)
        if _is_constant(inner) and not isinstance(value, dict):
            result[key] = {"value": value, "status": "set", "source": source}
        else:
            result[key] = _with_provenance(value, source, inner) if isinstance(value, dict) else value
    return result


def _merged(base: Mapping[str, Any], own: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
    """Return the base with the own keys in place of its; a constant with a new value keeps nothing of the old one."""
    result = dict(base)
    for key, value in own.items():
        inner = (*path, key)
        old = result.get(key)
        replaces = _is_constant(inner) and isinstance(value, dict) and "value" in value
        if isinstance(old, dict) and isinstance(value, dict) and not replaces:
            result[key] = _merged(old, value, inner)
        else:
            result[key] = value
    return result


def _apply(override: str, tree: _Tree) -> None:
    """Set one constant of a tree from a text such as `core.npe.count=16`."""
    label = f"--set {override}"
    key, equals, text = override.partition("=")
    key = key.strip()
    path: KeyPath = tuple(key.split("."))
    objection = _objection_to_key(key, path) if equals else "expected KEY=VALUE, such as core.npe.count=16"
    if objection is not None:
        tree.findings.append(Finding(label, "", objection))
        return
    group: Any = tree.data
    for part in path[:-1]:
        group = group.setdefault(part, {})
        if not isinstance(group, dict):  # a finding of the file itself
            return
    group[path[-1]] = {"value": plain_scalar(text.strip()), "status": "set", "source": "set by the user"}
    tree.origins[path] = tree.origins[*path, "value"] = (label, label)


def _objection_to_key(key: str, path: KeyPath) -> str | None:
    if _is_constant(path):
        return None
    if key in HEAD:
        return f"{key} belongs to the file and cannot be overridden; write a chip file that extends this one"
    if (group := model_at(Chip, path)) is not None and key:
        return f"{key} is a group; set one of its keys: {', '.join(group.model_fields)}"
    return f"unknown key {key!r}" + did_you_mean(key, dotted_keys(Chip))


def _validated(tree: _Tree) -> tuple[Chip | None, list[Finding]]:
    """Return the chip, or None and what was refused: keys, types and bounds first, then rules between the values that hold."""
    try:
        return Chip.model_validate(tree.data), []
    except ValidationError as error:
        refused = [item for item in refusals(error, Chip) if item[0]]
    findings = [tree.finding(path, text, at_key=at_key) for path, text, at_key in refused]
    bad = {path for path, _, _ in refused}
    values = {
        ".".join(map(str, path)): value
        for path, value in _constant_values(tree.data, ())
        if not any(path[:length] in bad for length in range(len(path) + 1)) and (*path, "value") not in bad
    }
    return None, findings + [tree.finding(tuple(key.split(".")), text) for key, text in broken_rules(values)]


def _constant_values(data: Mapping[str, Any], path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    for key, value in data.items():
        inner = (*path, key)
        if not isinstance(value, dict):
            continue
        if _is_constant(inner):
            if "value" in value:
                yield inner, value["value"]
        else:
            yield from _constant_values(value, inner)


def _place(finding: Finding) -> tuple[str, int, int]:
    """Return (file, line, column) of a finding; overrides come first."""
    parts = finding.where.rsplit(":", 2)
    if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
        return parts[0], int(parts[1]), int(parts[2])
    return "", 0, 0

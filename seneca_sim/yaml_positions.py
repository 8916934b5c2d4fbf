"""Read YAML with the place of every key: YAML 1.2 scalars, duplicate keys refused, nothing executed.

PyYAML by itself follows YAML 1.1, where `1e6` is a text, `on` is true, `010` is 8, `12:30` is 750 and a repeated key
silently wins. Here scalars follow the core schema of YAML 1.2, and a `YamlFile` knows file, line and column of each key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from seneca_sim.errors import FileFormatError

__all__ = ["Finding", "KeyPath", "YamlFile", "did_you_mean", "plain_scalar", "read_yaml", "shown", "yaml_from_text"]

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the top of a file."""

NODE_LIMIT = 200_000
"""Nodes in a file, aliases expanded; more is refused (a few aliases of aliases can ask for billions)."""

DEPTH_LIMIT = 100
"""Groups within groups; deeper files are refused."""

_LOADER: type[yaml.BaseLoader] | type[yaml.CBaseLoader] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NAN = re.compile(r"\.(nan|NaN|NAN)")


def plain_scalar(text: str) -> bool | int | float | str | None:
    """Return the value of an unquoted scalar under the core schema of YAML 1.2.

    >>> [plain_scalar(text) for text in ("1e6", "on", "010", "12:30", "0x1F", "~", "true", "-.5")]
    [1000000.0, 'on', 10, '12:30', 31, None, True, -0.5]
    """
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    try:
        if _DECIMAL.fullmatch(text):
            return int(text)
        if _OCTAL.fullmatch(text):
            return int(text[2:], 8)
        if _HEXADECIMAL.fullmatch(text):
            return int(text[2:], 16)
    except ValueError:  # more digits than Python converts
        return text
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    if _NAN.fullmatch(text):
        return float("nan")
    return text


def shown(value: object) -> str:
    """Return how a value read from YAML is quoted in an error: texts in quotes and shortened, groups by their kind.

    >>> shown("abc"), shown(None), shown(True), shown({"a": 1}), shown([])
    ("'abc'", 'null', 'true', 'a mapping', 'a list')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return "; did you mean X?" for the closest choice, or nothing if none is close.

    >>> did_you_mean("cuont", ["count", "enabled"])
    '; did you mean count?'
    """
    close = difflib.get_close_matches(word, list(choices), n=1)
    return f"; did you mean {close[0]}?" if close else ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong in a file: where, which key, and what was expected instead."""

    where: str
    """``file:line:column``, or the override that says it."""
    key: str
    """Dotted key; empty for the file as a whole."""
    text: str

    def __str__(self) -> str:
        """Return ``where: key: text``."""
        return ": ".join(part for part in (self.where, self.key, self.text) if part)


@dataclass(slots=True)
class YamlFile:
    """What a YAML file holds, with the place of every key."""

    label: str
    """The file's name in messages."""
    data: object = None
    """Nested dict, list, str, int, float, bool and None; keys are texts as written."""
    positions: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    """(line, column), from 1: of the value if it is a scalar, else of its key."""
    keys: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    """(line, column), from 1, of the key."""
    findings: list[Finding] = field(default_factory=list)
    """Repeated keys, keys that are no text, tags, aliases of themselves."""

    def where(self, path: KeyPath, *, at_key: bool = False) -> str:
        """Return ``file:line:column`` of a key, or of the nearest enclosing key that the file has."""
        places = self.keys if at_key else self.positions
        for length in range(len(path), -1, -1):
            if (place := places.get(path[:length])) is not None:
                return f"{self.label}:{place[0]}:{place[1]}"
        return self.label

    def finding(self, path: KeyPath, text: str, *, at_key: bool = False) -> Finding:
        """Return a finding about one key of this file."""
        return Finding(self.where(path, at_key=at_key), ".".join(map(str, path)), text)


def read_yaml(path: Path, label: str | None = None) -> YamlFile:
    """Read a YAML file; what can be reported key by key is in its `findings`.

    Raises
    ------
    FileFormatError
        If the file cannot be read or is not YAML.
    """
    name = str(path) if label is None else label
    try:
        if not (path.is_file() or path.is_dir()) and path.exists():
            raise FileFormatError(f"{name}: no regular file; give the path of a file")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{name}: not a text file in UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise FileFormatError(f"{name}: cannot be read: {error.strerror}") from None
    return yaml_from_text(text, name)


def yaml_from_text(text: str, label: str) -> YamlFile:
    r"""Parse YAML text; `label` names it in messages.

    >>> file = yaml_from_text("npe:\n  count: 1e1\n  count: 9\n", "chip.yaml")
    >>> file.data, file.where(("npe", "count"))
    ({'npe': {'count': 10.0}}, 'chip.yaml:2:10')
    >>> print(file.findings[0])
    chip.yaml:3:3: npe.count: repeated key (first at line 2); remove one
    """
    file = YamlFile(label)
    try:
        node = _Composer(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = label if mark is None else f"{label}:{mark.line + 1}:{mark.column + 1}"
        raise FileFormatError(f"{where}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise FileFormatError(f"{label}: not YAML: {str(error).splitlines()[0]}") from None
    if node is not None:
        file.data = _Reader(file).value(node, ())
    return file


@dataclass(slots=True)
class _Node:
    """A scalar, list or mapping with its place; the same object wherever an alias stands for it."""

    place: tuple[int, int]
    tag: str | None
    scalar: str | None = None
    plain: bool = False
    items: list[_Node] | None = None
    pairs: list[tuple[_Node, _Node]] = field(default_factory=list)


class _Composer:
    """Builds nodes from PyYAML's events: its own composer overflows the stack on deeply nested files."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.anchors: dict[str, _Node] = {}

    def document(self) -> _Node | None:
        """Return the top node of the only document, None if the file is empty."""
        result = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if result is not None:
                    raise _refusal(event, "expected a single document")
                result = self._node(next(self.events), 0)
        return result

    def _node(self, event: Any, depth: int) -> _Node:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise _refusal(event, f"found undefined alias {event.anchor!r}")
            return self.anchors[event.anchor]
        if depth > DEPTH_LIMIT:
            raise _refusal(event, f"groups are nested more than {DEPTH_LIMIT} deep")
        node = _Node((event.start_mark.line + 1, event.start_mark.column + 1), event.tag)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        if isinstance(event, yaml.ScalarEvent):
            node.scalar, node.plain = event.value, event.style in (None, "")
        elif isinstance(event, yaml.SequenceStartEvent):
            node.items = [self._node(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)]
        else:
            node.pairs = [
                (self._node(key, depth + 1), self._node(next(self.events), depth + 1))
                for key in self._until(yaml.MappingEndEvent)
            ]
        return node

    def _until(self, end: type[yaml.Event]) -> Iterator[Any]:
        while not isinstance(event := next(self.events), end):
            yield event


def _refusal(event: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


class _Reader:
    """Turns composed nodes into values and notes the place of every key."""

    def __init__(self, file: YamlFile) -> None:
        self.file = file
        self.open_nodes: set[int] = set()
        self.n_nodes = 0

    def value(self, node: _Node, path: KeyPath) -> object:
        """Return the value of a node; what is wrong with it goes to the file's findings."""
        self.n_nodes += 1
        if node.scalar is not None and _CONTROL.search(node.scalar):
            line, column = node.place
            raise FileFormatError(f"{self.file.label}:{line}:{column}: holds a control character; remove it")
        if self.n_nodes > NODE_LIMIT:
            raise FileFormatError(f"{self.file.label}: more than {NODE_LIMIT} values; are aliases nested in aliases?")
        if len(path) > DEPTH_LIMIT:
            raise FileFormatError(f"{self.file.label}: aliases nest groups more than {DEPTH_LIMIT} deep")
        if node.scalar is not None:
            self.file.positions[path] = node.place
        else:
            self.file.positions.setdefault(path, node.place)
        if node.tag is not None:
            self.file.findings.append(self.file.finding(path, f"tags such as {node.tag} are not supported; remove it"))
        if node.scalar is not None:
            return plain_scalar(node.scalar) if node.plain else node.scalar
        if id(node) in self.open_nodes:
            text = "is an alias of a group that contains it; remove the alias"
            self.file.findings.append(self.file.finding(path, text))
            return None
        self.open_nodes.add(id(node))
        result: object
        if node.items is not None:
            result = [self.value(item, (*path, index)) for index, item in enumerate(node.items)]
        else:
            result = self._mapping(node, path)
        self.open_nodes.discard(id(node))
        return result

    def _mapping(self, node: _Node, path: KeyPath) -> dict[str, object]:
        result: dict[str, object] = {}
        for key, item in node.pairs:
            where = f"{self.file.label}:{key.place[0]}:{key.place[1]}"
            if key.scalar is None:
                text = "expected a text as key, got a group"
                self.file.findings.append(Finding(where, ".".join(map(str, path)), text))
                continue
            if _CONTROL.search(key.scalar):
                raise FileFormatError(f"{where}: the key {key.scalar!r} holds a control character; remove it")
            inner = (*path, key.scalar)
            if key.scalar in result:
                text = f"repeated key (first at line {self.file.keys[inner][0]}); remove one"
                self.file.findings.append(Finding(where, ".".join(map(str, inner)), text))
                continue
            self.file.keys[inner] = self.file.positions[inner] = key.place
            result[key.scalar] = self.value(item, inner)
        return result

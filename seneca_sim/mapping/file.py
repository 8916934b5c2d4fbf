"""Mapping files: YAML that is written to be read and edited, and a flat CSV for spreadsheets.

Ranges in files name first and last: `0-31` is 32 of them. What a part leaves out is taken whole (channels, rows, columns) or
from geometry (state_rows); mesh, places and host rows that are left out are chosen as the automatic mapper does.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seneca_sim.chip import Chip
from seneca_sim.errors import FileFormatError, MappingError
from seneca_sim.graph.network import Network
from seneca_sim.mapping.geometry import Span
from seneca_sim.mapping.placement import host_rows, mesh_size, place_cores, serpentine, traffic
from seneca_sim.mapping.provision import provision_rows
from seneca_sim.mapping.types import Mapping, Part
from seneca_sim.whole_file import write_whole
from seneca_sim.yaml_positions import KeyPath, YamlFile, did_you_mean, read_yaml, shown

__all__ = ["FORMAT", "load_mapping", "mapping_bytes", "mapping_text", "network_of_mapping", "save_mapping"]

FORMAT = "seneca_sim/mapping/1"
TOP_KEYS = ("format", "network", "mesh", "host_rows", "places", "layers")
PART_KEYS = ("core", "channels", "rows", "columns", "state_rows")
CSV_COLUMNS = ("layer", "core", "channels", "rows", "columns")
_RANGE = re.compile(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?")


def mapping_text(network: Network, mapping: Mapping, note: str = "") -> str:
    """Return a mapping as YAML; the same mapping gives the same text. `note` is a comment for its head."""
    lines = [f"# {line}" for line in note.splitlines()]
    lines += [
        f"format: {FORMAT}",
        f"network: {_quoted(mapping.network)}",
        f"mesh: {{columns: {mapping.mesh[0]}, rows: {mapping.mesh[1]}}}",
        f"host_rows: [{', '.join(map(str, mapping.host_rows))}]  # mesh row of each input layer; output leaves at the first",
        "places:  # core: column, row of the mesh",
    ]
    lines += [f"  {core}: [{x}, {y}]" for core, (x, y) in enumerate(mapping.place)]
    lines.append("layers:  # ranges name first and last; rows and columns after fused pooling, state rows before it")
    for number, layer in enumerate(network.layers):
        parts = [part for part in mapping.parts if part.layer == number]
        if parts:
            channels, rows, columns = layer.out_shape
            lines.append(f"  {_quoted(layer.name)}:  # {channels} channels x {rows} rows x {columns} columns")
            lines += [f"    - {_part_text(part)}" for part in parts]
    return "\n".join(lines) + "\n"


def save_mapping(network: Network, mapping: Mapping, path: Path, note: str = "") -> None:
    """Write a mapping: as CSV if the file's name says so (parts only, no places), else as YAML."""
    write_whole(path, mapping_bytes(network, mapping, path, note))


def mapping_bytes(network: Network, mapping: Mapping, path: Path, note: str = "") -> bytes:
    """Return the content of a mapping file of this name."""
    text = _csv_text(network, mapping) if path.suffix.lower() == ".csv" else mapping_text(network, mapping, note)
    return text.encode()


def _quoted(name: str) -> str:
    """Return a name as a YAML scalar that is read as the same text."""
    if re.fullmatch(r"[A-Za-z_][\w./-]*", name) and name.lower() not in ("true", "false", "null"):
        return name
    return '"' + "".join(_escaped(letter) for letter in name) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"


def _part_text(part: Part) -> str:
    spans = ", ".join(f"{name}: {_span_text(getattr(part, name))}" for name in ("channels", "rows", "columns"))
    return f"{{core: {part.core}, {spans}, state_rows: {part.state_rows}}}"


def _span_text(span: Span) -> str:
    return f"{span[0]}-{span[1] - 1}"


def _csv_text(network: Network, mapping: Mapping) -> str:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for part in mapping.parts:
        spans = [_span_text(span) for span in (part.channels, part.rows, part.columns)]
        writer.writerow([network.layers[part.layer].name, part.core, *spans])
    return lines.getvalue()


def network_of_mapping(path: Path) -> str:
    """Return the name of the network that a YAML mapping file is for.

    Raises
    ------
    FileFormatError
        If the file is no mapping, or names none.
    """
    if path.suffix.lower() == ".csv":
        raise FileFormatError(f"{path.name}: a CSV mapping names no network; name it with --network")
    file = _yaml_file(path)
    name = file.data.get("network") if isinstance(file.data, dict) else None
    if not isinstance(name, str):
        raise FileFormatError(f"{file.where(('network',))}: network: expected the name of a network, got {shown(name)}")
    return name


def load_mapping(path: Path, network: Network, chip: Chip, *, seed: int = 0) -> Mapping:
    """Read a mapping file; whether it fits the chip is `validate_mapping`'s to say.

    Raises
    ------
    FileFormatError
        If the file cannot be read, is not YAML or not a mapping.
    MappingError
        With all findings, each at its ``file:line:column``.
    """
    draft = _read_csv(path, network) if path.suffix.lower() == ".csv" else _read_yaml(path, network)
    if draft.findings:
        raise MappingError("\n".join(draft.findings))
    return _completed(draft, network, chip, seed)


@dataclass(slots=True)
class _Draft:
    """What a file says, before what it leaves out is filled in."""

    findings: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    """`state_rows` 0 where the file has none."""
    mesh: tuple[int, int] | None = None
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    host_rows: tuple[int, ...] | None = None


def _completed(draft: _Draft, network: Network, chip: Chip, seed: int) -> Mapping:
    """Fill in state rows, mesh, host rows and places; parts outside their layer are left for `validate_mapping` to refuse."""
    parts = sorted(draft.parts, key=lambda part: (part.layer, part.rows, part.columns, part.channels, part.core))
    cores = max([*draft.places, *(part.core for part in parts)], default=-1) + 1
    if cores > chip.noc.max_cores.value:
        raise MappingError(
            f"core {cores - 1}: chip {chip.name} has at most {chip.noc.max_cores.value} cores; number them from 0"
        )
    sound = all(_within(network, part) for part in parts)
    flow = chip.flow
    rows: tuple[int, ...] = (1,) * len(parts)
    if sound:
        rows = provision_rows(
            network, parts, window=flow.window.value, order=flow.order.value, early_replay=flow.early_replay.value
        )
    parts = [replace(part, state_rows=part.state_rows or row) for part, row in zip(parts, rows, strict=True)]
    if draft.mesh is not None:
        mesh = draft.mesh
    elif draft.places:
        mesh = max(x for x, _ in draft.places.values()) + 1, max(y for _, y in draft.places.values()) + 1
    else:
        mesh = mesh_size(chip, cores)
    if mesh[0] * mesh[1] > chip.noc.max_cores.value:
        raise MappingError(
            f"the mesh of {mesh[0]} x {mesh[1]} holds more cores than chip {chip.name} may have, {chip.noc.max_cores.value}; "
            "use a smaller mesh or raise noc.max_cores"
        )
    ports = draft.host_rows
    if ports is None:
        ports = host_rows(sum(layer.is_input for layer in network.layers), mesh[1])
    if draft.places:
        place = tuple(draft.places[core] for core in range(cores))
    elif cores > mesh[0] * mesh[1]:
        raise MappingError(
            f"the mapping uses {cores} cores, but its mesh has {mesh[0]} x {mesh[1]} places; enlarge the mesh"
        )
    elif sound and len(ports) == sum(layer.is_input for layer in network.layers):
        place = place_cores(traffic(network, chip, parts, cores, None), mesh, ports, seed)
    else:
        place = serpentine(cores, mesh[0])
    return Mapping(network.name, tuple(parts), mesh, place, ports)


def _within(network: Network, part: Part) -> bool:
    """Return whether a part is a part of its layer."""
    layer = network.layers[part.layer]
    spans = (part.channels, part.rows, part.columns)
    return not layer.is_input and all(end <= size for (_, end), size in zip(spans, layer.out_shape, strict=True))


def _yaml_file(path: Path) -> YamlFile:
    file = read_yaml(path, path.name)
    if not isinstance(file.data, dict):
        raise FileFormatError(f"{file.label}: not a mapping file: expected the keys {', '.join(TOP_KEYS)}")
    if file.data.get("format") != FORMAT:
        raise FileFormatError(
            f"{file.where(('format',))}: format: expected {FORMAT}, got {shown(file.data.get('format'))}; "
            "write mapping files with `seneca-sim map`"
        )
    return file


def _read_yaml(path: Path, network: Network) -> _Draft:
    """Read a YAML file, collecting findings."""
    file = _yaml_file(path)
    draft = _Draft([str(finding) for finding in file.findings])
    reader = _YamlReader(file, draft)
    data = reader.group(file.data, (), TOP_KEYS)
    if data.get("network") != network.name:
        reader.object_to(("network",), f"expected {network.name}, got {shown(data.get('network'))}")
    if "mesh" in data:
        sizes = reader.group(data["mesh"], ("mesh",), ("columns", "rows"))
        columns, rows = (reader.number(sizes.get(key), ("mesh", key), least=1) for key in ("columns", "rows"))
        draft.mesh = (columns, rows)
    if "host_rows" in data:
        draft.host_rows = reader.host_rows(data["host_rows"])
    if "places" in data:
        reader.places(data["places"])
    names = {layer.name: number for number, layer in enumerate(network.layers)}
    layers = reader.group(data.get("layers"), ("layers",), tuple(names), what="layer")
    for name, parts in layers.items():
        reader.layer(names[name], network, parts, ("layers", name))
    if draft.places:
        highest = max([*draft.places, *(part.core for part in draft.parts)])
        missing = next(core for core in range(len(draft.places) + 1) if core not in draft.places)
        if missing <= highest:
            reader.object_to(
                ("places",), f"core {missing} has no place; number cores from 0 and place each", at_key=True
            )
    return draft


@dataclass(slots=True)
class _YamlReader:
    """Turns YAML values into a draft; what is wrong goes to its findings."""

    file: YamlFile
    draft: _Draft

    def object_to(self, path: KeyPath, text: str, *, at_key: bool = False) -> None:
        """Note what is wrong with a key."""
        self.draft.findings.append(str(self.file.finding(path, text, at_key=at_key)))

    def group(self, value: object, path: KeyPath, keys: tuple[str, ...], what: str = "key") -> dict[str, object]:
        """Return the known keys of a group."""
        if not isinstance(value, dict):
            self.object_to(path, f"expected {what}s with values, got {shown(value)}")
            return {}
        for key in value:
            if key not in keys:
                self.object_to((*path, key), f"unknown {what} {key!r}{did_you_mean(key, keys)}", at_key=True)
        return {key: inner for key, inner in value.items() if key in keys}

    def number(self, value: object, path: KeyPath, least: int = 0) -> int:
        """Return an integer."""
        if isinstance(value, int) and not isinstance(value, bool) and least <= value < 10**9:
            return value
        self.object_to(path, f"expected an integer >= {least}, got {shown(value)}")
        return least

    def host_rows(self, value: object) -> tuple[int, ...]:
        """Return the mesh rows of the host ports."""
        if not isinstance(value, list):
            self.object_to(
                ("host_rows",), f"expected a list with one mesh row for each input layer, got {shown(value)}"
            )
            return ()
        return tuple(self.number(row, ("host_rows", index)) for index, row in enumerate(value))

    def places(self, value: object) -> None:
        """Note where cores are."""
        if not isinstance(value, dict):
            self.object_to(("places",), f"expected cores with their places, such as 0: [2, 1], got {shown(value)}")
            return
        for key, place in value.items():
            path = ("places", key)
            if not re.fullmatch(r"\d{1,9}", key):
                self.object_to(path, f"expected the number of a core, got {key!r}", at_key=True)
                continue
            if not isinstance(place, list) or len(place) != 2:
                self.object_to(path, f"expected [column, row] of the mesh, such as [2, 1], got {shown(place)}")
                place = [0, 0]
            self.draft.places[int(key)] = (self.number(place[0], (*path, 0)), self.number(place[1], (*path, 1)))

    def layer(self, number: int, network: Network, value: object, path: KeyPath) -> None:
        """Note the parts of a layer."""
        if not isinstance(value, list):
            self.object_to(path, f"expected a list of parts, such as - {{core: 0}}, got {shown(value)}")
            return
        for index, item in enumerate(value):
            here = (*path, index)
            keys = self.group(item, here, PART_KEYS)
            spans = [
                self.span(keys.get(name, f"0-{size - 1}"), (*here, name))
                for name, size in zip(PART_KEYS[1:4], network.layers[number].out_shape, strict=True)
            ]
            core = self.number(keys.get("core"), (*here, "core"))
            rows = self.number(keys["state_rows"], (*here, "state_rows"), least=1) if "state_rows" in keys else 0
            self.draft.parts.append(Part(number, core, spans[0], spans[1], spans[2], rows))

    def span(self, value: object, path: KeyPath) -> Span:
        """Return a range, half open."""
        span = _span_of(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
        if span is None:
            self.object_to(path, f"expected first-last, such as 0-31, got {shown(value)}")
            return 0, 1
        return span


def _span_of(text: str) -> Span | None:
    """Return the half-open range of "first-last" or "only"; None if the text is neither.

    >>> _span_of("0-31"), _span_of("7"), _span_of("5-2")
    ((0, 32), (7, 8), None)
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    first = int(found[1])
    last = int(found[2] or first)
    return (first, last + 1) if first <= last else None


def _read_csv(path: Path, network: Network) -> _Draft:
    """Read a CSV file: a heading with `CSV_COLUMNS` (rows and columns may be absent or empty), one part a line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file in UTF-8"
        raise FileFormatError(f"{path.name}: cannot be read: {reason}") from None
    reader = csv.DictReader(io.StringIO(text), restkey="more", restval="")
    heading = reader.fieldnames or ()
    if not set(CSV_COLUMNS[:3]) <= set(heading) or not set(heading) <= set(CSV_COLUMNS):
        raise FileFormatError(f"{path.name}:1:1: expected the heading {','.join(CSV_COLUMNS)}, got {','.join(heading)}")
    names = {layer.name: number for number, layer in enumerate(network.layers)}
    draft = _Draft()
    for line in _lines(path, reader):
        where = f"{path.name}:{reader.line_num}:1"
        name = line["layer"]
        if "more" in line:
            draft.findings.append(f"{where}: expected {len(heading)} cells, got {len(heading) + len(line['more'])}")
            continue
        if name not in names:
            draft.findings.append(f"{where}: layer: unknown layer {name!r}{did_you_mean(name, names)}")
            continue
        shape = network.layers[names[name]].out_shape
        spans: list[Span] = []
        for key, size in zip(CSV_COLUMNS[2:], shape, strict=True):
            cell = line.get(key) or f"0-{size - 1}"
            if (span := _span_of(cell)) is None:
                draft.findings.append(f"{where}: {key}: expected first-last, such as 0-31, got {cell!r}")
            spans.append(span or (0, 1))
        core = _span_of(line["core"])
        if core is None or core[1] - core[0] != 1:
            draft.findings.append(f"{where}: core: expected the number of a core, got {line['core']!r}")
        draft.parts.append(Part(names[name], core[0] if core else 0, spans[0], spans[1], spans[2], 0))
    return draft


def _lines(path: Path, reader: csv.DictReader[str]) -> Iterator[dict[str, Any]]:
    """Yield the lines of a CSV file."""
    try:
        yield from reader
    except csv.Error as error:
        raise FileFormatError(f"{path.name}:{reader.line_num + 1}:1: not CSV: {error}") from None

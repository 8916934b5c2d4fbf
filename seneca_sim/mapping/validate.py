"""Whether a mapping can run on a chip: all findings at once, each with layer, core, need, limit and a way out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seneca_sim.chip import Chip
from seneca_sim.errors import MappingError
from seneca_sim.graph.network import Network
from seneca_sim.graph.neurons import is_stateful
from seneca_sim.mapping.geometry import neuron_range
from seneca_sim.mapping.memory import MEMORY_KINDS, core_memory
from seneca_sim.mapping.provision import minimum_rows
from seneca_sim.mapping.routing import routing
from seneca_sim.mapping.types import Mapping, Part

__all__ = ["mapping_findings", "routing_fits", "validate_mapping"]


def validate_mapping(network: Network, chip: Chip, mapping: Mapping) -> None:
    """Refuse a mapping that does not cover the network once, or that breaks a limit of the chip.

    Raises
    ------
    MappingError
        With one line for each finding.
    """
    findings = mapping_findings(network, chip, mapping)
    if findings:
        raise MappingError("\n".join(findings))


def mapping_findings(network: Network, chip: Chip, mapping: Mapping) -> tuple[str, ...]:
    """Return everything that keeps a mapping from running; limits are looked at only where the parts make sense."""
    basics = [*_boxes(network, mapping), *_places(network, chip, mapping)]
    if basics:
        return tuple(basics)
    coverage = list(_coverage(network, mapping))
    limits = [*_memory(network, chip, mapping), *_headers(network, chip)]
    if not coverage:
        limits += [*_state_rows(network, chip, mapping), *_routing(network, chip, mapping)]
    return tuple(coverage + limits)


def _span(span: tuple[int, int]) -> str:
    """Return a half-open range as it is written in files: first and last.

    >>> _span((0, 8)), _span((3, 4))
    ('0-7', '3')
    """
    return str(span[0]) if span[1] - span[0] == 1 else f"{span[0]}-{span[1] - 1}"


def _named(network: Network, part: Part) -> str:
    return f"{network.layers[part.layer].name} on core {part.core}"


def _boxes(network: Network, mapping: Mapping) -> Iterator[str]:
    """Yield parts that are no part of a layer."""
    if mapping.network != network.name:
        yield f"the mapping is for network {mapping.network!r}, not for {network.name!r}; map this network or name the other one"
    for part in mapping.parts:
        if not 0 <= part.layer < len(network.layers):
            yield f"a part on core {part.core} names layer {part.layer}, but the network has layers 0-{len(network.layers) - 1}"
            continue
        layer = network.layers[part.layer]
        if layer.is_input:
            yield f"{_named(network, part)}: an input layer lives on the host and has no parts; remove it"
            continue
        for axis, span, size in zip(
            ("channels", "rows", "columns"), (part.channels, part.rows, part.columns), layer.out_shape, strict=True
        ):
            if not 0 <= span[0] < span[1] <= size:
                yield f"{_named(network, part)}: {axis} {span[0]}-{span[1] - 1} are no range within the layer's 0-{size - 1}"
        if part.state_rows < 1:
            yield f"{_named(network, part)}: {part.state_rows} state rows; a part needs at least 1"


def _places(network: Network, chip: Chip, mapping: Mapping) -> Iterator[str]:
    """Yield cores and host ports that are not on the mesh, or at each other's place."""
    columns, rows = mapping.mesh
    stated = (chip.noc.columns.value, chip.noc.rows.value)
    if columns < 1 or rows < 1:
        yield f"the mesh of {columns} x {rows} has no routers; give it at least 1 column and 1 row"
        return
    if all(stated) and stated != mapping.mesh:
        yield (
            f"the mapping is for a mesh of {columns} x {rows}, chip {chip.name} has {stated[0]} x {stated[1]}; "
            "map again or change noc.columns and noc.rows"
        )
    limit = chip.noc.max_cores.value
    if len(mapping.place) > limit:
        yield (
            f"the mapping places {len(mapping.place)} cores, chip {chip.name} has at most {limit}; "
            "use fewer cores or raise noc.max_cores"
        )
    elif columns * rows > limit:
        yield (
            f"the mesh of {columns} x {rows} holds more cores than chip {chip.name} may have, {limit}; use a smaller mesh or raise "
            "noc.max_cores"
        )
    taken: dict[tuple[int, int], int] = {}
    for core, (x, y) in enumerate(mapping.place):
        if not (0 <= x < columns and 0 <= y < rows):
            yield f"core {core} is at ({x}, {y}), outside the mesh of {columns} x {rows}; move it or enlarge the mesh"
        elif (x, y) in taken:
            yield f"cores {taken[x, y]} and {core} are both at ({x}, {y}); move one of them"
        taken.setdefault((x, y), core)
    for part in mapping.parts:
        if not 0 <= part.core < len(mapping.place):
            yield f"core {part.core} has a part but no place; give it one"
    inputs = sum(layer.is_input for layer in network.layers)
    if len(mapping.host_rows) != inputs:
        yield f"{len(mapping.host_rows)} host rows for {inputs} input layers; give one for each"
    for row in mapping.host_rows:
        if not 0 <= row < rows:
            yield f"host row {row} is outside the mesh, whose rows are 0-{rows - 1}"


def _coverage(network: Network, mapping: Mapping) -> Iterator[str]:
    """Yield what is on no core, or on more than one."""
    for number, layer in enumerate(network.layers):
        if layer.is_input:
            continue
        parts = [part for part in mapping.parts if part.layer == number]
        spans = [(part.channels, part.rows, part.columns) for part in parts]
        corners = [
            sorted({0, size, *(end for box in spans for end in box[axis])}) for axis, size in enumerate(layer.out_shape)
        ]
        owners = np.zeros([len(ends) - 1 for ends in corners], dtype=np.int64)
        first = np.zeros(owners.shape, dtype=np.int64)
        for index, box in enumerate(spans):
            cells = tuple(slice(*np.searchsorted(corners[axis], box[axis])) for axis in range(3))
            for other in sorted({int(cell) for cell in first[cells][owners[cells] > 0].ravel()}):
                cores = f"core {parts[other].core} and core {parts[index].core}"
                yield f"{layer.name}: {_overlap(spans[other], box)} are on {cores}; give each neuron to one part"
            first[cells] = np.where(owners[cells] == 0, index, first[cells])
            owners[cells] += 1
        for cell in np.argwhere(owners == 0)[:1].tolist():
            empty = tuple((ends[at], ends[at + 1]) for at, ends in zip(cell, corners, strict=True))
            more = int((owners == 0).sum()) - 1
            rest = f" (and {more} more such boxes)" if more else ""
            yield f"{layer.name}: {_box(empty)} are on no core{rest}; add a part for them"


def _box(box: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"{axis} {_span(span)}" for axis, span in zip(("channels", "rows", "columns"), box, strict=True))


def _overlap(one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...]) -> str:
    return _box(tuple((max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(one, other, strict=True)))


def _memory(network: Network, chip: Chip, mapping: Mapping) -> Iterator[str]:
    """Yield cores whose data memory is too small."""
    limit = chip.core.data_memory_bits.value
    memory = core_memory(network, chip, mapping)
    for core in np.flatnonzero(memory.cores.sum(axis=1) > limit):
        kinds = ", ".join(
            f"{kind.replace('_', ' ')} {bits}"
            for kind, bits in zip(MEMORY_KINDS, memory.cores[core].tolist(), strict=True)
            if bits
        )
        names = dict.fromkeys(network.layers[part.layer].name for part in mapping.parts if part.core == core)
        need = int(memory.cores[core].sum())
        way = (
            f"split it over at least {-(-need // limit)} cores"
            if len(names) == 1
            else f"move a layer away or split one over at least {-(-need // limit)} cores in all"
        )
        yield f"{' and '.join(names)} on core {core}: {need} bits needed ({kinds}), {limit} bits there; {way}"


def _headers(network: Network, chip: Chip) -> Iterator[str]:
    """Yield maps whose positions do not fit the packet header."""
    for layer in network.layers:
        for name, axis, size, bits in (
            ("y", "rows", layer.out_shape[1], chip.noc.y_bits.value),
            ("x", "columns", layer.out_shape[2], chip.noc.x_bits.value),
        ):
            if size > 2**bits:
                need = (size - 1).bit_length()
                yield (
                    f"{layer.name}: {size} {axis} need {need} bits in the packet header, noc.{name}_bits is {bits}; "
                    f"set noc.{name}_bits={need}"
                )


def _state_rows(network: Network, chip: Chip, mapping: Mapping) -> Iterator[str]:
    """Yield parts with too few state rows, or with more than they have neuron rows."""
    order, early = chip.flow.order.value, chip.flow.early_replay.value
    least = minimum_rows(network, mapping.parts, order=order, early_replay=early)
    for part, needed in zip(mapping.parts, least, strict=True):
        layer = network.layers[part.layer]
        first, end = neuron_range(layer, part.rows, "rows")
        given = f"{_named(network, part)}: {part.state_rows} state rows"
        if part.state_rows > end - first:
            yield f"{given}, but the part has {end - first} rows of neurons; set state_rows: {end - first}"
        elif part.state_rows < needed:
            if layer.neuron is not None and is_stateful(layer.neuron):
                why = "neurons that remember need all their rows"
            elif order == "conventional":
                why = "the conventional order needs all rows"
            elif any(edge.broadcast for edge in layer.edges):
                why = "all rows wait for what a broadcast edge brings"
            else:
                why = "with fewer the chip deadlocks"
            yield f"{given}, {needed} needed ({why}); set state_rows: {needed}"


def routing_fits(network: Network, chip: Chip, mapping: Mapping) -> bool:
    """Return whether the chip names all multicast groups of a mapping and its routers hold them."""
    return not any(_routing(network, chip, mapping))


def _routing(network: Network, chip: Chip, mapping: Mapping) -> Iterator[str]:
    """Yield what does not fit the group field of the header or a router's table."""
    found = routing(network, mapping)
    most = 2**chip.noc.group_bits.value
    if found.groups > most:
        yield (
            f"the mapping needs {found.groups} multicast groups, noc.group_bits = {chip.noc.group_bits.value} names {most}; "
            f"use fewer parts, or set noc.group_bits={(found.groups - 1).bit_length()}"
        )
    limit = chip.noc.routing_entries.value
    if chip.noc.kind.value == "mesh" and (largest := int(found.entries.max())) > limit:
        y, x = divmod(int(found.entries.argmax()), found.entries.shape[1])
        here = [core for core, place in enumerate(mapping.place) if place == (x, y)]
        yield (
            f"the router at ({x}, {y}){f' of core {here[0]}' if here else ''} needs {largest} entries, noc.routing_entries is "
            f"{limit} ({int((found.entries > limit).sum())} routers have too few); use fewer parts or set "
            f"noc.routing_entries={largest}"
        )

"""The native file of a network, ``seneca_sim/1``: an HDF5 file of plain numbers and texts, safe to read from strangers.

::

    /                     format = "seneca_sim/1", name, task, dt_us (left out where no neuron depends on it), weights (left out
                          where they are the network's own: given)
    /input_contract       representation, slice_us, swap_xy, flip_polarity; others where they are not the default
    /default_precision    weight, state, event
    /assumptions          0, 1, ...: sentences about what the file's maker assumed
    /nodes/000000 ...     one group per node, in order: name, type, its fields; is_head; precision_weight, _state, _event;
                          reset_every, reset_first; same_as: the number of an earlier node that this one is again (no fields)
    /links                integers (n, 4): number of the source node, of the target node, port, delay

Everything is an attribute except `/links` and the fields of nodes that are arrays (weight, bias, scale, mask, threshold, ...),
which are datasets. Types and fields are the dataclasses of `graph.nodes` and `graph.neurons`; a field that is left out
has its default. Quantisation is in the arrays: an integer weight stands for ``scale * weight``. Numbers keep their type. Of an
array whose numbers are all one (a placeholder for weights that are not public) that one is stored, and shape_weight etc. beside.
The same graph gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from seneca_sim.errors import FileFormatError, GraphError
from seneca_sim.graph.checks import check_node
from seneca_sim.graph.contract import contract_problems
from seneca_sim.graph.graph import Graph, Weights, node_order
from seneca_sim.graph.hdf5 import SafeGroup, open_hdf5
from seneca_sim.graph.network import InputContract, Precision
from seneca_sim.graph.nodes import NODE_TYPES, Array, Node
from seneca_sim.graph.placeholders import is_placeholder, values_of
from seneca_sim.graph.records import build_record, plain, read_links
from seneca_sim.whole_file import write_whole

__all__ = ["FORMAT", "graph_bytes", "load_graph", "save_graph"]

FORMAT = "seneca_sim/1"
Value = TypeVar("Value")
_PRECISION = ("weight", "state", "event")
_OWN = ("name", "type", "is_head", "reset_every", "reset_first", "same_as")
"""Attributes of a node's group that are not fields of the node."""
_MOST_VALUES = 1 << 28
"""Largest number of values that a placeholder stands for."""


def save_graph(graph: Graph, path: str | Path) -> None:
    """Write a graph as a native file; raises `GraphError` if it has a node that could not be read again.

    >>> import tempfile
    >>> from seneca_sim.graph import read_graph
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_graph(read_graph("kws-mlp"), f"{folder}/kws.h5")
    ...     load_graph(f"{folder}/kws.h5").weights
    'absent'
    """
    write_whole(path, graph_bytes(graph))


def graph_bytes(graph: Graph) -> bytes:
    """Return the bytes of a graph's native file: equal graphs give equal bytes."""
    import h5py

    for name, node in graph.nodes.items():
        check_node(f"{graph.name}: {name}", node)
    node_order(graph)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("earliest", "v110"), track_order=False) as file:
        _set(file, {"format": FORMAT, "name": graph.name, "task": graph.task, "dt_us": graph.dt_us})
        _set(file, {} if graph.weights == "given" else {"weights": graph.weights})
        _set(file.create_group("input_contract"), _contract(graph.input_contract))
        _set(file.create_group("default_precision"), plain(graph.default_precision))
        _set(file.create_group("assumptions"), {str(index): text for index, text in enumerate(graph.assumptions)})
        nodes = file.create_group("nodes")
        first: dict[int, int] = {}
        for index, (name, node) in enumerate(graph.nodes.items()):
            _write_node(nodes.create_group(f"{index:06d}"), graph, name, first.get(id(node)))
            if any(isinstance(value, np.ndarray) for value in plain(node).values()):
                first.setdefault(id(node), index)
        number = {name: index for index, name in enumerate(graph.nodes)}
        links = [(number[link.source], number[link.target], link.port, link.delay) for link in graph.links]
        file.create_dataset("links", data=np.array(links, np.int32).reshape(-1, 4), track_times=False)
    return buffer.getvalue()


def _contract(contract: InputContract) -> dict[str, Any]:
    """Return the fields of a contract that are stored: the first four, and others that are not the default."""
    default = plain(InputContract())
    first = ("representation", "slice_us", "swap_xy", "flip_polarity")
    return {name: value for name, value in plain(contract).items() if name in first or value != default[name]}


def _write_node(group: Any, graph: Graph, name: str, same_as: int | None) -> None:
    """Write one node: scalars as attributes, arrays as datasets; of a node that was written before its number."""
    node = graph.nodes[name]
    extra: dict[str, Any] = {"name": name, "type": type(node).__name__}
    if same_as is None:
        for field, value in plain(node).items():
            if not isinstance(value, np.ndarray):
                extra[field] = value
                continue
            stored = values_of(value)
            group.create_dataset(field, data=stored.astype(value.dtype.newbyteorder("<")), track_times=False)
            if is_placeholder(value):
                extra[f"shape_{field}"] = value.shape
    else:
        extra["same_as"] = same_as
    if name in graph.precision:
        extra |= {f"precision_{role}": getattr(graph.precision[name], role) for role in _PRECISION}
    if name in graph.heads:
        extra["is_head"] = 1
    if name in graph.resets:
        extra["reset_every"], extra["reset_first"] = graph.resets[name]
    _set(group, extra)


def _set(group: Any, values: Mapping[str, Any]) -> None:
    """Write attributes: texts of fixed length, 64-bit numbers; None is left out."""
    import h5py

    for name, value in values.items():
        if isinstance(value, str):
            text = value.encode()
            if not text or b"\0" in text:
                raise GraphError(
                    f"{group.name}: {name} is {value!r}; a native file holds texts of at least one letter, without NUL"
                )
            group.attrs.create(name, text, dtype=h5py.string_dtype("utf-8", len(text)))
        elif isinstance(value, float | np.floating):
            group.attrs.create(name, float(value), dtype="<f8")
        elif isinstance(value, tuple) and any(isinstance(number, float) for number in value):
            group.attrs.create(name, np.asarray(value, np.float64), dtype="<f8")
        elif value is not None:
            group.attrs.create(name, np.asarray(value, np.int64), dtype="<i8")


def load_graph(path: str | Path) -> Graph:
    """Read a native file; raises `FileFormatError` that names the entry which is not as it should be.

    >>> from seneca_sim.graph.load import find_network
    >>> load_graph(find_network("digits-lif")).dt_us
    5000.0
    """
    with open_hdf5(Path(path)) as root:
        return _read_graph(root)


def _read_graph(root: SafeGroup) -> Graph:
    """Return the graph of an open file."""
    head = root.attributes()
    if (stated := head.get("format")) != FORMAT:
        raise FileFormatError(
            f"{root.path}: the format is {stated!r}, this version reads {FORMAT!r}; use the version of "
            "seneca_sim that wrote the file"
        )
    nodes, precision, resets, heads = _read_nodes(root.child("nodes"))
    notes = root.child("assumptions").attributes()
    contract = build_record(f"{root.path}: /input_contract", InputContract, root.child("input_contract").attributes())
    for name, problem in contract_problems(contract):
        raise FileFormatError(f"{root.path}: /input_contract: {name} {problem}")
    return Graph(
        _text(root, head, "name"),
        MappingProxyType(nodes),
        read_links(f"{root.path}: /links", root.array("links"), list(nodes)),
        build_record(f"{root.path}: /default_precision", Precision, root.child("default_precision").attributes()),
        MappingProxyType(precision),
        heads,
        _time_step(root, head.get("dt_us")),
        _task(root, head.get("task")),
        contract,
        tuple(str(notes[key]) for key in sorted(notes, key=lambda key: (len(key), key))),
        _weights(root, head.get("weights", "given")),
        MappingProxyType(resets),
    )


def _read_nodes(
    groups: SafeGroup,
) -> tuple[dict[str, Node], dict[str, Precision], dict[str, tuple[int, int]], frozenset[str]]:
    """Return the nodes in file order, and by their names number types and rhythms of resets; and which are heads."""
    nodes: dict[str, Node] = {}
    precision: dict[str, Precision] = {}
    resets: dict[str, tuple[int, int]] = {}
    heads = set()
    for key in sorted(groups.names()):
        group = groups.child(key)
        name, node = _read_node(group, list(nodes.values()))
        if name in nodes:
            raise FileFormatError(f"{group.where}: there is a node {name!r} already; names must differ")
        nodes[name] = node
        values = group.attributes()
        if any(f"precision_{role}" in values for role in _PRECISION):
            roles = {role: values[f"precision_{role}"] for role in _PRECISION if f"precision_{role}" in values}
            precision[name] = build_record(group.where, Precision, roles)
        if values.get("is_head"):
            heads.add(name)
        if "reset_every" in values:
            resets[name] = (_count(group, values, "reset_every", 1), _count(group, values, "reset_first", 0))
    return nodes, precision, resets, frozenset(heads)


def _text(group: SafeGroup, values: Mapping[str, Any], name: str) -> str:
    """Return an attribute that must be a text."""
    value = values.get(name)
    if not isinstance(value, str):
        raise FileFormatError(f"{group.where}: the attribute {name!r} is {value!r}, expected a text")
    return value


def _time_step(root: SafeGroup, dt_us: object) -> float | None:
    if dt_us is None:
        return None
    if not isinstance(dt_us, int | float) or not 0 < dt_us < float("inf"):
        raise FileFormatError(f"{root.path}: dt_us is {dt_us!r}, expected a positive time in microseconds")
    return float(dt_us)


def _task(root: SafeGroup, task: object) -> Literal["classification", "other"]:
    if task not in ("classification", "other"):
        raise FileFormatError(f"{root.path}: task is {task!r}, expected 'classification' or 'other'")
    return task


def _weights(root: SafeGroup, weights: object) -> Weights:
    if weights not in get_args(Weights):
        raise FileFormatError(f"{root.path}: weights is {weights!r}, expected one of {', '.join(get_args(Weights))}")
    return weights  # type: ignore[return-value]


def _count(group: SafeGroup, values: Mapping[str, Any], name: str, least: int) -> int:
    """Return an attribute that must be a whole number."""
    value = values.get(name, 0)
    if not isinstance(value, int) or value < least:
        raise FileFormatError(f"{group.where}: {name} is {value!r}, expected a whole number of at least {least}")
    return value


def _read_node(group: SafeGroup, before: list[Node]) -> tuple[str, Node]:
    """Return the name of a node, and the node, which may be one of those before."""
    values: dict[str, Any] = group.attributes()
    name, kind = _text(group, values, "name"), _text(group, values, "type")
    if kind not in NODE_TYPES:
        raise FileFormatError(
            f"{group.where}: {name}: there is no node type {kind!r}; known are {', '.join(NODE_TYPES)}"
        )
    if "same_as" in values:
        number = _count(group, values, "same_as", 0)
        if number >= len(before) or type(before[number]) is not NODE_TYPES[kind]:
            raise FileFormatError(
                f"{group.where}: {name}: same_as is {number}, expected the number of an earlier {kind}; copy or export it again"
            )
        return name, before[number]
    own = {key: value for key, value in values.items() if key not in _OWN}
    own = {key: value for key, value in own.items() if not key.startswith(("precision_", "shape_"))}
    own |= {key: _array(group, values, key) for key in group.names()}
    return name, build_record(f"{group.where}: {name}", NODE_TYPES[kind], own)


def _array(group: SafeGroup, values: Mapping[str, Any], field: str) -> Array:
    """Return a stored array, or the placeholder that it stands for."""
    array = group.array(field)
    shape = values.get(f"shape_{field}")
    if shape is None:
        return array
    if not isinstance(shape, tuple) or array.size != 1 or min(shape) < 1 or prod(shape) > _MOST_VALUES:
        raise FileFormatError(
            f"{group.where}: shape_{field} is {shape!r} of an array of {array.shape}, expected the shape of a placeholder, at most "
            f"{_MOST_VALUES} values"
        )
    return np.broadcast_to(array.reshape(()), shape)

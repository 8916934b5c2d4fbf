"""What `graph.nir_writer` put into the metadata of a NIR file, read back: the graph, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast, get_type_hints

import numpy as np

from seneca_sim.errors import FileFormatError, GraphError
from seneca_sim.graph.checks import check_node
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.hdf5 import SafeGroup
from seneca_sim.graph.network import InputContract, Precision
from seneca_sim.graph.nir_writer import PREFIX, nir_fields, nir_shapes, restored
from seneca_sim.graph.nodes import NODE_TYPES, Node
from seneca_sim.graph.records import build_record, read_links

__all__ = ["restore_graph", "writes_metadata"]

_ROLES = ("weight", "state", "event")
_OURS = ("number", "type", "is_head", "reset_period", "weight_type", "bias_type")
Values = dict[str, Any]


def writes_metadata(root: SafeGroup) -> bool:
    """Return whether the graph of a NIR file carries our metadata."""
    return "metadata" in root and f"{PREFIX}format" in root.child("metadata")


def restore_graph(root: SafeGroup) -> Graph:
    """Return the graph of a NIR file with our metadata.

    Raises a `FileFormatError` for metadata that are not as written, and a `GraphError` where another tool has changed a node
    and left its metadata.
    """
    head = _values(root)
    groups = root.child("nodes")
    stated = {name: _values(groups.child(name)) for name in groups.names()}
    for name, values in stated.items():
        if not isinstance(values.get("number"), int):
            raise FileFormatError(f"{root.where}: {name}: its metadata has no number; {_WAY_OUT}")
    order = sorted(stated, key=lambda name: stated[name]["number"])
    nodes = {name: _node(groups.child(name), name, stated[name]) for name in order}
    notes = sorted((int(key.split(".")[1]), text) for key, text in head.items() if key.startswith("assumption."))
    graph = Graph(
        str(head.get("name")),
        MappingProxyType(nodes),
        read_links(root.where, np.asarray(head.get("links", ())), order),
        _record(root, Precision, head, "default_precision."),
        MappingProxyType(
            {
                name: _record(root, Precision, values, "precision_")
                for name, values in stated.items()
                if any(key.startswith("precision_") for key in values)
            }
        ),
        frozenset(name for name, values in stated.items() if values.get("is_head")),
        head.get("dt_us"),
        cast("Any", head.get("task")),
        _record(root, InputContract, head, "input_contract."),
        tuple(text for _, text in notes),
        cast("Any", head.get("weights", "given")),
        MappingProxyType(_resets(stated)),
    )
    _check_untouched(graph, groups)
    return graph


def _resets(stated: Mapping[str, Values]) -> dict[str, tuple[int, int]]:
    """Return the periods of resets by node."""
    found = {}
    for name, values in stated.items():
        if "reset_period" in values:
            every, first = np.asarray(values["reset_period"]).reshape(-1).tolist()
            found[name] = (int(every), int(first))
    return found


_WAY_OUT = "export the network again, or remove the metadata to read it as plain NIR"


def _values(group: SafeGroup) -> Values:
    """Return our entries in the metadata of a node or graph."""
    if "metadata" not in group:
        return {}
    metadata = group.child("metadata")
    values: Values = {}
    for key in metadata.names():
        if key.startswith(PREFIX):
            entry: Any = metadata.text(key) if metadata.is_text(key) else metadata.array(key)
            values[key.removeprefix(PREFIX)] = entry if isinstance(entry, str) or entry.ndim else entry.item()
    return values


def _record(root: SafeGroup, kind: type[Any], values: Mapping[str, Any], prefix: str) -> Any:
    """Return a dataclass from the values whose names begin with a prefix."""
    own = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
    return build_record(f"{root.where}: metadata", kind, _tuples(kind, own))


def _tuples(kind: type[Any], values: Values) -> Values:
    """Return the values with short lists of integers as tuples, where the dataclass has no array."""
    arrays = {name for name, hint in get_type_hints(kind).items() if "ndarray" in str(hint)}
    return {
        name: tuple(value.tolist())
        if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "iu" and name not in arrays
        else value
        for name, value in values.items()
    }


def _node(group: SafeGroup, name: str, values: Values) -> Node:
    """Return one node from its metadata and, for weights, from its fields."""
    kind = values.get("type")
    if kind not in NODE_TYPES:
        raise FileFormatError(
            f"{group.where}: its metadata names the node type {kind!r}, which does not exist; {_WAY_OUT}"
        )
    own = {key: value for key, value in values.items() if key not in _OURS and not key.startswith("precision_")}
    for field in ("weight", "bias"):
        stored = values.get(f"{field}_type")
        if stored is not None:
            if stored not in ("i1", "i2", "i4", "i8", "f2", "f4", "f8"):
                raise FileFormatError(f"{group.where}: its metadata names the number type {stored!r}; {_WAY_OUT}")
            scale = own.get("scale") if field == "weight" else None
            own[field] = restored(group.array(field), np.dtype(stored), scale)
    node_type = NODE_TYPES[cast("str", kind)]
    node = build_record(f"{group.where}: {name}", node_type, _tuples(node_type, own))
    check_node(f"{group.path.stem}: {name}", node)
    return node


def _check_untouched(graph: Graph, groups: SafeGroup) -> None:
    """Refuse nodes whose fields are not those that their metadata give."""
    shapes = nir_shapes(graph)
    for name, node in graph.nodes.items():
        group = groups.child(name)
        kind, content = nir_fields(node, *shapes[name], graph.dt_us)
        stated = group.text("type")
        if stated != kind:
            raise GraphError(f"{graph.name}: {name}: the node is {stated}, its metadata say {kind}; {_WAY_OUT}")
        for field, value in content.items():
            here = group.array(field).reshape(-1)
            if here.shape != np.ravel(value).shape or not np.allclose(here, np.ravel(value), rtol=1e-5, atol=0):
                raise GraphError(f"{graph.name}: {name}: {field} is not what the metadata say; {_WAY_OUT}")

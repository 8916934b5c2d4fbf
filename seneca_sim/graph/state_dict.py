"""Weights from a file into the definition of a network, matched by name.

Names are ``<node>.<field>``: ``conv1.conv.weight``, ``lstm1.y.bias``; of batch normalisation also PyTorch's ``.weight`` (gain),
``.bias`` (offset), ``.running_mean`` and ``.running_var``. Constants of neurons may be given too (``level1.threshold``). A node
that stands at several places with the same weights (a head shared by all levels) has the name of the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import FileFormatError
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.neurons import Neuron
from seneca_sim.graph.nodes import BatchNorm2d, Node
from seneca_sim.graph.tensor_files import DAMAGE, StoredArray, read_arrays
from seneca_sim.yaml_positions import did_you_mean

__all__ = ["array_names", "with_weights"]

_TORCH_NAMES = {"gain": "weight", "offset": "bias", "mean": "running_mean", "variance": "running_var"}
_IGNORED = "num_batches_tracked"


def array_names(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Return the names of all arrays that a file of weights must hold, with their shapes.

    >>> from seneca_sim.graph.published import build_published
    >>> list(array_names(build_published("kws-mlp", {})).items())[:2]
    [('layer1.weights.weight', (256, 390)), ('layer1.weights.bias', (256,))]
    """
    return {f"{name}.{field}": array.shape for name, field, array in _arrays(graph)}


def _arrays(graph: Graph) -> list[tuple[str, str, NDArray[Any]]]:
    """Return node, field and value of each array, of nodes at several places once."""
    seen: dict[int, str] = {}
    return [
        (name, entry.name, value)
        for name, node in graph.nodes.items()
        if seen.setdefault(id(node), name) == name
        for entry in fields(node)
        if isinstance(value := getattr(node, entry.name), np.ndarray) and entry.name != "anchors"
    ]


def with_weights(graph: Graph, path: str | Path) -> Graph:
    """Return a graph with the weights of a file; raises `FileFormatError` where names or shapes differ.

    >>> import tempfile
    >>> from seneca_sim.graph.published import build_published
    >>> graph = build_published("kws-mlp", {})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/w.npz", **{name: np.ones(shape, np.float32) for name, shape in array_names(graph).items()})
    ...     with_weights(graph, f"{folder}/w.npz").assumptions[-1]
    'weights from w.npz'
    """
    path = Path(path)
    stored = {name: array for name, array in read_arrays(path).items() if not name.endswith(_IGNORED)}
    where = f"{path} for {graph.name}"
    found = _matched(where, graph, stored)
    changed: dict[int, Node] = {}
    for name, node in graph.nodes.items():
        if id(node) not in changed:
            values = {field: found.pop((name, field)) for at, field in list(found) if at == name}
            changed[id(node)] = replace(node, **values) if values else node
    nodes = {name: changed[id(node)] for name, node in graph.nodes.items()}
    notes = tuple(note for note in graph.assumptions if not note.startswith("weights absent"))
    return replace(
        graph, nodes=MappingProxyType(nodes), weights="given", assumptions=(*notes, f"weights from {path.name}")
    )


def _matched(where: str, graph: Graph, stored: Mapping[str, StoredArray]) -> dict[tuple[str, str], Any]:
    """Return the array of each node and field, if all are there, none is too many, and all shapes fit."""
    known = _known_names(graph)
    for name in stored:
        if name not in known:
            guess = did_you_mean(name, known) or "; names are <node>.<field>"
            raise FileFormatError(f"{where}: there is no place for the array {name!r}{guess}")
    expected = {(name, field): array.shape for name, field, array in _arrays(graph)}
    given = {known[name]: array for name, array in stored.items()}
    missing = [place for place in expected if place not in given]
    if missing:
        node, field = missing[0]
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise FileFormatError(
            f"{where}: no array {node}.{field} of shape {expected[missing[0]]}{more}; names are <node>.<field>"
        )
    found = {}
    for (node, field), array in given.items():
        shape = expected.get((node, field))
        if shape is not None and array.shape != shape:
            raise FileFormatError(f"{where}: {node}.{field} has shape {array.shape}, expected {shape}")
        found[node, field] = _as_weights(f"{where}: {node}.{field}", array, constant=shape is None)
    return found


def _known_names(graph: Graph) -> dict[str, tuple[str, str]]:
    """Return node and field for each name that an array may have: PyTorch's names too, and constants of neurons."""
    known = {}
    for name, field, _ in _arrays(graph):
        known[f"{name}.{field}"] = name, field
        if isinstance(graph.nodes[name], BatchNorm2d):
            known[f"{name}.{_TORCH_NAMES[field]}"] = name, field
    for name, node in graph.nodes.items():
        if isinstance(node, Neuron):
            constants = (entry.name for entry in fields(node) if isinstance(getattr(node, entry.name), float))
            known |= {f"{name}.{constant}": (name, constant) for constant in constants}
    return known


def _as_weights(where: str, stored: StoredArray, *, constant: bool) -> Any:
    """Return an array in the number types of graphs: integers as they are, other numbers as float32, constants as float64."""
    try:
        array = stored.read()
    except FileFormatError:
        raise
    except DAMAGE as error:
        raise FileFormatError(f"{where} cannot be read ({error}); save the weights again") from None
    if array.dtype.kind not in "iufb":
        raise FileFormatError(f"{where} holds {array.dtype}, expected numbers")
    if constant:
        return float(array.reshape(())) if array.size == 1 else array.astype(np.float64)
    return array if array.dtype.kind in "ib" else array.astype(np.float32)

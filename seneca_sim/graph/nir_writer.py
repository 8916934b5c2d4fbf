"""Graphs as NIR files (nir 1.0.8): what NIR can say it says, the rest rides in the free `metadata` of each node.

- A node with a counterpart in NIR becomes that node: weights as floats (``scale * weight``), neurons in continuous time by
  the rules of `graph.nir_file` read backwards (``tau = dt / (1 - decay)``, ``r = gain tau / dt``).
- Any other node (gated cells, squeeze-excite, rectifiers, max pooling, ...) becomes a nested graph of an Input and an Output,
  so that other tools see the topology; where it keeps the shape, they are joined.
- `metadata` holds, under names that begin with ``seneca_sim.``: on each node its number, type and fields (arrays of weights
  that stand in NIR fields are not repeated: only their scale, type and mask); on the whole graph the links with ports and
  delays, the time step, the input contract, number types and assumptions. `graph.nir_file.read_nir` restores the graph from
  it, exactly; other tools keep it when they read and write the file.

Type checks of the nir package refuse several sizes at one node: files with a `Concat` or with broadcast sums are read by it
with ``type_check=False``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError
from seneca_sim.graph.checks import check_node
from seneca_sim.graph.graph import Graph, node_order
from seneca_sim.graph.neurons import CubaLif, Delay, If, Li, Lif
from seneca_sim.graph.nodes import Affine, AvgPool2d, Conv2d, Dense, Flatten, Input, Node, Output, SumPool2d, pair
from seneca_sim.graph.records import plain
from seneca_sim.graph.shapes import infer_forms
from seneca_sim.whole_file import write_whole

__all__ = ["NIR_VERSION", "PREFIX", "nir_bytes", "nir_fields", "nir_shapes", "restored", "save_nir"]

NIR_VERSION = "1.0.8"
PREFIX = "seneca_sim."
Fields = dict[str, Any]
Ends = tuple[tuple[int, ...], tuple[int, ...]]
"""Shapes of what arrives at a node and of what leaves it."""


def save_nir(graph: Graph, path: str | Path) -> None:
    """Write a graph as a NIR file; raises `GraphError` for a graph that could not be read again.

    >>> import tempfile
    >>> from seneca_sim.graph import read_graph
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_nir(read_graph("digits-lif"), f"{folder}/digits.nir")
    ...     list(read_graph(f"{folder}/digits.nir").nodes)[:3]
    ['events', 'conv1_weights', 'conv1']
    """
    write_whole(path, nir_bytes(graph))


def nir_bytes(graph: Graph) -> bytes:
    """Return the bytes of a graph's NIR file."""
    import h5py

    if graph.weights == "absent":
        raise GraphError(
            f"{graph.name}: its weights are not public, and NIR has no word for that; give weights, or write a native file (.h5)"
        )
    for name, node in graph.nodes.items():
        check_node(f"{graph.name}: {name}", node)
        if "/" in name or name in (".", ".."):
            raise GraphError(
                f"{graph.name}: {name!r}: NIR names nodes by paths, which a slash divides; rename the node"
            )
    node_order(graph)
    shapes = nir_shapes(graph)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("earliest", "v110"), track_order=False) as file:
        _text(file, "version", NIR_VERSION)
        root = file.create_group("node")
        _text(root, "type", "NIRGraph")
        _edges(root, list(dict.fromkeys((link.source, link.target) for link in graph.links)))
        nodes = root.create_group("nodes")
        for number, name in enumerate(graph.nodes):
            _write_node(nodes.create_group(name), graph, shapes, name, number)
        _write_values(root.create_group("metadata"), _graph_values(graph))
    return buffer.getvalue()


def nir_shapes(graph: Graph) -> dict[str, Ends]:
    """Return the shapes that arrive at and leave each node as NIR counts axes: vectors have one, maps three."""
    forms = infer_forms(graph)
    leaving: dict[str, tuple[int, ...]] = {}
    shapes: dict[str, Ends] = {}
    for name in node_order(graph):
        node, shape = graph.nodes[name], forms[name].shape
        known = [leaving[link.source] for link in graph.links_into(name) if link.source in leaving]
        before = known[0] if known else shape
        if isinstance(node, Input):
            before = leaving[name] = node.shape
        elif isinstance(node, Dense | Flatten) or (len(before) == 1 and shape[1:] == (1, 1)):
            leaving[name] = (shape[0],) if shape[1:] == (1, 1) else (prod(shape),)
        else:
            leaving[name] = shape
        shapes[name] = before, leaving[name]
    return shapes


def _graph_values(graph: Graph) -> Fields:
    """Return what concerns the whole graph."""
    number = {name: index for index, name in enumerate(graph.nodes)}
    links = [(number[link.source], number[link.target], link.port, link.delay) for link in graph.links]
    whole = {
        "format": 1,
        "name": graph.name,
        "task": graph.task,
        "weights": graph.weights,
        "dt_us": graph.dt_us,
        "links": np.array(links, np.int32).reshape(-1, 4),
    }
    groups = {"input_contract": graph.input_contract, "default_precision": graph.default_precision}
    nested = {f"{group}.{key}": value for group, of in groups.items() for key, value in plain(of).items()}
    notes = {f"assumption.{index}": text for index, text in enumerate(graph.assumptions)}
    return whole | nested | notes


def _write_node(group: Any, graph: Graph, shapes: Mapping[str, Ends], name: str, number: int) -> None:
    """Write one node in NIR's terms, with its metadata."""
    node = graph.nodes[name]
    before, after = shapes[name]
    kind, content = nir_fields(node, before, after, graph.dt_us)
    _text(group, "type", kind)
    if kind == "NIRGraph":
        ends = {"input": ("Input", before), "output": ("Output", after)}
        _edges(group, [("input", "output")] if before == after else [])
        inner = group.create_group("nodes")
        for end, (end_kind, shape) in ends.items():
            _text(inner.create_group(end), "type", end_kind)
            inner[end].create_dataset("shape", data=np.array(shape), track_times=False)
    for field, value in content.items():
        if isinstance(value, str):
            _text(group, field, value)
        else:
            group.create_dataset(field, data=value, track_times=False)
    own = plain(node) | {"number": number, "type": type(node).__name__}
    if isinstance(node, Conv2d | Dense):
        own |= _weight_values(node, content)
    if name in graph.heads:
        own["is_head"] = 1
    if name in graph.resets:
        own["reset_period"] = np.array(graph.resets[name])
    if name in graph.precision:
        own |= {f"precision_{role}": value for role, value in plain(graph.precision[name]).items()}
    _write_values(group.create_group("metadata"), own)


def _weight_values(node: Conv2d | Dense, content: Fields) -> Fields:
    """Return the metadata of weights and bias: their type, or the arrays where the floats of NIR do not give them back."""
    values: Fields = {}
    for field, array in (("weight", node.weight), ("bias", node.bias)):
        scale = node.scale if field == "weight" else None
        if array is not None and np.array_equal(restored(content[field], array.dtype, scale), array):
            values |= {field: None, f"{field}_type": array.dtype.str.lstrip("<|=")}
    return values


def restored(values: NDArray[Any], kind: np.dtype[Any], scale: Any) -> NDArray[Any]:
    """Return the stored numbers of a type that NIR holds as floats."""
    if kind.kind == "f":
        return values.astype(kind)
    factor = np.asarray(1.0 if scale is None else scale, np.float64).reshape(-1, *(1,) * (values.ndim - 1))
    return np.rint(values / np.where(factor == 0, 1.0, factor)).astype(kind)


def _write_values(group: Any, values: Fields) -> None:
    """Write metadata: texts, numbers and arrays as datasets; None is left out."""
    for name, value in values.items():
        if isinstance(value, str):
            _text(group, PREFIX + name, value)
        elif value is not None:
            group.create_dataset(PREFIX + name, data=np.asarray(value), track_times=False)


def _text(group: Any, name: str, text: str) -> None:
    import h5py

    group.create_dataset(name, data=text, dtype=h5py.string_dtype(), track_times=False)


def _edges(group: Any, edges: list[tuple[str, str]]) -> None:
    import h5py

    data = np.array(edges, dtype=object).reshape(-1, 2)
    group.create_dataset("edges", data=data, dtype=h5py.string_dtype(), track_times=False)


def nir_fields(node: Node, before: tuple[int, ...], after: tuple[int, ...], dt_us: float | None) -> tuple[str, Fields]:
    """Return the NIR type and fields of a node; ``("NIRGraph", {})`` if NIR has no such node.

    `before` and `after` are the shapes of what arrives and leaves.

    >>> nir_fields(Lif(0.9, threshold=2.0), (1,), (1,), 1000.0)[1]["tau"]
    array([0.01])
    """
    writer = _WRITERS.get(type(node))
    content = None if writer is None else writer(node, before, after, (dt_us or 0.0) * 1e-6)
    return ("NIRGraph", {}) if content is None else content


Content = tuple[str, Fields] | None


def _input(node: Input, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    return "Input", {"shape": np.array(node.shape)}


def _output(node: Output, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    return "Output", {"shape": np.array(before)}


def _floats(weight: NDArray[Any], scale: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Return what weights stand for, as float32: ``scale * weight``, masked ones zero."""
    factor = np.asarray(1.0 if scale is None else scale, np.float64).reshape(-1, *(1,) * (weight.ndim - 1))
    values = weight.astype(np.float64) * factor
    return np.asarray(values if mask is None else values * mask, np.float32)


def _conv(node: Conv2d, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    content = {
        "input_shape": np.array(before[1:]),
        "weight": _floats(node.weight, node.scale, node.mask),
        "bias": np.zeros(len(node.weight), np.float32) if node.bias is None else node.bias.astype(np.float32),
        **{name: np.array(pair(getattr(node, name))) for name in ("stride", "padding", "dilation")},
        "groups": np.int64(node.groups),
    }
    return "Conv2d", content


def _dense(node: Dense, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    weight = _floats(node.weight, node.scale, node.mask)
    if node.bias is None:
        return "Linear", {"weight": weight}
    return "Affine", {"weight": weight, "bias": node.bias.astype(np.float32)}


def _pool(node: SumPool2d | AvgPool2d, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    stride = node.kernel if node.stride is None else node.stride
    values = {"kernel_size": node.kernel, "stride": stride, "padding": node.padding}
    return type(node).__name__, {name: np.array(pair(value)) for name, value in values.items()}


def _flatten(node: Flatten, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    return "Flatten", {"input_type": np.array(before), "start_dim": np.int64(0), "end_dim": np.int64(-1)}


def _scale(node: Affine, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    if node.offset is not None and np.any(np.asarray(node.offset)):
        return None
    return "Scale", {"scale": _spread(node.scale, after)}


def _delay(node: Delay, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    return ("Delay", {"delay": _spread(node.steps, after) * dt}) if dt else None


def _spread(value: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a constant, one number, one per channel or one per neuron, for each neuron of a map."""
    constant = np.asarray(value, np.float64).reshape(-1)
    if constant.size == prod(shape):
        return constant.reshape(shape)
    return np.ascontiguousarray(np.broadcast_to(constant.reshape(-1, *(1,) * (len(shape) - 1)), shape))


def _spikes(node: If | Lif | CubaLif, shape: tuple[int, ...]) -> Fields:
    return {"v_threshold": _spread(node.threshold, shape), "v_reset": _spread(node.v_reset, shape)}


def _if(node: If, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    return "IF", {"r": _spread(node.r, after), **_spikes(node, after)}


def _leak(decay: Any, shape: tuple[int, ...], dt: float) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return tau [s] and dt / tau of a decay per step; None where no positive time constant gives it."""
    leak = 1.0 - _spread(decay, shape)
    if not dt or np.any(leak <= 0) or np.any(leak > 1):
        return None
    return dt / leak, leak


def _li(node: Li, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    found = _leak(node.decay, after, dt)
    if found is None:
        return None
    tau, leak = found
    return "LI", {"tau": tau, "r": _spread(node.r, after) / leak, "v_leak": _spread(node.v_leak, after)}


def _lif(node: Lif, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    found = _leak(node.decay, after, dt)
    if found is None:
        return None
    tau, leak = found
    gain = {"r": _spread(node.r, after) / leak, "v_leak": _spread(node.v_leak, after)}
    return "LIF", {"tau": tau, **gain, **_spikes(node, after)}


def _cuba_lif(node: CubaLif, before: tuple[int, ...], after: tuple[int, ...], dt: float) -> Content:
    synapse, membrane = _leak(node.decay_syn, after, dt), _leak(node.decay_mem, after, dt)
    if synapse is None or membrane is None:
        return None
    content = {
        "tau_syn": synapse[0],
        "tau_mem": membrane[0],
        "w_in": _spread(node.w_in, after) / synapse[1],
        "r": _spread(node.r, after) / membrane[1],
        "v_leak": _spread(node.v_leak, after),
        **_spikes(node, after),
    }
    return "CubaLIF", content


_WRITERS: dict[type, Callable[..., Content]] = {
    Input: _input,
    Output: _output,
    Conv2d: _conv,
    Dense: _dense,
    SumPool2d: _pool,
    AvgPool2d: _pool,
    Flatten: _flatten,
    Affine: _scale,
    Delay: _delay,
    If: _if,
    Li: _li,
    Lif: _lif,
    CubaLif: _cuba_lif,
}

"""Read the HDF5 files of lava-dl netx: layers in a row, integer weights, neurons in fixed point.

Conventions of the files: maps are (channels, rows, columns) as here, kernels and strides (rows, columns); a flattened map is in
the order channel, row, column. What a layer receives acts on its neurons one step later (`Layer.delay`), biases at once.
Recordings of a network whose states are reset (`reset_every` steps after each other) reset layer k at step k first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from seneca_sim.errors import FileFormatError, GraphError, RequestError
from seneca_sim.graph.checks import check_node
from seneca_sim.graph.graph import Graph, Link, node_order
from seneca_sim.graph.hdf5 import SafeGroup, open_hdf5
from seneca_sim.graph.network import InputContract, NumberType, Precision
from seneca_sim.graph.netx.neurons import STATE_BITS, loihi_neuron, number, sdnn_neuron
from seneca_sim.graph.neurons import Delay, Neuron
from seneca_sim.graph.nodes import Affine, Array, Conv2d, Dense, Flatten, Input, Node, Output
from seneca_sim.graph.shapes import infer_forms

__all__ = ["read_netx"]

_SPIKING = ("LOIHI", "CUBA")
_TYPES = ("input", "flatten", "conv", "dense", "dense_rec")


@dataclass(slots=True)
class _Content:
    """The graph so far; layers follow each other."""

    name: str
    nodes: dict[str, Node] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    precision: dict[str, Precision] = field(default_factory=dict)
    resets: dict[str, tuple[int, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    last: str = ""

    def add(self, name: str, node: Node) -> None:
        """Add a node behind the last one."""
        self.nodes[name] = node
        if self.last:
            self.links.append(Link(self.last, name))
        self.last = name


def read_netx(path: str | Path, *, reset_every: int | None = None) -> Graph:
    """Read a netx file as a graph.

    Parameters
    ----------
    reset_every
        Layer k (counted from the input) returns its states to zero before step k and every so many steps later; None: never.

    Raises
    ------
    FileFormatError
        For what is not a netx file.
    GraphError
        For a layer, neuron or setting that has no counterpart; the message names the layer.

    >>> import h5py, tempfile
    >>> neuron = {"type": b"LOIHI", "iDecay": 4096, "vDecay": 1024, "vThMant": 5, "refDelay": 1}
    >>> layer = {"type": b"dense", "inFeatures": 2, "outFeatures": 1, "shape": [1], "weight": [[2.0, -4.0]]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(f"{folder}/net.net", "w") as file:
    ...         for key, value in {**layer, **{f"neuron/{name}": value for name, value in neuron.items()}}.items():
    ...             file[f"layer/0/{key}"] = value
    ...     graph = read_netx(f"{folder}/net.net")
    >>> {name: type(node).__name__ for name, node in graph.nodes.items()}
    {'input': 'Input', 'layer0.weights': 'Dense', 'layer0.wait': 'Delay', 'layer0': 'Lif', 'output': 'Output'}
    """
    path = Path(path)
    if reset_every is not None and reset_every < 1:
        raise RequestError(f"reset_every={reset_every}: expected at least 1")
    content = _Content(path.stem)
    with open_hdf5(path) as root:
        layers = root.child("layer")
        for depth, key in enumerate(_numbers(layers)):
            _read_layer(content, layers.child(key), depth, reset_every)
        slice_us = max(1, round(1000 * _time_step_ms(root)))
    content.add("output", Output())
    if reset_every is not None:
        content.notes.append(
            f"as the user stated: the states of layer k return to their start before step k and every {reset_every} steps later"
        )
    binary = isinstance(content.nodes["input"], Input) and content.precision["input"].event == "binary"
    graph = Graph(
        path.stem,
        MappingProxyType(content.nodes),
        tuple(content.links),
        Precision("int16", "int32", "int32"),
        MappingProxyType(content.precision),
        dt_us=float(slice_us),
        input_contract=InputContract(representation="binary" if binary else "frame", slice_us=slice_us),
        assumptions=tuple(content.notes),
        resets=MappingProxyType(content.resets),
    )
    for name, node in graph.nodes.items():
        check_node(f"{graph.name}: {name}", node)
    node_order(graph)
    infer_forms(graph)
    return graph


def _numbers(layers: SafeGroup) -> list[str]:
    """Return the names of the layers in order; they are numbered from 0."""
    names = layers.names()
    expected = {str(number) for number in range(len(names))}
    if not names or set(names) != expected:
        raise FileFormatError(
            f"{layers.where}: the layers are named {', '.join(sorted(names)[:5]) or 'nothing'}, expected numbers from 0 on; export "
            "the network again"
        )
    return sorted(names, key=int)


def _time_step_ms(root: SafeGroup) -> float:
    """Return the length of a step [ms]; files that state none mean 1 ms."""
    if "simulation" not in root:
        return 1.0
    return number(root.child("simulation"), "Ts", 1.0)


def _read_layer(content: _Content, group: SafeGroup, depth: int, reset_every: int | None) -> None:
    """Add the nodes of one layer."""
    kind = group.text("type")
    where = f"{content.name}: layer {depth}"
    if kind not in _TYPES:
        raise GraphError(
            f"{where}: a layer of type {kind!r} is not supported; supported are {', '.join(_TYPES)}; write it with "
            "seneca_sim.graph.GraphBuilder"
        )
    if not content.nodes:
        _add_input(content, group, kind)
    if kind == "flatten":
        content.add(f"flatten{depth}", Flatten())
        return
    if kind == "input" and "neuron" not in group:
        return
    name = f"layer{depth}"
    bias = _integers(group, "bias", where) if "bias" in group and kind != "input" else None
    if bias is not None:
        bias = bias.reshape(-1)
    neuron, spiking = _neuron(where, group, bias, encodes=kind == "input")
    if kind != "input":
        content.add(f"{name}.weights", _weights(where, group, kind))
        content.add(f"{name}.wait", Delay(1.0))
        if bias is not None:
            content.add(f"{name}.bias", Affine(offset=bias if spiking else bias << STATE_BITS))
    content.add(name, neuron)
    if kind == "dense_rec":
        content.nodes[f"{name}.recurrent"] = Dense(_narrow(_integers(group, "weight_rec", where)))
        content.links += [Link(name, f"{name}.recurrent", 0, 1), Link(f"{name}.recurrent", name, 1)]
    content.precision[name] = Precision("int16", "int32", "binary" if spiking else "int32")
    if reset_every is not None:
        content.resets[name] = (reset_every, depth)
    if "delay" in group:
        _add_delay(content, group, where, f"{name}.delay", content.precision[name].event)


def _add_input(content: _Content, group: SafeGroup, kind: str) -> None:
    """Add the input of the first layer, whose own shape or weights say its size."""
    if kind == "input":
        shape = tuple(int(size) for size in group.array("shape").reshape(-1))
    elif "inFeatures" in group:
        shape = (int(number(group, "inFeatures")),)
    else:
        raise GraphError(
            f"{content.name}: the first layer is a {kind} and states no input; export it with an input layer"
        )
    event: NumberType = "int32" if kind == "input" and "neuron" in group else "binary"
    content.precision["input"] = Precision("int16", "int32", event)
    content.add("input", Input(shape))
    if kind == "input" and ("weight" in group or "bias" in group):
        content.notes.append(
            "input values are fed as they are: the weight and bias of the file's input layer say how the training prepared them"
        )


def _neuron(where: str, group: SafeGroup, bias: Array | None, *, encodes: bool) -> tuple[Neuron, bool]:
    """Return the neuron of a layer, and whether it spikes."""
    settings = group.child("neuron")
    kind = settings.text("type")
    if kind in _SPIKING:
        return loihi_neuron(where, settings, bias), True
    if kind == "SDNN":
        return sdnn_neuron(where, settings, encodes=encodes), False
    raise GraphError(f"{where}: neurons of type {kind!r} are not supported; supported are {', '.join(_SPIKING)}, SDNN")


def _integers(group: SafeGroup, name: str, where: str) -> Array:
    """Return an array of whole numbers as int64."""
    values = group.array(name)
    if not np.isfinite(values.astype(np.float64)).all() or np.any(values != np.rint(values)):
        raise GraphError(f"{where}: {name} holds values that are not whole numbers; export the quantised network")
    if np.any(np.abs(values.astype(np.float64)) >= 2**31):
        raise GraphError(f"{where}: {name} holds values of more than 32 bits; the file is damaged, export it again")
    return values.astype(np.int64)


def _narrow(weights: Array) -> Array:
    """Return whole numbers in the narrowest type that weights have."""
    small = weights.min(initial=0) >= -128 and weights.max(initial=0) <= 127
    return weights.astype(np.int8 if small else np.int32)


def _weights(where: str, group: SafeGroup, kind: str) -> Node:
    """Return the weights of a layer."""
    weight = _narrow(_integers(group, "weight", where))
    if kind != "conv":
        weight = weight.reshape(1, -1) if weight.ndim == 1 else weight.reshape(len(weight), -1)
        return Dense(weight)
    if weight.ndim == 5 and weight.shape[4] == 1:
        weight = weight[..., 0]
    if weight.ndim != 4:
        raise GraphError(f"{where}: the weights have shape {weight.shape}, expected (out, in, rows, columns)")
    geometry: dict[str, Any] = {name: _pair(group, name) for name in ("stride", "padding", "dilation")}
    return Conv2d(weight, groups=int(number(group, "groups", 1)), **geometry)


def _pair(group: SafeGroup, name: str) -> tuple[int, int]:
    """Return a setting as (rows, columns)."""
    values = group.array(name).reshape(-1)
    if values.dtype.kind not in "iu" or not 1 <= values.size <= 3:
        raise GraphError(f"{group.where}: {name} holds {values[:4].tolist()}, expected (rows, columns)")
    return int(values[0]), int(values[1] if values.size > 1 else values[0])


def _add_delay(content: _Content, group: SafeGroup, where: str, name: str, event: NumberType) -> None:
    """Add the delays of a layer's axons: one number, or one per neuron of a dense layer."""
    steps = _integers(group, "delay", where)
    if steps.ndim > 1 and max(steps.shape) != steps.size:
        raise GraphError(
            f"{where}: delays of single synapses are not supported; train with axonal delays, one per neuron"
        )
    if not np.any(steps):
        return
    flat = steps.reshape(-1).astype(np.float64)
    content.add(name, Delay(float(flat[0]) if np.all(flat == flat[0]) else flat))
    content.precision[name] = Precision("int16", "int32", "int32" if event == "binary" else event)

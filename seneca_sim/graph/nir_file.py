"""NIR files (neuromorphic intermediate representation, nir 1.0.8) as graphs.

NIR describes neurons in continuous time and leaves open the time step, how an exporter discretised, what a reset subtracts
and how often a neuron may spike in a step. What is chosen here is said in `Graph.assumptions`:

- LI, LIF, CubaLI, CubaLIF: forward Euler, ``decay = 1 - dt / tau``, gain ``r dt / tau`` (as norse, snnTorch and SpikingJelly);
  the synaptic current is updated before the membrane, which sees the new current (as snnTorch).
- I, IF: a step adds ``r x`` (sinabs), unless ``r dt = 1`` everywhere (SpikingJelly), where it adds x.
- CubaLI becomes two leaky integrators, current and membrane: together they are its equations.
- A cycle of links carries the values of the step before, on the links that lead back to where the cycle is entered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import get_args

import numpy as np

from seneca_sim.errors import FileFormatError, GraphError, RequestError
from seneca_sim.graph.checks import check_node
from seneca_sim.graph.cycles import close_cycles
from seneca_sim.graph.graph import Graph, Link, node_order
from seneca_sim.graph.hdf5 import SafeGroup, open_hdf5
from seneca_sim.graph.network import InputContract, Precision
from seneca_sim.graph.neurons import Reset
from seneca_sim.graph.nir_metadata import restore_graph, writes_metadata
from seneca_sim.graph.nir_nodes import Discretisation, RawNode, convert_node
from seneca_sim.graph.nodes import Array, Node
from seneca_sim.graph.records import plain
from seneca_sim.graph.shapes import infer_forms
from seneca_sim.graph.stated import with_stated_rules

__all__ = ["NirOptions", "read_nir"]

DEFAULT_DT_US = 100.0
"""Time step where neither the user nor the constants state one: 1e-4 s, of the NIR paper's tasks."""
DEPTH_LIMIT = 50
"""Graphs within graphs; deeper files are refused."""
DEFAULT_SLICE_US = 1000.0
"""Time step of graphs without time constants, where it decides the slicing of recordings only."""


@dataclass(frozen=True, slots=True)
class NirOptions:
    """What a NIR file leaves open, as the user states it; None: by the rules of this module."""

    dt_us: float | None = None
    reset: Reset | None = None
    max_spikes: int | None = None
    v_min: float | None = None


@dataclass(slots=True)
class _Content:
    """Nodes and edges of a file, graphs within graphs laid open; names are joined by dots."""

    stem: str
    nodes: dict[str, RawNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    passages: list[str] = field(default_factory=list)
    """Inputs and outputs of nested graphs."""


def read_nir(path: str | Path, options: NirOptions | None = None) -> Graph:
    """Read a NIR file as a graph; raises `FileFormatError` for what is not NIR and `GraphError` for what cannot be built.

    >>> import nir, tempfile
    >>> one, none = np.ones(2), np.zeros(2)
    >>> lif = nir.LIF(tau=0.02 * one, r=one, v_leak=none, v_threshold=one)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nir.write(f"{folder}/net.nir", nir.NIRGraph.from_list(nir.Affine(np.eye(2), none), lif))
    ...     graph = read_nir(f"{folder}/net.nir", NirOptions(dt_us=1000.0))
    >>> {name: type(node).__name__ for name, node in graph.nodes.items()}
    {'affine': 'Dense', 'input': 'Input', 'lif': 'Lif', 'output': 'Output'}
    >>> graph.nodes["lif"].decay
    array([0.95, 0.95])
    """
    path, options = Path(path), options or NirOptions()
    content = _Content(path.stem)
    with open_hdf5(path) as root:
        if writes_metadata(root.child("node")):
            return with_stated_rules(restore_graph(root.child("node")), **plain(options))
        _collect(root.child("node"), "", content)
    _join_passages(content)
    steps, notes = _discretisation(content, options)
    nodes: dict[str, Node] = {}
    links = [Link(source, target) for source, target in content.edges]
    for name in sorted(content.nodes, key=_natural):
        parts = convert_node(name, content.nodes[name], steps)
        first = next(iter(parts))
        if first != name:
            links = [Link(link.source, first) if link.target == name else link for link in links] + [Link(first, name)]
        nodes |= parts
    links = close_cycles(nodes, links)
    for link in links:
        if link.delay:
            notes.append(
                f"the link {link.source} -> {link.target} closes a cycle and carries the values of the step before"
            )
    graph = Graph(
        path.stem,
        MappingProxyType(nodes),
        tuple(links),
        Precision("fp32", "fp32", "fp32"),
        dt_us=steps.dt_us,
        input_contract=InputContract(slice_us=max(1, round(steps.dt_us))),
        assumptions=tuple(notes),
    )
    _check_shapes(graph, content)
    return graph


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key under which node 2 comes before node 10; files keep no order of nodes."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]


def _collect(group: SafeGroup, prefix: str, content: _Content, depth: int = 0) -> tuple[list[str], list[str]]:
    """Gather the nodes and edges of a graph and of the graphs within; return the names of its inputs and outputs."""
    if depth > DEPTH_LIMIT:
        raise FileFormatError(f"{group.path}: graphs are nested more than {DEPTH_LIMIT} deep; export the network flat")
    if (kind := group.text("type")) != "NIRGraph":
        raise FileFormatError(f"{group.where}: the type is {kind!r}, expected 'NIRGraph'")
    nodes = group.child("nodes")
    nested: dict[str, tuple[list[str], list[str]]] = {}
    ends: tuple[list[str], list[str]] = ([], [])
    for name in nodes.names():
        node, full = nodes.child(name), prefix + name
        kind = node.text("type")
        if kind == "NIRGraph":
            nested[name] = _collect(node, f"{full}.", content, depth + 1)
            continue
        if full in content.nodes:
            raise GraphError(
                f"{content.stem}: {full}: two nodes have this name, one of them in a nested graph; rename one"
            )
        content.nodes[full] = RawNode(f"{content.stem}: {full}", kind, MappingProxyType(_fields(node)))
        if kind in ("Input", "Output"):
            ends[kind == "Output"].append(full)
            content.passages += [full] if prefix else []
    for source, target in group.text_pairs("edges"):
        for end in (source, target):
            if end not in nodes:
                raise GraphError(
                    f"{content.stem}: the edge {prefix + source!r} -> {prefix + target!r} names a node that does not exist: "
                    f"{prefix + end!r}; export the network again"
                )
        pair = (_end(content, prefix, source, nested, 1), _end(content, prefix, target, nested, 0))
        content.edges.append(pair)
    return ends


def _fields(node: SafeGroup) -> dict[str, Array | str]:
    """Return the fields of a node."""
    names = [name for name in node.names() if name not in ("type", "metadata")]
    return {name: node.text(name) if node.is_text(name) else node.array(name) for name in names}


def _end(content: _Content, prefix: str, name: str, nested: dict[str, tuple[list[str], list[str]]], side: int) -> str:
    """Return the node at one end of an edge: of a nested graph its single input or output."""
    if name not in nested:
        return prefix + name
    ends = nested[name][side]
    if len(ends) != 1:
        kind = ("Input", "Output")[side]
        raise GraphError(
            f"{content.stem}: {prefix}{name}: the nested graph has {len(ends)} {kind} nodes, an edge needs one; export it flat"
        )
    return ends[0]


def _join_passages(content: _Content) -> None:
    """Take out the inputs and outputs of nested graphs, joining what they connect."""
    for name in content.passages:
        before = [source for source, target in content.edges if target == name]
        after = [target for source, target in content.edges if source == name]
        content.edges = [edge for edge in content.edges if name not in edge] + [(a, b) for a in before for b in after]
        del content.nodes[name]


def _discretisation(content: _Content, options: NirOptions) -> tuple[Discretisation, list[str]]:
    """Return how neurons are discretised, and sentences that say so."""
    kinds = {node.kind for node in content.nodes.values()}
    dt_us, notes = _time_step(content, options)
    reset, max_spikes = options.reset or "value", options.max_spikes or 1
    if options.max_spikes is not None and options.max_spikes < 1:
        raise RequestError(f"max_spikes={options.max_spikes}: expected at least 1")
    if reset not in get_args(Reset):
        raise RequestError(f"reset={reset!r}: expected 'value', 'subtract' or 'subtract_late'")
    gains = [node.floats("r").reshape(-1) for node in content.nodes.values() if node.kind in ("I", "IF")]
    unit = bool(gains) and np.allclose(np.concatenate(gains) * dt_us * 1e-6, 1.0, rtol=1e-4)
    if gains:
        notes.append(
            "integrators add x in each step (r dt = 1)"
            if unit
            else "integrators add r x in each step, whatever the time step"
        )
    if kinds & {"LI", "LIF", "CubaLI", "CubaLIF"}:
        notes.append("leaks are discretised by forward Euler: decay = 1 - dt / tau, gain r dt / tau")
    if kinds & {"IF", "LIF", "CubaLIF"}:
        rule = "set to v_reset" if reset == "value" else "reduced by the threshold, once per spike"
        rule += ", in the step after" if reset == "subtract_late" else ""
        said = "as NIR states" if options.reset is None else "as the user stated"
        notes.append(
            f"after a spike the membrane is {rule} ({said}); at most {max_spikes} spike(s) per neuron and step"
        )
    if options.v_min is not None:
        notes.append(f"membranes are kept at {options.v_min} or above (as the user stated)")
    return Discretisation(dt_us, not unit, reset, max_spikes, options.v_min), notes


def _time_step(content: _Content, options: NirOptions) -> tuple[float, list[str]]:
    """Return the time step [us] and where it comes from."""
    if options.dt_us is not None:
        if not (isfinite(options.dt_us) and options.dt_us > 0):
            raise RequestError(f"dt_us={options.dt_us}: expected a positive time in microseconds")
        return float(options.dt_us), [f"time step {options.dt_us:g} us (as the user stated)"]
    ratios, plain = [], False
    for node in content.nodes.values():
        pairs = {"LI": [("tau", "r")], "LIF": [("tau", "r")]}.get(node.kind, [("tau_mem", "r"), ("tau_syn", "w_in")])
        if node.kind in ("LI", "LIF", "CubaLI", "CubaLIF"):
            for tau, gain in pairs:
                gains = node.floats(gain) if gain in node.fields else np.ones(1)
                if gains.size > 1 and gains.shape != node.array(tau).shape:
                    raise GraphError(
                        f"{node.where}: {tau} has shape {node.array(tau).shape} and {gain} {gains.shape}; export the network again"
                    )
                plain |= bool(np.any(gains == 1) or np.any(gains <= 0))
                ratios.append((node.floats(tau) / np.where(gains == 0, 1, gains)).reshape(-1))
    if not ratios:
        return DEFAULT_SLICE_US, [f"time step {DEFAULT_SLICE_US:g} us (no neuron depends on it)"]
    seconds = np.concatenate(ratios)
    if not plain and np.all(seconds > 0) and np.allclose(seconds, seconds[0], rtol=1e-3):
        dt_us = float(f"{float(np.median(seconds)) * 1e6:.4g}")
        return dt_us, [f"time step {dt_us:g} us, from tau / r, which is the same in all neurons (the exporters' rule)"]
    return DEFAULT_DT_US, [f"time step {DEFAULT_DT_US:g} us (NIR states none; set dt_us)"]


def _check_shapes(graph: Graph, content: _Content) -> None:
    """Compare the shapes that follow from the inputs with those that the file states."""
    for name, node in graph.nodes.items():
        check_node(f"{graph.name}: {name}", node)
    node_order(graph)
    forms = infer_forms(graph)
    for name, raw in content.nodes.items():
        if raw.kind == "Output" and "shape" in raw.fields:
            stated, found = raw.integers("shape"), forms[name].shape
            if int(np.prod(stated)) != int(np.prod(found)):
                raise GraphError(
                    f"{raw.where}: the file states shape {stated}, what arrives has shape {found}; export the network again"
                )
        if raw.kind in ("Conv1d", "Conv2d") and not isinstance(raw.fields.get("input_shape"), str | None):
            stated = raw.integers("input_shape")
            (source, *_) = graph.links_into(name)
            size = forms[source.source].shape[3 - len(stated) :]
            if size != stated:
                raise GraphError(
                    f"{raw.where}: the file states an input of {stated}, {source.source!r} gives {size}; export the network again"
                )

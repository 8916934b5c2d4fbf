"""The state of a conversion: values by name, and the nodes and links of our graph so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError
from seneca_sim.graph.checks import check_node
from seneca_sim.graph.graph import Link
from seneca_sim.graph.names import unused_name
from seneca_sim.graph.nodes import Array, Flatten, Node
from seneca_sim.graph.onnx.model import OnnxNode
from seneca_sim.graph.onnx.values import Constant, Signal, Value
from seneca_sim.graph.shapes import MAX_VALUES, Shape

__all__ = ["Conversion", "Converter"]


@dataclass(slots=True)
class Conversion:
    """Grows while nodes are converted in order."""

    name: str
    opset: int
    values: dict[str, Value] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bits: dict[str, int] = field(default_factory=dict)
    """Width of the quantised weights of a node."""
    parts: list[str] = field(default_factory=list)
    """Nodes that select channels; those that nothing reads are left out."""

    def value(self, node: OnnxNode, index: int) -> Value:
        """Return what arrives at an input."""
        name = node.input(index)
        if not name:
            raise GraphError(f"{node.where}: input {index} is missing; export the model again")
        if name not in self.values:
            raise GraphError(
                f"{node.where}: input {index}, {name!r}, is neither an input of the model nor stored in the file nor made by a "
                "node before this one; export the model with its weights"
            )
        value = self.values[name]
        if isinstance(value, Constant) and value.array.dtype.kind in "OSU":
            raise GraphError(
                f"{node.where}: input {index}, {name!r}, is text, expected numbers; export the model again"
            )
        return value

    def signal(self, node: OnnxNode, index: int = 0, *, codes: bool = False, zeros: bool = False) -> Signal:
        """Return the signal at an input; `codes` and `zeros` allow one that is quantised or to be padded."""
        value = self.value(node, index)
        if isinstance(value, Constant):
            raise GraphError(
                f"{node.where}: input {index}, {node.input(index)!r}, is a constant; expected something that depends on the input"
            )
        if value.dropped is not None:
            raise GraphError(
                f"{node.where}: follows {value.dropped}, which is supported at the end of a network only; cut the model before it"
            )
        if value.codes is not None and not codes:
            raise GraphError(
                f"{node.where}: computes between QuantizeLinear and DequantizeLinear; export in the QDQ form, where operators "
                "take dequantised values"
            )
        if value.zeros is not None and not zeros:
            raise GraphError(
                f"{node.where}: follows a Pad; zeros around a map are supported in front of Conv and AveragePool only"
            )
        return value

    def constant(self, node: OnnxNode, index: int) -> Array:
        """Return the array at an input that must not depend on the network's input."""
        return self.stored(node, index).array

    def stored(self, node: OnnxNode, index: int) -> Constant:
        """Return the constant at an input, with its integers if it is quantised."""
        value = self.value(node, index)
        if isinstance(value, Signal):
            raise GraphError(
                f"{node.where}: input {index}, {node.input(index)!r}, depends on the network's input; only a constant is supported"
            )
        return value

    def optional(self, node: OnnxNode, index: int) -> Array | None:
        """Return the constant at an input that may be left out."""
        return self.constant(node, index) if node.input(index) else None

    def setting(self, node: OnnxNode, name: str, index: int) -> tuple[int, ...] | None:
        """Return integers that are an attribute in old models and an input in new ones."""
        if name in node.attributes or not node.input(index):
            return node.integers(name)
        return tuple(int(entry) for entry in self.constant(node, index).reshape(-1))

    def map_input(self, node: OnnxNode, *, zeros: bool = False) -> Signal:
        """Return the signal at input 0 as a map with channels first."""
        signal = self.signal(node, zeros=zeros)
        if len(signal.shape) not in (3, 4) or not signal.is_channel_first():
            raise GraphError(
                f"{node.where}: takes (batch, channels, rows, columns), what arrives is {list(signal.shape)}, made from a map "
                f"{list(signal.map)}; export the model channels-first, without reshapes between maps"
            )
        return signal

    def channels(self, node: OnnxNode, signal: Signal, constant: Array, what: str) -> NDArray[np.float64]:
        """Return a constant that broadcasts to a tensor as (1,) or (channels,)."""
        if prod(signal.map) > MAX_VALUES:
            raise GraphError(
                f"{node.where}: a map of {' x '.join(map(str, signal.map))} values (channels, rows, columns) is larger than "
                f"{MAX_VALUES}; check sizes and padding"
            )
        found = signal.per_channel(constant)
        if found is None:
            raise GraphError(
                f"{node.where}: {what} of shape {list(np.shape(constant))} differs within a channel of {list(signal.shape)}; only "
                "one number, or one per channel, is supported"
            )
        return found

    def add(self, node: OnnxNode, kind: Node, *sources: Signal, suffix: str = "") -> str:
        """Add a node with a link from each source at a port of its own; return its name."""
        name = unused_name(node.name + suffix, self.nodes)
        check_node(f"{self.name}: {name}", kind)
        self.nodes[name] = kind
        self.links += [Link(source.node, name, port) for port, source in enumerate(sources)]
        return name

    def chain(self, node: OnnxNode, signal: Signal, kind: Node, suffix: str = "") -> Signal:
        """Return the signal behind a node that keeps shape and order."""
        return replace(signal, node=self.add(node, kind, signal, suffix=suffix))

    def flat(self, node: OnnxNode, signal: Signal) -> Signal:
        """Return a signal as a vector (values, 1, 1)."""
        size = prod(signal.map)
        if signal.map == (size, 1, 1):
            return signal
        return Signal(self.add(node, Flatten(), signal, suffix=".flat"), (1, size), (size, 1, 1))

    def give(self, node: OnnxNode, value: Value) -> None:
        """State what leaves a node at its first output."""
        self.values[node.outputs[0]] = value

    def give_map(self, node: OnnxNode, name: str, map_: Shape, rank: int) -> None:
        """State that a map with channels first leaves a node; of rank 3 it has columns only."""
        shape = (1, *map_) if rank == 4 else (1, map_[0], map_[2])
        self.give(node, Signal(name, shape, map_))


Converter: TypeAlias = Callable[[Conversion, OnnxNode], None]
"""Converts one node whose inputs have values: adds nodes and states what leaves."""

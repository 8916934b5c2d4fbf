"""A builder of networks whose weights are not public: it follows the shapes, so that layers are written by their outputs."""

from __future__ import annotations

from typing import Literal

import numpy as np

from seneca_sim.errors import RequestError
from seneca_sim.graph.graph import Graph, GraphBuilder
from seneca_sim.graph.network import InputContract
from seneca_sim.graph.neurons import Neuron
from seneca_sim.graph.nodes import BatchNorm2d, Concat, Conv2d, Dense, Flatten, Input, MaxPool2d, Node, Output, Upsample
from seneca_sim.graph.placeholders import placeholder

__all__ = ["Architecture", "Size"]

Size = tuple[int, int]
"""Rows and columns of the input."""


class Architecture(GraphBuilder):
    """Writes the layers of a published network with placeholders for weights; every method returns the name it added.

    Operators are named after their layer: ``conv1.conv`` and ``conv1.norm`` in front of the neurons ``conv1``.
    """

    def __init__(
        self,
        name: str,
        channels: int,
        size: Size,
        *,
        contract: InputContract,
        task: Literal["classification", "other"] = "other",
        assumptions: tuple[str, ...] = (),
    ) -> None:
        super().__init__(
            name,
            task=task,
            input_contract=contract,
            weights="absent",
            assumptions=("weights absent: no trained weights of this network are public", *assumptions),
        )
        if len(size) != 2 or not all(isinstance(n, int) and n > 0 for n in size):
            raise RequestError(f"{name}: size must be (rows, columns), two whole numbers above zero, not {size!r}")
        self.size = size
        self.shapes: dict[str, tuple[int, int, int]] = {"input": (channels, *size)}
        """(channels, rows, columns) of what leaves each node."""
        self.add("input", Input((channels, *size)))

    def place(
        self, name: str, node: Node, *sources: str, shape: tuple[int, int, int] | None = None, head: bool = False
    ) -> str:
        """Add a node whose output has a shape, without one that of its first source."""
        self.add(name, node, *sources, head=head)
        self.shapes[name] = shape or self.shapes[sources[0]]
        return name

    def conv(
        self,
        name: str,
        source: str,
        channels: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        bias: bool = False,
        norm: bool = False,
        head: bool = False,
    ) -> str:
        """Add a convolution, by default with padding that keeps the size at stride 1, and its batch normalisation."""
        padding = kernel // 2 if padding is None else padding
        inputs, *size = self.shapes[source]
        rows, columns = ((n + 2 * padding - kernel) // stride + 1 for n in size)
        if min(rows, columns) < 1:
            raise RequestError(
                f"{self.name}: an input of {self.size[0]}x{self.size[1]} leaves nothing at {name}; give a larger size"
            )
        weight = placeholder(channels, inputs // groups, kernel, kernel)
        node = Conv2d(weight, placeholder(channels) if bias else None, stride=stride, padding=padding, groups=groups)
        self.place(name, node, source, shape=(channels, rows, columns), head=head)
        return self.norm(f"{name.removesuffix('.conv')}.norm", name) if norm else name

    def norm(self, name: str, source: str) -> str:
        """Add a batch normalisation with gain and offset."""
        zero, one = placeholder(self.shapes[source][0]), np.broadcast_to(np.float32(1), self.shapes[source][:1])
        return self.place(name, BatchNorm2d(zero, one, one, zero), source)

    def dense(self, name: str, source: str, outputs: int, *, bias: bool = True, head: bool = False) -> str:
        """Add a dense layer, behind a flattening where the source is a map."""
        channels, rows, columns = self.shapes[source]
        if rows * columns > 1:
            source = self.place(f"{source}.flat", Flatten(), source, shape=(channels * rows * columns, 1, 1), head=head)
        weight = placeholder(outputs, self.shapes[source][0])
        node = Dense(weight, placeholder(outputs) if bias else None)
        return self.place(name, node, source, shape=(outputs, 1, 1), head=head)

    def fire(self, name: str, neuron: Neuron, *sources: str, head: bool = False, reset_every: int = 0) -> str:
        """Add neurons that take the sum of their sources."""
        self.add(name, neuron, *sources, head=head, reset_every=reset_every)
        self.shapes[name] = self.shapes[sources[0]]
        return name

    def join(self, name: str, *sources: str) -> str:
        """Add a concatenation."""
        channels = sum(self.shapes[source][0] for source in sources)
        return self.place(name, Concat(), *sources, shape=(channels, *self.shapes[sources[0]][1:]))

    def max_pool(self, name: str, source: str, kernel: int, stride: int | None = None) -> str:
        """Add a max pooling without padding."""
        channels, *size = self.shapes[source]
        rows, columns = ((n - kernel) // (stride or kernel) + 1 for n in size)
        return self.place(name, MaxPool2d(kernel, stride), source, shape=(channels, rows, columns))

    def upsample(self, name: str, source: str, size: Size) -> str:
        """Add nearest upsampling by two, cut to a size."""
        channels, rows, columns = self.shapes[source]
        cut = None if size == (2 * rows, 2 * columns) else size
        return self.place(name, Upsample(2, cut), source, shape=(channels, *size))

    def ended(self, *outputs: str, head: bool = False) -> Graph:
        """Add an output for each of some nodes and return the graph."""
        for number, name in enumerate(outputs, 1):
            self.add("output" if len(outputs) == 1 else f"output{number}", Output(), name, head=head)
        return self.graph()

"""A detector of the SEED kind: residual blocks, three levels of [3x3 stride 2, convolutional GRU], without weights."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.graph.neurons import GruCell, Identity, Relu

BF16 = Precision("bf16", "bf16", "bf16")


def placeholder(*shape: int) -> np.ndarray:
    """Weights of a shape that take no memory."""
    return np.broadcast_to(np.float32(0), shape)


@dataclass
class Builder:
    """Layers one after the other; every method returns the number of the layer that it adds."""

    layers: list[Layer] = field(default_factory=list)

    def host(self, channels: int, rows: int, columns: int) -> int:
        return self._append(Layer("input", None, (channels, rows, columns), precision=BF16))

    def edge(self, source: int, outputs: int, kernel: int, stride: int = 1, **more) -> Edge:
        weight = placeholder(outputs, self.layers[source].shape[0], kernel, kernel)
        pads = (kernel // 2, kernel // 2)
        return Edge(f"from {source}", source, "conv", weight, stride=(stride, stride), padding=pads, **more)

    def conv(self, source: int, outputs: int, kernel: int = 3, stride: int = 1, neuron=None, **more) -> int:
        edge = self.edge(source, outputs, kernel, stride)
        shape = outputs, *(-(-size // stride) for size in self.layers[source].shape[1:])
        return self._append(Layer(f"conv{len(self.layers)}", neuron or Relu(), shape, (edge,), precision=BF16, **more))

    def residual(self, source: int, outputs: int, stride: int = 1, project: bool = False) -> int:
        """conv-ReLU-conv plus a skip (1x1 where `project`), ReLU."""
        first = self.conv(source, outputs, 3, stride)
        skip = self.edge(source, outputs, 1, stride) if project else Edge("skip", source, "add", None)
        shape = self.layers[first].shape
        edges = (self.edge(first, outputs, 3), skip)
        return self._append(Layer(f"join{len(self.layers)}", Relu(), shape, edges, precision=BF16))

    def gru(self, source: int, hidden: int) -> int:
        """A convolutional GRU: zx, u, r from what comes in; u, r, zy from what it sent the step before."""
        own = len(self.layers)
        shape = hidden, *self.layers[source].shape[1:]
        incoming = self.edge(source, 3 * hidden, 3, first_sum=0, sums=3)
        back = Edge("back", own, "conv", placeholder(3 * hidden, hidden, 3, 3), padding=(1, 1), delay=1)
        recurrent = Edge(**{**_fields(back), "first_sum": 1, "sums": 3})
        return self._append(Layer(f"gru{own}", GruCell(threshold=0.1), shape, (incoming, recurrent), precision=BF16))

    def _append(self, layer: Layer) -> int:
        self.layers.append(layer)
        return len(self.layers) - 1


def _fields(edge: Edge) -> dict[str, object]:
    return {name: getattr(edge, name) for name in edge.__slots__}


def seed_like(hidden: int = 256, rows: int = 360, columns: int = 640, levels: int = 3) -> Network:
    """One published-size candidate: 13.9 M parameters at hidden 256, with a further level and heads of 216 outputs."""
    build = Builder()
    last = build.conv(build.host(6, rows, columns), 32, 7, 2)
    last = build.residual(last, 64, 2, project=True)
    last = build.residual(last, 128, 1, project=True)
    last = build.residual(last, 128, project=True)
    last = build.residual(build.residual(last, 128), 128)
    inputs, maps = 128, []
    for _ in range(levels):
        last = build.gru(build.conv(last, inputs, 3, 2), hidden)
        inputs = hidden
        maps.append(last)
    maps.append(build.conv(last, hidden, 3, 2))
    for last in maps:
        branch = build.conv(last, hidden, 3, is_head=True)
        build.conv(branch, 216, 3, neuron=Identity(), is_head=True, is_output=True)
    return Network("seed-like", tuple(build.layers), weights="absent", task="other")

"""Random networks with what `tests.networks` does not draw: cells, products, upsampling, forward delays, several outputs.

Values and weights mean nothing here: the engines look at shapes, masks and activity only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from seneca_sim.graph.network import Edge, Layer, MaxPool, Network
from seneca_sim.graph.neurons import (
    ContextThreshold,
    GruCell,
    Identity,
    Li,
    LstmCell,
    MguCell,
    MinimalCell,
    Neuron,
    Product,
    Relu,
    sum_ports,
)

Pair = tuple[int, int]
Shape = tuple[int, int, int]

LONGEST_SIDE = 10


def enriched(rng: np.random.Generator, network: Network) -> Network:
    """Return a network with some layers turned into cells, some more layers behind it, and other outputs."""
    enricher = _Enricher(rng, list(network.layers))
    for index, layer in enumerate(network.layers):
        if not layer.is_input and layer.pool is None and enricher.chance(0.3):
            enricher.make_cell(index)
    additions = (enricher.add_product, enricher.add_nearest, enricher.add_transposed, enricher.add_delayed)
    for _ in range(int(rng.integers(1, 4))):
        additions[int(rng.integers(len(additions)))]()
    return replace(network, layers=enricher.with_outputs())


@dataclass
class _Enricher:
    """Changes and appends layers; whatever nobody reads is an output, and now and then what somebody reads."""

    rng: np.random.Generator
    layers: list[Layer]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def one_of(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def source(self) -> int:
        """Prefer the last layer, so that what is added stands in chains."""
        return len(self.layers) - 1 if self.chance(0.4) else int(self.rng.integers(len(self.layers)))

    def weights(self, *shape: int) -> dict[str, np.ndarray | None]:
        mask = self.rng.random(shape) < self.one_of((0.1, 0.6)) if self.chance(0.4) else None
        return {"weight": np.ones(shape, np.float32), "mask": mask}

    def append(self, shape: Shape, edges: list[Edge], neuron: Neuron | None = None) -> None:
        neuron = neuron or self.one_of((Identity(), Relu(), Li(decay=0.5)))
        pool = None
        if len(sum_ports(neuron)) == 1 and min(shape[1:]) >= 2 and self.chance(0.2):
            pool = MaxPool((2, 2), self.one_of(((1, 1), (2, 2))))
        elif self.chance(0.2):
            edges = [*edges, self.recurrent(len(self.layers), shape, 0, 1)]
        self.layers.append(Layer(f"added{len(self.layers)}", neuron, shape, tuple(edges), pool=pool))

    def recurrent(self, index: int, shape: Shape, first: int, sums: int) -> Edge:
        channels, rows, columns = shape
        if (rows, columns) == (1, 1):
            return Edge(
                "back", index, "dense", **self.weights(sums * channels, channels, 1, 1), delay=1, **_sums(first, sums)
            )
        kernel = self.one_of((1, 3)), self.one_of((1, 3))
        padding = kernel[0] // 2, kernel[1] // 2
        weights = self.weights(sums * channels, channels, *kernel)
        return Edge("back", index, "conv", **weights, padding=padding, delay=1, **_sums(first, sums))

    def make_cell(self, index: int) -> None:
        """Give a layer gates: its edges feed several sums, what it sent comes back a step later."""
        layer = self.layers[index]
        neuron = self.one_of((GruCell(), MguCell(), MinimalCell(), LstmCell()))
        ports = sum_ports(neuron)
        edges = [
            self.into_sums(edge, layer.shape, *ports[0 if number == 0 else self.between(0, 1)])
            for number, edge in enumerate(layer.edges)
        ]
        edges.append(self.recurrent(index, layer.shape, *ports[1]))
        self.layers[index] = replace(layer, neuron=neuron, edges=tuple(edges), bias=None)

    def into_sums(self, edge: Edge, shape: Shape, first: int, sums: int) -> Edge:
        inputs = self.layers[edge.source].shape[0]
        if sums == 1:
            return replace(edge, first_sum=first)
        fields: dict[str, object] = {"groups": 1, "scale": None, "target_offset": 0, **_sums(first, sums)}
        kind = "conv" if edge.kind == "add" else edge.kind
        return replace(edge, kind=kind, **fields, **self.weights(sums * shape[0], inputs, *edge.kernel))

    def same_size(self, source: int, channels: int, **fields: object) -> Edge:
        """Return an edge that keeps the map: `add` where the channels fit, else a convolution."""
        inputs = self.layers[source].shape[0]
        if inputs <= channels and self.chance(0.6):
            return Edge("add", source, "add", None, target_offset=self.between(0, channels - inputs), **fields)
        kernel = self.one_of((1, 3))
        padding = kernel // 2, kernel // 2
        return Edge("conv", source, "conv", **self.weights(channels, inputs, kernel, kernel), padding=padding, **fields)

    def vector(self) -> int:
        """Return a layer of one position; there may have to be a new one."""
        vectors = [index for index, layer in enumerate(self.layers) if layer.out_shape[1:] == (1, 1)]
        if vectors and self.chance(0.5):
            return int(self.one_of(vectors))
        source = int(self.rng.integers(len(self.layers)))
        weights = self.weights(self.between(1, 8), *self.layers[source].out_shape)
        edge = Edge("whole", source, "dense", **weights)
        self.layers.append(Layer(f"vector{len(self.layers)}", Identity(), (weights["weight"].shape[0], 1, 1), (edge,)))
        return len(self.layers) - 1

    def delay(self, source: int) -> int:
        """Now and then, take what a layer sent a step before."""
        return int(not self.layers[source].is_input and self.chance(0.2))

    def broadcast(self, channels: int, first: int, source: int) -> Edge:
        inputs, delay = self.layers[source].shape[0], self.delay(source)
        if inputs <= channels and self.chance(0.4):
            offset = self.between(0, channels - inputs)
            return Edge(
                "spread", source, "add", None, delay=delay, target_offset=offset, broadcast=True, first_sum=first
            )
        groups = 2 if inputs % 2 == channels % 2 == 0 and self.chance(0.4) else 1
        weights = self.weights(channels, inputs // groups, 1, 1)
        return Edge("spread", source, "conv", **weights, groups=groups, delay=delay, broadcast=True, first_sum=first)

    def add_product(self) -> None:
        """Scale a map, or set its thresholds, by one or two vectors."""
        source = self.source()
        _, rows, columns = self.layers[source].out_shape
        channels = self.one_of((self.layers[source].shape[0], self.between(1, 8)))
        edges = [self.same_size(source, channels)]
        edges += [self.broadcast(channels, 1, self.vector()) for _ in range(self.between(1, 2))]
        neuron: Neuron = self.one_of((Product(), ContextThreshold()))
        if isinstance(neuron, Product) and self.chance(0.5):
            third = self.same_size(source, channels, first_sum=2)
            edges.append(third if self.chance(0.5) else self.broadcast(channels, 2, self.vector()))
        order = self.rng.permutation(len(edges))
        self.append((channels, rows, columns), [edges[place] for place in order], neuron)

    def factor(self, size: int) -> int:
        return self.between(1, max(1, min(3, LONGEST_SIDE // size)))

    def add_nearest(self) -> None:
        """Give each value of a map to several neurons, of which some may lie beyond the map."""
        source = self.source()
        inputs, *sizes = self.layers[source].out_shape
        upsample = self.factor(sizes[0]), self.factor(sizes[1])
        rows, columns = (max(1, size * u + self.between(-1, 0)) for size, u in zip(sizes, upsample, strict=True))
        channels = inputs + self.between(0, 2)
        padding = upsample[0] - 1, upsample[1] - 1
        offset = self.between(0, channels - inputs)
        geometry = {"upsample": upsample, "padding": padding, "delay": self.delay(source)}
        edge = Edge("nearest", source, "add", None, target_offset=offset, **geometry)
        fitting = [index for index, layer in enumerate(self.layers) if layer.out_shape[1:] == (rows, columns)]
        lateral = [self.same_size(self.one_of(fitting), channels)] if fitting and self.chance(0.7) else []
        self.append((channels, rows, columns), [edge, *lateral])

    def add_transposed(self) -> None:
        """Insert zeros and convolve: outputs may lie between the taps, or behind the last one."""
        source = self.source()
        inputs, *sizes = self.layers[source].out_shape
        pool = self.one_of((1, 1, 2)) if min(sizes) > 1 else 1
        upsample, kernel, stride, dilation, padding, out = zip(
            *(self.line(size // pool) for size in sizes), strict=True
        )
        channels = self.between(1, 8)
        groups = self.one_of([g for g in range(1, inputs + 1) if inputs % g == 0 and g <= channels])
        channels = channels // groups * groups
        edge = Edge(
            "transposed",
            source,
            "conv",
            **self.weights(channels, inputs // groups, *kernel),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            pool=(pool, pool),
            delay=self.delay(source),
            upsample=upsample,
        )
        self.append((channels, *out), [edge])

    def line(self, size: int) -> tuple[int, int, int, int, int, int]:
        """Return (upsample, kernel, stride, dilation, padding, output size) of one axis."""
        while True:
            upsample, kernel = self.factor(size), self.between(1, 3)
            dilation, stride = self.one_of((1, 1, 2)), self.one_of((1, 1, 1, 2))
            padding = self.between(0, dilation * (kernel - 1))
            out = ((size - 1) * upsample + 2 * padding - dilation * (kernel - 1)) // stride + 1 + self.between(0, 1)
            if 1 <= out <= LONGEST_SIDE:
                return upsample, kernel, stride, dilation, padding, out

    def add_delayed(self) -> None:
        """See a layer of this step beside what an earlier layer sent a step before, with a stride."""
        late = [index for index, layer in enumerate(self.layers) if not layer.is_input]
        source = int(self.one_of(late))
        inputs, *sizes = self.layers[source].out_shape
        rows, columns = ((size - 1) // 2 + 1 for size in sizes)
        channels, kernel = self.between(1, 8), self.one_of((1, 3))
        weights, padding = self.weights(channels, inputs, kernel, kernel), (kernel // 2, kernel // 2)
        edges = [Edge("before", source, "conv", **weights, stride=(2, 2), padding=padding, delay=1)]
        fitting = [index for index, layer in enumerate(self.layers) if layer.out_shape[1:] == (rows, columns)]
        if fitting and self.chance(0.8):
            edges.insert(self.between(0, 1), self.same_size(self.one_of(fitting), channels))
        self.append((channels, rows, columns), edges)

    def with_outputs(self) -> tuple[Layer, ...]:
        read = {edge.source for index, layer in enumerate(self.layers) for edge in layer.edges if edge.source != index}
        return tuple(
            layer if layer.is_input else replace(layer, is_output=index not in read or self.chance(0.2))
            for index, layer in enumerate(self.layers)
        )


def _sums(first: int, sums: int) -> dict[str, int]:
    return {"first_sum": first, "sums": sums}

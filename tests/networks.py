"""Small random networks for tests: branches, strides, dilation, groups, pooling, residuals, concatenation, recurrence.

``random_network(np.random.default_rng(seed))`` is a valid lowered `Network`; `networks()` is the same as a hypothesis
strategy that shrinks towards few layers and small maps.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from hypothesis import strategies as st

from seneca_sim.graph.network import Edge, InputContract, Layer, MaxPool, Network, Precision
from seneca_sim.graph.neurons import CubaLif, Identity, If, Li, Lif, Neuron, Relu, SigmaDelta, ThresholdRelu

Numbers = Literal["float", "bf16", "integer"]
Shape = tuple[int, int, int]


def random_network(
    rng: np.random.Generator,
    *,
    max_layers: int = 5,
    max_side: int = 8,
    max_channels: int = 12,
    numbers: Numbers | None = None,
    recurrent: bool = True,
) -> Network:
    """Return a network of 1..2 inputs and 1..max_layers layers; `numbers` None draws one of the three kinds.

    Weights, thresholds and biases lie on a coarse binary grid, so float32 sums are exact. Integer networks hold neurons
    without decay only.
    """
    maker = _Maker(rng, max_side, max_channels, numbers or _one_of(rng, ("float", "bf16", "integer")))
    for number in range(int(rng.integers(1, 3)) if max_layers > 1 else 1):
        maker.add_input(number)
    n_inputs = len(maker.layers)
    n_layers = int(rng.integers(n_inputs, max(n_inputs, max_layers) + 1))
    for number in range(n_layers):
        maker.add_layer(number, dense=number == n_layers - 1 and rng.random() < 0.4)
    if recurrent and rng.random() < 0.5:
        maker.add_recurrence()
    return maker.network()


def networks(
    max_layers: int = 5,
    max_side: int = 8,
    max_channels: int = 12,
    numbers: Numbers | None = None,
    recurrent: bool = True,
) -> st.SearchStrategy[Network]:
    """Return a hypothesis strategy of random networks."""

    def build(layers: int, side: int, channels: int, seed: int) -> Network:
        return random_network(
            np.random.default_rng(seed),
            max_layers=layers,
            max_side=side,
            max_channels=channels,
            numbers=numbers,
            recurrent=recurrent,
        )

    return st.builds(
        build,
        st.integers(1, max_layers),
        st.integers(3, max(3, max_side)),
        st.integers(1, max_channels),
        st.integers(0, 2**32 - 1),
    )


def input_maps(rng: np.random.Generator, network: Network, steps: int, density: float = 0.3) -> list[np.ndarray]:
    """Return for each input layer dense values (steps, channels, rows, columns): spikes, or small integers if graded."""
    maps = []
    for layer in network.layers:
        if layer.is_input:
            shape = (steps, *layer.shape)
            active = rng.random(shape) < density
            values = np.ones(shape) if layer.precision.event == "binary" else rng.integers(-3, 4, shape)
            maps.append(np.where(active, values, 0).astype(np.int32 if "int" in layer.precision.event else np.float32))
    return maps


def _one_of(rng, choices):
    return choices[int(rng.integers(len(choices)))]


@dataclass
class _Maker:
    """Grows a network layer by layer; every layer without a reader becomes an output."""

    rng: np.random.Generator
    max_side: int
    max_channels: int
    numbers: Numbers
    layers: list[Layer] = field(default_factory=list)
    read: set[int] = field(default_factory=set)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def channels(self) -> int:
        return int(self.rng.integers(1, self.max_channels + 1))

    def add_input(self, number: int) -> None:
        side = self.rng.integers(3, max(3, self.max_side) + 1, 2)
        shape = (min(4, self.channels()), int(side[0]), int(side[1]))
        if number:
            shape = (shape[0], *self.layers[0].shape[1:])
        self.layers.append(Layer(f"input{number}", None, shape, precision=self.precision(None)))

    def precision(self, neuron: Neuron | None) -> Precision:
        spikes = isinstance(neuron, If | Lif | CubaLif) and neuron.max_spikes == 1
        if neuron is None:
            spikes = self.chance(0.5)
        if self.numbers == "integer":
            return Precision("int8", "int32", "binary" if spikes else "int32")
        number = "fp32" if self.numbers == "float" else "bf16"
        return Precision(number, number, "binary" if spikes else number)

    def source(self) -> int:
        """Prefer layers that nobody reads yet, so that nets get deep and inputs are used; else any: a branch."""
        unread = [index for index in range(len(self.layers)) if index not in self.read]
        pick_unread = unread and (self.chance(0.7) or any(self.layers[index].is_input for index in unread))
        return unread[0] if pick_unread else int(self.rng.integers(len(self.layers)))

    def add_layer(self, number: int, *, dense: bool) -> None:
        source = self.source()
        name = f"layer{number}"
        if dense or self.layers[source].out_shape[1:] == (1, 1):
            edges, shape = self.dense_edges(name, source)
        elif self.chance(0.15):
            edges, shape = self.concatenation(name, source)
        else:
            edges, shape = self.convolution(name, source)
            edges += self.second_edges(name, source, shape)
        self.read.update(edge.source for edge in edges)
        neuron = self.neuron(shape)
        pool = self.max_pool(shape)
        bias = None
        if self.chance(0.5):
            bias = self.rng.integers(-2, 3, shape[0]).astype(np.int64)
            bias = bias if self.numbers == "integer" else (bias / 4).astype(np.float32)
        if pool is None and self.chance(0.3):
            edges.append(self.recurrent_edge(name, len(self.layers), shape, shape))
        self.layers.append(Layer(name, neuron, shape, tuple(edges), bias, pool, self.precision(neuron)))

    def weights(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray | None]:
        """Return weights on a coarse grid and, sometimes, their mask."""
        values = self.rng.integers(-3, 4, shape)
        mask = self.rng.random(shape) < 0.6 if self.chance(0.25) else None
        if mask is not None:
            values = values * mask
        return (values.astype(np.int8) if self.numbers == "integer" else (values / 4).astype(np.float32)), mask

    def folded_pool(self, rows: int, columns: int) -> tuple[int, int]:
        if not self.chance(0.25):
            return 1, 1
        return int(self.rng.integers(1, min(2, rows) + 1)), int(self.rng.integers(1, min(2, columns) + 1))

    def scale(self, out: int) -> np.ndarray | None:
        if self.numbers == "integer" or not self.chance(0.2):
            return None
        return (2.0 ** -self.rng.integers(0, 3, _one_of(self.rng, (1, out)))).astype(np.float32)

    def convolution(self, name: str, source: int) -> tuple[list[Edge], Shape]:
        channels, rows, columns = self.layers[source].out_shape
        ph, pw = self.folded_pool(rows, columns)
        size = (rows // ph, columns // pw)
        kernel = tuple(int(self.rng.integers(1, min(3, side) + 1)) for side in size)
        stride = tuple(int(self.rng.integers(1, 3)) for _ in size)
        padding = tuple(int(self.rng.integers(0, side)) for side in kernel)
        dilation = tuple(
            2 if self.chance(0.2) and 2 * (k - 1) < side + 2 * p else 1
            for k, side, p in zip(kernel, size, padding, strict=True)
        )
        out = self.channels()
        groups = _one_of(self.rng, [g for g in range(1, channels + 1) if channels % g == 0 and g <= out])
        out = out // groups * groups
        weight, mask = self.weights((out, channels // groups, *kernel))
        geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "pool": (ph, pw)}
        edge = Edge(f"{name}.0", source, "conv", weight, self.scale(out), mask=mask, **geometry)
        height, width = (
            (size[a] + 2 * padding[a] - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1 for a in (0, 1)
        )
        return [edge], (out, height, width)

    def dense_edges(self, name: str, source: int) -> tuple[list[Edge], Shape]:
        """A head over one or two whole maps."""
        sources = [source]
        if self.chance(0.3):
            sources.append(int(self.rng.integers(len(self.layers))))
        out, edges = self.channels(), []
        for number, index in enumerate(sources):
            channels, rows, columns = self.layers[index].out_shape
            pool = self.folded_pool(rows, columns)
            weight, mask = self.weights((out, channels, rows // pool[0], columns // pool[1]))
            edges.append(Edge(f"{name}.{number}", index, "dense", weight, self.scale(out), pool=pool, mask=mask))
        return edges, (out, 1, 1)

    def concatenation(self, name: str, source: int) -> tuple[list[Edge], Shape]:
        """Add edges side by side in channels."""
        rows_columns = self.layers[source].out_shape[1:]
        fitting = [index for index, layer in enumerate(self.layers) if layer.out_shape[1:] == rows_columns]
        edges, channels = [], 0
        for number, index in enumerate([source, _one_of(self.rng, fitting)]):
            edges.append(Edge(f"{name}.{number}", index, "add", None, target_offset=channels))
            channels += self.layers[index].out_shape[0]
        return edges, (channels, *rows_columns)

    def second_edges(self, name: str, first: int, shape: Shape) -> list[Edge]:
        """A residual or skip path into the same neurons: an `add` edge where the shape fits, else a 1x1 convolution."""
        edges: list[Edge] = []
        for index, layer in enumerate(self.layers):
            if index == first or not self.chance(0.5) or len(edges) == 2:
                continue
            channels, rows, columns = layer.out_shape
            if layer.out_shape[1:] == shape[1:] and channels <= shape[0]:
                offset = int(self.rng.integers(0, shape[0] - channels + 1))
                edges.append(Edge(f"{name}.{len(edges) + 1}", index, "add", None, target_offset=offset))
            elif ((rows - 1) // 2 + 1, (columns - 1) // 2 + 1) == shape[1:]:
                weight, mask = self.weights((shape[0], channels, 1, 1))
                edges.append(Edge(f"{name}.{len(edges) + 1}", index, "conv", weight, stride=(2, 2), mask=mask))
        return edges

    def recurrent_edge(self, name: str, source: int, source_shape: Shape, target_shape: Shape) -> Edge:
        """A delay edge: dense between 1x1 maps, else a same-size convolution, or now and then `add`."""
        if source_shape == target_shape and self.chance(0.2):
            return Edge(f"{name}.recurrent", source, "add", None, delay=1)
        one = target_shape[1:] == (1, 1)
        kernel = (1, 1) if one else (_one_of(self.rng, (1, 3)), _one_of(self.rng, (1, 3)))
        weight, mask = self.weights((target_shape[0], source_shape[0], *kernel))
        padding = (kernel[0] // 2, kernel[1] // 2)
        return Edge(
            f"{name}.recurrent", source, "dense" if one else "conv", weight, padding=padding, delay=1, mask=mask
        )

    def add_recurrence(self) -> None:
        """Feed a later layer back into an earlier one of the same map size, if there is such a pair."""
        pairs = [
            (late, early)
            for late, source in enumerate(self.layers)
            for early, target in enumerate(self.layers[:late])
            if not target.is_input and source.out_shape[1:] == target.shape[1:]
        ]
        if pairs:
            late, early = _one_of(self.rng, pairs)
            target = self.layers[early]
            edge = self.recurrent_edge(f"{target.name}.back", late, self.layers[late].out_shape, target.shape)
            self.layers[early] = replace(target, edges=(*target.edges, edge))
            self.read.add(late)

    def max_pool(self, shape: Shape) -> MaxPool | None:
        if not self.chance(0.25) or min(shape[1:]) < 2:
            return None
        stride = int(self.rng.integers(1, 3))
        padding = int(self.chance(0.3))
        return MaxPool((2, 2), (stride, stride), (padding, padding))

    def neuron(self, shape: Shape) -> Neuron:
        integer = self.numbers == "integer"
        threshold = 2.0 if integer else 0.5
        per_channel = np.asarray(self.rng.integers(1, 4, (shape[0], 1, 1)), np.float64) * threshold / 2
        spiking = {
            "threshold": per_channel if self.chance(0.3) else threshold,
            "reset": _one_of(self.rng, ("value", "subtract", "subtract_late")),
            "max_spikes": _one_of(self.rng, (1, 1, 3)),
            "v_min": -threshold if self.chance(0.3) else None,
        }
        choices: list[Neuron] = [
            Identity(),
            Relu(),
            ThresholdRelu(threshold),
            If(**spiking),
            SigmaDelta(threshold, _one_of(self.rng, ("round", "deadband")), _one_of(self.rng, ("relu", "identity"))),
        ]
        if not integer:
            choices += [Lif(decay=0.75, **spiking), Li(decay=0.5), CubaLif(decay_syn=0.5, decay_mem=0.75, **spiking)]
        return _one_of(self.rng, choices)

    def network(self) -> Network:
        layers = tuple(
            layer if layer.is_input or index in self.read else replace(layer, is_output=True)
            for index, layer in enumerate(self.layers)
        )
        return Network("random", layers, 1000.0, "other", InputContract("count"))

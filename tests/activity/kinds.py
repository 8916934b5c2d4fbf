"""Small random networks of the kinds that `tests.networks` does not draw: several sums, quantisers, delays, upsampling, context."""

from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from seneca_sim.graph.network import Edge, Layer, MaxPool, Network, Precision
from seneca_sim.graph.neurons import (
    Activation,
    Clip,
    ContextThreshold,
    Delay,
    Function,
    GruCell,
    If,
    Lif,
    LstmCell,
    MguCell,
    MinimalCell,
    MultiThreshold,
    Product,
    Quantise,
    Relu,
    Rounding,
    SigmaDelta,
    sum_names,
    sum_ports,
)

FUNCTIONS, ROUNDINGS = get_args(Function), get_args(Rounding)


def network_of_kinds(rng: np.random.Generator, numbers: str, layers: int = 3) -> Network:
    """Return a network of `layers` random layers; numbers are float, bf16 or integer, weights on a grid of quarters."""
    maker = _Maker(rng, numbers)
    shape = (int(rng.integers(1, 4)), int(rng.integers(2, 6)), int(rng.integers(2, 6)))
    maker.layers.append(Layer("input", None, shape, precision=maker.precision))
    for _ in range(layers):
        builders = [maker.convolved, maker.enlarged]
        if numbers != "integer":
            builders += [maker.recurrent, maker.recurrent, maker.squeezed, maker.in_context]
        maker.one_of(builders)()
    return Network("kinds", tuple(maker.layers), task="other")


def step_of(numbers: str) -> type:
    """Return the type in which the slow twin computes."""
    import ml_dtypes

    return {"float": np.float32, "bf16": ml_dtypes.bfloat16, "integer": np.float64}[numbers]


@dataclass
class _Maker:
    rng: np.random.Generator
    numbers: str
    layers: list[Layer] = field(default_factory=list)

    @property
    def precision(self) -> Precision:
        if self.numbers == "integer":
            return Precision("int8", "int32", "int32")
        number = "fp32" if self.numbers == "float" else "bf16"
        return Precision(number, number, number)

    def one_of(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def weight(self, *shape: int) -> np.ndarray:
        values = self.rng.integers(-3, 4, shape)
        return values.astype(np.int8) if self.numbers == "integer" else (values / 4).astype(np.float32)

    def bias(self, entries: int) -> np.ndarray | None:
        if self.rng.random() < 0.5:
            return None
        values = self.rng.integers(-2, 3, entries)
        return values.astype(np.int64) if self.numbers == "integer" else (values / 4).astype(np.float32)

    def add(self, neuron, shape, edges, **options) -> int:
        """Append a layer with random delay, reset and bias; return its number."""
        timing = {"delay": int(self.rng.integers(0, 3)) if self.rng.random() < 0.3 else 0}
        if self.rng.random() < 0.3:
            timing |= {"reset_every": int(self.rng.integers(1, 4)), "reset_first": int(self.rng.integers(0, 3))}
        bias = self.bias(len(sum_names(neuron)) * shape[0])
        number = len(self.layers)
        self.layers.append(
            Layer(f"layer{number}", neuron, shape, tuple(edges), bias, precision=self.precision, **timing, **options)
        )
        return number

    def convolution(self, source: int, channels: int, sums: int = 1, first: int = 0) -> tuple[Edge, tuple[int, int]]:
        """Return a same-size, strided or transposed convolution, and rows and columns behind it."""
        inputs, *size = self.layers[source].out_shape
        kernel, up = int(self.rng.integers(1, 4)), int(self.rng.integers(1, 4))
        stride, padding = int(self.rng.integers(1, 3)), int(self.rng.integers(0, kernel))
        after = [((side - 1) * up + 1 + 2 * padding - kernel) // stride + 1 for side in size]
        if min(after) < 1 or max(after) > 12:
            kernel, up, stride, padding, after = 1, 1, 1, 0, size
        geometry = {"stride": (stride,) * 2, "padding": (padding,) * 2, "upsample": (up, up)}
        scale = None
        if self.numbers != "integer" and self.rng.random() < 0.3:
            scale = (2.0 ** -self.rng.integers(0, 3, self.one_of((1, sums * channels)))).astype(np.float32)
        weight = self.weight(sums * channels, inputs, kernel, kernel)
        edge = Edge(f"edge{len(self.layers)}", source, "conv", weight, scale, first_sum=first, sums=sums, **geometry)
        return edge, (after[0], after[1])

    def convolved(self) -> None:
        """A neuron with one sum behind a convolution, sometimes with fused pooling."""
        channels = int(self.rng.integers(1, 5))
        edge, size = self.convolution(len(self.layers) - 1, channels)
        pool = MaxPool((2, 2), (1, 1)) if min(size) > 1 and self.rng.random() < 0.2 else None
        self.add(self.simple_neuron(channels), (channels, *size), [edge], pool=pool)

    def simple_neuron(self, channels: int):
        unit = 2 if self.numbers == "integer" else 0.5
        parameter = self.one_of((unit, (self.rng.integers(1, 4, (channels, 1, 1)) * unit).astype(float)))
        quantise = Quantise(parameter, -3, 4, self.one_of(ROUNDINGS))
        thresholds = np.sort(self.rng.integers(-6, 7, (self.one_of((1, channels)), 3)) * unit, axis=1).astype(float)
        steps = self.one_of((0, 2, self.rng.integers(0, 4, (channels, 1, 1))))
        choices = [
            Clip(-unit, 3 * unit),
            Clip(-parameter, 2 * unit),
            quantise,
            quantise,
            Quantise(unit, -1, 1, bipolar=True),
            MultiThreshold(thresholds, unit, -unit),
            Delay(steps),
            If(unit),
            SigmaDelta(unit, "deadband", gain=2.0),
            SigmaDelta(unit, "round", accumulates=False),
        ]
        if self.numbers == "integer":
            choices += [SigmaDelta(5, "deadband", gain=8, fraction_bits=3), SigmaDelta(0, "deadband", fraction_bits=1)]
        else:
            choices += [Lif(0.75, threshold=unit), *(Activation(self.one_of(FUNCTIONS), 0.25) for _ in range(3))]
        return self.one_of(choices)

    def enlarged(self) -> None:
        """Nearest upsampling beside a skip path."""
        channels, rows, columns = self.layers[-1].out_shape
        if max(rows, columns) > 6:
            return self.convolved()
        u = self.one_of(((2, 2), (1, 3), (2, 1)))
        size = [
            side * factor - int(self.rng.integers(0, factor)) for side, factor in zip((rows, columns), u, strict=True)
        ]
        offset = int(self.rng.integers(0, 3))
        edge = Edge("up", len(self.layers) - 1, "add", None, upsample=u, target_offset=offset)
        self.add(self.one_of((Relu(), Clip(-1, 2))), (channels + offset, *size), [edge])
        return None

    def recurrent(self) -> None:
        """A gated cell with its own output of the step before."""
        rule = {
            "threshold": self.one_of((None, 0.125)),
            "gate": self.one_of(("sigmoid", "hard_sigmoid", "table_sigmoid")),
        }
        if rule["threshold"]:
            rule["reset"] = self.one_of(("none", "subtract", "zero"))
        candidate = {"activation": self.one_of(("tanh", "softsign", "hard_tanh"))}
        cell = self.one_of(
            (
                GruCell(**rule, **candidate),
                MguCell(**rule, **candidate),
                MinimalCell(**rule),
                LstmCell(rule["threshold"], rule["gate"], **candidate),
            )
        )
        channels, source = int(self.rng.integers(1, 4)), len(self.layers) - 1
        (first, sums), (own_first, own_sums) = sum_ports(cell)
        edge, size = self.convolution(source, channels, sums, first)
        weight = self.weight(own_sums * channels, channels, 3, 3)
        again = Edge("again", source + 1, "conv", weight, padding=(1, 1), delay=1, first_sum=own_first, sums=own_sums)
        self.add(cell, (channels, *size), [edge, again])

    def one_position(self, source: int, channels: int, function: str) -> int:
        """A layer of one position: a dense edge over the whole map."""
        edge = Edge("mean", source, "dense", self.weight(channels, *self.layers[source].out_shape))
        return self.add(Activation(function), (channels, 1, 1), [edge])

    def squeezed(self) -> None:
        """Squeeze-excite on the last map, with its own map or none added."""
        source = len(self.layers) - 1
        shape = self.layers[source].out_shape
        gate = self.one_position(source, shape[0], self.one_of(("sigmoid", "relu")))
        edges = [Edge("x", source, "add", None), Edge("s", gate, "add", None, first_sum=1, broadcast=True)]
        if self.rng.random() < 0.5:
            edges.append(Edge("a", source, "add", None, first_sum=2))
        self.add(Product(self.one_of(FUNCTIONS)), shape, edges)

    def in_context(self) -> None:
        """Thresholds that the input sets, through a broadcast convolution."""
        source = len(self.layers) - 1
        mean = self.one_position(source, 2, "identity")
        edge, size = self.convolution(source, 3)
        theta = Edge("theta", mean, "conv", self.weight(3, 2, 1, 1), first_sum=1, broadcast=True)
        self.add(ContextThreshold(), (3, *size), [edge, theta])

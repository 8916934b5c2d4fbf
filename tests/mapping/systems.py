"""Small networks for the mapping tests, built by hand or drawn at random; weights are ones, only geometry matters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seneca_sim.chip import Chip, load_chip
from seneca_sim.graph.network import Edge, Layer, MaxPool, Network, Precision
from seneca_sim.graph.neurons import If, Neuron, Relu
from seneca_sim.mapping.memory import core_memory
from seneca_sim.mapping.types import Mapping, Part

INT8 = Precision(weight="int8", state="bf16", event="int8")


def conv(
    source: int, inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, pad: int | None = None, **more
) -> Edge:
    padding = kernel // 2 if pad is None else pad
    weight = np.ones((outputs, inputs // more.get("groups", 1), kernel, kernel), np.int8)
    return Edge(f"from {source}", source, "conv", weight, stride=(stride, stride), padding=(padding, padding), **more)


def dense(source: Layer, index: int, outputs: int) -> Edge:
    channels, rows, columns = source.out_shape
    return Edge(f"from {index}", index, "dense", np.ones((outputs, channels, rows, columns), np.int8))


def add(source: int, **more) -> Edge:
    return Edge(f"add {source}", source, "add", None, **more)


def host(channels: int = 2, size: int = 8, name: str = "input") -> Layer:
    return Layer(name, None, (channels, size, size))


def layer(
    name: str, channels: int, size: int, *edges: Edge, neuron: Neuron | None = None, pool: int = 0, **more
) -> Layer:
    window = MaxPool((pool, pool), (pool, pool)) if pool else None
    return Layer(name, neuron or Relu(), (channels, size, size), edges, pool=window, precision=INT8, **more)


def network(*layers: Layer, name: str = "small") -> Network:
    return Network(name, layers)


def whole(net: Network, state_rows: int = 1) -> tuple[Part, ...]:
    """One part per layer, each on its own core."""
    found = []
    for number, each in enumerate(net.layers):
        if not each.is_input:
            channels, rows, columns = each.out_shape
            found.append(Part(number, len(found), (0, channels), (0, rows), (0, columns), state_rows))
    return tuple(found)


def chain(*, pool: int = 0, size: int = 8, neuron: Neuron | None = None) -> Network:
    """Input, one 3x3 convolution, a dense readout."""
    first = layer("conv", 4, size, conv(0, 2, 4), pool=pool, neuron=neuron)
    return network(host(size=size), first, layer("out", 10, 1, dense(first, 1, 10), is_output=True, neuron=If()))


def on_a_line(net: Network, parts: Sequence[Part]) -> Mapping:
    """A mapping of parts, cores side by side."""
    cores = max(part.core for part in parts) + 1
    return Mapping(net.name, tuple(parts), (cores, 1), tuple((core, 0) for core in range(cores)))


def bits_by_kind(net: Network, parts: Sequence[Part] | None = None, chip: Chip | None = None) -> dict[str, int]:
    """Bits of a mapping by kind, without those of which there are none; whole layers with 3 state rows on chip seneca."""
    mapping = on_a_line(net, whole(net, 3) if parts is None else parts)
    memory = core_memory(net, chip or load_chip("seneca"), mapping)
    return {kind: bits for kind, bits in memory.by_kind().items() if bits}

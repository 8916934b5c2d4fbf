"""Networks of the building blocks of detectors: a gated cell, a squeeze-excite block, a small U-Net."""

from __future__ import annotations

import numpy as np

from seneca_sim.graph.network import Edge, Network
from seneca_sim.graph.neurons import GruCell, Identity, Product
from tests.mapping.systems import add, conv, host, layer, network


def gru(channels: int = 4, size: int = 8, **more) -> Network:
    """Input, a cell with three sums from the input and three from itself."""
    edges = conv(0, 2, 3 * channels, sums=3), conv(1, channels, 3 * channels, sums=3, first_sum=1, delay=1)
    return network(host(size=size), layer("gru", channels, size, *edges, neuron=GruCell(), is_output=True, **more))


def squeezed(size: int = 8) -> Network:
    """A map, its mean, a gate from the mean, and the map scaled by the gate plus the input of the block."""
    mean = Edge("mean", 1, "dense", np.ones((4, 4, size, size), np.int8))
    gate = Edge("gate", 3, "add", None, broadcast=True, first_sum=1)
    return network(
        host(4, size),
        layer("conv", 4, size, conv(0, 4, 4)),
        layer("mean", 4, 1, mean, neuron=Identity()),
        layer("squeeze", 4, 1, conv(2, 4, 4, 1)),
        layer("scaled", 4, size, add(1), gate, add(0, first_sum=2), neuron=Product()),
        layer("next", 2, size, conv(4, 4, 2), is_output=True),
    )


def u_net(size: int = 16) -> Network:
    """Down twice by strides, up twice by nearest neighbours, skips joined by concatenation."""
    up = {"upsample": (2, 2), "padding": (1, 1)}
    return network(
        host(2, size),
        layer("a", 2, size, conv(0, 2, 2)),
        layer("b", 2, size // 2, conv(1, 2, 2, stride=2)),
        layer("c", 2, size // 4, conv(2, 2, 2, stride=2)),
        layer("d", 4, size // 2, add(3, **up), add(2, target_offset=2)),
        layer("e", 6, size, add(4, **up), add(1, target_offset=4)),
        layer("out", 2, size, conv(5, 6, 2), is_output=True),
    )

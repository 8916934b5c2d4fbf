"""The transposed raster: rows and columns of a network exchanged, so that the shorter side of a map is what row buffers hold.

Depth-first convolution keeps rows of the map. A map wider than high keeps longer rows than it would columns; the network that
sees its input transposed computes the same, transposed, from shorter ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seneca_sim.graph.network import Edge, Layer, MaxPool, Network

__all__ = ["transposed"]


def transposed(network: Network) -> Network:
    """Return the network with rows and columns exchanged in its maps, kernels and input.

    >>> from seneca_sim.graph import load_network
    >>> wide = load_network("firenet-ann", size="48x64")
    >>> transposed(wide).layers[1].shape, transposed(transposed(wide)).layers[1].shape
    ((32, 64, 48), (32, 48, 64))
    """
    contract = replace(network.input_contract, swap_xy=not network.input_contract.swap_xy)
    layers = tuple(_layer(layer) for layer in network.layers)
    sentence = "rows and columns are exchanged: the network sees its input transposed"
    others = tuple(text for text in network.assumptions if text != sentence)
    notes = others if len(others) < len(network.assumptions) else (*others, sentence)
    return replace(network, layers=layers, input_contract=contract, assumptions=notes)


def _layer(layer: Layer) -> Layer:
    """Return a layer transposed."""
    channels, rows, columns = layer.shape
    return replace(
        layer,
        shape=(channels, columns, rows),
        edges=tuple(_edge(edge) for edge in layer.edges),
        pool=None if layer.pool is None else _pool(layer.pool),
    )


def _pool(pool: MaxPool) -> MaxPool:
    """Return a max pooling transposed."""
    return MaxPool(pool.kernel[::-1], pool.stride[::-1], pool.padding[::-1])


def _edge(edge: Edge) -> Edge:
    """Return an edge transposed."""
    return replace(
        edge,
        weight=None if edge.weight is None else np.swapaxes(edge.weight, 2, 3),
        mask=None if edge.mask is None else np.swapaxes(edge.mask, 2, 3),
        stride=edge.stride[::-1],
        padding=edge.padding[::-1],
        dilation=edge.dilation[::-1],
        pool=edge.pool[::-1],
        upsample=edge.upsample[::-1],
    )

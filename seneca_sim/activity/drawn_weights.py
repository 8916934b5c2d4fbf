"""Weights drawn at random for networks whose own are not public, scaled so that the sums of a sample have a stated size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.network import Edge, Layer

__all__ = ["draw_weights", "scale_weights"]

_INTEGER_SPREAD = 42.0
"""Standard deviation of drawn integer weights: three of them reach the end of 8 bits."""

Forward = Callable[[Edge], bool]


def draw_weights(layer: Layer, seed: tuple[int, int]) -> Layer:
    """Return a layer with drawn weights (He et al. 2015: normal, variance 2 / inputs of a neuron) and biases of zero.

    Each edge has random numbers of its own. Integer weights are drawn in 8 bits. Scales stay where weights stay as they are
    (`add` edges) and where they are of the weights' kind (integers), which then are 1 / standard deviation.
    """
    edges = tuple(_drawn(edge, np.random.default_rng((*seed, number))) for number, edge in enumerate(layer.edges))
    bias = None if layer.bias is None else np.zeros(len(layer.bias), layer.bias.dtype)
    return replace(layer, edges=edges, bias=bias)


def _drawn(edge: Edge, rng: np.random.Generator) -> Edge:
    """Return an edge with drawn weights; masked ones are zero."""
    if edge.weight is None:
        return edge
    inputs = float(np.prod(edge.weight.shape[1:]))
    weight: NDArray[Any] = rng.standard_normal(edge.weight.shape, np.float32)
    scale = None
    if edge.weight.dtype.kind == "i":
        weight = np.clip(np.rint(weight * _INTEGER_SPREAD), -127, 127).astype(edge.weight.dtype)
        if edge.scale is not None:
            scale = np.full(1, np.sqrt(2.0 / inputs) / _INTEGER_SPREAD, np.float32)
    else:
        weight *= np.float32(np.sqrt(2.0 / inputs))
    if edge.mask is not None:
        weight = weight * edge.mask
    return replace(edge, weight=weight, scale=scale)


def scale_weights(layer: Layer, factor: float, chosen: Forward) -> Layer:
    """Return a layer with the weights of chosen edges times a factor: their scales, where the weights are integers with one."""
    return replace(layer, edges=tuple(_scaled(edge, factor) if chosen(edge) else edge for edge in layer.edges))


def _scaled(edge: Edge, factor: float) -> Edge:
    """Return an edge with weights times a factor; integer weights without a scale stay."""
    if edge.weight is None or (edge.weight.dtype.kind == "i" and edge.scale is None):
        return edge
    if edge.scale is not None:
        return replace(edge, scale=(edge.scale * np.float32(factor)).astype(np.float32))
    return replace(edge, weight=edge.weight.astype(np.float32) * np.float32(factor))

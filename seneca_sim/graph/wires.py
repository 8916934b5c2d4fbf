"""What flows between nodes while a graph is lowered: a sum of terms, each a weighted (or plain) view of one layer's events.

A wire becomes the edges and the bias of the next neuron's layer. Linear operators rewrite the wire; where two weighted
operators follow one another, a layer of `Identity` neurons is put between them (by `graph.lower`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.nodes import Array, Conv2d, Dense, pair
from seneca_sim.graph.shapes import Shape

__all__ = [
    "Term",
    "Wire",
    "add_wires",
    "concat_wires",
    "per_channel",
    "pool_term",
    "scale_wire",
    "weigh_conv",
    "weigh_dense",
]


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One layer's events on their way: through a sum pooling, then weights (or none), then a factor per channel."""

    source: str
    """Name of the layer that sends the events."""
    shape: Shape
    """The map that the term adds to: after its pooling and weights."""
    node: str = ""
    """The node that holds the weights."""
    first: int = 0
    """Where the term's values begin in the wire's (channel, row, column) order; weighted terms always span the wire."""
    pool: tuple[int, int] = (1, 1)
    delay: int = 0
    scale: NDArray[np.float64] | None = None
    """(1,) or (channels,)"""
    weight: Array | None = None
    mask: NDArray[np.bool_] | None = None
    dense: bool = False
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def size(self) -> int:
        """Number of values."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """A sum of terms and a bias."""

    name: str
    """The node at whose output this is."""
    map: Shape | None
    """(channels, rows, columns); None where flattened maps were joined."""
    terms: tuple[Term, ...]
    bias: Array | None = None
    """(channels,)"""
    delta: bool = False
    """Whether events are changes of values (sigma-delta), so that a bias counts once, not in every step."""

    @property
    def is_plain(self) -> bool:
        """Whether the wire is made of layers' events side by side: no weights, no bias, nothing added up."""
        starts = [term.first for term in self.terms]
        return self.bias is None and all(t.weight is None for t in self.terms) and len(set(starts)) == len(starts)

    @property
    def is_layer(self) -> bool:
        """Whether the wire is exactly what one layer sends."""
        term = self.terms[0]
        return self.is_plain and len(self.terms) == 1 and term.scale is None and term.pool == (1, 1)


def add_wires(name: str, wires: list[Wire]) -> Wire:
    """Return the sum of wires of one map."""
    if len(wires) == 1:
        return wires[0]
    biases = [wire.bias for wire in wires if wire.bias is not None]
    bias = np.sum(biases, axis=0) if biases else None
    terms = tuple(term for wire in wires for term in wire.terms)
    return Wire(name, wires[0].map, terms, bias, any(wire.delta for wire in wires))


def concat_wires(name: str, map_: Shape | None, wires: list[Wire]) -> Wire:
    """Return plain wires side by side."""
    terms, first = [], 0
    for wire in wires:
        terms += [replace(term, first=first + term.first) for term in wire.terms]
        first += sum(term.size for term in wire.terms)
    return Wire(name, map_, tuple(terms), None, any(wire.delta for wire in wires))


def scale_wire(wire: Wire, name: str, scale: NDArray[np.float64] | None, offset: NDArray[np.float64] | None) -> Wire:
    """Return scale * wire + offset; both hold one value or one per channel of the wire."""
    channels = wire.terms[0].shape[0] if wire.map is None else wire.map[0]
    terms, bias = wire.terms, wire.bias
    if scale is not None:
        terms = tuple(_scale_term(wire, term, scale) for term in terms)
        bias = None if bias is None else np.broadcast_to(bias * scale, (channels,))
    if offset is not None and np.any(offset):
        bias = np.broadcast_to(offset if bias is None else bias + offset, (channels,))
    return Wire(name, wire.map, terms, bias, wire.delta)


def _scale_term(wire: Wire, term: Term, scale: NDArray[np.float64]) -> Term:
    """Return the term times a factor of each channel; float weights take it in, integer weights keep their values."""
    if len(scale) > 1 and wire.map is not None:
        channel = term.first // (wire.map[1] * wire.map[2])
        scale = scale[channel : channel + term.shape[0]]
    if np.all(scale == 1.0):
        return term
    if term.weight is not None and term.weight.dtype.kind == "f" and term.scale is None:
        return replace(term, weight=_times(term.weight, scale, 0))
    return replace(term, scale=scale if term.scale is None else term.scale * scale)


def _times(weight: Array, factor: NDArray[np.float64], axis: int) -> Array:
    """Return float32 weights times a factor along an axis."""
    shape = [1] * weight.ndim
    shape[axis] = len(factor)
    return (weight.astype(np.float64) * factor.reshape(shape)).astype(np.float32)


def pool_term(
    term: Term, node: str, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], out: Shape
) -> Term:
    """Return a term summed over windows by a depthwise convolution of ones, for pooling that no edge can fold."""
    ones = np.ones((out[0], 1, *kernel), np.int8)
    return replace(
        term, node=node, shape=out, weight=ones, stride=stride, padding=padding, groups=out[0], first=0, dense=False
    )


def weigh_conv(term: Term, name: str, node: Conv2d, channels: slice, out: Shape) -> Term | None:
    """Return a plain term behind a convolution that sees it as its input `channels`; None if no edge can express it."""
    weight, mask = _weights(node.weight, node.mask)
    if node.groups == 1:
        weight, mask = weight[:, channels], None if mask is None else mask[:, channels]
    elif channels != slice(0, weight.shape[1] * node.groups):
        return None
    term = replace(
        term,
        stride=pair(node.stride),
        padding=pair(node.padding),
        dilation=pair(node.dilation),
        groups=node.groups,
    )
    return _weigh(term, name, weight, mask, node.scale, out)


def weigh_dense(term: Term, name: str, node: Dense) -> Term | None:
    """Return a plain term behind a dense layer that sees it at its place; None if no edge can express it."""
    out = len(node.weight)
    weight, mask = _weights(node.weight, node.mask)
    window = slice(term.first, term.first + term.size)
    weight = weight[:, window].reshape(out, *term.shape)
    mask = None if mask is None else mask[:, window].reshape(out, *term.shape)
    return _weigh(replace(term, dense=True), name, weight, mask, node.scale, (out, 1, 1))


def _weights(weight: Array, mask: NDArray[np.bool_] | None) -> tuple[Array, NDArray[np.bool_] | None]:
    """Return weights as int8, int32 or float32 with masked ones zero; a mask that masks nothing is None."""
    weight = np.asarray(weight)
    if weight.dtype.kind == "f":
        weight = weight.astype(np.float32)
    elif weight.dtype != np.int8:
        weight = weight.astype(np.int32)
    if mask is None or bool(mask.all()):
        return weight, None
    return weight * mask, mask


def _weigh(
    term: Term, name: str, weight: Array, mask: NDArray[np.bool_] | None, scale: Array | float | None, out: Shape
) -> Term | None:
    """Return the term with weights; a factor that it carried goes into them, or into the scale behind them."""
    before = term.scale
    behind = None if scale is None else np.atleast_1d(np.asarray(scale, np.float64))
    if before is not None and len(before) > 1 and np.all(before == before[0]):
        before = before[:1]
    if before is not None and weight.dtype.kind == "f":
        if len(before) > 1 and term.groups > 1:
            rows = np.repeat(before.reshape(term.groups, -1), len(weight) // term.groups, axis=0)
            weight = (weight * rows[:, :, None, None]).astype(np.float32)
        else:
            weight = _times(weight, before, 1)
    elif before is not None:
        if len(before) > 1:
            return None
        behind = before if behind is None else behind * before
    return replace(term, node=name, shape=out, weight=weight, mask=mask, scale=behind, first=0)


def per_channel(value: Any, map_: Shape | None) -> NDArray[np.float64] | None:
    """Return a constant as (1,) or (channels,), from a number, (channels,), or an array over a map that its channels share.

    None if neurons of one channel differ. `map_` is the map of neurons behind the value.

    >>> per_channel(np.full((2, 3, 3), 0.5), (2, 3, 3))
    array([0.5])
    >>> per_channel(np.repeat([1.0, 2.0], 9), (2, 3, 3))
    array([1., 2.])
    """
    array = np.asarray(value, np.float64)
    channels, pixels = (1, 1) if map_ is None else (map_[0], map_[1] * map_[2])
    if array.size not in (1, channels, channels * pixels):
        return None
    if np.all(array == array.flat[0]):
        return array.reshape(-1)[:1].copy()
    grid = array.reshape(channels, -1)
    return grid[:, 0].copy() if np.all(grid == grid[:, :1]) else None

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

from seneca_sim.graph.nodes import Array, Conv2d, ConvTranspose2d, Dense, pair
from seneca_sim.graph.placeholders import is_placeholder, placeholder
from seneca_sim.graph.ports import Shape

__all__ = [
    "Term",
    "Wire",
    "add_wires",
    "concat_wires",
    "per_channel",
    "pool_term",
    "scale_wire",
    "spread_groups",
    "unit_term",
    "weigh_conv",
    "weigh_dense",
    "weigh_transposed",
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
    upsample: tuple[int, int] = (1, 1)
    """Plain: each value stands for so many positions (nearest upsampling). Weighted: zeros between neighbours, plus one."""
    first_sum: int = 0
    sums: int = 1
    """The sums of the neuron that the term feeds (known when it has arrived there)."""
    broadcast: bool = False

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
    steps: int = 0
    """Time steps that the next layer holds the sums back (a folded `Delay`)."""

    @property
    def is_plain(self) -> bool:
        """Whether the wire is made of layers' events side by side: no weights, no bias, nothing added up."""
        starts = [term.first for term in self.terms]
        return self.bias is None and all(t.weight is None for t in self.terms) and len(set(starts)) == len(starts)

    @property
    def is_layer(self) -> bool:
        """Whether the wire is exactly what one layer sends."""
        term = self.terms[0]
        as_sent = term.scale is None and term.pool == term.upsample == (1, 1)
        return self.is_plain and len(self.terms) == 1 and as_sent and not self.steps


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


def scale_wire(
    wire: Wire,
    name: str,
    scale: NDArray[np.float64] | None,
    offset: NDArray[np.float64] | None,
    *,
    keep_zero: bool = False,
) -> Wire:
    """Return scale * wire + offset; both hold one value or one per channel of the wire. Offsets of zero are left out."""
    channels = wire.terms[0].shape[0] if wire.map is None else wire.map[0]
    terms, bias = wire.terms, wire.bias
    if scale is not None:
        terms = tuple(_scale_term(wire, term, scale) for term in terms)
        bias = None if bias is None else np.broadcast_to(bias * scale, (channels,))
    if offset is not None and (keep_zero or np.any(offset)):
        bias = np.broadcast_to(offset if bias is None else bias + offset, (channels,))
    return replace(wire, name=name, terms=terms, bias=bias)


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
    """Return float32 weights times a factor along an axis; placeholders stay placeholders."""
    if is_placeholder(weight):
        return weight
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


def unit_term(term: Term, node: str) -> Term:
    """Return a plain term, with its factor, pooling or upsampling, as a depthwise convolution of ones.

    A pooling of the whole map stays in front of a kernel of one position; nearest upsampling is a transposed convolution.
    """
    if term.upsample != (1, 1):
        padding = (term.upsample[0] - 1, term.upsample[1] - 1)
        return pool_term(term, node, term.upsample, (1, 1), padding, term.shape)
    if term.shape[1:] == (1, 1):
        return pool_term(term, node, (1, 1), (1, 1), (0, 0), term.shape)
    return replace(pool_term(term, node, term.pool, term.pool, (0, 0), term.shape), pool=(1, 1))


def spread_groups(term: Term) -> Term:
    """Return a convolution in groups as one without: weights between different groups are zero and masked."""
    assert term.weight is not None  # only weighted terms have groups
    out, per_group = term.weight.shape[:2]
    shape = (out, per_group * term.groups, *term.weight.shape[2:])
    weight, mask = np.zeros(shape, term.weight.dtype), np.zeros(shape, np.bool_)
    for group in range(term.groups):
        rows = slice(group * (out // term.groups), (group + 1) * (out // term.groups))
        columns = slice(group * per_group, (group + 1) * per_group)
        weight[rows, columns] = term.weight[rows]
        mask[rows, columns] = True if term.mask is None else term.mask[rows]
    return replace(term, weight=weight, mask=mask, groups=1)


def weigh_conv(term: Term, name: str, node: Conv2d, channels: slice, out: Shape) -> Term | None:
    """Return a plain term behind a convolution that sees it as its input `channels`; None if no edge can express it."""
    weight, mask = _weights(node.weight, node.mask)
    if term.upsample != (1, 1):
        return None
    if channels != slice(0, weight.shape[1] * node.groups):  # whole weights stay the same array: layers may share it
        if node.groups > 1:
            return None
        weight, mask = weight[:, channels], None if mask is None else mask[:, channels]
    term = replace(
        term,
        stride=pair(node.stride),
        padding=pair(node.padding),
        dilation=pair(node.dilation),
        groups=node.groups,
    )
    return _weigh(term, name, weight, mask, node.scale, out)


def weigh_transposed(term: Term, name: str, node: ConvTranspose2d, channels: slice, out: Shape) -> Term | None:
    """Return a plain term behind a transposed convolution: a convolution with zeros between neighbours, kernel flipped."""
    dilation, padding = pair(node.dilation), pair(node.padding)
    reach = tuple(d * (k - 1) for d, k in zip(dilation, node.weight.shape[2:], strict=True))
    convolution = Conv2d(
        _flipped(node.weight, node.groups),
        node.bias,
        node.scale,
        None if node.mask is None else _flipped(node.mask, node.groups),
        padding=(reach[0] - padding[0], reach[1] - padding[1]),
        dilation=node.dilation,
        groups=node.groups,
    )
    weighted = weigh_conv(term, name, convolution, channels, out)
    return None if weighted is None else replace(weighted, upsample=pair(node.stride))


def _flipped(weight: Array, groups: int) -> Array:
    """Return weights (in, out / groups, rows, columns) as (out, in / groups, rows, columns), turned by half a turn."""
    channels, per_group, rows, columns = weight.shape
    if is_placeholder(weight):
        return placeholder(per_group * groups, channels // groups, rows, columns)
    grouped = weight[:, :, ::-1, ::-1].reshape(groups, channels // groups, per_group, rows, columns)
    return grouped.swapaxes(1, 2).reshape(per_group * groups, channels // groups, rows, columns)


def weigh_dense(term: Term, name: str, node: Dense) -> Term | None:
    """Return a plain term behind a dense layer that sees it at its place; None if no edge can express it."""
    if term.upsample != (1, 1):
        return None
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
        weight = weight.astype(np.float32, copy=False)
    elif weight.dtype != np.int8:
        weight = weight.astype(np.int32, copy=False)
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
            weight = weight if is_placeholder(weight) else (weight * rows[:, :, None, None]).astype(np.float32)
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

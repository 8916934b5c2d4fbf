"""Checks of one node on its own: arrays finite and of the right rank, sizes that make sense. Each refusal names the node."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError
from seneca_sim.graph.block_checks import check_block, check_detection
from seneca_sim.graph.network import Layer
from seneca_sim.graph.neuron_checks import check_neuron
from seneca_sim.graph.neurons import Neuron
from seneca_sim.graph.nodes import (
    NODE_TYPES,
    AvgPool2d,
    BatchNorm2d,
    Block,
    Conv2d,
    ConvTranspose2d,
    Dense,
    DetectionOutput,
    Input,
    MaxPool2d,
    Node,
    SumPool2d,
    Upsample,
)
from seneca_sim.graph.placeholders import values_of
from seneca_sim.graph.sizes import MAX_SIDE, checked_pair

__all__ = ["check_layer", "check_node", "check_numbers"]

_LARGEST = 1e30
"""Largest magnitude of a constant: products and sums of such numbers stay within FP32."""


@cache
def _array_fields(kind: type) -> dict[str, bool]:
    """Return the fields of a node type that must be arrays, and whether they may be left out."""
    fields_: dict[str, bool] = {}
    for name, hint in get_type_hints(kind).items():
        choices = (hint,) if get_origin(hint) is np.ndarray else get_args(hint) or (hint,)
        if all(choice is NoneType or get_origin(choice) is np.ndarray for choice in choices):
            fields_[name] = NoneType in choices
    return fields_


def _check_arrays(where: str, node: Node) -> None:
    """Refuse lists and numbers where arrays belong."""
    kind: type = type(node)
    for name, optional in _array_fields(kind).items():
        value = getattr(node, name)
        if not isinstance(value, np.ndarray) and not (optional and value is None):
            raise GraphError(f"{where}: {name} is a {type(value).__name__}, expected a numpy array")


def check_node(where: str, node: Node) -> None:
    """Raise a `GraphError` that begins with `where` if the node cannot be right whatever it is linked to."""
    if not isinstance(node, Node):
        raise GraphError(f"{where}: a {type(node).__name__} is no node; use the nodes of seneca_sim.graph")
    _check_arrays(where, node)
    check_numbers(where, node)
    _check_choices(where, node)
    match node:
        case Input():
            _check_input(where, node)
        case Conv2d():
            _check_weight(where, node, ("out", "in / groups", "kernel rows", "kernel columns"))
            _check_conv(where, node)
        case ConvTranspose2d():
            _check_weight(where, node, ("in", "out / groups", "kernel rows", "kernel columns"))
            _check_transposed(where, node)
        case Dense():
            _check_weight(where, node, ("out", "in"))
        case SumPool2d() | AvgPool2d() | MaxPool2d():
            _check_pool(where, node)
        case Upsample():
            checked_pair(where, "factor", node.factor, 1)
            if node.size is not None:
                checked_pair(where, "size", node.size, 1)
        case BatchNorm2d():
            if np.any(np.asarray(node.variance) + node.epsilon <= 0):
                raise GraphError(
                    f"{where}: variance + epsilon must be positive in every channel; export the network again"
                )
        case DetectionOutput():
            check_detection(where, node)
        case _ if isinstance(node, Block):
            check_block(where, node)
        case _ if isinstance(node, Neuron):
            check_neuron(where, node)
        case _:
            pass


@cache
def _choices(kind: str) -> dict[str, tuple[str, ...]]:
    """Return the words that the fields of a node type may hold, for fields that hold one of several."""
    hints = get_type_hints(NODE_TYPES[kind])
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


def _check_choices(where: str, node: Node) -> None:
    """Refuse words that a field does not know."""
    for name, known in _choices(type(node).__name__).items():
        if (word := getattr(node, name)) not in known:
            raise GraphError(f"{where}: {name} is {word!r}, expected one of {', '.join(known)}")


def check_numbers(where: str, node: Node) -> None:
    """Refuse arrays that are not numeric, and values that are NaN or infinite, naming the first."""
    for entry in fields(node):
        value = getattr(node, entry.name)
        if not isinstance(value, np.ndarray | np.generic | float):
            continue
        array = values_of(np.asarray(value))
        if array.dtype.kind not in "iufb":
            raise GraphError(f"{where}: {entry.name} holds {array.dtype}, expected numbers; convert the array")
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise GraphError(
                f"{where}: {entry.name} is {_first(array, bad)}, expected a finite number ({len(bad)} of {array.size} "
                "are not); export the network again from a healthy checkpoint"
            )
        bad = np.argwhere(np.abs(array) > _LARGEST)
        if len(bad):
            raise GraphError(
                f"{where}: {entry.name} is {_first(array, bad)}, expected a magnitude of at most {_LARGEST:g}; "
                "sums of such numbers would not fit FP32"
            )


def check_layer(where: str, layer: Layer) -> None:
    """Refuse a layer whose weights, factors or biases became too large for FP32 when operators were folded into them."""
    for edge in layer.edges:
        scale = 1.0 if edge.scale is None else _magnitude(edge.scale)
        largest = scale if edge.weight is None else scale * _magnitude(edge.weight)
        if not largest <= 1.001 * _LARGEST:
            raise GraphError(
                f"{where}: with all factors folded in, weights of {edge.name} reach {largest:g}, expected at most {_LARGEST:g}; "
                "check scales and the variances of batch normalisation"
            )
    if layer.bias is not None and not _magnitude(layer.bias) <= 1.001 * _LARGEST:
        raise GraphError(
            f"{where}: with all factors folded in, the bias reaches {_magnitude(layer.bias):g}, expected at most {_LARGEST:g}; "
            "check scales and the variances of batch normalisation"
        )


def _magnitude(array: NDArray[Any]) -> float:
    """Return the largest magnitude in an array; NaN if there is one."""
    array = values_of(array)
    return max(abs(float(array.min())), abs(float(array.max()))) if array.size else 0.0


def _first(array: NDArray[Any], places: NDArray[np.intp]) -> str:
    """Return the value at the first of some places of an array, and where that is."""
    at = tuple(int(index) for index in places[0])
    return f"{array[at]} at {list(at)}" if at else f"{array[at]}"


def _check_input(where: str, node: Input) -> None:
    if not 1 <= len(node.shape) <= 3 or not all(isinstance(n, int) and 0 < n <= MAX_SIDE for n in node.shape):
        raise GraphError(
            f"{where}: the input shape is {node.shape}, expected 1 to 3 sizes of 1 to {MAX_SIDE}: (channels, rows, columns)"
        )


def _check_weight(where: str, node: Conv2d | ConvTranspose2d | Dense, axes: tuple[str, ...]) -> None:
    """Check rank and size of the weight, and that bias, scale and mask fit it."""
    weight = np.asarray(node.weight)
    if weight.ndim != len(axes):
        raise GraphError(f"{where}: the weight has shape {weight.shape}, expected {len(axes)} axes ({', '.join(axes)})")
    if not weight.size:
        raise GraphError(f"{where}: the weight has shape {weight.shape}, a layer of zero size; remove the node")
    if weight.dtype.kind not in "if":
        raise GraphError(
            f"{where}: the weight holds {weight.dtype}, expected int8, int16, int32 or float32; convert it"
        )
    if weight.dtype.kind == "i" and weight.dtype.itemsize > 4 and np.abs(weight).max() > np.iinfo(np.int32).max:
        raise GraphError(f"{where}: an integer weight does not fit 32 bits; rescale the weights")
    out = weight.shape[1] * node.groups if isinstance(node, ConvTranspose2d) else weight.shape[0]
    if node.bias is not None and np.asarray(node.bias).shape != (out,):
        raise GraphError(
            f"{where}: the bias has shape {np.asarray(node.bias).shape}, expected ({out},), one per output channel"
        )
    if node.scale is not None and np.asarray(node.scale).shape not in ((), (1,), (out,)):
        raise GraphError(
            f"{where}: the scale has shape {np.asarray(node.scale).shape}, expected one number or ({out},)"
        )
    if node.mask is not None and (node.mask.shape != weight.shape or node.mask.dtype != np.bool_):
        raise GraphError(
            f"{where}: the mask has shape {node.mask.shape} and type {node.mask.dtype}, expected "
            f"bool of the weight's shape {weight.shape}"
        )


def _check_conv(where: str, node: Conv2d) -> None:
    checked_pair(where, "stride", node.stride, 1)
    checked_pair(where, "dilation", node.dilation, 1)
    checked_pair(where, "padding", node.padding, 0)
    out = node.weight.shape[0]
    if node.groups < 1 or out % node.groups:
        raise GraphError(
            f"{where}: {out} output channels cannot form {node.groups} groups; groups must divide the channels"
        )


def _check_transposed(where: str, node: ConvTranspose2d) -> None:
    stride = checked_pair(where, "stride", node.stride, 1)
    dilation = checked_pair(where, "dilation", node.dilation, 1)
    padding = checked_pair(where, "padding", node.padding, 0)
    extra = checked_pair(where, "output_padding", node.output_padding, 0)
    channels, _, *kernel = node.weight.shape
    if node.groups < 1 or channels % node.groups:
        raise GraphError(
            f"{where}: {channels} input channels cannot form {node.groups} groups; groups must divide the channels"
        )
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if any(p > r for p, r in zip(padding, reach, strict=True)):
        raise GraphError(
            f"{where}: padding {padding} is more than the kernel reaches, {reach[0]} rows and {reach[1]} columns; use less padding"
        )
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise GraphError(f"{where}: output_padding {extra} must be smaller than stride {stride} or dilation {dilation}")


def _check_pool(where: str, node: SumPool2d | AvgPool2d | MaxPool2d) -> None:
    kernel = checked_pair(where, "kernel", node.kernel, 1)
    checked_pair(where, "stride", kernel if node.stride is None else node.stride, 1)
    padding = checked_pair(where, "padding", node.padding, 0)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise GraphError(f"{where}: padding {padding} is more than half of the kernel {kernel}; use less padding")

"""Checks of one node on its own: arrays finite and of the right rank, sizes that make sense. Each refusal names the node."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError
from seneca_sim.graph.network import Layer
from seneca_sim.graph.neurons import CubaLif, If, Li, Lif, Neuron, SigmaDelta
from seneca_sim.graph.nodes import AvgPool2d, BatchNorm2d, Conv2d, Dense, Input, MaxPool2d, Node, Pair, SumPool2d

__all__ = ["check_layer", "check_node", "check_numbers"]

_MAX_SIDE = 1 << 20
_MOST_SPIKES = (1 << 31) - 1
_LARGEST = 1e30
"""Largest magnitude of a constant: products and sums of such numbers stay within FP32."""


def check_node(where: str, node: Node) -> None:
    """Raise a `GraphError` that begins with `where` if the node cannot be right whatever it is linked to."""
    check_numbers(where, node)
    match node:
        case Input():
            _check_input(where, node)
        case Conv2d():
            _check_weight(where, node, ("out", "in / groups", "kernel rows", "kernel columns"))
            _check_conv(where, node)
        case Dense():
            _check_weight(where, node, ("out", "in"))
        case SumPool2d() | AvgPool2d() | MaxPool2d():
            _check_pool(where, node)
        case BatchNorm2d():
            if np.any(np.asarray(node.variance) + node.epsilon <= 0):
                raise GraphError(
                    f"{where}: variance + epsilon must be positive in every channel; export the network again"
                )
        case If() | Lif() | CubaLif() | Li() | SigmaDelta():
            _check_neuron(where, node)
        case _:
            pass


def check_numbers(where: str, node: Node) -> None:
    """Refuse arrays that are not numeric, and values that are NaN or infinite, naming the first."""
    for entry in fields(node):
        value = getattr(node, entry.name)
        if not isinstance(value, np.ndarray | np.generic | float):
            continue
        array = np.asarray(value)
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
    return max(abs(float(array.min())), abs(float(array.max()))) if array.size else 0.0


def _first(array: NDArray[Any], places: NDArray[np.intp]) -> str:
    """Return the value at the first of some places of an array, and where that is."""
    at = tuple(int(index) for index in places[0])
    return f"{array[at]} at {list(at)}" if at else f"{array[at]}"


def _check_input(where: str, node: Input) -> None:
    if not 1 <= len(node.shape) <= 3 or not all(isinstance(n, int) and 0 < n <= _MAX_SIDE for n in node.shape):
        raise GraphError(
            f"{where}: the input shape is {node.shape}, expected 1 to 3 sizes of 1 to {_MAX_SIDE}: (channels, rows, columns)"
        )


def _check_weight(where: str, node: Conv2d | Dense, axes: tuple[str, ...]) -> None:
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
    out = weight.shape[0]
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
    _check_pair(where, "stride", node.stride, 1)
    _check_pair(where, "dilation", node.dilation, 1)
    _check_pair(where, "padding", node.padding, 0)
    out = node.weight.shape[0]
    if node.groups < 1 or out % node.groups:
        raise GraphError(
            f"{where}: {out} output channels cannot form {node.groups} groups; groups must divide the channels"
        )


def _check_pool(where: str, node: SumPool2d | AvgPool2d | MaxPool2d) -> None:
    kernel = _check_pair(where, "kernel", node.kernel, 1)
    _check_pair(where, "stride", kernel if node.stride is None else node.stride, 1)
    padding = _check_pair(where, "padding", node.padding, 0)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise GraphError(f"{where}: padding {padding} is more than half of the kernel {kernel}; use less padding")


def _check_pair(where: str, name: str, value: Pair, least: int) -> tuple[int, int]:
    """Return the pair (rows, columns) of a number or pair that is at least `least`."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2 or not all(isinstance(n, int) and least <= n <= _MAX_SIDE for n in both):
        raise GraphError(f"{where}: {name} is {value}, expected an integer of at least {least}, or two (rows, columns)")
    return both[0], both[1]


def _check_neuron(where: str, neuron: Neuron) -> None:
    """Check that constants keep the neuron stable and its thresholds meaningful."""
    for name in ("decay", "decay_syn", "decay_mem"):
        decay: NDArray[Any] | float | None = getattr(neuron, name, None)
        if decay is not None and not np.all((np.asarray(decay) >= 0) & (np.asarray(decay) <= 1)):
            raise GraphError(
                f"{where}: {name} must lie between 0 and 1 in every channel; check time constant and time step"
            )
    if isinstance(neuron, If | Lif | CubaLif):
        if not 1 <= neuron.max_spikes <= _MOST_SPIKES:
            raise GraphError(f"{where}: max_spikes is {neuron.max_spikes}, expected 1 to {_MOST_SPIKES}")
        lowest = float(np.min(neuron.threshold))
        if lowest < 0 or (lowest == 0 and neuron.max_spikes > 1):
            raise GraphError(
                f"{where}: the threshold is {lowest} in some channel, where the neuron fires without end; make it positive"
            )
    if isinstance(neuron, SigmaDelta):
        least = "positive" if neuron.mode == "round" else "0 or more"
        step = np.asarray(neuron.step)
        if np.any(step <= 0 if neuron.mode == "round" else step < 0):
            raise GraphError(f"{where}: the step of a sigma-delta neuron in mode {neuron.mode!r} must be {least}")

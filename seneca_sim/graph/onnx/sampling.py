"""Pooling, resizing and padding of maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError
from seneca_sim.graph.nodes import AvgPool2d, GlobalAvgPool2d, MaxPool2d, Upsample
from seneca_sim.graph.onnx.conversion import Conversion, Converter
from seneca_sim.graph.onnx.model import OnnxNode
from seneca_sim.graph.onnx.values import Signal, Zeros
from seneca_sim.graph.onnx.windows import pads, rows_columns, symmetric, window_count

__all__ = ["SAMPLING"]

_LARGEST_SIDE = 1 << 20


def _pool(conversion: Conversion, node: OnnxNode) -> None:
    mean = node.op == "AveragePool"
    signal = conversion.map_input(node, zeros=mean)
    rank = len(signal.shape)
    if len([name for name in node.outputs if name]) > 1:
        raise GraphError(
            f"{node.where}: gives indices of maxima, which are not supported; use nearest upsampling instead"
        )
    if "kernel_shape" not in node.attributes:
        raise GraphError(f"{node.where}: states no kernel_shape; export the model again")
    kernel, strides = rows_columns(node, "kernel_shape", rank), rows_columns(node, "strides", rank)
    if max(rows_columns(node, "dilations", rank)) > 1 or min(*kernel, *strides) < 1:
        raise GraphError(f"{node.where}: dilated or empty windows are not supported; pool without dilation")
    sides = pads(node, signal, kernel, strides)
    _check_ceiling(node, signal, kernel, strides, sides)
    padding, sizes = [], []
    for size, side, span, stride in zip(signal.map[1:], sides, kernel, strides, strict=True):
        equal = symmetric(size, side, span, stride)
        if equal is None or 2 * equal > span:
            raise GraphError(
                f"{node.where}: pads {side[0]} in front and {side[1]} behind a window of {span}; only equal padding of at most "
                "half the window is supported"
            )
        padding.append(equal)
        sizes.append(window_count(size, *side, span, stride))
    if min(sizes) < 1:
        raise GraphError(f"{node.where}: a window {kernel} is larger than its padded input {signal.map[1:]}; pool less")
    own = pads(node, replace(signal, zeros=None), kernel, strides)
    if mean and any(max(side) for side in own) and not node.integer("count_include_pad", 0):
        raise GraphError(
            f"{node.where}: windows at the border are divided by fewer values (count_include_pad 0); use count_include_pad=True"
        )
    kind = (AvgPool2d if mean else MaxPool2d)(kernel, strides, (padding[0], padding[1]))
    conversion.give_map(node, conversion.add(node, kind, signal), (signal.map[0], sizes[0], sizes[1]), rank)


def _check_ceiling(
    node: OnnxNode,
    signal: Signal,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    sides: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    """Refuse rounding up of the number of windows, unless there is nothing to round."""
    left = [(size + sum(side) - k) % s for size, side, k, s in zip(signal.map[1:], sides, kernel, strides, strict=True)]
    if node.integer("ceil_mode", 0) and any(left):
        raise GraphError(
            f"{node.where}: ceil_mode adds incomplete windows, which are not supported; use ceil_mode=False"
        )


def _global_mean(conversion: Conversion, node: OnnxNode) -> None:
    signal = conversion.map_input(node)
    name = conversion.add(node, GlobalAvgPool2d(), signal)
    channels = signal.map[0]
    conversion.give(node, Signal(name, (1, channels, *(1,) * (len(signal.shape) - 2)), (channels, 1, 1)))


def _reduce_mean(conversion: Conversion, node: OnnxNode) -> None:
    signal = conversion.signal(node)
    axes, stated = signal.axes(), conversion.setting(node, "axes", 1)
    places = {axis % len(signal.shape) for axis in stated} if stated else set()
    if axes is None or {1, 2} - {axes[place] for place in places} - {n for n in (1, 2) if signal.map[n] == 1}:
        raise GraphError(f"{node.where}: only the mean over all rows and columns is supported; got axes {stated}")
    if any(axes[place] == 0 for place in places):
        raise GraphError(f"{node.where}: takes the mean over channels, which is not supported; use a 1x1 convolution")
    keep = bool(node.integer("keepdims", 1))
    shape = tuple(1 if n in places else size for n, size in enumerate(signal.shape) if keep or n not in places)
    channels = signal.map[0]
    conversion.give(node, Signal(conversion.add(node, GlobalAvgPool2d(), signal), shape, (channels, 1, 1)))


def _resize(conversion: Conversion, node: OnnxNode) -> None:
    signal = conversion.map_input(node)
    if node.text("mode", "nearest") != "nearest":
        raise GraphError(f"{node.where}: resizes by {node.text('mode', '')!r}; only nearest upsampling is supported")
    scales, sizes = _resize_factors(conversion, node, signal)
    factors = []
    for size, out, scale in zip(signal.map[1:], sizes[-2:], scales[-2:], strict=True):
        factor = max(1, -(-out // size))
        if not np.array_equal(_sources(node, size, out, scale), np.arange(out) // factor):
            raise GraphError(
                f"{node.where}: {size} to {out} pixels is no nearest upsampling by a whole factor (each pixel repeated); use a "
                "whole scale with coordinate_transformation_mode='asymmetric', nearest_mode='floor'"
            )
        factors.append(factor)
    rows, columns = sizes[-2:]
    if (rows, columns) == signal.map[1:]:
        conversion.give(node, signal)
        return
    exact = (rows, columns) == (signal.map[1] * factors[0], signal.map[2] * factors[1])
    kind = Upsample((factors[0], factors[1]), None if exact else (rows, columns))
    conversion.give_map(node, conversion.add(node, kind, signal), (signal.map[0], rows, columns), len(signal.shape))


def _resize_factors(conversion: Conversion, node: OnnxNode, signal: Signal) -> tuple[list[float], list[int]]:
    """Return scale and size of channels, rows and columns."""
    modern = node.op == "Resize" and conversion.opset >= 11
    stored = node.attributes.get("scales")
    scales = np.asarray(stored) if stored is not None else conversion.optional(node, 2 if modern else 1)
    target = conversion.optional(node, 3) if modern else None
    rank = len(signal.shape)
    if target is not None and target.size == rank:
        sizes = [int(size) for size in target[1:]]
        found = [out / size for out, size in zip(sizes, signal.shape[1:], strict=True)]
    elif scales is not None and scales.size == rank:
        found = [float(scale) for scale in scales[1:]]
        if not np.all(np.isfinite(scales)) or scales.max() * max(signal.shape) > _LARGEST_SIDE or scales.min() <= 0:
            raise GraphError(f"{node.where}: scales by {scales.tolist()}, expected positive numbers; export again")
        sizes = [int(np.floor(size * scale)) for size, scale in zip(signal.shape[1:], found, strict=True)]
    else:
        raise GraphError(f"{node.where}: states neither scales nor sizes for all {rank} axes; export the model again")
    if sizes[0] != signal.map[0] or not all(0 < size <= _LARGEST_SIDE for size in sizes):
        raise GraphError(f"{node.where}: resizes to {sizes}; only rows and columns can be resized")
    return ([1.0] * (4 - rank) + found), [sizes[0]] + [1] * (4 - rank) + sizes[1:]


def _sources(node: OnnxNode, size: int, out: int, scale: float) -> NDArray[np.int64]:
    """Return which pixel each pixel of the larger side shows, by ONNX's coordinate rules."""
    at = np.arange(out, dtype=np.float64)
    default = (
        "asymmetric"
        if "coordinate_transformation_mode" not in node.attributes and len(node.inputs) < 3
        else "half_pixel"
    )
    mode = node.text("coordinate_transformation_mode", default)
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and out > 1):
        place = (at + 0.5) / scale - 0.5
    elif mode == "asymmetric":
        place = at / scale
    elif mode == "align_corners" and out > 1:
        place = at * (size - 1) / (out - 1)
    else:
        raise GraphError(f"{node.where}: coordinate_transformation_mode {mode!r} is not supported; use 'asymmetric'")
    nearest = node.text("nearest_mode", "floor" if default == "asymmetric" else "round_prefer_floor")
    rounded = {
        "floor": np.floor(place),
        "ceil": np.ceil(place),
        "round_prefer_ceil": np.floor(place + 0.5),
    }.get(nearest, np.ceil(place - 0.5))
    return np.clip(rounded, 0, size - 1).astype(np.int64)


def _pad(conversion: Conversion, node: OnnxNode) -> None:
    amounts = node.integers("pads") or conversion.setting(node, "pads", 1) or ()
    value = conversion.optional(node, 2) if node.input(2) else np.asarray(node.number("value", 0.0))
    if not any(amounts):
        conversion.give(node, conversion.signal(node))
        return
    signal = conversion.map_input(node, zeros=True)
    rank = len(signal.shape)
    if node.input(3) or len(amounts) != 2 * rank or min(amounts) < 0 or any(amounts[n] for n in (0, 1, rank, rank + 1)):
        raise GraphError(f"{node.where}: pads {list(amounts)}; only zeros around rows and columns are supported")
    if node.text("mode", "constant") != "constant" or (value is not None and np.any(value)):
        raise GraphError(f"{node.where}: pads with other values than zeros, which is not supported; pad with zeros")
    before, behind = amounts[2:rank], amounts[rank + 2 :]
    if rank == 3:
        before, behind = (0, *before), (0, *behind)
    old = signal.zeros or Zeros(0, 0, 0, 0)
    zeros = Zeros(old.top + before[0], old.left + before[1], old.bottom + behind[0], old.right + behind[1])
    conversion.give(node, replace(signal, zeros=zeros))


SAMPLING: dict[str, Converter] = {
    "AveragePool": _pool,
    "GlobalAveragePool": _global_mean,
    "MaxPool": _pool,
    "Pad": _pad,
    "ReduceMean": _reduce_mean,
    "Resize": _resize,
    "Upsample": _resize,
}

"""Weights: Conv, ConvTranspose, Gemm, MatMul, BatchNormalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from seneca_sim.errors import GraphError
from seneca_sim.graph.nodes import Array, BatchNorm2d, Conv2d, ConvTranspose2d, Dense
from seneca_sim.graph.onnx.conversion import Conversion, Converter
from seneca_sim.graph.onnx.model import OnnxNode
from seneca_sim.graph.onnx.values import Constant, Signal, signed_bits
from seneca_sim.graph.onnx.windows import grow_kernel, pads, rows_columns, window_count

__all__ = ["LINEAR", "weigh"]


def weigh(constant: Constant, axis: int = 0) -> tuple[Array, Array | None, int | None]:
    """Return weights, their scale and their width: integers if they are quantised with one scale per output `axis`."""
    if constant.codes is None or constant.scale is None:
        return constant.array.astype(np.float32), None, None
    scale = np.moveaxis(np.broadcast_to(constant.scale, constant.array.shape), axis, 0).reshape(
        constant.array.shape[axis], -1
    )
    if not np.array_equal(scale, np.broadcast_to(scale[:, :1], scale.shape)):
        return constant.array.astype(np.float32), None, None
    factor = scale[:, 0].astype(np.float64)
    factor = factor[:1] if np.all(factor == factor[0]) else factor
    width = signed_bits(
        int(constant.codes.min(initial=0)), int(constant.codes.max(initial=0))
    )  # a zero point may widen codes
    codes = constant.codes.astype(np.int8 if width <= 8 else np.int32)
    return codes, None if np.all(factor == 1) else factor, max(width, constant.bits or 0)


def _bias(conversion: Conversion, node: OnnxNode, index: int, out: int) -> Array | None:
    """Return the bias at an input as (out,) floats."""
    bias = conversion.optional(node, index)
    if bias is None or not np.any(bias):
        return None
    if bias.size not in (1, out):
        raise GraphError(
            f"{node.where}: the bias has shape {list(bias.shape)}, expected one number or {out}; export again"
        )
    return np.broadcast_to(bias.reshape(-1), (out,)).astype(np.float32)


def _kernel(conversion: Conversion, node: OnnxNode, rank: int) -> tuple[Array, Array | None, int | None]:
    """Return the weight of a convolution with rows and columns, its scale and its width."""
    stored = conversion.stored(node, 1)
    if stored.array.ndim != rank:
        raise GraphError(
            f"{node.where}: the weight has shape {list(stored.array.shape)}, expected {rank} axes; only convolutions over one or "
            "two axes are supported"
        )
    axis = 1 if node.op == "ConvTranspose" else 0
    weight, scale, bits = weigh(stored, axis)
    if scale is not None and len(scale) > 1 and axis == 1 and node.integer("group", 1) > 1:
        weight, scale, bits = stored.array.astype(np.float32), None, None
    return (weight if rank == 4 else weight[:, :, None]), scale, bits


def _conv(conversion: Conversion, node: OnnxNode) -> None:
    signal = conversion.map_input(node, zeros=True)
    rank, groups = len(signal.shape), node.integer("group", 1)
    weight, scale, bits = _kernel(conversion, node, rank)
    if weight.shape[1] * groups != signal.map[0]:
        raise GraphError(
            f"{node.where}: the weight takes {weight.shape[1]} channels in each of {groups} groups, {signal.map[0]} arrive; export "
            "the model again"
        )
    strides, dilations = rows_columns(node, "strides", rank), rows_columns(node, "dilations", rank)
    if min(*strides, *dilations, groups) < 1:
        raise GraphError(f"{node.where}: strides, dilations and group must be at least 1; export the model again")
    spans = tuple(d * (k - 1) + 1 for d, k in zip(dilations, weight.shape[2:], strict=True))
    sides = pads(node, signal, (spans[0], spans[1]), strides)
    counts = [
        window_count(size, *side, span, stride)
        for size, side, span, stride in zip(signal.map[1:], sides, spans, strides, strict=True)
    ]
    if min(counts) < 1:
        raise GraphError(f"{node.where}: a kernel spanning {spans} is larger than its padded input {signal.map[1:]}")
    grown, padding, mask = grow_kernel(node, signal, weight, sides, strides, dilations)
    if mask is not None:
        conversion.notes.append(
            f"{node.name}: its padding is uneven ({sides[0]} rows, {sides[1]} columns); the kernel grew from "
            f"{weight.shape[2]}x{weight.shape[3]} to {grown.shape[2]}x{grown.shape[3]} with zeros"
        )
    bias = _bias(conversion, node, 2, len(weight))
    kind = Conv2d(grown, bias, scale, mask, strides, padding, dilations, groups)
    name = conversion.add(node, kind, signal)
    _note_bits(conversion, name, bits)
    conversion.give_map(node, name, (len(weight), counts[0], counts[1]), rank)


def _note_bits(conversion: Conversion, name: str, bits: int | None) -> None:
    if bits is not None:
        conversion.bits[name] = bits


def _conv_transpose(conversion: Conversion, node: OnnxNode) -> None:
    signal = conversion.map_input(node)
    rank, groups = len(signal.shape), node.integer("group", 1)
    weight, scale, bits = _kernel(conversion, node, rank)
    if "output_shape" in node.attributes or node.text("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise GraphError(
            f"{node.where}: output_shape and auto_pad SAME are not supported; state pads and output_padding"
        )
    strides, dilations = rows_columns(node, "strides", rank), rows_columns(node, "dilations", rank)
    extra = rows_columns(node, "output_padding", rank, 0)
    sides = pads(node, signal, (1, 1), (1, 1))
    outer = [more + before - behind for more, (before, behind) in zip(extra, sides, strict=True)]
    if min(outer) < 0:
        raise GraphError(
            f"{node.where}: pads more behind than in front {sides}, which output_padding {extra} does not make up for; pad both "
            "sides alike"
        )
    geometry = zip(signal.map[1:], weight.shape[2:], strides, dilations, sides, outer, strict=True)
    rows, columns = [(size - 1) * s - 2 * side[0] + d * (k - 1) + 1 + more for size, k, s, d, side, more in geometry]
    out = weight.shape[1] * groups
    kind = ConvTranspose2d(
        weight,
        _bias(conversion, node, 2, out),
        scale,
        None,
        strides,
        (sides[0][0], sides[1][0]),
        (outer[0], outer[1]),
        dilations,
        groups,
    )
    name = conversion.add(node, kind, signal)
    _note_bits(conversion, name, bits)
    conversion.give_map(node, name, (out, rows, columns), rank)


def _gemm(conversion: Conversion, node: OnnxNode) -> None:
    if node.integer("transA", 0):
        raise GraphError(f"{node.where}: transA is not supported; export with a batch axis in front")
    stored = conversion.stored(node, 1)
    if stored.array.ndim != 2:
        raise GraphError(
            f"{node.where}: the weight has shape {list(stored.array.shape)}, expected two axes; export again"
        )
    if not node.integer("transB", 0):
        stored = _transposed(stored)
    signal = conversion.signal(node)
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    bias = conversion.optional(node, 2)
    factor = None if alpha == 1 else alpha
    _dense(conversion, node, signal, stored, None if bias is None else bias * np.float32(beta), factor)


def _transposed(stored: Constant) -> Constant:
    parts: list[Any] = [None if part is None else np.swapaxes(part, -1, -2) for part in (stored.codes, stored.scale)]
    return Constant(np.swapaxes(stored.array, -1, -2), parts[0], parts[1], stored.bits)


def _matmul(conversion: Conversion, node: OnnxNode) -> None:
    if isinstance(conversion.value(node, 0), Signal) and isinstance(conversion.value(node, 1), Signal):
        raise GraphError(
            f"{node.where}: multiplies two matrices that both depend on the input (attention), for which the chip has no program; "
            "use layers with constant weights"
        )
    stored, signal = conversion.stored(node, 1), conversion.signal(node)
    if stored.array.ndim != 2:
        raise GraphError(
            f"{node.where}: the weight has shape {list(stored.array.shape)}, expected two axes; export again"
        )
    stored = _transposed(stored)
    axes = signal.axes()
    if axes is not None and signal.shape and axes[-1] == 0 and signal.map[1:] != (1, 1):
        _pointwise(conversion, node, signal, stored)
    else:
        _dense(conversion, node, signal, stored, None, None)


def _pointwise(conversion: Conversion, node: OnnxNode, signal: Signal, stored: Constant) -> None:
    """Add a 1x1 convolution: a matrix times the channels of each position."""
    weight, scale, bits = weigh(stored)
    if weight.shape[1] != signal.map[0]:
        raise GraphError(
            f"{node.where}: the weight takes {weight.shape[1]} values, {signal.map[0]} arrive; export again"
        )
    name = conversion.add(node, Conv2d(weight[:, :, None, None], scale=scale), signal)
    _note_bits(conversion, name, bits)
    out = len(weight)
    conversion.give(node, Signal(name, (*signal.shape[:-1], out), (out, *signal.map[1:]), signal.order))


def _dense(
    conversion: Conversion, node: OnnxNode, signal: Signal, stored: Constant, bias: Array | None, factor: float | None
) -> None:
    """Add a dense layer with the weight (out, in) of `stored`, its columns in the order of our map."""
    weight, scale, bits = weigh(stored)
    if weight.ndim != 2 or not signal.is_vector or weight.shape[1] != max(signal.shape, default=1):
        raise GraphError(
            f"{node.where}: a weight of shape {list(weight.shape)} (out, in) meets values of shape {list(signal.shape)}; only "
            "vectors, and channels in the last axis, are supported"
        )
    weight = np.ascontiguousarray(signal.in_map_order(weight))
    if bias is not None:
        if bias.size not in (1, len(weight)):
            raise GraphError(f"{node.where}: the bias has shape {list(bias.shape)}, expected {len(weight)} values")
        bias = np.broadcast_to(bias.reshape(-1), (len(weight),)).astype(np.float32)
    if factor is not None:
        scale = np.atleast_1d(np.asarray(1.0 if scale is None else scale) * factor)
    name = conversion.add(node, Dense(weight, bias, scale), conversion.flat(node, signal))
    _note_bits(conversion, name, bits)
    out = len(weight)
    conversion.give(node, Signal(name, (*signal.shape[:-1], out), (out, 1, 1)))


def _batch_norm(conversion: Conversion, node: OnnxNode) -> None:
    signal = conversion.signal(node)
    if not signal.is_channel_first():
        raise GraphError(
            f"{node.where}: takes channels in axis 1, what arrives is {list(signal.shape)}; export channels-first"
        )
    if node.integer("training_mode", 0) or len([name for name in node.outputs if name]) > 1:
        raise GraphError(f"{node.where}: is in training mode; export the model after model.eval()")
    gain, offset, mean, variance = (conversion.constant(node, index) for index in range(1, 5))
    if {array.shape for array in (gain, offset, mean, variance)} != {signal.map[:1]}:
        raise GraphError(
            f"{node.where}: expected {signal.map[0]} numbers of each constant, one per channel; export again"
        )
    epsilon = node.number("epsilon", 1e-5)
    conversion.give(node, conversion.chain(node, signal, BatchNorm2d(mean, variance, gain, offset, epsilon)))


LINEAR: dict[str, Converter] = {
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
}

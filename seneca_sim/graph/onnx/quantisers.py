"""Quantisers: QONNX Quant, BipolarQuant, Trunc, FINN's MultiThreshold, and the pair QuantizeLinear, DequantizeLinear.

On constants they give integer weights with a scale; on signals they are neurons. Rules as in qonnx 1.0.0 and ONNX 1.23.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError
from seneca_sim.graph.neurons import MultiThreshold, Quantise, Rounding
from seneca_sim.graph.nodes import Affine, Array
from seneca_sim.graph.onnx.conversion import Conversion, Converter
from seneca_sim.graph.onnx.model import OnnxNode
from seneca_sim.graph.onnx.values import Codes, Constant, Signal

__all__ = ["QUANTISERS", "clip_codes"]

_ROUNDINGS: dict[str, Rounding] = {
    "ROUND": "half_even",
    "HALF_EVEN": "half_even",
    "HALF_UP": "half_away",
    "CEIL": "ceil",
    "FLOOR": "floor",
    "DOWN": "to_zero",
}
"""QONNX's HALF_UP rounds halves away from zero."""
_ROUND: dict[str, Callable[[Array], Array]] = {
    "half_even": np.rint,
    "half_away": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "ceil": np.ceil,
    "floor": np.floor,
    "to_zero": np.trunc,
}
_WIDEST = 32


def _rounding(node: OnnxNode, default: str) -> Rounding:
    mode = node.text("rounding_mode", default).upper()
    if mode not in _ROUNDINGS:
        raise GraphError(
            f"{node.where}: rounds by {mode!r}, expected one of {', '.join(_ROUNDINGS)}; export with ROUND"
        )
    return _ROUNDINGS[mode]


def _finite(node: OnnxNode, what: str, array: Array, *, positive: bool = False) -> Array:
    """Return an array of finite numbers, or refuse it."""
    flat = array.reshape(-1)
    wrong = flat[~np.isfinite(flat)]
    wrong = flat[flat <= 0] if positive and not wrong.size else wrong
    if wrong.size:
        least = "positive" if positive else "finite"
        raise GraphError(
            f"{node.where}: {what} holds {wrong[0]}, expected {least} numbers; export again from a healthy checkpoint"
        )
    return array


def _check_fit(node: OnnxNode, scale: Array, shape: tuple[int, ...]) -> None:
    """Refuse scales that do not broadcast to a weight."""
    sizes = (1,) * (len(shape) - scale.ndim) + scale.shape
    if len(sizes) != len(shape) or any(size not in (1, full) for size, full in zip(sizes, shape, strict=True)):
        raise GraphError(
            f"{node.where}: scales {list(scale.shape)} do not fit a weight {list(shape)}; export the model again"
        )


def _single(node: OnnxNode, what: str, array: Array) -> float:
    """Return the value that all entries of an array have."""
    if not array.size or np.any(array != array.flat[0]):
        raise GraphError(f"{node.where}: {what} differs between channels, expected one number; quantise per tensor")
    return float(array.flat[0])


def _range(node: OnnxNode, bits: float) -> tuple[int, int]:
    """Return the lowest and highest code of a QONNX quantiser."""
    if not 1 <= bits <= _WIDEST:
        raise GraphError(f"{node.where}: is {bits:g} bits wide, expected 1 to {_WIDEST}")
    signed, narrow = bool(node.integer("signed", 1)), bool(node.integer("narrow", 0))
    if signed:
        half = 2.0 ** (bits - 1)
        low, high = -half + narrow, half - 1
    else:
        low, high = 0.0, 2.0**bits - 1 - narrow
    if low != np.rint(low) or high != np.rint(high):
        raise GraphError(f"{node.where}: is {bits:g} bits wide, which gives no whole range of codes; use whole widths")
    return int(low), int(high)


def _quant(conversion: Conversion, node: OnnxNode) -> None:
    scale = _finite(node, "the scale", conversion.constant(node, 1), positive=True)
    zero = _single(node, "the zero point", _finite(node, "the zero point", conversion.constant(node, 2)))
    bits = _single(node, "the bit width", conversion.constant(node, 3))
    if bits == 1 and node.integer("signed", 1):
        low, high, bipolar = -1, 1, True
    else:
        (low, high), bipolar = _range(node, bits), False
    if zero != np.rint(zero) or (bipolar and zero):
        raise GraphError(f"{node.where}: the zero point is {zero:g}, expected a whole number, 0 with one bit")
    rounding = _rounding(node, "ROUND")
    value = conversion.value(node, 0)
    if isinstance(value, Constant):
        _check_fit(node, scale, value.array.shape)
        with np.errstate(over="ignore"):  # what becomes infinite is limited below
            scaled = _finite(node, "the weight", value.array).astype(np.float32) / scale.astype(np.float32)
        limited = np.clip(scaled + np.float32(zero), low, high)
        codes = np.where(scaled >= 0, 1, -1) if bipolar else _ROUND[rounding](limited) - zero
        conversion.give(node, _coded(codes.astype(np.int64), scale.astype(np.float32), int(np.ceil(bits))))
        return
    if zero % 2 and rounding == "half_even":
        conversion.notes.append(
            f"{node.name}: its zero point {zero:g} is odd; values exactly half way between two codes round the other way"
        )
    _quantise(conversion, node, scale, Quantise(1.0, low - zero, high - zero, rounding, bipolar))


def _bipolar_quant(conversion: Conversion, node: OnnxNode) -> None:
    scale = _finite(node, "the scale", conversion.constant(node, 1), positive=True)
    value = conversion.value(node, 0)
    if isinstance(value, Constant):
        _check_fit(node, scale, value.array.shape)
        codes = np.where(_finite(node, "the weight", value.array) >= 0, 1, -1)
        conversion.give(node, _coded(codes, scale.astype(np.float32), 1))
    else:
        _quantise(conversion, node, scale, Quantise(1.0, -1, 1, bipolar=True))


def _coded(codes: Array, scale: Array, bits: int) -> Constant:
    """Return a constant from its integers."""
    codes = codes.astype(np.int8 if codes.min(initial=0) >= -128 and codes.max(initial=0) <= 127 else np.int32)
    full = scale.reshape((1,) * (codes.ndim - scale.ndim) + scale.shape)
    with np.errstate(over="ignore"):  # a weight that becomes infinite is refused where it is used
        return Constant((codes * full).astype(np.float32), codes, full, bits)


def _quantise(conversion: Conversion, node: OnnxNode, scale: Array, kind: Quantise) -> None:
    """Add a quantiser neuron whose step is `scale`."""
    signal = conversion.signal(node)
    step = _number(conversion.channels(node, signal, scale, "the scale"))
    conversion.give(node, conversion.chain(node, signal, replace(kind, step=step)))


def _number(values: NDArray[np.float64]) -> Any:
    """Return a number where one holds for all channels."""
    return float(values[0]) if len(values) == 1 else values


def _trunc(conversion: Conversion, node: OnnxNode) -> None:
    """Drop the lowest bits of codes: rounding down or up is rounding to nearest of what is shifted by almost half a step."""
    scale = _single(node, "the scale", _finite(node, "the scale", conversion.constant(node, 1), positive=True))
    zero = _single(node, "the zero point", conversion.constant(node, 2))
    second = len(node.inputs) > 5
    before = _single(node, "the bit width", conversion.constant(node, 3))
    bits = _single(node, "the bit width", conversion.constant(node, 5 if second else 4))
    dropped = before - bits
    if second:  # the second version of the operator states the scale behind it, and limits the codes
        dropped = float(np.rint(np.log2(_single(node, "the output scale", conversion.constant(node, 4)) / scale)))
    if zero or dropped < 0 or dropped != np.rint(dropped):
        raise GraphError(
            f"{node.where}: zero point {zero:g}, {dropped:g} bits dropped; expected 0, and whole bits >= 0"
        )
    low, high = _range(node, bits) if second else (-(2**31), 2**31 - 1)
    rounding, factor = _rounding(node, "FLOOR"), 2.0**dropped
    signal = conversion.signal(node)
    after = 1.0 if second else 1.0 / factor
    if rounding in ("floor", "ceil"):
        shift = (factor - 1) / 2 * (-1 if rounding == "floor" else 1)
        if shift:
            signal = conversion.chain(node, signal, Affine(1.0, shift * scale), suffix=".shift")
        signal = conversion.chain(node, signal, Quantise(scale * factor, low, high))
    else:  # halves must be seen as such: in whole numbers, made by neurons of their own
        signal = conversion.chain(node, signal, Affine(1.0 / scale), suffix=".codes")
        signal = conversion.chain(node, signal, Quantise(1.0, -(2**31), 2**31 - 1), suffix=".whole")
        signal = conversion.chain(node, signal, Quantise(factor, low, high, rounding))
        after *= scale
    if after != 1:
        signal = conversion.chain(node, signal, Affine(after), suffix=".scale")
    conversion.give(node, signal)


def _multi_threshold(conversion: Conversion, node: OnnxNode) -> None:
    signal, thresholds = conversion.signal(node), _finite(node, "the thresholds", conversion.constant(node, 1))
    axes = signal.axes()
    place = len(signal.shape) - 1 if node.text("data_layout", "NCHW") in ("NHWC", "NC") else 1
    if axes is None or len(axes) <= place or axes[place] not in (0, None) or thresholds.ndim != 2:
        raise GraphError(
            f"{node.where}: takes channels in axis {place} and thresholds (channels, n), what arrives is {list(signal.shape)} "
            f"and {list(thresholds.shape)}; export the model again"
        )
    if len(thresholds) not in (1, signal.map[0]) or np.any(np.diff(thresholds, axis=1) < 0):
        raise GraphError(
            f"{node.where}: {len(thresholds)} rows of thresholds for {signal.map[0]} channels, expected one for each, ascending"
        )
    scale, offset = node.number("out_scale", 1.0), node.number("out_bias", 0.0)
    kind = MultiThreshold(thresholds.astype(np.float64), scale, offset)
    conversion.give(node, conversion.chain(node, signal, kind))


def _linear_parts(conversion: Conversion, node: OnnxNode, rank: int) -> tuple[Array, Array]:
    """Return scale and zero point of a QuantizeLinear or DequantizeLinear, broadcasting to a tensor of a rank."""
    if node.integer("block_size", 0):
        raise GraphError(f"{node.where}: blocked quantisation is not supported; quantise per tensor or per channel")
    scale = _finite(node, "the scale", conversion.constant(node, 1), positive=True).astype(np.float32)
    zero = conversion.optional(node, 2)
    zero = np.zeros(scale.shape, np.uint8) if zero is None else zero
    if scale.size == 1 and zero.size == 1:
        return scale.reshape(()), zero.reshape(())
    axis, shape = node.integer("axis", 1), [1] * rank
    if not -rank <= axis < rank or scale.shape != zero.shape:
        raise GraphError(
            f"{node.where}: axis {axis} of {rank} axes, scales {list(scale.shape)} and zero points {list(zero.shape)} do not fit "
            "each other; export the model again"
        )
    shape[axis] = -1
    return scale.reshape(shape), zero.reshape(shape)


def _quantize_linear(conversion: Conversion, node: OnnxNode) -> None:
    value = conversion.value(node, 0)
    rank = value.array.ndim if isinstance(value, Constant) else len(value.shape)
    scale, zero = _linear_parts(conversion, node, rank)
    if zero.dtype.kind not in "iu":
        raise GraphError(f"{node.where}: quantises to {zero.dtype}, expected an integer type; use int8 or uint8")
    limits = np.iinfo(zero.dtype)
    if isinstance(value, Constant):
        _check_fit(node, scale, value.array.shape)
        codes = np.rint(_finite(node, "the weight", value.array).astype(np.float32) / scale) + zero
        conversion.give(node, Constant(np.clip(codes, limits.min, limits.max).astype(zero.dtype), bits=limits.bits))
        return
    signal = conversion.signal(node)
    step = _number(conversion.channels(node, signal, scale, "the scale"))
    centre = _number(conversion.channels(node, signal, zero, "the zero point"))
    kind = Quantise(step, limits.min - centre, limits.max - centre)
    conversion.give(node, replace(signal, codes=Codes(node.name, kind, zero, scale)))


def clip_codes(signal: Signal, low: float, high: float) -> Signal:
    """Return a quantised signal whose codes are limited."""
    codes = signal.codes
    if codes is None:
        return signal
    centre = np.asarray(codes.zero, np.float64).reshape(-1)
    kind = replace(
        codes.quantiser,
        low=_number(np.maximum(codes.quantiser.low, low - centre).reshape(-1)),
        high=_number(np.minimum(codes.quantiser.high, high - centre).reshape(-1)),
    )
    return replace(signal, codes=replace(codes, quantiser=kind))


def _dequantize_linear(conversion: Conversion, node: OnnxNode) -> None:
    value = conversion.value(node, 0)
    rank = value.array.ndim if isinstance(value, Constant) else len(value.shape)
    scale, zero = _linear_parts(conversion, node, rank)
    if isinstance(value, Constant):
        if value.array.dtype.kind not in "iu":
            raise GraphError(f"{node.where}: dequantises {value.array.dtype}, expected an integer type; export again")
        _check_fit(node, scale, value.array.shape)
        codes = value.array.astype(np.int64) - zero.astype(np.int64)
        conversion.give(node, _coded(codes, scale, value.bits or 8 * value.array.dtype.itemsize))
        return
    signal = conversion.signal(node, codes=True)
    codes_ = signal.codes
    if codes_ is None or not (np.array_equal(codes_.scale, scale) and np.array_equal(codes_.zero, zero)):
        raise GraphError(
            f"{node.where}: expected codes of a QuantizeLinear with the same scale and zero point; export in the QDQ form"
        )
    signal = replace(signal, codes=None)
    for name, kind in conversion.nodes.items():
        if kind is codes_.quantiser and any(
            link.source == signal.node and link.target == name for link in conversion.links
        ):
            conversion.give(node, replace(signal, node=name))
            return
    conversion.give(node, conversion.chain(replace(node, name=codes_.name), signal, codes_.quantiser))


QUANTISERS: dict[str, Converter] = {
    "BipolarQuant": _bipolar_quant,
    "DequantizeLinear": _dequantize_linear,
    "MultiThreshold": _multi_threshold,
    "Quant": _quant,
    "QuantizeLinear": _quantize_linear,
    "Trunc": _trunc,
}

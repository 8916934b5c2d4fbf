"""Layers of Brevitas: integer weights with their scale, activations as quantisers."""

from __future__ import annotations

from typing import Any

import numpy as np

from seneca_sim.graph.neurons import Quantise, Rounding
from seneca_sim.graph.nodes import Add, Array, Conv2d, Dense, Node
from seneca_sim.torch.plain import array, conv_padding
from seneca_sim.torch.registry import refuse, register

__all__: list[str] = []

_ROUNDING: dict[str, Rounding] = {"ROUND": "half_even", "FLOOR": "floor", "CEIL": "ceil", "ROUND_TO_ZERO": "to_zero"}


def _weights(module: Any) -> tuple[Array, Array | None]:
    """Return integer weights and their scale, one number or one per output channel; floats where nothing is quantised."""
    if not module.weight_quant.is_quant_enabled:
        return array(module.weight), None
    quantised = module.quant_weight()
    if quantised.zero_point is not None and bool((quantised.zero_point != 0).any()):
        raise refuse(module, "has weights with a zero point; use a symmetric weight quantiser")
    bits = float(quantised.bit_width)
    scale = array(quantised.scale).astype(np.float64)
    codes = np.rint(array(quantised.value).astype(np.float64) / scale)
    return codes.astype(np.int8 if bits <= 8 else np.int32), scale.reshape(-1)


def _bias(module: Any) -> Array | None:
    return None if module.bias is None else array(module.bias).astype(np.float32)


def _behind(module: Any, node: Node) -> tuple[Node, ...]:
    """Return a node with the quantiser of the layer's own output, if it has one."""
    quantiser = getattr(module, "output_quant", None)
    return (node, _quantiser(module, quantiser)) if quantiser is not None and quantiser.is_quant_enabled else (node,)


def _before(module: Any) -> tuple[Node, ...]:
    quantiser = getattr(module, "input_quant", None)
    return (_quantiser(module, quantiser),) if quantiser is not None and quantiser.is_quant_enabled else ()


def _conv(module: Any) -> tuple[Node, ...]:
    weight, scale = _weights(module)
    geometry: dict[str, Any] = {
        "stride": tuple(module.stride),
        "padding": conv_padding(module)[:2],
        "dilation": tuple(module.dilation),
        "groups": module.groups,
    }
    return (*_before(module), *_behind(module, Conv2d(weight, _bias(module), scale, **geometry)))


def _linear(module: Any) -> tuple[Node, ...]:
    weight, scale = _weights(module)
    return (*_before(module), *_behind(module, Dense(weight, _bias(module), scale)))


def _quantiser(module: Any, quantiser: Any) -> Quantise:
    """Return an activation quantiser: step, lowest and highest code, rounding."""
    scale, zero = quantiser.scale(), quantiser.zero_point()
    bits, signed = int(quantiser.bit_width()), bool(quantiser.is_signed)
    if bits == 1:
        raise refuse(module, "quantises activations to one bit; use at least two")
    narrow = bool(getattr(quantiser, "is_narrow_range", False))
    low = -(2 ** (bits - 1)) + narrow if signed else 0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
    offset = float(array(zero).reshape(-1)[0]) if zero is not None else 0.0
    step = array(scale).astype(np.float64)
    rounding = _ROUNDING.get(str(getattr(quantiser, "rounding_mode", "ROUND")).upper())
    if rounding is None:
        raise refuse(module, f"rounds by {quantiser.rounding_mode!r}; use ROUND, FLOOR, CEIL or ROUND_TO_ZERO")
    constant = float(step.reshape(-1)[0]) if step.size == 1 else step.reshape(-1, 1, 1)
    return Quantise(constant, low - offset, high - offset, rounding)


def _activation(module: Any) -> Node:
    if not module.act_quant.is_quant_enabled:
        return Add()
    return _quantiser(module, module.act_quant)


for _name, _converter in {
    "QuantConv2d": _conv,
    "QuantLinear": _linear,
    "QuantReLU": _activation,
    "QuantIdentity": _activation,
    "QuantHardTanh": _activation,
}.items():
    register(f"brevitas.{_name}", _converter)

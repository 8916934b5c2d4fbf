"""Modules of torch.nn as nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from seneca_sim.graph.neurons import Activation, Clip, Function, Relu, ThresholdRelu
from seneca_sim.graph.nodes import (
    Add,
    Array,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dense,
    Flatten,
    GlobalAvgPool2d,
    MaxPool2d,
    Node,
    Pair,
    Upsample,
)
from seneca_sim.torch.registry import refuse, register

__all__ = ["array", "conv_padding"]


def array(tensor: Any) -> Array:
    """Return a tensor as an array of its own."""
    found: Array = tensor.detach().cpu().numpy().copy()
    return found


def _optional(tensor: Any) -> Array | None:
    return None if tensor is None else array(tensor)


def conv_padding(module: Any) -> tuple[int, ...]:
    """Return the padding of a convolution in numbers, per axis."""
    if module.padding_mode != "zeros":
        raise refuse(module, f"pads with {module.padding_mode!r}; only zeros are supported")
    if module.padding == "valid":
        return (0,) * len(module.kernel_size)
    if module.padding == "same":
        reach = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        if any(r % 2 for r in reach):
            raise refuse(module, "pads 'same' unequally on both sides; use an odd kernel")
        return tuple(r // 2 for r in reach)
    return tuple(module.padding)


def _conv2d(module: Any) -> Node:
    return Conv2d(
        array(module.weight),
        _optional(module.bias),
        stride=tuple(module.stride),
        padding=conv_padding(module)[:2],  # type: ignore[arg-type]
        dilation=tuple(module.dilation),
        groups=module.groups,
    )


def _conv1d(module: Any) -> Node:
    return Conv2d(
        array(module.weight)[:, :, None, :],
        _optional(module.bias),
        stride=(1, module.stride[0]),
        padding=(0, conv_padding(module)[0]),
        dilation=(1, module.dilation[0]),
        groups=module.groups,
    )


def _transposed(module: Any) -> Node:
    return ConvTranspose2d(
        array(module.weight),
        _optional(module.bias),
        stride=tuple(module.stride),
        padding=conv_padding(module)[:2],  # type: ignore[arg-type]
        output_padding=tuple(module.output_padding),
        dilation=tuple(module.dilation),
        groups=module.groups,
    )


def _linear(module: Any) -> Node:
    return Dense(array(module.weight), _optional(module.bias))


def _batch_norm(module: Any) -> Node:
    if module.running_mean is None:
        raise refuse(module, "keeps no running statistics; train it with track_running_stats")
    return BatchNorm2d(
        array(module.running_mean),
        array(module.running_var),
        _optional(module.weight),
        _optional(module.bias),
        float(module.eps),
    )


def _pair(value: Any) -> Pair:
    return (int(value[0]), int(value[1])) if isinstance(value, tuple | list) else int(value)


def _max_pool(module: Any) -> Node:
    if module.ceil_mode or module.dilation not in (1, (1, 1)) or module.return_indices:
        raise refuse(module, "with ceil_mode, dilation or return_indices is not supported; leave them out")
    return MaxPool2d(_pair(module.kernel_size), _pair(module.stride), _pair(module.padding))


def _avg_pool(module: Any) -> Node:
    padded = bool(np.any(np.asarray(module.padding)))
    if module.ceil_mode or module.divisor_override or (padded and not module.count_include_pad):
        raise refuse(module, "with ceil_mode, divisor_override or uncounted padding is not supported; leave them out")
    return AvgPool2d(_pair(module.kernel_size), _pair(module.stride), _pair(module.padding))


def _adaptive(module: Any) -> Node:
    if module.output_size not in (1, (1, 1)):
        raise refuse(module, f"to {module.output_size} is not supported; only to 1 x 1, or use AvgPool2d")
    return GlobalAvgPool2d()


def _flatten(module: Any) -> Node:
    if module.start_dim != 1 or module.end_dim not in (-1, 3):
        raise refuse(module, "must flatten whole maps (start_dim 1, end_dim -1)")
    return Flatten()


def _upsample(module: Any) -> Node:
    if module.mode != "nearest" or module.scale_factor is None:
        raise refuse(module, f"with mode {module.mode!r} is not supported; use mode='nearest' with a scale_factor")
    factor = module.scale_factor if isinstance(module.scale_factor, tuple) else (module.scale_factor,) * 2
    if any(float(value) != int(value) for value in factor):
        raise refuse(module, f"by {module.scale_factor} is not supported; use whole factors")
    return Upsample((int(factor[0]), int(factor[1])))


def _threshold(module: Any) -> Node:
    if module.value != 0:
        raise refuse(module, f"replaces by {module.value}; only by 0 is supported")
    return ThresholdRelu(float(module.threshold))


def _pass(module: Any) -> Node:
    return Add()


def _function(name: Function) -> Any:
    return lambda module: Activation(name)


for _name, _converter in {
    "Conv2d": _conv2d,
    "Conv1d": _conv1d,
    "ConvTranspose2d": _transposed,
    "Linear": _linear,
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "MaxPool2d": _max_pool,
    "AvgPool2d": _avg_pool,
    "AdaptiveAvgPool2d": _adaptive,
    "Flatten": _flatten,
    "Upsample": _upsample,
    "UpsamplingNearest2d": _upsample,
    "ReLU": lambda module: Relu(),
    "ReLU6": lambda module: Clip(0.0, 6.0),
    "Hardtanh": lambda module: Clip(float(module.min_val), float(module.max_val)),
    "Threshold": _threshold,
    "Sigmoid": _function("sigmoid"),
    "Tanh": _function("tanh"),
    "Softsign": _function("softsign"),
    "Identity": _pass,
    "Dropout": _pass,
    "Dropout2d": _pass,
}.items():
    register(f"torch.{_name}", _converter)

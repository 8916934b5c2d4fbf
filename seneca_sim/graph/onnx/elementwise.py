"""One value in, one value out: sums, factors and activation functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seneca_sim.errors import GraphError
from seneca_sim.graph.neurons import Activation, Clip, Function, Neuron, Product, Relu
from seneca_sim.graph.nodes import Add, Affine, Array
from seneca_sim.graph.onnx.conversion import Conversion, Converter
from seneca_sim.graph.onnx.model import OnnxNode
from seneca_sim.graph.onnx.quantisers import clip_codes
from seneca_sim.graph.onnx.values import Signal

__all__ = ["ELEMENTWISE"]

_OPEN = 1e30
"""Stands for no bound: the largest magnitude that a constant may have."""


def _split(conversion: Conversion, node: OnnxNode) -> tuple[list[Signal], Array | None]:
    """Return the signals among two inputs, and the constant if one is."""
    if node.integer("broadcast", 0):
        raise GraphError(
            f"{node.where}: broadcasting of opset 6 is not supported; convert the model to opset 11 or later"
        )
    if len(node.inputs) != 2:
        raise GraphError(f"{node.where}: has {len(node.inputs)} inputs, expected 2; export the model again")
    signals = [isinstance(conversion.value(node, index), Signal) for index in (0, 1)]
    if all(signals):
        return [conversion.signal(node, 0), conversion.signal(node, 1)], None
    index = signals.index(True)
    return [conversion.signal(node, index)], conversion.constant(node, 1 - index)


def _shape(node: OnnxNode, signal: Signal, constant: Array) -> Signal:
    """Return the signal with the rank that broadcasting to a constant gives it."""
    rank = max(len(signal.shape), np.ndim(constant))
    if rank == len(signal.shape):
        return signal
    return Signal(signal.node, (1,) * (rank - len(signal.shape)) + signal.shape, signal.map, signal.order)


def _affine(
    conversion: Conversion, node: OnnxNode, signal: Signal, scale: Array | float = 1.0, offset: Array | float = 0.0
) -> None:
    """State that scale * signal + offset leaves a node."""
    signal = _shape(node, signal, np.asarray(scale) + np.asarray(offset))
    parts = [conversion.channels(node, signal, np.asarray(part), "a constant") for part in (scale, offset)]
    conversion.give(node, conversion.chain(node, signal, Affine(parts[0], parts[1] if np.any(parts[1]) else None)))


def _same_map(node: OnnxNode, left: Signal, right: Signal) -> None:
    """Refuse a sum of maps that differ."""
    wide = [tuple(axis for axis in signal.order if signal.map[axis] > 1) for signal in (left, right)]
    if left.map != right.map or wide[0] != wide[1]:
        raise GraphError(
            f"{node.where}: combines maps {list(left.map)} and {list(right.map)} (channels, rows, columns); make them equal, for "
            "sums by a convolution on one path"
        )


def _add(conversion: Conversion, node: OnnxNode) -> None:
    signals, constant = _split(conversion, node)
    if constant is not None:
        _affine(conversion, node, signals[0], offset=constant)
        return
    left, right = signals
    _same_map(node, left, right)
    if node.op == "Sub":
        right = conversion.chain(node, right, Affine(-1.0), suffix=".minus")
    name = conversion.add(node, Add(), left, right)
    conversion.give(node, Signal(name, max(left.shape, right.shape, key=len), left.map, left.order))


def _sub(conversion: Conversion, node: OnnxNode) -> None:
    signals, constant = _split(conversion, node)
    if constant is None:
        _add(conversion, node)
    elif isinstance(conversion.value(node, 0), Signal):
        _affine(conversion, node, signals[0], offset=-constant)
    else:
        _affine(conversion, node, signals[0], -1.0, constant)


def _mul(conversion: Conversion, node: OnnxNode) -> None:
    signals, constant = _split(conversion, node)
    if constant is not None:
        _affine(conversion, node, signals[0], constant)
        return
    left, right = signals if signals[1].map[1:] == (1, 1) else signals[::-1]
    if right.map != (left.map[0], 1, 1):
        raise GraphError(
            f"{node.where}: multiplies two signals of maps {list(left.map)} and {list(right.map)}; only a factor per "
            "channel (squeeze-excite) is supported; write gates of a recurrent cell as a native ConvGru, ConvMgu or ConvLstm"
        )
    name = conversion.add(node, Product(), left, right)
    conversion.give(node, Signal(name, left.shape, left.map, left.order))


def _div(conversion: Conversion, node: OnnxNode) -> None:
    signals, constant = _split(conversion, node)
    if constant is None or not isinstance(conversion.value(node, 0), Signal):
        raise GraphError(
            f"{node.where}: divides by a value that depends on the input, for which the chip has no program; divide by a constant"
        )
    if not np.all(constant):
        raise GraphError(f"{node.where}: divides by zero; export the model again")
    _affine(conversion, node, signals[0], 1.0 / constant.astype(np.float64))


def _sum(conversion: Conversion, node: OnnxNode) -> None:
    signals = [conversion.signal(node, index) for index in range(len(node.inputs))]
    for signal in signals[1:]:
        _same_map(node, signals[0], signal)
    conversion.give(
        node, Signal(conversion.add(node, Add(), *signals), signals[0].shape, signals[0].map, signals[0].order)
    )


def _neg(conversion: Conversion, node: OnnxNode) -> None:
    _affine(conversion, node, conversion.signal(node), -1.0)


def _fires(neuron: Callable[[OnnxNode], Neuron]) -> Converter:
    """Return a converter to one neuron."""

    def convert(conversion: Conversion, node: OnnxNode) -> None:
        conversion.give(node, conversion.chain(node, conversion.signal(node), neuron(node)))

    return convert


def _function(function: Function) -> Converter:
    return _fires(lambda node: Activation(function))


def _clip(conversion: Conversion, node: OnnxNode) -> None:
    bounds = []
    for name, index, default in (("min", 1, -_OPEN), ("max", 2, _OPEN)):
        stored = conversion.optional(node, index) if len(node.inputs) > index else node.attributes.get(name)
        value = default if stored is None or np.size(stored) == 0 else float(np.asarray(stored).reshape(-1)[0])
        bounds.append(min(max(value, -_OPEN), _OPEN))
    low, high = bounds
    if not low <= high:
        raise GraphError(f"{node.where}: its bounds are {low:g} and {high:g}; expected min <= max")
    signal = conversion.signal(node, codes=True)
    if signal.codes is not None:
        conversion.give(node, clip_codes(signal, low, high))
        return
    kind = Relu() if bounds == [0.0, _OPEN] else Clip(low, high)
    conversion.give(node, conversion.chain(node, signal, kind))


def _extreme(conversion: Conversion, node: OnnxNode) -> None:
    """Max or Min with a constant is a clip."""
    signals, constant = _split(conversion, node)
    if constant is None:
        raise GraphError(
            f"{node.where}: compares two signals, for which the chip has no program; use Add, Concat or MaxPool"
        )
    bound = conversion.channels(node, signals[0], constant, "the bound")
    low, high = (bound, np.array([_OPEN])) if node.op == "Max" else (np.array([-_OPEN]), bound)
    kind = Relu() if node.op == "Max" and not np.any(bound) else Clip(low, high)
    conversion.give(node, conversion.chain(node, signals[0], kind))


def _leaky_relu(conversion: Conversion, node: OnnxNode) -> None:
    """Write slope x + (1 - slope) max(x, 0): two branches, since no neuron of the chip has two slopes."""
    signal = conversion.signal(node)
    slope: Array = np.asarray(node.number("alpha", 0.01))
    if node.op == "PRelu":
        slope = conversion.channels(node, signal, conversion.constant(node, 1), "the slope")
    relu = conversion.chain(node, signal, Relu(), suffix=".relu")
    bent = conversion.chain(node, relu, Affine(1.0 - slope), suffix=".bent")
    straight = conversion.chain(node, signal, Affine(slope), suffix=".straight")
    name = conversion.add(node, Add(), straight, bent)
    conversion.notes.append(
        f"{node.name}: {node.op} is written as slope x + (1 - slope) max(x, 0), two branches and a sum"
    )
    conversion.give(node, Signal(name, signal.shape, signal.map, signal.order))


def _hard_sigmoid(conversion: Conversion, node: OnnxNode) -> None:
    signal = conversion.signal(node)
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    signal = conversion.chain(node, signal, Affine(alpha, beta), suffix=".line")
    conversion.give(node, conversion.chain(node, signal, Clip(0.0, 1.0)))


ELEMENTWISE: dict[str, Converter] = {
    "Add": _add,
    "Clip": _clip,
    "Div": _div,
    "HardSigmoid": _hard_sigmoid,
    "LeakyRelu": _leaky_relu,
    "Max": _extreme,
    "Min": _extreme,
    "Mul": _mul,
    "Neg": _neg,
    "PRelu": _leaky_relu,
    "Relu": _fires(lambda node: Relu()),
    "Sigmoid": _function("sigmoid"),
    "Softsign": _function("softsign"),
    "Sub": _sub,
    "Sum": _sum,
    "Tanh": _function("tanh"),
}

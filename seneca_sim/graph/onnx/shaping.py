"""Operators that move values without changing them, and those at a network's end that are left out."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from seneca_sim.errors import GraphError
from seneca_sim.graph.nodes import Concat
from seneca_sim.graph.onnx.constants import new_shape
from seneca_sim.graph.onnx.conversion import Conversion, Converter
from seneca_sim.graph.onnx.model import OnnxNode
from seneca_sim.graph.onnx.values import Constant, Signal

__all__ = ["SHAPING", "TAIL"]

TAIL = {"Softmax", "LogSoftmax", "Hardmax", "ArgMax", "TopK"}
"""Operators that rank or normalise the result: left out at the end of a network."""
_REALS = {1, 10, 11, 16}
"""ONNX's numbers of the types float, float16, double, bfloat16."""


def _moved(conversion: Conversion, node: OnnxNode) -> Signal:
    """Return the signal at input 0 of an operator that only moves values."""
    signal = conversion.value(node, 0)
    if isinstance(signal, Signal) and signal.dropped:
        return signal
    return conversion.signal(node, codes=True)


def _identity(conversion: Conversion, node: OnnxNode) -> None:
    signal = conversion.value(node, 0)
    if node.op == "Dropout" and node.input(2) and np.any(conversion.constant(node, 2)):
        raise GraphError(f"{node.where}: is in training mode; export the model after model.eval()")
    conversion.give(node, signal)


def _cast(conversion: Conversion, node: OnnxNode) -> None:
    signal = _moved(conversion, node)
    if node.integer("to", 1) not in _REALS and not signal.dropped:
        raise GraphError(
            f"{node.where}: casts values to another type than float, which is not supported; quantise with Quant"
        )
    conversion.give(node, signal)


def _reshape(conversion: Conversion, node: OnnxNode) -> None:
    signal = _moved(conversion, node)
    stated = conversion.setting(node, "shape", 1)
    if stated is None:
        raise GraphError(f"{node.where}: states no shape; export the model again")
    conversion.give(node, replace(signal, shape=new_shape(node, signal.shape, stated)))


def _flatten(conversion: Conversion, node: OnnxNode) -> None:
    signal = _moved(conversion, node)
    axis = node.integer("axis", 1)
    if not -len(signal.shape) <= axis <= len(signal.shape):
        raise GraphError(f"{node.where}: axis is {axis} for a tensor {list(signal.shape)}; export the model again")
    conversion.give(node, replace(signal, shape=(prod(signal.shape[:axis]), prod(signal.shape[axis:]))))


def _squeeze(conversion: Conversion, node: OnnxNode) -> None:
    signal = _moved(conversion, node)
    axes = conversion.setting(node, "axes", 1)
    rank = len(signal.shape)
    places = {axis % rank for axis in axes} if axes else {n for n in range(rank) if signal.shape[n] == 1}
    if any(signal.shape[place] != 1 for place in places):
        raise GraphError(
            f"{node.where}: takes out axes {axes} of {list(signal.shape)}, not all of size 1; export again"
        )
    conversion.give(node, replace(signal, shape=tuple(s for n, s in enumerate(signal.shape) if n not in places)))


def _unsqueeze(conversion: Conversion, node: OnnxNode) -> None:
    signal = _moved(conversion, node)
    axes = conversion.setting(node, "axes", 1) or ()
    rank = len(signal.shape) + len(axes)
    places, sizes = {axis % rank for axis in axes}, iter(signal.shape)
    if len(places) != len(axes):
        raise GraphError(f"{node.where}: adds the axes {axes}, some of them twice; export the model again")
    conversion.give(node, replace(signal, shape=tuple(1 if n in places else next(sizes) for n in range(rank))))


def _transpose(conversion: Conversion, node: OnnxNode) -> None:
    signal = _moved(conversion, node)
    rank = len(signal.shape)
    permutation = node.integers("perm") or tuple(reversed(range(rank)))
    if sorted(permutation) != list(range(rank)):
        raise GraphError(f"{node.where}: perm is {list(permutation)} for {rank} axes; export the model again")
    moved = signal.transposed(permutation)
    if moved is None:
        raise GraphError(
            f"{node.where}: transposes {list(signal.shape)}, a map {list(signal.map)} reshaped before (channel shuffle, attention "
            "heads), which is not supported; use grouped convolutions without shuffle"
        )
    conversion.give(node, moved)


def _concat(conversion: Conversion, node: OnnxNode) -> None:
    signals = [conversion.signal(node, index) for index in range(len(node.inputs))]
    first = signals[0]
    rank = len(first.shape)
    if any(len(signal.shape) != rank for signal in signals):
        raise GraphError(f"{node.where}: joins tensors of different ranks; export the model again")
    axis = node.integer("axis", 1)
    if not -rank <= axis < rank:
        raise GraphError(f"{node.where}: joins along axis {axis} of {list(first.shape)}; export the model again")
    place = axis % rank
    shape = (*first.shape[:place], sum(signal.shape[place] for signal in signals), *first.shape[place + 1 :])
    if all(signal.is_vector and signal.shape[place] == prod(signal.shape) for signal in signals):
        if any(signal.order != (0, 1, 2) and signal.map[1:] != (1, 1) for signal in signals):
            raise GraphError(
                f"{node.where}: joins vectors made from channels-last maps; export the model channels-first"
            )
        signals = [conversion.flat(node, signal) for signal in signals]
        conversion.give(node, Signal(conversion.add(node, Concat(), *signals), shape, (shape[place], 1, 1)))
        return
    if any(
        (signal.axes() or (None,) * rank)[place] not in (0, *((None,) if signal.map[0] == 1 else ()))
        for signal in signals
    ):
        raise GraphError(f"{node.where}: joins along axis {place} of {list(first.shape)}; only channels can be joined")
    if any(signal.map[1:] != first.map[1:] or signal.order != first.order for signal in signals):
        raise GraphError(f"{node.where}: joins maps of different rows, columns or layouts; make them equal")
    channels = sum(signal.map[0] for signal in signals)
    map_ = (channels, *first.map[1:])
    conversion.give(node, Signal(conversion.add(node, Concat(), *signals), shape, map_, first.order))


def _shape(conversion: Conversion, node: OnnxNode) -> None:
    """Give the shape of a signal, a constant."""
    sizes = np.array(_moved(conversion, node).shape, np.int64)
    conversion.give(node, Constant(sizes[node.integer("start", 0) : node.attributes.get("end")]))


def _tail(conversion: Conversion, node: OnnxNode) -> None:
    signal = _moved(conversion, node)
    if not signal.dropped:
        conversion.notes.append(f"{node.name}: {node.op} at the end of the network is left to the host")
    for name in node.outputs:
        conversion.values[name] = replace(signal, dropped=signal.dropped or f"{node.name} ({node.op})")


SHAPING: dict[str, Converter] = {
    "Cast": _cast,
    "Concat": _concat,
    "Dropout": _identity,
    "Flatten": _flatten,
    "Identity": _identity,
    "Reshape": _reshape,
    "Shape": _shape,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    **dict.fromkeys(TAIL, _tail),
}

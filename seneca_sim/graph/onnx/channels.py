"""Parts of the channels of a map: a 1x1 convolution that selects them, every other weight a masked zero.

The chip has no slices of events, so the selection costs what such a convolution costs; a note says that it is there.
"""

from __future__ import annotations

import numpy as np

from seneca_sim.errors import GraphError
from seneca_sim.graph.nodes import Conv2d, Dense
from seneca_sim.graph.onnx.conversion import Conversion, Converter
from seneca_sim.graph.onnx.model import OnnxNode
from seneca_sim.graph.onnx.values import Signal

__all__ = ["CHANNELS"]


def _split(conversion: Conversion, node: OnnxNode) -> None:
    signal = conversion.signal(node)
    place = _place(node, signal, node.integer("axis", 0))
    size, parts = signal.shape[place], len(node.outputs)
    largest = -(-size // max(node.integer("num_outputs", parts), 1))
    equal = [min(largest, size - first) for first in range(0, size, largest)]
    sizes = list(conversion.setting(node, "split", 1) or equal)
    if len(sizes) != parts or sum(sizes) != size or min(sizes) < 1:
        raise GraphError(f"{node.where}: splits {size} values into {sizes} for {parts} outputs; export the model again")
    ends = np.cumsum(sizes).tolist()
    for name, first, end in zip(node.outputs, [0, *ends], ends, strict=False):
        if name:
            conversion.values[name] = _selected(conversion, node, signal, place, np.arange(first, end))


def _slice(conversion: Conversion, node: OnnxNode) -> None:
    signal = conversion.signal(node)
    starts, ends = conversion.setting(node, "starts", 1), conversion.setting(node, "ends", 2)
    if starts is None or ends is None:
        raise GraphError(f"{node.where}: states no starts and ends; export the model again")
    axes = conversion.setting(node, "axes", 3) or tuple(range(len(starts)))
    steps = conversion.setting(node, "steps", 4) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise GraphError(
            f"{node.where}: slices axes {list(axes)} from {list(starts)} to {list(ends)} by {list(steps)}; export the model again"
        )
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        places = (
            _sliced(signal.shape[axis], start, end, step) if -len(signal.shape) <= axis < len(signal.shape) else None
        )
        if places is None or not np.array_equal(places, np.arange(signal.shape[axis])):
            place = _place(node, signal, axis)
            signal = _selected(conversion, node, signal, place, _sliced(signal.shape[place], start, end, step))
    conversion.give(node, signal)


def _sliced(size: int, start: int, end: int, step: int) -> np.ndarray:
    """Return the places of an axis that ONNX's rules choose: ends before the first place mean that it is the last chosen.

    >>> _sliced(6, 1, 2**62, 2), _sliced(4, -1, -(2**62), -1)
    (array([1, 3, 5]), array([3, 2, 1, 0]))
    """
    return np.arange(size)[slice(start, None if step < 0 and end < -size else end, step)]


def _place(node: OnnxNode, signal: Signal, axis: int) -> int:
    """Return the axis of a tensor that runs along the channels of its map, or refuse another."""
    rank = len(signal.shape)
    if not -rank <= axis < rank:
        raise GraphError(f"{node.where}: cuts axis {axis} of {list(signal.shape)}; export the model again")
    axes = signal.axes()
    if axes is None or axes[axis] != 0:
        raise GraphError(
            f"{node.where}: cuts axis {axis % rank} of {list(signal.shape)}, made from a map {list(signal.map)}; only channels can "
            "be cut; use a strided convolution instead of slicing rows and columns"
        )
    return axis % rank


def _selected(conversion: Conversion, node: OnnxNode, signal: Signal, place: int, chosen: np.ndarray) -> Signal:
    """Return some channels of a signal, of which axis `place` runs along the channels."""
    if not len(chosen):
        raise GraphError(f"{node.where}: leaves no channel of {signal.map[0]}; export the model again")
    weight = np.zeros((len(chosen), signal.map[0]), np.int8)
    weight[np.arange(len(chosen)), chosen] = 1
    kind: Conv2d | Dense = Dense(weight, mask=weight == 1)
    if signal.map[1:] != (1, 1):
        kind = Conv2d(weight[:, :, None, None], mask=weight[:, :, None, None] == 1)
    name = conversion.add(node, kind, signal)
    conversion.parts.append(name)
    conversion.notes.append(f"{name}: {len(chosen)} of {signal.map[0]} channels are selected by a convolution 1x1")
    shape = (*signal.shape[:place], len(chosen), *signal.shape[place + 1 :])
    return Signal(name, shape, (len(chosen), *signal.map[1:]), signal.order)


CHANNELS: dict[str, Converter] = {"Slice": _slice, "Split": _split}

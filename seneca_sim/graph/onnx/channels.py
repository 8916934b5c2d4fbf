"""Parts of the channels of a map: a 1x1 convolution that selects them, every other weight a masked zero.

The chip has no slices of events, so the selection costs what such a convolution costs; a note says that it is there.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from seneca_sim.errors import GraphError
from seneca_sim.graph.nodes import Conv2d, Dense
from seneca_sim.graph.onnx.conversion import Conversion, Converter
from seneca_sim.graph.onnx.model import OnnxNode
from seneca_sim.graph.onnx.values import Signal

__all__ = ["CHANNELS"]

_MOST_WEIGHTS = 1 << 26
"""Weights of a selection, masked ones counted."""


def _split(conversion: Conversion, node: OnnxNode) -> None:
    signal = conversion.signal(node)
    axis = _axis(node, signal, node.integer("axis", 0))
    size, parts = signal.shape[axis], len(node.outputs)
    largest = max(-(-size // parts), 1)
    equal = [min(largest, size - first) for first in range(0, size, largest)]
    sizes = list(conversion.setting(node, "split", 1) or equal)
    if len(sizes) != parts or sum(sizes) != size or min(sizes) < 1:
        raise GraphError(f"{node.where}: splits {size} values into {sizes} for {parts} outputs; export the model again")
    for name, end, width in zip(node.outputs, accumulate(sizes), sizes, strict=True):
        if name:
            conversion.values[name] = _selected(conversion, node, signal, axis, range(end - width, end))


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
    for stated, start, end, step in zip(axes, starts, ends, steps, strict=True):
        axis = _axis(node, signal, stated)
        places = range(signal.shape[axis])
        chosen = places[start:end:step]  # ONNX counts and cuts as Python does
        if chosen != places:
            signal = _selected(conversion, node, signal, axis, chosen)
    conversion.give(node, signal)


def _axis(node: OnnxNode, signal: Signal, axis: int) -> int:
    """Return an axis of a tensor counted from the front."""
    rank = len(signal.shape)
    if not -rank <= axis < rank:
        raise GraphError(f"{node.where}: cuts axis {axis} of {list(signal.shape)}; export the model again")
    return axis % rank


def _selected(conversion: Conversion, node: OnnxNode, signal: Signal, axis: int, chosen: range) -> Signal:
    """Return some places of an axis of a signal, which must be that of its channels."""
    axes = signal.axes()
    if axes is None or axes[axis] != 0:
        raise GraphError(
            f"{node.where}: cuts axis {axis} of {list(signal.shape)}, made from a map {list(signal.map)}; only channels can be "
            "cut; use a strided convolution instead of slicing rows and columns"
        )
    if not len(chosen):
        raise GraphError(f"{node.where}: leaves no channel of {signal.map[0]}; export the model again")
    if len(chosen) * signal.map[0] > _MOST_WEIGHTS:
        raise GraphError(f"{node.where}: selects {len(chosen)} of {signal.map[0]} channels, too many; check the shapes")
    weight = np.zeros((len(chosen), signal.map[0]), np.int8)
    weight[np.arange(len(chosen)), chosen] = 1
    kind: Conv2d | Dense = Dense(weight, mask=weight == 1)
    if signal.map[1:] != (1, 1):
        kind = Conv2d(weight[:, :, None, None], mask=weight[:, :, None, None] == 1)
    name = conversion.add(node, kind, signal)
    conversion.parts.append(name)
    conversion.notes.append(f"{name}: {len(chosen)} of {signal.map[0]} channels are selected by a convolution 1x1")
    shape = (*signal.shape[:axis], len(chosen), *signal.shape[axis + 1 :])
    return Signal(name, shape, (len(chosen), *signal.map[1:]), signal.order)


CHANNELS: dict[str, Converter] = {"Slice": _slice, "Split": _split}

"""Kernels that slide over maps: ONNX pads each side on its own, our nodes both sides alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seneca_sim.errors import GraphError
from seneca_sim.graph.nodes import Array
from seneca_sim.graph.onnx.model import OnnxNode
from seneca_sim.graph.onnx.values import Signal, Zeros

__all__ = ["grow_kernel", "pads", "rows_columns", "symmetric", "window_count", "zero_taps"]

Pads = tuple[tuple[int, int], tuple[int, int]]
"""(before, behind) of rows and columns."""
_MOST_PADDING = 1 << 20
_MOST_ZERO_TAPS = 64
"""Kernels grow by no more taps than this to even out their padding."""


def rows_columns(node: OnnxNode, name: str, rank: int, default: int = 1) -> tuple[int, int]:
    """Return an attribute of spatial sizes as (rows, columns); maps of rank 3 have columns only."""
    neutral = 1 if name != "output_padding" else 0
    values = node.integers(name) or (default,) * (rank - 2)
    if len(values) != rank - 2:
        raise GraphError(
            f"{node.where}: {name} is {list(values)}, expected {rank - 2} integers; export the model again"
        )
    return (values[0], values[1]) if rank == 4 else (neutral, values[0])


def pads(node: OnnxNode, signal: Signal, spans: tuple[int, int], strides: tuple[int, int]) -> Pads:
    """Return the padding of each side, from `pads` or `auto_pad`, with the zeros of a Pad node in front."""
    auto = node.text("auto_pad", "NOTSET")
    rank = len(signal.shape)
    if auto == "NOTSET":
        flat = node.integers("pads") or (0,) * (2 * (rank - 2))
        if len(flat) != 2 * (rank - 2) or min(flat) < 0 or max(flat) > _MOST_PADDING:
            raise GraphError(
                f"{node.where}: pads is {list(flat)}, expected {2 * (rank - 2)} integers >= 0; export again"
            )
        sides: Pads = ((flat[0], flat[2]), (flat[1], flat[3])) if rank == 4 else ((0, 0), (flat[0], flat[1]))
    elif auto == "VALID":
        sides = ((0, 0), (0, 0))
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        found = []
        for size, span, stride in zip(signal.map[1:], spans, strides, strict=True):
            total = max((-(-size // stride) - 1) * stride + span - size, 0)
            less, more = total // 2, total - total // 2
            found.append((less, more) if auto == "SAME_UPPER" else (more, less))
        sides = (found[0], found[1])
    else:
        raise GraphError(f"{node.where}: auto_pad is {auto!r}, expected NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    zeros = signal.zeros or Zeros(0, 0, 0, 0)
    (top, bottom), (left, right) = sides
    return (top + zeros.top, bottom + zeros.bottom), (left + zeros.left, right + zeros.right)


def window_count(size: int, before: int, behind: int, span: int, stride: int) -> int:
    """Return how many windows fit on a padded side."""
    return (size + before + behind - span) // stride + 1


def symmetric(size: int, sides: tuple[int, int], span: int, stride: int) -> int | None:
    """Return the padding of both sides that gives the same windows, or None: only the side in front moves windows.

    >>> symmetric(6, (1, 0), 3, 2), symmetric(6, (0, 1), 3, 2)
    (1, None)
    """
    before, behind = sides
    same = window_count(size, before, before, span, stride) == window_count(size, before, behind, span, stride)
    return before if same else None


def zero_taps(size: int, sides: tuple[int, int], taps: int, stride: int, dilation: int) -> tuple[int, int, int] | None:
    """Return (padding, zero taps in front, behind) of a longer kernel that sees the same windows with equal padding.

    >>> zero_taps(8, (0, 1), 3, 2, 1)
    (1, 1, 0)
    """
    before, behind = sides
    count = window_count(size, before, behind, dilation * (taps - 1) + 1, stride)
    for total in range(min(abs(behind - before) + stride, _MOST_ZERO_TAPS) + 1):
        for front in range(total + 1):
            padding = before + front * dilation
            span = dilation * (taps + total - 1) + 1
            if window_count(size, padding, padding, span, stride) == count:
                return padding, front, total - front
    return None


def grow_kernel(
    node: OnnxNode,
    signal: Signal,
    weight: Array,
    sides: Pads,
    strides: tuple[int, int],
    dilations: tuple[int, int],
) -> tuple[Array, tuple[int, int], np.ndarray | None]:
    """Return weight, padding and mask of a convolution that pads both sides alike: uneven padding becomes zero taps."""
    padding, growth = [], []
    geometry = zip(signal.map[1:], sides, weight.shape[2:], strides, dilations, strict=True)
    for size, pair, taps, stride, dilation in geometry:
        found = zero_taps(size, pair, taps, stride, dilation)
        if found is None:
            raise GraphError(
                f"{node.where}: pads {pair[0]} in front and {pair[1]} behind with dilation {dilation}, which no kernel with equal "
                "padding gives; pad both sides alike"
            )
        padding.append(found[0])
        growth.append(found[1:])
    both = (padding[0], padding[1])
    if not any(front or behind for front, behind in growth):
        return weight, both, None
    around: Sequence[tuple[int, int]] = ((0, 0), (0, 0), *growth)
    mask = np.pad(np.ones(weight.shape, np.bool_), around)
    return np.pad(weight, around), both, mask

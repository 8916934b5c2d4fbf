"""Checks of blocks and detection heads on their own: arrays that fit each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError
from seneca_sim.graph.neuron_checks import check_cell_reset
from seneca_sim.graph.nodes import (
    Block,
    ContextAware,
    ConvCell,
    ConvGru,
    ConvLstm,
    ConvMgu,
    ConvMinimalRnn,
    DetectionOutput,
    SqueezeExcite,
)
from seneca_sim.graph.sizes import checked_pair

__all__ = ["check_block", "check_detection"]


def check_block(where: str, node: Block) -> None:
    """Raise a `GraphError` that begins with `where` if the arrays of a block do not fit each other."""
    match node:
        case SqueezeExcite():
            _check_matrix(where, "squeeze", node.squeeze, "(hidden, channels)")
            hidden, channels = node.squeeze.shape
            _check_shape(where, "excite", node.excite, (channels, hidden))
            _check_shape(where, "squeeze_bias", node.squeeze_bias, (hidden,))
            _check_shape(where, "excite_bias", node.excite_bias, (channels,))
        case ContextAware():
            _check_matrix(where, "weight", node.weight, "(channels of x, channels of w)")
            _check_shape(where, "bias", node.bias, (len(node.weight),))
        case ConvGru():
            _check_gated(where, node, 3, 4)
        case ConvMgu():
            _check_gated(where, node, 2, 3)
        case ConvLstm():
            _check_gated(where, node, 4, 4)
        case ConvMinimalRnn():
            channels = _check_cell(where, node, 1)
            _check_kernel(where, "weight_z", node.weight_z, channels, channels)
            _check_shape(where, "bias_x", node.bias_x, (channels,))
            _check_shape(where, "bias", node.bias, (channels,))
            if np.any(np.asarray(node.candidate_threshold) < 0):
                raise GraphError(f"{where}: candidate_threshold must be 0 or more: magnitudes are compared with it")


def check_detection(where: str, node: DetectionOutput) -> None:
    """Raise a `GraphError` that begins with `where` if a detection head describes no boxes."""
    if node.classes < 1 or node.stride < 1:
        raise GraphError(
            f"{where}: classes is {node.classes} and stride {node.stride}, expected whole numbers of at least 1"
        )
    anchors = np.asarray(node.anchors)
    if anchors.ndim != 2 or anchors.shape[1] != 2 or not len(anchors) or np.any(anchors <= 0):
        raise GraphError(
            f"{where}: anchors have shape {anchors.shape}, expected positive widths and heights [pixels], (anchors, 2)"
        )


def _check_gated(where: str, node: ConvCell, sums: int, biases: int) -> None:
    """Check a cell whose convolutions feed `sums` sums each, and which has a bias in each of `biases` sums."""
    channels = _check_cell(where, node, sums)
    _check_shape(where, "bias", node.bias, (biases * channels,))


def _check_cell(where: str, node: ConvCell, sums: int) -> int:
    """Check the weights of a recurrent block; return its channels."""
    checked_pair(where, "stride", node.stride, 1)
    checked_pair(where, "padding", node.padding, 0)
    if isinstance(node, ConvGru | ConvMgu | ConvMinimalRnn):
        check_cell_reset(where, node)
    for name, weight in (("weight_x", node.weight_x), ("weight_y", node.weight_y)):
        if weight.ndim != 4 or not weight.size:
            raise GraphError(
                f"{where}: {name} has shape {weight.shape}, expected (out, in, kernel rows, kernel columns)"
            )
    channels = int(node.weight_y.shape[1])
    _check_kernel(where, "weight_y", node.weight_y, sums * channels, channels)
    if len(node.weight_x) != sums * channels:
        raise GraphError(
            f"{where}: weight_x has {len(node.weight_x)} output channels, expected {sums * channels}: {sums} sums of the "
            f"{channels} channels that weight_y takes"
        )
    return channels


def _check_kernel(where: str, name: str, weight: NDArray[Any], out: int, channels: int) -> None:
    """Refuse recurrent weights of other channels, and kernels whose padding cannot keep the size."""
    if weight.ndim != 4 or weight.shape[:2] != (out, channels) or not (weight.shape[2] % 2 and weight.shape[3] % 2):
        raise GraphError(
            f"{where}: {name} has shape {weight.shape}, expected ({out}, {channels}, kernel rows, kernel columns), the "
            "kernel odd"
        )


def _check_matrix(where: str, name: str, array: NDArray[Any], axes: str) -> None:
    if array.ndim != 2 or not array.size:
        raise GraphError(f"{where}: {name} has shape {array.shape}, expected {axes}")


def _check_shape(where: str, name: str, array: NDArray[Any] | None, shape: tuple[int, ...]) -> None:
    if array is not None and array.shape != shape:
        raise GraphError(f"{where}: {name} has shape {array.shape}, expected {shape}")

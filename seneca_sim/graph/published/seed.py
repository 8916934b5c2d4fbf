"""SEED, sparse convolutional recurrent detection (Wang et al. 2025): residual convolutions, three event-gated levels, an SSD head.

Source: the layers were read in the authors' public repository (ERNIS-LAB/SEED-Event-Object-Detection); the published parameter
counts (13.9, 4.8, 15.9, 10.7, 7.9 M) follow from it within 1 %. They include a threshold for each neuron of the recurrent levels
(1.22 M of 13.9 M), the event-based part of the cell, and fix what the repository leaves open: at recurrent dimension 128 the
convolutions keep their width. Which variant of the repository the hardware table measured is not stated, so the network stands as
a calibrated reconstruction. Also not theirs: gates act behind the recurrent weights, u (W y) for W (u y), so that the weights see
events only; the repository multiplies first. `-dense` has no thresholds: every neuron sends its state at every step.

Limit: cells run with one threshold, or one for each channel; thresholds that differ between positions count as parameters, but
weights that state them are refused, and mappings hold no memory for them (19.5 Mb of 16 bits at dimension 256).

Input: as RED, 6 channels of time surfaces.
"""

from __future__ import annotations

from typing import Literal

from seneca_sim.graph.graph import Graph
from seneca_sim.graph.neurons import (
    CellReset,
    GruCell,
    Identity,
    LstmCell,
    MguCell,
    MinimalCell,
    Neuron,
    Parameter,
    Relu,
)
from seneca_sim.graph.placeholders import placeholder
from seneca_sim.graph.published.architecture import Architecture, Size
from seneca_sim.graph.published.red import box_head, surface_contract

__all__ = ["Cell", "seed"]

Cell = Literal["gru", "mgu", "minimal", "lstm"]


def seed(
    *, size: Size = (360, 640), dimension: int = 256, cell: Cell = "gru", dense: bool = False, name: str = "seed"
) -> Graph:
    """Return SEED with a recurrent dimension (256 or 128) and a cell; `dense` without thresholds."""
    note = "calibrated reconstruction: layers as in the authors' repository, variant chosen by the published parameter counts"
    net = Architecture(name, 6, size, contract=surface_contract(size), assumptions=(note,))
    x = net.fire("conv1", Relu(), net.conv("conv1.conv", "input", 32, 7, stride=2, bias=True, norm=True))
    x = _block(net, "block1", x, 64, 2)
    x = _block(net, "block2", x, 64, 1)
    x = _block(net, "block3", x, 128, 1)
    levels = []
    for number in range(1, 4):
        x = _LEVELS[cell](net, f"level{number}", x, dimension, dense)
        levels.append(x)
    box_head(net, levels, classes=3)
    return net.graph()


def _block(net: Architecture, name: str, x: str, channels: int, stride: int) -> str:
    """Add a residual block with ReLU behind each convolution and behind the sum; the second convolution strides."""
    inner = net.fire(f"{name}.a", Relu(), net.conv(f"{name}.a.conv", x, channels, 3, norm=True))
    inner = net.fire(f"{name}.b", Relu(), net.conv(f"{name}.b.conv", inner, channels, 3, stride=stride, norm=True))
    if stride != 1 or net.shapes[x][0] != channels:
        x = net.conv(f"{name}.skip.conv", x, channels, 1, stride=stride, norm=True)
    return net.fire(name, Relu(), inner, x)


def _strided(net: Architecture, name: str, x: str, channels: int, neuron: Neuron) -> str:
    """Add the strided convolution in front of a cell."""
    return net.fire(f"{name}.in", neuron, net.conv(f"{name}.in.conv", x, channels, 3, stride=2, bias=True, norm=True))


def _threshold(net: Architecture, x: str, dimension: int, dense: bool) -> Parameter | None:
    """Return one threshold for each neuron, or none."""
    return None if dense else placeholder(dimension, *net.shapes[x][1:])  # type: ignore[return-value]


def _gated(net: Architecture, name: str, x: str, dimension: int, gates: int, cell: Neuron) -> str:
    """Add a cell with 3x3 convolutions of its input and of its own events of the step before to `gates` sums each."""
    net.conv(f"{name}.x", x, gates * dimension, 3, bias=True)
    return _closed(net, name, f"{name}.x", dimension, gates, cell, bias=False)


def _closed(net: Architecture, name: str, x: str, dimension: int, gates: int, cell: Neuron, *, bias: bool) -> str:
    """Add the cell behind its input sums, and its recurrent convolution."""
    net.add(name, cell, x)
    net.shapes[name] = (dimension, *net.shapes[x][1:])
    net.conv(f"{name}.y", name, gates * dimension, 3, bias=bias)
    net.link(f"{name}.y", name, delay=1, port=1)
    return name


def _reset(dense: bool) -> CellReset:
    """Return what a cell does after an event."""
    return "none" if dense else "subtract"


def _gru(net: Architecture, name: str, x: str, dimension: int, dense: bool) -> str:
    x = _strided(net, name, x, net.shapes[x][0], Relu())
    return _gated(net, name, x, dimension, 3, GruCell(_threshold(net, x, dimension, dense), reset=_reset(dense)))


def _mgu(net: Architecture, name: str, x: str, dimension: int, dense: bool) -> str:
    x = _strided(net, name, x, net.shapes[x][0], Identity())
    return _gated(net, name, x, dimension, 2, MguCell(_threshold(net, x, dimension, dense), reset=_reset(dense)))


def _minimal(net: Architecture, name: str, x: str, dimension: int, dense: bool) -> str:
    """Add a MinimalRNN level: the candidate is the strided convolution itself, its gate sees candidate and events."""
    x = _strided(net, name, x, dimension, Relu())
    _closed(
        net, name, x, dimension, 1, MinimalCell(_threshold(net, x, dimension, dense), reset=_reset(dense)), bias=True
    )
    net.conv(f"{name}.z", x, dimension, 3)
    net.link(f"{name}.z", name, port=1)
    return name


def _lstm(net: Architecture, name: str, x: str, dimension: int, dense: bool) -> str:
    """Add an LSTM level, whose convolution to the gates strides."""
    gates = net.norm(f"{name}.x.norm", net.conv(f"{name}.x", x, 4 * dimension, 3, stride=2, bias=True))
    return _closed(net, name, gates, dimension, 4, LstmCell(_threshold(net, gates, dimension, dense)), bias=True)


_LEVELS = {"gru": _gru, "mgu": _mgu, "minimal": _minimal, "lstm": _lstm}

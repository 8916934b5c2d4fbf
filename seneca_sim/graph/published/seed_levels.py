"""The recurrent levels of SEED: a strided 3x3 convolution and a 3x3 gated cell that sends events, by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
from seneca_sim.graph.published.architecture import Architecture

__all__ = ["LEVELS", "Cell", "Gating", "Thresholds"]

Cell = Literal["gru", "mgu", "minimal", "lstm"]
Thresholds = Literal["none", "one", "neurons"]
"""Of the outputs of a cell: none (dense), one constant for all, or one trained for each neuron."""

THRESHOLD = 0.5
"""Stands in where one threshold is a constant that nobody states; random weights calibrate it."""


@dataclass(frozen=True, slots=True)
class Gating:
    """What the cells of a network have in common."""

    dimension: int
    """Channels of each level."""
    thresholds: Thresholds
    rectified: bool
    """Whether ReLU stands behind the strided convolution of a minimal gated unit, as it does for the other cells."""

    @property
    def reset(self) -> CellReset:
        """What a cell does after an event."""
        return "none" if self.thresholds == "none" else "subtract"

    def threshold(self, net: Architecture, x: str) -> Parameter | None:
        """Return the threshold of a cell whose sums come from x."""
        if self.thresholds == "neurons":
            return placeholder(self.dimension, *net.shapes[x][1:])  # type: ignore[return-value]
        return None if self.thresholds == "none" else THRESHOLD


def _strided(net: Architecture, name: str, x: str, channels: int, neuron: Neuron) -> str:
    """Add the strided convolution in front of a cell."""
    return net.fire(f"{name}.in", neuron, net.conv(f"{name}.in.conv", x, channels, 3, stride=2, bias=True, norm=True))


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


def _gru(net: Architecture, name: str, x: str, gating: Gating) -> str:
    x = _strided(net, name, x, net.shapes[x][0], Relu())
    cell = GruCell(gating.threshold(net, x), reset=gating.reset)
    return _gated(net, name, x, gating.dimension, 3, cell)


def _mgu(net: Architecture, name: str, x: str, gating: Gating) -> str:
    neuron = Relu() if gating.rectified else Identity()
    x = _strided(net, name, x, net.shapes[x][0], neuron)
    cell = MguCell(gating.threshold(net, x), reset=gating.reset)
    return _gated(net, name, x, gating.dimension, 2, cell)


def _minimal(net: Architecture, name: str, x: str, gating: Gating) -> str:
    """Add a MinimalRNN level: the candidate is the strided convolution itself, its gate sees candidate and events."""
    x = _strided(net, name, x, gating.dimension, Relu())
    cell = MinimalCell(gating.threshold(net, x), reset=gating.reset)
    _closed(net, name, x, gating.dimension, 1, cell, bias=True)
    net.conv(f"{name}.z", x, gating.dimension, 3)
    net.link(f"{name}.z", name, port=1)
    return name


def _lstm(net: Architecture, name: str, x: str, gating: Gating) -> str:
    """Add an LSTM level, whose convolution to the gates strides."""
    gates = net.norm(f"{name}.x.norm", net.conv(f"{name}.x", x, 4 * gating.dimension, 3, stride=2, bias=True))
    return _closed(net, name, gates, gating.dimension, 4, LstmCell(gating.threshold(net, gates)), bias=True)


LEVELS = {"gru": _gru, "mgu": _mgu, "minimal": _minimal, "lstm": _lstm}
"""What adds a level of each cell; all return the name of the cell, whose outputs are the level's."""

"""Checks of neurons on their own: constants that keep them stable, thresholds that mean something."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError
from seneca_sim.graph.neurons import (
    Activation,
    Clip,
    CubaLif,
    Delay,
    GruCell,
    If,
    Lif,
    MguCell,
    MinimalCell,
    MultiThreshold,
    Neuron,
    Quantise,
    SigmaDelta,
)
from seneca_sim.graph.nodes import ConvGru, ConvMgu, ConvMinimalRnn

__all__ = ["check_cell_reset", "check_neuron"]

_MOST_SPIKES = (1 << 31) - 1
_MOST_STEPS = 1 << 16
_MOST_FRACTION_BITS = 31


def check_neuron(where: str, neuron: Neuron) -> None:
    """Raise a `GraphError` that begins with `where` if the neuron cannot work whatever reaches it."""
    for name in ("decay", "decay_syn", "decay_mem"):
        decay: NDArray[Any] | float | None = getattr(neuron, name, None)
        if decay is not None and not np.all((np.asarray(decay) >= 0) & (np.asarray(decay) <= 1)):
            raise GraphError(
                f"{where}: {name} must lie between 0 and 1 in every channel; check time constant and time step"
            )
    match neuron:
        case If() | Lif() | CubaLif():
            _check_spiking(where, neuron)
        case SigmaDelta():
            least = "positive" if neuron.mode == "round" else "0 or more"
            step = np.asarray(neuron.step)
            if np.any(step <= 0 if neuron.mode == "round" else step < 0):
                raise GraphError(f"{where}: the step of a sigma-delta neuron in mode {neuron.mode!r} must be {least}")
            if not 0 <= neuron.fraction_bits <= _MOST_FRACTION_BITS:
                raise GraphError(
                    f"{where}: fraction_bits is {neuron.fraction_bits}, expected 0 to {_MOST_FRACTION_BITS}: states have 32 bits"
                )
        case Activation():
            if np.any(np.asarray(neuron.threshold) < 0):
                raise GraphError(
                    f"{where}: the threshold is {np.min(neuron.threshold)} in some channel, expected 0 or more: magnitudes are "
                    "compared with it"
                )
        case Clip() | Quantise():
            _check_range(where, neuron)
        case MultiThreshold():
            _check_thresholds(where, neuron)
        case GruCell() | MguCell() | MinimalCell():
            check_cell_reset(where, neuron)
        case Delay():
            steps = np.asarray(neuron.steps)
            if np.any(steps != np.floor(steps)) or np.any(steps < 0) or np.any(steps > _MOST_STEPS):
                raise GraphError(f"{where}: steps must be whole numbers from 0 to {_MOST_STEPS}, found {_odd(steps)}")
        case _:
            pass


def check_cell_reset(where: str, cell: GruCell | MguCell | MinimalCell | ConvGru | ConvMgu | ConvMinimalRnn) -> None:
    """Refuse a reset of cells that send in every step, where nothing is left to keep."""
    if cell.threshold is None and cell.reset != "none":
        raise GraphError(
            f"{where}: reset is {cell.reset!r}, but a cell without a threshold sends in every step; state a threshold, or "
            "reset 'none'"
        )


def _check_spiking(where: str, neuron: If | Lif | CubaLif) -> None:
    if not 1 <= neuron.max_spikes <= _MOST_SPIKES:
        raise GraphError(f"{where}: max_spikes is {neuron.max_spikes}, expected 1 to {_MOST_SPIKES}")
    lowest = float(np.min(neuron.threshold))
    if lowest < 0 or (lowest == 0 and neuron.max_spikes > 1):
        raise GraphError(
            f"{where}: the threshold is {lowest} in some channel, where the neuron fires without end; make it positive"
        )


def _check_range(where: str, neuron: Clip | Quantise) -> None:
    """Refuse ranges without values, and quantisers without a step."""
    if np.any(np.asarray(neuron.low) > np.asarray(neuron.high)):
        raise GraphError(f"{where}: low is above high in some channel, expected low <= high; exchange them")
    if isinstance(neuron, Quantise) and np.any(np.asarray(neuron.step) <= 0):
        raise GraphError(f"{where}: the step is {np.min(neuron.step)} in some channel, expected a positive number")


def _check_thresholds(where: str, neuron: MultiThreshold) -> None:
    thresholds = np.asarray(neuron.thresholds)
    if thresholds.ndim != 2 or not thresholds.size:
        raise GraphError(
            f"{where}: thresholds have shape {thresholds.shape}, expected (channels or 1, number of thresholds)"
        )
    if np.any(np.diff(thresholds, axis=1) < 0):
        raise GraphError(f"{where}: thresholds must ascend in every channel; sort them")


def _odd(steps: NDArray[Any]) -> float:
    """Return a number of steps that is not allowed."""
    values = steps.reshape(-1)
    return float(values[(values != np.floor(values)) | (values < 0) | (values > _MOST_STEPS)][0])

"""The activity trace: which events each layer sent in each time step. A network runs once; every chip and mapping replays it.

Events are stored as active positions in raster order with their ascending channels, so memory follows events, not maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["LayerTrace", "Trace"]


@dataclass(frozen=True, slots=True, eq=False)
class LayerTrace:
    """Events of one layer over T steps: A active positions, E events (after fused max pooling).

    Step t owns positions ``step_start[t]:step_start[t+1]``; position k owns events ``first_event[k]:first_event[k+1]``.
    """

    step_start: NDArray[np.int64]
    """(T + 1,)"""
    position: NDArray[np.int32]
    """(A,) y * columns + x in the layer's `out_shape`, ascending within a step."""
    first_event: NDArray[np.int64]
    """(A + 1,)"""
    channel: NDArray[np.int32]
    """(E,) ascending within a position."""
    value: NDArray[np.float32] | NDArray[np.int32] | None
    """(E,) never zero; None where every value is 1 (spikes)."""
    neuron_events: NDArray[np.int64]
    """(T,) non-zero neurons before fused pooling."""
    saturations: NDArray[np.int64]
    """(T,) values that hit the end of their integer range."""

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return len(self.step_start) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Events of every layer of a network (in its order), and what the network computed."""

    layers: tuple[LayerTrace, ...]
    source: Literal["simulated", "synthetic"]
    sops: NDArray[np.int64]
    """(T, edges) weights applied to neuron states, masked ones not counted; edges numbered through all layers in order."""
    class_scores: NDArray[np.float64] | None = None
    """(classes,) of the output layer, over all steps: summed output events, last membrane (Li), or mean value."""
    description: str = ""
    """What was fed in: file, slicing, seed, ... in one line."""

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return self.layers[0].n_steps

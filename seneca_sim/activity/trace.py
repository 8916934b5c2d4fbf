"""The activity trace: which events each layer sent in each time step. A network runs once; every chip and mapping replays it.

Events are stored as active positions in raster order with their ascending channels, so memory follows events, not maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.events.sparse import LayerTrace

__all__ = ["LayerTrace", "Trace"]


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
    assumptions: tuple[str, ...] = ()
    """Sentences about what had to be assumed of the input."""

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return self.layers[0].n_steps

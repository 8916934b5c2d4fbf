"""The activity trace: which events each layer sent in each time step. A network runs once; every chip and mapping replays it.

Events are stored as active positions in raster order with their ascending channels, so memory follows events, not maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.events.sparse import LayerTrace, joined

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
    held: tuple[LayerTrace, ...] = ()
    """One step of each layer, if the trace continues an earlier one: what recurrent layers sent in the step before the first."""

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return self.layers[0].n_steps

    @property
    def continues(self) -> bool:
        """Whether steps came before the first one."""
        return bool(self.held)

    def with_held(self) -> tuple[LayerTrace, ...]:
        """Return the step before the first, and behind it all steps, of each layer."""
        before = self.held or (LayerTrace.silent(1),) * len(self.layers)
        return tuple(joined([held, layer]) for held, layer in zip(before, self.layers, strict=True))

    def sent(self, layer: int, delay: int) -> LayerTrace:
        """Return the steps of a layer, or (delay 1) those that are replayed of it: what it holds, and all steps but the last."""
        if not delay:
            return self.layers[layer]
        return joined([*self.held[layer : layer + 1], self.layers[layer].first(self.n_steps - 1)])

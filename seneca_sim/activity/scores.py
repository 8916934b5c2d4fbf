"""What a classifier says: one score per neuron of its output layer, gathered over all steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.step_events import StepEvents
from seneca_sim.graph.network import Network
from seneca_sim.graph.neurons import CubaLif, If, Li, Lif, SigmaDelta

__all__ = ["ClassScores"]


class ClassScores:
    """Scores of the first output layer of a classifier, in the order channel, row, column.

    Spiking neurons: spikes over all steps. `Li`: the last membrane. Valued neurons: the mean over steps of the output,
    which for sigma-delta neurons is the sum of what they sent so far.
    """

    def __init__(self, network: Network) -> None:
        outputs = [index for index, layer in enumerate(network.layers) if layer.is_output and not layer.is_input]
        self.index = outputs[0] if outputs and network.task == "classification" else None
        layer = network.layers[outputs[0] if outputs else 0]
        self.neuron = layer.neuron
        self.columns = layer.out_shape[2]
        self.last = np.zeros(layer.out_shape, np.float64)
        self.total = np.zeros(layer.out_shape, np.float64)

    def add(self, events: StepEvents) -> None:
        """Take in the output events of one step."""
        if not isinstance(self.neuron, SigmaDelta):
            self.last[:] = 0
        y, x = np.divmod(np.repeat(events.position, np.diff(events.first_event)), self.columns)
        self.last[events.channel, y, x] += 1.0 if events.value is None else events.value
        self.total += self.last

    def scores(self, n_steps: int) -> NDArray[np.float64] | None:
        """Return one score per class; None if the network does not classify."""
        if self.index is None:
            return None
        if isinstance(self.neuron, Li):
            return self.last.reshape(-1)
        if isinstance(self.neuron, If | Lif | CubaLif):
            return self.total.reshape(-1)
        return self.total.reshape(-1) / n_steps

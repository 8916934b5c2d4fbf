"""Synaptic operations of a trace, counted from its events alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.connection import Connection
from seneca_sim.activity.step_events import step_events
from seneca_sim.events.sparse import LayerTrace
from seneca_sim.graph.network import Network

__all__ = ["trace_sops"]


def trace_sops(network: Network, layers: Sequence[LayerTrace], held: Sequence[LayerTrace] = ()) -> NDArray[np.int64]:
    """Return (T, edges) weights applied to neurons, masked ones not counted, edges numbered through all layers.

    `held` is the step before the first (`Trace.held`).
    """
    n_steps = layers[0].n_steps
    edges = [
        Connection(edge, network.layers[edge.source], layer, number)
        for number, (edge, layer) in enumerate((edge, layer) for layer in network.layers for edge in layer.edges)
    ]
    sops = np.zeros((n_steps, len(edges)), np.int64)
    for connection in edges:
        edge = connection.edge
        for step in range(0 if held else edge.delay, n_steps):
            sent = held if step < edge.delay else layers
            events = step_events(sent[edge.source], max(0, step - edge.delay))
            sops[step, connection.number] = connection.sops(connection.arriving(events))
    return sops

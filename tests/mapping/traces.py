"""Random activity traces, and the positions that a layer sends from in plain lists."""

from __future__ import annotations

import numpy as np

from seneca_sim.activity.trace import LayerTrace, Trace
from seneca_sim.graph.network import Network


def random_trace(rng: np.random.Generator, network: Network, steps: int = 2, density: float = 0.3) -> Trace:
    """Every neuron of every layer sends with the same probability."""
    layers = []
    for layer in network.layers:
        channels, rows, columns = layer.out_shape
        active = rng.random((steps, rows * columns, channels)) < density
        step, position = np.nonzero(active.any(axis=2))
        counts = active[step, position].sum(axis=1)
        layers.append(
            LayerTrace(
                np.searchsorted(step, np.arange(steps + 1)).astype(np.int64),
                position.astype(np.int32),
                np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
                np.nonzero(active[step, position])[1].astype(np.int32),
                None,
                active.sum(axis=(1, 2)).astype(np.int64),
                np.zeros(steps, np.int64),
            )
        )
    edges = sum(len(layer.edges) for layer in network.layers)
    return Trace(tuple(layers), "synthetic", np.zeros((steps, edges), np.int64))


def visits(trace: LayerTrace, columns: int) -> list[tuple[int, int, list[int]]]:
    """(row, column, channels) of each active position of all steps."""
    return [
        (int(q) // columns, int(q) % columns, trace.channel[trace.first_event[k] : trace.first_event[k + 1]].tolist())
        for k, q in enumerate(trace.position)
    ]

"""The steady state in two steps: one that leaves recurrent events behind, and the one that counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seneca_sim.activity.trace import Trace
from seneca_sim.errors import RequestError
from seneca_sim.events.sparse import LayerTrace
from seneca_sim.graph.network import Network

__all__ = ["steady_step"]


def steady_step(network: Network, trace: Trace) -> Trace:
    """Return the last two steps of a trace, the first of them without events of layers that no recurrent edge reads.

    What the second step integrates is unchanged; the first is as short as that allows.
    """
    from seneca_sim.activity.synaptic import trace_sops

    if trace.n_steps < 2:
        raise RequestError(
            f"the steady state takes two steps, the activity has {trace.n_steps}; run it with more steps"
        )
    recurrent = {edge.source for layer in network.layers for edge in layer.edges if edge.delay}
    layers = tuple(_last_two(layer, number in recurrent) for number, layer in enumerate(trace.layers))
    description = f"{trace.description}; in the first of two steps only recurrent layers send"
    return replace(trace, layers=layers, sops=trace_sops(network, layers), description=description)


def _last_two(trace: LayerTrace, both: bool) -> LayerTrace:
    """Return the last two steps of a layer; the first is silent unless `both` are kept."""
    start = int(trace.step_start[-3 if both else -2])
    first = int(trace.first_event[start])
    steps = trace.step_start[-3:] - start
    counts = trace.neuron_events[-2:].copy()
    if not both:
        steps[0] = steps[1] = 0
        counts[0] = 0
    return LayerTrace(
        steps,
        trace.position[start:],
        trace.first_event[start:] - first,
        trace.channel[first:],
        None if trace.value is None else trace.value[first:],
        counts,
        np.where(np.array([both, True]), trace.saturations[-2:], 0),
    )

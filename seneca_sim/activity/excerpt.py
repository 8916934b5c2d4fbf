"""Some steps of a trace as a trace of its own."""

from __future__ import annotations

from dataclasses import replace

from seneca_sim.activity.trace import Trace
from seneca_sim.errors import RequestError
from seneca_sim.events.sparse import LayerTrace
from seneca_sim.graph.network import Network
from seneca_sim.units import counted

__all__ = ["excerpt"]


def excerpt(network: Network, trace: Trace, begin: int) -> Trace:
    """Return the steps of a trace from `begin` on; recurrent layers hold what they sent in the step before.

    It has no class scores, which are over all steps. Raises a `RequestError` if no step is left.

    >>> from seneca_sim.activity import run_network
    >>> from seneca_sim.events import load_input
    >>> from seneca_sim.graph import load_network
    >>> network = load_network("digits-lif")
    >>> trace = run_network(network, load_input(network, "digits", steps=5))
    >>> later = excerpt(network, trace, 3)
    >>> later.n_steps, bool((later.sops == trace.sops[3:]).all())
    (2, True)
    """
    if not 0 <= begin < trace.n_steps:
        raise RequestError(
            f"begin must be one of the {trace.n_steps} steps of the run, 0 to {trace.n_steps - 1}, not {begin}"
        )
    if begin == 0:
        return trace
    replayed = network.replayed
    held = tuple(
        layer.step(begin - 1) if number in replayed else LayerTrace.silent(1)
        for number, layer in enumerate(trace.layers)
    )
    layers = tuple(layer.since(begin) for layer in trace.layers)
    left_out = f"{counted(begin, 'step')} in front left out"
    description = f"{trace.description}; {left_out}" if trace.description else left_out
    return replace(trace, layers=layers, held=held, sops=trace.sops[begin:], class_scores=None, description=description)

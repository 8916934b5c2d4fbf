"""What each layer sends in each time step: run a network once, or draw a synthetic trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from seneca_sim.activity.trace import LayerTrace, Trace
from seneca_sim.events.inputs import NetworkInput
from seneca_sim.graph.network import Network

__all__ = ["LayerTrace", "Trace", "run_network"]


def run_network(
    network: Network,
    inputs: NetworkInput | Sequence[LayerTrace],
    progress: Callable[[int, int], None] | None = None,
    *,
    overflow: Literal["saturate", "wrap"] = "saturate",
    description: str = "",
) -> Trace:
    """Run a network on its input and return what every layer sent.

    Parameters
    ----------
    inputs
        What `load_input` returns, or one trace per input layer, in the order of the network's layers.
    progress
        Called with (steps done, steps in all).
    overflow
        What integers do that leave the range of their type; they are counted either way.
    description
        What was fed in, in one line; by default what `load_input` says.
    """
    from seneca_sim.activity.run import run_steps

    if isinstance(inputs, NetworkInput):
        return run_steps(network, inputs.layers, progress, overflow, description or inputs.description)
    return run_steps(network, inputs, progress, overflow, description)

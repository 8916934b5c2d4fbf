"""What each layer sends in each time step: run a network once, or draw a synthetic trace."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from seneca_sim.activity.synthetic import Densities, LayerDensities, load_densities, synthetic_trace
from seneca_sim.activity.trace import LayerTrace, Trace
from seneca_sim.activity.trace_file import load_trace, save_trace
from seneca_sim.errors import RequestError
from seneca_sim.events.inputs import NetworkInput
from seneca_sim.graph.network import Network

__all__ = [
    "Densities",
    "LayerDensities",
    "LayerTrace",
    "Trace",
    "load_activity",
    "load_densities",
    "load_trace",
    "randomise",
    "run_network",
    "save_trace",
    "synthetic_trace",
]


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

    >>> from seneca_sim.events.inputs import load_input
    >>> from seneca_sim.graph import load_network
    >>> network = load_network("digits-lif")
    >>> trace = run_network(network, load_input(network, "digits", steps=6))
    >>> [int(layer.neuron_events.sum()) for layer in trace.layers]
    [675, 3041, 1601, 261, 11]
    """
    from seneca_sim.activity.run import run_steps

    if isinstance(inputs, NetworkInput):
        return run_steps(network, inputs.layers, progress, overflow, description or inputs.description)
    return run_steps(network, inputs, progress, overflow, description)


def randomise(
    network: Network,
    inputs: NetworkInput | Sequence[LayerTrace],
    *,
    density: float | None = None,
    densities: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Network:
    """Return a network with drawn weights, its thresholds calibrated on an input; see `seneca_sim.activity.calibrate`.

    Parameters
    ----------
    density
        Share of the values of a layer that are sent per time step, 0.1 if not given.
    densities
        Densities of single layers, by name.

    >>> from seneca_sim.events.inputs import load_input
    >>> from seneca_sim.graph import load_network
    >>> network = load_network("firenet-ann", size="20x20")
    >>> randomise(network, load_input(network, "digits"), seed=1).weights
    'random'
    """
    from seneca_sim.activity.calibrate import DENSITY, calibrate

    return calibrate(
        network, inputs, density=DENSITY if density is None else density, densities=densities, seed=seed
    ).network


def load_activity(network: Network, path: str | Path, *, steps: int | None = None, seed: int = 0) -> Trace:
    """Return the activity that a file holds: a stored trace (`steps` must be its own), or one drawn from stated densities.

    Raises a `FileFormatError` for what is neither, an `ActivityError` for the activity of another network, and a `RequestError`
    for steps that a trace has not.

    >>> from seneca_sim.graph import load_network
    >>> from seneca_sim.shipped import shipped_folder
    >>> file = shipped_folder("models") / "activities" / "digits-lif.yaml"
    >>> load_activity(load_network("digits-lif"), file, steps=3).n_steps
    3
    """
    found = Path(path)
    if found.suffix.lower() == ".npz" or zipfile.is_zipfile(found):
        trace = load_trace(found, network)
        if steps is not None and steps != trace.n_steps:
            raise RequestError(f"steps must be {trace.n_steps}, those of the trace {found.name}, not {steps}")
        return trace
    return synthetic_trace(network, load_densities(found, network), steps=steps, seed=seed)

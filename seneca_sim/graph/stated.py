"""Rules for neurons that a user states over those of a file: spikes, and when states return to their start."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any, get_args

from seneca_sim.errors import RequestError
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.network import Network
from seneca_sim.graph.neurons import CubaLif, Delay, If, Lif, Neuron, Reset, is_cell, is_stateful
from seneca_sim.graph.nodes import ConvCell, Node
from seneca_sim.graph.numerics import event_type

__all__ = ["check_resets", "check_spiking", "with_resets", "with_stated_rules"]


def with_stated_rules(graph: Graph, *, dt_us: float | None = None, **spiking: Any) -> Graph:
    """Return a graph that states its own time step with other rules for spikes; None keeps a rule.

    Raises a `RequestError` for another time step, since constants hold for the stated one.
    """
    if dt_us is not None and dt_us != graph.dt_us:
        held = "no neuron of it depends on time" if graph.dt_us is None else f"its neurons hold for {graph.dt_us:g} us"
        raise RequestError(f"dt_us={dt_us:g}: {graph.name} states its own time step ({held}); leave dt_us out")
    return _with_spiking(graph, **spiking)


def check_spiking(graph: Graph, **stated: Any) -> None:
    """Refuse rules for spikes where no neuron spikes."""
    names = [name for name, value in stated.items() if value is not None]
    if names and not any(isinstance(node, If | Lif | CubaLif) for node in graph.nodes.values()):
        raise RequestError(f"{', '.join(names)}: no neuron of {graph.name} spikes; leave it out")


def with_resets(graph: Graph, reset_every: int | None) -> Graph:
    """Return a graph whose neurons with a state begin anew before step 0 and every `reset_every` steps later; None: as it says.

    What was sent before still arrives one step later over recurrent links, and what a `Delay` holds too.
    """
    if reset_every is None:
        return graph
    if reset_every < 1:
        raise RequestError(f"reset_every={reset_every}: expected at least 1")
    names = [name for name, node in graph.nodes.items() if _keeps_state(node)]
    if not names:
        raise RequestError(f"reset_every={reset_every}: no neuron of {graph.name} keeps a state; leave it out")
    check_resets(graph)
    note = f"as the user stated: all states return to their start every {reset_every} steps"
    return replace(
        graph,
        resets=MappingProxyType(dict.fromkeys(names, (reset_every, 0))),
        assumptions=(*graph.assumptions, note),
    )


def check_resets(network: Graph | Network) -> None:
    """Refuse states that return to their start where the neurons behind the input add up changes from step 0 on."""
    if network.input_contract.differences:
        raise RequestError(
            f"reset_every: {network.name} is fed changes, which its first neurons add up from step to step; leave it out, or feed "
            "whole counts"
        )


def _keeps_state(node: Node) -> bool:
    """Return whether a node has neurons with a state of their own."""
    if isinstance(node, ConvCell):
        return True
    return isinstance(node, Neuron) and not isinstance(node, Delay) and (is_cell(node) or is_stateful(node))


def _with_spiking(graph: Graph, **stated: Any) -> Graph:
    """Return the graph with other rules for its spiking neurons, event types that hold their spikes, and a note that says so."""
    check_spiking(graph, **stated)
    changed = {name: value for name, value in stated.items() if value is not None}
    if not changed:
        return graph
    if changed.get("reset", "value") not in get_args(Reset):
        raise RequestError(f"reset={changed['reset']!r}: expected 'value', 'subtract' or 'subtract_late'")
    nodes = {
        name: replace(node, **changed) if isinstance(node, If | Lif | CubaLif) else node
        for name, node in graph.nodes.items()
    }
    precision = dict(graph.precision)
    for name, types in precision.items():
        node = nodes.get(name)
        if "max_spikes" in changed and isinstance(node, If | Lif | CubaLif):
            precision[name] = replace(types, event=event_type(node, graph.input_contract, types.event))
    note = "as the user stated: " + ", ".join(f"{name} {value}" for name, value in changed.items())
    return replace(
        graph,
        nodes=MappingProxyType(nodes),
        precision=MappingProxyType(precision),
        assumptions=(*graph.assumptions, note),
    )

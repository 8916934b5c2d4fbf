"""What arrives at the ports of a node: which ports there are, and whether the maps that meet there fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seneca_sim.errors import GraphError
from seneca_sim.graph.neurons import ContextThreshold, Neuron, Product, sum_names, sum_ports
from seneca_sim.graph.nodes import ContextAware, Node, SqueezeExcite

__all__ = ["Arrival", "Form", "Shape", "check_ports", "check_sum", "form_of_sums", "leads", "refuse_vector"]

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Form:
    """The shape of a value, and of the map of neurons behind it.

    They differ after `Flatten` only: the chip has no flattening, the readers of the vector see the map.
    """

    shape: Shape
    map: Shape | None
    """None where flattened maps were joined: then there is no single map."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a link brings to a node."""

    source: str
    form: Form
    port: int


def _is_spread(node: Node, port: int) -> bool:
    """Return whether a port takes a map of one position, whose values count for all positions."""
    return port == 1 and isinstance(node, Product | ContextThreshold)


def leads(node: Node, port: int) -> bool:
    """Return whether the form of a node follows from what arrives at one of its ports."""
    return not (port > 0 and isinstance(node, SqueezeExcite | ContextAware)) and not _is_spread(node, port)


def check_ports(where: str, node: Node, known: Sequence[Arrival]) -> None:
    """Refuse links at ports that a node with ports does not have, and ports without a link."""
    if isinstance(node, SqueezeExcite):
        names: tuple[str, ...] = ("x", "a")
        needed = 1
    elif isinstance(node, ContextAware):
        names, needed = ("x", "w"), 2
    elif isinstance(node, Neuron) and len(sum_names(node)) > 1:
        sums = sum_names(node)
        names = tuple(", ".join(sums[first : first + count]) for first, count in sum_ports(node))
        needed = 2
    else:
        return
    kind = type(node).__name__
    for arrival in known:
        if not 0 <= arrival.port < len(names):
            raise GraphError(
                f"{where}: the link from {arrival.source!r} is at port {arrival.port}, a {kind} has ports 0 to {len(names) - 1} "
                f"({'; '.join(names)})"
            )
    for port in range(needed):
        if all(arrival.port != port for arrival in known):
            raise GraphError(f"{where}: nothing is linked to port {port} ({names[port]}) of this {kind}; add a link")


def refuse_vector(where: str, source: str, form: Form) -> None:
    """Refuse a flattened map where a map is needed."""
    if form.map != form.shape:
        raise GraphError(
            f"{where}: takes a map, {source!r} gives a flattened one ({form.shape[0]} values); move the Flatten behind it"
        )


def check_sum(where: str, first: Arrival, other: Arrival) -> None:
    """Refuse two values that cannot be added."""
    if other.form.shape != first.form.shape:
        raise GraphError(
            f"{where}: values of shape {first.form.shape} from {first.source!r} and {other.form.shape} from {other.source!r} "
            "cannot be added; make the shapes equal (a convolution with stride or more channels on one path), or join them with "
            "Concat"
        )
    if other.form != first.form:
        raise GraphError(
            f"{where}: {first.source!r} and {other.source!r} are flattened from different maps and cannot be added; add before "
            "Flatten"
        )


def form_of_sums(where: str, neuron: Neuron, known: Sequence[Arrival]) -> Form:
    """Return the map of neurons with several sums: each port brings its number of sums times their channels."""
    ports = sum_ports(neuron)
    first: tuple[Arrival, Shape] | None = None
    for arrival in known:
        refuse_vector(where, arrival.source, arrival.form)
        sums = ports[arrival.port][1] if 0 <= arrival.port < len(ports) else 1
        channels, *size = arrival.form.shape
        if channels % sums:
            raise GraphError(
                f"{where}: {arrival.source!r} gives {channels} channels at port {arrival.port}, which feeds {sums} sums; expected "
                f"a multiple of {sums}"
            )
        shape = (channels // sums, size[0], size[1])
        if first is None or (first[1][1:] == (1, 1) and _is_spread(neuron, first[0].port)):
            first = arrival, shape
            continue
        spread = _is_spread(neuron, arrival.port) and shape[1:] == (1, 1)
        if shape[0] != first[1][0] or (not spread and (_is_spread(neuron, arrival.port) or shape != first[1])):
            wanted = (sums * first[1][0], *((1, 1) if _is_spread(neuron, arrival.port) else first[1][1:]))
            raise GraphError(
                f"{where}: {arrival.source!r} gives {arrival.form.shape} at port {arrival.port}, expected {wanted} to fit "
                f"{first[0].source!r} at port {first[0].port}"
            )
    assert first is not None  # a node's form is asked for when something has arrived
    return Form(first[1], first[1])

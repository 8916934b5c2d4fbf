"""Which shape leaves each node, and whether shapes fit where links meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from seneca_sim.errors import GraphError
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.nodes import (
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    Input,
    MaxPool2d,
    Node,
    SumPool2d,
    pair,
)

__all__ = ["Form", "Shape", "infer_forms"]

Shape = tuple[int, int, int]

MAX_VALUES = 1 << 30
"""Largest number of values that may leave a node; positions and channels are counted in 32 bits."""


@dataclass(frozen=True, slots=True)
class Form:
    """The shape of a value, and of the map of neurons behind it.

    They differ after `Flatten` only: the chip has no flattening, the readers of the vector see the map.
    """

    shape: Shape
    map: Shape | None
    """None where flattened maps were joined: then there is no single map."""


def infer_forms(graph: Graph) -> dict[str, Form]:
    """Return the form of every node, or raise a `GraphError` that names the node whose links do not fit."""
    forms: dict[str, Form] = {}
    sources = {name: [link.source for link in graph.links_into(name)] for name in graph.nodes}
    # recurrence: a shape may follow from one source while another still waits for it, so go round until nothing is new
    while len(forms) < len(graph.nodes):
        before = len(forms)
        for name, node in graph.nodes.items():
            known = [(source, forms[source]) for source in sources[name] if source in forms]
            complete = len(known) == len(sources[name])
            if name not in forms and (isinstance(node, Dense) or (known and not isinstance(node, Concat)) or complete):
                forms[name] = _form(f"{graph.name}: {name}", node, known)
        if len(forms) == before:
            name = next(name for name in graph.nodes if name not in forms)
            raise GraphError(
                f"{graph.name}: {name}: no input reaches this node, its shape is unknown; link it to an Input"
            )
    for name, node in graph.nodes.items():
        form = _form(f"{graph.name}: {name}", node, [(source, forms[source]) for source in sources[name]])
        if prod(form.shape) > MAX_VALUES:
            raise GraphError(
                f"{graph.name}: {name}: a map of {' x '.join(map(str, form.shape))} values (channels, rows, columns) is "
                f"larger than {MAX_VALUES}; check sizes and padding"
            )
    return forms


def _form(where: str, node: Node, known: Sequence[tuple[str, Form]]) -> Form:
    """Return what leaves a node, given the forms of some or all of its sources."""
    if isinstance(node, Input):
        channels, *rest = node.shape
        shape = (channels, *((1,) * (2 - len(rest))), *rest)
        return Form(shape, shape)  # type: ignore[arg-type]
    if isinstance(node, Concat):
        return _concat(where, known)
    if isinstance(node, Dense) and not known:
        return _fixed(node.weight.shape[0])
    source, form = known[0]
    for other, second in known[1:]:
        if second.shape != form.shape:
            raise GraphError(
                f"{where}: values of shape {form.shape} from {source!r} and {second.shape} from {other!r} cannot be added; make "
                "the shapes equal (a convolution with stride or more channels on one path), or join them with Concat"
            )
        if second != form:
            raise GraphError(
                f"{where}: {source!r} and {other!r} are flattened from different maps and cannot be added; add before Flatten"
            )
    match node:
        case Dense():
            return _dense(where, node, source, form)
        case Conv2d():
            return _conv(where, node, source, form)
        case SumPool2d() | AvgPool2d() | MaxPool2d():
            return _pool(where, node, source, form)
        case Flatten():
            return Form((prod(form.shape), 1, 1), form.map)
        case _:
            return form


def _fixed(out: int) -> Form:
    return Form((out, 1, 1), (out, 1, 1))


def _dense(where: str, node: Dense, source: str, form: Form) -> Form:
    out, size = node.weight.shape
    if form.shape[1:] != (1, 1):
        raise GraphError(
            f"{where}: a dense layer takes a vector, {source!r} gives a map {form.shape}; put a Flatten between them"
        )
    if form.shape[0] != size:
        raise GraphError(
            f"{where}: the weight takes {size} values, {source!r} gives {form.shape[0]}; check shapes up to here"
        )
    return _fixed(out)


def _conv(where: str, node: Conv2d, source: str, form: Form) -> Form:
    _refuse_vector(where, source, form)
    out, per_group = node.weight.shape[:2]
    channels = form.shape[0]
    if per_group * node.groups != channels:
        raise GraphError(
            f"{where}: the weight takes {per_group * node.groups} channels ({node.groups} groups of {per_group}), "
            f"{source!r} gives {channels}; check channels and groups"
        )
    spans = [d * (k - 1) + 1 for d, k in zip(pair(node.dilation), node.weight.shape[2:], strict=True)]
    shape = (out, *_windows(where, source, form.shape, spans, pair(node.stride), pair(node.padding)))
    return Form(shape, shape)


def _pool(where: str, node: SumPool2d | AvgPool2d | MaxPool2d, source: str, form: Form) -> Form:
    _refuse_vector(where, source, form)
    kernel = pair(node.kernel)
    stride = kernel if node.stride is None else pair(node.stride)
    shape = (form.shape[0], *_windows(where, source, form.shape, kernel, stride, pair(node.padding)))
    return Form(shape, shape)


def _refuse_vector(where: str, source: str, form: Form) -> None:
    if form.map != form.shape:
        raise GraphError(
            f"{where}: takes a map, {source!r} gives a flattened one ({form.shape[0]} values); move the Flatten behind it"
        )


def _windows(
    where: str, source: str, shape: Shape, spans: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> tuple[int, int]:
    """Return how many windows fit in rows and columns."""
    sizes = [(side + 2 * p - span) // s + 1 for side, p, span, s in zip(shape[1:], padding, spans, stride, strict=True)]
    if min(sizes) < 1:
        raise GraphError(
            f"{where}: a kernel spanning {spans[0]} x {spans[1]} is larger than its input, {shape[1]} x {shape[2]} from {source!r} "
            f"with padding {padding[0]}, {padding[1]}; use a smaller kernel or more padding"
        )
    return sizes[0], sizes[1]


def _concat(where: str, known: Sequence[tuple[str, Form]]) -> Form:
    """Join maps of equal rows and columns in channels; flattened maps can be joined too, then no single map is left."""
    source, first = known[0]
    for other, form in known[1:]:
        if form.shape[1:] != first.shape[1:]:
            raise GraphError(
                f"{where}: {source!r} gives {first.shape} and {other!r} gives {form.shape}; joined maps need equal rows and "
                "columns"
            )
    shape = (sum(form.shape[0] for _, form in known), *first.shape[1:])
    if len(known) == 1:
        return first
    return Form(shape, shape if all(form.map == form.shape for _, form in known) else None)

"""Which shape leaves each node, and whether shapes fit where links meet."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from seneca_sim.errors import GraphError
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.neurons import Neuron, sum_names
from seneca_sim.graph.nodes import (
    AvgPool2d,
    Concat,
    ContextAware,
    Conv2d,
    ConvCell,
    ConvTranspose2d,
    Dense,
    DetectionOutput,
    Flatten,
    GlobalAvgPool2d,
    Input,
    MaxPool2d,
    Node,
    SqueezeExcite,
    SumPool2d,
    Upsample,
    pair,
)
from seneca_sim.graph.ports import Arrival, Form, Shape, check_ports, check_sum, form_of_sums, leads, refuse_vector

__all__ = ["Form", "Shape", "infer_forms"]

MAX_VALUES = 1 << 30
"""Largest number of values that may leave a node; positions and channels are counted in 32 bits."""


def infer_forms(graph: Graph) -> dict[str, Form]:
    """Return the form of every node, or raise a `GraphError` that names the node whose links do not fit."""
    forms: dict[str, Form] = {}
    sources = {name: [(link.source, link.port) for link in graph.links_into(name)] for name in graph.nodes}
    # recurrence: a shape may follow from one source while another still waits for it, so go round until nothing is new
    while len(forms) < len(graph.nodes):
        before = len(forms)
        for name, node in graph.nodes.items():
            known = [Arrival(source, forms[source], port) for source, port in sources[name] if source in forms]
            complete = len(known) == len(sources[name])
            if complete and name not in forms:
                check_ports(f"{graph.name}: {name}", node, known)
            if name not in forms and (complete or isinstance(node, Dense) or _suffices(node, known)):
                forms[name] = _form(f"{graph.name}: {name}", node, known)
        if len(forms) == before:
            name = next(name for name in graph.nodes if name not in forms)
            raise GraphError(
                f"{graph.name}: {name}: no input reaches this node, its shape is unknown; link it to an Input"
            )
    for name, node in graph.nodes.items():
        known = [Arrival(source, forms[source], port) for source, port in sources[name]]
        check_ports(f"{graph.name}: {name}", node, known)
        form = _form(f"{graph.name}: {name}", node, known)
        if prod(form.shape) > MAX_VALUES:
            raise GraphError(
                f"{graph.name}: {name}: a map of {' x '.join(map(str, form.shape))} values (channels, rows, columns) is "
                f"larger than {MAX_VALUES}; check sizes and padding"
            )
    return forms


def _suffices(node: Node, known: Sequence[Arrival]) -> bool:
    """Return whether a node's form follows from some of its links."""
    return not isinstance(node, Concat) and any(leads(node, arrival.port) for arrival in known)


def _form(where: str, node: Node, known: Sequence[Arrival]) -> Form:
    """Return what leaves a node, given what arrives over some or all of its links."""
    if isinstance(node, Input):
        channels, *rest = node.shape
        shape = (channels, *((1,) * (2 - len(rest))), *rest)
        return Form(shape, shape)  # type: ignore[arg-type]
    if isinstance(node, Concat):
        return _concat(where, known)
    if isinstance(node, Dense) and not known:
        return _fixed(node.weight.shape[0])
    if isinstance(node, Neuron) and len(sum_names(node)) > 1:
        return form_of_sums(where, node, known)
    if isinstance(node, SqueezeExcite | ContextAware):
        return _block(where, node, known)
    source, form = known[0].source, known[0].form
    for other in known[1:]:
        check_sum(where, known[0], other)
    match node:
        case Dense():
            return _dense(where, node, source, form)
        case Conv2d():
            return _conv(where, node, source, form)
        case ConvTranspose2d():
            return _transposed(where, node, source, form)
        case SumPool2d() | AvgPool2d() | MaxPool2d():
            return _pool(where, node, source, form)
        case GlobalAvgPool2d():
            refuse_vector(where, source, form)
            return _fixed(form.shape[0])
        case Upsample():
            return _upsample(where, node, source, form)
        case Flatten():
            return Form((prod(form.shape), 1, 1), form.map)
        case ConvCell():
            return _recurrent(where, node, source, form)
        case DetectionOutput():
            return _detection(where, node, source, form)
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
    refuse_vector(where, source, form)
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
    refuse_vector(where, source, form)
    kernel = pair(node.kernel)
    stride = kernel if node.stride is None else pair(node.stride)
    shape = (form.shape[0], *_windows(where, source, form.shape, kernel, stride, pair(node.padding)))
    return Form(shape, shape)


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


def _transposed(where: str, node: ConvTranspose2d, source: str, form: Form) -> Form:
    refuse_vector(where, source, form)
    channels, per_group = node.weight.shape[:2]
    if channels != form.shape[0]:
        raise GraphError(
            f"{where}: {source!r} gives {form.shape[0]} channels, the weight of shape {node.weight.shape} takes {channels}; check "
            "the order of axes (in, out / groups, rows, columns)"
        )
    sizes = [
        (side - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
        for side, stride, padding, dilation, kernel, extra in zip(
            form.shape[1:],
            pair(node.stride),
            pair(node.padding),
            pair(node.dilation),
            node.weight.shape[2:],
            pair(node.output_padding),
            strict=True,
        )
    ]
    if min(sizes) < 1:
        raise GraphError(f"{where}: padding {node.padding} leaves a map of {sizes[0]} x {sizes[1]}; use less padding")
    shape = (per_group * node.groups, sizes[0], sizes[1])
    return Form(shape, shape)


def _upsample(where: str, node: Upsample, source: str, form: Form) -> Form:
    """Return the enlarged map; a size may cut what the last row and column of the source give, but not all of it."""
    refuse_vector(where, source, form)
    factor = pair(node.factor)
    whole = (form.shape[1] * factor[0], form.shape[2] * factor[1])
    size = whole if node.size is None else node.size
    if any(not w - f < s <= w for s, w, f in zip(size, whole, factor, strict=True)):
        raise GraphError(
            f"{where}: size {size[0]} x {size[1]} does not fit the map {form.shape[1]} x {form.shape[2]} of {source!r} enlarged by "
            f"{factor[0]} x {factor[1]}; expected {whole[0] - factor[0] + 1} to {whole[0]} rows and "
            f"{whole[1] - factor[1] + 1} to {whole[1]} columns"
        )
    shape = (form.shape[0], size[0], size[1])
    return Form(shape, shape)


def _recurrent(where: str, node: ConvCell, source: str, form: Form) -> Form:
    """Return the map of a recurrent convolution's cells: that of its convolution of what comes in."""
    conv = _conv(where, Conv2d(node.weight_x, stride=node.stride, padding=node.padding), source, form)
    channels = node.weight_y.shape[1]
    return Form((channels, *conv.shape[1:]), (channels, *conv.shape[1:]))


def _block(where: str, node: SqueezeExcite | ContextAware, known: Sequence[Arrival]) -> Form:
    """Return the map at port 0, whose channels the block's arrays must fit."""
    main = next(arrival for arrival in known if arrival.port == 0)
    refuse_vector(where, main.source, main.form)
    channels = main.form.shape[0]
    takes = node.squeeze.shape[1] if isinstance(node, SqueezeExcite) else node.weight.shape[0]
    if takes != channels:
        raise GraphError(f"{where}: {main.source!r} gives {channels} channels, the block's arrays are for {takes}")
    for other in known:
        if isinstance(node, SqueezeExcite) or other.port == 0:
            check_sum(where, main, other)
        elif other.form.shape[0] != node.weight.shape[1]:
            raise GraphError(
                f"{where}: {other.source!r} gives {other.form.shape[0]} channels, the weight of shape {node.weight.shape} takes "
                f"{node.weight.shape[1]} from port 1"
            )
    return main.form


def _detection(where: str, node: DetectionOutput, source: str, form: Form) -> Form:
    """Return the form of what the host decodes; its channels must be those of all anchors."""
    refuse_vector(where, source, form)
    anchors, each = len(node.anchors), 4 + node.classes + (node.head == "yolo")
    if form.shape[0] != anchors * each:
        raise GraphError(
            f"{where}: {source!r} gives {form.shape[0]} channels, {anchors} anchors with {each} values each "
            f"({node.head}, {node.classes} classes) need {anchors * each}"
        )
    return form


def _concat(where: str, known: Sequence[Arrival]) -> Form:
    """Join maps of equal rows and columns in channels; flattened maps can be joined too, then no single map is left."""
    first = known[0].form
    for other in known[1:]:
        if other.form.shape[1:] != first.shape[1:]:
            raise GraphError(
                f"{where}: {known[0].source!r} gives {first.shape} and {other.source!r} gives {other.form.shape}; joined maps need "
                "equal rows and columns"
            )
    shape = (sum(arrival.form.shape[0] for arrival in known), *first.shape[1:])
    if len(known) == 1:
        return first
    return Form(shape, shape if all(arrival.form.map == arrival.form.shape for arrival in known) else None)

"""A PyTorch module as a graph: torch.fx traces it, every step of the trace becomes a node."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from seneca_sim.errors import GraphError
from seneca_sim.graph.graph import Graph, Link, node_order
from seneca_sim.graph.names import unused_name
from seneca_sim.graph.network import InputContract, Precision
from seneca_sim.graph.neurons import Activation, Relu
from seneca_sim.graph.nodes import Add, Concat, Flatten, GlobalAvgPool2d, Input, MaxPool2d, Node, Output, Upsample
from seneca_sim.torch.registry import converter_of, known_types

__all__ = ["Traced", "trace_module"]


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A traced module: its graph, and which step of the trace gives the value of each node."""

    graph: Graph
    steps: Any
    """The `torch.fx.GraphModule`."""
    step_of: dict[str, str]
    """Name of the fx step by the name of the node."""


@dataclass(slots=True)
class _Content:
    """What has been converted so far."""

    where: str
    nodes: dict[str, Node] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    node_of: dict[str, str] = field(default_factory=dict)
    """Name of the node by the name of the fx step."""
    step_of: dict[str, str] = field(default_factory=dict)

    def add(self, step: Any, name: str, chain: tuple[Node, ...], sources: list[str]) -> None:
        """Add the nodes of a step behind the nodes of other steps; the last gets the name."""
        for number, node in enumerate(chain):
            last = number == len(chain) - 1
            full = name if last else f"{name}.{number}"
            self.nodes[full] = node
            self.links += [Link(source, full, port) for port, source in enumerate(sources)]
            sources = [full]
        self.node_of[step.name] = sources[0] if not chain else name
        self.step_of[name] = step.name


def trace_module(module: Any, example: Any, name: str, dt_us: float | None, contract: InputContract) -> Traced:
    """Return a module as a graph; `example` is (steps, channels, rows, columns) or (steps, values).

    Raises a `GraphError` that names the module or operation that has no node, and how to make it known.
    """
    from torch import fx

    class _Tracer(fx.Tracer):  # type: ignore[misc,unused-ignore]
        def is_leaf_module(self, inner: Any, qualified_name: str) -> bool:
            return converter_of(inner) is not None or super().is_leaf_module(inner, qualified_name)

    if converter_of(module) is not None:
        from torch import nn

        module = nn.Sequential(module)
    try:
        traced = _Tracer().trace(module)
    except Exception as error:
        raise GraphError(
            f"{name}: torch.fx cannot trace the module ({error}); take control flow that depends on values out of forward, or "
            "register the part as one node (seneca_sim.torch.register)"
        ) from error
    steps = fx.GraphModule(module, traced)
    content = _Content(name)
    for step in traced.nodes:
        _convert(content, steps, step, tuple(example.shape[1:]))
    graph = Graph(
        name,
        MappingProxyType(content.nodes),
        tuple(content.links),
        Precision("fp32", "fp32", "fp32"),
        dt_us=dt_us,
        input_contract=contract,
    )
    node_order(graph)
    return Traced(graph, steps, content.step_of)


def _convert(content: _Content, steps: Any, step: Any, input_shape: tuple[int, ...]) -> None:
    """Add the nodes of one step of a trace."""
    sources = [content.node_of[other.name] for other in step.all_input_nodes]
    match step.op:
        case "placeholder":
            if any(isinstance(node, Input) for node in content.nodes.values()):
                raise GraphError(f"{content.where}: forward takes several inputs; export a module that takes one")
            content.add(step, step.name, (Input(input_shape),), [])
        case "output":
            for number, source in enumerate(sources):
                content.add(
                    step,
                    unused_name("output" if len(sources) == 1 else f"output{number}", content.nodes),
                    (Output(),),
                    [source],
                )
        case "call_module":
            module = steps.get_submodule(step.target)
            converter = converter_of(module)
            if converter is None:
                raise GraphError(
                    f"{content.where}: {step.target}: a {type(module).__name__} has no node; known are "
                    f"{', '.join(known_types())}; seneca_sim.torch.register({type(module).__name__}, function) adds one, where "
                    "function takes the module and returns a node of seneca_sim.graph"
                )
            made = _converted(content, step.target, converter, module)
            content.add(step, unused_name(step.target, content.nodes), made, sources)
        case _:
            content.add(step, unused_name(step.name, content.nodes), _operation(content, step), sources)


def _converted(content: _Content, target: str, converter: Callable[[Any], Any], module: Any) -> tuple[Node, ...]:
    """Return the nodes of a module, errors with its place."""
    try:
        made = converter(module)
    except GraphError as error:
        raise GraphError(f"{content.where}: {target}: {error}") from None
    return made if isinstance(made, tuple) else (made,)


def _operation(content: _Content, step: Any) -> tuple[Node, ...]:
    """Return the nodes of a function or method call on values of the network."""
    node = _of_values(step) or _of_maps(step)
    if node is not None:
        return (node,)
    called = step.target if isinstance(step.target, str) else getattr(step.target, "__name__", str(step.target))
    raise GraphError(
        f"{content.where}: {step.name}: the call of {called!r} with these arguments has no node; write it as a module and make "
        "that known with seneca_sim.torch.register"
    )


def _of_values(step: Any) -> Node | None:
    """Return the node of a call that treats every value alike."""
    import torch
    from torch.nn import functional

    match step.target:
        case operator.add | torch.add | "add" | operator.iadd | "add_":
            if len(step.all_input_nodes) == len(step.args) and step.kwargs.get("alpha", 1) == 1:
                return Add()
        case "contiguous" | functional.dropout:
            return Add()
        case functional.relu | torch.relu | "relu" | "relu_":
            return Relu()
        case torch.sigmoid | functional.sigmoid | "sigmoid":
            return Activation("sigmoid")
        case torch.tanh | functional.tanh | "tanh":
            return Activation("tanh")
        case functional.softsign:
            return Activation("softsign")
    return None


def _of_maps(step: Any) -> Node | None:
    """Return the node of a call that joins, reshapes, pools or resizes maps."""
    import torch
    from torch.nn import functional

    match step.target:
        case torch.cat | torch.concat:
            if _argument(step, "dim", 1, 0) in (1, -3):
                return Concat()
        case torch.flatten | "flatten":
            if _argument(step, "start_dim", 1, 0) == 1 and _argument(step, "end_dim", 2, -1) in (-1, 3):
                return Flatten()
        case "view" | "reshape" | torch.reshape:
            if step.args[-1] == -1 and len(step.args) == 3:
                return Flatten()
        case "mean" | torch.mean:
            if _argument(step, "dim", 1, None) in ((2, 3), [2, 3], (-2, -1), [-2, -1]):
                return GlobalAvgPool2d()
        case functional.max_pool2d:
            kernel, stride = _argument(step, "kernel_size", 1, None), _argument(step, "stride", 2, None)
            special = _argument(step, "ceil_mode", 5, False) or _argument(step, "return_indices", 6, False)
            if not special and _argument(step, "dilation", 4, 1) in (1, (1, 1), [1, 1]):
                return MaxPool2d(kernel, stride, _argument(step, "padding", 3, 0))
        case functional.interpolate:
            factor = _argument(step, "scale_factor", 2, None)
            if (
                _argument(step, "mode", 3, "nearest") == "nearest"
                and isinstance(factor, int | float)
                and factor % 1 == 0
            ):
                return Upsample(int(factor))
    return None


def _argument(step: Any, name: str, place: int, default: Any) -> Any:
    """Return an argument of a call, by keyword or by place."""
    return step.kwargs.get(name, step.args[place] if len(step.args) > place else default)

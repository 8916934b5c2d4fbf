"""Which node stands for which module: one converter for each type of module, found by the type's package and name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seneca_sim.errors import GraphError
from seneca_sim.graph.nodes import Node

__all__ = ["Converter", "converter_of", "known_types", "refuse", "register", "type_name"]

Converter = Callable[[Any], "Node | tuple[Node, ...]"]
"""From a module to its node, or to a chain of nodes."""

_CONVERTERS: dict[str, Converter] = {}
_FRAMEWORKS = {
    "torch": "seneca_sim.torch.plain",
    "snntorch": "seneca_sim.torch.spiking",
    "sinabs": "seneca_sim.torch.spiking",
    "spikingjelly": "seneca_sim.torch.spiking",
    "brevitas": "seneca_sim.torch.quantised",
}
"""Packages, and the module that registers converters for them."""


def type_name(kind: type) -> str:
    """Return package and name of a type; packages move their modules about.

    >>> from collections import abc
    >>> type_name(abc.Mapping)
    'collections.Mapping'
    """
    return f"{kind.__module__.split('.')[0]}.{kind.__qualname__}"


def register(kind: type | str, converter: Converter) -> None:
    """Make a type of module (or ``package.Name`` of one) known to `export`.

    `converter` takes the module and returns the node that computes the same, or a chain of nodes. The module is then not
    traced into.
    """
    _CONVERTERS[kind if isinstance(kind, str) else type_name(kind)] = converter


def converter_of(module: Any) -> Converter | None:
    """Return the converter of a module's type, or of the nearest type that it is derived from; None if there is none."""
    from importlib import import_module

    for kind in type(module).__mro__:
        framework = kind.__module__.split(".")[0]
        if framework in _FRAMEWORKS:
            import_module(_FRAMEWORKS[framework])
        if type_name(kind) in _CONVERTERS:
            return _CONVERTERS[type_name(kind)]
    return None


def known_types() -> list[str]:
    """Return the short names of the known types."""
    from importlib import import_module

    for module in dict.fromkeys(_FRAMEWORKS.values()):
        import_module(module)
    return sorted({name.rsplit(".", 1)[1] for name in _CONVERTERS})


def refuse(module: Any, reason: str) -> GraphError:
    """Return the error of a module whose settings have no node."""
    return GraphError(f"{type(module).__name__} {reason}")

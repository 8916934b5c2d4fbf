"""The published networks by name: what each is, how it is built, and which options it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from seneca_sim.errors import RequestError
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.published.ems_yolo import ems_yolo
from seneca_sim.graph.published.ev_flownet import ev_flownet
from seneca_sim.graph.published.firenet import firenet
from seneca_sim.graph.published.keyword_spotting import perceptron
from seneca_sim.graph.published.masked_sigma_delta import gen1, n_caltech, n_mnist, pilotnet
from seneca_sim.graph.published.red import red
from seneca_sim.graph.published.seed import seed
from seneca_sim.yaml_positions import did_you_mean

__all__ = ["PUBLISHED", "Published", "build_published", "definition_text"]


@dataclass(frozen=True, slots=True)
class Published:
    """A published network whose weights are not public."""

    summary: str
    build: Callable[..., Graph]
    fixed: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Options that make this network one of its family."""
    preset: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Values of its own for options that a user may set."""

    def options(self) -> dict[str, Any]:
        """Return the options that a user may set, with their types."""
        hints = get_type_hints(self.build)
        return {
            name: hints[name] for name in inspect.signature(self.build).parameters if name not in {*self.fixed, "name"}
        }

    def defaults(self) -> dict[str, Any]:
        """Return the value of each option that a user leaves out."""
        parameters = inspect.signature(self.build).parameters
        return {name: self.preset.get(name, parameters[name].default) for name in self.options()}


def _detector(summary: str, **fixed: Any) -> Published:
    return Published(summary, ems_yolo, MappingProxyType(fixed))


def _seeds() -> dict[str, Published]:
    """Return SEED with each dimension and cell, sparse and dense."""
    cells = {"gru": "ConvGRU", "mgu": "ConvMGU", "minimal": "ConvMinimalRNN", "lstm": "ConvLSTM"}
    found = {}
    for dimension in (256, 128):
        for cell, title in cells.items():
            for dense in (False, True):
                kind = "dense recurrence" if dense else "event-gated"
                summary = (
                    f"SEED: detection, 3 {title} levels of {dimension} channels, {kind}; calibrated reconstruction"
                )
                fixed = MappingProxyType({"dimension": dimension, "cell": cell, "dense": dense})
                found[f"seed-{dimension}-{cell}{'-dense' * dense}"] = Published(summary, seed, fixed)
    return found


_GEN1 = {"size": (320, 320), "classes": 2, "time_steps": 5}
_RES10, _RES18, _RES34 = (0, 0, 0, 0), (1, 1, 1, 1), (2, 3, 5, 2)

PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        "red": Published("RED: detection, 5 ConvLSTM levels, without squeeze-excite", red, {"squeeze_excite": False}),
        "red-se": Published("RED with squeeze-excite", red, {"squeeze_excite": True}),
        **_seeds(),
        "ems-res10": _detector("EMS-YOLO: spiking detection, 10 layers, COCO", repeats=_RES10, block="ems", scales=2),
        "ems-res18": _detector("EMS-YOLO, 18 layers, COCO", repeats=_RES18, block="ems", scales=2),
        "ems-res34": _detector("EMS-YOLO, 34 layers, COCO", repeats=_RES34, block="ems", scales=2),
        "ems-res18-gen1": Published(
            "EMS-YOLO, 18 layers, Gen1",
            ems_yolo,
            {"repeats": _RES18, "block": "ems", "scales": 2},
            _GEN1,
        ),
        "ems-res18-gen1-4scale": Published(
            "EMS-YOLO, 18 layers, Gen1, heads at 4 scales; calibrated reconstruction",
            ems_yolo,
            {"repeats": _RES18, "block": "ems", "scales": 4},
            _GEN1,
        ),
        "ms-res18": _detector("EMS-YOLO with MS blocks, 18 layers, COCO", repeats=_RES18, block="ms", scales=2),
        "sew-res18": _detector("EMS-YOLO with SEW blocks, 18 layers, COCO", repeats=_RES18, block="sew", scales=2),
        "pilotnet-msd": Published("masked sigma-delta PilotNet: steering from video", pilotnet),
        "nmnist-msd": Published("masked sigma-delta, N-MNIST digits; calibrated reconstruction", n_mnist),
        "ncaltech-msd": Published("masked sigma-delta, N-Caltech101 objects", n_caltech),
        "gen1-msd": Published("masked sigma-delta, Gen1 detection; calibrated reconstruction", gen1),
        "kws-mlp": Published("keyword spotting, perceptron 390-256-256-29", perceptron),
        "firenet-ann": Published("FireNet: optical flow, FATReLU", firenet, {"spiking": False}),
        "firenet-snn": Published("FireNet: optical flow, LIF", firenet, {"spiking": True}),
        "ev-flownet": Published(
            "EV-FlowNet: optical flow, context-aware thresholds; documented reconstruction", ev_flownet
        ),
    }
)
"""All published networks, in the order of their families."""


def build_published(name: str, options: Mapping[str, Any]) -> Graph:
    """Return the graph of a published network; raises `RequestError` for options or values that it does not have.

    >>> graph = build_published("pilotnet-msd", {"width": 2})
    >>> graph.name, graph.weights
    ('pilotnet-msd', 'absent')
    """
    published = PUBLISHED[name]
    known = published.options()
    for option, value in options.items():
        if option not in known:
            guess = did_you_mean(option, known) or f"; it has {_listed(published)}"
            raise RequestError(f"{name} has no option {option!r}{guess}")
        _check(name, option, value, known[option])
    return published.build(**{**published.preset, **published.fixed, **options}, name=name)


def definition_text(graph: Graph) -> str:
    """Return nodes and links of a graph as text, arrays by their types and shapes.

    >>> print(definition_text(build_published("kws-mlp", {})).splitlines()[1])
    layer1.weights Dense weight=float32(256, 390) bias=float32(256,) scale=None mask=None
    """
    lines = []
    for name, node in graph.nodes.items():
        values = [(entry.name, getattr(node, entry.name)) for entry in fields(node)]
        texts = [
            f"{key}={value.dtype}{value.shape}" if isinstance(value, np.ndarray) else f"{key}={value!r}"
            for key, value in values
        ]
        lines.append(" ".join([name, type(node).__name__, *texts]))
    lines += [f"{link.source} -> {link.target} {link.port} {link.delay}" for link in graph.links]
    return "\n".join(lines)


def _listed(published: Published) -> str:
    """Return the options of a network with their defaults."""
    return ", ".join(f"{option} ({_text(value)})" for option, value in published.defaults().items())


def _text(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _check(name: str, option: str, value: object, kind: Any) -> None:
    """Raise `RequestError` unless a value is of the type of its option."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise RequestError(f"{name}: {option} must be one of {', '.join(map(str, get_args(kind)))}, not {value!r}")
    elif kind is int or kind is float:
        allowed = (int, float) if kind is float else (int,)
        if not isinstance(value, allowed) or isinstance(value, bool):
            expected = "a number" if kind is float else "a whole number"
            raise RequestError(f"{name}: {option} must be {expected}, not {value!r}")

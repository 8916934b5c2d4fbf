"""Rules for densities: what is assumed of layers whose activity is not public, before anything is fitted.

A rule file is YAML::

    format: seneca_sim/activity-rule/1
    provenance: where the rule comes from
    steps: 2              # time steps of the activity files that it makes (default 2)
    clusters: 4           # as in activity files (default 4)
    independent: 0.5      # channels that are active independently of each other, as a share of all (default 0.5)
    groups:               # the first that holds a layer counts
      - layers: [level*, head1]   # names or patterns of layers
        shape: 2          # density = shape x the free number
        low: 0.01         # but at least this (default 0)
        high: 0.08        # and at most this (default 1)
        spread: 2         # a layer may be so many times denser or sparser than the shape says (default: anything in the bounds)
        reason: why
      - of: input         # or what a layer sends: input, sparse, gated, dense
        density: 0.1      # known or assumed; low and high say how far it may be off (default: not at all)
        reason: why

What layers send: `input` what the host sends; `gated` outputs of recurrent cells with a threshold; `dense` values of neurons that
are hardly ever zero (no rectifier, no threshold); `sparse` all other, zero where a rectifier or a threshold makes them so.

Pixel densities follow from neuron densities d of C channels: 1 - (1 - d)^(independent x C), at least one channel. With a half,
a map of 32 channels at d = 0.045 has 52 % active positions; two networks of optical flow at this density have 43.5 and 66.5 %
(Xu et al. 2025).
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from seneca_sim.activity.key_reader import KeyReader
from seneca_sim.errors import ActivityError
from seneca_sim.events.steps import MAX_STEPS
from seneca_sim.graph.network import Layer
from seneca_sim.graph.neurons import Activation, Clip, Delay, Identity, Li, Product, is_cell
from seneca_sim.yaml_positions import KeyPath, read_yaml, shown

__all__ = ["RULE_FORMAT", "Group", "Rule", "Sends", "load_rule", "what_layer_sends"]

RULE_FORMAT = "seneca_sim/activity-rule/1"
Sends = Literal["input", "sparse", "gated", "dense"]
_TOP_KEYS = ("format", "provenance", "steps", "clusters", "independent", "groups")
_GROUP_KEYS = ("layers", "of", "density", "shape", "low", "high", "spread", "reason")
_REASON = "gives the reason"


@dataclass(frozen=True, slots=True)
class Group:
    """Layers of which the same is assumed."""

    layers: tuple[str, ...]
    """Patterns of names; empty where `of` says what the layers send."""
    of: Sends | None
    density: float | None
    """Known or assumed density; None: `shape` x the free number."""
    shape: float
    low: float
    high: float
    spread: float
    """Factor by which a layer may be denser or sparser than `shape` x the free number; infinite where nothing is said."""
    reason: str

    def holds(self, layer: Layer) -> bool:
        """Return whether a layer belongs to the group."""
        if self.of is not None:
            return what_layer_sends(layer) == self.of
        return any(fnmatchcase(layer.name, pattern) for pattern in self.layers)

    def at(self, number: float, tilt: float = 1.0) -> float:
        """Return the density for a value of the free number."""
        return self.density if self.density is not None else min(max(number * self.shape * tilt, self.low), self.high)

    def admitted(self, density: float) -> tuple[float, float]:
        """Return the least and the largest density that a layer may have where the rule gives it a density.

        >>> Group((), "sparse", None, 1.0, 0.0, 0.15, 2.0, "rectified").admitted(0.1)
        (0.05, 0.15)
        """
        if self.density is not None:
            return self.low, self.high
        return max(self.low, density / self.spread), min(self.high, density * self.spread)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule file says."""

    label: str
    provenance: str
    steps: int
    clusters: float
    independent: float
    groups: tuple[Group, ...]

    def group_of(self, layer: Layer) -> Group:
        """Return the first group that holds a layer."""
        for group in self.groups:
            if group.holds(layer):
                return group
        raise ActivityError(
            f"{self.label}: no group holds the layer {layer.name}, which sends {what_layer_sends(layer)} values; add one with "
            "layers: ['*'] at the end"
        )

    def pixel_density(self, layer: Layer, density: float) -> float:
        """Return the share of active positions of a layer."""
        channels = max(1.0, self.independent * layer.out_shape[0])
        return float(min(max(-np.expm1(channels * np.log1p(-min(density, 1 - 1e-12))), density), 1.0))


def what_layer_sends(layer: Layer) -> Sends:
    """Return whether the host, thresholds of cells, or rectifiers make zeros of a layer's values; `dense` if nothing does.

    >>> from seneca_sim.graph.neurons import GruCell, Relu
    >>> [what_layer_sends(Layer("l", neuron, (1, 1, 1))) for neuron in (None, Relu(), GruCell(), GruCell(0.5), Identity())]
    ['input', 'sparse', 'dense', 'gated', 'dense']
    """
    neuron = layer.neuron
    match neuron:
        case None:
            return "input"
        case Identity() | Li() | Product() | Delay():
            return "dense"
        case Activation():
            return "sparse" if neuron.function == "relu" or np.any(np.asarray(neuron.threshold) > 0) else "dense"
        case Clip():
            return "sparse" if np.all(np.asarray(neuron.low) == 0) else "dense"
        case _ if is_cell(neuron):
            return "dense" if getattr(neuron, "threshold", None) is None else "gated"
    return "sparse"


def load_rule(path: str | Path) -> Rule:
    """Read a rule file.

    Raises
    ------
    FileFormatError
        If the file cannot be read or is not YAML.
    ActivityError
        With all findings, each at its ``file:line:column``.
    """
    reader = _Reader(read_yaml(Path(path)))
    rule = reader.rule()
    if reader.findings:
        raise ActivityError("\n".join(reader.findings))
    return rule


class _Reader(KeyReader):
    """Turns the values of a rule file into a rule."""

    def rule(self) -> Rule:
        """Return what the file says."""
        data = self.mapping(self.file.data, (), _TOP_KEYS)
        if data.get("format") != RULE_FORMAT:
            self.refuse(("format",), f"expected {RULE_FORMAT}, got {shown(data.get('format'))}")
        steps = self.integer(data, ("steps",), 2, 1, MAX_STEPS)
        groups = data.get("groups")
        if not isinstance(groups, list) or not groups:
            self.refuse(("groups",), f"expected a list of groups, got {shown(groups)}")
            groups = []
        return Rule(
            Path(self.file.label).name,
            self.text(data, ("provenance",), None, _REASON),
            steps,
            self.number(data, ("clusters",), 4.0, 0.0, 1000.0),
            self.number(data, ("independent",), 0.5, 0.0, 1.0),
            tuple(self.group(entry, ("groups", index)) for index, entry in enumerate(groups)),
        )

    def group(self, value: object, path: KeyPath) -> Group:
        """Return one group."""
        data = self.mapping(value, path, _GROUP_KEYS)
        names = data.get("layers", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self.refuse((*path, "layers"), f"expected a list of names or patterns, got {shown(names)}")
            names = []
        of = data.get("of")
        if of is not None and of not in get_args(Sends):
            self.refuse((*path, "of"), f"expected one of {', '.join(get_args(Sends))}, got {shown(of)}")
        if (of is None) == ("layers" not in data):
            self.refuse(path, "state either layers or of")
        if ("density" in data) == ("shape" in data):
            self.refuse(path, "state either density or shape")
        density = self.number(data, (*path, "density"), 0.0, 0.0, 1.0) if "density" in data else None
        low = self.number(data, (*path, "low"), density or 0.0, 0.0, 1.0)
        high = self.number(data, (*path, "high"), 1.0 if density is None else density, 0.0, 1.0)
        if not low <= (low if density is None else density) <= high:
            self.refuse(path, f"low {low:g}, density and high {high:g} must ascend")
        shape = self.number(data, (*path, "shape"), 1.0, 0.0, 1e6)
        spread = self.number(data, (*path, "spread"), 1e6, 1.0, 1e6) if "spread" in data else inf
        reason = self.text(data, (*path, "reason"), None, _REASON)
        return Group(tuple(names), of, density, shape, low, high, spread, reason)  # type: ignore[arg-type]

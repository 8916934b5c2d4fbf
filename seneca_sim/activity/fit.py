"""Fit densities to a published total: one free number, solved so that a network's expected synaptic operations meet it.

Operations are linear in densities: a layer of density d causes d times the operations that it causes when every neuron sends,
at the edges of the maps as in a run. They are those of a step in the steady state, in which recurrent edges see the step before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from seneca_sim.activity.connection import Connection
from seneca_sim.activity.rule import Group, Rule, load_rule
from seneca_sim.activity.step_events import StepEvents
from seneca_sim.activity.synthetic import FORMAT, Densities, LayerDensities
from seneca_sim.errors import ActivityError, RequestError
from seneca_sim.graph import load_network
from seneca_sim.graph.network import Layer, Network
from seneca_sim.shipped import shipped_folder
from seneca_sim.whole_file import write_whole
from seneca_sim.yaml_positions import did_you_mean

__all__ = [
    "Fit",
    "FittedLayer",
    "activity_text",
    "dense_sops",
    "fit_densities",
    "fit_report",
    "operations",
    "ruled_densities",
    "write_activity",
]

_HIGHEST = 1e9
"""Largest value of the free number that is tried."""
_PRECISION = 1e-12
"""Relative gap at which bisection ends."""


@dataclass(frozen=True, slots=True)
class FittedLayer:
    """What was found for one layer."""

    name: str
    neuron_density: float
    pixel_density: float
    lowest: float
    highest: float
    """Densities that the total and the bounds of all groups admit for this layer, whatever the others do."""
    sops: float
    """Operations that its events cause, in a step."""
    dense_sops: int
    """The same if every neuron sent."""
    dense_inputs: tuple[str, ...]
    """Layers in front of it of which every value is sent."""
    reason: str


@dataclass(frozen=True, slots=True)
class Fit:
    """Densities of a network that meet a total."""

    network: str
    rule: Rule
    target: float
    sops: float
    """What the densities give [operations per step]."""
    number: float
    """The free number."""
    lowest: float
    highest: float
    """The free number where everything assumed beside it (densities, bounds) is as high, and as low, as the rule allows; 0 and
    infinite where that alone is more than the total, or too little for any number."""
    tilt: float
    layers: tuple[FittedLayer, ...]


def dense_sops(network: Network) -> tuple[int, ...]:
    """Return for each layer the operations that its events cause in a step in which all its neurons send.

    >>> from seneca_sim.graph import load_network
    >>> dense_sops(load_network("kws-mlp"))
    (99840, 65536, 7424, 0)
    """
    totals = [0] * len(network.layers)
    for layer in network.layers:
        for edge in layer.edges:
            source = network.layers[edge.source]
            connection = Connection(edge, source, layer, 0)
            totals[edge.source] += connection.sops(connection.arriving(_everything(source)))
    return tuple(totals)


def _everything(layer: Layer) -> StepEvents:
    """Return a step in which every neuron of a layer sends."""
    channels, rows, columns = layer.out_shape
    position = np.arange(rows * columns, dtype=np.int32)
    first = np.arange(rows * columns + 1, dtype=np.int64) * channels
    return StepEvents(position, first, np.tile(np.arange(channels, dtype=np.int32), rows * columns), None)


def fit_densities(network: Network, rule: Rule, target: float, *, tilt: float = 1.0) -> Fit:
    """Return the densities of a rule whose expected operations in a step meet a target.

    `tilt` multiplies the shapes by 1 at the first layer and by `tilt` at the last, evenly in between on a logarithmic scale:
    how much hangs on the shape that a rule assumes.

    Raises
    ------
    ActivityError
        If no value of the free number meets the target: what the rule can reach, and a way out.
    """
    if not 0 < target < inf or not 0 < tilt < inf:
        raise RequestError(f"the total and the tilt must be finite and above zero, not {target:g} and {tilt:g}")
    weights = dense_sops(network)
    groups = [rule.group_of(layer) for layer in network.layers]
    tilts = [float(value) for value in np.geomspace(1.0, tilt, len(groups))]
    number = _solved(groups, tilts, weights, target)
    if number is None:
        low, high = (sum(_at(groups, tilts, value)[k] * w for k, w in enumerate(weights)) for value in (0.0, _HIGHEST))
        raise ActivityError(
            f"{rule.label}: densities of {network.name} reach {low:,.0f} to {high:,.0f} operations per step, not {target:,.0f}; "
            "change the densities or bounds of its groups"
        )
    densities = _at(groups, tilts, number)
    sops = [density * weight for density, weight in zip(densities, weights, strict=True)]
    dense = {layer.name for layer, density in zip(network.layers, densities, strict=True) if density == 1.0}
    bounds = _admitted(groups, densities, weights, target)
    layers = tuple(
        FittedLayer(
            layer.name,
            densities[k],
            rule.pixel_density(layer, densities[k]),
            *bounds[k],
            sops[k],
            weights[k],
            tuple(name for name in _sources(network, layer) if name in dense),
            groups[k].reason,
        )
        for k, layer in enumerate(network.layers)
    )
    lowest = _solved([_at_most(group) for group in groups], tilts, weights, target)
    highest = _solved([_at_least(group) for group in groups], tilts, weights, target)
    ends = (0.0 if lowest is None else lowest, inf if highest is None else highest)
    return Fit(network.name, rule, target, sum(sops), number, *ends, tilt, layers)


def ruled_densities(network: Network, rule: Rule, densities: Sequence[float]) -> Densities:
    """Return stated densities of all layers with pixel densities and reasons of a rule, ready to draw activity from."""
    layers = []
    for layer, density in zip(network.layers, densities, strict=True):
        pixels = rule.pixel_density(layer, density)
        layers.append(LayerDensities((density, density), (pixels, pixels), rule.group_of(layer).reason))
    return Densities(rule.label, rule.provenance, rule.steps, rule.clusters, tuple(layers))


def _at(groups: list[Group], tilts: list[float], number: float) -> list[float]:
    """Return the densities for a value of the free number."""
    return [group.at(number, tilt) for group, tilt in zip(groups, tilts, strict=True)]


def _solved(groups: list[Group], tilts: list[float], weights: tuple[int, ...], target: float) -> float | None:
    """Return the free number at which a total is met, by bisection; None if none meets it."""

    def total(number: float) -> float:
        return sum(density * weight for density, weight in zip(_at(groups, tilts, number), weights, strict=True))

    low, high = 0.0, 1.0
    while total(high) < target and high < _HIGHEST:
        high *= 2
    if not total(low) <= target <= total(high):
        return None
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        low, high = (middle, high) if total(middle) < target else (low, middle)
    return high


def _at_most(group: Group) -> Group:
    """Return a group with its assumed density, or its own bound, as high as it may be."""
    bounded = group.density is not None or group.high < 1.0
    return replace(group, density=group.high) if bounded else group


def _at_least(group: Group) -> Group:
    """Return the same as low as it may be."""
    bounded = group.density is not None or group.high < 1.0
    return replace(group, density=group.low) if bounded else group


def _admitted(
    groups: list[Group], densities: list[float], weights: tuple[int, ...], target: float
) -> list[tuple[float, float]]:
    """Return for each layer the densities at which the others can still meet the total within their bounds."""
    bounds = [group.admitted(density) for group, density in zip(groups, densities, strict=True)]
    least = sum(low * weight for (low, _), weight in zip(bounds, weights, strict=True))
    most = sum(high * weight for (_, high), weight in zip(bounds, weights, strict=True))
    found = []
    for (low, high), weight in zip(bounds, weights, strict=True):
        if weight:
            lowest = (target - (most - high * weight)) / weight
            highest = (target - (least - low * weight)) / weight
            low, high = max(low, lowest), min(high, highest)
        found.append((low, high))
    return found


def _sources(network: Network, layer: Layer) -> list[str]:
    """Return the layers in front of a layer's weights."""
    return list(dict.fromkeys(network.layers[edge.source].name for edge in layer.edges if edge.weight is not None))


def activity_text(fit: Fit) -> str:
    """Return an activity file with the densities of a fit, what they follow from, and how far they may be off."""
    width = max(len(layer.name) for layer in fit.layers)
    highest = ".inf" if fit.highest == inf else f"{fit.highest:.6g}"
    lines = [
        f"# Made by seneca-sim fit with {fit.rule.label}; densities are assumptions, only their sum of operations is published.",
        f"format: {FORMAT}",
        f"network: {fit.network}",
        f"provenance: {_quoted(fit.rule.provenance)}",
        f"steps: {fit.rule.steps}",
        f"clusters: {fit.rule.clusters:g}",
        "fit:",
        f"  rule: {_quoted(fit.rule.label)}",
        f"  published_sops: {fit.target:.0f}  # per step",
        f"  sops: {fit.sops:.0f}  # what the densities give, recurrent edges included",
        f"  number: {fit.number:.6g}  # the free one, solved",
        f"  admitted: [{fit.lowest:.6g}, {highest}]  # where all that is assumed beside it is highest, lowest",
        "layers:",
    ]
    for layer in fit.layers:
        share = layer.sops / fit.sops
        inputs = f", dense_inputs: [{', '.join(map(_quoted, layer.dense_inputs))}]" if layer.dense_inputs else ""
        neuron, pixel = _rounded(layer)
        lines.append(
            f"  {layer.name + ':':{width + 1}} {{neuron_density: {neuron}, pixel_density: {pixel}, "
            f"admitted: [{layer.lowest:.4g}, {layer.highest:.4g}]{inputs}, provenance: {_quoted(layer.reason)}}}"
            f"  # {share:.1%} of the operations"
        )
    return "\n".join(lines) + "\n"


def _rounded(layer: FittedLayer) -> tuple[str, str]:
    """Return both densities with six digits, the pixel density not below the other."""
    neuron = f"{layer.neuron_density:.6g}"
    return neuron, f"{max(round(layer.pixel_density, 6), float(neuron)):.6g}"


def _quoted(text: str) -> str:
    """Return a text as a scalar of YAML."""
    return "'" + text.replace("'", "''") + "'"


def write_activity(fit: Fit, path: Path) -> None:
    """Write the activity file of a fit."""
    write_whole(path, activity_text(fit).encode())


def operations(text: str) -> float:
    """Return a number of operations such as ``2.75G``, ``830M`` or ``1e9``.

    >>> operations("2.75G"), operations("830 M"), operations("1e9")
    (2750000000.0, 830000000.0, 1000000000.0)
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([kMGT]?)\s*", text, re.ASCII)
    if match is None:
        raise RequestError(f"operations: expected a number such as 2.75G or 830M, not {text!r}")
    return float(match[1]) * {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[match[2]]


def fit_report(
    network: str, sops: str, rule: str = "zeros", output: Path | None = None, *, tilt: float = 1.0, **options: Any
) -> list[str]:
    """Fit densities of a network to a total, write them if there is an output, and return what was found in lines of text.

    `rule` is a file, or a rule that ships; `options` are those of `load_network`.
    """
    path = Path(rule)
    if not path.exists():
        shipped = {each.stem: each for each in (shipped_folder("models") / "activities" / "rules").glob("*.yaml")}
        if rule not in shipped:
            guess = did_you_mean(rule, shipped) or f"; the rules that ship are {', '.join(sorted(shipped))}"
            raise RequestError(f"{rule!r} is neither a rule file nor a shipped rule{guess}")
        path = shipped[rule]
    if output is not None and output.is_dir():
        raise RequestError(f"{output} is a folder; name the activity file to write")
    fit = fit_densities(load_network(network, **options), load_rule(path), operations(sops), tilt=tilt)
    if output is None:
        return activity_text(fit).splitlines()
    write_activity(fit, output)
    return [
        f"{output}: {fit.network} with {fit.sops / 1e9:.4g} G operations per step by {fit.rule.label}; free number "
        f"{fit.number:.4g}, admitted {fit.lowest:.4g} {f'to {fit.highest:.4g}' if fit.highest < inf else 'and more'}",
    ]

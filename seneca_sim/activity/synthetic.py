"""Synthetic activity: events drawn from stated densities, for networks whose weights are not public.

An activity file is YAML::

    format: seneca_sim/activity/1
    network: red                      # the network that it is for
    provenance: Figure 3 of the paper # where the densities come from
    steps: 4                          # time steps, unless the run asks for another number
    clusters: 4                       # about how many clusters fit side by side in a map (default 4)
    fit: {...}                        # what `seneca-sim fit` found, if it made the file; for readers
    layers:                           # every layer of the network, input layers included
      input: {neuron_density: 0.05, pixel_density: 0.2}
      conv1:
        neuron_density: 0.1           # share of the neurons that send an event (after fused pooling)
        pixel_density: 0.6            # share of the positions with at least one event
        provenance: read by eye from a plot  # if it differs
        dense_inputs: [input]         # layers in front of it that send every value; checked
        admitted: [0.05, 0.4]         # densities that are possible as well; for readers
        first_step: {neuron_density: 0.5, pixel_density: 1}  # step 0, if it differs (sigma-delta)

Every step of a layer has exactly round(density * size) events and active positions. Active positions lie where a smooth
random field is largest: one field per seed that drifts from step to step, seen by all layers at their own resolution, so
that activity is clustered and at the same place in all of them. Channels are drawn evenly. Values are ones: they carry
no meaning, and so there are no class scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.key_reader import KeyReader
from seneca_sim.activity.step_events import GrowingTrace, StepEvents
from seneca_sim.activity.trace import Trace
from seneca_sim.errors import ActivityError, RequestError
from seneca_sim.events.steps import MAX_STEPS
from seneca_sim.graph.network import Layer, Network
from seneca_sim.graph.neurons import SigmaDelta
from seneca_sim.yaml_positions import KeyPath, YamlFile, did_you_mean, read_yaml, shown

__all__ = ["FORMAT", "Densities", "LayerDensities", "load_densities", "synthetic_trace"]

FORMAT = "seneca_sim/activity/1"
_TOP_KEYS = ("format", "network", "provenance", "steps", "clusters", "fit", "layers")
_DENSITIES = ("neuron_density", "pixel_density")
_LAYER_KEYS = (*_DENSITIES, "provenance", "first_step", "dense_inputs", "admitted")
_ORIGIN = "says where the densities come from"
_WAVES = 16
_RAGGED = 0.15
"""Noise of each layer's own on the common field, in units of its standard deviation: edges of clusters are not smooth."""


@dataclass(frozen=True, slots=True)
class LayerDensities:
    """Shares of a layer's neurons and positions that send, in step 0 and later."""

    neuron_density: tuple[float, float]
    pixel_density: tuple[float, float]
    provenance: str


@dataclass(frozen=True, slots=True)
class Densities:
    """What an activity file says."""

    label: str
    provenance: str
    steps: int
    clusters: float
    layers: tuple[LayerDensities, ...]
    """In the order of the network's layers."""


def load_densities(path: str | Path, network: Network) -> Densities:
    """Read an activity file for a network.

    Raises
    ------
    FileFormatError
        If the file cannot be read or is not YAML.
    ActivityError
        With all findings, each at its ``file:line:column``.

    >>> from seneca_sim.graph import load_network
    >>> from seneca_sim.shipped import shipped_folder
    >>> file = shipped_folder("models") / "activities" / "digits-lif.yaml"
    >>> load_densities(file, load_network("digits-lif")).layers[0].neuron_density
    (0.0068, 0.0775)
    """
    reader = _Reader(read_yaml(Path(path)), network)
    densities = reader.densities()
    if reader.findings:
        raise ActivityError("\n".join(reader.findings))
    return densities


def synthetic_trace(network: Network, densities: Densities, *, steps: int | None = None, seed: int = 0) -> Trace:
    """Draw a trace with the stated densities; the same seed gives the same trace. Raises a `RequestError` for no steps.

    >>> from seneca_sim.graph import load_network
    >>> from seneca_sim.shipped import shipped_folder
    >>> network = load_network("digits-lif")
    >>> densities = load_densities(shipped_folder("models") / "activities" / "digits-lif.yaml", network)
    >>> trace = synthetic_trace(network, densities, steps=2, seed=1)
    >>> trace.source, trace.n_steps
    ('synthetic', 2)
    """
    from seneca_sim.activity.synaptic import trace_sops

    n_steps = densities.steps if steps is None else steps
    if n_steps < 1:
        raise RequestError(f"steps must be at least 1, not {n_steps}")
    layers = []
    for index, (layer, stated) in enumerate(zip(network.layers, densities.layers, strict=True)):
        record = GrowingTrace(_value_type(layer))
        for step in range(n_steps):
            rng = np.random.default_rng((seed, index + 1, step))
            field = _field(layer, densities.clusters, seed, step)
            events = _drawn(layer, stated, step, field, rng)
            record.append(events, _neuron_events(layer, stated, step, events.n_events), 0)
        layers.append(record.trace())
    sources = dict.fromkeys((densities.provenance, *(stated.provenance for stated in densities.layers)))
    description = f"{densities.label}: densities from {'; '.join(sources)}; {n_steps} steps drawn with seed {seed}"
    return Trace(tuple(layers), "synthetic", trace_sops(network, layers), None, description)


def _value_type(layer: Layer) -> type[np.float32] | type[np.int32] | None:
    """Return the type of a layer's event values; None for spikes."""
    event = layer.precision.event
    return None if event == "binary" else np.int32 if event.startswith("int") else np.float32


def _neuron_events(layer: Layer, stated: LayerDensities, step: int, n_events: int) -> int:
    """Return the neurons that send before fused pooling, taken as equally dense; sigma-delta neurons send behind it."""
    share = stated.neuron_density[min(step, 1)]
    same = layer.pool is None or isinstance(layer.neuron, SigmaDelta)
    return n_events if same else round(share * int(np.prod(layer.shape)))


def _field(layer: Layer, clusters: float, seed: int, step: int) -> NDArray[np.float64]:
    """Return a smooth random field over the positions of a layer: waves that every layer sees alike."""
    _, rows, columns = layer.out_shape
    rng = np.random.default_rng((seed, 0))
    frequency = rng.normal(0.0, clusters / 2, (_WAVES, 2))
    phase, speed = rng.uniform(0.0, 2 * np.pi, _WAVES), rng.normal(0.0, 0.3, _WAVES)
    y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    down = 2 * np.pi * frequency[:, :1] * y + (phase + speed * step)[:, None]
    across = 2 * np.pi * frequency[:, 1:] * x
    field = np.cos(down).T @ np.cos(across) - np.sin(down).T @ np.sin(across)  # the sum of cos(down + across)
    flat: NDArray[np.float64] = field.reshape(-1) / np.sqrt(_WAVES / 2)
    return flat


def _drawn(
    layer: Layer, stated: LayerDensities, step: int, field: NDArray[np.float64], rng: np.random.Generator
) -> StepEvents:
    """Draw the events of one step: the positions where the field is largest, channels evenly."""
    channels, rows, columns = layer.out_shape
    positions = rows * columns
    n_events = round(stated.neuron_density[min(step, 1)] * positions * channels)
    n_active = round(stated.pixel_density[min(step, 1)] * positions)
    n_active = min(max(n_active, -(-n_events // channels)), n_events)
    ragged = field + rng.normal(0.0, _RAGGED, positions)
    active = np.sort(np.argpartition(-ragged, max(n_active - 1, 0))[:n_active])
    first = rng.integers(0, channels, n_active)
    others = rng.choice(n_active * (channels - 1), n_events - n_active, replace=False, shuffle=False)
    place, other = np.divmod(others, max(channels - 1, 1))
    cells = np.concatenate([np.arange(n_active) * channels + first, place * channels + other + (other >= first[place])])
    cells.sort()
    value_type = _value_type(layer)
    value: NDArray[Any] | None = None if value_type is None else np.ones(n_events, value_type)
    return StepEvents(
        active.astype(np.int32),
        np.searchsorted(cells, np.arange(n_active + 1) * channels).astype(np.int64),
        (cells % channels).astype(np.int32),
        value,
    )


class _Reader(KeyReader):
    """Turns the values of an activity file into densities."""

    def __init__(self, file: YamlFile, network: Network) -> None:
        super().__init__(file)
        self.network = network

    def densities(self) -> Densities:
        """Return what the file says."""
        data = self.mapping(self.file.data, (), _TOP_KEYS)
        if data.get("format") != FORMAT:
            self.refuse(("format",), f"expected {FORMAT}, got {shown(data.get('format'))}")
        if data.get("network") != self.network.name:
            self.refuse(
                ("network",), f"expected {self.network.name}, the network of this run, got {shown(data.get('network'))}"
            )
        steps = self.integer(data, ("steps",), 1, 1, MAX_STEPS)
        clusters = self.number(data, ("clusters",), 4.0, 0.0, 1000.0)
        provenance = self.text(data, ("provenance",), None, _ORIGIN)
        names = [layer.name for layer in self.network.layers]
        layers = self.mapping(data.get("layers"), ("layers",), names, "layer")
        stated = tuple(self.layer(layer, layers, provenance) for layer in self.network.layers)
        self.check_dense_inputs(layers, stated)
        return Densities(Path(self.file.label).name, provenance, steps, clusters, stated)

    def layer(self, layer: Layer, layers: dict[str, object], provenance: str) -> LayerDensities:
        """Return the densities of one layer."""
        path: KeyPath = ("layers", layer.name)
        if layer.name not in layers:
            self.refuse(path, "this layer of the network is missing; state its neuron_density and pixel_density")
            return LayerDensities((0.0, 0.0), (0.0, 0.0), "")
        group = self.mapping(layers[layer.name], path, _LAYER_KEYS)
        neuron, pixel = self.pair(layer, group, path)
        first = neuron, pixel
        if "first_step" in group:
            inner: KeyPath = (*path, "first_step")
            first = self.pair(layer, self.mapping(group["first_step"], inner, _DENSITIES), inner)
        source = self.text(group, (*path, "provenance"), provenance or "the file", _ORIGIN)
        return LayerDensities((first[0], neuron), (first[1], pixel), source)

    def check_dense_inputs(self, layers: dict[str, object], stated: tuple[LayerDensities, ...]) -> None:
        """Refuse dense inputs that are no layers in front, or do not send every value."""
        index = {layer.name: number for number, layer in enumerate(self.network.layers)}
        for layer in self.network.layers:
            group = layers.get(layer.name)
            names = group.get("dense_inputs", []) if isinstance(group, dict) else []
            path: KeyPath = ("layers", layer.name, "dense_inputs")
            if not isinstance(names, list):
                self.refuse(path, f"expected a list of layers, got {shown(names)}")
                continue
            sources = [self.network.layers[edge.source].name for edge in layer.edges]
            for name in names:
                if name not in sources:
                    self.refuse(
                        path, f"{shown(name)} is no layer in front of {layer.name}{did_you_mean(str(name), sources)}"
                    )
                elif (density := stated[index[name]].neuron_density[1]) != 1.0:
                    self.refuse(path, f"{name} sends {density:g} of its values, not all")

    def pair(self, layer: Layer, group: dict[str, object], path: KeyPath) -> tuple[float, float]:
        """Return neuron and pixel density; they must be possible together."""
        before = len(self.findings)
        neuron, pixel = (self.number(group, (*path, name), None, 0.0, 1.0) for name in _DENSITIES)
        channels = layer.out_shape[0]
        if len(self.findings) > before:
            return 0.0, 0.0
        if neuron > pixel:
            self.refuse(
                (*path, "neuron_density"),
                f"{neuron:g} is larger than the pixel density, {pixel:g}; at an active position at most all neurons send",
            )
        elif pixel > neuron * channels:
            self.refuse(
                (*path, "pixel_density"),
                f"{pixel:g} is larger than neuron_density x channels = {neuron * channels:g}; at an active position at least one "
                "neuron sends",
            )
        return neuron, pixel

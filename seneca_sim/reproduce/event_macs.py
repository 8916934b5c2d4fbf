"""Multiply-accumulates of one network on events: sigma-delta, rectified without memory, and submanifold sparse.

Weights are drawn (He et al. 2015) and scaled so that what a layer sends has a root mean square of one where it is not zero: the
step s of a sigma-delta network is then in units of its activations. Masks are unstructured and keep the largest weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity import run_network
from seneca_sim.activity.drawn_weights import draw_weights, scale_weights
from seneca_sim.errors import RequestError
from seneca_sim.events.inputs import opened
from seneca_sim.events.recording import FrameRecording
from seneca_sim.events.sparse import LayerTrace, sparse_steps
from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.graph.neurons import Identity, Relu, SigmaDelta
from seneca_sim.graph.numerics import override_numerics

__all__ = ["as_trace", "drawn", "event_cells", "rectified", "sops", "stepped", "submanifold_macs", "window_changes"]

Maps = NDArray[np.float32]
"""(T, channels, rows, columns)."""


def event_cells(recording: str | Path, events: int, size: tuple[int, int]) -> NDArray[np.intp]:
    """Return the first events of a recording as cells of a (2, rows, columns) histogram; `size` holds rows and columns."""
    source = opened(recording)
    if isinstance(source, FrameRecording):
        raise RequestError(f"{recording}: frames have no events to count; give a recording of events")
    rows, columns = size
    cells: list[NDArray[np.intp]] = []
    for block in source.blocks():
        inside = (block.y < rows) & (block.x < columns)
        cells.append(((block.p.astype(np.intp) * rows + block.y) * columns + block.x)[inside])
        if sum(map(len, cells)) >= events:
            break
    return np.concatenate(cells)[:events]


def window_changes(cells: NDArray[np.intp], shape: tuple[int, int, int], window: int, new: int, steps: int) -> Maps:
    """Return a histogram of `window` events, and then its change after every `new` more: what came less what left.

    >>> window_changes(np.array([0, 1, 1, 0]), (1, 1, 2), window=2, new=1, steps=2).reshape(3, 2).tolist()
    [[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]]
    """
    size = int(np.prod(shape))
    maps = [np.bincount(cells[:window], minlength=size)]
    for step in range(steps):
        came = cells[window + step * new : window + (step + 1) * new]
        left = cells[step * new : (step + 1) * new]
        maps.append(np.bincount(came, minlength=size) - np.bincount(left, minlength=size))
    return np.stack(maps).astype(np.float32).reshape(-1, *shape)


def as_trace(maps: Maps) -> LayerTrace:
    """Return maps as the sparse events of an input layer."""
    flat = np.ascontiguousarray(maps.transpose(0, 2, 3, 1)).reshape(-1)
    cell = np.flatnonzero(flat)
    return sparse_steps(cell.astype(np.int64), flat[cell], len(maps), maps.shape[1:])


def drawn(network: Network, maps: Maps, density: float = 1.0, seed: int = 0) -> Network:
    """Return a network with drawn weights in fp32, masked to a density, scaled on a few steps of input without memory."""
    layers = [
        layer if layer.is_input else _masked(draw_weights(layer, (seed, number)), density)
        for number, layer in enumerate(override_numerics(network, "fp32").layers)
    ]
    raw = replace(network, layers=tuple(layers), weights="random", assumptions=())
    trace = run_network(rectified(raw), [as_trace(maps)])
    size = [_root_mean_square(events) for events in trace.layers]
    scaled = [
        layer if layer.is_input else scale_weights(layer, size[number - 1] / size[number], _all)
        for number, layer in enumerate(raw.layers)
    ]
    return replace(raw, layers=tuple(scaled))


def _all(edge: Edge) -> bool:
    return edge.weight is not None


def _root_mean_square(events: LayerTrace) -> float:
    """Return the size of the values that are not zero; 1 where there are none."""
    return 1.0 if events.value is None or not len(events.value) else float(np.sqrt(np.mean(events.value**2)))


def _masked(layer: Layer, density: float) -> Layer:
    """Return a layer of which only the largest weights are kept."""
    if density >= 1.0:
        return layer
    edges = []
    for edge in layer.edges:
        size = np.abs(np.asarray(edge.weight, np.float32))
        mask = size >= np.quantile(size, 1.0 - density)
        edges.append(replace(edge, weight=np.where(mask, np.asarray(edge.weight), 0).astype(np.float32), mask=mask))
    return replace(layer, edges=tuple(edges))


def stepped(network: Network, step: float) -> Network:
    """Return a sigma-delta network with one quantisation step for all layers."""
    layers = tuple(
        replace(layer, neuron=replace(layer.neuron, step=step)) if isinstance(layer.neuron, SigmaDelta) else layer
        for layer in network.layers
    )
    return replace(network, layers=layers)


def rectified(network: Network) -> Network:
    """Return the same network without memory: every step is computed from nothing, and zeros are skipped."""
    layers = []
    for layer in network.layers:
        neuron = layer.neuron
        if isinstance(neuron, SigmaDelta):
            neuron = Relu() if neuron.activation == "relu" else Identity()
        layers.append(replace(layer, neuron=neuron))
    return replace(network, layers=tuple(layers))


def sops(network: Network, maps: Maps, first: int = 0) -> float:
    """Return the synaptic operations of a step, mean over the steps from `first` on; masked weights are not counted."""
    trace = run_network(network, [as_trace(maps)])
    return float(trace.sops[first:].sum(axis=1).mean())


def submanifold_macs(
    network: Network, frames: Sequence[NDArray[np.bool_]], moved: Sequence[NDArray[np.bool_]]
) -> float:
    """Return the multiply-accumulates of a submanifold sparse network in a step, mean over steps.

    Convolutions of stride 1 compute active positions only, those with an active input at the same place; strided ones and poolings
    are active where an input of their window is. `frames` (rows, columns) say which pixels are active, `moved` which have changed:
    an active pixel contributes where it moved itself or lies downstream of one that did. Dense layers take all channels of moved
    positions.
    """
    return float(np.mean([_submanifold(network, a, m & a) for a, m in zip(frames, moved, strict=True)]))


def _submanifold(network: Network, active: NDArray[np.bool_], moved: NDArray[np.bool_]) -> float:
    """Return the multiply-accumulates of one step."""
    total = 0
    for layer in network.layers[1:]:
        (edge,) = layer.edges
        weight = np.asarray(edge.weight)
        if edge.kind == "dense":
            changed = int(moved.sum()) * (weight.shape[1] * weight.shape[2] * weight.shape[3] // active.size)
            total += changed * weight.shape[0]
            active = moved = np.ones((1, 1), bool)
            continue
        outputs = active if edge.stride == (1, 1) else _seen(_windows(active, edge.kernel, edge.stride, edge.padding))
        inputs = _windows(moved, edge.kernel, edge.stride, edge.padding)
        total += int((inputs & outputs).sum()) * weight.shape[0] * weight.shape[1]
        moved, active = _seen(inputs) & outputs, outputs
        if layer.pool is not None:
            pool = layer.pool
            moved, active = (_seen(_windows(each, pool.kernel, pool.stride, pool.padding)) for each in (moved, active))
    return float(total)


def _seen(taps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the positions that see something through one of their taps."""
    seen: NDArray[np.bool_] = np.logical_or.reduce(taps, axis=0)
    return seen


def _windows(
    pixels: NDArray[np.bool_], kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return, for each tap of a kernel, the pixel that it sees from every output position."""
    padded = np.pad(pixels, [(n, n) for n in padding])
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(padded.shape, kernel, stride, strict=True))
    taps = [
        padded[y : y + (rows - 1) * stride[0] + 1 : stride[0], x : x + (columns - 1) * stride[1] + 1 : stride[1]]
        for y in range(kernel[0])
        for x in range(kernel[1])
    ]
    return np.stack(taps)

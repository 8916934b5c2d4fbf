"""Whether a trace has the form it should have, and whether it fits a layer."""

from __future__ import annotations

from math import prod

import numpy as np

from seneca_sim.activity.trace import Trace
from seneca_sim.errors import ActivityError
from seneca_sim.events.sparse import LayerTrace
from seneca_sim.graph.network import Edge, Layer, Network

__all__ = ["check_edge", "check_layer_trace", "check_trace"]

_TYPES = {
    "step_start": np.int64,
    "position": np.int32,
    "first_event": np.int64,
    "channel": np.int32,
    "neuron_events": np.int64,
    "saturations": np.int64,
}


def check_edge(where: str, edge: Edge, source: Layer, target: Layer) -> None:
    """Raise `ActivityError` unless the arrays of an edge fit its layers: kernels trust them."""
    channels, rows, columns = source.out_shape
    pooled = rows // edge.pool[0], columns // edge.pool[1]
    what = f"{where}: edge {edge.name} from {source.name}"
    _check_sums(what, edge, source, target)
    if edge.weight is None:
        if (
            channels + edge.target_offset > target.shape[0]
            or edge.target_offset < 0
            or not _covers(edge, pooled, target)
        ):
            raise ActivityError(
                f"{what}: {channels} channels of {pooled[0]}x{pooled[1]} positions from channel {edge.target_offset} on do not fit "
                f"into {target.shape}"
            )
        return
    out = edge.sums * target.shape[0]
    expected = out, channels // edge.groups, *(pooled if edge.kind == "dense" else edge.weight.shape[2:])
    if edge.weight.shape != expected or channels % edge.groups or out % edge.groups:
        raise ActivityError(
            f"{what}: weights of shape {edge.weight.shape} in {edge.groups} groups do not join {source.out_shape} to "
            f"{target.shape}; expected {expected}"
        )
    if edge.mask is not None and edge.mask.shape != edge.weight.shape:
        raise ActivityError(f"{what}: the mask has shape {edge.mask.shape}, the weights have {edge.weight.shape}")


def _covers(edge: Edge, pooled: tuple[int, int], target: Layer) -> bool:
    """Return whether the values of an `add` edge, each at the neurons it stands for, fill the map and no more than its border."""
    if edge.broadcast:
        return True
    sizes = zip(pooled, edge.upsample, target.shape[1:], strict=True)
    return all((size - 1) * factor < side <= size * factor for size, factor, side in sizes)


def _check_sums(what: str, edge: Edge, source: Layer, target: Layer) -> None:
    """Raise `ActivityError` unless the sums that an edge feeds exist, and its values for whole maps are such."""
    if edge.first_sum < 0 or edge.sums < 1 or edge.first_sum + edge.sums > target.sums:
        raise ActivityError(
            f"{what}: sums {edge.first_sum} to {edge.first_sum + edge.sums - 1} are fed, but the neurons of {target.name} have "
            f"{target.sums}; the first is 0"
        )
    if edge.sums > 1 and (edge.weight is None or edge.groups > 1):
        kind = "an add edge" if edge.weight is None else "grouped weights"
        raise ActivityError(f"{what}: {kind} can feed one sum, not {edge.sums}; give an edge for each")
    if edge.broadcast and (source.out_shape[1:] != (1, 1) or edge.kind == "dense" or edge.kernel != (1, 1)):
        raise ActivityError(
            f"{what}: a broadcast needs a source of one position and one kernel position, not a map of "
            f"{source.out_shape[1]}x{source.out_shape[2]} and {edge.kernel[0]}x{edge.kernel[1]}"
        )
    out = source.out_shape[0] if edge.weight is None else len(edge.weight)
    if edge.scale is not None and np.size(edge.scale) not in (1, out):
        raise ActivityError(f"{what}: the scale has {np.size(edge.scale)} entries, expected 1 or {out}")


def check_trace(where: str, trace: Trace, network: Network, n_steps: int) -> None:
    """Raise `ActivityError` unless a trace of as many layers as the network is well formed and its events lie in their maps."""
    for number, layer in enumerate(network.layers):
        check_layer_trace(f"{where}: layer {layer.name}", trace.layers[number], layer, n_steps)
    if not trace.continues:
        return
    if len(trace.held) != len(network.layers):
        raise ActivityError(f"{where}: {len(trace.held)} layers are held, but {network.name} has {len(network.layers)}")
    for layer, held in zip(network.layers, trace.held, strict=True):
        check_layer_trace(f"{where}: what layer {layer.name} holds", held, layer, 1)


def check_layer_trace(where: str, trace: LayerTrace, layer: Layer, n_steps: int) -> None:
    """Raise `ActivityError` unless a trace is well formed and its events lie in the layer's map."""
    for name, dtype in _TYPES.items():
        array = getattr(trace, name)
        if array.dtype != dtype or array.ndim != 1:
            raise ActivityError(
                f"{where}: {name} must be a list of {np.dtype(dtype)}, not {array.ndim}-dimensional {array.dtype}"
            )
    lengths = {
        "step_start": n_steps + 1,
        "neuron_events": n_steps,
        "saturations": n_steps,
        "first_event": len(trace.position) + 1,
    }
    for name, length in lengths.items():
        if len(getattr(trace, name)) != length:
            raise ActivityError(f"{where}: {name} must have {length} entries, not {len(getattr(trace, name))}")
    if not _splits(trace.step_start, len(trace.position), 0):
        raise ActivityError(f"{where}: step_start must rise from 0 to the number of positions, {len(trace.position)}")
    if not _splits(trace.first_event, len(trace.channel), 1):
        raise ActivityError(
            f"{where}: first_event must rise from 0 to the number of events, {len(trace.channel)}, by at least 1 a position"
        )
    channels, rows, columns = layer.out_shape
    _check_order(where, "position", trace.position, trace.step_start, rows * columns)
    _check_order(where, "channel", trace.channel, trace.first_event, channels)
    _check_range(where, "neuron_events", trace.neuron_events, prod(layer.shape))
    _check_range(where, "saturations", trace.saturations, 1 << 53)
    _check_values(where, trace)


def _check_range(where: str, name: str, counts: np.ndarray, most: int) -> None:
    """Raise `ActivityError` unless counts lie between 0 and a limit."""
    if len(counts) and not 0 <= counts.min() <= counts.max() <= most:
        wrong = counts[(counts < 0) | (counts > most)][0]
        raise ActivityError(f"{where}: an entry of {name} is {wrong}, expected 0 to {most}")


def _splits(bounds: np.ndarray, total: int, least: int) -> bool:
    """Return whether bounds rise from 0 to a total by at least `least`."""
    return bool(bounds[0] == 0 and bounds[-1] == total and np.all(np.diff(bounds) >= least))


def _check_order(where: str, name: str, items: np.ndarray, bounds: np.ndarray, limit: int) -> None:
    """Raise `ActivityError` unless items ascend between bounds and lie below a limit."""
    if len(items) and (items.min() < 0 or items.max() >= limit):
        wrong = items[(items < 0) | (items >= limit)][0]
        raise ActivityError(f"{where}: {name} {wrong} lies outside the layer's map; there are {limit}")
    rises = np.diff(items) > 0
    starts = bounds[1:-1]
    rises[starts[(starts > 0) & (starts < len(items))] - 1] = True
    if not rises.all():
        raise ActivityError(f"{where}: entries of {name} must ascend, but {name}[{int(np.argmin(rises)) + 1}] does not")


def _check_values(where: str, trace: LayerTrace) -> None:
    """Raise `ActivityError` unless values are finite numbers other than zero, one for each event."""
    value = trace.value
    if value is None:
        return
    if value.dtype not in (np.float32, np.int32) or value.shape != trace.channel.shape:
        raise ActivityError(
            f"{where}: value must be float32 or int32 with {len(trace.channel)} entries, not {value.dtype} of shape {value.shape}"
        )
    if not np.isfinite(value).all():
        raise ActivityError(f"{where}: value[{int(np.argmin(np.isfinite(value)))}] is not a finite number")
    if not value.all():
        raise ActivityError(f"{where}: value[{int(np.argmin(value != 0))}] is zero; zeros send no event")

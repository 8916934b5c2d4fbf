"""The slow twin of `run_network`: dense maps, plain loops over kernel positions, written from the equations alone.

Sums are gathered per output position (not scattered per event) in float64 or int64, which is exact where weights and
values lie on a coarse binary grid. Neurons compute in float32 (or float64, or integers), one numpy operation at a time.
"""

from dataclasses import dataclass, field

import numpy as np

from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.graph.neurons import CubaLif, Identity, If, Li, Lif, Relu, SigmaDelta, ThresholdRelu


@dataclass
class NaiveRun:
    """Maps (T, channels, rows, columns) of what each layer sent, neurons that sent before pooling, and SOPs (T, edges)."""

    maps: list[np.ndarray]
    neuron_events: np.ndarray
    sops: np.ndarray


def run_naive(network: Network, inputs: list[np.ndarray], dtype: type = np.float32, sums=None) -> NaiveRun:
    """Run a network densely; `inputs` are (T, channels, rows, columns) per input layer.

    `sums`, a function of a layer and [(edge, source map)], replaces the exact sum of what arrives.
    """
    sums = sums or exact_sums
    n_steps = len(inputs[0])
    fed = iter(inputs)
    maps = [next(fed).astype(dtype) if layer.is_input else _empty(layer, n_steps, dtype) for layer in network.layers]
    states = [_State(layer, dtype) for layer in network.layers]
    n_edges = sum(len(layer.edges) for layer in network.layers)
    sops, sent = np.zeros((n_steps, n_edges), np.int64), np.zeros((n_steps, len(network.layers)), np.int64)
    for step in range(n_steps):
        number = 0
        for index, layer in enumerate(network.layers):
            arriving = []
            for edge in layer.edges:
                shown = step - edge.delay
                source = maps[edge.source][shown] if shown >= 0 else np.zeros_like(maps[edge.source][0])
                arriving.append((edge, source))
                sops[step, number] = slow_sops(edge, source, layer)
                number += 1
            if not layer.is_input:
                x = sums(layer, arriving).astype(dtype)
                maps[index][step], sent[step, index] = states[index].step(x)
            else:
                sent[step, index] = np.count_nonzero(maps[index][step])
    return NaiveRun(maps, sent, sops)


def exact_sums(layer: Layer, arriving: list[tuple[Edge, np.ndarray]]) -> np.ndarray:
    """Add what arrives over all edges in float64."""
    return sum((weighted_sum(edge, source, layer) for edge, source in arriving), np.zeros(layer.shape))


def _empty(layer: Layer, n_steps: int, dtype: type) -> np.ndarray:
    return np.zeros((n_steps, *layer.out_shape), dtype)


def pooled_sum(edge: Edge, source: np.ndarray) -> np.ndarray:
    """Sum complete windows of the folded pooling."""
    channels, rows, columns = source.shape
    ph, pw = edge.pool
    whole = source[:, : rows // ph * ph, : columns // pw * pw].astype(np.float64)
    return whole.reshape(channels, rows // ph, ph, columns // pw, pw).sum(axis=(2, 4))


def dense_convolution(x: np.ndarray, weight: np.ndarray, edge: Edge, out_rows: int, out_columns: int) -> np.ndarray:
    """Cross-correlate (channels, rows, columns) with (out, in / groups, kernel rows, columns), one kernel position at a time."""
    (sy, sx), (py, px), (dy, dx) = edge.stride, edge.padding, edge.dilation
    out, per_group, kernel_y, kernel_x = weight.shape
    result = np.zeros((out, out_rows, out_columns))
    for o in range(out):
        group = o // (out // edge.groups)
        for oy in range(out_rows):
            for ox in range(out_columns):
                for ky in range(kernel_y):
                    for kx in range(kernel_x):
                        y, x_ = oy * sy - py + ky * dy, ox * sx - px + kx * dx
                        if 0 <= y < x.shape[1] and 0 <= x_ < x.shape[2]:
                            taps = weight[o, :, ky, kx].astype(np.float64)
                            result[o, oy, ox] += taps @ x[group * per_group : (group + 1) * per_group, y, x_]
    return result


def weighted_sum(edge: Edge, source: np.ndarray, layer: Layer) -> np.ndarray:
    """Return what arrives at (channels, rows, columns) neurons through an edge."""
    x = pooled_sum(edge, source)
    scale = np.ones(1) if edge.scale is None else edge.scale.astype(np.float64)
    if edge.weight is None:
        result = np.zeros(layer.shape)
        result[edge.target_offset : edge.target_offset + len(x)] = x * scale.reshape(-1, 1, 1)
        return result
    return dense_convolution(x, edge.weight, edge, *layer.shape[1:]) * scale.reshape(-1, 1, 1)


def slow_sops(edge: Edge, source: np.ndarray, layer: Layer) -> int:
    """Count the unmasked weights that meet an active neuron, output by output."""
    active = pooled_sum(edge, source != 0)
    if edge.weight is None:
        return int(active.sum())
    free = np.ones(edge.weight.shape) if edge.mask is None else edge.mask
    return int(dense_convolution(active, free, edge, *layer.shape[1:]).sum())


@dataclass
class _State:
    """The neurons of a layer, by their equations."""

    layer: Layer
    dtype: type
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def number(self, value) -> np.ndarray:
        return np.broadcast_to(np.asarray(value, np.float64).reshape(-1, 1, 1), (self.layer.shape[0], 1, 1)).astype(
            self.dtype
        )

    def array(self, name: str, shape: tuple[int, int, int]) -> np.ndarray:
        return self.arrays.setdefault(name, np.zeros(shape, self.dtype))

    def step(self, x: np.ndarray) -> tuple[np.ndarray, int]:
        neuron = self.layer.neuron
        bias = self.number(0 if self.layer.bias is None else self.layer.bias)
        if isinstance(neuron, SigmaDelta):
            y = self.sigma_delta(x, bias)
            return y, np.count_nonzero(y)
        y = self.respond(neuron, x + bias)
        return self.pooled(y), np.count_nonzero(y)

    def respond(self, neuron, x: np.ndarray) -> np.ndarray:
        match neuron:
            case Identity():
                return x
            case Relu():
                return np.maximum(x, self.dtype(0))
            case ThresholdRelu():
                return np.where(x > self.number(neuron.threshold), x, self.dtype(0))
            case Li():
                return self.leak("v", x, neuron.decay, neuron.v_leak, neuron.r)
            case If():
                self.leak("v", x, 1.0, 0.0, neuron.r)
            case Lif():
                self.leak("v", x, neuron.decay, neuron.v_leak, neuron.r)
            case CubaLif():
                current = self.leak("i", x, neuron.decay_syn, 0.0, neuron.w_in)
                self.leak("v", current, neuron.decay_mem, neuron.v_leak, neuron.r)
        return self.spikes(neuron)

    def leak(self, name: str, x: np.ndarray, decay, leak, gain) -> np.ndarray:
        state, leak = self.array(name, x.shape), self.number(leak)
        self.arrays[name] = self.number(decay) * (state - leak) + leak + self.number(gain) * x
        return self.arrays[name].copy()

    def spikes(self, neuron) -> np.ndarray:
        v, threshold = self.arrays["v"], self.number(neuron.threshold)
        if neuron.max_spikes == 1:
            n = (v > threshold).astype(self.dtype)
        else:
            n = np.clip(np.floor(v / threshold), 0, neuron.max_spikes).astype(self.dtype)
        after = v - n * threshold if neuron.reset == "subtract" else np.where(n > 0, self.number(neuron.v_reset), v)
        self.arrays["v"] = after if neuron.v_min is None else np.maximum(after, self.number(neuron.v_min))
        return n

    def sigma_delta(self, x: np.ndarray, bias: np.ndarray) -> np.ndarray:
        neuron = self.layer.neuron
        if "X" not in self.arrays:
            self.arrays["X"] = np.broadcast_to(bias, x.shape).astype(self.dtype)
        self.arrays["X"] = self.arrays["X"] + x
        a = self.pooled(np.maximum(self.arrays["X"], 0) if neuron.activation == "relu" else self.arrays["X"])
        before, step = self.array("before", a.shape), self.number(neuron.step)
        if neuron.mode == "round":
            q = step * np.floor(a / step + self.dtype(0.5)).astype(self.dtype)
            self.arrays["before"] = q
            return q - before
        change = a - before + self.array("residue", a.shape)
        y = np.where(np.abs(change) >= step, change, self.dtype(0))
        self.arrays["before"], self.arrays["residue"] = a, change - y
        return y

    def pooled(self, y: np.ndarray) -> np.ndarray:
        pool = self.layer.pool
        if pool is None:
            return y
        channels, rows, columns = self.layer.out_shape
        out = np.zeros((channels, rows, columns), self.dtype)
        for oy in range(rows):
            for ox in range(columns):
                y0, x0 = oy * pool.stride[0] - pool.padding[0], ox * pool.stride[1] - pool.padding[1]
                window = y[:, max(y0, 0) : y0 + pool.kernel[0], max(x0, 0) : x0 + pool.kernel[1]]
                out[:, oy, ox] = window.reshape(channels, -1).max(axis=1)
        return out

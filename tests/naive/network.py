"""The slow twin of `run_network`: dense maps, plain loops over kernel positions, written from the equations alone.

Sums are gathered per output position (not scattered per event) in float64 or int64, which is exact where weights and
values lie on a coarse binary grid. Neurons compute in float32 (or float64, or integers), one numpy operation at a time.
"""

from dataclasses import dataclass, field

import numpy as np

from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.graph.neurons import (
    Activation,
    Clip,
    ContextThreshold,
    CubaLif,
    Delay,
    GruCell,
    Identity,
    If,
    Li,
    Lif,
    LstmCell,
    MguCell,
    MinimalCell,
    MultiThreshold,
    Product,
    Quantise,
    Relu,
    SigmaDelta,
    ThresholdRelu,
)


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
                x = states[index].delayed(sums(layer, arriving).astype(dtype), step)
                if step in range(layer.reset_first, n_steps, layer.reset_every or n_steps) and layer.reset_every:
                    states[index].arrays = {}
                maps[index][step], sent[step, index] = states[index].step(x)
            else:
                sent[step, index] = np.count_nonzero(maps[index][step])
    return NaiveRun(maps, sent, sops)


def exact_sums(layer: Layer, arriving: list[tuple[Edge, np.ndarray]]) -> np.ndarray:
    """Add what arrives over all edges in float64: (sums x channels, rows, columns)."""
    return sum((weighted_sum(edge, source, layer) for edge, source in arriving), np.zeros(sums_shape(layer)))


def sums_shape(layer: Layer) -> tuple[int, int, int]:
    """Return (sums x channels, rows, columns)."""
    return layer.sums * layer.shape[0], *layer.shape[1:]


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


def zeros_inserted(x: np.ndarray, edge: Edge) -> np.ndarray:
    """Put the map's neighbours `upsample` places apart."""
    channels, rows, columns = x.shape
    uy, ux = edge.upsample
    wide = np.zeros((channels, (rows - 1) * uy + 1, (columns - 1) * ux + 1))
    wide[:, ::uy, ::ux] = x
    return wide


def unscaled_sum(edge: Edge, x: np.ndarray, weight: np.ndarray | None, layer: Layer) -> np.ndarray:
    """Return (outputs, rows, columns) before the scale; a broadcast edge gives one row and column."""
    rows, columns = (1, 1) if edge.broadcast else layer.shape[1:]
    if weight is None:
        return np.repeat(np.repeat(x, edge.upsample[0], 1), edge.upsample[1], 2)[:, :rows, :columns]
    return dense_convolution(zeros_inserted(x, edge), weight, edge, rows, columns)


def weighted_sum(edge: Edge, source: np.ndarray, layer: Layer) -> np.ndarray:
    """Return what arrives at (sums x channels, rows, columns) through an edge."""
    scale = np.ones(1) if edge.scale is None else edge.scale.astype(np.float64)
    own = unscaled_sum(edge, pooled_sum(edge, source), edge.weight, layer) * scale.reshape(-1, 1, 1)
    result = np.zeros(sums_shape(layer))
    first = edge.first_sum * layer.shape[0] + edge.target_offset
    result[first : first + len(own)] = own
    return result


def slow_sops(edge: Edge, source: np.ndarray, layer: Layer) -> int:
    """Count the unmasked weights that meet an active neuron, output by output."""
    active = pooled_sum(edge, source != 0)
    free = None if edge.weight is None else np.ones(edge.weight.shape) if edge.mask is None else edge.mask
    return int(unscaled_sum(edge, active, free, layer).sum())


def rounded(number: np.ndarray, rounding: str) -> np.ndarray:
    """Round to whole numbers; ties and directions by name."""
    exact = number.astype(np.float64)
    match rounding:
        case "half_even":
            return np.rint(exact)
        case "half_up":
            return np.floor(exact + 0.5)
        case "half_away":
            return np.copysign(np.floor(np.abs(exact) + 0.5), exact)
        case "floor":
            return np.floor(exact)
        case "ceil":
            return np.ceil(exact)
        case _:
            return np.trunc(exact)


@dataclass
class _State:
    """The neurons of a layer, by their equations."""

    layer: Layer
    dtype: type
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    past: list[np.ndarray] = field(default_factory=list)

    def delayed(self, x: np.ndarray, step: int) -> np.ndarray:
        self.past.append(x)
        return self.past[step - self.layer.delay] if step >= self.layer.delay else np.zeros_like(x)

    def number(self, value, entries: int | None = None) -> np.ndarray:
        numbers = np.asarray(value, np.float64).reshape(-1, 1, 1)
        return np.broadcast_to(numbers, (entries or self.layer.shape[0], 1, 1)).astype(self.dtype)

    def array(self, name: str, shape: tuple[int, int, int]) -> np.ndarray:
        return self.arrays.setdefault(name, np.zeros(shape, self.dtype))

    def step(self, x: np.ndarray) -> tuple[np.ndarray, int]:
        neuron = self.layer.neuron
        bias = self.number(0 if self.layer.bias is None else self.layer.bias, len(x))
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
            case Activation() | Clip() | Quantise() | MultiThreshold() | Delay():
                return self.memoryless(neuron, x)
            case Product() | ContextThreshold() | GruCell() | MguCell() | MinimalCell() | LstmCell():
                return self.gated(neuron, *np.split(x, self.layer.sums))
            case CubaLif():
                current = self.leak("i", x, neuron.decay_syn, 0.0, neuron.w_in)
                self.leak("v", current, neuron.decay_mem, neuron.v_leak, neuron.r)
        return self.spikes(neuron)

    def function(self, name: str, x: np.ndarray) -> np.ndarray:
        """Those with exponentials in float64, rounded once to float32; the others one operation at a time."""
        if name.startswith("table"):
            x = np.clip(np.floor(x.astype(np.float64) * 16 + 0.5), -128, 127) / 16
        one, exact = self.dtype(1), x.astype(np.float64)
        with np.errstate(over="ignore"):
            match name.removeprefix("table_"):
                case "identity":
                    return x
                case "relu":
                    return np.maximum(x, self.dtype(0))
                case "sigmoid":
                    return (1 / (1 + np.exp(-exact))).astype(np.float32).astype(self.dtype)
                case "tanh":
                    return np.tanh(exact).astype(np.float32).astype(self.dtype)
                case "softsign":
                    return x / (one + np.abs(x))
                case "hard_sigmoid":
                    return np.minimum(np.maximum(x / self.dtype(4) + self.dtype(0.5), self.dtype(0)), one)
                case "hard_tanh":
                    return np.minimum(np.maximum(x, -one), one)

    def memoryless(self, neuron, x: np.ndarray) -> np.ndarray:
        match neuron:
            case Activation():
                y = self.function(neuron.function, x)
                return np.where(np.abs(y) > self.number(neuron.threshold), y, self.dtype(0))
            case Clip():
                return np.minimum(np.maximum(x, self.number(neuron.low)), self.number(neuron.high))
            case Quantise():
                step = self.number(neuron.step)
                if neuron.bipolar:
                    return np.where(x >= 0, step, -step)
                code = rounded(x / step, neuron.rounding).astype(self.dtype)
                return step * np.minimum(np.maximum(code, self.number(neuron.low)), self.number(neuron.high))
            case MultiThreshold():
                thresholds = neuron.thresholds.astype(self.dtype).astype(np.float64)
                reached = (x.astype(np.float64)[..., None] >= thresholds[:, None, None, :]).sum(axis=-1)
                return self.number(neuron.scale) * reached.astype(self.dtype) + self.number(neuron.offset)
        past = self.arrays.setdefault("past", [])
        past.append(x)
        y = np.zeros_like(x)
        for c in range(len(x)):
            back = int(np.broadcast_to(np.asarray(neuron.steps).reshape(-1), (len(x),))[c])
            if back < len(past):
                y[c] = past[-1 - back][c]
        return y

    def gated(self, neuron, *sums: np.ndarray) -> np.ndarray:
        zero, one = self.dtype(0), self.dtype(1)
        match neuron:
            case Product():
                x, s, a = sums
                return self.function(neuron.function, x * s + a)
            case ContextThreshold():
                x, theta = sums
                return np.where(x > np.maximum(theta, zero), x, zero)
        c = self.array("c", self.layer.shape)
        if isinstance(neuron, LstmCell):
            i, f, o = (self.function(neuron.gate, total) for total in sums[:3])
            c = f * c + i * self.function(neuron.activation, sums[3])
            h = o * self.function(neuron.activation, c)
            self.arrays["c"] = c
            return h if neuron.threshold is None else np.where(np.abs(h) > self.number(neuron.threshold), h, zero)
        u = self.function(neuron.gate, sums[1])
        if isinstance(neuron, MinimalCell):
            c = u * c + (one - u) * sums[0]
        else:
            r = u if isinstance(neuron, MguCell) else self.function(neuron.gate, sums[2])
            z = self.function(neuron.activation, sums[0] + r * sums[-1])
            c = c + u * (z - c)
        self.arrays["c"] = c
        if neuron.threshold is None:
            return c.copy()
        threshold = self.number(neuron.threshold)
        fires = c > threshold
        after = {"none": c, "subtract": c - threshold, "zero": np.zeros_like(c)}[neuron.reset]
        self.arrays["c"] = np.where(fires, after, c)
        return np.where(fires, c, zero)

    def leak(self, name: str, x: np.ndarray, decay, leak, gain) -> np.ndarray:
        state, leak = self.array(name, x.shape), self.number(leak)
        self.arrays[name] = self.number(decay) * (state - leak) + leak + self.number(gain) * x
        return self.arrays[name].copy()

    def spikes(self, neuron) -> np.ndarray:
        v, threshold = self.arrays["v"], self.number(neuron.threshold)
        if neuron.reset == "subtract_late":
            v = v - self.array("before", v.shape) * threshold
        if neuron.max_spikes == 1:
            n = (v > threshold).astype(self.dtype)
        else:
            n = np.clip(np.floor(v / threshold), 0, neuron.max_spikes).astype(self.dtype)
        after = v - n * threshold if neuron.reset == "subtract" else np.where(n > 0, self.number(neuron.v_reset), v)
        if neuron.reset == "subtract_late":
            self.arrays["before"], after = n, v
        self.arrays["v"] = after if neuron.v_min is None else np.maximum(after, self.number(neuron.v_min))
        return n

    def sigma_delta(self, x: np.ndarray, bias: np.ndarray) -> np.ndarray:
        neuron = self.layer.neuron
        if "X" not in self.arrays:
            self.arrays["X"] = np.broadcast_to(bias, x.shape).astype(self.dtype)
        before = self.arrays["X"] if neuron.accumulates else np.broadcast_to(bias, x.shape)
        self.arrays["X"] = before + self.number(neuron.gain) * x
        a = self.pooled(np.maximum(self.arrays["X"], 0) if neuron.activation == "relu" else self.arrays["X"])
        before, step = self.array("before", a.shape), self.number(neuron.step)
        if neuron.mode == "round":
            q = step * np.floor(a / step + self.dtype(0.5)).astype(self.dtype)
            self.arrays["before"] = q
            return q - before
        change = a - before + self.array("residue", a.shape)
        y = np.where(np.abs(change) >= step, change, self.dtype(0))
        self.arrays["before"], self.arrays["residue"] = a, change - y
        return np.floor(y / 2**neuron.fraction_bits) if neuron.fraction_bits else y

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

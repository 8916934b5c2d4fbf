"""Slow, obvious evaluation of graphs and of lowered networks, step by step: the twins that must agree."""

import numpy as np

from seneca_sim.graph import (
    Activation,
    Add,
    Affine,
    AvgPool2d,
    BatchNorm2d,
    Clip,
    Concat,
    ContextAware,
    ContextThreshold,
    Conv2d,
    ConvGru,
    ConvLstm,
    ConvMgu,
    ConvMinimalRnn,
    ConvTranspose2d,
    Delay,
    Dense,
    DetectionOutput,
    Flatten,
    GlobalAvgPool2d,
    GruCell,
    Identity,
    Input,
    Li,
    LstmCell,
    MaxPool2d,
    MguCell,
    MinimalCell,
    MultiThreshold,
    Output,
    Product,
    Quantise,
    Relu,
    SqueezeExcite,
    SumPool2d,
    ThresholdRelu,
    Upsample,
)
from seneca_sim.graph.graph import node_order
from seneca_sim.graph.neurons import sum_names, sum_ports
from seneca_sim.graph.nodes import pair
from seneca_sim.graph.shapes import infer_forms


def convolve(x, weight, stride, padding, dilation, groups):
    """Cross-correlate a map (channels, rows, columns) with weights, position by position."""
    out, per_group, kh, kw = weight.shape
    padded = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2))
    rows = (padded.shape[1] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    columns = (padded.shape[2] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((out, rows, columns))
    for o in range(out):
        first = o // (out // groups) * per_group
        for oy in range(rows):
            for ox in range(columns):
                for ky in range(kh):
                    for kx in range(kw):
                        pixel = padded[
                            first : first + per_group,
                            oy * stride[0] + ky * dilation[0],
                            ox * stride[1] + kx * dilation[1],
                        ]
                        y[o, oy, ox] += weight[o, :, ky, kx] @ pixel
    return y


def transposed(node, x, shape):
    """Scatter each value over the outputs that it reaches: the definition of a transposed convolution."""
    weight = node.weight.astype(float) if node.mask is None else node.weight * node.mask
    (sy, sx), (py, px), (dy, dx) = pair(node.stride), pair(node.padding), pair(node.dilation)
    y = np.zeros(shape)
    inputs, outputs = len(weight) // node.groups, weight.shape[1]
    for i, iy, ix in np.ndindex(*x.shape):
        first = i // inputs * outputs
        for ky, kx in np.ndindex(*weight.shape[2:]):
            oy, ox = iy * sy - py + ky * dy, ix * sx - px + kx * dx
            if 0 <= oy < shape[1] and 0 <= ox < shape[2]:
                y[first : first + outputs, oy, ox] += weight[i, :, ky, kx] * x[i, iy, ix]
    return y


def pooled(x, kernel, stride, padding, reduce, fill):
    padded = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2), constant_values=fill)
    rows = (padded.shape[1] - kernel[0]) // stride[0] + 1
    columns = (padded.shape[2] - kernel[1]) // stride[1] + 1
    y = np.zeros((len(x), rows, columns))
    for oy in range(rows):
        for ox in range(columns):
            window = padded[:, oy * stride[0] : oy * stride[0] + kernel[0], ox * stride[1] : ox * stride[1] + kernel[1]]
            y[:, oy, ox] = reduce(window, axis=(1, 2))
    return y


FUNCTIONS = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 0.5 + 0.5 * np.tanh(x / 2),
    "tanh": np.tanh,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hard_sigmoid": lambda x: np.clip(x / 4 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
}


def sent(neuron, state):
    """Return what a cell sends of its inner state c, which its reset changes."""
    c = state["c"]
    if neuron.threshold is None:
        return c
    y = np.where(c > column(neuron.threshold), c, 0)
    if neuron.reset != "none":
        state["c"] = np.where(y != 0, c - column(neuron.threshold) if neuron.reset == "subtract" else 0, c)
    return y


def gate(neuron, sums, state):
    """Return what a gated cell sends, from the sums in the order of its `sum_names`."""
    sigma = FUNCTIONS[neuron.gate]
    c = state.get("c", np.zeros_like(sums[0]))
    if isinstance(neuron, MinimalCell):
        z, u = sums[0], sigma(sums[1])
        state["c"] = u * c + (1 - u) * z
        return sent(neuron, state)
    phi = FUNCTIONS[neuron.activation]
    if isinstance(neuron, LstmCell):
        i, f, o, g = sigma(sums[0]), sigma(sums[1]), sigma(sums[2]), phi(sums[3])
        state["c"] = f * c + i * g
        h = o * phi(state["c"])
        return h if neuron.threshold is None else np.where(np.abs(h) > column(neuron.threshold), h, 0)
    if isinstance(neuron, GruCell):
        zx, u, r, zy = sums[0], sigma(sums[1]), sigma(sums[2]), sums[3]
    else:
        zx, u, zy = sums[0], sigma(sums[1]), sums[2]
        r = u
    state["c"] = c + u * (phi(zx + r * zy) - c)
    return sent(neuron, state)


def fire(neuron, sums, state):
    """Return what neurons send in a step; `sums` holds a map for each of their sums, `state` what they keep."""
    x = sums[0]
    match neuron:
        case Identity():
            return x
        case Relu():
            return np.maximum(x, 0)
        case ThresholdRelu():
            return np.where(x > column(neuron.threshold), x, 0)
        case Activation():
            y = FUNCTIONS[neuron.function](x)
            return np.where(np.abs(y) > column(neuron.threshold), y, 0)
        case Clip():
            return np.clip(x, column(neuron.low), column(neuron.high))
        case Quantise():
            return column(neuron.step) * np.clip(
                np.rint(x / column(neuron.step)), column(neuron.low), column(neuron.high)
            )
        case MultiThreshold():
            reached = (x[:, None] >= neuron.thresholds[:, :, None, None]).sum(axis=1)
            return column(neuron.scale) * reached + column(neuron.offset)
        case Li():
            leak = column(neuron.v_leak)
            state["v"] = column(neuron.decay) * (state.get("v", 0 * x) - leak) + leak + column(neuron.r) * x
            return state["v"]
        case Delay():
            state.setdefault("past", []).insert(0, x)
            steps = np.broadcast_to(column(neuron.steps), (len(x), 1, 1)).ravel().astype(int)
            past = state["past"]
            return np.stack([past[n][c] if n < len(past) else 0 * x[c] for c, n in enumerate(steps)])
        case Product():
            return FUNCTIONS[neuron.function](x * sums[1] + sums[2])
        case ContextThreshold():
            return np.where(x > np.maximum(sums[1], 0), x, 0)
        case GruCell() | MguCell() | LstmCell() | MinimalCell():
            return gate(neuron, sums, state)
    raise AssertionError(f"the naive evaluation knows no {type(neuron).__name__}")


def column(values):
    return np.asarray(values, float).reshape(-1, 1, 1)


def mean(x):
    return x.mean(axis=(1, 2), keepdims=True)


def added(bias, y, first=0):
    """Return y plus a bias of its channels, which begin at `first`."""
    return y if bias is None else y + column(bias[first : first + len(y)])


def evaluate_block(node, ports, state):
    """Return what a block sends, from its equation."""
    x = ports[0]
    match node:
        case SqueezeExcite():
            inner = added(node.squeeze_bias, column(node.squeeze @ mean(x).ravel()))
            outer = added(node.excite_bias, column(node.excite @ FUNCTIONS[node.activation](inner).ravel()))
            return x * FUNCTIONS[node.gate](outer) + ports.get(1, 0)
        case ContextAware():
            theta = np.maximum(added(node.bias, column(node.weight @ mean(ports[1]).ravel())), 0)
            return np.where(x > theta, x, 0)
    channels = node.weight_y.shape[1]
    arriving = convolve(x, node.weight_x, pair(node.stride), pair(node.padding), (1, 1), 1)
    half = (node.weight_y.shape[2] // 2, node.weight_y.shape[3] // 2)
    before = state.get("y", np.zeros((channels, *arriving.shape[1:])))
    back = convolve(before, node.weight_y, (1, 1), half, (1, 1), 1)
    part = [slice(n * channels, (n + 1) * channels) for n in range(4)]
    bias = np.zeros(4 * channels) if node.bias is None else np.resize(node.bias, 4 * channels)
    b = [column(bias[p]) for p in part]
    match node:
        case ConvGru():
            a, h = [arriving[p] for p in part[:3]], [back[p] for p in part[:3]]
            neuron = GruCell(node.threshold, node.reset, node.gate, node.activation)
            sums = [a[0] + b[0], a[1] + h[0] + b[1], a[2] + h[1] + b[2], h[2] + b[3]]
        case ConvMgu():
            a, h = [arriving[p] for p in part[:2]], [back[p] for p in part[:2]]
            neuron = MguCell(node.threshold, node.reset, node.gate, node.activation)
            sums = [a[0] + b[0], a[1] + h[0] + b[1], h[1] + b[2]]
        case ConvLstm():
            neuron = LstmCell(node.threshold, node.gate, node.activation)
            sums = [arriving[p] + back[p] + shift for p, shift in zip(part, b, strict=True)]
        case ConvMinimalRnn():
            z = fire(Activation(node.activation, node.candidate_threshold), [added(node.bias_x, arriving)], {})
            u = added(node.bias, convolve(z, node.weight_z, (1, 1), half, (1, 1), 1) + back)
            neuron, sums = MinimalCell(node.threshold, node.reset, node.gate), [z, u]
    state["y"] = gate(neuron, sums, state)
    return state["y"]


def evaluate_neuron(node, arrived, state):
    """Return what neurons of a graph send: what arrives at each port feeds some of their sums."""
    if len(sum_names(node)) == 1:
        return fire(node, [sum(x for _, x in arrived)], state)
    (first, count), *_ = sum_ports(node)
    shape = next((len(x) // count, *x.shape[1:]) for port, x in arrived if port == 0)
    sums = np.zeros((len(sum_names(node)), *shape))
    for port, x in arrived:
        first, count = sum_ports(node)[port]
        sums[first : first + count] += x.reshape(count, shape[0], *x.shape[1:])
    return fire(node, list(sums), state)


def evaluate_node(node, arrived, state, shape):
    """Return what a node sends, from its equation; `arrived` are (port, map), `shape` is that of the result."""
    if isinstance(node, Concat):
        return np.concatenate([x for _, x in arrived])
    if isinstance(node, SqueezeExcite | ContextAware | ConvGru | ConvMgu | ConvLstm | ConvMinimalRnn):
        blocks = isinstance(node, SqueezeExcite | ContextAware)
        ports = {}
        for port, x in arrived:
            at = port if blocks else 0
            ports[at] = ports.get(at, 0) + x
        return evaluate_block(node, ports, state)
    x = sum(x for _, x in arrived)
    match node:
        case Output() | DetectionOutput() | Add():
            return x
        case Conv2d():
            weight = node.weight if node.mask is None else node.weight * node.mask
            y = convolve(x, weight, pair(node.stride), pair(node.padding), pair(node.dilation), node.groups)
        case ConvTranspose2d():
            y = transposed(node, x, shape)
        case Dense():
            weight = node.weight if node.mask is None else node.weight * node.mask
            y = column(weight.astype(float) @ x.ravel())
        case SumPool2d() | AvgPool2d() | MaxPool2d():
            kernel = pair(node.kernel)
            stride = kernel if node.stride is None else pair(node.stride)
            rule = {SumPool2d: (np.sum, 0), AvgPool2d: (np.mean, 0), MaxPool2d: (np.max, -np.inf)}[type(node)]
            return pooled(x, kernel, stride, pair(node.padding), *rule)
        case GlobalAvgPool2d():
            return mean(x)
        case Upsample():
            factor = pair(node.factor)
            return x.repeat(factor[0], axis=1).repeat(factor[1], axis=2)[:, : shape[1], : shape[2]]
        case Flatten():
            return x.reshape(-1, 1, 1)
        case BatchNorm2d():
            y = (x - column(node.mean)) / np.sqrt(column(node.variance) + node.epsilon)
            y = y if node.gain is None else y * column(node.gain)
            return y if node.offset is None else y + column(node.offset)
        case Affine():
            return x * column(node.scale) + column(0 if node.offset is None else node.offset)
        case _:
            return evaluate_neuron(node, arrived, state)
    y = y if node.scale is None else y * column(node.scale)
    return y if node.bias is None else y + column(node.bias)


def evaluate_graph(graph, inputs):
    """Return what every node sends in each step, a list of maps by name, given the steps of the input nodes by name."""
    forms, order = infer_forms(graph), node_order(graph)
    before = {name: np.zeros(forms[name].shape) for name in graph.nodes}
    states = {name: {} for name in graph.nodes}
    steps = []
    for step in range(len(next(iter(inputs.values())))):
        values = {}
        for name in order:
            if isinstance(graph.nodes[name], Input):
                values[name] = inputs[name][step].reshape(forms[name].shape)
                continue
            arrived = [(link.port, (before if link.delay else values)[link.source]) for link in graph.links_into(name)]
            values[name] = evaluate_node(graph.nodes[name], arrived, states[name], forms[name].shape)
        before = values
        steps.append(values)
    return steps


def edge_values(edge, x, layer):
    """Return what arrives over an edge at its sums, (sums, channels, rows, columns), from the docstring of `Edge`."""
    channels, rows, columns = layer.shape
    x = pooled(x, edge.pool, edge.pool, (0, 0), np.sum, 0)
    size = (1, 1) if edge.broadcast else (rows, columns)
    y = np.zeros((edge.sums * channels, *size))
    if edge.weight is None:
        for c, oy, ox in np.ndindex(len(x), *size):
            y[edge.target_offset + c, oy, ox] = x[c, oy // edge.upsample[0], ox // edge.upsample[1]]
    else:
        spread = np.zeros((len(x), *((n - 1) * u + 1 for n, u in zip(x.shape[1:], edge.upsample, strict=True))))
        spread[:, :: edge.upsample[0], :: edge.upsample[1]] = x
        per_group, groups = edge.weight.shape[1], edge.groups
        for o, oy, ox, ky, kx in np.ndindex(len(y), *size, *edge.kernel):
            iy = oy * edge.stride[0] - edge.padding[0] + ky * edge.dilation[0]
            ix = ox * edge.stride[1] - edge.padding[1] + kx * edge.dilation[1]
            if 0 <= iy < spread.shape[1] and 0 <= ix < spread.shape[2]:
                first = o // (len(y) // groups) * per_group
                y[o, oy, ox] += edge.weight[o, :, ky, kx].astype(float) @ spread[first : first + per_group, iy, ix]
        y = y if edge.scale is None else y * column(edge.scale)
    return np.broadcast_to(y, (edge.sums * channels, rows, columns)).reshape(edge.sums, *layer.shape)


def evaluate_network(network, inputs):
    """Return what every layer sends in each step, a list of maps by name, from the docstrings of `Edge` and `Layer`."""
    before = {layer.name: np.zeros(layer.out_shape) for layer in network.layers}
    states = {layer.name: {} for layer in network.layers}
    late = {layer.name: [] for layer in network.layers}
    steps = []
    for step in range(len(next(iter(inputs.values())))):
        values = {}
        for layer in network.layers:
            if layer.is_input:
                values[layer.name] = inputs[layer.name][step]
                continue
            sums = np.zeros((layer.sums, *layer.shape))
            for edge in layer.edges:
                source = (before if edge.delay else values)[network.layers[edge.source].name]
                sums[edge.first_sum : edge.first_sum + edge.sums] += edge_values(edge, source, layer)
            late[layer.name].append(sums)
            sums = late[layer.name][step - layer.delay] if step >= layer.delay else np.zeros_like(sums)
            if layer.bias is not None:
                sums = sums + layer.bias.reshape(layer.sums, -1, 1, 1)
            y = fire(layer.neuron, list(sums), states[layer.name])
            if layer.pool is not None:
                pool = layer.pool
                y = pooled(y, pool.kernel, pool.stride, pool.padding, np.max, -np.inf)
            values[layer.name] = y
        before = values
        steps.append(values)
    return steps

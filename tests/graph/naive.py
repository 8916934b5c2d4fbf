"""Slow, obvious evaluation of graphs and of lowered networks for one time step: the twins that must agree."""

import numpy as np

from seneca_sim.graph import (
    Add,
    Affine,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    Identity,
    Input,
    MaxPool2d,
    Output,
    Relu,
    SumPool2d,
    ThresholdRelu,
)
from seneca_sim.graph.nodes import pair


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


def fire(neuron, x):
    if isinstance(neuron, Relu):
        return np.maximum(x, 0)
    if isinstance(neuron, ThresholdRelu):
        return np.where(x > neuron.threshold, x, 0)
    assert isinstance(neuron, Identity), f"the naive evaluation knows no {type(neuron).__name__}"
    return x


def column(values):
    return np.asarray(values, float).reshape(-1, 1, 1)


def evaluate_node(node, arrived):
    """Return what a node sends, from its equation."""
    if isinstance(node, Concat):
        return np.concatenate(arrived)
    x = sum(arrived)
    match node:
        case Output() | Add():
            return x
        case Conv2d():
            weight = node.weight if node.mask is None else node.weight * node.mask
            y = convolve(x, weight, pair(node.stride), pair(node.padding), pair(node.dilation), node.groups)
        case Dense():
            weight = node.weight if node.mask is None else node.weight * node.mask
            y = column(weight.astype(float) @ x.ravel())
        case SumPool2d() | AvgPool2d() | MaxPool2d():
            kernel = pair(node.kernel)
            stride = kernel if node.stride is None else pair(node.stride)
            rule = {SumPool2d: (np.sum, 0), AvgPool2d: (np.mean, 0), MaxPool2d: (np.max, -np.inf)}[type(node)]
            return pooled(x, kernel, stride, pair(node.padding), *rule)
        case Flatten():
            return x.reshape(-1, 1, 1)
        case BatchNorm2d():
            y = (x - column(node.mean)) / np.sqrt(column(node.variance) + node.epsilon)
            y = y if node.gain is None else y * column(node.gain)
            return y if node.offset is None else y + column(node.offset)
        case Affine():
            return x * column(node.scale) + column(0 if node.offset is None else node.offset)
        case _:
            return fire(node, x)
    y = y if node.scale is None else y * column(node.scale)
    return y if node.bias is None else y + column(node.bias)


def evaluate_graph(graph, order, inputs):
    """Return what every node sends, given the maps of the input nodes by name."""
    values = {}
    for name in order:
        node = graph.nodes[name]
        if isinstance(node, Input):
            values[name] = inputs[name]
        else:
            values[name] = evaluate_node(node, [values[link.source] for link in graph.links_into(name)])
    return values


def evaluate_network(network, inputs):
    """Return what every layer sends, from the docstring of `Edge`."""
    values = []
    for layer in network.layers:
        if layer.is_input:
            values.append(inputs[layer.name])
            continue
        total = np.zeros(layer.shape)
        for edge in layer.edges:
            x = values[edge.source]
            if edge.kind == "add":
                total[edge.target_offset : edge.target_offset + len(x)] += x
                continue
            x = pooled(x, edge.pool, edge.pool, (0, 0), np.sum, 0)
            y = convolve(x, edge.weight.astype(float), edge.stride, edge.padding, edge.dilation, edge.groups)
            total += y if edge.scale is None else y * column(edge.scale)
        if layer.bias is not None:
            total += column(layer.bias)
        y = fire(layer.neuron, total)
        if layer.pool is not None:
            pool = layer.pool
            y = pooled(y, pool.kernel, pool.stride, pool.padding, np.max, -np.inf)
        values.append(y)
    return values

"""Random graphs, for tests of lowering and of the native format."""

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
    Conv2d,
    ConvGru,
    ConvLstm,
    ConvMgu,
    ConvMinimalRnn,
    ConvTranspose2d,
    Delay,
    Dense,
    Flatten,
    GlobalAvgPool2d,
    GraphBuilder,
    Identity,
    Input,
    MaxPool2d,
    Neuron,
    Output,
    Quantise,
    Relu,
    SqueezeExcite,
    SumPool2d,
    ThresholdRelu,
    Upsample,
)
from seneca_sim.graph.shapes import infer_forms


def random_graph(rng, n_nodes):
    """Return a graph of about `n_nodes` operators in random order, each fitting what it reads; all ends are outputs."""
    build = GraphBuilder("random")
    build.add("input0", Input((int(rng.integers(1, 4)), 6, 6))).add("input1", Input((2, 6, 6)))
    shapes = {"input0": (build._nodes["input0"].shape), "input1": (2, 6, 6)}
    flat = set()
    for number in range(n_nodes):
        name = f"node{number}"
        unread = [source for source in shapes if not any(link.source == source for link in build._links)]
        source = unread[0] if unread and rng.random() < 0.6 else list(shapes)[int(rng.integers(len(shapes)))]
        node, sources = random_node(rng, shapes, flat, source)
        build.add(name, node, *sources)
        shape = measure(build, name, shapes)
        shapes[name] = shape
        if (isinstance(node, Flatten) and shapes[source][1:] != (1, 1)) or (
            not isinstance(node, Dense) and any(other in flat for other in sources)
        ):
            flat.add(name)
    for source in list(shapes):
        if not any(link.source == source for link in build._links):
            build.add(f"output_{source}", Output(), source)
    add_delayed_link(rng, build, shapes, flat)
    return build.graph()


def add_delayed_link(rng, build, shapes, flat):
    """Carry the values of some map over to the next step, into a neuron of the same map, where there are such."""
    ends = [name for name in shapes if isinstance(build._nodes[name], Neuron) and name not in flat]
    if rng.random() < 0.5 and ends:
        target = ends[int(rng.integers(len(ends)))]
        (incoming,) = {shapes[link.source] for link in build._links if link.target == target}
        starts = [name for name in shapes if shapes[name] == incoming and name not in flat]
        if starts:
            build.link(starts[int(rng.integers(len(starts)))], target, delay=1)


def measure(build, name, shapes):
    """Return the shape of the node added last."""
    links = [link for link in build._links if link.target == name]
    probe = GraphBuilder("probe")
    for source in dict.fromkeys(link.source for link in links):
        probe.add(source, Input(shapes[source]))
    probe.add(name, build._nodes[name], *[link.source for link in links])
    return infer_forms(probe.add("end", Output()).graph()).get(name).shape


def random_node(rng, shapes, flat, source):
    """Return a node that fits its source, and its sources."""
    channels, rows, columns = shapes[source]
    same = [name for name in shapes if shapes[name] == shapes[source] and name not in flat]
    side = [name for name in shapes if shapes[name][1:] == (rows, columns) and name not in flat]
    choices = [neuron(rng), neuron(rng), Affine(float(rng.integers(1, 4)) / 2, float(rng.integers(-1, 2)))]
    if (rows, columns) == (1, 1):
        choices.append(dense(rng, channels))
    if source not in flat:
        choices += [
            conv(rng, channels, rows, columns),
            conv(rng, channels, rows, columns),
            norm(rng, channels),
            Flatten(),
        ]
        choices += [Affine(rng.integers(1, 4, channels) / 2, rng.integers(-2, 3, channels) / 4)]
        kernel = (int(rng.integers(1, min(3, rows) + 1)), int(rng.integers(1, min(3, columns) + 1)))
        kind = (SumPool2d, AvgPool2d, MaxPool2d)[int(rng.integers(3))]
        choices += [kind(kernel), kind(kernel, int(rng.integers(1, 3)), (kernel[0] // 2, 0))]
        choices += [GlobalAvgPool2d(), block(rng, channels), block(rng, channels)]
        if rows * columns <= 36:
            choices += [upsample(rng, rows, columns), transpose(rng, channels)]
        if rng.random() < 0.05 and len(side) > 1:
            other = side[int(rng.integers(len(side)))]
            return context_aware(rng, channels, shapes[other][0]), [source, other]
        if rng.random() < 0.3:
            return Add(), [source, same[int(rng.integers(len(same)))]]
        if rng.random() < 0.2:
            return Concat(), [source, side[int(rng.integers(len(side)))]]
    return choices[int(rng.integers(len(choices)))], [source]


def neuron(rng):
    kinds = [
        Relu(),
        Identity(),
        ThresholdRelu(0.4567),
        Activation("tanh", 0.0123),
        Clip(0.0, 6.0),
        Quantise(0.37, -8.0, 7.0),
    ]
    kinds += [Delay(float(rng.integers(0, 3)))]
    return kinds[int(rng.integers(len(kinds)))]


def upsample(rng, rows, columns):
    factor = (int(rng.integers(1, 3)), 2)
    cut = (rows * factor[0] - int(rng.integers(factor[0])), columns * factor[1] - int(rng.integers(factor[1])))
    return Upsample(factor, (None, cut)[int(rng.integers(2))])


def transpose(rng, channels):
    groups = int(rng.choice([g for g in range(1, channels + 1) if channels % g == 0]))
    shape = (channels, int(rng.integers(1, 3)), int(rng.integers(1, 4)), int(rng.integers(2, 4)))
    stride = (int(rng.integers(1, 3)), 2)
    padding = tuple(int(rng.integers(0, (k + 1) // 2)) for k in shape[2:])
    more = extras(rng, (shape[1] * groups,))
    mask = rng.random(shape) < 0.6 if more.pop("mask") is not None else None
    extra = tuple(int(rng.integers(s)) for s in stride)
    return ConvTranspose2d(
        weights(rng, shape), **more, mask=mask, stride=stride, padding=padding, output_padding=extra, groups=groups
    )


def small(rng, *shape):
    """Return float weights that keep gates between their ends."""
    return rng.integers(-4, 5, shape).astype(np.float32) / 16


def block(rng, channels):
    """Return a block that fits a map of so many channels."""
    threshold, reset = ((None, "none"), *((0.0789, rule) for rule in ("none", "subtract", "zero")))[
        int(rng.integers(4))
    ]
    stride, n = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    biased = rng.random() < 0.5
    match int(rng.integers(5)):
        case 0:
            x, y = small(rng, 3 * n, channels, 3, 3), small(rng, 3 * n, n, 3, 3)
            return ConvGru(x, y, small(rng, 4 * n) if biased else None, stride, 1, threshold, reset=reset)
        case 1:
            x, y = small(rng, 2 * n, channels, 1, 3), small(rng, 2 * n, n, 3, 1)
            bias = small(rng, 3 * n) if biased else None
            return ConvMgu(x, y, bias, stride, (0, 1), threshold, "hard_sigmoid", reset=reset)
        case 2:
            x, y = small(rng, 4 * n, channels, 3, 3), small(rng, 4 * n, n, 3, 3)
            return ConvLstm(x, y, small(rng, 4 * n) if biased else None, stride, 1, threshold)
        case 3:
            x, z, y = small(rng, n, channels, 3, 3), small(rng, n, n, 3, 3), small(rng, n, n, 3, 3)
            bias = small(rng, n) if biased else None
            candidate = {"weight_z": z, "bias_x": bias, "candidate_threshold": 0.0345, "activation": "softsign"}
            return ConvMinimalRnn(x, y, bias, stride, 1, threshold, reset=reset, **candidate)
        case _:
            bias = small(rng, n) if biased else None
            return SqueezeExcite(small(rng, n, channels), small(rng, channels, n), bias)


def context_aware(rng, channels, seen):
    return ContextAware(
        small(rng, channels, seen) + np.float32(0.0037), small(rng, channels) if rng.random() < 0.5 else None
    )


def weights(rng, shape):
    """Return integer or float weights on a coarse grid, so that results compare exactly up to folding."""
    values = rng.integers(-3, 4, shape)
    return values.astype(np.int8) if rng.random() < 0.5 else (values / 4).astype(np.float32)


def extras(rng, shape):
    return {
        "bias": (rng.integers(-2, 3, shape[0]) / 4).astype(np.float32) if rng.random() < 0.5 else None,
        "scale": (None, 0.5, rng.integers(1, 4, shape[0]) / 2)[int(rng.integers(3))],
        "mask": rng.random(shape) < 0.6 if rng.random() < 0.3 else None,
    }


def conv(rng, channels, rows, columns):
    kernel = tuple(int(rng.integers(1, min(3, size) + 1)) for size in (rows, columns))
    dilation = tuple(2 if k > 1 and 2 * (k - 1) < n else 1 for k, n in zip(kernel, (rows, columns), strict=True))
    groups = int(rng.choice([g for g in range(1, channels + 1) if channels % g == 0]))
    shape = (groups * int(rng.integers(1, 3)), channels // groups, *kernel)
    stride, padding = int(rng.integers(1, 3)), tuple(int(rng.integers(0, k)) for k in kernel)
    return Conv2d(
        weights(rng, shape), **extras(rng, shape), stride=stride, padding=padding, dilation=dilation, groups=groups
    )


def dense(rng, size):
    shape = (int(rng.integers(1, 5)), size)
    return Dense(weights(rng, shape), **extras(rng, shape))


def norm(rng, channels):
    mean, offset = rng.integers(-2, 3, (2, channels)) / 4
    return BatchNorm2d(mean, rng.integers(1, 5, channels) / 2, rng.integers(1, 4, channels) / 2, offset)

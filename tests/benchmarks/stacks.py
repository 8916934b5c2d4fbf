"""Synthetic layer stacks with their mappings, for measuring the engines."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from seneca_sim.activity.trace import LayerTrace, Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs, EdgeCosts, LayerCosts
from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.graph.neurons import Relu
from seneca_sim.mapping.types import Mapping, Part

COMPUTE_BOUND = Timing(
    group_size=1,
    task_scope="pixel",
    group_bits=14,
    rv_packet=0,
    rv_value=0,
    rv_position=0,
    rv_fire=0,
    rv_out_packet=0,
    rv_out=0,
    rv_token=0,
)
"""The assumptions of the published hardware table: RISC-V costs a cycle a job, the NPEs decide the time."""


@dataclass(frozen=True)
class Stage:
    """A 3x3 convolution: output channels, stride, and into how many parts its channels are split."""

    channels: int
    stride: int
    parts: int


RED_SIZE = (
    Stage(64, 1, 2),
    Stage(128, 1, 8),
    Stage(128, 1, 8),
    Stage(1024, 2, 64),
    Stage(256, 1, 16),
    Stage(1024, 1, 64),
    Stage(256, 2, 16),
    Stage(1024, 1, 64),
    Stage(256, 1, 16),
    Stage(1024, 1, 64),
    Stage(256, 1, 21),
)
"""343 cores; with 85 % dense events about 26 GSOp per step from a 64-channel map of 84x150."""


@dataclass(frozen=True, eq=False)
class Stack:
    """A mapped stack with its activity."""

    network: Network
    mapping: Mapping
    trace: Trace
    timing: Timing
    costs: Costs

    @property
    def arguments(self) -> tuple[Network, Mapping, Trace, Timing, Costs]:
        """What an engine takes."""
        return self.network, self.mapping, self.trace, self.timing, self.costs


def stack_of(
    stages: tuple[Stage, ...],
    shape: tuple[int, int, int],
    density: float,
    steps: int = 1,
    timing: Timing = COMPUTE_BOUND,
    kernel: int = 3,
) -> Stack:
    """Return the stack behind an input map; every neuron fires with probability `density`, and nothing follows from it."""
    layers, parts = [Layer("input", None, shape)], []
    for number, stage in enumerate(stages):
        channels, rows, columns = layers[-1].out_shape
        out = stage.channels, -(-rows // stage.stride), -(-columns // stage.stride)
        weight = np.ones((stage.channels, channels, kernel, kernel), dtype=np.int8)
        strides, padding = (stage.stride,) * 2, (kernel // 2,) * 2
        edge = Edge(f"conv{number}", number, "conv", weight, stride=strides, padding=padding)
        layers.append(Layer(f"relu{number}", Relu(), out, (edge,), is_output=number == len(stages) - 1))
        bounds = np.linspace(0, stage.channels, stage.parts + 1).astype(int).tolist()
        for low, high in pairwise(bounds):
            parts.append(Part(number + 1, len(parts), (low, high), (0, out[1]), (0, out[2]), min(4, out[1])))
    side = int(np.ceil(np.sqrt(len(parts))))
    mesh = side, -(-len(parts) // side)
    mapping = Mapping("stack", tuple(parts), mesh, tuple((core % side, core // side) for core in range(len(parts))))
    rng = np.random.default_rng(1)
    traces = tuple(random_trace(rng, layer.out_shape, steps, density) for layer in layers)
    costs = Costs(
        tuple(LayerCosts(8, 5, 0, 1, "always", 16) for _ in layers), tuple(EdgeCosts(8, 5) for _ in layers[1:])
    )
    trace = Trace(traces, "synthetic", np.zeros((steps, len(stages)), dtype=np.int64))
    return Stack(Network("stack", tuple(layers)), mapping, trace, timing, costs)


def random_trace(rng: np.random.Generator, shape: tuple[int, int, int], steps: int, density: float) -> LayerTrace:
    channels, rows, columns = shape
    active = rng.random((steps, rows * columns, channels), dtype=np.float32) < density
    step, position, channel = np.nonzero(active)
    sites, counts = np.unique(step * rows * columns + position, return_counts=True)
    return LayerTrace(
        step_start=np.searchsorted(sites, np.arange(steps + 1) * rows * columns).astype(np.int64),
        position=(sites % (rows * columns)).astype(np.int32),
        first_event=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        channel=channel.astype(np.int32),
        value=None,
        neuron_events=active.sum(axis=(1, 2)).astype(np.int64),
        saturations=np.zeros(steps, dtype=np.int64),
    )

"""Starting the shipped example, and a rival's example by shape. Prints times and ratios; asserts nothing about time."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from time import perf_counter, process_time

import numpy as np
import pytest

from seneca_sim.activity.trace import Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine import fast
from seneca_sim.engine.costs import Costs, EdgeCosts, LayerCosts
from seneca_sim.engine.counts import INLET_COUNTERS
from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.graph.neurons import If
from seneca_sim.mapping.types import Mapping, Part
from tests.benchmarks.stacks import random_trace

SOPS = INLET_COUNTERS.index("sops")
SURVEYED_SOPS_PER_SECOND = 4.05e6
"""SANA-FE 2.2.9, its DVS-gesture example on 49 Loihi cores, 128 steps, timing model `detailed`, on a machine of 2 cores."""


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print past pytest's capture."""

    def out(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}")

    return out


def test_warm_start(say: Callable[[str], None]) -> None:
    command = [sys.executable, "-m", "seneca_sim.cli", "run", "--json"]
    seconds = []
    for _ in range(4):
        begin = perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(perf_counter() - begin)
    say(f"seneca-sim run, shipped example: first {seconds[0]:.1f} s, then {min(seconds[1:]):.1f} s")


def gesture_stack() -> tuple[Network, Mapping, Trace, Timing, Costs]:
    """Return a network of the example's shape: 49 cores, 128 steps, about 38,000 firings (random, not the example's own)."""
    layers, parts = [Layer("input", None, (1, 32, 32))], []
    shapes = [(16, 15, 15), (32, 13, 13), (64, 11, 11), (11, 9, 9), (11, 1, 1)]
    for number, (shape, split) in enumerate(zip(shapes, (8, 16, 16, 8, 1), strict=True)):
        kernel = 9 if number == 4 else 3
        weight = np.ones((shape[0], layers[-1].shape[0], kernel, kernel), dtype=np.int8)
        kind = "dense" if number == 4 else "conv"
        edge = Edge(f"w{number}", number, kind, weight, stride=(2, 2) if number == 0 else (1, 1))
        layers.append(Layer(f"layer{number}", If(), shape, (edge,), is_output=number == 4))
        bounds = np.linspace(0, shape[0], split + 1).astype(int)
        for low, high in pairwise(bounds.tolist()):
            part = Part(number + 1, len(parts), (low, high), (0, shape[1]), (0, shape[2]), shape[1])
            parts.append(part)
    rng, steps = np.random.default_rng(1), 128
    densities = (0.02, 0.02, 0.02, 0.014, 0.01, 0.05)
    traces = tuple(random_trace(rng, layer.shape, steps, d) for layer, d in zip(layers, densities, strict=True))
    trace = Trace(traces, "synthetic", np.zeros((steps, 5), dtype=np.int64))
    mapping = Mapping("gesture", tuple(parts), (7, 7), tuple((core % 7, core // 7) for core in range(49)))
    costs = Costs(tuple(LayerCosts(8, 5) for _ in layers), (EdgeCosts(8, 4),) * 5)
    return Network("gesture", tuple(layers)), mapping, trace, Timing(task_scope="pixel"), costs


@pytest.mark.parametrize("noc", ["mesh", "ideal"])
def test_an_example_of_a_rival_by_shape(noc: str, say: Callable[[str], None]) -> None:
    network, mapping, trace, timing, costs = gesture_stack()
    arguments = network, mapping, trace, replace(timing, noc=noc), costs
    fast.run(*arguments)
    begin = process_time()
    counts = fast.run(*arguments)
    seconds = process_time() - begin
    sops = int(counts.inlets[..., SOPS].sum())
    firings = sum(len(layer.channel) for layer in trace.layers[1:])
    say(
        f"DVS-gesture shape, {firings} firings, {sops / 1e6:.1f} M SOP, noc {noc}: {sops / seconds / 1e6:.1f} M SOP/s, "
        f"{sops / seconds / SURVEYED_SOPS_PER_SECOND:.1f} times SANA-FE's surveyed rate (another machine state; not run here)"
    )

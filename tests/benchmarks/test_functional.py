"""Rates of the functional kernels: synaptic operations per second on one core, beside the machine's matrix multiplication.

Run with ``python -m pytest tests/benchmarks/test_functional.py --benchmark-only -s``; a table follows the last case. Nothing
is asserted about time. The convolution is 3x3 over 32x32 positions, 10 % of the neurons active, scattered.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seneca_sim.activity.connection import Connection
from seneca_sim.activity.float_neurons import FloatNeurons
from seneca_sim.activity.step_events import step_events
from seneca_sim.activity.sums import Sums
from seneca_sim.events.sparse import sparse_steps
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.graph.neurons import (
    Activation,
    ContextThreshold,
    GruCell,
    LstmCell,
    MguCell,
    MinimalCell,
    MultiThreshold,
    Product,
    Quantise,
    Relu,
    sum_names,
)

SIDE, DENSITY = 32, 0.1
RATES: list[str] = []

CASES = {
    "int8, spikes": ("int8", "int32", True),
    "int8, values": ("int8", "int32", False),
    "int32, values": ("int32", "int32", False),
    "int8, values, watched 16 bit": ("int8", "int16", False),
    "fp32, spikes": ("fp32", "fp32", True),
    "fp32, values": ("fp32", "fp32", False),
    "bf16, spikes": ("bf16", "bf16", True),
    "bf16, values": ("bf16", "bf16", False),
}


@pytest.fixture(scope="module")
def matmul_gmacs():
    """Return numpy's float32 matrix multiplication on one thread, in 1e9 multiply-adds per second."""
    script = (
        "import time, numpy as np\n"
        "a = np.ones((1024, 1024), np.float32); a @ a; best = 1e9\n"
        "for _ in range(10):\n"
        "    start = time.perf_counter(); a @ a; best = min(best, time.perf_counter() - start)\n"
        "print(1024**3 / best / 1e9)"
    )
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **threads}, capture_output=True, text=True, check=True
    )
    yield float(done.stdout)
    print(f"\n{'case':<36}{'channels':>10}{'GSOP/s':>10}{'of matmul':>12}   (matmul {float(done.stdout):.0f} GMAC/s)")
    print("\n".join(RATES))


@pytest.mark.parametrize("channels", [64, 128, 256])
@pytest.mark.parametrize("case", CASES)
def test_convolution_rate(benchmark, matmul_gmacs, case, channels):
    weight_type, state, spikes = CASES[case]
    rng = np.random.default_rng(0)
    shape = (channels, SIDE, SIDE)
    cells = np.flatnonzero(rng.random(SIDE * SIDE * channels) < DENSITY)
    values = rng.integers(1, 8, len(cells)).astype(np.int32 if "int" in weight_type else np.float32)
    source = Layer("source", None, shape)
    weight = rng.integers(-127, 128, (channels, channels, 3, 3))
    edge = Edge(
        "edge",
        0,
        "conv",
        weight.astype({"int8": np.int8, "int32": np.int32}.get(weight_type, np.float32)),
        padding=(1, 1),
    )
    layer = Layer("layer", Relu(), shape, (edge,), precision=Precision(weight_type, state, state))
    connection = Connection(edge, source, layer, 0)
    events = step_events(sparse_steps(cells, None if spikes else values, 1, shape), 0)
    sums = Sums(layer, "integer" if "int" in weight_type else weight_type, wraps=False)
    sums.of([(connection, events)])
    benchmark.pedantic(sums.of, args=([(connection, events)],), rounds=10, warmup_rounds=1)
    rate = connection.sops(events) / benchmark.stats.stats.min / 1e9
    RATES.append(f"{case:<36}{channels:>10}{rate:>10.1f}{rate / matmul_gmacs:>12.2f}")
    assert connection.sops(events) == pytest.approx(len(cells) * 9 * channels, rel=0.1)


def test_rate_of_a_convolution_into_four_sums(benchmark, matmul_gmacs):
    """As `test_convolution_rate`, with four sums for each of 64 neurons of a position."""
    rng = np.random.default_rng(0)
    shape, channels = (64, SIDE, SIDE), 64
    cells = np.flatnonzero(rng.random(SIDE * SIDE * channels) < DENSITY)
    weight = rng.normal(size=(4 * channels, channels, 3, 3)).astype(np.float32)
    edge = Edge("edge", 0, "conv", weight, padding=(1, 1), sums=4)
    layer = Layer("layer", LstmCell(), shape, (edge,), precision=Precision("fp32", "fp32", "fp32"))
    connection = Connection(edge, Layer("source", None, shape), layer, 0)
    values = rng.normal(size=len(cells)).astype(np.float32)
    events = step_events(sparse_steps(cells, values, 1, shape), 0)
    sums = Sums(layer, "fp32", wraps=False)
    benchmark.pedantic(sums.of, args=([(connection, events)],), rounds=10, warmup_rounds=1)
    rate = connection.sops(events) / benchmark.stats.stats.min / 1e9
    RATES.append(f"{'fp32, values, 4 sums of 64':<36}{channels:>10}{rate:>10.1f}{rate / matmul_gmacs:>12.2f}")
    assert connection.sops(events) == pytest.approx(len(cells) * 9 * 4 * channels, rel=0.1)


NEURONS = {
    "Relu": Relu(),
    "tanh": Activation("tanh"),
    "table_tanh": Activation("table_tanh"),
    "Quantise": Quantise(0.1, -8, 7),
    "MguCell": MguCell(0.5),
    "MinimalCell": MinimalCell(0.5),
    "GruCell": GruCell(0.5, "subtract"),
    "LstmCell": LstmCell(0.5),
    "LstmCell, hard": LstmCell(0.5, "hard_sigmoid", "hard_tanh"),
}


@pytest.mark.parametrize("number", ["fp32", "bf16"])
@pytest.mark.parametrize("name", NEURONS)
def test_rate_of_neurons(benchmark, matmul_gmacs, name, number):
    """Time the neurons of a map of 256 channels and 45x80 positions, as RED has."""
    neuron, shape = NEURONS[name], (256, 45, 80)
    layer = Layer("layer", neuron, shape, precision=Precision(number, number, number))
    neurons = FloatNeurons(layer, number == "bf16")
    x = np.random.default_rng(0).normal(size=(45 * 80, layer.sums * 256)).astype(np.float32)
    neurons.step(x)
    benchmark.pedantic(neurons.step, args=(x,), rounds=5, warmup_rounds=1)
    seconds = benchmark.stats.stats.min
    nanoseconds = seconds * 1e9 / np.prod(shape)
    RATES.append(f"{f'{name}, {number}, 256x45x80':<36}{seconds * 1e3:>10.1f} ms{nanoseconds:>10.1f} ns each")
    assert neurons.step(x)[0].shape == (45 * 80, 256)


COLD = """
import sys, time
sys.path.insert(0, {root!r})
start = time.perf_counter()
from tests.benchmarks.test_functional import compile_all
compile_all()
print(time.perf_counter() - start)
"""


def compile_all() -> None:
    """Call every functional kernel once in every combination of types that networks use."""
    from seneca_sim.activity import run_network
    from seneca_sim.graph.network import MaxPool
    from seneca_sim.graph.neurons import CubaLif, SigmaDelta

    for number, spikes in ((n, s) for n in ("fp32", "bf16", "int32", "int4") for s in (True, False)):
        integer = number.startswith("int")
        dtype, event = (np.int8, "int32") if integer else (np.float32, number)
        weight = np.ones((2, 2, 2, 2), dtype)
        mask = np.ones(weight.shape, bool)
        precision = Precision("int8" if integer else number, number, "binary" if spikes else event)
        kinds = [CubaLif(1.0, 1.0)] if spikes else [Relu(), SigmaDelta(1.0)]
        layers = [Layer("in", None, (2, 4, 4), precision=precision)]
        for neuron in kinds:
            edge = Edge("e", len(layers) - 1, "conv", weight, padding=(1, 1), mask=mask)
            layers.append(Layer("l", neuron, (2, 5, 5), (edge,), None, MaxPool((2, 2), (1, 1)), precision))
        dense = Edge("d", len(layers) - 1, "dense", np.ones((2, 2, 4, 4), dtype))
        layers.append(Layer("o", kinds[-1], (2, 1, 1), (dense,), precision=precision, is_output=True))
        values = None if spikes else np.full(4, 100, np.int32 if integer else np.float32)
        run_network(Network("all", tuple(layers)), [sparse_steps(np.arange(4), values, 1, (2, 4, 4))])
    for number in ("fp32", "bf16", "int32"):
        run_network(chain_of_neurons(number), [sparse_steps(np.arange(4), np.ones(4, np.int32), 1, (2, 2, 1))])


def chain_of_neurons(number: str) -> Network:
    """Return a network with quantisers and, in floats, functions and neurons with several sums."""
    whole = number == "int32"
    neurons = [Quantise(1.0, -8, 7), MultiThreshold(np.array([[0.0, 1.0]]))]
    if not whole:
        neurons += [Activation("tanh"), MguCell(), MinimalCell(), LstmCell(), Product(), ContextThreshold()]
    precision = Precision("int32" if whole else number, number, number)
    layers = [Layer("in", None, (2, 2, 1), precision=precision)]
    for neuron in neurons:
        sums = len(sum_names(neuron))
        weight = np.ones((2 * sums, 2, 1, 1), np.int32 if whole else np.float32)
        edge = Edge("e", len(layers) - 1, "conv", weight, sums=sums)
        layers.append(Layer("l", neuron, (2, 2, 1), (edge,), precision=precision))
    return Network("chain", tuple(layers), task="other")


def test_cold_compilation(benchmark):
    """Time a fresh process that compiles every functional kernel, imports included; the target is 10 s."""
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "SENECA_NUMBA_CACHE": "0"}

    def compile_in_a_fresh_process() -> float:
        command = [sys.executable, "-c", COLD.format(root=root)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return float(done.stdout)

    start = time.perf_counter()
    seconds = benchmark.pedantic(compile_in_a_fresh_process, rounds=1)
    RATES.append(f"cold compilation of all functional kernels: {seconds:.1f} s")
    assert 0 < seconds <= time.perf_counter() - start

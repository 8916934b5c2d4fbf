"""FireNet (optical flow, 56x56 pixels), spiking and not, one layer on a core: how control-bound convolutions take their time.

Structure, group size, times and energies are published (Xu et al. 2025, Neural Networks 188:107447, read in notes on the paper);
densities of neurons (4.5 % for both) too, densities of pixels were read by eye from a plot (3 points). How the neuron density is
spread over the layers is not known: here it follows the pixel density. The costs of a position in the preset `seneca` come from
the recurrent phases of these runs, so the times are partly a fit; yet they fall short of the published ones by a fifth to two
fifths, and nothing was tuned to hide it.
Run it as it is: ``python experiments/firenet.py``.
"""

from dataclasses import replace

import numpy as np

import seneca_sim as ss
from seneca_sim.activity import Densities, LayerDensities, synthetic_trace
from seneca_sim.graph import (
    Conv2d,
    GraphBuilder,
    Identity,
    Input,
    Lif,
    Network,
    Output,
    Precision,
    ThresholdRelu,
    lower,
)
from seneca_sim.mapping import Mapping, Part, provision_rows

SIDE, CHANNELS = 56, 32
RUNS = {
    "spiking": (0.0453, (0.085, 0.22, 0.40, 0.29, 0.306, 0.515, 0.50, 0.51), 44.9, 927.0),
    "not spiking": (0.0452, (0.085, 0.31, 0.825, 0.385, 0.25, 0.95, 0.99, 1.0), 71.8, 1232.7),
}


def firenet(spiking: bool) -> Network:
    types = Precision("bf16", "bf16", "binary" if spiking else "bf16")
    net = GraphBuilder("firenet", dt_us=1000.0 if spiking else None, task="other")
    net.add("events", Input((2, SIDE, SIDE)), precision=types)
    last = "events"
    for k in range(1, 8):
        sources = 2 if k == 1 else CHANNELS
        net.add(f"weights{k}", Conv2d(np.zeros((CHANNELS, sources, 3, 3), np.float32), padding=1), last)
        last = f"conv{k}"
        net.add(last, Lif(0.9) if spiking else ThresholdRelu(0.1), precision=types)
        if k in (2, 5):
            net.add(f"recurrent{k}", Conv2d(np.zeros((CHANNELS, CHANNELS, 3, 3), np.float32), padding=1), last)
            net.link(f"recurrent{k}", last, delay=1)
    net.add("weights8", Conv2d(np.zeros((2, CHANNELS, 1, 1), np.float32)), last).add("flow", Identity())
    return lower(net.add("output", Output()).graph())


def activity(density: float, pixels: tuple[float, ...]) -> Densities:
    mean = float(np.mean(pixels[1:]))
    shares = [(density * pixel / mean, pixel) for pixel in pixels] + [(1.0, 1.0)]
    layers = tuple(LayerDensities((neuron, neuron), (pixel, pixel), "see the file") for neuron, pixel in shares)
    return Densities("FireNet", "Xu et al. 2025, pixel densities read by eye", 2, 4.0, layers)


def one_layer_a_core(network: Network) -> Mapping:
    whole = [
        Part(k, k - 1, (0, layer.shape[0]), (0, SIDE), (0, SIDE), 0) for k, layer in enumerate(network.layers) if k
    ]
    parts = tuple(replace(part, state_rows=n) for part, n in zip(whole, provision_rows(network, whole), strict=True))
    return Mapping(network.name, parts, (4, 2), tuple((k if k < 4 else 7 - k, k // 4) for k in range(8)))


print("network       time ms  published   energy µJ  published  cores")
times, energies = [], []
for name, (density, pixels, time_ms, energy_uj) in RUNS.items():
    network = firenet(name == "spiking")
    trace = synthetic_trace(network, activity(density, pixels))
    result = ss.simulate(network, activity=trace, mapping=one_layer_a_core(network), set=["flow.pipelined=false"])
    step = result.steps.iloc[1]
    times.append(step.latency_us / 1000)
    energies.append(step.energy_uj)
    print(
        f"{name:12s} {times[-1]:8.1f} {time_ms:10.1f} {energies[-1]:11.1f} {energy_uj:10.1f} {result.summary['cores']:6d}"
    )
print(f"ratio        {times[0] / times[1]:8.2f}       0.63 {energies[0] / energies[1]:11.2f}       0.75")

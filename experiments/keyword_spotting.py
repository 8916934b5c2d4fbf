"""The five builds of SENECA's keyword-spotting ablation as switches of one chip, beside the published times and energies.

The network is an MLP 390-256-256-29 on one core (Tang, talk NCN 2023). Its weights and its activity are not published: the
activity is synthetic, 126,000 synaptic operations, spikes, BF16 weights and states. The costs of the preset `seneca` were
calibrated on these very rows, so the agreement is a fit and not a prediction; what the simulation adds to the closed form behind
the fit is how far the units of a core overlap. BF16 weights take 2.76 Mb, more than the 2.1 Mb of a core, so the builds were
measured with narrower ones or with more memory; the sources do not say, and here the memory is doubled.
Run it as it is: ``python experiments/keyword_spotting.py``.
"""

from itertools import pairwise

import numpy as np

import seneca_sim as ss
from seneca_sim.activity import Densities, LayerDensities, synthetic_trace
from seneca_sim.graph import Dense, GraphBuilder, If, Input, Network, Output, Precision, lower

SIZES = (390, 256, 256, 29)
SOPS = 126_000
BUILDS = {
    "RISC-V only": ({"npe.enabled", "loop_controller.enabled", "event_generator.enabled"}, 1, 6625, 34.0),
    "+ NPEs": ({"loop_controller.enabled", "event_generator.enabled"}, 1, 1098, 6.71),
    "+ loop controller": ({"event_generator.enabled"}, 1, 541, 2.81),
    "+ event generator": (set(), 1, 400, 2.10),
    "+ spike grouping": (set(), 4, 218, 1.20),
}


def perceptron() -> Network:
    types = Precision("bf16", "bf16", "binary")
    net = GraphBuilder("keyword-spotting", dt_us=1000.0).add("sound", Input((SIZES[0],)), precision=types)
    for k, (sources, targets) in enumerate(pairwise(SIZES), 1):
        net.add(f"weights{k}", Dense(np.zeros((targets, sources), np.float32)))
        net.add(f"layer{k}", If(), precision=types)
    return lower(net.add("output", Output()).graph())


network = perceptron()
share = SOPS / sum(sources * targets for sources, targets in pairwise(SIZES))
layer = LayerDensities((share, share), (1.0, 1.0), "solved for 126,000 synaptic operations")
activity = synthetic_trace(network, Densities("keyword-spotting", layer.provenance, 1, 4.0, (layer,) * len(SIZES)))
print("build               time µs  published   energy µJ  published")
for build, (absent, group, time_us, energy_uj) in BUILDS.items():
    switches = [f"core.{name}=false" for name in sorted(absent)]
    switches += [f"core.grouping.size={group}", "core.data_memory_bits=4194304"]
    summary = ss.simulate(network, activity=activity, set=switches, goal="fewest-cores", cores=1).summary
    print(f"{build:18s} {summary['latency_us']:8.0f} {time_us:10d} {summary['energy_uj']:11.2f} {energy_uj:10.2f}")

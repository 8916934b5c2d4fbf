"""The five builds of SENECA's keyword-spotting ablation as switches of one chip, beside the published times and energies.

The network is an MLP 390-256-256-29 on one core (Tang, talk NCN 2023). Its weights and its activity are not
published: the activity is synthetic, 126,000 synaptic operations, spikes, BF16 weights and states. The costs of the
preset `seneca` were calibrated on these very times (`experiments/calibration.py`), so their agreement is a fit and
not a prediction; the energies follow from what is counted. BF16 weights take 2.76 Mb, more than the 2.1 Mb of a core,
so the builds were measured with narrower ones or with more memory; the sources do not say, and here the memory is
doubled. Other activities: ``seneca-sim reproduce kws-builds``. Run it as it is: ``python
experiments/keyword_spotting.py``.
"""

from seneca_sim.reproduce.citations import load_published
from seneca_sim.reproduce.keyword_spotting import BUILDS, Workload, simulate_build

published = load_published("kws-builds")
print("build               time µs  published   energy µJ  published")
for build in BUILDS:
    summary, cited = simulate_build(build, Workload()).summary, published.row(build).values
    time_us, energy_uj = cited["time"][0], cited["energy"][0]
    print(f"{build:18s} {summary['latency_us']:8.0f} {time_us:10.0f} {summary['energy_uj']:11.2f} {energy_uj:10.2f}")

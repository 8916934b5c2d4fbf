"""FireNet (optical flow, 56x56 pixels), spiking and not, one layer on a core: how control-bound convolutions take their time.

Structure, group size, times and energies are published (Xu et al. 2025, Neural Networks 188:107447, read in notes on
the paper); densities of neurons (4.5 % for both) too, densities of pixels were read by eye from a plot (3 points).
How the neuron density is spread over the layers is not known: here it follows the pixel density. Two constants of the
preset `seneca` were fitted to the recurrent phases and the energy of the spiking network, so its row is no test; the
other is a prediction. An inference is read as a pipeline through the map and a recurrent phase behind it; the last
column is the latency if recurrent values are replayed between the events of the next step instead, as a run does it.
Run it as it is: ``python experiments/firenet.py``.
"""

from seneca_sim.reproduce.citations import load_published
from seneca_sim.reproduce.optical_flow import simulate_flow

published = load_published("firenet")
print("network       time ms  published   energy µJ  published   replayed between events, ms")
runs = {"spiking": simulate_flow("firenet-snn"), "not spiking": simulate_flow("firenet-ann")}
for name, run in runs.items():
    cited = published.row(f"56x56, {name}").values
    print(
        f"{name:12s} {run.time_ms:8.1f} {cited['time'][0]:10.1f} {run.energy_uj:11.1f} {cited['energy'][0]:10.1f}"
        f" {run.replayed_ms:29.1f}"
    )
spiking, graded = runs.values()
print(
    f"ratio        {spiking.time_ms / graded.time_ms:8.2f}       0.63 {spiking.energy_uj / graded.energy_uj:11.2f}       0.75"
    f" {spiking.replayed_ms / graded.replayed_ms:29.2f}"
)

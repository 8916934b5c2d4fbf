"""The calibrated constants of the preset `seneca`, fitted once more to the published figures, and what is left over.

Seven constants: two from FireNet (durations of two recurrent phases, energy of the spiking network), five from the
times of the five keyword-spotting builds. Everything else in the two tables is not fitted. Ours is the chip with the
constants found here. Run it as it is: ``python experiments/calibration.py``.
"""

from seneca_sim.chip import load_chip
from seneca_sim.reproduce.calibration import calibrate
from seneca_sim.reproduce.citations import load_published
from seneca_sim.reproduce.keyword_spotting import BUILDS, Workload, simulate_build
from seneca_sim.reproduce.optical_flow import simulate_flow

builds, flow = load_published("kws-builds"), load_published("firenet")
fit = calibrate(builds, flow)
preset = load_chip("seneca").flat()

print("constant                             fitted   preset")
for name, value in fit.constants.items():
    shipped = preset["instructions.MLD.cycles" if name == "instructions" else name].value
    print(f"{name if name != 'instructions' else 'instructions.*.cycles':36s} {value:6d} {shipped:8d}")


def line(row: str, quantity: str, unit: str, published: float, ours: float, fitted: bool) -> None:
    deviation = 100 * (ours / published - 1)
    print(
        f"{row:22s} {quantity:14s} {published:9.2f} {ours:9.2f} {unit} {deviation:+6.1f} %{'  fitted' if fitted else ''}"
    )


print("\nrow                    quantity       published      ours    deviation")
for name in BUILDS:
    summary, cited = simulate_build(name, Workload(), fit.overrides()).summary, builds.row(name).values
    line(name, "time", "µs", cited["time"][0], summary["latency_us"], True)
    line(name, "energy", "µJ", cited["energy"][0], summary["energy_uj"], False)
for kind, network in (("spiking", "firenet-snn"), ("not spiking", "firenet-ann")):
    run, cited = simulate_flow(network, overrides=fit.overrides()), flow.row(f"56x56, {kind}").values
    if kind == "spiking":
        for layer, time in run.recurrent_ms.items():
            phase = flow.row(f"56x56, {kind}, recurrent phase of layer {layer.removeprefix('conv')}").values["time"][0]
            line(f"FireNet {kind}", f"phase of {layer[-1]}", "ms", phase, time, True)
    line(f"FireNet {kind}", "time", "ms", cited["time"][0], run.time_ms, False)
    line(f"FireNet {kind}", "energy", "µJ", cited["energy"][0], run.energy_uj, kind == "spiking")

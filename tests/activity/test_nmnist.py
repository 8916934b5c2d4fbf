"""A real spiking network on 50 real recordings: class, output spikes and spikes per layer, under both spike rules."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seneca_sim.activity import run_network
from seneca_sim.events import load_input
from seneca_sim.events.sparse import LayerTrace
from seneca_sim.graph.load import load_network


@pytest.mark.parametrize(("rule", "max_spikes"), [("single", 1), ("multi", 1000)])
def test_spikes_of_all_layers_equal_the_reference(shared_data, rule, max_spikes):
    reference = json.loads(shared_data("models/reference/nir_cnn_nmnist.json").read_text())
    network = load_network(
        shared_data("models/nir/cnn_sinabs.nir"), dt_us=1000, reset="subtract", max_spikes=max_spikes
    )
    expected = reference[rule]
    for number, sample in enumerate(reference["samples"]):
        trace = run_network(network, load_input(network, shared_data(f"events/{sample}")))
        spikes = [int(sum_of(layer)) for layer in trace.layers[1:]]
        assert spikes == [counts[number] for counts in expected["spikes"].values()], sample
        assert trace.class_scores.tolist() == expected["out"][number], sample
        assert np.argmax(trace.class_scores) == np.argmax(expected["out"][number]), sample


def sum_of(layer: LayerTrace) -> float:
    return len(layer.channel) if layer.value is None else layer.value.sum()


MEMORY = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from seneca_sim.activity import run_network
from seneca_sim.events import load_input
from seneca_sim.graph.load import load_network
network = load_network({network!r}, dt_us=1000, reset="subtract")
trace = run_network(network, load_input(network, {recording!r}))
assert trace.n_steps == 300 and trace.sops.sum() > 10**6
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) / 1024)
"""
"""Prints the peak of this process alone [MiB]: `ru_maxrss` would start at that of the process that started it."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory is read from Linux's /proc")
def test_a_recording_runs_within_400_mib(shared_data):
    network, events = (str(shared_data(name)) for name in ("models/nir/cnn_sinabs.nir", "events/nmnist/test/60001.bs2"))
    script = MEMORY.format(root=str(Path(__file__).parents[2]), network=network, recording=events)
    for _ in range(2):  # the first process may have to compile
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 400

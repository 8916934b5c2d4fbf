"""The books balance for networks of every shape: branches, pooling, masks, recurrence, several inputs, on several chips."""

import json

import numpy as np
import pytest

import seneca_sim as ss
from seneca_sim.activity import run_network
from seneca_sim.events.frames import frame_steps
from seneca_sim.report.explain import explain, explainable
from tests.networks import input_maps, random_network

CHIPS = (
    ["core.riscv.idle_pj=0.1"],
    ["prices.powered=all", "noc.columns=3", "noc.rows=3"],
    ["core.loop_controller.enabled=false"],
    ["core.masked=chunk_skip"],
)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 16, 19, 32, 44])
def test_every_number_of_a_random_system_adds_up(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_layers=5)
    trace = run_network(
        network, [frame_steps(frames, "frame", "drawn") for frames in input_maps(rng, network, steps=3)]
    )
    result = ss.simulate(network, activity=trace, set=CHIPS[seed % 4], cores=3)
    summary, layers = result.summary, result.layers
    assert layers["energy_uj"].sum() + summary["energy_unassigned_uj"] == pytest.approx(summary["energy_uj"], rel=1e-12)
    assert result.steps["energy_uj"].sum() == pytest.approx(summary["energy_uj"], rel=1e-12)
    assert layers["sops"].sum() == summary["sops"] == trace.sops.sum()
    assert (layers["sops_masked"] >= 0).all()
    assert (
        result.cores.filter(regex="^memory_").to_numpy().sum() == summary["memory_bits"] == layers["memory_bits"].sum()
    )
    for field in explainable(result):
        node = explain(result, field)
        assert sum(leaf.value for leaf in node.leaves()) * node.scale == pytest.approx(node.value, rel=1e-12), field
    busy = [
        leaf.count for leaf in explain(result, "energy_riscv_uj").leaves() if leaf.label.endswith("busy RISC-V cycle")
    ]
    assert sum(busy) == result.record.counts.cores[:, 0].sum()
    assert json.loads(result.files()["summary.json"])["activity_source"] == "simulated"

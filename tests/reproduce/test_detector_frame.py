"""A frame of a detector: what is read off a run, and loads that follow densities."""

import numpy as np
import pytest

from seneca_sim.activity.fit import fit_densities, ruled_densities
from seneca_sim.activity.rule import load_rule
from seneca_sim.chip import load_chip
from seneca_sim.engine.counts import INLET_COUNTERS, PART_COUNTERS
from seneca_sim.graph import load_network
from seneca_sim.mapping.automatic import automatic_mapping
from seneca_sim.reproduce.detector_frame import prepared_frame, run_frame
from seneca_sim.shipped import shipped_folder

RULE = load_rule(shipped_folder("models") / "activities" / "rules" / "zeros.yaml")


@pytest.fixture(scope="module")
def network():
    return load_network("seed-128-gru", size="96x128")


@pytest.fixture(scope="module")
def densities(network):
    return [layer.neuron_density for layer in fit_densities(network, RULE, 60e6).layers]


@pytest.fixture(scope="module")
def run(network, densities):
    """Give the run of a small frame on 64 cores."""
    frame = prepared_frame(network, ruled_densities(network, RULE, densities))
    chip = load_chip("seneca-seed-table")
    return run_frame(frame, chip, automatic_mapping(network, chip, goal="power-of-two", cores=64, trace=frame.trace))


def test_one_step_is_run_and_recurrent_layers_alone_hold_the_step_before(run):
    assert len(run.result.steps) == 1
    assert run.frame.gsop == pytest.approx(0.06, rel=0.01)
    holding = [
        layer.name
        for layer, held in zip(run.frame.network.layers, run.frame.trace.held, strict=True)
        if held.step_start[1]
    ]
    assert holding == ["level1", "level2", "level3"]


def test_loads_at_the_own_densities_are_the_cycles_that_were_counted(run, densities):
    loads = run.lanes(densities)
    counts = run.result.record.counts
    fired = counts.parts[0, :, PART_COUNTERS.index("lc_cycles")].sum()
    received = counts.inlets[0, :, INLET_COUNTERS.index("lc_cycles")].sum()
    assert loads.of(np.asarray(densities)).sum() == pytest.approx(fired + received)


def test_loads_at_other_densities_are_what_a_run_with_them_takes(run, network, densities):
    others = [
        density * (0.6 if number % 2 else 1.2) if density < 0.5 else density for number, density in enumerate(densities)
    ]
    frame = prepared_frame(network, ruled_densities(network, RULE, others))
    again = run_frame(frame, run.chip, run.mapping)
    expected = run.lanes(densities).of(np.asarray(others))
    counted = again.lanes(others).of(np.asarray(others))
    assert counted == pytest.approx(expected, rel=0.04, abs=0.005 * expected.max())
    assert counted.sum() == pytest.approx(expected.sum(), rel=0.01)


def test_idle_lanes_are_what_energy_has_more_than_operations_and_updates(run):
    sops = run.result.record.counts.inlets[0, :, INLET_COUNTERS.index("sops")].sum()
    useful_mj = sops * 14.1 / 1e9  # MLD, MLD, MUL, ADD, MST in BF16 [pJ]
    updates_mj = run.energy_mj - run.idle_lanes_mj() - useful_mj
    assert 0 < updates_mj < 0.2 * useful_mj
    assert run.idle_lanes_mj() > 0

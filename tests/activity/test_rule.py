"""Rules for densities, and the one number that is fitted to a published total."""

import numpy as np
import pytest

from seneca_sim.activity.fit import activity_text, dense_sops, fit_densities
from seneca_sim.activity.rule import load_rule
from seneca_sim.activity.synthetic import load_densities
from seneca_sim.errors import ActivityError, RequestError
from seneca_sim.graph import load_network
from seneca_sim.shipped import shipped_folder

HEAD = "format: seneca_sim/activity-rule/1\nprovenance: a test\ngroups:\n"
PLAIN = HEAD + (
    "  - {of: input, density: 0.1, low: 0.05, high: 0.2, reason: known}\n"
    "  - {layers: [layer1], shape: 2, high: 0.5, reason: twice as dense}\n"
    "  - {layers: ['*'], shape: 1, reason: the rest}\n"
)


@pytest.fixture
def rule(tmp_path):
    return written(tmp_path, PLAIN)


def written(folder, text):
    (folder / "rule.yaml").write_text(text)
    return load_rule(folder / "rule.yaml")


def test_the_first_group_that_holds_a_layer_counts(rule):
    network = load_network("kws-mlp")
    assert [rule.group_of(layer).reason for layer in network.layers] == [
        "known",
        "twice as dense",
        "the rest",
        "the rest",
    ]


def test_pixel_densities_follow_from_half_of_the_channels(rule):
    network = load_network("firenet-ann")
    layer = next(layer for layer in network.layers if layer.shape[0] == 32)
    assert rule.pixel_density(layer, 0.045) == pytest.approx(1 - (1 - 0.045) ** 16)
    assert rule.pixel_density(layer, 0.0) == 0.0
    assert rule.pixel_density(layer, 1.0) == 1.0


def test_a_fit_meets_its_total_with_the_shapes_of_the_rule(rule):
    network = load_network("kws-mlp")
    fit = fit_densities(network, rule, 40_000)
    densities = [layer.neuron_density for layer in fit.layers]
    assert densities[:3] == pytest.approx([0.1, 2 * fit.number, fit.number])
    assert np.dot(densities, dense_sops(network)) == pytest.approx(40_000)
    assert fit.sops == pytest.approx(40_000)


def test_what_is_assumed_beside_it_bounds_the_free_number(tmp_path):
    rule = written(tmp_path, PLAIN.replace(", high: 0.5", ""))
    fit = fit_densities(load_network("kws-mlp"), rule, 40_000)
    weights = 2 * 65_536 + 7_424  # operations of the layers that follow the number
    assert fit.number == pytest.approx((40_000 - 0.1 * 99_840) / weights)
    assert fit.lowest == pytest.approx((40_000 - 0.2 * 99_840) / weights)
    assert fit.highest == pytest.approx((40_000 - 0.05 * 99_840) / weights)


def test_a_number_without_a_bound_goes_from_nothing_to_any(tmp_path):
    free = PLAIN.replace("low: 0.05, high: 0.2", "low: 0, high: 0.5")
    assert (
        fit_densities(load_network("kws-mlp"), written(tmp_path, free), 40_000).lowest == 0.0
    )  # 0.5 x 99,840 > 40,000
    fit = fit_densities(load_network("kws-mlp"), written(tmp_path, free), 45_000)
    assert fit.highest == np.inf  # 0.5 x 65,536 + 7,424 < 45,000
    assert "admitted: [0, .inf]" in activity_text(fit)


def test_a_spread_bounds_how_far_a_layer_may_lie_off_its_shape(tmp_path):
    network = load_network("kws-mlp")
    wide = fit_densities(network, written(tmp_path, PLAIN), 40_000)
    narrow = fit_densities(network, written(tmp_path, PLAIN.replace("shape: 2,", "shape: 2, spread: 1.5,")), 40_000)
    assert narrow.number == wide.number
    assert (wide.layers[1].lowest, narrow.layers[1].lowest) == pytest.approx(
        ((40_000 - 0.2 * 99_840 - 7_424) / 65_536, 2 * wide.number / 1.5)
    )
    assert narrow.layers[1].highest == 0.5
    assert narrow.layers[2].lowest < narrow.number < narrow.layers[2].highest


def test_densities_end_at_the_bounds_of_their_group(rule):
    fit = fit_densities(load_network("kws-mlp"), rule, 48_000)
    assert fit.layers[1].neuron_density == 0.5
    assert fit.layers[2].neuron_density > 0.25


def test_a_total_out_of_reach_is_refused_with_what_the_rule_reaches(rule):
    with pytest.raises(ActivityError) as error:
        fit_densities(load_network("kws-mlp"), rule, 1e6)
    assert str(error.value) == (
        "rule.yaml: densities of kws-mlp reach 9,984 to 50,176 operations per step, not 1,000,000; change the densities or "
        "bounds of its groups"
    )
    with pytest.raises(RequestError) as refused:
        fit_densities(load_network("kws-mlp"), rule, 0)
    assert str(refused.value) == "the total and the tilt must be finite and above zero, not 0 and 1"


def test_the_file_of_a_fit_is_read_as_its_densities(rule, tmp_path):
    network = load_network("kws-mlp")
    fit = fit_densities(network, rule, 40_000)
    (tmp_path / "fitted.yaml").write_text(activity_text(fit))
    read = load_densities(tmp_path / "fitted.yaml", network)
    for stated, fitted in zip(read.layers, fit.layers, strict=True):
        assert stated.neuron_density[1] == pytest.approx(fitted.neuron_density, rel=1e-5)
        assert stated.provenance == fitted.reason


def test_a_layer_that_no_group_holds_is_refused(tmp_path):
    rule = written(tmp_path, HEAD + "  - {of: input, density: 1, reason: all}\n")
    with pytest.raises(ActivityError) as error:
        fit_densities(load_network("kws-mlp"), rule, 1000)
    assert str(error.value) == (
        "rule.yaml: no group holds the layer layer1, which sends sparse values; add one with layers: ['*'] at the end"
    )


def test_all_that_is_wrong_with_a_rule_is_said_at_once(tmp_path):
    text = (
        "format: seneca_sim/activity-rule/2\nprovenance:\nsteps: 2.5\ncluster: 1\ngroups:\n"
        "  - {of: inputs, density: 2, reason: x}\n  - {shape: 1, density: 0.5, low: 0.6, reason: x}\n"
    )
    with pytest.raises(ActivityError) as error:
        written(tmp_path, text)
    file = tmp_path / "rule.yaml"
    assert str(error.value).splitlines() == [
        f"{file}:4:1: cluster: unknown key; did you mean clusters?",
        f"{file}:1:9: format: expected seneca_sim/activity-rule/1, got 'seneca_sim/activity-rule/2'",
        f"{file}:3:8: steps: expected an integer from 1 to 10000000, got 2.5",
        f"{file}:2:12: provenance: expected a text that gives the reason, got null",
        f"{file}:6:10: groups.0.of: expected one of input, sparse, gated, dense, got 'inputs'",
        f"{file}:6:27: groups.0.density: expected a number from 0 to 1, got 2",
        f"{file}:7:5: groups.1: state either layers or of",
        f"{file}:7:5: groups.1: state either density or shape",
        f"{file}:7:5: groups.1: low 0.6, density and high 0.5 must ascend",
    ]


def test_shipped_densities_are_those_that_their_rule_gives():
    folder = shipped_folder("models") / "activities"
    fit = fit_densities(load_network("seed-128-gru"), load_rule(folder / "rules" / "zeros.yaml"), 4.79e9)
    assert activity_text(fit) == (folder / "seed-128-no-loss.yaml").read_text()

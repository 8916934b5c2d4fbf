from math import inf, nan

import numpy as np
import pytest

from seneca_sim.activity.excerpt import excerpt
from seneca_sim.activity.fit import activity_text, dense_sops, fit_densities, fit_report, operations
from seneca_sim.activity.rule import load_rule
from seneca_sim.activity.synthetic import load_densities, synthetic_trace
from seneca_sim.errors import ActivityError, RequestError
from seneca_sim.graph import load_network
from seneca_sim.shipped import shipped_folder

FOLDER = shipped_folder("models") / "activities"
RULE = load_rule(FOLDER / "rules" / "zeros.yaml")
ROWS = {
    "seed-128-sparsity-loss": ("seed-128-gru", 2.75),
    "seed-256-sparsity-loss": ("seed-256-gru", 3.83),
    "seed-128-no-loss": ("seed-128-gru", 4.79),
    "seed-256-no-loss": ("seed-256-gru", 5.69),
    "seed-256-dense": ("seed-256-gru-dense", 20.1),
    "red": ("red", 26.1),
}


@pytest.mark.parametrize("name", list(ROWS))
def test_shipped_files_are_those_of_the_rule_and_meet_the_published_total(name):
    network = load_network(ROWS[name][0])
    fit = fit_densities(network, RULE, ROWS[name][1] * 1e9)
    assert activity_text(fit) == (FOLDER / f"{name}.yaml").read_text()
    assert fit.sops == pytest.approx(ROWS[name][1] * 1e9, rel=1e-9)
    assert fit.lowest <= fit.number <= fit.highest


def test_recurrent_layers_of_sparse_rows_have_more_than_92_percent_zeros():
    for name in ("seed-128-gru", "seed-256-gru"):
        fit = fit_densities(load_network(name), RULE, 4e9)
        levels = [layer.neuron_density for layer in fit.layers if layer.name in ("level1", "level2", "level3")]
        assert len(levels) == 3
        assert max(levels) < 0.08


def test_drawn_activity_has_the_operations_of_the_fit(tmp_path):
    network = load_network("seed-128-gru", size="96x128")
    fit = fit_densities(network, RULE, 0.1 * sum(dense_sops(network)))
    path = tmp_path / "a.yaml"
    path.write_text(activity_text(fit))
    trace = synthetic_trace(network, load_densities(path, network))
    assert trace.sops[1].sum() == pytest.approx(fit.sops, rel=0.01)
    assert excerpt(network, trace, 1).sops.sum() == trace.sops[1].sum()


def test_admitted_densities_of_a_layer_meet_the_total_with_the_others_at_a_bound():
    fit = fit_densities(load_network("red"), RULE, 26.1e9)
    free = next(layer for layer in fit.layers if layer.name == "block3.a")
    least = sum(
        other.dense_sops * (0.02 if other.name == "input" else 1.0 if other.neuron_density == 1 else fit.number / 2)
        for other in fit.layers
        if other is not free
    )
    assert free.highest == pytest.approx((26.1e9 - least) / free.dense_sops)


def test_a_tilt_moves_operations_from_the_first_layers_to_the_last():
    network = load_network("seed-128-gru")
    flat, tilted = (fit_densities(network, RULE, 4.79e9, tilt=tilt) for tilt in (1.0, 4.0))
    ratio = np.array([b.neuron_density / a.neuron_density for a, b in zip(flat.layers, tilted.layers, strict=True)])
    rectified = [k for k, layer in enumerate(flat.layers) if layer.reason == "rectified"]
    assert ratio[rectified[0]] < 1 < ratio[rectified[-1]]
    assert tilted.sops == pytest.approx(flat.sops)


@pytest.mark.parametrize(("total", "tilt"), [(0.0, 1.0), (inf, 1.0), (nan, 1.0), (3e4, 0.0), (3e4, inf), (3e4, nan)])
def test_totals_and_tilts_are_finite_and_above_zero(total, tilt):
    with pytest.raises(RequestError) as error:
        fit_densities(load_network("kws-mlp"), RULE, total, tilt=tilt)
    assert str(error.value) == f"the total and the tilt must be finite and above zero, not {total:g} and {tilt:g}"


def test_totals_out_of_reach_are_refused_with_what_can_be_reached():
    with pytest.raises(ActivityError) as error:
        fit_densities(load_network("kws-mlp"), RULE, 3e5)
    assert str(error.value) == (
        "zeros.yaml: densities of kws-mlp reach 9,984 to 82,944 operations per step, not 300,000; change the densities or bounds "
        "of its groups"
    )


def test_rules_are_refused_with_all_findings(tmp_path):
    path = tmp_path / "rule.yaml"
    path.write_text(
        "format: seneca_sim/activity-rule/1\nprovenance: a guess\ngroups:\n  - {of: gatd, shape: 1, reason: none}\n"
        "  - {of: input, shape: 1, density: 0.5, reason: both}\n"
    )
    with pytest.raises(ActivityError) as error:
        load_rule(path)
    lines = str(error.value).splitlines()
    assert [line.split(": ", 1)[1] for line in lines] == [
        "groups.0.of: expected one of input, sparse, gated, dense, got 'gatd'",
        "groups.1: state either density or shape",
    ]


def test_a_rule_that_leaves_a_layer_out_is_refused(tmp_path):
    path = tmp_path / "rule.yaml"
    path.write_text(
        "format: seneca_sim/activity-rule/1\nprovenance: a guess\ngroups:\n  - {of: input, density: 0.1, reason: seen}\n"
    )
    with pytest.raises(ActivityError, match="no group holds the layer layer1, which sends sparse values"):
        fit_densities(load_network("kws-mlp"), load_rule(path), 5e4)


def test_reports_name_the_file_and_unknown_rules_are_guessed(tmp_path):
    path = tmp_path / "out.yaml"
    (line,) = fit_report("seed-128-gru", "2.75G", output=path)
    assert line.startswith(f"{path}: seed-128-gru with 2.75 G operations per step by zeros.yaml; free number 0.1195")
    assert path.read_text() == (FOLDER / "seed-128-sparsity-loss.yaml").read_text()
    with pytest.raises(RequestError, match="neither a rule file nor a shipped rule; did you mean zeros"):
        fit_report("seed-128-gru", "2.75G", "zeroes")
    with pytest.raises(RequestError, match=r"expected a number such as 2\.75G or 830M, not 'many'"):
        operations("many")

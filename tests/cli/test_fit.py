"""The command that finds densities for a published total."""

from seneca_sim.activity import load_densities
from seneca_sim.graph import load_network


def test_densities_are_fitted_and_written_into_a_new_folder(seneca_sim, tmp_path):
    path = tmp_path / "new" / "kws.yaml"
    outcome = seneca_sim("fit", "kws-mlp", "--sops", "50k", "-o", path)
    assert (outcome.code, outcome.err) == (0, "")
    densities = load_densities(path, load_network("kws-mlp"))
    weights = (390 * 256, 256 * 256, 256 * 29)
    # layers begin with the input; each sends through the weights behind it, in the second step
    sops = sum(layer.neuron_density[1] * weight for layer, weight in zip(densities.layers, weights, strict=False))
    assert abs(sops - 50_000) < 250


def test_a_total_beyond_the_network_is_refused(seneca_sim, tmp_path):
    outcome = seneca_sim("fit", "kws-mlp", "--sops", "10G", "-o", tmp_path / "kws.yaml")
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "kws.yaml").exists()


def test_a_folder_is_no_activity_file(seneca_sim, tmp_path):
    outcome = seneca_sim("fit", "kws-mlp", "--sops", "50k", "-o", tmp_path)
    assert outcome.code == 2
    assert outcome.err == f"seneca-sim: {tmp_path} is a folder; name the activity file to write\n"

import importlib.util

import numpy as np
import pytest

from seneca_sim.activity import load_activity, run_network
from seneca_sim.events import find_recording, load_input, read_events, save_events
from seneca_sim.graph import load_network
from seneca_sim.shipped import shipped_folder

HELD_OUT = 24


@pytest.fixture(scope="module")
def script():
    """The training script, which needs PyTorch only to train."""
    spec = importlib.util.spec_from_file_location("train_digits", shipped_folder("models") / "train_digits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["digits-sigma-delta", "digits-lif"])
@pytest.mark.parametrize(("recording", "digit"), [("digits", 3), ("digits-3", 3), ("digits-8", 8)])
def test_shipped_networks_recognise_the_shipped_recordings(name, recording, digit):
    network = load_network(name)
    trace = run_network(network, load_input(network, recording).layers)
    assert trace.n_steps == 24
    assert int(np.argmax(trace.class_scores)) == digit


@pytest.mark.parametrize(("name", "least"), [("digits-sigma-delta", 23), ("digits-lif", 22)])
def test_nine_of_ten_held_out_digits_are_recognised(name, least, script, tmp_path):
    network = load_network(name)
    pictures, digits = script.digits()
    right = 0
    for index in range(script.N_TRAIN, script.N_TRAIN + HELD_OUT):
        save_events(tmp_path / "digit.npz", script.record(pictures[index], (script.SEED, index)))
        trace = run_network(network, load_input(network, tmp_path / "digit.npz").layers)
        right += int(np.argmax(trace.class_scores)) == digits[index]
    assert right >= least


def test_the_training_script_makes_the_shipped_recordings(script):
    pictures, digits = script.digits()
    for digit, name in script.SHIPPED.items():
        index = script.N_TRAIN + int(np.argmax(digits[script.N_TRAIN :] == digit))
        made, shipped = script.record(pictures[index], (script.SEED, index)), read_events(find_recording(name))
        assert made.n_events == shipped.n_events
        assert np.array_equal(np.stack([made.x, made.y, made.p]), np.stack([shipped.x, shipped.y, shipped.p]))
        assert np.abs(made.t_us - shipped.t_us).max() <= 1
        assert (shipped.width, shipped.height, shipped.duration_us) == (20, 20, 120_000)


@pytest.mark.parametrize("name", ["digits-sigma-delta", "digits-lif"])
def test_shipped_densities_are_those_of_a_recording(name):
    network = load_network(name)
    drawn = load_activity(network, shipped_folder("models") / "activities" / f"{name}.yaml")
    real = run_network(network, load_input(network, "digits"))
    assert drawn.sops.sum() == pytest.approx(real.sops.sum(), rel=0.25)
    for synthetic, recorded in zip(drawn.layers[:-1], real.layers[:-1], strict=True):
        assert len(synthetic.channel) == pytest.approx(len(recorded.channel), rel=0.25)


@pytest.mark.parametrize(("name", "weights"), [("digits-sigma-delta", 21_968), ("digits-lif", 22_112)])
def test_weights_are_int8_with_one_power_of_two_for_each_layer(name, weights):
    edges = [edge for layer in load_network(name).layers for edge in layer.edges]
    assert sum(edge.weight.size for edge in edges) == weights
    for edge in edges:
        assert edge.weight.dtype == np.int8
        assert np.abs(edge.weight.astype(int)).max() > 63
        assert edge.scale.size == 1
        assert np.frexp(edge.scale[0])[0] == 0.5


def test_the_readme_of_the_models_names_every_file():
    folder = shipped_folder("models")
    text = (folder / "README.md").read_text("utf-8")
    for file in (*folder.glob("*.h5"), *folder.glob("recordings/*.npz"), *folder.glob("*.py")):
        assert f"`{file.stem}`" in text or f"`{file.name}`" in text, file.name
    families = {file.stem.split("-")[0] for file in folder.glob("activities/*.yaml")}
    assert {name for name in families if f"`activities/{name}" not in text} == set()

"""Real recordings through real trained networks: from a shell, on the mesh, to a report with the right answer."""

import json

import numpy as np
import pytest

import seneca_sim as ss
from seneca_sim.graph import load_network, save_graph
from tests.cli.conftest import seneca_sim  # noqa: F401  (the fixture)
from tests.end_to_end.walk import Walk, activity, arrays, check_activity, check_books, events
from tests.published import real


@pytest.fixture
def walk(seneca_sim, tmp_path):  # noqa: F811
    return Walk(seneca_sim, tmp_path / "result")


@pytest.mark.parametrize("sample", [0, 1])
def test_the_gesture_network_of_slayer_recognises_a_recording(walk, shared_data, tmp_path, sample):
    reference = json.loads(shared_data("models/reference/ibm_gesture_cnn.json").read_text())
    save_graph(real.gesture_cnn(arrays(shared_data("models/slayer/ibm_gesture_cnn.npz"))), tmp_path / "gestures.h5")
    recording = shared_data(f"events/{reference['samples'][sample]}")
    result = walk(tmp_path / "gestures.h5", "--events", recording, "--cores", 8)
    summary = result.summary
    assert summary["class_scores"] == reference["main"]["out"][sample]
    assert summary["predicted_class"] == reference["label"][sample]
    assert (summary["steps"], summary["cores"]) == (1450, 8)
    expected = {name: counts[sample] for name, counts in reference["main"]["spikes"].items()}
    assert events(result) == {"events": reference["events"][sample], **expected}


@pytest.mark.parametrize("label", [0, 1, 2, 4, 5, 7])
def test_the_gesture_network_of_neurobench_recognises_every_recording(walk, shared_data, tmp_path, label):
    save_graph(real.gesture_snn(arrays(shared_data("models/neurobench/dvs_gesture_snn.npz"))), tmp_path / "snn.h5")
    recording = shared_data(f"events/dvs_gesture/{label + 1}.bs2")
    result = walk(tmp_path / "snn.h5", "--events", recording, "--pool", 4, "--cores", 4)
    assert result.summary["predicted_class"] == label
    assert result.summary["steps"] == 37  # 1.45 s in frames of 40 ms
    check_activity(result, activity(load_network(tmp_path / "snn.h5"), recording, pool=4))


def test_the_digit_network_of_nir_gives_the_reference_spikes(walk, shared_data):
    reference = json.loads(shared_data("models/reference/nir_cnn_nmnist.json").read_text())
    options = ["--dt-us", 1000, "--reset", "subtract", "--max-spikes", 1, "--cores", 8]
    recording = shared_data(f"events/{reference['samples'][0]}")
    result = walk(shared_data("models/nir/cnn_sinabs.nir"), "--events", recording, *options)
    assert result.summary["class_scores"] == reference["single"]["out"][0]
    spikes = [counts[0] for counts in reference["single"]["spikes"].values()]
    assert result.layers.events.tolist()[1:] == spikes


def test_the_corner_detector_sends_what_pytorch_computes_of_a_recording(walk, shared_data, tmp_path):
    golden = arrays(shared_data("models/openeb/firenet_corner_golden.npz"))
    size = golden["input"].shape[2:]
    save_graph(real.corner_detector(arrays(shared_data("models/openeb/firenet_corner.npz")), size), tmp_path / "net.h5")
    recording = shared_data("events/prophesee/evt2_sample.raw")
    seen = ["--input", "representation=signed_voxel,bins=10,slice=5ms", "--crop", "288,64,96,64"]
    result = walk(tmp_path / "net.h5", "--events", recording, *seen, "--steps", 3, "--cores", 8)
    expected = {"input": golden["input"], "lstm1": golden["hidden1"], "heat": golden["output"]}
    sent = events(result)
    for name, values in expected.items():
        assert sent[name] == pytest.approx(np.count_nonzero(values[:3]), rel=0.002), name  # some are as good as zero
    assert sent["input"] == np.count_nonzero(golden["input"][:3])
    assert result.summary["predicted_class"] is None


def test_pilotnet_sends_the_golden_changes_of_a_golden_image(walk, shared_data, tmp_path):
    golden = arrays(shared_data("models/lava/pilotnet_sdnn_33x100_golden.npz"))
    image = golden["input"].transpose(3, 2, 1, 0)
    np.savez(tmp_path / "image.npz", frames=np.repeat(image, 12, axis=0), layout="TCHW")
    path = shared_data("models/lava/pilotnet_sdnn_33x100.net")
    result = walk(path, "--events", tmp_path / "image.npz")
    trace = activity(load_network(path), tmp_path / "image.npz")
    check_activity(result, trace)
    assert events(result)["layer0"] == np.count_nonzero(golden["act0"][..., :12])
    steering = np.zeros(12)
    steering[np.flatnonzero(np.diff(trace.layers[-1].step_start))] = trace.layers[-1].value
    assert steering[:9].tolist() == golden["output"].reshape(9).tolist()


def test_spiking_pilotnet_sends_the_golden_spikes_where_its_states_restart_as_in_lava(walk, shared_data, tmp_path):
    golden = arrays(shared_data("models/lava/pilotnet_lif_golden_a.npz"))
    image = golden["image"].transpose(2, 1, 0)
    np.savez(tmp_path / "image.npz", frames=np.repeat(image[None], 21, axis=0), layout="TCHW")
    options = ["--reset-every", 17, "--cores", 16]
    result = walk(shared_data("models/lava/pilotnet_lif_66x200.net"), "--events", tmp_path / "image.npz", *options)
    sent = events(result)
    for layer, name in enumerate(("input", "conv0", "conv1")):
        assert sent[f"layer{layer}"] == np.count_nonzero(golden[name][..., :21]), name
    assert "reset_every: 17" in (walk.folder / "run.yaml").read_text()
    assert ss.rerun(walk.folder / "run.yaml").files() == result.files()


RANGE = "range=-64,64"
"""What 0 and 255 become. The network's golden image has values from -52 to 64, whole numbers as of 6 fraction bits: that pixels
were trained as 2 v / 255 - 1 is an assumption."""


def test_pilotnet_steers_along_a_road(walk, shared_data):
    path = shared_data("models/lava/pilotnet_sdnn_33x100.net")
    video = shared_data("events/video/solidWhiteRight_66x200_u8.npz")
    options = ["--steps", 14, "--resize", "100x33", "--input", RANGE]
    result = walk(path, "--events", video, *options)
    small = arrays(video)["frames"][:14].reshape(14, 33, 2, 100, 2, 3).mean(axis=(2, 4), dtype=np.float32)
    seen = np.rint(small * np.float32(128 / 255) - np.float32(64))
    assert events(result)["input"] == pytest.approx(np.count_nonzero(seen), rel=0.001)
    assert result.layers.events.min() > 0
    assert result.summary["predicted_class"] is None  # one number, no classes
    sentences = result.summary["assumptions"]
    assert "input as frames, one a step; range -64 to 64 (stated by the user)" in sentences
    assert "frames of 200x66 pixels are fed as 100x33: means over areas" in sentences


def test_pilotnet_sees_the_same_road_in_the_camera_s_own_video(walk, shared_data):
    pytest.importorskip("cv2", reason="videos need the extra [video]")
    path = shared_data("models/lava/pilotnet_sdnn_33x100.net")
    options = ["--steps", 3, "--input", RANGE, "--resize", "100x33"]
    video = shared_data("events/video/solidWhiteRight.mp4")
    whole = walk(path, "--events", video, *options, "--crop", "0,180,960,354")
    small = walk(path, "--events", shared_data("events/video/solidWhiteRight_66x200_u8.npz"), *options)
    assert events(whole)["layer1"] == pytest.approx(events(small)["layer1"], rel=0.2)
    assert whole.summary["energy_uj"] == pytest.approx(small.summary["energy_uj"], rel=0.1)


def corners(shared_data, folder):
    """Return the words for the corner detector on a piece of its recording."""
    save_graph(real.corner_detector(arrays(shared_data("models/openeb/firenet_corner.npz")), (6, 8)), folder / "net.h5")
    seen = ["--input", "representation=signed_voxel,bins=10,slice=5ms", "--crop", "310,80,8,6"]
    return folder / "net.h5", shared_data("events/prophesee/evt2_sample.raw"), *seen, "--steps", 2


def gestures(shared_data, folder):
    """Return the words for the gesture network of NeuroBench on one frame."""
    save_graph(real.gesture_snn(arrays(shared_data("models/neurobench/dvs_gesture_snn.npz"))), folder / "snn.h5")
    return folder / "snn.h5", shared_data("events/dvs_gesture/1.bs2"), "--pool", 4, "--steps", 1


def digits(shared_data, folder):
    """Return the words for the digit network of NIR on some milliseconds."""
    rules = ["--dt-us", 1000, "--reset", "subtract"]
    return (
        shared_data("models/nir/cnn_sinabs.nir"),
        shared_data("events/nmnist/sample_nmnist.bin"),
        *rules,
        "--steps",
        12,
    )


@pytest.mark.parametrize("words", [corners, gestures, digits])
def test_both_engines_count_the_same_on_real_networks(walk, shared_data, tmp_path, words):
    network, recording, *options = words(shared_data, tmp_path)
    files = []
    for engine in ("fast", "reference"):
        result = walk(network, "--events", recording, *options, "--cores", 6, "--engine", engine)
        assert result.layers.events.sum() > 0
        files.append({name: content for name, content in result.files().items() if name.endswith(".csv")})
    assert files[0] == files[1]


def test_python_gives_what_the_command_line_gives(walk, shared_data, tmp_path):
    save_graph(real.gesture_snn(arrays(shared_data("models/neurobench/dvs_gesture_snn.npz"))), tmp_path / "snn.h5")
    recording = shared_data("events/dvs_gesture/1.bs2")
    from_shell = walk(tmp_path / "snn.h5", "--events", recording, "--pool", 4, "--steps", 6)
    from_python = ss.simulate(tmp_path / "snn.h5", events=recording, pool=4, steps=6)
    check_books(from_python)
    assert from_python.files()["layers.csv"] == from_shell.files()["layers.csv"]
    again = ss.rerun(walk.folder / "run.yaml")
    assert again.files() == from_shell.files()

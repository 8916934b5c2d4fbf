"""Networks as other frameworks wrote them, ONNX, QONNX and TensorFlow Lite: from a shell to a report with their own answer."""

import numpy as np
import pytest

from seneca_sim.graph import load_network
from tests.cli.conftest import seneca_sim  # noqa: F401  (the fixture)
from tests.end_to_end.walk import Walk, activity, arrays, check_activity


@pytest.fixture
def walk(seneca_sim, tmp_path):  # noqa: F811
    return Walk(seneca_sim, tmp_path / "result")


@pytest.mark.parametrize(("file", "golden"), [("TFC_2W2A", "TFC_2W2A"), ("kwsmlp_w3a3", "kwsmlp")])
def test_quantised_perceptrons_of_qonnx_answer_as_recorded(walk, shared_data, tmp_path, file, golden):
    recorded = arrays(shared_data(f"models/qonnx/{golden}_golden.npz"))
    path, frames = shared_data(f"models/qonnx/{file}.onnx"), tmp_path / "frames.npz"
    network = load_network(path)
    np.savez(frames, frames=recorded["input"].reshape(1, *network.layers[0].shape), layout="TCHW")
    result = walk(path, "--events", frames, "--cores", 8)
    assert result.summary["predicted_class"] == int(np.argmax(recorded["output"]))
    np.testing.assert_allclose(result.summary["class_scores"], recorded["output"].reshape(-1), rtol=1e-5, atol=1e-6)
    check_activity(result, activity(network, frames))


@pytest.mark.parametrize("name", ["resnet8_int8", "kws_int8"])
def test_integer_networks_of_tensorflow_lite_answer_as_recorded(walk, shared_data, tmp_path, name):
    pytest.importorskip("tflite", reason="TensorFlow Lite files need the extra [tflite]")
    from tests.tflite.test_tflite import recorded

    network, golden, _, scales = recorded(shared_data, name)
    scale, zero = scales[0]
    frames = tmp_path / "frames.npz"
    pictures = (golden["input"] - np.float32(zero)) * scale
    np.savez(frames, frames=pictures, layout="THWC")
    result = walk(shared_data(f"models/tflite/{name}.tflite"), "--events", frames, "--steps", 1, "--cores", 16)
    codes = np.asarray(golden["output"])[0].reshape(-1)
    assert result.summary["predicted_class"] == int(np.argmax(codes))
    check_activity(result, activity(network, frames, steps=1))


def test_a_super_resolution_network_sends_the_pixels_of_the_recorded_picture(walk, shared_data, tmp_path):
    recorded = arrays(shared_data("models/qonnx/espcn_nnresize_golden.npz"))
    path, frames = shared_data("models/qonnx/espcn_nnresize_quant.onnx"), tmp_path / "frames.npz"
    np.savez(frames, frames=recorded["input"].reshape(1, 3, 128, 128), layout="TCHW")
    result = walk(path, "--events", frames, "--cores", 48, "--engine", "estimate")
    assert result.summary["predicted_class"] is None
    values = recorded["output"]
    assert int(result.layers.events.iloc[-1]) == pytest.approx(np.count_nonzero(values), rel=0.001)

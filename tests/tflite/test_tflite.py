"""TensorFlow Lite files: recorded codes of trained networks, operators in exact integers, broken files."""

import math
import sys

import numpy as np
import pytest
import tflite

from seneca_sim.errors import FileFormatError, GraphError
from seneca_sim.graph import load_network, lower
from seneca_sim.graph.table import graph_parameters
from seneca_sim.graph.tflite import read_tflite
from tests.onnx.models import result, values
from tests.tflite.files import write


def requantised(sums, factor):
    """Return codes as the optimised kernels do: a 31-bit product rounded, then shifted with rounding (last axis: channels)."""
    codes = np.zeros_like(sums)
    for channel, number in enumerate(factor):
        fraction, exponent = math.frexp(number)
        product = sums[..., channel] * round(fraction * 2**31)
        rounded = (product + (1 << 30)) >> 31
        codes[..., channel] = (rounded + (1 << (-exponent - 1))) >> -exponent
    return codes


def padded_sums(x, weight, stride, before, behind):
    """Return integer convolution sums of (rows, columns, in) by weights (out, kernel, kernel, in), zeros around."""
    x = np.pad(x.astype(np.int64), ((before, behind), (before, behind), (0, 0)))
    size = (x.shape[0] - weight.shape[1]) // stride + 1
    sums = np.zeros((size, size, len(weight)), np.int64)
    for ky, kx in np.ndindex(*weight.shape[1:3]):
        window = x[ky : ky + stride * size : stride, kx : kx + stride * size : stride][:size, :size]
        sums += window @ weight[:, ky, kx].T.astype(np.int64)
    return sums


RNG = np.random.default_rng(4)
X = RNG.integers(-128, 128, (8, 8, 3))
WEIGHT, BIAS = RNG.integers(-127, 128, (5, 3, 3, 3)), RNG.integers(-3000, 3000, 5)
SCALES = np.array([0.011, 0.02, 0.005, 0.0131, 0.0077], np.float32)
IN, OUT = np.float32(0.05), np.float32(0.37)
FACTOR = np.float64(IN) * SCALES.astype(np.float64) / np.float64(OUT)


def conv_file(path, activation):
    tensors = [
        ((1, 8, 8, 3), np.int8, None, IN, -7, 0),
        ((5, 3, 3, 3), np.int8, WEIGHT, SCALES, np.zeros(5), 0),
        ((5,), np.int32, BIAS, IN * SCALES, np.zeros(5), 0),
        ((1, 4, 4, 5), np.int8, None, OUT, 3, 0),
    ]
    shape = {"Padding": 0, "StrideH": 2, "StrideW": 2, "DilationHFactor": 1, "DilationWFactor": 1}
    return write(path, "CONV_2D", tensors, 1, "Conv2DOptions", FusedActivationFunction=activation, **shape)


def frames(codes, zero):
    """Return what codes (rows, columns, channels) stand for, channels first."""
    return ((codes - zero) * IN).astype(np.float32).transpose(2, 0, 1)[None]


@pytest.mark.parametrize(("activation", "low"), [(0, -131), (1, 0)])
def test_a_convolution_gives_the_codes_of_fixed_point_kernels(tmp_path, activation, low):
    network = load_network(conv_file(tmp_path / "conv.tflite", activation))
    want = np.clip(requantised(padded_sums(X + 7, WEIGHT, 2, 0, 1) + BIAS, FACTOR), low, 124)
    ours = result(network, [frames(X, -7)])[0].transpose(1, 2, 0)
    np.testing.assert_array_equal(np.rint(ours / OUT), want)
    assert network.layers[1].precision.weight == "int8"
    assert len(np.unique(want)) > 20


def test_rounding_twice_matters_and_is_seen(tmp_path):
    """Without it some of these codes would differ, so the test above could not pass by chance."""
    sums = np.arange(-40000, 40000, dtype=np.int64)[:, None] * np.ones(5, np.int64)
    once = np.floor(sums * FACTOR + 0.5)
    twice = requantised(sums, FACTOR)
    assert 100 < np.count_nonzero(once != twice) < once.size / 50
    shift = np.array([-math.frexp(number)[1] for number in FACTOR])
    np.testing.assert_array_equal(np.floor(sums * FACTOR + 0.5 + 2.0 ** -(shift + 1.0)), twice)


def test_sums_of_maps_are_rescaled(tmp_path):
    tensors = [
        ((1, 4, 4, 2), np.int8, None, IN, 5, 0),
        ((1, 4, 4, 2), np.int8, None, IN, 5, 0),
        ((1, 4, 4, 2), np.int8, None, OUT, 0, 0),
    ]
    path = write(tmp_path / "add.tflite", "ADD", tensors, 2, "AddOptions", FusedActivationFunction=1)
    network = lower(read_tflite(path))
    left, right = RNG.integers(-128, 128, (2, 4, 4, 2))
    ours = result(network, [frames(left, 5), frames(right, 5)])[0].transpose(1, 2, 0)
    want = np.clip(np.floor((left + right - 10) * np.float64(IN) / np.float64(OUT) + 0.5), 0, 127)
    np.testing.assert_array_equal(np.rint(ours / OUT), want)


@pytest.mark.parametrize("size", [3, 4])
def test_means_round_halves_down_below_zero(tmp_path, size):
    tensors = [((1, size, size, 3), np.int8, None, IN, -128, 0), ((1, 1, 1, 3), np.int8, None, IN, -128, 0)]
    window = {"Padding": 1, "StrideH": size, "StrideW": size, "FilterHeight": size, "FilterWidth": size}
    path = write(
        tmp_path / "mean.tflite", "AVERAGE_POOL_2D", tensors, 1, "Pool2DOptions", FusedActivationFunction=0, **window
    )
    codes = RNG.integers(-128, -1, (size, size, 3))
    codes[0, 0, 0] -= (codes[:, :, 0].sum() - size * size // 2) % (size * size)  # a true half, where the size is even
    ours = result(lower(read_tflite(path)), [frames(codes, -128)])[0].reshape(3)
    total, n = codes.sum((0, 1)), size * size
    np.testing.assert_array_equal(np.rint(ours / IN) - 128, -((-total + n // 2) // n))


def recorded(shared_data, name):
    """Return a network, its recorded tensors, and (scale, zero point) and maker of each."""
    path = shared_data(f"models/tflite/{name}.tflite")
    graph = tflite.Model.GetRootAs(path.read_bytes(), 0).Subgraphs(0)
    makers = {int(graph.Operators(n).Outputs(0)): n for n in range(graph.OperatorsLength())}
    scales = {}
    for number in range(graph.TensorsLength()):
        stated = graph.Tensors(number).Quantization()
        if stated is not None and stated.ScaleLength():
            scales[number] = np.float32(stated.Scale(0)), stated.ZeroPoint(0)
    return load_network(path), dict(np.load(shared_data(f"models/tflite/{name}_golden.npz"))), makers, scales


@pytest.mark.parametrize(
    ("name", "tensors", "different"),
    [("resnet8_int8", [22, 23, 25, 26, 27, 29, 30, 31, 33, 34], 0), ("kws_int8", range(22, 32), 1)],
)
def test_trained_networks_send_the_recorded_codes(shared_data, name, tensors, different):
    """All codes of ResNet-8 are equal (tensors whose memory the runtime used again are left out); one of 64,064 of the
    keyword network lies on a border and differs by one."""
    network, arrays, makers, scales = recorded(shared_data, name)
    scale, zero = scales[0]
    sent = values(network, [((arrays["input"] - np.float32(zero)) * scale).transpose(0, 3, 1, 2)])
    wrong = 0
    for tensor in tensors:
        scale, zero = scales[tensor]
        (layer,) = [layer for layer in sent if layer.endswith(f"_{makers[tensor]}")]
        difference = np.rint(sent[layer] / scale) + zero - arrays[f"t{tensor}"].transpose(0, 3, 1, 2)
        assert np.abs(difference).max() <= 1
        wrong += np.count_nonzero(difference)
    assert wrong <= different
    logits = sent[network.layers[-1].name].reshape(-1).astype(np.float64)
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert np.abs(np.clip(np.rint(shares * 256) - 128, -128, 127) - arrays["output"][0]).max() <= 2 * different
    assert network.assumptions[-1].endswith("Softmax at the end of the network is left to the host")


def test_parameters_are_those_that_were_trained(shared_data):
    graph = read_tflite(shared_data("models/tflite/resnet8_int8.tflite"))
    assert graph_parameters(graph) == 77_706


def refused(kind, path):
    with pytest.raises(kind) as raised:
        read_tflite(path)
    return str(raised.value)


def test_operators_without_a_meaning_here_are_named(tmp_path):
    tensors = [((1, 4, 4, 2), np.int8, None, IN, 5, 0), ((1, 4, 4, 2), np.int8, None, OUT, 0, 0)]
    assert refused(GraphError, write(tmp_path / "net.tflite", "ELU", tensors, 1)) == (
        "net: elu_0 (ELU): is not supported; use convolutions, dense layers, pooling, sums, ReLU and softmax at the end"
    )
    path = write(
        tmp_path / "net.tflite",
        "MAX_POOL_2D",
        tensors,
        1,
        "Pool2DOptions",
        FilterHeight=9,
        FilterWidth=9,
        Padding=1,
        StrideH=1,
        StrideW=1,
    )
    assert refused(GraphError, path) == (
        "net: max_pool_2d_0 (MAX_POOL_2D): a window (9, 9) is larger than its padded input (4, 4); pool less"
    )


def test_broken_files_are_refused(tmp_path):
    whole = conv_file(tmp_path / "net.tflite", 0).read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(b"\x89PNG....")
    assert refused(FileFormatError, path) == (
        f"{path}: not a TensorFlow Lite file, it lacks the mark TFL3; export or copy it again"
    )
    for length in range(8, len(whole), 24):
        path.write_bytes(whole[:length])
        with pytest.raises((FileFormatError, GraphError)):
            read_tflite(path)
    path.write_bytes(whole[: len(whole) // 2])
    assert (
        refused(FileFormatError, path)
        == f"{path}: a damaged or truncated TensorFlow Lite file; export or copy it again"
    )


def test_a_missing_package_is_said_with_the_command(tmp_path, monkeypatch):
    path = conv_file(tmp_path / "net.tflite", 0)
    monkeypatch.setitem(sys.modules, "tflite", None)
    assert refused(FileFormatError, path) == (
        f"{path}: reading TensorFlow Lite needs the package tflite; pip install 'seneca-sim[tflite]'"
    )

"""Native network files that are broken, hostile or impossible are refused with one sentence."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from seneca_sim.graph import Conv2d, GraphBuilder, Input, Lif, Output, save_graph
from tests.robustness.networks import CONV, LIF, attribute, broken, dataset, native_file, node, removed

WEIGHT = f"nodes/{CONV}/weight"


def weights(shape, value=1, dtype=np.float32):
    """Return a change of the convolution's weights."""
    return dataset(WEIGHT, np.full(shape, value, dtype))


def one(value):
    """Return a change of a single weight."""

    def change(array):
        array = array.astype(np.float64)
        array[1, 0, 2, 0] = value
        return array

    return dataset(WEIGHT, change)


def folded(file):
    weights((4, 2, 3, 3), 1e20)(file)
    node(CONV, "scale", 1e20)(file)


LINKS = [[0, 1, 0, 0], [1, 2, 0, 0], [2, 3, 0, 0], [3, 4, 0, 0], [4, 5, 0, 0], [5, 6, 0, 0]]


def links(*rows, dtype=np.int64):
    return dataset("links", np.array([*LINKS, *rows], dtype))


CASES = [
    (
        "nan",
        one(np.nan),
        (
            "net: conv: weight is nan at [1, 0, 2, 0], expected a finite number (1 of 72 are not); export the "
            "network again from a healthy checkpoint"
        ),
    ),
    (
        "infinite",
        one(-np.inf),
        (
            "net: conv: weight is -inf at [1, 0, 2, 0], expected a finite number (1 of 72 are not); export the "
            "network again from a healthy checkpoint"
        ),
    ),
    (
        "beyond fp32",
        one(1e300),
        (
            "net: conv: weight is 1e+300 at [1, 0, 2, 0], expected a magnitude of at most 1e+30; sums of such "
            "numbers would not fit FP32"
        ),
    ),
    (
        "complex",
        weights((4, 2, 3, 3), dtype=np.complex64),
        "broken.h5: /nodes/000001: 'weight' holds complex64, expected numbers",
    ),
    (
        "bool",
        weights((4, 2, 3, 3), dtype=np.bool_),
        "net: conv: the weight holds bool, expected int8, int16, int32 or float32; convert it",
    ),
    ("texts", dataset(WEIGHT, np.array([b"abc"])), "broken.h5: /nodes/000001: 'weight' holds |S3, expected numbers"),
    (
        "no channels",
        weights((0, 2, 3, 3)),
        "net: conv: the weight has shape (0, 2, 3, 3), a layer of zero size; remove the node",
    ),
    (
        "kernel 0",
        weights((4, 2, 0, 3)),
        "net: conv: the weight has shape (4, 2, 0, 3), a layer of zero size; remove the node",
    ),
    (
        "kernel too large",
        weights((4, 2, 7, 7)),
        (
            "net: conv: a kernel spanning 7 x 7 is larger than its input, 6 x 6 from 'events' with padding 0, 0; "
            "use a smaller kernel or more padding"
        ),
    ),
    (
        "rank",
        weights((2, 3, 3)),
        ("net: conv: the weight has shape (2, 3, 3), expected 4 axes (out, in / groups, kernel rows, kernel columns)"),
    ),
    (
        "channels",
        weights((4, 5, 3, 3)),
        "net: conv: the weight takes 5 channels (1 groups of 5), 'events' gives 2; check channels and groups",
    ),
    (
        "bias",
        dataset(f"nodes/{CONV}/bias", np.zeros(3)),
        "net: conv: the bias has shape (3,), expected (4,), one per output channel",
    ),
    (
        "mask",
        dataset(f"nodes/{CONV}/mask", np.zeros((2, 2), np.bool_)),
        "net: conv: the mask has shape (2, 2) and type bool, expected bool of the weight's shape (4, 2, 3, 3)",
    ),
    (
        "scale too large",
        node(CONV, "scale", 1e31),
        ("net: conv: scale is 1e+31, expected a magnitude of at most 1e+30; sums of such numbers would not fit FP32"),
    ),
    (
        "folded too large",
        folded,
        (
            "net: lif: with all factors folded in, weights of conv reach 1e+40, expected at most 1e+30; check "
            "scales and the variances of batch normalisation"
        ),
    ),
    (
        "stride 0",
        node(CONV, "stride", 0),
        "net: conv: stride is 0, expected an integer of at least 1, or two (rows, columns)",
    ),
    (
        "stride half",
        node(CONV, "stride", 1.5),
        "broken.h5: /nodes/000001: conv: stride is 1.5, expected an integer or integers",
    ),
    (
        "padding negative",
        node(CONV, "padding", -1),
        "net: conv: padding is -1, expected an integer of at least 0, or two (rows, columns)",
    ),
    (
        "padding huge",
        node(CONV, "padding", 1 << 19),
        "net: dense: the weight takes 64 values, 'flatten' gives 4398080065600; check shapes up to here",
    ),
    (
        "groups 0",
        node(CONV, "groups", 0),
        "net: conv: 4 output channels cannot form 0 groups; groups must divide the channels",
    ),
    (
        "type",
        node(LIF, "type", "Lstm"),
        (
            "broken.h5: /nodes/000002: lif: there is no node type 'Lstm'; known are Input, Output, DetectionOutput, Conv2d, "
            "ConvTranspose2d, Dense, SumPool2d, AvgPool2d, MaxPool2d, GlobalAvgPool2d, Upsample, Flatten, Add, Concat, "
            "BatchNorm2d, Affine, SqueezeExcite, ContextAware, ConvGru, ConvMgu, ConvMinimalRnn, ConvLstm, Identity, Relu, "
            "ThresholdRelu, If, Lif, Li, CubaLif, SigmaDelta, Activation, Clip, Quantise, MultiThreshold, Delay, GruCell, MguCell, "
            "MinimalCell, LstmCell, Product, ContextThreshold"
        ),
    ),
    ("type number", node(LIF, "type", 5), "broken.h5: /nodes/000002: the attribute 'type' is 5, expected a text"),
    (
        "name twice",
        node(LIF, "name", "conv"),
        "broken.h5: /nodes/000002: there is a node 'conv' already; names must differ",
    ),
    (
        "name with escape",
        node(LIF, "name", "a\x1b[31m"),
        "'net': the name 'a\\x1b[31m' holds control characters; rename it",
    ),
    (
        "misspelt field",
        node(CONV, "strde", 2),
        (
            "broken.h5: /nodes/000001: conv: Conv2d has no field 'strde'; known are weight, bias, scale, mask, "
            "stride, padding, dilation, groups"
        ),
    ),
    (
        "empty attribute",
        node(LIF, "name", h5py.Empty("f")),
        (
            "broken.h5: /nodes/000002: the attribute 'name' has type float32 and shape None, expected a number "
            "or a text of fixed length"
        ),
    ),
    (
        "threshold nan",
        node(LIF, "threshold", np.nan),
        (
            "net: lif: threshold is nan, expected a finite number (1 of 1 are not); export the network again "
            "from a healthy checkpoint"
        ),
    ),
    (
        "threshold inf",
        node(LIF, "threshold", np.inf),
        (
            "net: lif: threshold is inf, expected a finite number (1 of 1 are not); export the network again "
            "from a healthy checkpoint"
        ),
    ),
    (
        "threshold negative",
        node(LIF, "threshold", -1.0),
        ("net: lif: the threshold is -1.0 in some channel, where the neuron fires without end; make it positive"),
    ),
    (
        "decay",
        node(LIF, "decay", 2.0),
        "net: lif: decay must lie between 0 and 1 in every channel; check time constant and time step",
    ),
    ("max_spikes 0", node(LIF, "max_spikes", 0), "net: lif: max_spikes is 0, expected 1 to 2147483647"),
    (
        "max_spikes huge",
        node(LIF, "max_spikes", 1 << 40),
        "net: lif: max_spikes is 1099511627776, expected 1 to 2147483647",
    ),
    (
        "reset",
        node(LIF, "reset", "zero"),
        "broken.h5: /nodes/000002: lif: reset is 'zero', expected value, subtract, subtract_late",
    ),
    (
        "precision",
        attribute("default_precision", "weight", "int3"),
        (
            "broken.h5: /default_precision: weight is 'int3', expected binary, int4, int8, int16, int32, int64, "
            "bf16, fp32"
        ),
    ),
    ("dt", attribute("/", "dt_us", np.nan), "broken.h5: dt_us is nan, expected a positive time in microseconds"),
    (
        "dt negative",
        attribute("/", "dt_us", -1.0),
        "broken.h5: dt_us is -1.0, expected a positive time in microseconds",
    ),
    (
        "format",
        attribute("/", "format", "seneca_sim/9"),
        (
            "broken.h5: the format is 'seneca_sim/9', this version reads 'seneca_sim/1'; use the version of "
            "seneca_sim that wrote the file"
        ),
    ),
    ("task", attribute("/", "task", "fun"), "broken.h5: task is 'fun', expected 'classification' or 'other'"),
    ("no nodes", removed("nodes"), "broken.h5: /: there is no entry 'nodes'; the file is incomplete, export it again"),
    (
        "no contract",
        removed("input_contract"),
        "broken.h5: /: there is no entry 'input_contract'; the file is incomplete, export it again",
    ),
    (
        "representation",
        attribute("input_contract", "representation", "fun"),
        "broken.h5: /input_contract: representation is 'fun', expected binary, count, signed_count, frame, histogram, "
        "voxel, time_surface, signed_voxel",
    ),
    (
        "input of size 0",
        node("000000", "shape", (0, 6, 6)),
        ("net: events: the input shape is (0, 6, 6), expected 1 to 3 sizes of 1 to 1048576: (channels, rows, columns)"),
    ),
    (
        "input negative",
        node("000000", "shape", (2, -6, 6)),
        (
            "net: events: the input shape is (2, -6, 6), expected 1 to 3 sizes of 1 to 1048576: (channels, rows, "
            "columns)"
        ),
    ),
    (
        "input huge",
        node("000000", "shape", (2, 1 << 20, 1 << 20)),
        "net: dense: the weight takes 64 values, 'flatten' gives 4398029733904; check shapes up to here",
    ),
    (
        "link to nowhere",
        links([0, 99, 0, 0]),
        "broken.h5: /links: link 6 joins nodes 0 and 99, the file has nodes 0 to 6",
    ),
    (
        "link twice",
        links([0, 1, 0, 0]),
        ("net: the link 'events' -> 'conv' is there 2 times; remove all but one, or give each a port of its own"),
    ),
    (
        "links of floats",
        links(dtype=np.float64),
        "broken.h5: /links has type float64 and shape (6, 4), expected integers (n, 4)",
    ),
    (
        "cycle",
        links([4, 1, 1, 0]),
        (
            "net: the nodes conv -> lif -> flatten -> dense -> conv form a cycle without delay; give one of its "
            "links delay 1, so that it carries the values of the time step before"
        ),
    ),
    (
        "delay 7",
        links([4, 1, 1, 7]),
        ("net: the link 'dense' -> 'conv' has delay 7; only 0 (same time step) and 1 (next time step) are supported"),
    ),
    (
        "no way out",
        dataset("links", np.array(LINKS[:-1])),
        "net: classes: this node leads nowhere; link it to an Output or remove it",
    ),
]


def command(case):
    """Make the file of a case, and return the command that meets it."""
    return "run", broken(native_file(), "broken", case[1])


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_broken_native_files_are_refused(refused, case):
    refused(case[-1], *command(case))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.h5: the file is empty; copy or export it again"),
        (b"hello", r"x.h5: not an HDF5 file: it begins with b'hello', expected b'\x89HDF\r\n\x1a\n'"),
        (b"\x89HDF\r\n\x1a\nxx", "x.h5: the file is damaged ({}); copy or export it again"),
        (1000, "x.h5: the file ends at byte 1000 of {}; it is truncated, copy or export it again"),
        (-1, "x.h5: the file ends at byte {} of {}; it is truncated, copy or export it again"),
    ],
)
def test_what_is_no_whole_file_is_refused(refused, seneca_sim, content, message):
    whole = native_file().read_bytes()
    Path("x.h5").write_bytes(whole[:content] if isinstance(content, int) else content)
    if content == 1000:
        message = message.format(len(whole))
    elif content == -1:
        message = message.format(len(whole) - 1, len(whole))
    elif message.endswith("({}); copy or export it again"):
        assert seneca_sim("run", "x.h5").err.startswith("seneca-sim: x.h5: the file is damaged (")
        return
    refused(message, "run", "x.h5")


def test_a_suffix_does_not_decide(seneca_sim, tmp_path):
    path = tmp_path / "net.txt"
    path.write_bytes(native_file().read_bytes())
    assert seneca_sim("show", path).code == 0


def test_maps_beyond_memory_are_refused_before_they_are_made(refused):
    net = GraphBuilder("wide").add("events", Input((2, 20, 20)))
    net.add("conv", Conv2d(np.ones((1, 2, 1, 1), np.int8), padding=1 << 19)).add("lif", Lif(0.5)).add(
        "output", Output()
    )
    save_graph(net.graph(), "wide.h5")
    message = (
        "wide: conv: a map of 1 x 1048596 x 1048596 values (channels, rows, columns) is larger than 1073741824; "
        "check sizes and padding"
    )
    refused(message, "run", "wide.h5", "--events", "digits")


@pytest.mark.parametrize("suffix", [".pt", ".npz"])
def test_networks_of_other_tools_are_refused_by_their_kind(refused, suffix):
    kind = {".pt": "PyTorch", ".npz": "numpy"}[suffix]
    Path(f"a{suffix}").write_bytes(b"x")
    refused(
        f"a{suffix}: {kind} files cannot be read; export the network as NIR, or write it with "
        "seneca_sim.graph.GraphBuilder and save_graph",
        "run",
        f"a{suffix}",
    )


def test_a_file_that_is_no_onnx_is_refused(refused):
    Path("a.onnx").write_bytes(b"x")
    refused("a.onnx: not an ONNX file, or a truncated one; export or copy it again", "run", "a.onnx")


def test_a_file_that_is_no_tflite_is_refused(refused):
    Path("a.tflite").write_bytes(b"x")
    refused("a.tflite: not a TensorFlow Lite file, it lacks the mark TFL3; export or copy it again", "run", "a.tflite")


def test_two_inputs_cannot_see_one_recording(refused):
    net = GraphBuilder("two").add("left", Input((2, 20, 20))).add("right", Input((2, 20, 20)))
    net.add("conv", Conv2d(np.ones((1, 2, 1, 1), np.int8)), "left", "right").add("lif", Lif(0.5)).add(
        "output", Output()
    )
    save_graph(net.graph(), "two.h5")
    refused(
        "digits-3.npz: two has 2 inputs, and a recording feeds one; give an .npz file with frames under the names left, right",
        "run",
        "two.h5",
        "--events",
        "digits",
    )


def test_a_network_without_anything_to_see_is_refused(refused):
    Path("net.h5").write_bytes(native_file().read_bytes())
    refused("nothing for net to see: give events (a recording) or an activity", "run", "net.h5")

"""NIR files that are broken, hostile or not supported are refused with one sentence."""

import os

import h5py
import numpy as np
import pytest

from tests.robustness.networks import broken, dataset, nir_file, removed

NODES = "node/nodes"
ONES = np.ones((4, 4, 4), np.float32)


def field(name, field_name, value):
    """Return a change of one field of a node."""
    return dataset(f"{NODES}/{name}/{field_name}", value)


def into_itself(file):
    file[f"{NODES}/sub"] = file["node"]


def linked(file):
    del file[f"{NODES}/conv/weight"]
    file[f"{NODES}/conv/weight"] = h5py.ExternalLink("other.nir", "/node")


def renamed(file):
    file.move(f"{NODES}/lif", f"{NODES}/l\x1b[2J")
    edges = file["node/edges"][()]
    del file["node/edges"]
    file["node/edges"] = np.where(edges == b"lif", b"l\x1b[2J", edges)


def doubled(edges):
    return np.concatenate([edges, edges[:1]])


CASES = [
    (
        "unsupported layer",
        field("conv", "type", b"Conv3d"),
        (
            "broken: conv: the NIR type 'Conv3d' is not supported; supported are Affine, AvgPool2d, Conv1d, "
            "Conv2d, CubaLI, CubaLIF, Delay, Flatten, I, IF, Input, LI, LIF, Linear, Output, Scale, SumPool2d, "
            "Threshold"
        ),
    ),
    (
        "unsupported neuron",
        field("lif", "type", b"LSTM"),
        (
            "broken: lif: the NIR type 'LSTM' is not supported; supported are Affine, AvgPool2d, Conv1d, Conv2d, "
            "CubaLI, CubaLIF, Delay, Flatten, I, IF, Input, LI, LIF, Linear, Output, Scale, SumPool2d, Threshold"
        ),
    ),
    (
        "type is a number",
        field("lif", "type", 5),
        "broken.nir: /node/nodes/lif: 'type' must be one text, it has type int64 and shape ()",
    ),
    (
        "type is long",
        field("lif", "type", b"x" * 20_000),
        "broken.nir: /node/nodes/lif: 'type' holds a text of 20000 letters, at most 10000 are read",
    ),
    (
        "tau 0",
        field("lif", "tau", 0 * ONES),
        "broken: lif: tau is 0 s, expected a positive time constant; export the network again",
    ),
    (
        "tau negative",
        field("lif", "tau", -ONES),
        "broken: lif: tau is -1 s, expected a positive time constant; export the network again",
    ),
    (
        "tau nan",
        field("lif", "tau", np.nan * ONES),
        "broken: lif: tau holds nan, expected finite numbers; export the network again",
    ),
    (
        "tau infinite",
        field("lif", "tau", np.inf * ONES),
        "broken: lif: tau holds inf, expected finite numbers; export the network again",
    ),
    (
        "tau shorter than a step",
        field("lif", "tau", 1e-9 * ONES),
        "broken: lif: tau is 0.001 us, shorter than the time step of 100 us; choose dt_us of at most 0.001",
    ),
    (
        "tau of another shape",
        field("lif", "tau", np.ones(7)),
        "broken: lif: tau has shape (7,) and r (4, 4, 4); export the network again",
    ),
    ("tau is a text", field("lif", "tau", b"abc"), "broken: lif: LIF has no array 'tau'; export the network again"),
    ("no tau", removed(f"{NODES}/lif/tau"), "broken: lif: LIF has no array 'tau'; export the network again"),
    (
        "threshold nan",
        field("lif", "v_threshold", np.nan * ONES),
        "broken: lif: v_threshold holds nan, expected finite numbers; export the network again",
    ),
    (
        "threshold negative",
        field("lif", "v_threshold", -ONES),
        ("broken: lif: the threshold is -1.0 in some channel, where the neuron fires without end; make it positive"),
    ),
    (
        "weight nan",
        field("dense", "weight", np.full((3, 64), np.nan)),
        (
            "broken: dense: weight is nan at [0, 0], expected a finite number (192 of 192 are not); export the "
            "network again from a healthy checkpoint"
        ),
    ),
    (
        "no weight",
        removed(f"{NODES}/conv/weight"),
        "broken: conv: Conv2d has no array 'weight'; export the network again",
    ),
    (
        "weight of zero size",
        field("conv", "weight", np.zeros((0, 2, 3, 3))),
        "broken: conv: the weight has shape (0, 2, 3, 3), a layer of zero size; remove the node",
    ),
    (
        "kernel too large",
        field("conv", "weight", np.ones((4, 2, 9, 9))),
        (
            "broken: conv: a kernel spanning 9 x 9 is larger than its input, 6 x 6 from 'input' with padding 0, "
            "0; use a smaller kernel or more padding"
        ),
    ),
    (
        "stride 0",
        field("conv", "stride", np.array([0, 0])),
        "broken: conv: stride is (0, 0), expected an integer of at least 1, or two (rows, columns)",
    ),
    (
        "three strides",
        field("conv", "stride", np.array([1, 1, 1])),
        "broken: conv: stride holds [1, 1, 1], expected one integer, or two (rows, columns)",
    ),
    (
        "padding",
        field("conv", "padding", b"reflect"),
        (
            "broken: conv: padding 'reflect' with kernel (3, 3) and stride (1, 1) is not supported; state the "
            "padding in numbers, equal on both sides"
        ),
    ),
    (
        "padding half",
        field("conv", "padding", np.array([0.5, 0.5])),
        "broken: conv: padding holds [0.5, 0.5], expected one to four integers",
    ),
    (
        "groups",
        field("conv", "groups", 3),
        "broken: conv: 4 output channels cannot form 3 groups; groups must divide the channels",
    ),
    (
        "flatten of an axis",
        field("flatten", "start_dim", 1),
        (
            "broken: flatten: flattens axes 1 to 2 of 3 only; only flattening a whole map is supported "
            "(start_dim 0, end_dim -1; NIR counts no batch axis)"
        ),
    ),
    (
        "flatten of no axis",
        field("flatten", "start_dim", 99),
        "broken: flatten: start_dim 99 and end_dim -1 are not both axes of 3; export the network again",
    ),
    (
        "input of size 0",
        field("input", "shape", np.array([2, 0, 6])),
        (
            "broken: input: the input shape is (2, 0, 6), expected 1 to 3 sizes of 1 to 1048576: (channels, "
            "rows, columns)"
        ),
    ),
    (
        "input huge",
        field("input", "shape", np.array([2, 2**40, 6])),
        (
            "broken: input: the input shape is (2, 1099511627776, 6), expected 1 to 3 sizes of 1 to 1048576: "
            "(channels, rows, columns)"
        ),
    ),
    (
        "input shape contradicts",
        field("conv", "input_shape", np.array([5, 5])),
        "broken: conv: the file states an input of (5, 5), 'input' gives (6, 6); export the network again",
    ),
    (
        "output shape contradicts",
        field("output", "shape", np.array([99])),
        ("broken: output: the file states shape (99,), what arrives has shape (3, 1, 1); export the network again"),
    ),
    (
        "no nodes",
        removed(NODES),
        "broken.nir: /node: there is no entry 'nodes'; the file is incomplete, export it again",
    ),
    (
        "no edges",
        removed("node/edges"),
        "broken.nir: /node: there is no entry 'edges'; the file is incomplete, export it again",
    ),
    (
        "no type",
        removed("node/type"),
        "broken.nir: /node: there is no entry 'type'; the file is incomplete, export it again",
    ),
    ("not a graph", dataset("node/type", b"Graph"), "broken.nir: /node: the type is 'Graph', expected 'NIRGraph'"),
    (
        "edges of numbers",
        dataset("node/edges", np.zeros((3, 2))),
        "broken.nir: /node: 'edges' must be pairs of texts, it has type float64 and shape (3, 2)",
    ),
    (
        "edges of three",
        dataset("node/edges", np.array([[b"a", b"b", b"c"]])),
        "broken.nir: /node: 'edges' must be pairs of texts, it has type |S1 and shape (1, 3)",
    ),
    (
        "edge to nowhere",
        dataset("node/edges", np.array([[b"input", b"b"]])),
        "broken: the edge 'input' -> 'b' names a node that does not exist: 'b'; export the network again",
    ),
    (
        "edge twice",
        dataset("node/edges", doubled),
        ("broken: the link 'input' -> 'conv' is there 2 times; remove all but one, or give each a port of its own"),
    ),
    (
        "edge not UTF-8",
        dataset("node/edges", np.array([[b"\xff", b"\xfe"]])),
        "broken.nir: /node: 'edges' holds a text that is not UTF-8: b'\\xff'",
    ),
    (
        "edge missing",
        dataset("node/edges", lambda edges: edges[:-1]),
        "broken: dense: this node leads nowhere; link it to an Output or remove it",
    ),
    ("graph in itself", into_itself, "broken.nir: graphs are nested more than 50 deep; export the network flat"),
    (
        "external link",
        linked,
        ("broken.nir: /node/nodes/conv: the entry 'weight' is a link to elsewhere; only data stored in place is read"),
    ),
    ("name with escape", renamed, "'broken': the name 'l\\x1b[2J' holds control characters; rename it"),
]


def command(case):
    """Make the file of a case, and return the command that meets it."""
    return "run", broken(nir_file(), "broken", case[1])


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_broken_nir_files_are_refused(refused, case):
    refused(case[-1], *command(case))


OPTIONS = [
    (
        "dt too long",
        ("--dt-us", "1e9"),
        "sound: lif: tau is 10000 us, shorter than the time step of 1e+09 us; choose dt_us of at most 10000",
    ),
    ("dt nan", ("--dt-us", "nan"), "dt_us must be a finite number > 0, not nan"),
    ("dt 0", ("--dt-us", "0"), "dt_us must be a finite number > 0, not 0.0"),
    (
        "max spikes",
        ("--max-spikes", "99999999999999999999"),
        "sound: lif: max_spikes is 99999999999999999999, expected 1 to 2147483647",
    ),
    (
        "numerics",
        ("--numerics", "int3"),
        (
            "numerics='int3' is not a list of number types; write weight, weight/state or weight/state/event, "
            "each one of int4, int8, int16, int32, int64, bf16, fp32"
        ),
    ),
]


def option_command(case):
    """Return the command with the options of a case."""
    return "run", broken(nir_file(), "sound", lambda file: None), *case[1]


@pytest.mark.parametrize("case", OPTIONS, ids=[case[0] for case in OPTIONS])
def test_options_that_the_file_cannot_follow_are_refused(refused, case):
    refused(case[-1], *option_command(case))


def test_the_sound_file_is_read(seneca_sim):
    assert seneca_sim("show", nir_file()).code == 0


def test_flipped_bytes_never_end_in_a_traceback(seneca_sim, tmp_path):
    sound, path = nir_file().read_bytes(), tmp_path / "flipped.nir"
    draw = np.random.default_rng(int(os.environ.get("SENECA_FLIP_SEED", "5")))
    codes = set()
    for _ in range(60):
        data = bytearray(sound)
        for place in draw.integers(0, len(data), 4):
            data[place] = draw.integers(256)
        path.write_bytes(data)
        outcome = seneca_sim("show", path)
        codes.add(outcome.code)
        assert outcome.code == 0 or outcome.err.startswith("seneca-sim: "), outcome
    assert codes == {0, 2}

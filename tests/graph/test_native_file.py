"""The native file keeps a graph to the last bit, gives the same bytes every time, and refuses what it did not write."""

import contextlib
import dataclasses
import io
from typing import Literal, get_args, get_origin, get_type_hints

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.errors import FileFormatError, GraphError
from seneca_sim.graph import (
    BatchNorm2d,
    Conv2d,
    ConvGru,
    CubaLif,
    Delay,
    DetectionOutput,
    Graph,
    GraphBuilder,
    Input,
    InputContract,
    Lif,
    Output,
    Precision,
    Quantise,
    Relu,
    SigmaDelta,
    SqueezeExcite,
    Upsample,
    load_graph,
    placeholder,
    save_graph,
)
from seneca_sim.graph.native_file import graph_bytes
from seneca_sim.graph.nodes import NODE_TYPES
from seneca_sim.graph.placeholders import is_placeholder
from seneca_sim.graph.table import graph_parameters
from tests.graph.graphs import random_graph


def assert_equal(first, second):
    """Compare dataclasses, mappings and arrays to the last bit and type."""
    if dataclasses.is_dataclass(first):
        assert type(first) is type(second)
        for entry in dataclasses.fields(first):
            assert_equal(getattr(first, entry.name), getattr(second, entry.name))
    elif isinstance(first, np.ndarray):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
    elif hasattr(first, "keys"):
        assert list(first) == list(second)
        for key in first:
            assert_equal(first[key], second[key])
    else:
        assert type(first) is type(second)
        assert first == second


def rich_graph():
    """A graph that uses every part of the format."""
    contract = InputContract(
        "signed_count", 5000, swap_xy=True, flip_polarity=True, clip=5, scale=0.5, mean=(0.5, 1.25), differences=True
    )
    build = GraphBuilder(
        "rich",
        dt_us=5000.0,
        task="other",
        input_contract=contract,
        default_precision=Precision("int8", "int16", "int8"),
    )
    mask = np.arange(18).reshape(2, 1, 3, 3) % 2 == 0
    build.add("event camera", Input((1, 6, 6)))
    build.add("conv", Conv2d(np.ones((2, 1, 3, 3), np.int8), np.array([1, 2], np.int64), 0.5, mask, (1, 2), 1, 1))
    build.add(
        "lif",
        Lif(np.array([0.5, 0.25]), v_min=-1.0, reset="subtract", max_spikes=3),
        precision=Precision("int4", "bf16", "int8"),
    )
    build.add("back", Conv2d(np.ones((2, 2, 1, 1), np.float32)))
    build.add("cuba", CubaLif(0.5, 0.25), "lif", head=True).add("delta", SigmaDelta(0.5, "deadband", "identity"))
    build.add("çlass", Output())
    return dataclasses.replace(build.link("back", "lif", delay=1).graph(), assumptions=("first", "second"))


def absent_graph():
    """A published network in small: placeholders, a shared head, several outputs, resets."""
    build = GraphBuilder("absent", weights="absent", assumptions=("not public",)).add("in", Input((4, 8, 8)))
    ones = np.broadcast_to(np.float32(1), 4)
    build.add("norm", BatchNorm2d(placeholder(4), ones, ones, placeholder(4))).add(
        "lif", Lif(0.5), reset_every=3, reset_first=1
    )
    build.add(
        "gru", ConvGru(placeholder(12, 4, 3, 3), placeholder(12, 4, 3, 3), placeholder(16), threshold=0.5, reset="zero")
    )
    build.add("up", Upsample(2, (15, 16))).add("delay", Delay(2.0)).add("quantise", Quantise(0.5, -8.0, 7.0, "floor"))
    build.add("gated", SqueezeExcite(placeholder(2, 4), placeholder(4, 2), gate="hard_sigmoid"), "quantise", "delay")
    head, boxes = (
        Conv2d(placeholder(14, 4, 1, 1)),
        DetectionOutput("yolo", 2, np.array([[10.0, 13.0], [16.0, 30.0]]), 4),
    )
    build.add("near", head, "gated", head=True).add("out", boxes).add("far", head, "gru", head=True)
    return build.add("out2", boxes).graph()


def test_placeholders_take_no_room_and_shared_nodes_stay_shared(tmp_path):
    graph = absent_graph()
    save_graph(graph, tmp_path / "net.h5")
    again = load_graph(tmp_path / "net.h5")
    assert_equal(again, graph)
    assert is_placeholder(again.nodes["gru"].weight_x)
    assert again.nodes["near"] is again.nodes["far"]
    assert graph_parameters(again) == graph_parameters(graph)
    assert graph_bytes(again) == (tmp_path / "net.h5").read_bytes()
    large = dataclasses.replace(
        graph, nodes={**graph.nodes, "near": Conv2d(placeholder(14, 4, 999, 999)), "far": graph.nodes["far"]}
    )
    assert abs(len(graph_bytes(large)) - len(graph_bytes(graph))) < 4000


def example(kind):
    """Return a node of a type, with values of its own in as many fields as a word or number can fill."""
    values = {}
    for name, hint in get_type_hints(kind).items():
        options = [hint, *get_args(hint)]
        if get_origin(hint) is Literal:
            values[name] = get_args(hint)[-1]
        elif np.ndarray in map(get_origin, options) or name == "thresholds":
            values[name] = np.arange(4.0).reshape(1, 4) > 1 if name == "mask" else np.arange(4.0).reshape(1, 4)
        elif hint is bool:
            values[name] = True
        elif float in options:
            values[name] = 0.25
        elif int in options and get_origin(hint) is not tuple:
            values[name] = 3
        else:
            values[name] = (2, 3)
    return kind(**values)


@pytest.mark.parametrize("kind", NODE_TYPES.values(), ids=NODE_TYPES)
def test_every_node_type_survives(kind, tmp_path, monkeypatch):
    # nodes and links need not make sense here, only be kept
    for check in ("check_node", "node_order"):
        monkeypatch.setattr(f"seneca_sim.graph.native_file.{check}", lambda *_: None)
    graph = Graph("all", {"node": example(kind)}, ())
    save_graph(graph, tmp_path / "net.h5")
    assert_equal(load_graph(tmp_path / "net.h5").nodes["node"], graph.nodes["node"])


def change(path, node, **attributes):
    with h5py.File(path, "r+") as file:
        group = file["nodes"][f"{node:06d}"] if node is not None else file
        for name, value in attributes.items():
            group.attrs[name] = value


PLACEHOLDER = "expected the shape of a placeholder, at most 268435456 values"
EARLIER = ", expected the number of an earlier Conv2d; copy or export it again"


@pytest.mark.parametrize(
    ("node", "attributes", "text"),
    [
        (
            3,
            {"shape_weight_x": [0, 4, 3, 3]},
            "/nodes/000003: shape_weight_x is (0, 4, 3, 3) of an array of (1, 1, 1, 1), " + PLACEHOLDER,
        ),
        (
            3,
            {"shape_weight_x": [1 << 20] * 4},
            f"/nodes/000003: shape_weight_x is {(1 << 20,) * 4} of an array of (1, 1, 1, 1), " + PLACEHOLDER,
        ),
        (
            10,
            {"same_as": 0},
            "/nodes/000010: far: same_as is 0" + EARLIER,
        ),
        (
            10,
            {"same_as": 99},
            "/nodes/000010: far: same_as is 99" + EARLIER,
        ),
        (2, {"reset_every": 0}, "/nodes/000002: reset_every is 0, expected a whole number of at least 1"),
        (2, {"reset_first": -1}, "/nodes/000002: reset_first is -1, expected a whole number of at least 0"),
        (None, {"weights": np.bytes_(b"lost")}, "weights is 'lost', expected one of given, random, absent"),
    ],
)
def test_changed_placeholders_shares_and_resets_are_refused(node, attributes, text, tmp_path):
    path = tmp_path / "net.h5"
    save_graph(absent_graph(), path)
    change(path, node, **attributes)
    with pytest.raises(FileFormatError) as caught:
        load_graph(path)
    assert str(caught.value) == f"{path}: {text}"


def test_every_part_of_a_graph_survives(tmp_path):
    graph = rich_graph()
    save_graph(graph, tmp_path / "net.h5")
    assert_equal(load_graph(tmp_path / "net.h5"), graph)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_random_graphs_survive_and_have_one_form(tmp_path_factory, n_nodes, seed):
    graph = random_graph(np.random.default_rng(seed), n_nodes)
    path = tmp_path_factory.mktemp("native") / "net.h5"
    save_graph(graph, path)
    again = load_graph(path)
    assert_equal(again, graph)
    assert graph_bytes(again) == path.read_bytes()


def test_bytes_hold_no_time(monkeypatch):
    first = graph_bytes(rich_graph())
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert graph_bytes(rich_graph()) == first
    with h5py.File(io.BytesIO(first), "r") as file:
        info = h5py.h5o.get_info(file["links"].id)
        assert (info.mtime, info.ctime) == (0, 0)


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    graph = GraphBuilder("net").add("input", Input((1,))).add("", Relu()).add("output", Output()).graph()
    with pytest.raises(GraphError) as caught:
        save_graph(graph, tmp_path / "net.h5")
    assert (
        str(caught.value) == "/nodes/000001: name is ''; a native file holds texts of at least one letter, without NUL"
    )
    assert not (tmp_path / "net.h5").exists()


def attribute(group, name, value):
    def change(file):
        file[group].attrs[name] = np.bytes_(value) if isinstance(value, str) else value

    return change


def dataset(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


def dangling(file):
    file["links"][1, 1] = 99


def outside(file):
    del file["nodes/000001/weight"]
    file["nodes/000001/weight"] = h5py.ExternalLink("/etc/passwd", "/")


def soft(file):
    del file["nodes/000001/weight"]
    file["nodes/000001/weight"] = h5py.SoftLink("/links")


def stored_elsewhere(file):
    del file["nodes/000001/weight"]
    file["nodes/000001"].create_dataset("weight", (2, 1, 3, 3), "i1", external=[("/etc/passwd", 0, 18)])


def huge(file):
    del file["nodes/000001/weight"]
    file["nodes/000001"].create_dataset("weight", (2**20, 2**12, 3, 3), "i1", chunks=(16, 16, 3, 3))


def objects(file):
    del file["nodes/000001/weight"]
    file["nodes/000001"].create_dataset("weight", data=np.array(["a", "b"], dtype=object), dtype=h5py.string_dtype())


def variable_length(file):
    file.attrs["name"] = "net"


def missing(file):
    del file["nodes/000001/weight"]


def twice(file):
    file["nodes/000002"].attrs["name"] = np.bytes_("conv")


BROKEN = {
    "version": (
        attribute("/", "format", "seneca_sim/9"),
        "{path}: the format is 'seneca_sim/9', this version reads 'seneca_sim/1'; use the version of seneca_sim that wrote the "
        "file",
    ),
    "task": (attribute("/", "task", "guess"), "{path}: task is 'guess', expected 'classification' or 'other'"),
    "time step": (attribute("/", "dt_us", -1.0), "{path}: dt_us is -1.0, expected a positive time in microseconds"),
    "name": (attribute("/", "name", 3), "{path}: /: the attribute 'name' is 3, expected a text"),
    "slice": (
        attribute("input_contract", "slice_us", 0),
        "{path}: /input_contract: slice_us is 0, expected at least 1",
    ),
    "representation": (
        attribute("input_contract", "representation", "fun"),
        "{path}: /input_contract: representation is 'fun', expected binary, count, signed_count, frame, histogram, "
        "voxel, time_surface, signed_voxel",
    ),
    "number type": (
        attribute("default_precision", "state", "fp8"),
        "{path}: /default_precision: state is 'fp8', expected binary, int4, int8, int16, int32, int64, bf16, fp32",
    ),
    "unknown field": (
        attribute("nodes/000001", "colour", "red"),
        "{path}: /nodes/000001: conv: Conv2d has no field 'colour'; known are weight, bias, scale, mask, stride, "
        "padding, dilation, groups",
    ),
    "unknown node": (
        attribute("nodes/000002", "type", "Exec"),
        "{path}: /nodes/000002: lif: there is no node type 'Exec'; known are " + ", ".join(NODE_TYPES),
    ),
    "wrong kind": (
        attribute("nodes/000001", "stride", "two"),
        "{path}: /nodes/000001: conv: stride is 'two', expected an integer or integers",
    ),
    "same name": (twice, "{path}: /nodes/000002: there is a node 'conv' already; names must differ"),
    "missing weight": (missing, "{path}: /nodes/000001: conv: Conv2d needs the field 'weight'; the file is incomplete"),
    "mask": (
        dataset("nodes/000001/mask", np.ones((2, 1, 3, 3))),
        "{path}: /nodes/000001: conv: mask is an array of float64, expected bool",
    ),
    "dangling link": (dangling, "{path}: /links: link 1 joins nodes 1 and 99, the file has nodes 0 to 6"),
    "links": (
        dataset("links", np.zeros((2, 3), np.int32)),
        "{path}: /links has type int32 and shape (2, 3), expected integers (n, 4)",
    ),
    "external link": (
        outside,
        "{path}: /nodes/000001: the entry 'weight' is a link to elsewhere; only data stored in place is read",
    ),
    "soft link": (
        soft,
        "{path}: /nodes/000001: the entry 'weight' is a link to elsewhere; only data stored in place is read",
    ),
    "external data": (
        stored_elsewhere,
        "{path}: /nodes/000001: the data of 'weight' lies in other files; only data stored in place is read",
    ),
    "huge": (
        huge,
        "{path}: /nodes/000001: 'weight' has shape (1048576, 4096, 3, 3), arrays are read up to 1073741824 bytes",
    ),
    "text of variable length": (
        variable_length,
        "{path}: /: the attribute 'name' has type object and shape (), expected a number or a text of fixed length",
    ),
    "objects": (objects, "{path}: /nodes/000001: 'weight' holds object, expected numbers"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_was_changed_is_refused(tmp_path, case):
    change, text = BROKEN[case]
    path = tmp_path / "net.h5"
    save_graph(rich_graph(), path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(FileFormatError) as caught:
        load_graph(path)
    assert str(caught.value) == text.format(path=path)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
def test_damaged_bytes_never_escape_as_another_error(tmp_path_factory, place, noise):
    data = bytearray(graph_bytes(rich_graph()))
    place %= len(data)
    data[place : place + len(noise)] = noise
    path = tmp_path_factory.mktemp("damaged") / "net.h5"
    path.write_bytes(data)
    with contextlib.suppress(FileFormatError):
        load_graph(path)

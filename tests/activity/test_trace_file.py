"""Trace files: what is written is read again, byte for byte; strangers' files are checked before use."""

import json
import zipfile
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from seneca_sim.activity import load_activity, load_trace, save_trace
from seneca_sim.errors import ActivityError, FileFormatError, RequestError
from tests.activity.test_random_networks import run
from tests.networks import input_maps, random_network


def sample(seed: int = 3):
    rng = np.random.default_rng(seed)
    network = replace(random_network(rng, numbers="float"), task="classification")
    return network, run(network, input_maps(rng, network, steps=3))


def rewritten(path, change):
    """Write the file again with its members, as a dict of bytes, changed."""
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def npy(array, **options) -> bytes:
    buffer = BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("seed", range(6))
def test_a_trace_survives_the_file(tmp_path, seed):
    network, trace = sample(seed)
    save_trace(tmp_path / "a.trace.npz", trace, network)
    again = load_trace(tmp_path / "a.trace.npz", network)
    for layer, expected in zip(again.layers, trace.layers, strict=True):
        for name in ("step_start", "position", "first_event", "channel", "neuron_events", "saturations"):
            np.testing.assert_array_equal(getattr(layer, name), getattr(expected, name))
        assert (layer.value is None) == (expected.value is None)
        if expected.value is not None:
            np.testing.assert_array_equal(layer.value, expected.value)
    np.testing.assert_array_equal(again.sops, trace.sops)
    np.testing.assert_array_equal(again.class_scores, trace.class_scores)
    assert (again.source, again.description) == (trace.source, trace.description)


def test_a_trace_that_cannot_be_written_leaves_the_file_before(tmp_path):
    network, trace = sample()
    save_trace(tmp_path / "a.trace.npz", trace, network)
    before = (tmp_path / "a.trace.npz").read_bytes()
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        save_trace(tmp_path / "a.trace.npz", replace(trace, sops=np.array([object()])), network)
    assert (tmp_path / "a.trace.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.trace.npz"]


def test_the_same_trace_makes_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        network, trace = sample()
        save_trace(tmp_path / name, trace, network)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_numpy_reads_the_arrays(tmp_path):
    network, trace = sample()
    save_trace(tmp_path / "a.trace.npz", trace, network)
    with np.load(tmp_path / "a.trace.npz") as arrays:
        np.testing.assert_array_equal(arrays["layers/0/position"], trace.layers[0].position)


def test_a_stored_trace_has_its_own_steps(tmp_path):
    network, trace = sample()
    save_trace(tmp_path / "a", trace, network)
    assert load_activity(network, tmp_path / "a", steps=3).n_steps == 3
    with pytest.raises(RequestError, match=r"^steps must be 3, those of the trace a, not 2$"):
        load_activity(network, tmp_path / "a", steps=2)


def test_a_trace_of_another_network_is_refused(tmp_path):
    network, trace = sample()
    path = tmp_path / "a"
    save_trace(path, trace, network)
    renamed = replace(network, layers=(replace(network.layers[0], name="eye"), *network.layers[1:]))
    shape = list(network.layers[0].out_shape)
    with pytest.raises(ActivityError) as error:
        load_trace(path, renamed)
    assert str(error.value) == (
        f'{path}: the trace is of another network than random: its layer is {{"name": "input0", "shape": {shape}, "edges": 0}}, '
        f'expected {{"name": "eye", "shape": {shape}, "edges": 0}}'
    )
    with pytest.raises(ActivityError) as error:
        load_trace(path, replace(network, layers=network.layers[:1]))
    assert str(error.value) == (
        f"{path}: the trace has {len(network.layers)} layers, but random has 1; load its own network"
    )


def test_pickles_are_never_opened(tmp_path):
    network, trace = sample()
    path = tmp_path / "a"
    save_trace(path, trace, network)
    rewritten(path, lambda members: members.update({"sops.npy": npy(np.array([{}], object), allow_pickle=True)}))
    with pytest.raises(FileFormatError) as error:
        load_trace(path, network)
    assert str(error.value) == (
        f"{path}: not an activity trace, or damaged: an array of object in row order, expected plain numbers in row order"
    )


def test_arrays_that_claim_more_than_the_file_holds_are_refused(tmp_path):
    network, trace = sample()
    path = tmp_path / "a"
    save_trace(path, trace, network)
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (10**12,)})
    rewritten(path, lambda members: members.update({"sops.npy": header.getvalue()}))
    with pytest.raises(FileFormatError) as error:
        load_trace(path, network)
    assert str(error.value) == (
        f"{path}: not an activity trace, or damaged: an array of shape (1000000000000,) and type int64 with 0 bytes"
    )


def test_compressed_members_are_refused(tmp_path):
    network, _ = sample()
    path = tmp_path / "a"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("trace.json", "{}" + " " * 10_000)
    with pytest.raises(FileFormatError) as error:
        load_trace(path, network)
    assert str(error.value) == f"{path}: trace.json is compressed; members of a trace file are stored as they are"


def _about(change):
    def apply(members):
        about = json.loads(members["trace.json"])
        change(about)
        members["trace.json"] = json.dumps(about).encode()

    return apply


def _array(name, change):
    def apply(members):
        members[f"{name}.npy"] = npy(change(np.load(BytesIO(members[f"{name}.npy"]))))

    return apply


def _set(index, value):
    def change(array):
        array[index] = value
        return array

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("trace.json"), "not an activity trace: trace.json is missing"),
        (lambda m: m.pop("sops.npy"), "sops.npy is missing; the file is incomplete"),
        (
            _about(lambda about: about.update(format="seneca_sim/trace/9")),
            'not an activity trace: its format is "seneca_sim/trace/9", expected "seneca_sim/trace/1"',
        ),
        (_about(lambda about: about.update(steps=True)), "steps must be an integer >= 1, not True"),
        (
            _about(lambda about: about.update(source="dreamt")),
            "source must be simulated or synthetic, and description a line of text",
        ),
        (_about(lambda about: about.update(steps=2)), "layer input0: step_start must have 3 entries, not 4"),
        (
            _array("layers/0/channel", _set(0, 99)),
            "layer input0: channel 99 lies outside the layer's map; there are {channels}",
        ),
        (
            _array("layers/0/position", _set(1, 0)),
            "layer input0: entries of position must ascend, but position[1] does not",
        ),
        (
            _array("layers/0/position", lambda a: a.astype(np.int64)),
            "layer input0: position must be a list of int32, not 1-dimensional int64",
        ),
        (
            _array("layers/0/step_start", _set(0, 1)),
            "layer input0: step_start must rise from 0 to the number of positions, {positions}",
        ),
        (
            _array("sops", lambda a: a + 1),
            "step 0 states {sops1} SOPs for edge {edge}, but its events make {sops}; the network's weights or masks are not "
            "those of the trace",
        ),
        (
            _array("class_scores", lambda a: a.astype(np.float32)),
            "class_scores must be a list of float64, not float32 of shape ({scores},)",
        ),
    ],
)
def test_damage_is_named(tmp_path, change, message):
    network, trace = sample()
    path = tmp_path / "a"
    save_trace(path, trace, network)
    rewritten(path, change)
    facts = {
        "channels": network.layers[0].out_shape[0],
        "positions": len(trace.layers[0].position),
        "sops": trace.sops[0, 0],
        "sops1": trace.sops[0, 0] + 1,
        "scores": 0 if trace.class_scores is None else len(trace.class_scores),
        "edge": next(edge.name for layer in network.layers for edge in layer.edges),
    }
    with pytest.raises((ActivityError, FileFormatError)) as error:
        load_trace(path, network)
    assert str(error.value) == f"{path}: {message.format(**facts)}"


@pytest.mark.parametrize("length", [0, 10, 200, 2000])
def test_truncated_files_are_refused(tmp_path, length):
    network, trace = sample()
    path = tmp_path / "a"
    save_trace(path, trace, network)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(FileFormatError) as error:
        load_trace(path, network)
    assert str(error.value) == f"{path}: not an activity trace, or damaged: File is not a zip file"


def test_a_missing_file_is_named(tmp_path):
    network, _ = sample()
    with pytest.raises(FileFormatError) as error:
        load_trace(tmp_path / "none", network)
    assert str(error.value) == f"{tmp_path / 'none'}: cannot be read: No such file or directory"

"""Networks are found by name or path, their format by content, and every dead end is a sentence."""

import h5py
import numpy as np
import pytest

from seneca_sim.errors import FileFormatError, RequestError
from seneca_sim.graph import (
    Dense,
    GraphBuilder,
    Input,
    Lif,
    Output,
    Relu,
    find_network,
    is_published,
    load_network,
    network_names,
    save_graph,
)


@pytest.fixture
def spiking(tmp_path):
    build = GraphBuilder("spiking", dt_us=1000.0).add("input", Input((2,))).add("fc", Dense(np.eye(2, dtype=np.int8)))
    save_graph(build.add("lif", Lif(0.5)).add("output", Output()).graph(), tmp_path / "spiking.h5")
    return tmp_path / "spiking.h5"


@pytest.fixture
def frames(tmp_path):
    build = GraphBuilder("frames").add("input", Input((2,))).add("fc", Dense(np.eye(2, dtype=np.float32)))
    save_graph(build.add("relu", Relu()).add("output", Output()).graph(), tmp_path / "frames.bin")
    return tmp_path / "frames.bin"


def test_shipped_networks_load_by_name():
    assert network_names()
    for name in network_names():
        if not is_published(name):
            assert load_network(name).name == name
            assert find_network(name).is_file()


def test_content_decides_not_the_suffix(frames):
    assert load_network(frames).name == "frames"


def test_the_users_spike_rules_replace_those_of_the_file(spiking):
    network = load_network(spiking, reset="subtract", max_spikes=4, v_min=-0.5, dt_us=1000.0)
    neuron = network.layers[1].neuron
    assert (neuron.reset, neuron.max_spikes, neuron.v_min) == ("subtract", 4, -0.5)
    assert network.layers[1].precision.event == "int8"
    assert network.assumptions == ("as the user stated: reset subtract, max_spikes 4, v_min -0.5",)


def test_stated_event_types_follow_the_number_of_spikes():
    spikes = [load_network("digits-lif", max_spikes=most).layers[1].precision.event for most in (1, 3, 300)]
    assert spikes == ["binary", "int8", "int16"]


def refused(error, path, **options):
    with pytest.raises(error) as caught:
        load_network(path, **options)
    return str(caught.value)


def test_a_time_step_that_the_file_fixes_cannot_be_stated(spiking, frames):
    assert refused(RequestError, spiking, dt_us=500.0) == (
        "dt_us=500: spiking states its own time step (its neurons hold for 1000 us); leave dt_us out"
    )
    assert refused(RequestError, frames, dt_us=500.0) == (
        "dt_us=500: frames states its own time step (no neuron of it depends on time); leave dt_us out"
    )


def test_spike_rules_need_spikes(frames):
    assert (
        refused(RequestError, frames, reset="value", max_spikes=2)
        == "reset, max_spikes: no neuron of frames spikes; leave it out"
    )


def test_unknown_reset_is_refused(spiking):
    assert (
        refused(RequestError, spiking, reset="halve")
        == "reset='halve': expected 'value', 'subtract' or 'subtract_late'"
    )


def test_unknown_number_types_are_refused(frames):
    assert refused(RequestError, frames, numerics="fp16") == (
        "numerics='fp16' is not a list of number types; write weight, weight/state or weight/state/event, each one of int4, int8, "
        "int16, int32, int64, bf16, fp32"
    )


def test_names_that_do_not_ship_are_refused_with_a_guess():
    assert refused(FileFormatError, "digits-lift") == (
        "'digits-lift' is neither a file nor a shipped network; did you mean digits-lif?"
    )
    assert refused(FileFormatError, "qqq") == (
        "'qqq' is neither a file nor a shipped network (seneca-sim list models shows those that ship)"
    )


def test_files_that_are_no_network_are_named(tmp_path, frames):
    files = {
        "empty.h5": (b"", "the file is empty; copy or export it again"),
        "text.nir": (b"hello", "not an HDF5 file: it begins with b'hello', expected b'\\x89HDF\\r\\n\\x1a\\n'"),
        "net.onnx": (
            b"\x08\x07",
            "an ONNX file without nodes or outputs, perhaps truncated; export or copy it again",
        ),
        "cut.h5": (
            frames.read_bytes()[:3000],
            f"the file ends at byte 3000 of {frames.stat().st_size}; it is truncated, copy or export it again",
        ),
    }
    for name, (data, text) in files.items():
        (tmp_path / name).write_bytes(data)
        assert refused(FileFormatError, tmp_path / name) == f"{tmp_path / name}: {text}"
    assert refused(FileFormatError, tmp_path) == f"{tmp_path}: this is a folder; name a file in it"


def test_hdf5_files_of_other_kinds_are_named(tmp_path):
    for content, text in [
        ("layer", "/layer: the layers are named nothing, expected numbers from 0 on; export the network again"),
        ("events", "an HDF5 file, but no network: it holds events; expected a native file, NIR or netx"),
    ]:
        path = tmp_path / f"{content}.h5"
        with h5py.File(path, "w") as file:
            file.create_group(content)
        assert refused(FileFormatError, path) == f"{path}: {text}"

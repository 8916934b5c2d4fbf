"""Files of every format with bytes changed, cut off, left out or put in are read or refused, and never end otherwise.

Warnings are errors in tests, so that damage does not print any either. `SENECA_FLIP_SEED` draws other damage.
"""

import os
import signal
from random import Random

import h5py
import numpy as np
import pytest

from seneca_sim.errors import SenecaError
from seneca_sim.events import open_recording
from seneca_sim.graph import load_network
from seneca_sim.graph.load import read_graph
from seneca_sim.graph.state_dict import array_names
from tests.events import writers
from tests.robustness.networks import native_file, nir_file

N_FILES = 40
LONGEST_S = 20
SEED = int(os.environ.get("SENECA_FLIP_SEED", "7"))


def damaged(data, draw):
    """Return bytes with one kind of damage, more often near the beginning, where headers are."""
    new, kind = bytearray(data), draw.randrange(6)
    reach = min(len(new), draw.choice([256, 4096, len(new)]))
    place = draw.randrange(reach)
    if kind == 0:
        return new[:place]
    if kind == 1:
        new[place : place + draw.randrange(1, 64)] = b""
    elif kind == 2:
        new[place:place] = draw.randbytes(draw.randrange(1, 16))
    else:
        for _ in range(draw.choice([1, 2, 4, 16, 64])):
            place = draw.randrange(reach)
            new[place] = draw.choice([0, 127, 128, 255, draw.randrange(256), new[place] ^ 1 << draw.randrange(8)])
    return new


@pytest.fixture
def survives(tmp_path):
    """Give a function that reads damaged copies of a file and returns how many were refused."""

    def late(*_):
        raise TimeoutError(f"a damaged file was read for {LONGEST_S} s")

    def check(name, data, read):
        path, refusals = tmp_path / name, []
        before = signal.signal(signal.SIGALRM, late)
        try:
            for number in range(N_FILES):
                path.write_bytes(damaged(data, Random(f"{SEED}/{number}")))
                signal.alarm(LONGEST_S)
                try:
                    read(path)
                except SenecaError as error:
                    refusals.append(str(error))
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        assert all(path.stem in text for text in refusals), refusals
        return len(refusals)

    return check


def read_recording(path):
    for _ in open_recording(path).blocks():
        pass


EVENTS = writers.random_events(600)
FRAMES = np.arange(5 * 3 * 8 * 8, dtype=np.uint8).reshape(5, 3, 8, 8)


def hdf5(path):
    with h5py.File(path, "w") as file:
        for name, column in zip("txyp", EVENTS, strict=True):
            file.create_dataset(f"events/{name}", data=column, compression="gzip", chunks=(200,))


def rows(path):
    path.write_text("t,x,y,p\n" + "".join(f"{t},{x},{y},{p}\n" for t, x, y, p in zip(*EVENTS, strict=True)))


RECORDINGS = {
    "a.bin": lambda path: path.write_bytes(writers.nmnist(*EVENTS)),
    "a.dat": lambda path: path.write_bytes(writers.dat(*EVENTS)),
    "evt2.raw": lambda path: path.write_bytes(writers.raw("2.0", writers.evt2_words(*EVENTS))),
    "evt3.raw": lambda path: path.write_bytes(writers.raw("3.0", writers.evt3_words(*EVENTS))),
    "two.aedat": lambda path: path.write_bytes(writers.aedat2(*EVENTS)),
    "three.aedat": lambda path: path.write_bytes(writers.aedat3(*EVENTS)),
    "a.es": lambda path: path.write_bytes(writers.event_stream(*EVENTS)),
    "a.h5": hdf5,
    "a.csv": rows,
    "a.npz": lambda path: np.savez(path, **dict(zip("txyp", EVENTS, strict=True))),
    "frames.npy": lambda path: np.save(path, FRAMES),
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_damaged_recordings_are_read_or_refused(survives, tmp_path, name):
    RECORDINGS[name](tmp_path / name)
    data = (tmp_path / name).read_bytes()
    read_recording(tmp_path / name)
    assert survives(name, data, read_recording) > 0


@pytest.mark.parametrize("file", [native_file, nir_file])
def test_damaged_networks_are_read_or_refused(survives, file):
    path = file()
    assert survives(path.name, path.read_bytes(), load_network) > 0


REAL = [
    "models/lava/tiny_lif_cnn.net",
    "models/nir/lif_norse.nir",
    "models/onnx/mnist_conv_float.onnx",
    "models/qonnx/qkeras_jettagging.onnx",
    "models/tflite/kws_int8.tflite",
]


@pytest.mark.parametrize("relative", REAL)
def test_damaged_real_networks_are_read_or_refused(survives, shared_data, relative):
    path = shared_data(relative)
    if path.suffix in (".onnx", ".tflite"):
        package = path.suffix[1:]
        pytest.importorskip(package, reason=f"the package {package} (extra [{package}]) is not installed")
    assert survives(path.name, path.read_bytes(), load_network) > 0


def test_a_damaged_recording_of_another_package_is_read_or_refused(survives, shared_data):
    pytest.importorskip("aedat", reason="the package aedat (extra [aedat4]) is not installed")
    path = shared_data("events/aedat4/sample_first.aedat4")
    assert survives(path.name, path.read_bytes(), read_recording) > 0


def test_damaged_weights_are_read_or_refused(survives, tmp_path):
    shapes = array_names(read_graph("firenet-ann"))
    np.savez(tmp_path / "w.npz", **{name: np.full(shape, 0.5, np.float32) for name, shape in shapes.items()})
    data = (tmp_path / "w.npz").read_bytes()
    assert survives("w.npz", data, lambda path: load_network("firenet-ann", weights=path)) > 0

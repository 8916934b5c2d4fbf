"""Networks to break: one small native file and one small NIR file, and functions that change them."""

import shutil
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp

import h5py
import numpy as np

from seneca_sim.graph import Conv2d, Dense, Flatten, GraphBuilder, Input, Lif, Output, save_graph

CONV, LIF, FLATTEN, DENSE = "000001", "000002", "000003", "000004"
"""Groups of the nodes in the native file."""


@cache
def native_file():
    """Return the path of a sound native file: two maps of 6x6 in, four out."""
    net = GraphBuilder("net", dt_us=1000.0)
    net.add("events", Input((2, 6, 6))).add("conv", Conv2d(np.ones((4, 2, 3, 3), np.int8), scale=0.25)).add(
        "lif", Lif(0.5)
    )
    net.add("flatten", Flatten()).add("dense", Dense(np.ones((3, 64), np.int8), scale=0.25)).add("classes", Lif(0.5))
    path = Path(mkdtemp()) / "net.h5"
    save_graph(net.add("output", Output()).graph(), path)
    return path


@cache
def nir_file():
    """Return the path of a sound NIR file."""
    path = Path(mkdtemp()) / "net.nir"
    ones = np.ones((4, 4, 4), np.float32)
    nodes = {
        "input": {"type": b"Input", "shape": np.array([2, 6, 6])},
        "conv": {
            "type": b"Conv2d", "weight": np.full((4, 2, 3, 3), 0.25, np.float32), "bias": np.zeros(4, np.float32),
            "stride": np.array([1, 1]), "padding": np.array([0, 0]), "dilation": np.array([1, 1]), "groups": 1,
            "input_shape": np.array([6, 6]),
        },
        "lif": {"type": b"LIF", "tau": 0.01 * ones, "r": ones, "v_leak": 0 * ones, "v_threshold": ones},
        "flatten": {"type": b"Flatten", "start_dim": 0, "end_dim": -1, "input_type": np.array([4, 4, 4])},
        "dense": {"type": b"Linear", "weight": np.full((3, 64), 0.25, np.float32)},
        "output": {"type": b"Output", "shape": np.array([3])},
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        graph = file.create_group("node")
        graph["type"] = b"NIRGraph"
        names = list(nodes)
        graph["edges"] = np.array([[a.encode(), b.encode()] for a, b in pairwise(names)])
        for name, fields in nodes.items():
            for key, value in fields.items():
                graph[f"nodes/{name}/{key}"] = value
    return path


def broken(sound, name, change):
    """Return a copy of a sound file in the current folder, changed."""
    path = Path(name).with_suffix(sound.suffix)
    shutil.copy(sound, path)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def attribute(group, name, value):
    """Return a change that sets an attribute."""

    def change(file):
        file[group].attrs[name] = np.bytes_(value) if isinstance(value, str) else value

    return change


def node(number, name, value):
    """Return a change that sets an attribute of a node of the native file."""
    return attribute(f"nodes/{number}", name, value)


def dataset(place, value):
    """Return a change that replaces a dataset; a function gets what is there."""

    def change(file):
        new = value(file[place][()]) if callable(value) else value
        if place in file:
            del file[place]
        file[place] = new

    return change


def removed(place):
    """Return a change that removes an entry."""
    return lambda file: file.__delitem__(place)

"""HDF5 files made to harm: nothing in them is executed, followed elsewhere, or allocated before it is known to be there."""

import os

import h5py
import numpy as np
import pytest

from tests.robustness.networks import CONV, broken, native_file

WEIGHT = f"nodes/{CONV}/weight"


def instead(make):
    """Return a change that makes another entry in place of the weights."""

    def change(file):
        del file[WEIGHT]
        make(file)

    return change


def virtual(file):
    layout = h5py.VirtualLayout((4, 2, 3, 3), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4, 2, 3, 3))
    file.create_virtual_dataset(WEIGHT, layout)


def typed(dtype):
    return instead(lambda file: file.create_dataset(WEIGHT, (3,), dtype=dtype))


def link(kind, *where):
    return instead(lambda file: file.__setitem__(WEIGHT, kind(*where)))


def stored_outside(file):
    file.create_dataset(WEIGHT, (4, 2, 3, 3), dtype="i1", external=[("/etc/passwd", 0, 72)])


def declared(file):
    file.create_dataset(WEIGHT, (10**6, 10**6, 3, 3), dtype="f4", chunks=(1, 1, 3, 3))


CASES = [
    (
        "objects",
        typed(h5py.vlen_dtype(np.float32)),
        "broken.h5: /nodes/000001: 'weight' holds object, expected numbers",
    ),
    ("references", typed(h5py.ref_dtype), "broken.h5: /nodes/000001: 'weight' holds object, expected numbers"),
    ("records", typed([("a", "i4")]), "broken.h5: /nodes/000001: 'weight' holds [('a', '<i4')], expected numbers"),
    (
        "external link",
        link(h5py.ExternalLink, "/etc/passwd", "/x"),
        ("broken.h5: /nodes/000001: the entry 'weight' is a link to elsewhere; only data stored in place is read"),
    ),
    (
        "soft link",
        link(h5py.SoftLink, "/links"),
        ("broken.h5: /nodes/000001: the entry 'weight' is a link to elsewhere; only data stored in place is read"),
    ),
    (
        "stored outside",
        instead(stored_outside),
        ("broken.h5: /nodes/000001: the data of 'weight' lies in other files; only data stored in place is read"),
    ),
    (
        "virtual",
        instead(virtual),
        ("broken.h5: /nodes/000001: the data of 'weight' lies in other files; only data stored in place is read"),
    ),
    (
        "declared huge",
        instead(declared),
        (
            "broken.h5: /nodes/000001: 'weight' has shape (1000000, 1000000, 3, 3), arrays are read up to "
            "1073741824 bytes"
        ),
    ),
    (
        "group",
        instead(lambda file: file.create_group(WEIGHT)),
        "broken.h5: /nodes/000001: the entry 'weight' is a group, expected an array",
    ),
    (
        "empty space",
        instead(lambda file: file.__setitem__(WEIGHT, h5py.Empty("f"))),
        "broken.h5: /nodes/000001: 'weight' has shape None, arrays are read up to 1073741824 bytes",
    ),
]


def command(case):
    """Make the file of a case, and return the command that meets it."""
    return "run", broken(native_file(), "broken", case[1])


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_hostile_entries_are_refused(refused, case):
    refused(case[-1], *command(case))


def test_flipped_bytes_never_end_in_a_traceback(seneca_sim, tmp_path):
    sound, path = native_file().read_bytes(), tmp_path / "flipped.h5"
    draw = np.random.default_rng(int(os.environ.get("SENECA_FLIP_SEED", "3")))
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

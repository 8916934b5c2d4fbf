"""The compiled decoders do what their Python bodies do, on words of any content."""

import numpy as np
import pytest

from seneca_sim.kernels.decode_raw import decode_evt2, decode_evt3
from seneca_sim.kernels.decode_words import decode_aedat, decode_dat, decode_es, decode_nmnist

CAMERA = np.array([1 << 31 | 1 << 10, 12, 0x3FF, 22, 0x1FF, 11, 0])
CASES = {
    "nmnist": (decode_nmnist, np.uint8, 1, ()),
    "dat": (decode_dat, np.uint32, 2, ()),
    "aedat": (decode_aedat, np.uint32, 2, (CAMERA,)),
    "es": (decode_es, np.uint8, 2, ()),
    "evt2": (decode_evt2, np.uint32, 3, ()),
    "evt3": (decode_evt3, np.uint16, 7, ()),
}


def words_of(kind, name, random):
    """Return random words; of typed words few are of reserved types, so that decoding goes on."""
    words = random.integers(0, np.iinfo(kind).max, 600, endpoint=True, dtype=kind)
    if name.startswith("evt"):
        shift = kind(words.itemsize * 8 - 4)
        known = np.array([0, 1, 8, 10, 14, 15] if name == "evt2" else [0, 2, 2, 3, 4, 5, 6, 7, 8, 10, 14, 15], kind)
        types = random.choice(known, len(words))
        types[random.integers(400, 600)] = 9
        words = (words & kind((1 << int(shift)) - 1)) | types << shift
    return words


def decoded(decode, words, n_state, extra):
    """Return what a decoder returns and writes, as lists."""
    out = [np.zeros(200, np.int64), np.zeros(200, np.int32), np.zeros(200, np.int32), np.zeros(200, np.uint8)]
    state, told = np.full(n_state, 0 if n_state < 3 else -1), []
    for first in range(0, len(words), 150):
        n = decode(words[first : first + 150], state, *out, *extra)
        told.append((n, state.tolist(), *(column[:n].tolist() for column in out)))
    return told


@pytest.mark.parametrize("name", CASES)
def test_compiled_decoders_agree_with_their_python_bodies(name):
    decode, kind, n_state, extra = CASES[name]
    random = np.random.default_rng(11)
    events = 0
    for _ in range(20):
        words = words_of(kind, name, random)
        with np.errstate(over="ignore"):
            told = decoded(decode.py_func, words, n_state, extra)
        assert decoded(decode, words, n_state, extra) == told
        events += sum(one[0] for one in told)
    assert events > 1000

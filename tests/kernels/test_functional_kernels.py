"""Functional kernels by themselves: bit-pattern rounding, geometry, and the same results without compilation."""

import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np

from seneca_sim.kernels.arithmetic import Limits, round_bfloats
from seneca_sim.kernels.integer_neurons import accumulate_integers
from seneca_sim.kernels.landing import NOWHERE, Geometry, landings

ROOT = Path(__file__).parents[2]


def test_rounding_equals_ml_dtypes_on_every_kind_of_pattern():
    bits = np.random.default_rng(0).integers(0, 2**32, 1_000_000, dtype=np.uint64).astype(np.uint32)
    ties = np.arange(0, 2**16, dtype=np.uint32) << 16 | 0x8000
    special = np.array([0, 1 << 31, 0x7F800000, 0xFF800000, 0x7F7FFFFF, 1, 0x7FC00000, 0x7F800001], np.uint32)
    numbers = np.concatenate([bits, ties, special]).view(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = numbers.astype(ml_dtypes.bfloat16).astype(np.float32)
    rounded = numbers.copy()
    round_bfloats(rounded)
    same = (rounded.view(np.uint32) == expected.view(np.uint32)) | (np.isnan(rounded) & np.isnan(expected))
    assert same.all()
    assert np.isnan(rounded).sum() == np.isnan(numbers).sum() > 1000


def test_an_event_lands_where_the_equation_says():
    """x[oy * 2 - 1 + ky * 2] for a stride of 2, padding of 1 and dilation of 2: y = 3 meets oy = 2 - ky."""
    geometry = Geometry(9, 9, 9, 1, 1, 3, 1, 2, 1, 1, 0, 2, 1, 4, 4, 5, 4, 9, 5, 0)
    state_at = np.zeros(5, np.uint64)
    assert landings(3 * 9 + 2, geometry, state_at, 1) == 3
    assert state_at.tolist() == [0, *((oy * 9 + 2) * 5 for oy in (2, 1, 0)), 0]
    assert landings(7 * 9 + 8, geometry, state_at, 0) == 2  # oy = 4 - ky, of which there are 4
    assert state_at[:3].tolist() == [int(NOWHERE), (3 * 9 + 8) * 5, (2 * 9 + 8) * 5]
    assert landings(2 * 9 + 2, geometry, state_at, 0) == 0  # even rows fall between the strides
    assert state_at[:3].tolist() == [int(NOWHERE)] * 3


def test_wrapping_and_saturating_at_the_ends_of_64_bits():
    high = 2**63 - 1
    for wraps, expected in ((False, high), (True, -(2**63))):
        state = np.full((1, 1), high, np.int64)
        accumulate_integers(state, np.ones((1, 1), np.int64), Limits(-(2**63), high, wraps))
        assert state.item() == expected


SCRIPT = """
import hashlib, sys
import numpy as np
sys.path.insert(0, {root!r})
from seneca_sim.events.sparse import dense_steps
from tests.activity.test_random_networks import run
from tests.networks import input_maps, random_network
digest = hashlib.sha256()
for numbers in ("float", "bf16", "integer"):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        network = random_network(rng, numbers=numbers, max_side=4, max_channels=4, max_layers=3)
        trace = run(network, input_maps(rng, network, steps=2))
        digest.update(trace.sops.tobytes())
        for layer, result in zip(network.layers, trace.layers):
            digest.update(dense_steps(result, layer.out_shape).tobytes())
            digest.update(result.saturations.tobytes() + result.neuron_events.tobytes())
print(digest.hexdigest())
"""


def test_kernels_give_the_same_without_compilation():
    digests = []
    for disabled in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": disabled}
        command = [sys.executable, "-W", "error", "-c", SCRIPT.format(root=str(ROOT))]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout)
    assert digests[0] == digests[1]


def test_the_room_is_imported_without_its_kernels():
    script = (
        "import sys, seneca_sim.activity; print([m for m in ('numba', 'h5py', 'pandas', 'nir') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

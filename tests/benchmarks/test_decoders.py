"""Rates of the readers of recordings: millions of events per second on one core, from a file in the page cache to blocks.

Run with ``python -m pytest tests/benchmarks/test_decoders.py --benchmark-only -s``; a table follows the last case. The binary
formats must decode 50 million events per second: that is asserted of the best of several passes. "blocks" is a pass
over `Recording.blocks` with everything that they check, "whole" is `read_events`, which joins the blocks. The
kernels are compiled, and the files written, before anything is measured.
"""

import numpy as np
import pytest

from seneca_sim.events import open_recording, read_events
from tests.events import writers

N_EVENTS = 8_000_000
FLOOR = 50e6
TEXT_EVENTS = 1_000_000
ROWS: list[str] = []


def dense_events():
    """Return columns of many events at 10 million per second: in runs of neighbours, as edges make them."""
    random = np.random.default_rng(0)
    run = np.repeat(np.arange(N_EVENTS // 4), 4)
    t = run * 4 // 10
    x = np.repeat(random.integers(0, 1276, N_EVENTS // 4), 4) + np.tile(np.arange(4), N_EVENTS // 4)
    return (
        t,
        x,
        np.repeat(random.integers(0, 720, N_EVENTS // 4), 4),
        np.repeat(random.integers(0, 2, N_EVENTS // 4), 4),
    )


def nmnist(t, x, y, p):
    """Return an N-MNIST file of the same number of events; its times stop at what 23 bits hold."""
    return writers.nmnist(np.minimum(t, (1 << 23) - 1), x % 34, y % 34, p)


def dat(t, x, y, p):
    """Return a DAT file."""
    return writers.dat(t, x, y, p, header=b"% Width 1280\n% Height 720\n")


def evt2(t, x, y, p):
    """Return an EVT2 file: a time word before each change of the upper bits, laid out by arrays."""
    words = (p << 28 | (t & 0x3F) << 22 | x << 11 | y).astype(np.uint32)
    new = np.flatnonzero(np.diff(t >> 6, prepend=-1))
    return writers.raw("2.0", np.insert(words, new, (8 << 28 | (t[new] >> 6)).astype(np.uint32)), "1280x720")


def evt3(t, x, y, p, vectors=False):
    """Return an EVT3 file: time, row, then four single events or one vector for each run."""
    runs = slice(None, None, 4)
    head = [8 << 12 | (t[runs] >> 12) & 0xFFF, 6 << 12 | t[runs] & 0xFFF, y[runs]]
    if vectors:
        body = [3 << 12 | p[runs] << 11 | x[runs], np.full(len(t) // 4, 4 << 12 | 0xF)]
    else:
        body = [2 << 12 | p[k::4] << 11 | x[k::4] for k in range(4)]
    return writers.raw("3.0", np.stack([*head, *body], axis=1).astype(np.uint16).ravel(), "1280x720")


def aedat(t, x, y, p):
    """Return an AEDAT 2.0 file."""
    return writers.aedat2(t, x % 240, y % 180, p)


BINARY = {
    "N-MNIST": (".bin", nmnist),
    "DAT": (".dat", dat),
    "EVT2": (".raw", evt2),
    "EVT3, single events": (".raw", evt3),
    "EVT3, vectors": (".raw", lambda *events: evt3(*events, vectors=True)),
    "AEDAT 2.0": (".aedat", aedat),
}


@pytest.fixture(scope="module", autouse=True)
def table():
    """Print what was measured."""
    yield
    print(f"\n{'format':<24}{'blocks, M events/s':>20}{'whole, M events/s':>20}")
    print("\n".join(ROWS))


@pytest.fixture(scope="module")
def events():
    """Give the events that all files hold."""
    return dense_events()


def rates(benchmark, path, n_events):
    """Measure both ways of reading a file; return the best rates in events per second."""
    passed = benchmark.pedantic(
        lambda: sum(block.n_events for block in open_recording(path).blocks()), rounds=5, warmup_rounds=1
    )
    assert passed == n_events
    blocks = n_events / benchmark.stats.stats.min
    whole = n_events / min(seconds(lambda: read_events(path)) for _ in range(3))
    benchmark.extra_info["events_per_second"] = blocks
    return blocks, whole


def seconds(call):
    """Return how long a call takes."""
    from time import perf_counter

    start = perf_counter()
    call()
    return perf_counter() - start


@pytest.mark.parametrize("name", BINARY)
def test_binary_formats_decode_fifty_million_events_per_second(benchmark, tmp_path, events, name):
    suffix, write = BINARY[name]
    path = tmp_path / f"long{suffix}"
    path.write_bytes(write(*events))
    blocks, whole = rates(benchmark, path, N_EVENTS)
    ROWS.append(f"{name:<24}{blocks / 1e6:>20.0f}{whole / 1e6:>20.0f}")
    assert blocks >= FLOOR


def test_text_rate(benchmark, tmp_path, events):
    import pandas as pd

    path = tmp_path / "long.csv"
    table = pd.DataFrame({name: column[:TEXT_EVENTS] for name, column in zip("txyp", events, strict=True)})
    path.write_text("# sensor 1280x720\n" + table.to_csv(index=False))
    blocks, whole = rates(benchmark, path, TEXT_EVENTS)
    alone = TEXT_EVENTS / min(seconds(lambda: pd.read_csv(path, comment="#", dtype=np.int64)) for _ in range(3))
    ROWS.append(f"{'CSV':<24}{blocks / 1e6:>20.1f}{whole / 1e6:>20.1f}   (pandas alone {alone / 1e6:.1f})")

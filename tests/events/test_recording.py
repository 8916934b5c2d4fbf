"""Recordings in blocks: the order of time, jumps back, counts, and memory that does not follow the length of the file."""

import tracemalloc

import numpy as np
import pytest

from seneca_sim.errors import EventsError, RequestError
from seneca_sim.events import FrameRecording, Recording, open_recording, read_events
from seneca_sim.events.recording import BACKWARD_US
from tests.events import writers


def shuffled(n, reach_us, seed):
    """Return n events in an order in which none lies more than `reach_us` behind a later one."""
    events = writers.random_events(n, seed=seed, step_us=200)
    late = events[0] + np.random.default_rng(seed).integers(0, reach_us + 1, n)
    order = np.argsort(late, kind="stable")
    return [column[order] for column in events]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [3, 100, 1000, 5000])
@pytest.mark.parametrize("reach_us", [300, 20_000, BACKWARD_US])
def test_blocks_are_in_the_order_of_time_and_count_what_was_not(tmp_path, seed, size, reach_us):
    events = shuffled(3000, reach_us, seed)
    (tmp_path / "a.dat").write_bytes(writers.dat(*events, header=b"% Width 34\n% Height 34\n"))
    order = np.argsort(events[0], kind="stable")
    late = int(np.count_nonzero(events[0] < np.maximum.accumulate(events[0])))
    blocks = list(open_recording(tmp_path / "a.dat").blocks(size))
    assert late > 100
    assert sum(block.disordered for block in blocks) == read_events(tmp_path / "a.dat").disordered == late
    for name, column in zip(("t_us", "x", "y", "p"), events, strict=True):
        assert np.array_equal(np.concatenate([getattr(block, name) for block in blocks]), column[order])
        assert np.array_equal(getattr(read_events(tmp_path / "a.dat"), name), column[order])
    assert max(block.n_events for block in blocks) <= size


def test_a_jump_back_beyond_the_window_is_refused_with_its_place(tmp_path):
    t = np.array([0, 300_000, 200_000, 199_999])
    (tmp_path / "a.dat").write_bytes(writers.dat(t, *np.zeros((3, 4), np.int64)))
    for read in (read_events, lambda path: list(open_recording(path).blocks(1))):
        with pytest.raises(EventsError) as error:
            read(tmp_path / "a.dat")
        assert str(error.value) == (
            "a.dat: event 3 (byte 63) at 199999 us comes after an event at 300000 us; times may go back by 100000 us at most: "
            "the file is damaged or holds several recordings, sort or split it"
        )


@pytest.mark.parametrize("kind", [".bin", ".npz", ".csv", ".h5"])
def test_formats_that_no_camera_writes_may_hold_a_million_events_in_any_order(tmp_path, monkeypatch, kind):
    t, x, y, p = writers.random_events(1000, step_us=2000)
    order = np.random.default_rng(0).permutation(1000)
    path = write(tmp_path, kind, [column[order] for column in (t, x, y, p)])
    whole, blocks = read_events(path), list(open_recording(path).blocks(100))
    assert np.array_equal(np.sort(t), whole.t_us)
    assert np.array_equal(np.concatenate([block.t_us for block in blocks]), whole.t_us)
    assert sum(block.disordered for block in blocks) == whole.disordered > 900
    monkeypatch.setattr("seneca_sim.events.recording.HELD_EVENTS", 500)
    with pytest.raises(
        EventsError, match=r"^a\.\w+: event \d{3}.* us comes after an event at \d+ us; times may go back by 100000"
    ):
        list(open_recording(path).blocks(100))


def test_the_place_of_an_event_counts_from_the_beginning_of_the_recording(tmp_path):
    events = writers.random_events(100, size=(20, 20))
    events[1][73] = 400
    (tmp_path / "a.dat").write_bytes(writers.dat(*events))
    with pytest.raises(EventsError, match=r"^a\.dat: event 73 \(byte 623\) at x = 400, y = \d+ leaves the sensor"):
        list(open_recording(tmp_path / "a.dat").blocks(10))


def test_an_overflow_mark_hides_the_bytes_of_events_but_not_their_numbers(tmp_path):
    t, x, y, p = writers.random_events(4)
    y[1] = 240
    (tmp_path / "a.bin").write_bytes(writers.nmnist(t, x, y, p))
    blocks = list(open_recording(tmp_path / "a.bin").blocks(2))
    assert [block.place(0) for block in blocks] == ["event 0", "event 1"]


def test_a_recording_states_its_facts_and_its_number_of_events_without_decoding(tmp_path):
    events = writers.random_events(500, start_us=1000)
    (tmp_path / "a.dat").write_bytes(writers.dat(*events))
    recording = open_recording(tmp_path / "a.dat")
    assert isinstance(recording, Recording)
    facts = recording.format, recording.width, recording.height, recording.geometry_stated, recording.n_events
    assert facts == ("Prophesee DAT", 304, 240, True, 500)
    assert (recording.path, recording.start_us, recording.duration_us) == (tmp_path / "a.dat", events[0][0], None)


def test_every_block_has_the_size_start_and_length_of_the_recording(tmp_path):
    events = writers.random_events(500)
    (tmp_path / "a.bin").write_bytes(writers.nmnist(*events))
    whole = read_events(tmp_path / "a.bin")
    assert (whole.width, whole.height, whole.duration_us) == (34, 34, 300_000)
    for block in open_recording(tmp_path / "a.bin").blocks(50):
        facts = block.width, block.height, block.geometry_stated, block.start_us, block.duration_us
        assert facts == (34, 34, False, 0, 300_000)


def test_a_recording_without_events_has_no_blocks(tmp_path):
    (tmp_path / "a.dat").write_bytes(writers.dat(*np.zeros((4, 0), np.int64)))
    assert list(open_recording(tmp_path / "a.dat").blocks()) == []
    assert (read_events(tmp_path / "a.dat").n_events, open_recording(tmp_path / "a.dat").start_us) == (0, 0)


def test_blocks_hold_at_least_one_event_or_frame(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4)))
    (tmp_path / "a.dat").write_bytes(writers.dat(*writers.random_events(5)))
    for name, what in (("a.dat", "max_events"), ("a.npy", "max_frames")):
        with pytest.raises(RequestError) as error:
            next(open_recording(tmp_path / name).blocks(0))
        assert str(error.value) == f"{what} must be at least 1, not 0"


def test_frames_are_no_events(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4)))
    assert isinstance(open_recording(tmp_path / "a.npy"), FrameRecording)
    with pytest.raises(EventsError) as error:
        read_events(tmp_path / "a.npy")
    assert str(error.value) == (
        "a.npy: the file holds frames (NumPy array), not events; give it to a network that expects frames"
    )


def peak_bytes(path, size):
    """Return the most memory that a pass over a recording takes."""
    list(zip(open_recording(path).blocks(size), range(1), strict=False))
    tracemalloc.start()
    n = sum(len(getattr(block, "t_us", block)) for block in open_recording(path).blocks(size))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return n, peak


def write(folder, kind, events):
    """Write a recording of events (of as many frames for arrays of frames)."""
    import h5py

    path = folder / f"a{kind}"
    match kind:
        case ".bin":
            path.write_bytes(writers.nmnist(*events))
        case ".csv":
            lines = "".join(f"{t},{x},{y},{p}\n" for t, x, y, p in zip(*events, strict=True))
            path.write_text("# sensor 34x34\nt,x,y,p\n" + lines)
        case ".dat":
            path.write_bytes(writers.dat(*events))
        case ".raw":
            path.write_bytes(writers.raw("3.0", writers.evt3_words(*events), "34x34"))
        case ".aedat":
            path.write_bytes(writers.aedat2(*events))
        case ".npz":
            np.savez_compressed(path, **dict(zip("txyp", events, strict=True)), width=34, height=34)
        case ".h5":
            with h5py.File(path, "w") as file:
                for name, column in zip("txyp", events, strict=True):
                    file.create_dataset(f"events/{name}", data=column, chunks=(1000,), compression="gzip")
                file["events/width"], file["events/height"] = 34, 34
        case ".npy":
            np.save(path, np.zeros((len(events[0]), 5, 8), np.uint8))
    return path


@pytest.mark.parametrize("kind", [".dat", ".raw", ".aedat", ".npz", ".h5", ".npy"])
def test_memory_does_not_follow_the_length_of_a_recording(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("seneca_sim.events.recording.HELD_EVENTS", 4000)
    short, long = (
        peak_bytes(write(tmp_path, kind, writers.random_events(n, step_us=2000)), 2000) for n in (20_000, 160_000)
    )
    assert (short[0], long[0]) == (20_000, 160_000)
    assert long[1] < short[1] * 1.3 + 100_000

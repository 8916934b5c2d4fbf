"""HDF5 files of events and of frames, and what is refused in them."""

import sys

import h5py
import numpy as np
import pytest

from seneca_sim.errors import SenecaError
from seneca_sim.events import FrameRecording, Recording, open_recording, read_events
from tests.events import writers


def write_events(path, group="events", filters=None, **changed):
    """Write 100 random events, with other arrays or numbers at will; None leaves one out. Return the columns."""
    columns = writers.random_events(100, size=(304, 240), start_us=50)
    arrays = {**dict(zip("txyp", columns, strict=True)), **changed}
    with h5py.File(path, "w") as file:
        place = file.require_group(group) if group else file
        for name, value in arrays.items():
            if value is not None:
                place.create_dataset(name, data=value, **(filters or {} if np.ndim(value) else {}))
    return columns


def same(stream, columns):
    return all(map(np.array_equal, (stream.t_us, stream.x, stream.y, stream.p), columns))


@pytest.mark.parametrize("filters", [{}, {"compression": "gzip", "chunks": (7,)}, {"compression": "lzf"}])
def test_columns_of_events_are_read_with_the_size_that_stands_beside_them(tmp_path, filters):
    columns = write_events(tmp_path / "a.dat.h5", filters=filters, width=304, height=240)
    stream = read_events(tmp_path / "a.dat.h5")
    assert same(stream, columns)
    assert (stream.width, stream.height, stream.geometry_stated, stream.start_us) == (304, 240, True, columns[0][0])
    blocks = list(open_recording(tmp_path / "a.dat.h5").blocks(9))
    assert [block.n_events for block in blocks] == [9] * 11 + [1]
    assert np.array_equal(np.concatenate([block.x for block in blocks]), columns[1])


def test_columns_may_stand_at_the_root_with_the_size_as_attributes(tmp_path):
    columns = write_events(tmp_path / "a.hdf5", group="")
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        file.attrs["width"], file.attrs["height"] = 304, 240
    assert same(read_events(tmp_path / "a.hdf5"), columns)
    assert open_recording(tmp_path / "a.hdf5").width == 304


def test_times_of_dsec_count_from_their_offset_where_the_first_step_begins(tmp_path):
    columns = write_events(tmp_path / "events.h5", x=None)
    t, x, y, p = (column.astype(kind) for column, kind in zip(columns, ("u4", "u2", "u2", "u1"), strict=True))
    with h5py.File(tmp_path / "events.h5", "w") as file:
        for name, column in zip("txyp", (t, x, y, p), strict=True):
            file[f"events/{name}"] = column
        file["ms_to_idx"] = np.searchsorted(t, np.arange(0, t[-1], 1000)).astype(np.uint64)
        file["t_offset"] = np.int64(49_599_300_523)
    stream = read_events(tmp_path / "events.h5")
    assert stream.t_us[0] == 49_599_300_523 + columns[0][0]
    assert stream.start_us == open_recording(tmp_path / "events.h5").start_us == 49_599_300_523
    assert same(stream, [columns[0] + 49_599_300_523, *columns[1:]])


def test_bins_of_rvt_are_frames_whose_times_stand_beside_the_file(tmp_path):
    frames = np.random.default_rng(0).integers(0, 9, (5, 20, 12, 16)).astype(np.uint8)
    with h5py.File(tmp_path / "event_representations.h5", "w") as file:
        file.create_dataset("data", data=frames, compression="gzip", chunks=(1, 20, 12, 16))
    recording = open_recording(tmp_path / "event_representations.h5")
    assert isinstance(recording, FrameRecording)
    assert (recording.n_frames, recording.shape, recording.frame_us) == (5, (20, 12, 16), None)
    assert [len(block) for block in recording.blocks(2)] == [2, 2, 1]
    assert np.array_equal(np.concatenate(list(recording.blocks(2))), frames)
    np.save(tmp_path / "timestamps_us.npy", np.arange(1, 6) * 50_000)
    assert open_recording(tmp_path / "event_representations.h5").frame_us == 50_000
    np.save(tmp_path / "timestamps_us.npy", np.arange(4))
    with pytest.raises(SenecaError) as error:
        open_recording(tmp_path / "event_representations.h5")
    assert str(error.value) == (
        "timestamps_us.npy: expected 5 integers, one for each frame of event_representations.h5, not int64 of shape (4,)"
    )


REFUSED = {
    "no column": (
        {"x": None, "p": None},
        "a.h5: /events lacks x, p; expected events/x, y, t, p or the array data with frames, found t, y",
    ),
    "unequal lengths": ({"x": np.zeros(99, int)}, "a.h5: t, x, y and p must be equally long, not 100, 99, 100 and 100"),
    "fractions": ({"t": np.zeros(100)}, "a.h5: /events/t must be a list of integers, not float64 of shape (100,)"),
    "two axes": (
        {"t": np.zeros((10, 10), int)},
        "a.h5: /events/t must be a list of integers, not int64 of shape (10, 10)",
    ),
    "width of two": ({"width": [3, 4], "height": 1}, "a.h5: width must be one integer >= 0, not [3, 4]"),
    "negative height": ({"width": 304, "height": -1}, "a.h5: height must be one integer >= 0, not -1"),
    "no width": ({"width": 0, "height": 5}, "a.h5: the sensor must be at least 1x1 pixels, not 0x5"),
    "off the sensor": (
        {"x": np.full(100, 304), "y": np.zeros(100, int), "width": 304, "height": 240},
        "a.h5: event 0 at x = 304, y = 0 leaves the sensor of 304x240 pixels; "
        "the file is damaged or its stated size is wrong",
    ),
    "before time 0": (
        {"t": np.arange(100) - 7},
        "a.h5: event 0 has the negative time -7 us; shift the recording to start at 0",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_columns_that_are_none_are_refused(tmp_path, case):
    changed, message = REFUSED[case]
    write_events(tmp_path / "a.h5", **changed)
    with pytest.raises(SenecaError) as error:
        read_events(tmp_path / "a.h5")
    assert str(error.value) == message


def test_the_codec_of_metavision_is_refused_with_the_way_out(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["CD/events"] = np.zeros(3)
    with pytest.raises(SenecaError) as error:
        open_recording(tmp_path / "a.hdf5")
    assert str(error.value) == (
        "a.hdf5: the events are packed by Prophesee's codec (ECF), which is not read; convert the recording with Metavision's "
        "metavision_hdf5_to_csv or to RAW (EVT3)"
    )


def test_an_array_packed_by_a_filter_that_is_not_installed_is_refused_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in "txyp":
            packing = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            packing.set_chunk((10,))
            packing.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (2, 2, 8, 80))
            space = h5py.h5s.create_simple((10,))
            group = file.require_group("events").id
            stored = h5py.h5d.create(group, name.encode(), h5py.h5t.STD_I64LE, space, packing)
            stored.write_direct_chunk((0,), b"packed")
    with pytest.raises(SenecaError) as error:
        open_recording(tmp_path / "a.h5")
    assert str(error.value) == (
        "a.h5: /events/t is packed by the HDF5 filter 32001 (Blosc), which is not installed; pip install 'seneca-sim[hdf5]', "
        "or repack the file with gzip"
    )


@pytest.mark.parametrize(
    ("storage", "stated"),
    [({"chunks": (1 << 20,)}, "95367432 chunks, but holds 0"), ({}, "800000000000000 bytes, but holds 0")],
)
def test_events_that_are_stated_but_not_there_are_refused(tmp_path, storage, stated):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in "txyp":
            file.create_dataset(f"events/{name}", (10**14,), "i8", **storage)
    with pytest.raises(SenecaError) as error:
        open_recording(tmp_path / "a.h5")
    assert str(error.value) == f"a.h5: /events/t states {stated}; the file is incomplete, export it again"


def test_links_to_other_files_are_not_followed(tmp_path):
    write_events(tmp_path / "b.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["events"] = h5py.ExternalLink("b.h5", "/events")
    with pytest.raises(
        SenecaError, match=r"the entry 'events' is a link to elsewhere; only data stored in place is read$"
    ):
        read_events(tmp_path / "a.h5")


def test_truncated_files_are_refused(tmp_path):
    write_events(tmp_path / "a.h5")
    whole = (tmp_path / "a.h5").read_bytes()
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "a.h5").write_bytes(whole[:length])
        with pytest.raises(
            SenecaError, match=r"a\.h5: (the file is empty|not an HDF5 file|the file ends at byte|the file is da)"
        ):
            read_events(tmp_path / "a.h5")


def test_damaged_files_are_read_or_refused_but_never_crash(tmp_path):
    write_events(tmp_path / "a.h5", filters={"compression": "gzip", "chunks": (16,)})
    whole, random, refused = (tmp_path / "a.h5").read_bytes(), np.random.default_rng(3), 0
    for _ in range(150):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 30)):
            damaged[place] = random.integers(0, 256)
        (tmp_path / "a.h5").write_bytes(damaged)
        try:
            assert read_events(tmp_path / "a.h5").n_events <= 100
        except SenecaError:
            refused += 1
    assert refused > 20


def test_a_recording_of_events_is_no_recording_of_frames(tmp_path):
    write_events(tmp_path / "a.h5")
    assert isinstance(open_recording(tmp_path / "a.h5"), Recording)

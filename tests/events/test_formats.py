import zipfile

import numpy as np
import pytest

from seneca_sim.errors import EventsError, FileFormatError
from seneca_sim.events.formats.npz import save_events
from seneca_sim.events.stream import EventStream, find_recording, read_events
from tests.events.damage import damage


def five_bytes(t, x, y, p):
    return bytes([x, y, p << 7 | t >> 16, t >> 8 & 0xFF, t & 0xFF])


def dat_bytes(events, header=b"% Data file\n% Width 304\n% Height 240\n", kind=12, size=8):
    words = np.array([(t, x | y << 14 | p << 28) for t, x, y, p in events], "<u4")
    return header + bytes([kind, size]) + words.tobytes()


def as_tuples(stream):
    return list(zip(stream.t_us.tolist(), stream.x.tolist(), stream.y.tolist(), stream.p.tolist(), strict=True))


EVENTS = [(0, 3, 4, 1), (65_537, 33, 0, 0), (299_999, 0, 33, 1)]


@pytest.mark.parametrize("suffix", [".bin", ".bs2"])
def test_nmnist_bytes_decode_to_the_events_they_encode(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"".join(five_bytes(*event) for event in EVENTS))
    stream = read_events(path)
    assert as_tuples(stream) == EVENTS
    assert (stream.width, stream.height, stream.geometry_stated, stream.duration_us) == (34, 34, False, 300_000)


def test_row_240_of_an_nmnist_file_adds_8192_us_to_what_follows(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(five_bytes(5, 1, 1, 0) + five_bytes(0, 0, 240, 0) + five_bytes(7, 2, 2, 1))
    assert as_tuples(read_events(path)) == [(5, 1, 1, 0), (8199, 2, 2, 1)]


def test_a_recording_larger_than_nmnist_has_no_customary_length(tmp_path):
    path = tmp_path / "a.bs2"
    path.write_bytes(five_bytes(5, 127, 1, 0))
    assert read_events(path).duration_us is None


def test_dat_bytes_decode_to_the_events_they_encode(tmp_path):
    path = tmp_path / "a.dat"
    path.write_bytes(dat_bytes(EVENTS))
    stream = read_events(path)
    assert as_tuples(stream) == EVENTS
    assert (stream.width, stream.height, stream.geometry_stated, stream.start_us) == (304, 240, True, 0)


def test_a_dat_file_without_geometry_is_as_large_as_its_events_and_starts_with_the_first(tmp_path):
    path = tmp_path / "a.dat"
    path.write_bytes(dat_bytes([(500, 3, 4, 1), (600, 7, 2, 0)], header=b"% Date 2017\n", kind=0))
    stream = read_events(path)
    assert (stream.width, stream.height, stream.geometry_stated, stream.start_us) == (8, 5, False, 500)


def test_npz_events_survive_the_round_trip(tmp_path):
    stream = EventStream(
        *(np.array(column) for column in zip(*EVENTS, strict=True)), 34, 40, "made", start_us=5, duration_us=7
    )
    save_events(tmp_path / "a.npz", stream)
    again = read_events(tmp_path / "a.npz")
    assert as_tuples(again) == EVENTS
    assert (again.width, again.height, again.geometry_stated, again.start_us, again.duration_us) == (34, 40, True, 5, 7)
    assert (again.t_us.dtype, again.x.dtype, again.p.dtype) == (np.int64, np.int32, np.uint8)


def test_csv_columns_may_stand_in_any_order(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "# sensor 34x40\n# start 60\n# a comment\np,t,extra,y,x\n1,0,9,4,3\n-1,65537,9,0,33\n\n1,299999,9,33,0\n"
    )
    stream = read_events(path)
    assert as_tuples(stream) == EVENTS
    assert (stream.width, stream.height, stream.geometry_stated, stream.start_us) == (34, 40, True, 60)


BROKEN = {
    "cut.bin": (
        five_bytes(*EVENTS[0]) + b"\1\2",
        "cut.bin: byte 5: the file ends inside event 1, after 2 of its 5 bytes; it is truncated or not in the N-MNIST format",
    ),
    "empty.bs2": (b"", "empty.bs2: byte 0: the file is empty; a recording has 5 bytes an event"),
    "cut.dat": (
        dat_bytes(EVENTS)[:-3],
        "cut.dat: byte 55: the file ends inside event 2, after 5 of its 8 bytes; it is truncated",
    ),
    "headless.dat": (b"% no end", "headless.dat: byte 0: the header line has no end; the file is truncated"),
    "empty.dat": (
        b"% Width 3\n\x0c",
        "empty.dat: byte 10: expected the event type and size, but the file ends; it is truncated",
    ),
    "kind.dat": (
        dat_bytes(EVENTS, kind=14, size=16),
        "kind.dat: byte 37: expected event type 0 or 12 of 8 bytes, got type 14 of 16 bytes; only 2D and CD events are read",
    ),
    "off.dat": (
        dat_bytes([(0, 3, 4, 1), (1, 304, 0, 1)]),
        "off.dat: event 1 (byte 47) at x = 304, y = 0 leaves the sensor of 304x240 pixels; "
        "the file is damaged or its stated size is wrong",
    ),
    "header.csv": (b"t,x,y\n1,2,3\n", "header.csv: line 1: the header lacks p; expected the column names t, x, y, p"),
    "word.csv": (
        b"t,x,y,p\n1,2,3,on\n",
        "word.csv: line 2: expected integers of 64 bits separated by commas, got '1,2,3,on'",
    ),
    "huge.csv": (
        b"t,x,y,p\n1,2,3,99999999999999999999\n",
        "huge.csv: line 2: expected integers of 64 bits separated by commas, got '1,2,3,99999999999999999999'",
    ),
    "short.csv": (b"t,x,y,p\n1,2,3,1\n1,2\n", "short.csv: line 3: expected 4 columns, got 2; is the file truncated?"),
    "binary.csv": (b"t,x\xff", "binary.csv: byte 3: not UTF-8 text; is this a CSV file?"),
    "empty.csv": (b"", "empty.csv: the file holds no lines; expected a header t,x,y,p and one event a line"),
    "past.csv": (
        b"t,x,y,p\n5,0,0,1\n-3,0,0,1\n",
        "past.csv: event 1 has the negative time -3 us; shift the recording to start at 0",
    ),
    "text.npz": (b"no archive", "text.npz: the archive is truncated or no .npz file (File is not a zip file)"),
    "what.xyz": (
        b"",
        "what.xyz: no reader for recordings with the suffix '.xyz'; known are .aedat, .aedat4, .avi, .bin, .bs2, .csv, "
        ".dat, .es, .h5, .hdf5, .mkv, .mov, .mp4, .npy, .npz, .raw, .webm",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recording_is_refused_with_the_place_and_the_reason(tmp_path, name):
    content, message = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises((FileFormatError, EventsError)) as error:
        read_events(tmp_path / name)
    assert str(error.value) == message


def test_a_truncated_archive_is_refused(tmp_path):
    stream = EventStream(*(np.array(column) for column in zip(*EVENTS, strict=True)), 34, 40, "made")
    save_events(tmp_path / "a.npz", stream)
    whole = (tmp_path / "a.npz").read_bytes()
    for length in (len(whole) - 30, len(whole) // 2, 10):
        (tmp_path / "a.npz").write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"^a\.npz: the archive is truncated or no \.npz file \(.*\)$"):
            read_events(tmp_path / "a.npz")


def test_pickled_objects_are_never_loaded(tmp_path):
    np.savez(tmp_path / "a.npz", t=np.array([print], object), x=[0], y=[0], p=[0])
    with pytest.raises(FileFormatError) as error:
        read_events(tmp_path / "a.npz")
    assert str(error.value) == (
        "a.npz: an array cannot be read safely (Object arrays cannot be loaded when allow_pickle=False); save plain numbers only"
    )


def test_an_array_that_states_more_than_it_holds_is_refused_before_it_is_allocated(tmp_path):
    np.savez(tmp_path / "a.npz", t=np.arange(3), x=[0] * 3, y=[0] * 3, p=[0] * 3)
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["t.npy"] = members["t.npy"].replace(b"(3,), }" + b" " * 11, b"(300000000000,), }")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(FileFormatError) as error:
        read_events(tmp_path / "a.npz")
    assert (
        str(error.value)
        == "a.npz: t.npy states 300000000000 numbers of 8 bytes, but holds 24 bytes; the file is damaged"
    )


def test_single_numbers_of_an_archive_are_checked(tmp_path):
    np.savez(tmp_path / "a.npz", t=[0], x=[0], y=[0], p=[0], width=0, height=3)
    with pytest.raises(FileFormatError) as error:
        read_events(tmp_path / "a.npz")
    assert str(error.value) == "a.npz: width must be one integer >= 1, not 0"
    np.savez(tmp_path / "b.npz", t=[0], x=[0], y=[0], p=[0], duration_us=[1, 2])
    with pytest.raises(FileFormatError) as error:
        read_events(tmp_path / "b.npz")
    assert str(error.value) == "b.npz: duration_us must be one integer >= 1, not [1, 2]"


def test_missing_and_misshapen_arrays_are_named(tmp_path):
    np.savez(tmp_path / "a.npz", t=[0], x=[0])
    with pytest.raises(FileFormatError) as error:
        read_events(tmp_path / "a.npz")
    assert str(error.value) == "a.npz: the arrays y, p are missing; found t, x"
    np.savez(tmp_path / "b.npz", t=[0.5], x=[0], y=[0], p=[0])
    with pytest.raises(FileFormatError) as error:
        read_events(tmp_path / "b.npz")
    assert str(error.value) == "b.npz: array t must be a list of integers, not float64 of shape (1,)"
    np.savez(tmp_path / "c.npz", t=[0, 1], x=[0], y=[0], p=[0])
    with pytest.raises(EventsError) as error:
        read_events(tmp_path / "c.npz")
    assert str(error.value) == "c.npz: t, x, y and p must be equally long, not 2, 1, 1 and 1"


def test_an_unknown_name_is_refused_with_the_names_that_exist():
    with pytest.raises(EventsError) as error:
        find_recording("digitz")
    assert str(error.value) == (
        "'digitz' is neither a file nor a shipped recording; give the path of an events file or one of digits, digits-3, digits-8"
    )


def test_real_recordings_are_read(shared_data):
    stream = read_events(shared_data("events/nmnist/test/60001.bs2"))
    assert (stream.n_events, stream.width, stream.height) == (3330, 34, 34)
    cars = read_events(shared_data("events/ncars/sample_ncars.dat"))
    assert cars.n_events == 2009
    assert cars.width <= 120
    assert cars.height <= 100
    assert np.all(np.diff(cars.t_us) >= 0)
    assert cars.t_us.max() < 110_000
    gesture = read_events(shared_data("events/dvs_gesture/1.bs2"))
    assert (gesture.width, gesture.height, gesture.duration_us) == (128, 128, None)


@pytest.mark.parametrize("name", ["a.bin", "a.dat", "a.npz", "a.csv"])
def test_damaged_files_are_read_or_refused_but_never_crash(tmp_path, name):
    path = tmp_path / name
    columns = [np.array(column) for column in zip(*EVENTS, strict=True)]
    match path.suffix:
        case ".bin":
            path.write_bytes(b"".join(five_bytes(*event) for event in EVENTS))
        case ".dat":
            path.write_bytes(dat_bytes(EVENTS))
        case ".npz":
            np.savez(path, t=columns[0], x=columns[1], y=columns[2], p=columns[3], width=34, height=34)
        case ".csv":
            path.write_text("t,x,y,p\n" + "\n".join(",".join(map(str, event)) for event in EVENTS))
    assert damage(path, path.read_bytes(), seed=8, times=300) > 20

"""Recordings of typed words: EVT2, EVT3, AEDAT 2.0, DAT, N-MNIST and Event Stream, against bytes written here and real files."""

import numpy as np
import pytest

from seneca_sim.errors import EventsError, FileFormatError
from seneca_sim.events import open_recording, read_events
from tests.events import writers
from tests.events.damage import damage


def same(stream, events):
    return all(
        np.array_equal(ours, theirs)
        for ours, theirs in zip((stream.t_us, stream.x, stream.y, stream.p), events, strict=True)
    )


def written(path, data):
    path.write_bytes(data)
    return path


MAKERS = {
    "a.bin": lambda *events: writers.nmnist(*events),
    "a.dat": lambda *events: writers.dat(*events, header=b"% Width 34\n% Height 34\n"),
    "evt2.raw": lambda *events: writers.raw("2.0", writers.evt2_words(*events), "34x34"),
    "evt3.raw": lambda *events: writers.raw("3.0", writers.evt3_words(*events), "34x34"),
    "davis.aedat": lambda *events: writers.aedat2(*events),
    "dvs.aedat": lambda *events: writers.aedat2(*events, chip="ch.unizh.ini.jaer.chip.retina.DVS128", dvs128=True),
    "packets.aedat": lambda *events: writers.aedat3(*events),
    "a.es": lambda *events: writers.event_stream(*events),
}


@pytest.mark.parametrize("name", MAKERS)
def test_written_events_are_read_whole_and_in_blocks(tmp_path, name):
    events = writers.random_events(5000)
    path = written(tmp_path / name, MAKERS[name](*events))
    assert same(read_events(path), events)
    for size in (1, 7, 4999, 5000, 1 << 20):
        if size == 1 and name != "evt3.raw":
            continue
        blocks = list(open_recording(path).blocks(size))
        assert max(block.n_events for block in blocks) <= size
        assert [block.first_event for block in blocks] == np.cumsum([0, *(b.n_events for b in blocks)])[:-1].tolist()
        joined = [np.concatenate([getattr(block, name) for block in blocks]) for name in ("t_us", "x", "y", "p")]
        assert all(map(np.array_equal, joined, events))


@pytest.mark.parametrize("name", ["a.dat", "evt2.raw", "evt3.raw", "davis.aedat", "packets.aedat"])
def test_free_clocks_start_with_the_first_event_and_survive_their_overflow(tmp_path, name):
    wrap = {"a.dat": 32, "evt2.raw": 34, "evt3.raw": 24, "davis.aedat": 32, "packets.aedat": 31}[name]
    events = writers.random_events(3000, start_us=(1 << wrap) - 20_000)
    path = written(tmp_path / name, MAKERS[name](*events))
    stream = read_events(path)
    assert events[0][-1] > 1 << wrap
    assert same(stream, events)
    assert stream.start_us == open_recording(path).start_us == events[0][0]
    assert same(next(open_recording(path).blocks()), events)


def test_an_evt3_clock_may_overflow_between_two_blocks_again_and_again(tmp_path):
    events = writers.random_events(3000, step_us=100_000)
    assert events[0][-1] > 4 << 24
    path = written(tmp_path / "a.raw", MAKERS["evt3.raw"](*events))
    assert same(read_events(path), events)
    assert np.array_equal(np.concatenate([block.t_us for block in open_recording(path).blocks(13)]), events[0])


def test_evt3_vectors_give_one_event_for_each_bit_and_advance_their_base(tmp_path):
    words = [0x8001, 0x6005, 0x0007, 0x3800 | 10, 0x4801, 0x5081, 0x3000 | 2, 0x5003]
    stream = read_events(written(tmp_path / "a.raw", writers.raw("3.0", words, "64x16")))
    assert stream.x.tolist() == [10, 21, 22, 29, 2, 3]
    assert stream.p.tolist() == [1, 1, 1, 1, 0, 0]
    assert set(stream.y) == {7}
    assert set(stream.t_us) == {1 << 12 | 5}


def test_words_without_pixels_are_passed_over(tmp_path):
    evt3 = [0x8000, 0x6001, 0x0002, 0xA001, 0xE123, 0x7004, 0xFFFF, 0x2003]
    stream = read_events(written(tmp_path / "a.raw", writers.raw("3.0", evt3, "64x16")))
    assert (stream.t_us.tolist(), stream.x.tolist(), stream.y.tolist()) == ([1], [3], [2])
    evt2 = [8 << 28, 10 << 28 | 1, 14 << 28 | 5, 15 << 28, 1 << 28 | 4 << 22 | 3 << 11 | 2]
    stream = read_events(written(tmp_path / "b.raw", writers.raw("2.0", evt2, "64x16")))
    assert (stream.t_us.tolist(), stream.x.tolist(), stream.y.tolist()) == ([4], [3], [2])


def test_events_before_the_first_time_are_left_out(tmp_path):
    evt3 = [0x0002, 0x2003, 0x6007, 0x2004, 0x8000, 0x6001, 0x2005]
    assert read_events(written(tmp_path / "a.raw", writers.raw("3.0", evt3, "64x16"))).x.tolist() == [5]
    evt2 = [3 << 11, 8 << 28, 4 << 11]
    assert read_events(written(tmp_path / "b.raw", writers.raw("2.0", evt2, "64x16"))).x.tolist() == [4]


@pytest.mark.parametrize(
    ("more", "size"),
    [
        (["% geometry 320x200"], (320, 200)),
        (["% format EVT3;height=720;width=1280"], (1280, 720)),
        (["% plugin_name hal_plugin_gen41_evk3"], (1280, 720)),
        (["% plugin_name hal_plugin_gen31_fx3"], (640, 480)),
        (["% sensor_name IMX636", "% end"], (1280, 720)),
    ],
)
def test_a_raw_header_states_the_sensor_or_its_camera(tmp_path, more, size):
    recording = open_recording(written(tmp_path / "a.raw", writers.raw("3.0", [0x8000, 0x6001, 0, 0x2003], more=more)))
    assert (recording.width, recording.height, recording.geometry_stated) == (*size, True)
    assert bool(recording.assumptions) == ("name" in more[0])


def test_a_raw_file_of_an_unknown_camera_is_as_large_as_its_events(tmp_path):
    path = written(tmp_path / "a.raw", writers.raw("3.0", [0x8000, 0x6001, 4, 0x2003]))
    recording = open_recording(path)
    assert (recording.width, recording.height, recording.geometry_stated) == (4, 5, False)


def test_frames_and_outside_events_of_a_davis_are_passed_over(tmp_path):
    t, x, y, p = writers.random_events(50)
    header, words = writers.aedat2(t, x, y, p).split(b"DAVIS240C\r\n")
    words = np.frombuffer(words, ">u4").reshape(-1, 2).copy()
    words[10, 0] |= 1 << 31
    words[20, 0] |= 1 << 10
    path = written(tmp_path / "a.aedat", header + b"DAVIS240C\r\n" + words.tobytes())
    kept = np.delete(np.arange(50), [10, 20])
    assert same(read_events(path), [column[kept] for column in (t, x, y, p)])


def test_an_aedat_file_that_names_no_camera_is_taken_for_one_of_a_dvs128(tmp_path):
    events = writers.random_events(50)
    recording = open_recording(written(tmp_path / "a.aedat", writers.aedat2(*events, chip="", dvs128=True)))
    assert same(next(recording.blocks()), events)
    assert recording.assumptions == (
        "a.aedat: the header names no camera (# AEChip), DVS128 was assumed",
        "a.aedat: rows and columns are those of the file; jAER counts rows from the bottom",
    )


def test_other_packets_and_invalid_events_of_aedat3_are_passed_over(tmp_path):
    t, x, y, p = writers.random_events(100)
    valid = np.arange(100) % 7 > 0
    data = writers.aedat3(t, x, y, p, valid=valid, other=True)
    assert same(read_events(written(tmp_path / "a.aedat", data)), [column[valid] for column in (t, x, y, p)])


def test_packets_of_aedat3_that_overlap_are_sorted(tmp_path):
    t, x, y, p = writers.random_events(100)
    order = np.r_[0:20, 40:60, 20:40, 60:100]
    data = writers.aedat3(*(column[order] for column in (t, x, y, p)), packet=20)
    stream = read_events(written(tmp_path / "a.aedat", data))
    assert same(stream, (t, x, y, p))
    assert stream.disordered == np.count_nonzero(t[20:40] < t[59])


def test_data_that_begins_like_a_header_line_are_data(tmp_path):
    events = [np.array(column) for column in ([5, 6], [48, 3], [140, 2], [1, 0])]
    data = writers.aedat2(*events)
    assert data[-16:-15] == b"#"
    assert same(read_events(written(tmp_path / "a.aedat", data)), events)


T = np.arange(6) * 10
PLACES = (np.arange(6), np.arange(6), np.ones(6, np.int64))
EVT2 = writers.raw("2.0", writers.evt2_words(T, *PLACES), "6x6")
EVT3 = writers.raw("3.0", writers.evt3_words(T, *PLACES), "6x6")
AEDAT = writers.aedat2(T, *PLACES)
AEDAT3 = writers.aedat3(T, *PLACES)
STREAM = writers.event_stream(T, *PLACES, size=(6, 6))
HEAD = len(writers.raw("3.0", [], "6x6"))
BROKEN = {
    "cut2.raw": (
        EVT2[:-1],
        f"cut2.raw: byte {HEAD + 24}: the file ends inside word 6, after 3 of its 4 bytes; it is truncated, copy it again or cut "
        f"it to {HEAD + 24} bytes",
    ),
    "cut3.raw": (
        EVT3[:-1],
        f"cut3.raw: byte {HEAD + 36}: the file ends inside word 18, after 1 of its 2 bytes; it is truncated, copy it again or cut "
        f"it to {HEAD + 36} bytes",
    ),
    "empty.raw": (b"", "empty.raw: byte 0: the file is empty; expected a RAW recording in EVT2 or EVT3"),
    "magic.raw": (
        b"PK\3\4" + bytes(20),
        "magic.raw: byte 0: there are no header lines (% evt 3.0); expected a RAW recording in EVT2 or EVT3",
    ),
    "version.raw": (
        EVT3.replace(b"% evt 3.0", b"% evt 4.0"),
        "version.raw: the encoding is EVT 4.0; EVT2 and EVT3 are read: convert the recording with Prophesee's tools",
    ),
    "format.raw": (
        EVT3.replace(b"% evt 3.0", b"% format EVT21;height=6;width=6"),
        "format.raw: the encoding is EVT21; EVT2 and EVT3 are read: convert the recording with Prophesee's tools",
    ),
    "silent.raw": (
        EVT3.replace(b"% evt 3.0\n", b""),
        "silent.raw: the header states no version (% evt 3.0); EVT2 and EVT3 are read: convert the recording with Prophesee's "
        "tools",
    ),
    "type2.raw": (
        writers.raw("2.0", [8 << 28, 1 << 28, 5 << 28 | 7], "6x6"),
        f"type2.raw: byte {HEAD + 8}: word 0x50000007 is of a type that EVT2 reserves; the file is damaged or of another version",
    ),
    "type3.raw": (
        writers.raw("3.0", [0x8000, 0x9123], "6x6"),
        f"type3.raw: byte {HEAD + 2}: word 0x9123 is of a type that EVT3 reserves; the file is damaged or of another version",
    ),
    "off2.raw": (
        writers.raw("2.0", [8 << 28, 5 << 11 | 5, 10 << 28, 6 << 11 | 5, 0], "6x6"),
        f"off2.raw: event 1 (byte {HEAD + 12}) at x = 6, y = 5 leaves the sensor of 6x6 pixels; the file is damaged or "
        "its stated size is wrong",
    ),
    "off3.raw": (
        writers.raw("3.0", [0x8000, 0x6000, 0x0001, 0x2001, 0x3000, 0x400F, 0x2002, 0x5001], "6x6"),
        f"off3.raw: event 6 (byte {HEAD + 14}) at x = 12, y = 1 leaves the sensor of 6x6 pixels; the file is damaged or "
        "its stated size is wrong",
    ),
    "cut.aedat": (
        AEDAT[:-3],
        f"cut.aedat: byte {len(AEDAT) - 8}: the file ends inside event 5, after 5 of its 8 bytes; it is truncated",
    ),
    "empty.aedat": (
        b"",
        "empty.aedat: byte 0: the file is empty; expected an AEDAT recording, which begins with #!AER-DAT2.0",
    ),
    "magic.aedat": (
        b"% Width 304\n",
        "magic.aedat: byte 0: expected #!AER-DAT2.0, got b'% Width 304\\n'; is this an AEDAT recording?",
    ),
    "three.aedat": (
        AEDAT.replace(b"DAT2.0", b"DAT3.0"),
        "three.aedat: AEDAT 3.0 is not read; convert the recording to AEDAT 2.0 or 4.0",
    ),
    "chip.aedat": (
        AEDAT.replace(b"DAVIS240C", b"Cochlea"),
        "chip.aedat: the camera 'Cochlea' is unknown; known are DAVIS128, DAVIS208, DAVIS240, DAVIS346, DAVIS640, DVS128: "
        "convert the recording to .csv",
    ),
    "off.aedat": (
        writers.aedat2(T, np.array([0, 1, 2, 240, 4, 5]), *PLACES[1:]),
        f"off.aedat: event 3 (byte {len(AEDAT) - 24}) at x = 240, y = 3 leaves the sensor of 240x180 pixels; the file is "
        "damaged or its stated size is wrong",
    ),
    "head3.aedat": (
        AEDAT3[:-60],
        f"head3.aedat: byte {len(AEDAT3) - 76}: the file ends inside a packet's header, after 16 of its 28 bytes; it is truncated",
    ),
    "cut3.aedat": (
        AEDAT3[:-3],
        f"cut3.aedat: byte {len(AEDAT3) - 76}: the file ends inside a packet, after 45 of 48 bytes of events; it is truncated",
    ),
    "count3.aedat": (
        AEDAT3.replace(b"\6\0\0\0", b"\6\0\0\x7f"),
        f"count3.aedat: byte {len(AEDAT3) - 76}: a packet states 2130706438 events of 8 bytes; the file is damaged",
    ),
    "coding3.aedat": (
        AEDAT3.replace(b"RAW", b"Serial-TS"),
        "coding3.aedat: AEDAT 3.1 in the encoding 'Serial-TS' is not read; convert the recording to AEDAT 2.0 or 4.0",
    ),
    "off3.aedat": (
        writers.aedat3(T, np.array([0, 1, 2, 128, 4, 5]), *PLACES[1:]),
        "off3.aedat: event 3 at x = 128, y = 3 leaves the sensor of 128x128 pixels; the file is damaged or its stated size is "
        "wrong",
    ),
    "cut.es": (
        STREAM[:-2],
        "cut.es: byte 45: the file ends inside an event, after 3 of its 5 bytes; it is truncated",
    ),
    "head.es": (STREAM[:17], "head.es: byte 17: the file ends inside its header; it is truncated"),
    "empty.es": (b"", "empty.es: byte 0: the file is empty; is this an Event Stream recording?"),
    "magic.es": (
        b"x" * 30,
        "magic.es: byte 0: expected 'Event Stream', got b'xxxxxxxxxxxx'; is this an Event Stream recording?",
    ),
    "kind.es": (
        writers.event_stream(T, *PLACES, kind=2),
        "kind.es: version 2.0.0 with ATIS events is not read; expected version 2 with DVS events",
    ),
    "nothing.es": (
        writers.event_stream(T, *PLACES, size=(0, 6)),
        "nothing.es: the sensor must be at least 1x1 pixels, not 0x6",
    ),
    "off.es": (
        writers.event_stream(T, *PLACES, size=(6, 5)),
        "off.es: event 5 at x = 5, y = 5 leaves the sensor of 6x5 pixels; the file is damaged or its stated size is wrong",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recording_is_refused_with_the_place_and_the_reason(tmp_path, name):
    content, message = BROKEN[name]
    path = written(tmp_path / name, content)
    with pytest.raises((FileFormatError, EventsError)) as error:
        read_events(path)
    assert str(error.value) == message
    with pytest.raises((FileFormatError, EventsError)) as error:
        list(open_recording(path).blocks(3))
    assert str(error.value) == message


@pytest.mark.parametrize("name", MAKERS)
def test_damaged_files_are_read_or_refused_but_never_crash(tmp_path, name):
    whole = MAKERS[name](*writers.random_events(40, size=(30, 30)))
    assert damage(tmp_path / name, whole, seed=5, times=200) > 20


REAL = {
    "events/nmnist/sample_nmnist.bin": (4325, 310_521),
    "events/dvs_gesture/1.bs2": (63_471, 1_449_968),
    "events/ncars/sample_ncars.dat": (2009, 99_952),
    "events/prophesee/evt2_sample.raw": (539_481, 50_000),
    "events/prophesee/evt3_sample.raw": (219_596, 8_801),
    "events/aedat2/IMU_translBoxes.aedat": (162_771, 2_072_651),
    "events/es/dvs.es": (473_225, 999_000),
}
"""Number of events, and time from the first to the last: of .bin, .dat and .raw as independent decoders have them."""


@pytest.mark.parametrize("name", REAL)
def test_real_recordings_have_their_known_number_of_events_and_length(shared_data, name):
    stream = read_events(shared_data(name))
    n_events, length_us = REAL[name]
    assert stream.n_events == n_events
    assert stream.t_us[-1] - stream.t_us[0] == length_us
    assert stream.disordered == 0


def test_real_evt_recordings_begin_and_end_as_other_decoders_have_them(shared_data):
    for name, first, last, size in (
        ("evt2", (1_317_888, 237, 121, 1), (1_367_888, 210, 142, 1), (640, 480)),
        ("evt3", (11_718_656, 874, 200, 0), (11_727_457, 1218, 572, 1), (1280, 720)),
    ):
        stream = read_events(shared_data(f"events/prophesee/{name}_sample.raw"))
        ends = [tuple(int(column[k]) for column in (stream.t_us, stream.x, stream.y, stream.p)) for k in (0, -1)]
        assert ends == [first, last]
        assert (stream.width, stream.height) == size

"""AEDAT 4 through the package `aedat`."""

import sys

import numpy as np
import pytest

from seneca_sim.errors import SenecaError
from seneca_sim.events import open_recording, read_events

START = b"#!AER-DAT4.0\r\n"


@pytest.fixture
def sample(shared_data):
    """Give the real recording; the tests are skipped where the extra is absent."""
    pytest.importorskip("aedat", reason="the package aedat (extra [aedat4]) is not installed")
    return shared_data("events/aedat4/sample_first.aedat4")


def test_a_real_recording_has_its_known_events(sample):
    recording, stream = open_recording(sample), read_events(sample)
    assert (recording.format, recording.width, recording.height) == ("AEDAT 4.0", 320, 240)
    assert (stream.n_events, stream.t_us[0], stream.t_us[-1]) == (77_651, 1_605_537_493_718_345, 1_605_537_494_068_341)
    assert (stream.x[0], stream.y[0], stream.p[0], stream.start_us) == (154, 204, 0, stream.t_us[0])
    assert np.array_equal(np.concatenate([block.x for block in recording.blocks(999)]), stream.x)


def test_the_suffix_of_older_versions_leads_to_the_same_reader(sample, tmp_path):
    (tmp_path / "a.aedat").write_bytes(sample.read_bytes())
    assert open_recording(tmp_path / "a.aedat").format == "AEDAT 4.0"


def test_truncated_and_damaged_recordings_are_read_or_refused_with_one_sentence(sample, tmp_path):
    path, whole, refused = tmp_path / "a.aedat4", sample.read_bytes(), 0
    random = np.random.default_rng(0)
    for length in (20, 200, 5000, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(
            SenecaError, match=r"^a\.aedat4: the recording is damaged or truncated \(.*\); copy or export it"
        ):
            read_events(path)
    for _ in range(20):
        damaged = bytearray(whole)
        for place in random.integers(14, 3000, 5):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            read_events(path)
        except SenecaError as error:
            refused += str(error).startswith("a.aedat4: ")
    assert refused > 5


@pytest.mark.parametrize(
    ("data", "found"), [(b"", "the file is empty"), (b"#!AER-DAT2.0\r\nxyz", "got b'#!AER-DAT2.0\\r\\n'")]
)
def test_other_beginnings_are_refused(tmp_path, data, found):
    (tmp_path / "a.aedat4").write_bytes(data)
    with pytest.raises(SenecaError) as error:
        open_recording(tmp_path / "a.aedat4")
    assert str(error.value) == (
        f"a.aedat4: byte 0: {found}; expected an AEDAT 4 recording, which begins with #!AER-DAT4.0"
    )


def test_the_extra_is_named_where_it_is_absent(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "aedat", None)
    (tmp_path / "a.aedat4").write_bytes(START)
    with pytest.raises(SenecaError) as error:
        open_recording(tmp_path / "a.aedat4")
    assert str(error.value) == (
        "a.aedat4: AEDAT 4 is read by the package aedat; install it: pip install 'seneca-sim[aedat4]'"
    )


def test_panics_of_the_package_leave_nothing_on_stderr(sample, tmp_path, capfd):
    damaged = bytearray(sample.read_bytes())
    damaged[48:64] = b"\xff" * 16
    (tmp_path / "a.aedat4").write_bytes(damaged)
    with pytest.raises(SenecaError, match=r"^a\.aedat4: the recording is damaged or truncated \(range "):
        open_recording(tmp_path / "a.aedat4")
    assert capfd.readouterr() == ("", "")

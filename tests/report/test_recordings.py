"""What `seneca-sim events` tells and draws."""

import numpy as np
import pytest

from seneca_sim.events.formats.npz import save_events
from seneca_sim.events.inputs import opened
from seneca_sim.events.stream import EventStream
from seneca_sim.report.recording_plots import picture_of
from seneca_sim.report.recordings import recording_facts
from tests.cli.conftest import seneca_sim  # noqa: F401  (the fixture)


def pixels(path):
    from matplotlib.image import imread

    return imread(path)


@pytest.fixture
def busy(tmp_path):
    """Give a recording with one hot pixel and events out of order."""
    random = np.random.default_rng(1)
    t = np.sort(random.integers(0, 40_000, 1000))
    x, y = random.integers(0, 30, 1000, dtype=np.int32), random.integers(0, 20, 1000, dtype=np.int32)
    x[::4], y[::4] = 7, 9
    t[[10, 500]] = t[[500, 10]]
    stream = EventStream(t, x, y, (np.arange(1000) % 5 > 0).astype(np.uint8), 30, 20, "busy", start_us=0)
    save_events(tmp_path / "busy.npz", stream)
    return tmp_path / "busy.npz"


def test_facts_count_every_event_once(busy):
    facts = recording_facts(opened(busy))
    assert (facts.n_events, int(facts.rate_bins.sum()), int(facts.on.sum())) == (1000, 1000, 800)
    assert [hot[:2] for hot in facts.hot] == [(7, 9)]
    assert facts.hot[0][2] >= 250
    stream = next(opened(busy).blocks())
    for part in range(4):
        inside = (stream.t_us - stream.t_us[0]) // 10_000 == part
        assert facts.active[part] == len({(x, y) for x, y in zip(stream.x[inside], stream.y[inside], strict=True)})


def test_events_tells_density_rate_hot_pixels_and_order(seneca_sim, busy):  # noqa: F811
    lines = seneca_sim("events", busy).out.splitlines()
    assert lines[1].startswith("30x20 pixels, 1,000 events in ")
    assert lines[1].endswith(" events/s, 80% ON")
    assert lines[2] == "format: NumPy archive"
    assert lines[3].startswith("density: ")
    assert lines[4].startswith("rate: |")
    assert lines[5].startswith("hot pixels: 1: (7, 9) 2")
    assert " events stand behind a later one, from " in lines[6]


def test_a_picture_has_the_colour_of_the_polarity_that_prevails(seneca_sim, busy, tmp_path):  # noqa: F811
    on, off = np.array([[9, 0, 0]]), np.array([[0, 9, 0]])
    assert picture_of(on, off).tolist() == [[[0, 114, 178], [213, 94, 0], [255, 255, 255]]]
    outcome = seneca_sim("events", busy, "-o", tmp_path / "busy.png")
    assert outcome.out.splitlines()[-1] == f"picture: {tmp_path / 'busy.png'}"
    picture = pixels(tmp_path / "busy.png")
    assert picture.shape[0] > 500
    blue = (picture[..., 2] > picture[..., 0] + 0.3).mean()
    assert 0.01 < blue < 0.9


def test_what_a_network_sees_is_told_and_drawn(seneca_sim, tmp_path):  # noqa: F811
    outcome = seneca_sim("events", "digits", "--for", "digits-lif", "--slice", "10ms", "-o", tmp_path / "seen.png")
    assert outcome.out.splitlines() == [
        "digits-3.npz for digits-lif",
        "input as binary, 10000 us a step",
        "2 channels of 20x20 pixels (width x height), 12 steps",
        "1,279 values, 106.6 a step (13.32% of the map), all values are 1",
        f"picture: {tmp_path / 'seen.png'}",
    ]
    assert len(np.unique(pixels(tmp_path / "seen.png").reshape(-1, 4), axis=0)) > 10


def test_a_synthetic_camera_has_the_size_that_the_network_was_made_for(seneca_sim):  # noqa: F811
    out = seneca_sim("events", "--synthesise", "road", "--duration", "20ms", "--for", "gen1-msd").out
    assert out.startswith("synthetic:road?size=")
    assert "channels of 287x223 pixels (width x height)" in out


def test_a_synthetic_recording_is_written_and_described(seneca_sim, tmp_path):  # noqa: F811
    made = ("events", "--synthesise", "road", "--size", "64x48", "--duration", "20ms", "--seed", "2")
    outcome = seneca_sim(*made, "-o", tmp_path / "road.dat")
    assert outcome.out.startswith(f"{tmp_path / 'road.dat'}: ")
    described = seneca_sim("events", tmp_path / "road.dat").out.splitlines()
    assert described[1].partition(" in ")[0] == seneca_sim(*made).out.splitlines()[1].partition(" in ")[0]


def test_a_spiking_detector_sees_each_picture_for_its_time_steps(seneca_sim, tmp_path):  # noqa: F811
    np.save(tmp_path / "a.npy", np.full((2, 3, 32, 32), 255, np.uint8))
    shown = [tmp_path / "a.npy", "--for", "ems-res10", "--size", "32x32"]
    lines = seneca_sim("events", *shown).out.splitlines()
    assert lines[1:4] == [
        "input as frames, each for 3 steps; range 0 to 1",
        "3 channels of 32x32 pixels (width x height), 6 steps",
        "18,432 values, 3,072.0 a step (100.00% of the map), values from 1 to 1",
    ]
    lines = seneca_sim("events", *shown, "--input", "repeat=4").out.splitlines()
    assert lines[2] == "3 channels of 32x32 pixels (width x height), 8 steps"


def test_frames_are_described(seneca_sim, tmp_path):  # noqa: F811
    np.save(tmp_path / "film.npy", np.zeros((5, 3, 8, 9), np.uint8))
    lines = seneca_sim("events", tmp_path / "film.npy").out.splitlines()
    assert lines[1:3] == ["9x8 pixels, 3 channels, 5 frames", "format: NumPy array"]


def test_assumptions_about_the_input_are_part_of_the_result():
    import seneca_sim as ss

    recording = "synthetic:road?size=64x48&duration=10ms"
    result = ss.simulate("digits-lif", events=recording, resize=(20, 20), steps=2, cores=2)
    assert result.summary["input"].startswith(f"{recording}: ")
    assert any("64x48 pixels resized to 20x20" in sentence for sentence in result.summary["assumptions"])


def test_a_run_on_a_synthetic_recording_repeats_from_its_run_file(seneca_sim, tmp_path):  # noqa: F811
    words = ("run", "digits-lif", "--events", "synthetic:road?size=20x20&duration=10ms", "--steps", "2", "--cores", "2")
    assert seneca_sim(*words, "--slice", "window:200,50", "--flip-polarity", "-o", tmp_path / "one").code == 0
    outcome = seneca_sim("run", tmp_path / "one" / "run.yaml", "-o", tmp_path / "two")
    assert outcome.code == 0, outcome.err
    for name in ("summary.json", "run.yaml"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()

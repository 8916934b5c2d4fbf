"""The synthetic camera: physics of its pixels, and names of recordings."""

import numpy as np
import pytest

from seneca_sim.errors import RequestError
from seneca_sim.events.camera import Camera, road_pictures, synthetic_camera, synthetic_recording
from seneca_sim.events.inputs import opened
from seneca_sim.events.stream import read_events
from seneca_sim.events.writing import write_recording

QUIET = "synthetic:road?size=96x72&duration=60ms&noise=0&hot=0&mismatch=0&seed=4"


def columns(name):
    blocks = list(synthetic_recording(name).blocks())
    return {axis: np.concatenate([getattr(block, axis) for block in blocks]) for axis in ("t_us", "x", "y", "p")}


def test_the_same_seed_gives_the_same_events_and_another_gives_others():
    first, again = columns(QUIET), columns(QUIET)
    assert all(np.array_equal(first[axis], again[axis]) for axis in first)
    assert len(columns(QUIET.replace("seed=4", "seed=5"))["t_us"]) != len(first["t_us"])


def test_summed_events_follow_the_log_intensity_within_two_thresholds():
    events = columns(f"{QUIET}&refractory=0us")
    total = np.zeros((72, 96))
    np.add.at(total, (events["y"], events["x"]), np.where(events["p"], 0.25, -0.25))
    before, after = np.log(0.02 + road_pictures(synthetic_camera(QUIET), [0, 60_000]))
    assert np.abs(total - (after - before)).max() < 0.5
    assert np.abs(after - before).max() > 1


def test_times_ascend_within_the_duration_and_pixels_lie_on_the_sensor():
    events = columns(QUIET)
    assert np.all(np.diff(events["t_us"]) >= 0)
    assert (events["t_us"][0] >= 0, events["t_us"][-1] < 60_000) == (True, True)
    assert (events["x"].max() < 96, events["y"].max() < 72) == (True, True)


def test_no_pixel_sends_again_within_the_refractory_time():
    events = columns(f"{QUIET}&refractory=5ms")
    pixel = events["y"] * 96 + events["x"]
    order = np.lexsort((events["t_us"], pixel))
    same = np.diff(pixel[order]) == 0
    assert np.diff(events["t_us"][order])[same].min() >= 5000
    assert len(pixel) < len(columns(QUIET)["t_us"])


def test_a_camera_that_stands_still_sends_noise_at_its_rate_and_hot_pixels():
    name = "synthetic:road?size=100x100&duration=1s&speed=0&noise=2&hot=0.0003&hot_rate=900&threshold=5&mismatch=0"
    events = columns(name)
    count = np.bincount(events["y"] * 100 + events["x"], minlength=10_000)
    assert np.count_nonzero(count > 500) == 3
    assert abs(count[count <= 500].sum() - 20_000) < 1000


@pytest.mark.parametrize("size", ["1280x720", "304x240"])
def test_the_rate_is_that_of_a_driving_car(size):
    recording = synthetic_recording(f"synthetic:road?size={size}&duration=20ms&seed=2")
    pixels = recording.width * recording.height
    rate = sum(block.n_events for block in recording.blocks(1 << 16)) / 0.02 / pixels
    assert 1 < rate < 30  # events of a pixel in a second


@pytest.mark.parametrize("suffix", [".npz", ".dat"])
def test_written_recordings_are_read_back(tmp_path, suffix):
    recording = synthetic_recording(QUIET)
    written = write_recording(recording, tmp_path / f"road{suffix}")
    stream, events = read_events(tmp_path / f"road{suffix}"), columns(QUIET)
    assert (written, stream.width, stream.height) == (stream.n_events, 96, 72)
    assert all(np.array_equal(getattr(stream, axis), values) for axis, values in events.items())
    before = (tmp_path / f"road{suffix}").read_bytes()
    write_recording(opened(QUIET), tmp_path / f"road{suffix}")
    assert (tmp_path / f"road{suffix}").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("street", "there is no scene 'street'; expected road, such as synthetic:road?seed=1"),
        ("road?sed=1", "unknown key 'sed'; did you mean seed?"),
        ("road?seed=x", "seed must be a number, not 'x'"),
        ("road?duration=5", "duration must be a time such as 500us, 50ms or 1s, not '5'"),
        ("road?size=1281x720", "size must be from 1x1 to 1280x720 pixels, not 1281x720"),
        ("road?threshold=0", "threshold must be from 0.05 to 5, not 0"),
        ("road?noise=nan", "noise must be a finite number, not 'nan'"),
    ],
)
def test_names_that_describe_no_camera_are_refused(name, message):
    with pytest.raises(RequestError) as error:
        synthetic_camera(f"synthetic:{name}")
    assert str(error.value) == f"synthetic:{name}: {message}"


def test_recordings_go_to_existing_folders_in_known_formats(tmp_path):
    recording = synthetic_recording(QUIET)
    for path, message in (
        (tmp_path / "none" / "a.npz", f"there is no folder '{tmp_path / 'none'}'; make it, or choose another"),
        (tmp_path / "a.raw", "recordings are written as .npz or .dat"),
    ):
        with pytest.raises(RequestError) as error:
            write_recording(recording, path)
        assert str(error.value) == f"{path}: {message}"


def test_a_recording_is_not_written_over_a_folder(tmp_path):
    (tmp_path / "road.npz").mkdir()
    with pytest.raises(RequestError) as error:
        write_recording(synthetic_recording(QUIET), tmp_path / "road.npz")
    assert str(error.value) == f"'{tmp_path}/road.npz' cannot be written: it is a folder; name a file in it"
    assert list(tmp_path.iterdir()) == [tmp_path / "road.npz"]


def test_objects_move_towards_the_camera():
    near, far = road_pictures(Camera(width=96, height=72, seed=4), [0, 500_000])
    assert np.abs(near - far).mean() > 0.01
    assert near.min() > 0

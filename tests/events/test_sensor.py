import numpy as np
import pytest

from seneca_sim.errors import RequestError
from seneca_sim.events.sensor import moving_sensor, view

SLIDE = {"corners": np.array([[1.0, 9.0], [1.0, 2.0], [2.5, 1.0]]), "corner_us": np.array([0, 20_000, 30_000])}


def recording(**changes):
    picture = np.random.default_rng(3).uniform(size=(4, 4))
    return picture, moving_sensor(picture, **(SLIDE | {"shape": (8, 9), "threshold": 0.2, "dark": 0.1} | changes))


def test_summed_events_follow_the_log_intensity_within_one_threshold():
    picture, stream = recording()
    total = np.zeros((8, 9))
    np.add.at(total, (stream.y, stream.x), np.where(stream.p, 0.2, -0.2))
    change = np.log(0.1 + view(picture, 2.5, 1.0, 1.0, (8, 9))) - np.log(0.1)
    assert np.abs(total - change).max() < 0.2


def test_times_are_ordered_and_within_the_way():
    _, stream = recording()
    assert np.all(np.diff(stream.t_us) >= 0)
    assert stream.t_us[0] >= 0
    assert stream.t_us[-1] < stream.duration_us == 30_000


def test_a_still_camera_sends_nothing():
    _, stream = recording(corners=np.array([[1.0, 2.0], [1.0, 2.0]]), corner_us=np.array([0, 10_000]))
    assert stream.n_events == 0


def test_event_times_lie_between_ticks_where_the_level_is_crossed():
    # one pixel, from dark to light by a straight line of log intensity: level k is crossed at k/n of the tick
    stream = moving_sensor(
        np.ones((1, 1)), np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([0, 1000]), shape=(1, 1),
        threshold=np.log(11) / 4, dark=0.1, tick_us=1000,
    )  # fmt: skip
    assert stream.t_us.tolist() == [249, 499, 749, 999]
    assert stream.p.tolist() == [1, 1, 1, 1]


def test_impossible_settings_are_refused():
    with pytest.raises(RequestError) as error:
        recording(threshold=0.0)
    assert str(error.value) == "threshold, dark and tick_us must be positive, not 0.0, 0.1 and 500"

"""Which pixels of a camera a network sees, and how a recording that does not fit is refused."""

import numpy as np
import pytest

from seneca_sim.errors import EventsError, RequestError
from seneca_sim.events.view import View, fitted_view, parse_view, ways_out
from seneca_sim.graph.network import InputContract

PLAIN = InputContract("histogram")


def test_resizing_moves_each_pixel_to_the_nearest_and_keeps_all():
    columns, rows = View(resize=(3, 4)).tables((7, 4))
    assert columns.tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert rows.tolist() == [0, 1, 2, 3]


def test_a_crop_hides_the_rest_and_pooling_starts_at_its_corner():
    columns, rows = View(crop=(1, 2, 5, 2), pool=2).tables((8, 5))
    assert columns.tolist() == [-1, 0, 0, 1, 1, 2, -1, -1]
    assert rows.tolist() == [-1, -1, 0, 0, -1]


def test_with_swapped_axes_the_first_table_is_for_rows_of_the_camera():
    columns, rows = View(swap_xy=True).tables((3, 2))
    assert (columns.tolist(), rows.tolist()) == ([0, 1], [0, 1, 2])


def test_the_pooling_of_the_contract_brings_its_camera_to_the_map():
    contract = InputContract("time_surface", bins=3, sensor_width=1280, sensor_height=720, pool=2)
    view, notes = fitted_view("a.raw", (1280, 720), True, (640, 360), contract, View())
    assert (view.pool, notes) == (2, ())
    view, notes = fitted_view("a.raw", (640, 360), True, (640, 360), contract, View())
    assert (view.pool, notes) == (1, ("a.raw has the size of the network's map already, so it is not pooled",))
    view, notes = fitted_view("a.raw", (1100, 700), False, (640, 360), contract, View())
    assert (view.pool, notes) == (2, ("a.raw does not state its camera's size; taken as 1280x720",))


def test_swapping_and_flipping_twice_is_leaving_it():
    contract = InputContract("histogram", swap_xy=True, flip_polarity=True)
    view, _ = fitted_view("a.dat", (4, 4), True, (4, 4), contract, View(swap_xy=True))
    assert (view.swap_xy, view.flip_polarity) == (False, True)


def test_what_is_assumed_of_a_recording_is_said():
    _, notes = fitted_view("a.bs2", (30, 33), False, (34, 34), PLAIN, View())
    assert notes == ("a.bs2 does not state its camera's size; its events reach 30x33 pixels of 34x34",)
    _, notes = fitted_view("a.bs2", (30, 33), False, (17, 17), PLAIN, View(pool=2))
    assert notes == ("a.bs2 does not state its camera's size; its events reach 15x17 pixels of 17x17",)
    _, notes = fitted_view("a.dat", (64, 48), True, (20, 20), PLAIN, View(resize=(20, 20)))
    assert notes == ("64x48 pixels resized to 20x20: each event moves to the nearest pixel",)


@pytest.mark.parametrize(
    ("size", "stated", "view", "message"),
    [
        (
            (640, 480),
            True,
            View(),
            "r: the recording has 640x480 pixels (width x height), but the network's input has 320x240; "
            "use --pool 2, --crop 160,120,320,240 or --resize 320x240",
        ),
        (
            (240, 320),
            True,
            View(),
            "r: the recording has 240x320 pixels (width x height), but the network's input has 320x240; "
            "use --swap-xy or --resize 320x240",
        ),
        (
            (240, 320),
            False,
            View(),
            "r: the events reach 240x320 pixels (width x height), but the network's input has 320x240; "
            "use --swap-xy or --resize 320x240",
        ),
        (
            (640, 480),
            True,
            View(crop=(0, 0, 400, 300)),
            "r: the recording has 640x480 pixels, of which 400x300 are seen (width x height), but the network's input has "
            "320x240; use --crop 40,30,320,240 or --resize 320x240",
        ),
        (
            (640, 480),
            True,
            View(pool=4),
            "r: 160x120 pixels are seen of the recording's 640x480 (width x height), but the network's input has 320x240; "
            "use --pool 2, --crop 160,120,320,240 or --resize 320x240",
        ),
        (
            (640, 480),
            True,
            View(crop=(400, 0, 320, 240)),
            "r: the crop 400,0,320,240 leaves the recording's 640x480 pixels (width x height); choose one inside",
        ),
    ],
)
def test_a_recording_that_does_not_fit_is_refused_with_the_options_that_help(size, stated, view, message):
    with pytest.raises(EventsError) as error:
        fitted_view("r", size, stated, (320, 240), PLAIN, view)
    assert str(error.value) == message


@pytest.mark.parametrize("size", [(1280, 720), (346, 260), (34, 34), (100, 900), (640, 359)])
@pytest.mark.parametrize("map_size", [(640, 360), (20, 20), (34, 34)])
def test_every_way_out_that_is_offered_is_one(size, map_size):
    ways = ways_out(size, map_size).removeprefix("use ").replace(" or ", ", ").split(", --")
    assert ways
    for way in ways:
        name, *value = way.removeprefix("--").split(" ")
        asked = {name.replace("-", "_"): (int(value[0]) if name == "pool" else value[0]) if value else True}
        view, _ = fitted_view("r", size, True, map_size, PLAIN, parse_view(**asked))
        assert view.seen(size) == map_size


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: View(resize=(0, 3)), "resize must be a width and a height >= 1, not (0, 3)"),
        (
            lambda: View(pool=2, resize=(3, 3)),
            "pool and resize exclude each other: resize alone states the size that is fed",
        ),
        (
            lambda: parse_view(crop="a,b,c,d"),
            "crop must be LEFT,TOP,WIDTH,HEIGHT in pixels such as 160,120,320,240, not 'a,b,c,d'",
        ),
    ],
)
def test_impossible_views_are_refused(make, message):
    with pytest.raises(RequestError) as error:
        make()
    assert str(error.value) == message


def test_tables_are_as_long_as_the_camera():
    assert [len(table) for table in View().tables((5, 3))] == [5, 3]
    assert np.all(View().tables((5, 3))[0] == np.arange(5))

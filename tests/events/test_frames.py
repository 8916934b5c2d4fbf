"""Frames as a network's input: size, colours, range."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.errors import EventsError
from seneca_sim.events.inputs import load_input
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph.network import InputContract
from tests.events.test_inputs import network

FRAME = InputContract("frame")


def fed(tmp_path, frames, shape, contract=FRAME, layout="TCHW", event="fp32", **options):
    np.savez(tmp_path / "a.npz", frames=frames, layout=layout)
    given = load_input(network(shape, contract=contract, event=event), tmp_path / "a.npz", **options)
    return dense_steps(given.layers[0], shape), given.assumptions


def noise(*shape):
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)


def test_each_pixel_is_the_mean_over_the_area_that_it_covers(tmp_path):
    frames = noise(3, 1, 6, 9)
    seen, notes = fed(tmp_path, frames, (1, 2, 3), resize="3x2")
    assert np.allclose(seen, frames.reshape(3, 1, 2, 3, 3, 3).mean(axis=(3, 5)))
    assert notes == ("frames of 9x6 pixels are fed as 3x2: means over areas",)
    third, _ = fed(tmp_path, np.array([[[[0, 30, 90]]]], np.uint8), (1, 1, 2), resize=(2, 1))
    assert third.ravel() == pytest.approx([10, 70])  # (0 + 15) / 1.5, (15 + 90) / 1.5


def test_pooled_counts_add_up_where_frames_stand_for_events(tmp_path):
    frames = noise(2, 2, 4, 4)
    seen, _ = fed(tmp_path, frames, (2, 2, 2), replace(FRAME, representation="histogram"), pool=2)
    assert np.array_equal(seen, frames.reshape(2, 2, 2, 2, 2, 2).sum(axis=(3, 5)))


def test_crop_and_swapped_axes_come_before_the_size(tmp_path):
    frames = noise(2, 1, 5, 8)
    seen, _ = fed(tmp_path, frames, (1, 3, 2), swap_xy=True, crop="1,4,2,3")
    assert np.array_equal(seen, frames.swapaxes(2, 3)[:, :, 4:7, 1:3])


def test_colours_become_grey_and_grey_becomes_colours(tmp_path):
    frames = noise(2, 4, 4, 3)
    grey, notes = fed(tmp_path, frames, (1, 4, 4), layout="THWC")
    assert np.allclose(grey[:, 0], frames @ np.array([0.299, 0.587, 0.114]), rtol=1e-5)
    assert notes[0] == "colours of a.npz are fed as grey (0.299 red, 0.587 green, 0.114 blue)"
    colours, notes = fed(tmp_path, noise(2, 1, 4, 4), (3, 4, 4))
    assert np.array_equal(colours[:, 0], colours[:, 2])
    assert notes == ("grey frames of a.npz are fed to all three colours",)
    reverse, _ = fed(tmp_path, frames, (3, 4, 4), replace(FRAME, colour="bgr"), layout="THWC")
    assert np.array_equal(reverse[:, 0], frames[..., 2])


def test_range_mean_and_deviation_follow_the_contract(tmp_path):
    frames = noise(2, 3, 4, 4)
    contract = replace(FRAME, low=-1.0, high=1.0, mean=(0.5, 0.0, 0.25), std=(2.0,))
    seen, _ = fed(tmp_path, frames, (3, 4, 4), contract)
    mean = np.array([0.5, 0, 0.25])[:, None, None]
    assert np.allclose(seen, (frames / 127.5 - 1 - mean) / 2, atol=1e-6)
    fractions, _ = fed(tmp_path, frames / 255.0, (3, 4, 4), replace(FRAME, low=0.0, high=1.0))
    assert np.allclose(fractions, frames / 255.0)


def test_differences_start_from_a_dark_frame_and_add_up_to_the_frames(tmp_path):
    frames = noise(5, 1, 4, 4)
    seen, _ = fed(tmp_path, frames, (1, 4, 4), replace(FRAME, differences=True))
    assert np.array_equal(np.cumsum(seen, axis=0), frames)
    assert np.array_equal(seen[0], frames[0])


def test_each_frame_is_shown_for_as_many_steps_as_the_contract_says(tmp_path):
    frames = noise(3, 1, 4, 4)
    twice = replace(FRAME, repeat=2)
    seen, _ = fed(tmp_path, frames, (1, 4, 4), twice)
    assert np.array_equal(seen, np.repeat(frames, 2, axis=0))
    for steps in (1, 3, 4):
        seen, _ = fed(tmp_path, frames, (1, 4, 4), twice, steps=steps)
        assert np.array_equal(seen, np.repeat(frames, 2, axis=0)[:steps])
    seen, _ = fed(tmp_path, frames, (1, 4, 4), replace(FRAME, repeat=5_000_000_000), steps=2)
    assert np.array_equal(seen, frames[[0, 0]])


def test_shown_frames_change_only_where_the_next_begins(tmp_path):
    frames = noise(2, 1, 4, 4)
    seen, _ = fed(tmp_path, frames, (1, 4, 4), replace(FRAME, repeat=3, differences=True))
    assert np.array_equal(np.cumsum(seen, axis=0), np.repeat(frames, 3, axis=0))
    assert not seen[[1, 2, 4, 5]].any()


def test_frames_of_several_inputs_are_shown_alike(tmp_path):
    one, more = noise(2, 1, 1, 3), noise(2, 1, 2, 2)
    np.savez(tmp_path / "a.npz", events=one, more=more)
    net = network((1, 1, 3), (1, 2, 2), contract=replace(FRAME, repeat=2), event="fp32")
    given = load_input(net, tmp_path / "a.npz", steps=3)
    assert np.array_equal(dense_steps(given.layers[0], (1, 1, 3)), one[[0, 0, 1]])
    assert np.array_equal(dense_steps(given.layers[1], (1, 2, 2)), more[[0, 0, 1]])
    assert given.description == "a.npz: frames as frame, 3x1 pixels, 3 steps, each frame for 2, 21 input values"


@pytest.mark.parametrize(
    ("repeat", "steps", "message"),
    [
        (3, 7, "a.npz: there are 2 frames, each for 3 steps, but the run asks for 7 steps; ask for fewer"),
        (
            1 << 30,
            None,
            "a.npz: there are 2 frames, each for 1073741824 steps: more than 10000000 in all; ask for fewer",
        ),
    ],
)
def test_more_steps_than_frames_give_or_runs_take_are_refused(tmp_path, repeat, steps, message):
    with pytest.raises(EventsError) as error:
        fed(tmp_path, noise(2, 1, 4, 4), (1, 4, 4), replace(FRAME, repeat=repeat), steps=steps)
    assert str(error.value) == message


def test_integer_inputs_get_rounded_pixels(tmp_path):
    seen, _ = fed(tmp_path, np.array([[[[1, 2]]]], np.uint8), (1, 1, 1), event="int8", resize="1x1")
    assert seen.ravel().tolist() == [2.0]  # 1.5, rounded to even


@pytest.mark.parametrize(
    ("frames", "shape", "contract", "options", "message"),
    [
        (
            noise(2, 2, 4, 4), (3, 4, 4), FRAME, {},
            "a.npz: the frames have 2 channels, but the input events has 3; give frames (steps x channels x rows x columns), "
            "or set the string array layout to THWC if channels come last",
        ),
        (
            noise(2, 1, 8, 8), (1, 4, 4), FRAME, {},
            "a.npz: the frames have 8x8 pixels (width x height), but the input events has 4x4; "
            "use --pool 2, --crop 2,2,4,4 or --resize 4x4",
        ),
        (
            noise(2, 1, 8, 8), (1, 4, 4), FRAME, {"crop": "6,0,4,4"},
            "a.npz: the crop 6,0,4,4 leaves the frames' 8x8 pixels (width x height); choose one inside",
        ),
        (
            np.full((1, 1, 4, 4), 1.5), (1, 4, 4), replace(FRAME, low=0.0, high=1.0), {},
            "a.npz: the network expects values from 0 to 1, but the frames' reach from 1.5 to 1.5; "
            "give pixels as 8-bit integers, or scale them",
        ),
        (
            noise(1, 1, 4, 4), (1, 4, 4), replace(FRAME, mean=(0.1, 0.2)), {},
            "a.npz: the input contract states 2 numbers as mean for 1 channels; state one for each, or one for all",
        ),
        (
            noise(1, 1, 4, 4), (1, 4, 4), FRAME, {"flip_polarity": True},
            "a.npz: frames have no polarity to flip; leave --flip-polarity out",
        ),
    ],
)  # fmt: skip
def test_frames_that_do_not_fit_are_refused_with_the_way_out(tmp_path, frames, shape, contract, options, message):
    with pytest.raises(EventsError) as error:
        fed(tmp_path, frames, shape, contract, **options)
    assert str(error.value) == message


def test_driving_video_fits_a_steering_network(shared_data):
    path = shared_data("events/video/solidWhiteRight_66x200_u8.npz")
    contract = InputContract("frame", low=0.0, high=1.0, differences=True)
    given = load_input(network((3, 66, 200), contract=contract, event="fp32"), path, steps=10)
    assert given.n_steps == 10
    total = dense_steps(given.layers[0], (3, 66, 200)).sum(axis=0)
    stored = np.load(path)
    frames = stored[stored.files[0]]
    assert np.allclose(total, frames[9].transpose(2, 0, 1) / 255, atol=1e-5)

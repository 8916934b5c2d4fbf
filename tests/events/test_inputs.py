from collections import Counter

import numpy as np
import pytest

from seneca_sim.errors import EventsError, FileFormatError, RequestError
from seneca_sim.events.formats.npz import save_events
from seneca_sim.events.inputs import load_input
from seneca_sim.events.sparse import dense_steps
from seneca_sim.events.steps import Slicing, stream_steps
from seneca_sim.events.stream import EventStream
from seneca_sim.events.view import View
from seneca_sim.graph.network import InputContract, Layer, Network, Precision


def network(*shapes, contract=None, event="bf16"):
    names = ["events", "more", "rest"]
    layers = tuple(
        Layer(name, None, shape, precision=Precision(event=event)) for name, shape in zip(names, shapes, strict=False)
    )
    return Network("net", layers, input_contract=contract or InputContract())


def random_stream(seed=0, n=400, width=7, height=5, span_us=5000):
    random = np.random.default_rng(seed)
    t = np.sort(random.integers(0, span_us, n))
    x, y, p = random.integers(0, width, n), random.integers(0, height, n), random.integers(0, 2, n).astype(np.uint8)
    return EventStream(t, x, y, p, width, height, "random")


def slow_maps(stream, shape, representation, slice_us, n_steps):
    """Bin events one by one, as one would on paper."""
    maps = np.zeros((n_steps, *shape), int)
    for t, x, y, p in zip(stream.t_us, stream.x, stream.y, stream.p, strict=True):
        step = t // slice_us
        if step < n_steps:
            channel = p if shape[0] == 2 else 0
            maps[step, channel, y, x] += (1 if p else -1) if representation == "signed_count" else 1
    return np.minimum(maps, 1) if representation == "binary" else maps


@pytest.mark.parametrize(
    ("representation", "channels"), [("binary", 2), ("binary", 1), ("count", 2), ("count", 1), ("signed_count", 1)]
)
def test_slicing_equals_binning_one_event_at_a_time(representation, channels):
    stream, shape = random_stream(), (channels, 5, 7)
    trace = stream_steps(stream, shape, representation, Slicing(slice_us=900))
    expected = slow_maps(stream, shape, representation, 900, 6)
    assert np.array_equal(dense_steps(trace, shape), expected)
    assert trace.neuron_events.tolist() == np.count_nonzero(expected, axis=(1, 2, 3)).tolist()
    assert (trace.value is None) == (representation == "binary")


def test_events_are_in_raster_order_with_ascending_channels():
    trace = stream_steps(random_stream(), (2, 5, 7), "binary", Slicing(slice_us=900))
    for step in range(trace.n_steps):
        position = trace.position[trace.step_start[step] : trace.step_start[step + 1]]
        assert np.all(np.diff(position) > 0)
    for first, end in zip(trace.first_event[:-1], trace.first_event[1:], strict=True):
        assert end > first
        assert np.all(np.diff(trace.channel[first:end]) > 0)


def test_steps_without_events_stay_empty_and_steps_beyond_the_request_are_left_out():
    stream = EventStream(np.array([100, 3100, 9000]), *np.zeros((3, 3), int), 1, 1, "three")
    trace = stream_steps(stream, (1, 1, 1), "count", Slicing(1000, steps=5))
    assert np.diff(trace.step_start).tolist() == [1, 0, 0, 1, 0]
    assert stream_steps(stream, (1, 1, 1), "count", Slicing(1000)).n_steps == 10


def test_a_stated_duration_sets_the_number_of_steps_and_takes_later_events_to_its_end():
    stream = EventStream(np.array([100, 9000]), *np.zeros((3, 2), int), 1, 1, "two", duration_us=2500)
    for steps, events in ((None, [1, 0, 1]), (4, [1, 0, 1, 0]), (2, [1, 0])):
        trace = stream_steps(stream, (1, 1, 1), "count", Slicing(1000, steps=steps))
        assert np.diff(trace.step_start).tolist() == events


def test_slicing_by_number_gives_every_step_the_same_number_of_events():
    stream = random_stream()
    trace = stream_steps(stream, (2, 5, 7), "count", Slicing(slice_events=60))
    steps = np.repeat(np.arange(trace.n_steps), np.diff(trace.first_event[trace.step_start]))
    assert np.bincount(steps, weights=trace.value).tolist() == [60] * 6 + [40]


def test_the_first_step_begins_where_the_recording_or_the_user_says():
    stream = EventStream(np.array([1500, 2400]), *np.zeros((3, 2), int), 1, 1, "two", start_us=1500)
    assert stream_steps(stream, (1, 1, 1), "count", Slicing(1000)).value.tolist() == [2]
    assert stream_steps(stream, (1, 1, 1), "count", Slicing(1000, start_us=0)).n_steps == 3
    assert stream_steps(stream, (1, 1, 1), "count", Slicing(1000, start_us=2000)).value.tolist() == [1]


def test_swap_flip_crop_and_pool_act_in_this_order():
    stream = random_stream(width=9, height=6)
    trace = stream_steps(
        stream, (2, 3, 2), "count", Slicing(10_000), View(swap_xy=True, flip_polarity=True, crop=(1, 2, 4, 5), pool=2)
    )
    expected = Counter()
    for x, y, p in zip(stream.y - 1, stream.x - 2, 1 - stream.p, strict=True):
        if 0 <= x < 4 and 0 <= y < 5:
            expected[int(p), int(y) // 2, int(x) // 2] += 1
    maps = dense_steps(trace, (2, 3, 2))[0]
    assert {tuple(int(i) for i in at): int(maps[tuple(at)]) for at in np.argwhere(maps)} == dict(expected)


def test_a_recording_of_another_sensor_is_refused_with_the_way_out():
    with pytest.raises(EventsError) as error:
        stream_steps(random_stream(), (2, 7, 5), "binary", Slicing())
    assert str(error.value) == (
        "random: the recording has 7x5 pixels (width x height), but the network's input has 5x7; use --swap-xy or --resize 5x7"
    )


def test_an_event_outside_the_input_is_named_with_its_byte(tmp_path):
    path = tmp_path / "a.bs2"
    path.write_bytes(bytes([3, 3, 0, 0, 1]) + bytes([40, 3, 0, 0, 2]))
    with pytest.raises(EventsError) as error:
        load_input(network((2, 34, 34)), path)
    assert str(error.value) == (
        "a.bs2: event 1 (byte 5) at x = 40, y = 3 lies outside the network's input of 34x34 pixels (width x height); "
        "use --resize 34x34"
    )


def test_an_input_of_three_channels_takes_no_events():
    with pytest.raises(EventsError) as error:
        stream_steps(random_stream(), (3, 5, 7), "binary", Slicing())
    assert str(error.value) == (
        "random: the network's input has 3 channels, but a recording as binary has 1 or 2; "
        "give frames (an .npz file with the key frames)"
    )


def test_a_recording_without_events_needs_a_number_of_steps():
    stream = EventStream(*np.zeros((4, 0), int), 1, 1, "nothing")
    with pytest.raises(EventsError) as error:
        stream_steps(stream, (1, 1, 1), "binary", Slicing())
    assert str(error.value) == "nothing: no event at or after 0 us; state the number of steps or an earlier start_us"
    assert stream_steps(stream, (1, 1, 1), "binary", Slicing(steps=3)).step_start.tolist() == [0, 0, 0, 0]


def test_a_clock_that_started_long_ago_is_refused_and_a_stated_start_helps():
    stream = EventStream(np.array([1_600_000_000_000_000]), *np.zeros((3, 1), int), 1, 1, "epoch")
    with pytest.raises(EventsError) as error:
        stream_steps(stream, (1, 1, 1), "binary", Slicing(1000))
    assert str(error.value) == (
        "epoch: 1600000000001 steps from 0 us to the last event are too many; ask for fewer steps or longer ones, "
        "or state where the recording starts (start_us)"
    )
    assert stream_steps(stream, (1, 1, 1), "binary", Slicing(1000, start_us=1_600_000_000_000_000)).n_steps == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Slicing(slice_us=0), "slice_us must be at least 1, not 0"),
        (lambda: Slicing(steps=-5), "steps must be at least 1, not -5"),
        (lambda: View(pool=0), "pool must be at least 1, not 0"),
        (lambda: View(crop=(0, 0, 0, 3)), "crop must be left, top >= 0 and width, height >= 1, not (0, 0, 0, 3)"),
    ],
)
def test_impossible_requests_are_refused(make, message):
    with pytest.raises(RequestError) as error:
        make()
    assert str(error.value) == message


def test_an_input_says_what_was_fed(tmp_path):
    save_events(tmp_path / "a.npz", random_stream())
    fed = load_input(network((2, 5, 7), contract=InputContract("count", slice_us=900)), tmp_path / "a.npz", steps=5)
    assert fed.n_steps == len(fed.layers[0].neuron_events) == 5
    assert fed.layers[0].value.dtype == np.float32
    values = len(fed.layers[0].value)
    assert (
        fed.description == f"a.npz: 400 events in steps of 900 us as count, 7x5 pixels, 5 steps, {values} input values"
    )
    assert len(fed.sha256) == 64


def test_frames_are_fed_as_they_are_in_both_layouts(tmp_path):
    frames = np.random.default_rng(1).integers(0, 3, (4, 2, 3, 5)).astype(np.uint8)
    np.savez(tmp_path / "first.npz", frames=frames)
    np.savez(tmp_path / "last.npz", frames=frames.transpose(0, 2, 3, 1), layout="THWC")
    net = network((2, 3, 5), contract=InputContract("frame"))
    for name in ("first.npz", "last.npz"):
        assert np.array_equal(dense_steps(load_input(net, tmp_path / name).layers[0], (2, 3, 5)), frames)
    assert load_input(net, tmp_path / "first.npz", steps=2).n_steps == 2


def test_integer_inputs_saturate_and_the_saturations_are_counted(tmp_path):
    np.savez(tmp_path / "a.npz", frames=np.array([[[[100.4, -0.4]]], [[[200.0, -300.0]]]]))
    trace = load_input(network((1, 1, 2), contract=InputContract("frame"), event="int8"), tmp_path / "a.npz").layers[0]
    assert trace.value.tolist() == [100, 127, -128]
    assert trace.saturations.tolist() == [0, 2]


def test_a_network_with_several_inputs_takes_frames_by_their_names(tmp_path):
    np.savez(tmp_path / "a.npz", events=np.ones((2, 1, 1, 3)), more=np.full((2, 1, 2, 2), 5.0))
    net = network((1, 1, 3), (1, 2, 2), contract=InputContract("frame"))
    first, second = load_input(net, tmp_path / "a.npz").layers
    assert (len(first.channel), second.value.tolist()) == (6, [5.0] * 8)


FRAMES = {
    "shape": (
        {"frames": np.ones((2, 3, 5, 2))},
        "bad.npz: the frames have 2x5 pixels (width x height), but the input events has 5x3; use --resize 5x3",
    ),
    "layout": ({"frames": np.ones((2, 2, 3, 5)), "layout": "TWHC"}, "bad.npz: layout must be TCHW or THWC, not 'TWHC'"),
    "missing": (
        {"pictures": np.ones(3)},
        "bad.npz: the arrays t, x, y, p are missing; found pictures",
    ),
    "text": ({"frames": np.array(["a"])}, "bad.npz: array frames must hold numbers, not <U1"),
    "empty": (
        {"frames": np.ones((0, 2, 3, 5))},
        "bad.npz: there are 0 frames, but the run asks for 1 step; ask for fewer",
    ),
    "infinite": (
        {"frames": np.full((2, 2, 3, 5), np.inf)},
        "bad.npz: frame 0 holds a value that is not a finite number",
    ),
}


@pytest.mark.parametrize("case", FRAMES)
def test_frames_that_do_not_fit_are_refused(tmp_path, case):
    arrays, message = FRAMES[case]
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises((EventsError, FileFormatError)) as error:
        load_input(network((2, 3, 5), contract=InputContract("frame")), tmp_path / "bad.npz")
    assert str(error.value) == message


def test_a_frame_network_refuses_events_and_a_spiking_one_graded_frames(tmp_path):
    save_events(tmp_path / "a.npz", random_stream())
    with pytest.raises(EventsError) as error:
        load_input(network((2, 5, 7), contract=InputContract("frame")), tmp_path / "a.npz")
    assert str(error.value) == (
        "a.npz: net expects frames, not events; give an .npz file with the key frames (T x channels x rows x columns), or say "
        "what its channels are, such as --input representation=histogram"
    )
    np.savez(tmp_path / "b.npz", frames=np.full((1, 2, 5, 7), 2))
    with pytest.raises(EventsError) as error:
        load_input(network((2, 5, 7)), tmp_path / "b.npz")
    assert str(error.value) == "b.npz: the network expects frames of 0 and 1, but values reach from 2.0 to 2.0"


def test_a_recording_cannot_feed_two_inputs_and_a_missing_file_is_refused(tmp_path):
    save_events(tmp_path / "a.npz", random_stream())
    with pytest.raises(EventsError) as error:
        load_input(network((2, 5, 7), (2, 5, 7)), tmp_path / "a.npz")
    assert str(error.value) == (
        "a.npz: net has 2 inputs, and a recording feeds one; give an .npz file with frames under the names events, more"
    )
    with pytest.raises(FileFormatError) as error:
        load_input(network((2, 5, 7)), "nowhere/b.npz")
    assert str(error.value) == (
        "nowhere/b.npz: there is no such recording; give the path of an events file or the name of a shipped one"
    )


@pytest.mark.parametrize("sample", ["test/60001.bs2", "test/60002.bs2", "train/3.bs2", "sample_nmnist.bin"])
def test_nmnist_is_fed_as_300_binary_steps_of_1_ms_in_polarity_row_column_order(shared_data, sample):
    path = shared_data(f"events/nmnist/{sample}")
    fed = load_input(network((2, 34, 34)), path)
    data = np.fromfile(path, np.uint8).reshape(-1, 5).astype(int)
    expected = np.zeros((300, 2, 34, 34))
    for x, y, high, middle, low in data:
        time_us = (high & 127) << 16 | middle << 8 | low
        expected[min(time_us // 1000, 299), high >> 7, y, x] = 1
    assert fed.n_steps == 300
    assert np.array_equal(dense_steps(fed.layers[0], (2, 34, 34)), expected)


def test_an_empty_view_is_said(tmp_path):
    np.savez(tmp_path / "corner.npz", t=[0, 1500], x=[0, 1], y=[0, 0], p=[1, 0])
    fed = load_input(network((2, 20, 20)), tmp_path / "corner.npz", crop=(100, 100, 20, 20), steps=2)
    assert fed.assumptions[-1:] == (
        "nothing of corner.npz reaches the network in these steps: look at crop, pool, steps and slice",
    )

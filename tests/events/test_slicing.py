"""Slicing block by block against the definitions, event by event."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.errors import EventsError, RequestError
from seneca_sim.events.inputs import load_input
from seneca_sim.events.sparse import LayerTrace, dense_steps, joined
from seneca_sim.events.steps import Slicing, sliced, slicing_of, stream_steps
from seneca_sim.events.stream import EventStream
from seneca_sim.events.view import View
from seneca_sim.graph.network import InputContract
from tests.events.slow_slicing import slow_steps

CHANNELS = {"binary": 2, "count": 2, "histogram": 2, "signed_count": 1}


def stream_of(seed, n, width, height, span_us):
    random = np.random.default_rng(seed)
    t = np.sort(random.integers(0, span_us, n))
    x, y = random.integers(0, width, n, dtype=np.int32), random.integers(0, height, n, dtype=np.int32)
    return EventStream(t, x, y, random.integers(0, 2, n).astype(np.uint8), width, height, "random")


def pieces_of(stream, sizes):
    """Cut a stream into blocks."""
    first = 0
    for size in [*sizes, stream.n_events]:
        last = min(first + size, stream.n_events)
        if last > first:
            columns = {name: getattr(stream, name)[first:last] for name in ("t_us", "x", "y", "p")}
            yield replace(stream, **columns)
        first = last


@st.composite
def cases(draw):
    kind = draw(
        st.sampled_from(["binary", "count", "signed_count", "histogram", "voxel", "time_surface", "signed_voxel"])
    )
    bins = draw(st.integers(1, 3)) if kind in ("voxel", "time_surface", "signed_voxel") else 1
    by = draw(st.sampled_from(["time", "number", "window"] if bins == 1 and kind in CHANNELS else ["time", "number"]))
    contract = InputContract(
        kind,
        slice_us=draw(st.integers(50, 900)),
        slice_events=None if by == "time" else draw(st.integers(1, 30)),
        window_events=draw(st.integers(1, 60)) if by == "window" else None,
        differences=draw(st.booleans()),
        bins=bins,
        channel_order=draw(st.sampled_from(["bin-major", "polarity-major"])),
        polarity_order=draw(st.sampled_from(["off-on", "on-off"])),
        bin_span=draw(st.sampled_from(["slice", "events"])),
        clip=draw(st.none() | st.integers(1, 3)) if kind != "time_surface" else None,
    )
    channels = 2 * bins if kind in ("voxel", "time_surface") else CHANNELS.get(kind, bins)
    if kind in ("binary", "count"):
        channels = draw(st.integers(1, 2))
    swap = draw(st.booleans())
    crop = (draw(st.integers(0, 2)), draw(st.integers(0, 2)), draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    view = View(swap, draw(st.booleans()), crop if draw(st.booleans()) else None)
    how = draw(st.sampled_from(["as it is", "pool", "resize"]))
    view = replace(view, pool=2 if how == "pool" else 1, resize=(3, 2) if how == "resize" else None)
    stream = stream_of(draw(st.integers(0, 2**16)), draw(st.integers(1, 150)), 6, 6, draw(st.integers(1, 2000)))
    return stream, channels, contract, view, draw(st.lists(st.integers(1, 60), max_size=4))


@settings(max_examples=80, deadline=None)
@given(cases())
def test_blocks_of_any_size_give_what_the_definition_gives(case):
    stream, channels, contract, view, sizes = case
    width, height = view.seen((6, 6))
    shape = (channels, height, width)
    expected = slow_steps(stream, shape, contract, view)
    if not len(expected):
        return
    trace = joined(list(sliced(pieces_of(stream, sizes), shape, contract, view, slicing_of(contract), "random")))
    assert trace.n_steps == len(expected)
    assert np.array_equal(dense_steps(trace, shape), expected.astype(np.float32))
    assert trace.value is None or np.all(trace.value != 0)
    assert trace.neuron_events.tolist() == np.count_nonzero(expected, axis=(1, 2, 3)).tolist()


@pytest.mark.parametrize("slice_events", [None, 25])
def test_large_maps_with_many_active_pixels_equal_numpy_counts(slice_events):
    stream = stream_of(1, 30_000, 160, 120, 10_000)
    contract = InputContract("histogram", 2500, slice_events=slice_events and 7500)
    maps = dense_steps(stream_steps(stream, (2, 120, 160), contract), (2, 120, 160))
    step = np.arange(30_000) // 7500 if slice_events else stream.t_us // 2500
    expected = np.zeros((4, 2, 120, 160), np.float32)
    np.add.at(expected, (step, stream.p, stream.y, stream.x), 1)
    assert np.array_equal(maps, expected)


@pytest.mark.parametrize(("window", "new"), [(50, 7), (7, 50), (300, 1), (64, 64)])
@pytest.mark.parametrize("clip", [None, 2])
def test_changes_of_a_window_add_up_to_the_histogram_of_its_last_events(window, new, clip):
    stream, shape = stream_of(3, 400, 9, 7, 5000), (2, 7, 9)
    contract = InputContract("histogram", slice_events=new, window_events=window, differences=True, clip=clip)
    changes = dense_steps(stream_steps(stream, shape, contract), shape)
    assert len(changes) == -(-400 // new)
    for step, total in enumerate(np.cumsum(changes, axis=0)):
        last = slice(max(min((step + 1) * new, 400) - window, 0), (step + 1) * new)
        expected = np.zeros(shape)
        np.add.at(expected, (stream.p[last], stream.y[last], stream.x[last]), 1)
        assert np.array_equal(total, expected if clip is None else np.minimum(expected, clip))
    whole = dense_steps(stream_steps(stream, shape, replace(contract, differences=False)), shape)
    assert np.array_equal(whole, np.cumsum(changes, axis=0))


def test_one_event_at_a_time_changes_two_pixels_at_most():
    contract = InputContract("histogram", slice_events=1, window_events=100, differences=True)
    trace = stream_steps(stream_of(4, 500, 20, 20, 5000), (2, 20, 20), contract)
    assert trace.n_steps == 500
    assert trace.neuron_events.max() <= 2
    assert set(trace.value.tolist()) == {-1, 1}


def test_a_time_surface_holds_how_late_in_its_part_the_last_event_was():
    times = np.array([100, 400, 1000, 1250, 1999])
    stream = EventStream(times, *np.zeros((2, 5), np.int32), np.array([1, 1, 0, 1, 1], np.uint8), 1, 1, "five")
    trace = stream_steps(stream, (4, 1, 1), InputContract("time_surface", 1000, bins=2))
    maps = dense_steps(trace, (4, 1, 1)).reshape(2, 4)
    assert maps[0].tolist() == pytest.approx([0, 400 / 500, 0, 0])
    assert maps[1].tolist() == pytest.approx([0, 250 / 500, 0, 499 / 500])  # the OFF event at 1000 us is worth 0


def test_parts_of_a_slice_reach_from_its_first_to_its_last_event_where_the_contract_says_so():
    times = np.array([300, 340, 359, 400])
    stream = EventStream(times, *np.zeros((2, 4), np.int32), np.ones(4, np.uint8), 1, 1, "four")
    contract = InputContract("voxel", 1000, bins=5, bin_span="events", channel_order="polarity-major")
    assert dense_steps(stream_steps(stream, (10, 1, 1), contract), (10, 1, 1)).ravel().tolist() == [
        0, 0, 0, 0, 0, 1, 0, 2, 0, 1,
    ]  # fmt: skip


def test_reading_ends_with_the_last_step_that_is_asked_for():
    stream, read = stream_of(5, 1000, 5, 5, 10_000), []

    def blocks():
        for block in pieces_of(stream, [100] * 10):
            read.append(block.n_events)
            yield block

    contract = InputContract("histogram")
    for slicing in (Slicing(1000, steps=2), Slicing(slice_events=50, steps=4), Slicing(10, 50, 4, None, 70)):
        read.clear()
        trace = joined(list(sliced(blocks(), (2, 5, 5), contract, View(), slicing, "random")))
        assert trace.n_steps == slicing.steps
        assert len(read) <= 4


def test_steps_beyond_the_end_are_silent():
    stream = stream_of(6, 100, 5, 5, 2000)
    contract = InputContract("histogram")
    for slicing in (Slicing(1000, steps=5), Slicing(slice_events=60, steps=5), Slicing(10, 60, 5, None, 70)):
        trace = stream_steps(stream, (2, 5, 5), contract, slicing)
        assert (np.diff(trace.step_start) > 0).tolist() == [True, True, False, False, False]


def test_memory_follows_what_comes_out_not_what_is_read():
    block = stream_of(7, 50_000, 4, 4, 1000)

    def blocks(n):
        for number in range(n):
            yield replace(block, t_us=block.t_us + 1000 * number)

    def peak(n):
        tracemalloc.start()
        steps = sliced(blocks(n), (2, 4, 4), InputContract("histogram", 1000), View(), Slicing(1000), "long")
        assert joined(list(steps)).n_steps == n
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return reached

    peak(2)
    short, long = peak(4), peak(40)
    assert long < 1.2 * short


def test_joined_silent_and_single_steps_fit_together():
    stream = stream_of(8, 200, 5, 5, 3000)
    trace = stream_steps(stream, (2, 5, 5), "count", Slicing(500))
    again = joined([*(trace.step(number) for number in range(trace.n_steps)), LayerTrace.silent(2)])
    assert np.array_equal(dense_steps(again.first(trace.n_steps), (2, 5, 5)), dense_steps(trace, (2, 5, 5)))
    assert again.n_steps == trace.n_steps + 2


@pytest.mark.parametrize(
    ("channels", "contract", "message"),
    [
        (
            6,
            InputContract("count"),
            "random: the network's input has 6 channels, but a recording as count has 1 or 2; say what they are, such as "
            "--input representation=voxel,bins=3 (or time_surface), or give frames (an .npz file with the key frames)",
        ),
        (
            6,
            InputContract("voxel", bins=5),
            "random: the network's input has 6 channels, but a recording as voxel of 5 bins has 10; say what they are, such "
            "as --input representation=voxel,bins=3 (or time_surface), or give frames (an .npz file with the key frames)",
        ),
    ],
)
def test_channels_that_no_recording_fills_are_refused_with_the_way_out(channels, contract, message):
    with pytest.raises(EventsError) as error:
        stream_steps(stream_of(1, 10, 5, 5, 100), (channels, 5, 5), contract)
    assert str(error.value) == message


def test_a_window_needs_the_number_of_new_events():
    with pytest.raises(RequestError) as error:
        Slicing(window_events=5)
    assert str(error.value) == "window_events needs slice_events, the number of new events of a step"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dvs_gesture/1.bs2", "histogram"),
        ("prophesee/evt3_sample.raw", "time_surface"),
        ("ncars/sample_ncars.dat", "voxel"),
    ],
)
def test_real_recordings_equal_the_definition(shared_data, name, kind):
    from seneca_sim.events.inputs import opened

    recording = opened(shared_data(f"events/{name}"))
    block = next(recording.blocks(3000))
    stream = replace(block, t_us=block.t_us - block.t_us[0])
    bins = 3 if kind != "histogram" else 1
    contract = InputContract(kind, slice_us=max(int(stream.t_us[-1]) // 3, 1), bins=bins)
    shape = (2 * bins, recording.height, recording.width)
    trace = stream_steps(stream, shape, contract, Slicing(contract.slice_us, start_us=0))
    assert np.array_equal(dense_steps(trace, shape), slow_steps(stream, shape, contract, View()).astype(np.float32))


def test_windows_over_a_real_recording_end_with_its_last_events(shared_data):
    from tests.events.test_inputs import network

    path = shared_data("events/nmnist/sample_nmnist.bin")
    contract = InputContract("histogram", slice_events=100, window_events=1000, differences=True)
    fed = load_input(network((2, 34, 34), contract=contract), path)
    final = dense_steps(fed.layers[0], (2, 34, 34)).sum(axis=0)
    assert final.sum() == 1000
    assert fed.description.startswith(
        "sample_nmnist.bin: 4325 events, the last 1000 events, 100 new ones a step as changes of histogram, 34x34 pixels"
    )


def test_a_recording_becomes_the_input_of_the_recorded_corner_detector(shared_data):
    from tests.events.test_inputs import network

    golden = np.load(shared_data("models/openeb/firenet_corner_golden.npz"))["input"]
    contract = InputContract("signed_voxel", 5000, bins=10)
    path = shared_data("events/prophesee/evt2_sample.raw")
    fed = load_input(network((10, 64, 96), contract=contract), path, steps=8, crop=(288, 64, 96, 64))
    assert np.array_equal(dense_steps(fed.layers[0], (10, 64, 96)), golden.astype(np.float32))

"""Input contracts as users write them: files beside networks, words, and what is wrong with them."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.errors import FileFormatError, RequestError
from seneca_sim.graph import Conv2d, GraphBuilder, Input, Output, Relu, SigmaDelta, load_network, lower, save_graph
from seneca_sim.graph.contract import channel_names, contract_problems, sidecar, stated_contract, with_input
from seneca_sim.graph.load import load_graph
from seneca_sim.graph.network import InputContract

FULL = """\
representation: voxel
slice: 50ms
bins: 10
channel_order: polarity-major
bin_span: events
clip: 10
sensor: 640x480
pool: 2
scale: 0.1
swap_xy: true
"""


def graph(neuron=None, contract=None):
    build = GraphBuilder("net", input_contract=contract or InputContract()).add("input", Input((2, 4, 4)))
    build.add("conv", Conv2d(np.ones((1, 2, 1, 1), np.float32)))
    return build.add("neuron", neuron or Relu()).add("output", Output()).graph()


def test_a_file_states_every_field(tmp_path):
    (tmp_path / "a.yaml").write_text(FULL)
    contract = stated_contract(tmp_path / "a.yaml", InputContract())
    assert contract == InputContract(
        "voxel", 50_000, swap_xy=True, bins=10, channel_order="polarity-major", bin_span="events", clip=10, scale=0.1,
        sensor_width=640, sensor_height=480, pool=2,
    )  # fmt: skip


def test_words_change_only_what_they_name():
    before = InputContract("count", 2000, clip=3)
    assert stated_contract("slice=window:500,20,differences=true", before) == replace(
        before, slice_us=1000, slice_events=20, window_events=500, differences=True
    )
    frames = stated_contract("representation=frame, range=[0, 1], mean=[0.5, 0.4, 0.3], std=0.25", before)
    assert (frames.low, frames.high, frames.mean, frames.std) == (0.0, 1.0, (0.5, 0.4, 0.3), (0.25,))
    assert stated_contract("representation=frame,range=0,1,mean=0.5,0.4,0.3,std=0.25", before) == frames


@pytest.mark.parametrize("name", ["net.input.yaml", "net.h5.input.yaml"])
def test_a_file_beside_the_network_is_found_and_said(tmp_path, name):
    save_graph(graph(), tmp_path / "net.h5")
    (tmp_path / name).write_text("representation: histogram\nclip: 5\n")
    assert sidecar(tmp_path / "net.h5") == tmp_path / name
    network = load_network(tmp_path / "net.h5")
    assert (network.input_contract.representation, network.input_contract.clip) == ("histogram", 5)
    assert network.layers[0].precision.event == "bf16"  # binary events could not hold counts
    assert network.assumptions[-1] == f"input as histogram, 1000 us a step; clip 5 (stated by {name})"
    assert with_input(network, stated=tmp_path / name) is network


def test_every_contract_survives_a_native_file(tmp_path):
    contract = InputContract(
        "frame", 40_000, True, True, None, None, True, 1, "polarity-major", "on-off", "events", 7, 0.5, 200, 66, 3,
        -1.0, 1.0, (0.5, 0.25, 0.125), (1.0, 2.0, 3.0), "bgr", 4,
    )  # fmt: skip
    save_graph(graph(contract=contract), tmp_path / "a.h5")
    assert load_graph(tmp_path / "a.h5").input_contract == contract


def test_frames_may_be_shown_for_several_steps():
    network = with_input(lower(graph(contract=InputContract("frame"))), stated="repeat=4")
    assert network.input_contract == InputContract("frame", repeat=4)
    assert network.assumptions[-1] == "input as frames, each for 4 steps (stated by the user)"
    assert load_network("ems-res10", size="32x32", network_set=["time_steps=5"]).input_contract.repeat == 5


def test_a_window_is_fed_as_changes_only_where_neurons_add_them_up():
    for neuron, changes, words in ((SigmaDelta(step=1.0), True, "the changes"), (Relu(), False, "all counts")):
        network = with_input(lower(graph(neuron)), "window:300,10", "representation=histogram")
        assert network.input_contract.differences is changes
        assert network.assumptions[-1] == f"of a window of 300 events, {words} are fed after every 10 new ones"


def test_channels_have_names():
    assert channel_names(InputContract("voxel", bins=2, channel_order="polarity-major", polarity_order="on-off"), 4) == [
        "part 0 ON", "part 1 ON", "part 0 OFF", "part 1 OFF",
    ]  # fmt: skip
    assert channel_names(InputContract("frame"), 3) == ["red", "green", "blue"]
    assert channel_names(InputContract("count"), 1) == ["ON and OFF"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("representation: voxels\n", "a.yaml:1:17: representation: expected binary, count, signed_count, frame, histogram, "
         "voxel, time_surface, signed_voxel, got 'voxels'; did you mean voxel?"),
        ("bins: 3\n", "a.yaml:1:7: bins: is 3, but only voxel, signed_voxel and time_surface have bins; expected 1"),
        ("representation: voxel\nbins: 0\n", "a.yaml:2:7: bins: is 0, expected at least 1"),
        ("repeat: 0\n", "a.yaml:1:9: repeat: is 0, expected at least 1"),
        ("repeat: 3\n", "a.yaml:1:9: repeat: is 3, but only frames are shown for several steps; expected 1"),
        ("clip: many\n", "a.yaml:1:7: clip: expected an integer, got 'many'"),
        ("clip: 2.5\n", "a.yaml:1:7: clip: expected an integer, got 2.5"),
        ("swap_xy: 1\n", "a.yaml:1:10: swap_xy: expected true or false, got 1"),
        ("slice: 5 parsecs\n", "a.yaml:1:8: slice: must be a time such as 1000us or 5ms, a number such as 500events, or a "
         "window such as window:5000,100 (the last 5000 events, after every 100 new ones), not '5 parsecs'"),
        ("sensor: big\n", "a.yaml:1:9: sensor: must be WIDTHxHEIGHT such as 640x480, at most 16384 each, not 'big'"),
        ("range: [0]\n", "a.yaml:1:1: range: expected 2 numbers, got a list"),
        ("range: [1, 0]\n", "a.yaml:1:1: range: high is 0, expected more than low, 1"),
        ("std: 0\n", "a.yaml:1:6: std: expected numbers above 0"),
        ("scale: 0\n", "a.yaml:1:8: scale: is 0, expected any other number"),
        ("mean: [a]\n", "a.yaml:1:1: mean: expected one or several numbers, got a list"),
        ("pol: 2\n", "a.yaml:1:1: pol: unknown key; did you mean pool?"),
        ("- 3\n", "a.yaml:1:1: expected keys such as representation and slice, and their values"),
        ("representation: voxel\nslice: window:9,3\n", "a.yaml:2:8: slice: window_events slides over counts, not over a voxel; "
         "expected binary, count or the like"),
        ("clip: 1\nclip: 2\npool: x\n", "a.yaml:2:1: clip: repeated key (first at line 1); remove one\n"
         "a.yaml:3:7: pool: expected an integer, got 'x'"),
    ],
)  # fmt: skip
def test_all_that_is_wrong_in_a_file_is_said_with_its_place(tmp_path, text, message):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(FileFormatError) as error:
        stated_contract(tmp_path / "a.yaml", InputContract())
    assert str(error.value) == message


def test_a_window_over_parts_is_refused():
    with pytest.raises(RequestError) as error:
        with_input(lower(graph(contract=InputContract("voxel"))), "window:9,3")
    assert str(error.value) == (
        "slice: a window slides over counts, not over a voxel; state another representation, such as "
        "--input representation=histogram"
    )


def test_a_clip_without_counts_is_refused():
    with pytest.raises(FileFormatError, match="clip cuts counts, and a binary holds none; leave it out"):
        stated_contract("representation=binary,clip=5", InputContract())


def test_fields_that_need_each_other_are_checked():
    problems = dict(contract_problems(InputContract(window_events=5, sensor_width=3, low=0.0, scale=float("nan"))))
    assert problems == {
        "window_events": "needs slice_events, the number of new events a step",
        "sensor_width": "and sensor_height go together",
        "low": "and high go together",
        "scale": "is nan, expected a finite number",
    }

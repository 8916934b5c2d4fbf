"""States that return to their start every so many steps, as a user states it for a network of any format."""

import numpy as np
import pytest

from seneca_sim.activity import run_network
from seneca_sim.errors import RequestError
from seneca_sim.events.frames import frame_steps
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph import (
    Conv2d,
    ConvGru,
    CubaLif,
    GraphBuilder,
    GruCell,
    Identity,
    Input,
    InputContract,
    Li,
    Lif,
    Output,
    Relu,
    SigmaDelta,
    load_network,
    lower,
    read_graph,
)
from seneca_sim.graph.native_file import graph_bytes
from seneca_sim.graph.nir_writer import nir_bytes
from seneca_sim.graph.stated import with_resets

NEURONS = {
    "lif": Lif(0.75, threshold=2.0),
    "li": Li(0.5),
    "cuba": CubaLif(0.5, 0.75),
    "sigma-delta": SigmaDelta(0.5),
}


def network_of(neuron, **options):
    rng = np.random.default_rng(3)
    net = GraphBuilder("two", dt_us=1000.0, **options).add("input", Input((2, 4, 4)))
    net.add("conv", Conv2d(rng.normal(size=(3, 2, 3, 3)).astype(np.float32), padding=1)).add("neurons", neuron)
    return net.add("output", Output()).graph()


def run(network, frames):
    trace = run_network(network, [frame_steps(frames, "count", "test")])
    return dense_steps(trace.layers[-1], network.layers[-1].out_shape)


@pytest.mark.parametrize("kind", NEURONS)
@pytest.mark.parametrize("suffix", [".h5", ".nir"])
def test_a_network_that_restarts_equals_runs_of_their_own(kind, suffix, tmp_path):
    path = tmp_path / f"net{suffix}"
    path.write_bytes((graph_bytes if suffix == ".h5" else nir_bytes)(network_of(NEURONS[kind])))
    frames = np.random.default_rng(1).integers(0, 3, (9, 2, 4, 4)).astype(np.float32)
    restarting = run(load_network(path, reset_every=4), frames)
    alone = load_network(path)
    pieces = [run(alone, frames[first : first + 4]) for first in (0, 4, 8)]
    assert np.array_equal(restarting, np.concatenate(pieces))
    assert not np.array_equal(restarting, run(alone, frames))


def test_all_neurons_with_a_state_restart_and_no_others():
    net = GraphBuilder("kinds", dt_us=1000.0).add("input", Input((1, 4, 4))).add("relu", Relu())
    ones = np.ones((3, 1, 1, 1), np.float32)
    net.add("gru", ConvGru(ones, ones, padding=0)).add("three", Conv2d(ones)).add("cell", GruCell())
    net.link("three", "cell", port=1)
    graph = with_resets(net.add("lif", Lif(0.5)).add("end", Identity()).add("output", Output()).graph(), 5)
    assert graph.resets == {"gru": (5, 0), "cell": (5, 0), "lif": (5, 0)}
    assert graph.assumptions == ("as the user stated: all states return to their start every 5 steps",)
    every = {layer.name: layer.reset_every for layer in lower(graph).layers if layer.reset_every}
    assert every == {"gru": 5, "cell": 5, "lif": 5}


def test_a_stated_rhythm_replaces_that_of_the_network():
    assert {every for every, _ in read_graph("ems-res10", network_set=["time_steps=3"]).resets.values()} == {3}
    graph = read_graph("ems-res10", network_set=["time_steps=3"], reset_every=7)
    assert set(graph.resets.values()) == {(7, 0)}


def refused(graph, reset_every):
    with pytest.raises(RequestError) as error:
        with_resets(graph, reset_every)
    return str(error.value)


def test_rhythms_that_cannot_be_are_refused():
    assert refused(network_of(Lif(0.5)), 0) == "reset_every=0: expected at least 1"
    assert refused(network_of(Relu()), 3) == "reset_every=3: no neuron of two keeps a state; leave it out"
    changes = InputContract("count", differences=True)
    assert refused(network_of(SigmaDelta(0.5), input_contract=changes), 3) == (
        "reset_every: two is fed changes, which its first neurons add up from step to step; leave it out, or feed whole counts"
    )

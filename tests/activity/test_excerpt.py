"""Steps of a trace as a trace of its own: what is kept, what is held, and what a chip makes of it."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim import simulate
from seneca_sim.activity import load_trace, save_trace
from seneca_sim.activity.excerpt import excerpt
from seneca_sim.activity.synaptic import trace_sops
from seneca_sim.activity.trace import Trace
from seneca_sim.engine.counts import INLET_COUNTERS, PART_COUNTERS
from seneca_sim.engine.fast import run as run_chip
from seneca_sim.errors import ActivityError, RequestError
from seneca_sim.events.sparse import LayerTrace
from tests.activity.test_random_networks import run
from tests.activity.test_trace_file import rewritten
from tests.engine.random_systems import enriched_system
from tests.networks import input_maps, random_network

FIELDS = ("step_start", "position", "first_event", "channel", "neuron_events", "saturations")


def recurrent_run(seed: int, steps: int = 5):
    """Return a network with recurrent edges and its trace."""
    rng = np.random.default_rng(seed)
    while True:
        network = random_network(rng, max_layers=4)
        if any(edge.delay for layer in network.layers for edge in layer.edges):
            return network, run(network, input_maps(rng, network, steps=steps))


def same(one: LayerTrace, other: LayerTrace) -> bool:
    """Return whether two traces of a layer hold the same."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in FIELDS)


@pytest.mark.parametrize("seed", range(6))
def test_steps_are_kept_and_recurrent_layers_hold_the_step_before(seed):
    network, trace = recurrent_run(seed)
    later = excerpt(network, trace, 2)
    recurrent = {edge.source for layer in network.layers for edge in layer.edges if edge.delay}
    for number, (layer, held, whole) in enumerate(zip(later.layers, later.held, trace.layers, strict=True)):
        assert all(same(layer.step(step), whole.step(step + 2)) for step in range(3))
        assert same(held, whole.step(1) if number in recurrent else LayerTrace.silent(1))
    np.testing.assert_array_equal(later.sops, trace.sops[2:])
    np.testing.assert_array_equal(trace_sops(network, later.layers, later.held), trace.sops[2:])


def test_an_excerpt_of_an_excerpt_is_that_of_the_whole():
    network, trace = recurrent_run(1)
    twice, once = excerpt(network, excerpt(network, trace, 1), 2), excerpt(network, trace, 3)
    for one, other in zip((*twice.layers, *twice.held), (*once.layers, *once.held), strict=True):
        assert same(one, other)
    assert excerpt(network, once, 0) is once


@pytest.mark.parametrize("begin", [-1, 5, 9])
def test_a_begin_outside_of_the_trace_is_refused(begin):
    network, trace = recurrent_run(1)
    with pytest.raises(RequestError, match=f"begin must be one of the 5 steps of the run, 0 to 4, not {begin}"):
        excerpt(network, trace, begin)


def test_an_excerpt_says_so():
    network, trace = recurrent_run(1)
    described = replace(trace, description="camera.csv")
    twice = excerpt(network, excerpt(network, described, 1), 2)
    assert twice.description == "camera.csv; 1 step in front left out; 2 steps in front left out"
    assert excerpt(network, replace(trace, description=""), 2).description == "2 steps in front left out"


def test_the_first_step_of_an_excerpt_does_not_stand_apart():
    whole = simulate("digits-sigma-delta", steps=3, cores=2, engine="estimate")
    later = simulate("digits-sigma-delta", steps=3, cores=2, engine="estimate", begin=1)
    assert whole.summary["first_step_energy_uj"] > 0
    assert later.summary["first_step_energy_uj"] is None
    assert later.summary["sops"] == sum(whole.steps["sops"].iloc[1:])


def test_an_excerpt_survives_the_file(tmp_path):
    network, trace = recurrent_run(2)
    later = excerpt(network, trace, 3)
    save_trace(tmp_path / "a.trace.npz", later, network)
    again = load_trace(tmp_path / "a.trace.npz", network)
    assert len(again.held) == len(network.layers)
    for one, other in zip((*again.layers, *again.held), (*later.layers, *later.held), strict=True):
        assert same(one, other)


def test_operations_of_held_values_are_counted_again(tmp_path):
    network, trace = recurrent_run(2)
    later = excerpt(network, trace, 3)
    assert any(len(held.channel) for held in later.held)
    path = tmp_path / "a.trace.npz"
    save_trace(path, later, network)
    rewritten(path, lambda members: [members.pop(name) for name in list(members) if name.startswith("held/")])
    with pytest.raises(ActivityError, match="step 0 states"):
        load_trace(path, network)


def test_held_values_must_fit_the_layers():
    network, trace = recurrent_run(2)
    later = excerpt(network, trace, 3)
    short = Trace(later.layers, "synthetic", later.sops, held=later.held[1:])
    with pytest.raises(ActivityError, match=f"{len(later.held) - 1} layers are held"):
        simulate(network, activity=short)
    wrong = Trace(later.layers, "synthetic", later.sops, held=tuple(later.layers))
    with pytest.raises(ActivityError, match=r"what layer .* holds: step_start must have 2 entries, not 3"):
        simulate(network, activity=wrong)


@pytest.mark.parametrize("seed", [seed for seed in range(16) if enriched_system(seed).trace.n_steps > 1])
def test_a_chip_that_begins_later_does_the_work_of_these_steps(seed):
    system = enriched_system(seed, pipelined=False, period=0, flow_control="row_credits", group_scope="packet")
    rest = system.mapping, system.trace, system.timing, system.costs
    whole = run_chip(system.network, *rest)
    later = run_chip(system.network, rest[0], excerpt(system.network, system.trace, 1), *rest[2:])
    for names, counts, kept in (
        (PART_COUNTERS, "parts", ("events", "fire_tasks", "packets", "replay_values", "tokens", "lc_cycles")),
        (INLET_COUNTERS, "inlets", ("packets", "values", "tokens", "tasks", "sops", "lc_cycles")),
    ):
        columns = [names.index(name) for name in kept]
        np.testing.assert_array_equal(getattr(whole, counts)[1:, :, columns], getattr(later, counts)[:, :, columns])

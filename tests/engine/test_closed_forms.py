"""Unloaded latency and peak throughput of one core, one link and one pipeline follow from the parameters, to the cycle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs, EdgeCosts, LayerCosts
from seneca_sim.mapping.types import Part
from tests.engine.systems import Case, conv, layer, source, walked

WIDE = Timing(task_fifo=64, event_fifo=64, buffer_flits=64, input_flits=256)


def one_neuron(hops: int, timing: Timing, costs: Costs) -> Case:
    """Return a system of one neuron with one event in and out, some hops from the host."""
    return Case(
        layers=(source(1, 1), layer("neuron", (1, 1, 1), conv(0, kernel=1), is_output=True)),
        parts=(Part(1, hops, (0, 1), (0, 1), (0, 1), 1),),
        events={0: [(0, 0, 0, 0)], 1: [(0, 0, 0, 0)]},
        timing=timing,
        mesh=(hops + 1, 1),
        costs=costs,
    )


@pytest.mark.parametrize("noc", ["mesh", "ideal"])
@pytest.mark.parametrize("hops", [0, 1, 3])
@pytest.mark.parametrize("router", [0, 1, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_latency_of_one_event_is_the_sum_of_its_way(noc: str, hops: int, router: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    packet, value, position, fire, out_packet, out, token, task, chunk, update, emit = rng.integers(1, 20, 11).tolist()
    timing = replace(
        WIDE,
        noc=noc,
        router_cycles=router,
        rv_packet=packet,
        rv_value=value,
        rv_position=position,
        rv_fire=fire,
        rv_out_packet=out_packet,
        rv_out=out,
        rv_token=token,
        lc_task=task,
    )
    costs = Costs((LayerCosts(), LayerCosts(update_cycles=update, emit_cycles=emit)), (EdgeCosts(chunk_cycles=chunk),))
    flits = 1 + 1  # a header and one value
    way = 1 + hops * (router + 1) + router  # from the injection to the grant of the last port
    decoded = way + flits + packet + value + position
    integrated = decoded + task + chunk
    fired = max(decoded + token + fire, integrated) + task + update + emit
    sent = fired + 1 + out_packet + out  # the event generator takes a cycle
    received = sent + way + flits
    ended = sent + flits + token + way + 1
    counts = one_neuron(hops, timing, costs).run()
    assert counts.steps.tolist() == [[0, 0, received, received, ended]]
    assert counts.makespan == ended


@pytest.mark.parametrize(("fire", "update"), [(1, 9), (3, 9), (12, 2), (30, 2)])
def test_a_core_fires_at_the_pace_of_its_slower_unit(fire: int, update: int) -> None:
    columns = 20
    case = Case(
        layers=(source(1, columns), layer("row", (1, 1, columns), conv(0, kernel=1), is_output=True)),
        parts=(Part(1, 0, (0, 1), (0, 1), (0, columns), 1),),
        events={},
        timing=replace(WIDE, rv_fire=fire),
        costs=Costs((LayerCosts(), LayerCosts(update_cycles=update)), (EdgeCosts(),)),
    )
    counts, lines = walked(case)
    starts = [int(line.split("-")[0]) for line in lines["core 0 loop controller"]]
    assert set(np.diff(starts).tolist()) == {max(fire, update + 1)}
    assert counts.npe_busy.tolist() == [columns * (update + 1)]


@pytest.mark.parametrize(("buffer", "pause"), [(18, 0), (17, 2), (9, 2)])
def test_a_link_carries_a_flit_in_every_cycle_if_its_buffer_holds_two_packets(buffer: int, pause: int) -> None:
    columns, channels = 12, 8
    events = [(0, 0, column, channel) for column in range(columns) for channel in range(channels)]
    case = Case(
        layers=(source(1, columns, channels), layer("row", (1, 1, columns), conv(0, inp=8, kernel=1), is_output=True)),
        parts=(Part(1, 1, (0, 1), (0, 1), (0, columns), 1),),
        events={0: events},
        timing=replace(WIDE, group_size=8, rv_value=0, rv_position=0, buffer_flits=buffer),
        mesh=(2, 1),
        costs=Costs((LayerCosts(value_bits=16), LayerCosts()), (EdgeCosts(),)),
    )
    _, lines = walked(case)
    starts = [int(line.split("-")[0]) for line in lines["host 0"]]
    # A packet of 9 flits leaves a buffer 2 cycles (its visibility and the router) after its last flit has come in.
    assert starts[:columns] == [column * (9 + pause) for column in range(columns)]


@pytest.mark.parametrize("slow", [1, 2, 3])
def test_a_pipeline_ends_a_step_in_the_time_of_its_slowest_layer(slow: int) -> None:
    side, update = 4, 60
    shape = (1, side, side)
    layers = [source(side, side)]
    layers += [layer(f"stage{stage}", shape, conv(stage - 1, kernel=1), is_output=stage == 3) for stage in (1, 2, 3)]
    costs = [LayerCosts(update_cycles=update if stage == slow else 5) for stage in range(4)]
    case = Case(
        layers=tuple(layers),
        parts=tuple(Part(stage, stage - 1, (0, 1), (0, side), (0, side), side) for stage in (1, 2, 3)),
        events={},
        steps=6,
        timing=WIDE,
        mesh=(3, 1),
        costs=Costs(tuple(costs), (EdgeCosts(),) * 3),
    )
    ends = case.checked().steps[:, 4]
    assert np.diff(ends)[2:].tolist() == [side * side * (update + 1)] * 3

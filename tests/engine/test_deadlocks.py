"""With row credits and the provisioned state rows nothing blocks; what does block says who waits for whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seneca_sim.engine import fast
from seneca_sim.engine.costs import Costs
from seneca_sim.engine.reference import run
from seneca_sim.errors import DeadlockError, GraphError
from seneca_sim.mapping.types import Part
from tests.engine.random_systems import RandomSystem, random_system
from tests.engine.systems import TASK, Case, conv, layer, source
from tests.engine.test_network_walks import PRODUCERS
from tests.engine.test_walks import ONE_CORE, RECURRENT, RESIDUAL


def message(case: Case) -> str:
    """Return the text of the deadlock that a case ends in."""
    with pytest.raises(DeadlockError) as caught:
        case.run()
    return str(caught.value)


def with_rows(case: Case, part: int, rows: int) -> Case:
    """Return a case in which one part has other state rows."""
    parts = list(case.parts)
    parts[part] = replace(parts[part], state_rows=rows)
    return replace(case, parts=tuple(parts))


def outputs_marked(system: RandomSystem) -> RandomSystem:
    """Return a random system whose last layer is an output."""
    layers = system.network.layers
    last = replace(layers[-1], is_output=True)
    return replace(system, network=replace(system.network, layers=(*layers[:-1], last)))


@pytest.mark.parametrize("seed", range(24))
def test_random_systems_do_not_block_at_the_provisioned_rows(seed: int) -> None:
    system = outputs_marked(random_system(seed, group_bits=8))
    counts = run(system.network, system.mapping, system.trace, system.timing, system.costs)
    assert (counts.steps[:, 4] > 0).all()


def test_a_3x3_convolution_blocks_with_two_state_rows() -> None:
    assert message(with_rows(ONE_CORE, 0, 2)) == (
        "the chip is deadlocked after cycle 20: "
        "part 0 of layer 'conv' on core 0, at step 0, position (0, 0), waits for row 1 of input 'in'; "
        "input 'in' at the host, at step 0, row 1, waits for a credit of row 1 from part 0 of layer 'conv'; "
        "give more state rows to part 0 of layer 'conv'"
    )


def test_a_residual_block_blocks_without_rows_for_its_lag() -> None:
    assert message(with_rows(RESIDUAL, 1, 1)) == (
        "the chip is deadlocked after cycle 18: "
        "part 0 of layer 'body' on core 0, at step 0, position (0, 0), waits for row 1 of input 'in'; "
        "part 1 of layer 'sum' on core 0, at step 0, position (0, 0), waits for row 0 of part 0 of layer 'body'; "
        "input 'in' at the host, at step 0, row 1, waits for a credit of row 1 from part 1 of layer 'sum'; "
        "give more state rows to part 1 of layer 'sum'"
    )


def test_a_recurrent_cell_blocks_without_rows_for_the_step() -> None:
    wide = replace(
        RECURRENT,
        layers=(source(2, 1), layer("cell", (1, 2, 1), conv(0, kernel=1), conv(1, delay=1), is_output=True)),
    )
    wide.checked()
    assert message(with_rows(wide, 0, 1)) == (
        "the chip is deadlocked after cycle 11: "
        "part 0 of layer 'cell' on core 0, at step 0, position (0, 0), waits for row 1 of the replay of part 0 of layer "
        "'cell' and its own replay and a credit of row 0 from part 0 of layer 'cell'; "
        "input 'in' at the host, at step 0, row 1, waits for a credit of row 1 from part 0 of layer 'cell'; "
        "give more state rows to part 0 of layer 'cell'"
    )


SLOW = replace(
    PRODUCERS,
    layers=(source(2, 2, channels=4), layer("split", (1, 2, 2), conv(0, inp=4, kernel=1)), PRODUCERS.layers[2]),
    events={0: [(0, 0, 1, channel) for channel in range(4)], 1: [(0, 1, 0, 0)]},
    costs=Costs(TASK.layers * 3, (replace(TASK.edges[0], chunk_cycles=40),) * 3),
)
"""Two producers of which the second is slow: the first can run a row ahead."""


def test_without_credits_an_early_event_hides_the_one_that_would_free_its_row() -> None:
    SLOW.checked()
    assert message(SLOW.with_timing(flow_control="none")) == (
        "the chip is deadlocked after cycle 69: "
        "part 2 of layer 'join' on core 2, at step 0, position (0, 0), waits for row 0 of part 1 of layer 'split' and "
        "state rows for the packet at the head of its core's queue; "
        "set flow.control to row_credits, or give the waiting parts more state rows"
    )


def test_without_credits_a_full_map_of_state_rows_cannot_block() -> None:
    with_rows(SLOW, 2, 2).with_timing(flow_control="none").checked()


def test_a_packet_that_fits_into_no_buffer_is_named() -> None:
    assert message(ONE_CORE.with_timing(buffer_flits=1)) == (
        "the chip is deadlocked after cycle 0: "
        "part 0 of layer 'conv' on core 0, at step 0, position (0, 0), waits for row 1 of input 'in'; "
        "input 'in' at the host, at step 0, row 0, waits for room in its router; "
        "raise noc.buffer_flits and noc.input_flits to 2, the flits of its longest packet"
    )


def test_a_network_without_an_output_is_refused() -> None:
    layers = ONE_CORE.layers[0], replace(ONE_CORE.layers[1], is_output=False)
    with pytest.raises(GraphError) as caught:
        replace(ONE_CORE, layers=layers).run()
    assert str(caught.value) == "network 'case' has no output layer, so no step would ever end; mark one as output"


@pytest.mark.parametrize("engine", [run, fast.run], ids=["reference", "fast"])
def test_a_layer_that_blocks_behind_the_outputs_is_a_deadlock(engine) -> None:  # type: ignore[no-untyped-def]
    chain = Case(
        layers=(
            source(4, 1),
            layer("out", (1, 4, 1), conv(0, kernel=1), is_output=True),
            layer("behind", (1, 4, 1), conv(1)),
        ),
        parts=(Part(1, 0, (0, 1), (0, 4), (0, 1), state_rows=1), Part(2, 1, (0, 1), (0, 4), (0, 1), state_rows=4)),
        events={0: [(0, row, 0, 0) for row in range(4)], 1: [(0, row, 0, 0) for row in range(4)]},
        mesh=(2, 1),
    ).with_timing(flow_control="none", buffer_flits=64, input_flits=64)
    assert engine(*chain.inputs()).steps[0, 4] > 0
    with pytest.raises(DeadlockError, match=r"behind'? (channels 0-0 )?on core 1.* waits for"):
        engine(*with_rows(chain, 1, 1).inputs())

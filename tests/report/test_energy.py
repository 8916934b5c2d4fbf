"""Energy is counts times prices; layers and what is unassigned make the total."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.chip.prices import COMPONENTS as PRICED
from seneca_sim.engine.counts import CORE_STATES, INLET_COUNTERS, PART_COUNTERS
from seneca_sim.report.columns import COMPONENTS
from seneca_sim.report.energy import powered_time, price, shares
from seneca_sim.report.leaves import energy_leaves
from tests.report.records import small_record


def zeroed(record):
    counts = record.counts
    changes = {name: np.zeros_like(getattr(counts, name)) for name in ("parts", "inlets", "host", "cores")}
    return replace(record, counts=replace(counts, **changes), chip=without_static(record))


def without_static(record):
    from seneca_sim.chip import load_chip

    return load_chip(record.chip, ["prices.static_uw_per_core=0"])


def test_components_are_those_of_the_price_table():
    assert COMPONENTS == PRICED


def test_layers_and_unassigned_make_the_total_of_cores_steps_and_components():
    energy = price(small_record(("core.riscv.idle_pj=0.3",)))
    total = energy.components
    assert energy.unassigned.sum() > 0
    assert (energy.layers.sum(axis=0) + energy.unassigned) == pytest.approx(total, rel=1e-12)
    assert energy.steps.sum(axis=0) == pytest.approx(total, rel=1e-12)
    host = energy.layers[0]
    assert (energy.cores.sum(axis=0) + host) == pytest.approx(total, rel=1e-12)


def test_one_flit_of_a_part_costs_its_price_in_the_producing_layer_and_on_its_core():
    record = zeroed(small_record(("prices.flit_injected_pj=7",)))
    record.counts.parts[1, 2, PART_COUNTERS.index("flits")] = 1
    energy = price(record)
    noc = COMPONENTS.index("noc")
    assert energy.components.sum() == energy.layers[2, noc] == energy.cores[1, noc] == energy.steps[1, noc] == 7.0


def test_a_decoded_packet_costs_the_consuming_layer():
    record = zeroed(small_record())
    record.counts.inlets[0, 0, INLET_COUNTERS.index("rv_cycles")] = 10
    record.counts.cores[0, CORE_STATES.index("busy")] = 10
    energy = price(record)
    cpi = record.chip.core.riscv.cpi.value
    assert energy.layers[1].sum() == energy.components.sum() == energy.cores[0].sum()
    assert energy.layers[1, COMPONENTS.index("riscv")] == pytest.approx(10 * 5.9 / cpi)


def test_a_decoded_credit_costs_the_consuming_layer_and_the_core_that_decodes_it():
    record = zeroed(small_record())
    record.counts.inlets[0, 0, INLET_COUNTERS.index("rv_cycles")] = 10
    record.counts.cores[1, CORE_STATES.index("busy")] = 10
    energy = price(record)
    assert energy.layers[1].sum() == energy.components.sum() > 0
    assert energy.cores.sum(axis=1).tolist() == [0, pytest.approx(energy.components.sum()), 0]


def test_one_chunk_costs_the_instructions_of_its_program_on_all_lanes():
    record = zeroed(small_record())
    record.counts.parts[0, 2, PART_COUNTERS.index("update_chunks")] = 1
    record.counts.parts[0, 2, PART_COUNTERS.index("emit_chunks")] = 1
    # Lif in BF16: MLD, MUL, GTH, MUL, MST, EVC on eight lanes: 12.1 pJ a neuron
    assert price(record).components.sum() / 8 == pytest.approx(12.1)


def test_host_packets_belong_to_the_only_input_layer():
    record = zeroed(small_record())
    record.counts.host[0, 0] = 5
    assert price(record).layers[0].sum() == 5 * record.chip.prices.flit_injected_pj.value
    two = replace(record, layers=(record.layers[0], *record.layers))
    assert two.host_layer is None


def test_an_unmapped_core_costs_nothing_unless_all_cores_are_powered():
    mapped, everything = (price(small_record((f"prices.powered={which}",))) for which in ("mapped", "all"))
    static = COMPONENTS.index("static")
    # two cores of the 2 x 2 mesh have parts
    assert everything.components[static] == pytest.approx(2 * mapped.components[static])
    assert everything.unassigned[static] == pytest.approx(mapped.components[static])
    assert everything.layers == pytest.approx(mapped.layers)


def test_static_energy_follows_reserved_memory_to_the_cycle():
    record = small_record()
    powered = powered_time(record)
    end = record.counts.steps[-1, -1]
    assert powered.cycles == end
    assert powered.static_parts.sum() == 2 * end
    on_core_1 = powered.static_parts[:, 1:].sum(axis=0)
    memory = record.memory[1:].sum(axis=1)
    assert on_core_1 / on_core_1.sum() == pytest.approx(memory / memory.sum(), abs=1e-3)


def test_a_chip_that_waits_for_the_next_period_is_powered_all_the_time():
    record = small_record(("flow.period=5000",))
    assert powered_time(record).cycles == 3 * 5000
    assert powered_time(record).static_parts.sum() == 2 * 3 * 5000


def test_waiting_cycles_are_those_in_which_the_riscv_of_a_mapped_core_does_not_work():
    record = small_record()
    busy = record.counts.cores[:, CORE_STATES.index("busy")]
    waiting = powered_time(record).waiting
    assert waiting.sum(axis=0).tolist() == [*(record.counts.makespan - busy[:2]).tolist(), 0]


@pytest.mark.parametrize("amounts", [[0, 1, 7], [10**12, 3]])
def test_shares_add_up_to_the_amount(amounts):
    for weights in ([1, 2, 4], [0, 5], [2**40, 2**40 + 1]):
        split = shares(np.array(amounts), np.array(weights))
        assert split.sum(axis=1).tolist() == amounts
        assert split.min() >= 0


def test_every_count_of_a_leaf_adds_up_to_the_engines_count():
    record = small_record()
    energy = price(record)
    flits = [
        leaf for leaf in energy_leaves(record, energy, slice(None)) if leaf.constants == ("prices.flit_injected_pj",)
    ]
    assert (
        sum(leaf.count for leaf in flits)
        == record.counts.parts[:, :, PART_COUNTERS.index("flits")].sum() + record.counts.host[:, 0].sum()
    )
    static = [leaf for leaf in energy_leaves(record, energy, slice(None)) if leaf.part == "static"]
    assert sum(leaf.count for leaf in static) == 2 * energy.powered.cycles

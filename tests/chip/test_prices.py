"""Prices: components add up, lanes share what they share, and only what is counted is paid."""

import pytest

from seneca_sim.chip import load_chip
from seneca_sim.chip.instructions import Instructions
from seneca_sim.chip.prices import COMPONENTS, price_table

CHIP = load_chip("seneca")


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16, 64, 1024])
def test_a_lane_pays_the_printed_total_and_its_share_of_the_loop(lanes):
    """Printed total + shared part x (1 / lanes - 1 / 8), all components positive."""
    table = price_table(load_chip("seneca", [f"core.npe.count={lanes}"]))
    for name in Instructions.model_fields:
        row, price = CHIP.instructions.named(name), table[f"instruction.{name}"]
        shared = row.loop_pj.value + row.event_pj.value
        assert price.pj / lanes == pytest.approx(row.total_pj.value + shared * (1 / lanes - 1 / 8))
        assert all(part.pj > 0 for part in price.parts)


def test_lane_parts_that_totals_imply_round_to_the_printed_ones():
    table = price_table(CHIP)
    for name in Instructions.model_fields:
        row = CHIP.instructions.named(name)
        own = next(part.pj for part in table[f"instruction.{name}"].parts if part.component == "npe") / 8
        assert own == pytest.approx(row.npe_pj.value, abs=0.05)


def test_riscv_cycle_is_its_instructions_and_their_accesses():
    price = price_table(CHIP)["riscv.busy_cycle"]
    assert {part.component: part.pj for part in price.parts} == pytest.approx(
        {"riscv": 5.9 / 1.4, "instruction_memory": 5.7 / 1.4, "data_memory": 0.3 * 10 / 1.4}
    )


def test_prices_name_components_and_constants_that_exist():
    constants = set(CHIP.flat())
    for price in price_table(CHIP).prices.values():
        for part in price.parts:
            assert part.component in COMPONENTS
            assert part.constants
            assert set(part.constants) <= constants


def test_energy_of_counts_is_their_sum_of_prices():
    table = price_table(load_chip("seneca", ["prices.flit_link_pj=0.5", "core.riscv.idle_pj=0.25"]))
    energy = table.energy_pj(
        {
            "flit.injected": 3,
            "flit.link": 8,
            "flit.ejected": 9,
            "riscv.idle_cycle": 4,
            "event.generated": 10,
            "core.cycle": 50,
        }
    )
    expected = dict.fromkeys(COMPONENTS, 0.0)
    expected.update(noc=3 * 2 + 8 * 0.5, riscv=1.0, event_generator=11.0, static=50 * 0.06)
    assert energy == pytest.approx(expected)


def test_chip_of_the_seed_table_charges_the_lanes_alone():
    table = price_table(load_chip("seneca-seed-table"))
    free = ("riscv.busy_cycle", "riscv.idle_cycle", "flit.injected", "flit.link", "flit.ejected", "core.cycle")
    assert [table[name].pj for name in free] == [0] * len(free)
    assert table["instruction.ADD"].pj == price_table(CHIP)["instruction.ADD"].pj

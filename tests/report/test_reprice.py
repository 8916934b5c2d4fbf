"""New prices on stored counts: equal to a fresh run, and refused where timing would change."""

import pytest

from seneca_sim.chip import load_chip
from seneca_sim.errors import ChipError, RequestError
from seneca_sim.report.reprice import is_price, reprice
from seneca_sim.report.result import Result
from tests.report.records import small_record, small_run

CHANGES = (
    "prices.flit_injected_pj=3.5",
    "instructions.MLD.memory_pj=2.4",
    "instructions.MLD.total_pj=3.2",
    "core.riscv.cpi=2",
    "area.core_mm2=0.3",
)


def fresh(changes):
    return Result(small_record(changes, request={**small_run().request, "set": list(changes)}))


def test_repricing_equals_a_fresh_run_in_every_byte():
    repriced = reprice(Result(small_record()), CHANGES)
    assert repriced.summary["energy_uj"] != Result(small_record()).summary["energy_uj"]
    assert repriced.files() == fresh(CHANGES).files()


def test_repricing_twice_equals_repricing_at_once():
    once = reprice(Result(small_record()), CHANGES)
    twice = reprice(reprice(Result(small_record()), CHANGES[:3]), CHANGES[3:])
    assert twice.files() == once.files()


@pytest.mark.parametrize(
    "change",
    ["core.npe.count=16", "clock_mhz=250", "noc.kind=ideal", "price_as.fp32=int8", "instructions.MLD.cycles=2"],
)
def test_a_change_that_would_alter_timing_is_refused_by_name(change):
    with pytest.raises(RequestError) as error:
        reprice(Result(small_record()), [change, "prices.flit_link_pj=1"])
    key = change.partition("=")[0]
    assert str(error.value) == (
        f"{key} would alter more than prices, so the stored counts would not hold; "
        f"run again: seneca-sim run ... --set {change} --set prices.flit_link_pj=1"
    )


def test_no_price_is_read_by_engines_or_programs():
    from seneca_sim.engine.costs import costs_of
    from seneca_sim.engine.programs import network_programs
    from tests.report.records import small_network

    network = small_network()
    chip = load_chip("seneca")
    programs = network_programs(network, chip)
    prices = [
        key
        for key, constant in chip.flat().items()
        if is_price(key) and not key.endswith(("loop_pj", "event_pj", "memory_pj", "powered"))
    ]
    dearer = load_chip(chip, [f"{key}={chip.flat()[key].value + 0.5}" for key in prices])
    assert len(prices) > 50
    assert dearer.timing() == chip.timing()
    assert network_programs(network, dearer) == programs
    assert costs_of(network, dearer) == costs_of(network, chip)


def test_a_negative_price_is_refused():
    with pytest.raises(ChipError) as error:
        reprice(Result(small_record()), ["prices.flit_link_pj=-1"])
    assert (
        str(error.value) == "--set prices.flit_link_pj=-1: prices.flit_link_pj: expected a finite number >= 0, got -1"
    )


def test_no_change_is_refused():
    with pytest.raises(RequestError) as error:
        reprice(Result(small_record()), ())
    assert (
        str(error.value) == "nothing to price anew; name at least one constant, such as --set prices.flit_injected_pj=3"
    )


def test_the_run_file_of_a_repriced_result_asks_for_the_changes():
    repriced = reprice(Result(small_record()), CHANGES[:1])
    assert repriced.record.run.request == {**small_run().request, "set": ["prices.flit_injected_pj=3.5"]}

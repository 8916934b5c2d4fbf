"""Every price of the chip file can change after a run, nothing else can, and the result is that of a fresh run."""

import pytest

import seneca_sim as ss
from seneca_sim.chip import load_chip
from seneca_sim.errors import RequestError
from seneca_sim.report.reprice import is_price, reprice

CHIP = load_chip("seneca")
PRICES = [key for key in CHIP.flat() if is_price(key)]
OTHERS = [key for key in CHIP.flat() if not is_price(key)]


def dearer(key):
    """Return a change of a price; parts and printed totals of instructions rise together, as the chip file demands."""
    value = CHIP.flat()[key].value
    if key == "prices.powered":
        return "prices.powered=all"
    if not key.startswith("instructions."):
        return f"{key}={value + 0.25}"
    rise = {"npe_pj": 1, "loop_pj": 8, "total_pj": 2}.get(
        key.rpartition(".")[2], 0
    )  # a lane pays an eighth of the loop
    return f"{key}={value + rise}"


@pytest.mark.parametrize("goal", ["balanced", "fewest-cores"])
def test_all_prices_at_once_give_the_bytes_of_a_fresh_run(goal):
    changes = [dearer(key) for key in PRICES]
    options = {"network": "digits-lif", "steps": 2, "cores": 8, "goal": goal}
    before = ss.simulate(**options)
    after = reprice(before, changes)
    assert after.files() == ss.simulate(**options, set=changes).files()
    for component, uj in before.summary["energy_by_component_uj"].items():
        assert after.summary["energy_by_component_uj"][component] != uj, component
    assert after.summary["area_mm2"] != before.summary["area_mm2"]
    assert after.summary["latency_us"] == before.summary["latency_us"]


def test_every_constant_that_is_no_price_is_refused_by_its_name():
    result = ss.simulate("digits-lif", steps=1, cores=1)
    assert len(OTHERS) > 70
    assert {"clock_mhz", "core.npe.count", "flow.period", "instructions.MLD.cycles", "price_as.fp32"} <= set(OTHERS)
    for key in OTHERS:
        value = CHIP.flat()[key].value
        change = f"{key}={str(value).lower() if isinstance(value, bool) else value}"
        with pytest.raises(RequestError) as error:
            reprice(result, [change])
        assert str(error.value) == (
            f"{key} would alter more than prices, so the stored counts would not hold; run again: "
            f"seneca-sim run ... --set {change}"
        )

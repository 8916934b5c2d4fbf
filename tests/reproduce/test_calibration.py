"""Constants are fitted to published figures by a search that anyone can repeat."""

import pytest

from seneca_sim.chip import load_chip
from seneca_sim.chip.instructions import Instructions
from seneca_sim.reproduce.calibration import Calibration, calibrate, nearest_setting
from seneca_sim.reproduce.citations import load_published


def test_the_preset_holds_what_the_calibration_finds():
    fit = calibrate(load_published("kws-builds"), load_published("firenet"))
    fitted, shipped = load_chip("seneca", fit.overrides()).flat(), load_chip("seneca").flat()
    assert {key for key, constant in fitted.items() if constant.value != shipped[key].value} == set()
    found = {key for key, constant in fitted.items() if constant.status == "set"}
    assert found == {key for key, constant in shipped.items() if constant.status == "calibrated"}
    assert len(found) == len(Instructions.model_fields) + 6


def test_calibrated_constants_lie_within_their_ranges_and_name_the_script():
    for key, constant in load_chip("seneca").flat().items():
        if constant.status == "calibrated":
            assert constant.low <= constant.value <= constant.high, key
            assert constant.low < constant.high, key
            assert "calibration.py" in constant.source or "task_cycles" in constant.source, key


@pytest.mark.parametrize("target", [-5, 0, 7, 33, 34, 360, 1000])
def test_the_search_finds_the_nearest_setting_of_a_bent_measure(target):
    def measure(n):
        return n + n * n / 100

    best = min(range(0, 201, 10), key=lambda n: abs(measure(n) - target))
    assert nearest_setting(measure, target, 0, 200, 10) == best


def test_the_search_asks_for_few_settings_of_a_straight_measure():
    asked = []

    def measure(n):
        asked.append(n)
        return 3.0 * n + 1

    assert nearest_setting(measure, 1501, 0, 4000, 5) == 500
    assert len(asked) < 6


def test_all_instructions_take_the_same_cycles():
    changes = Calibration({"instructions": 2, "core.riscv.fire": 1}).overrides()
    assert len(changes) == len(Instructions.model_fields) + 1
    assert "instructions.EVC.cycles=2" in changes

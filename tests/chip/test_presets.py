"""The shipped chips: provenance of every constant, the timing that engines read, the text that users see."""

import re
import subprocess
import sys
from dataclasses import fields

import pytest
from pydantic import ValidationError

from seneca_sim.chip import Chip, chip_names, load_chip
from seneca_sim.chip.schema import dotted_keys
from seneca_sim.chip.show import TERMS, chip_rows, chip_text
from seneca_sim.chip.timing import Timing

NUMERIC = (int, float)


@pytest.mark.parametrize("name", chip_names())
def test_what_is_not_published_carries_a_range(name):
    for key, constant in load_chip(name).flat().items():
        if (
            constant.status == "published"
            or isinstance(constant.value, bool)
            or not isinstance(constant.value, NUMERIC)
        ):
            continue
        assert constant.low is not None, key
        assert constant.high is not None, key


@pytest.mark.parametrize("name", chip_names())
def test_no_shipped_constant_is_set_by_a_user_or_cites_a_path(name):
    for key, constant in load_chip(name).flat().items():
        assert constant.status != "set", key
        assert not re.search(r"/work|\.md|facts", constant.source), key


@pytest.mark.parametrize("name", chip_names())
def test_a_chip_survives_being_written_and_read_as_plain_data(name):
    chip = load_chip(name, ["core.npe.count=4"])
    assert Chip.model_validate(chip.model_dump(mode="json")) == chip


def test_chips_do_not_change_after_validation():
    chip = load_chip("seneca")
    with pytest.raises(ValidationError, match="frozen"):
        chip.core.npe.count.value = 3


def test_timing_of_the_default_chip_is_what_engines_expect():
    calibrated = {
        "lc_task": 100, "rv_packet": 20, "rv_value": 38, "rv_position": 565, "rv_fire": 900, "rv_untouched": 4,
        "rv_out_packet": 5, "rv_out": 4, "rv_token": 10, "rv_replay": 4, "rv_skip": 2, "rv_scan": 160,
    }  # fmt: skip
    assert load_chip("seneca").timing() == Timing(**calibrated)


def test_timing_of_the_seed_table_is_compute_alone():
    timing = load_chip("seneca-seed-table").timing()
    costs = {field.name for field in fields(Timing) if field.name.startswith("rv_")}
    assert {getattr(timing, name) for name in costs} == {0}
    assert (timing.group_size, timing.task_scope, timing.evgen_rate, timing.pipelined) == (1, "pixel", 8, False)
    assert timing.header_flits == 1


def test_one_dense_input_event_takes_the_published_energy():
    chip = load_chip("seneca")
    assert chip.core.riscv.packet.value + chip.core.riscv.value.value == 58


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("core.grouping.scope=packet", "group_scope", "packet"),
        ("core.masked=chunk_skip", "masked", "chunk_skip"),
        ("core.loop_controller.task_cycles=3", "lc_task", 3),
        ("core.loop_controller.chunk_cycles=2", "lc_chunk", 2),
        ("core.event_generator.rate=4", "evgen_rate", 4),
        ("core.task_fifo=5", "task_fifo", 5),
        ("core.event_fifo=6", "event_fifo", 6),
        ("core.riscv.skip=9", "rv_skip", 9),
        ("noc.kind=ideal", "noc", "ideal"),
        ("noc.x_bits=11", "x_bits", 11),
        ("noc.router_cycles=0", "router_cycles", 0),
        ("flow.control=none", "flow_control", "none"),
        ("flow.order=conventional", "order", "conventional"),
        ("flow.barrier=global", "barrier", "global"),
        ("flow.barrier_cycles=12", "barrier_cycles", 12),
        ("flow.early_replay=true", "early_replay", True),
        ("flow.period=1e3", "period", 1000),
    ],
)
def test_an_override_reaches_the_timing(override, field, value):
    found = getattr(load_chip("seneca", [override]).timing(), field)
    assert found == value
    assert type(found) is type(value)


def test_every_constant_has_a_meaning_and_a_row():
    keys = list(dotted_keys(Chip))
    assert list(TERMS) == keys
    assert all(TERMS.values())
    rows = chip_rows(load_chip("seneca"))
    assert [row.name for row in rows] == keys
    assert all(row.value and row.source for row in rows)


def test_every_number_with_a_dimension_states_its_unit():
    without = {row.name for row in chip_rows(load_chip("seneca")) if not row.unit and row.value[0].isdigit()}
    assert without == {"core.npe.count"}  # a plain number of lanes


def test_terms_name_the_instruction_they_belong_to():
    assert TERMS["instructions.MLD.memory_pj"] == (
        "MLD (load from data memory): data memory, one 16-bit access of one lane [pJ]"
    )


def test_text_of_a_chip_shows_what_the_user_has_set():
    text = chip_text(load_chip("seneca", ["core.npe.count=16"]))
    line = next(line for line in text.splitlines() if line.startswith("core.npe.count"))
    assert line.split() == ["core.npe.count", "16", "set", "set", "by", "the", "user"]
    assert all(len(line) <= 160 for line in text.splitlines())


def test_loading_a_chip_imports_no_heavy_library():
    code = (
        "import sys, seneca_sim.chip as chip; chip.load_chip('seneca'); "
        "print(sorted({'numba', 'pandas', 'matplotlib', 'h5py', 'nir', 'simpy'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output == "[]\n"


def test_a_long_source_is_printed_once_and_then_named():
    text = chip_text(load_chip("seneca"))
    assert text.count("all instructions alike") == 1
    line = next(line for line in text.splitlines() if line.startswith("instructions.EVC.cycles"))
    assert line.endswith("as instructions.ADD.cycles")

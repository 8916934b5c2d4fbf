"""Chip files: everything that is wrong is reported at once, each with its place; what is set says so."""

from pathlib import Path

import pytest

from seneca_sim.chip import Chip, chip_names, load_chip
from seneca_sim.errors import ChipError, FileFormatError

PRESET = Path(__file__).parent.parent.parent / "seneca_sim" / "chip" / "presets" / "seneca.yaml"


def refusal(name, overrides=(), error=ChipError) -> str:
    with pytest.raises(error) as caught:
        load_chip(name, overrides)
    return str(caught.value)


@pytest.fixture
def chip_file(tmp_path, monkeypatch):
    """Write chip files into the current folder, so that messages show their bare names."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="my.yaml"):
        Path(name).write_text(text)
        return name

    return write


BROKEN = {
    "unknown key": (
        "extends: seneca\ncore:\n  npe: {cuont: 8}\n",
        "my.yaml:3:9: core.npe.cuont: unknown key; did you mean count?",
    ),
    "unknown key without a guess": (
        "extends: seneca\narea: {volume: 8}\n",
        "my.yaml:2:8: area.volume: unknown key; known here: core_mm2",
    ),
    "text for a count": (
        "extends: seneca\ncore:\n  npe:\n    count: abc\n",
        "my.yaml:4:12: core.npe.count: expected an integer > 0, got 'abc'",
    ),
    "quoted number": (
        "extends: seneca\ncore: {npe: {count: '8'}}\n",
        "my.yaml:2:21: core.npe.count: expected an integer > 0, got '8'",
    ),
    "zero lanes": (
        "extends: seneca\ncore: {npe: {count: 0}}\n",
        "my.yaml:2:21: core.npe.count: expected an integer > 0, got 0",
    ),
    "true for a count": (
        "extends: seneca\ncore: {npe: {count: true}}\n",
        "my.yaml:2:21: core.npe.count: expected an integer > 0, got true",
    ),
    "fraction for a count": (
        "extends: seneca\ncore: {task_fifo: 2.5}\n",
        "my.yaml:2:19: core.task_fifo: expected an integer > 0, got 2.5",
    ),
    "count beyond 64-bit times": (
        "extends: seneca\ncore: {riscv: {position: 1e12}}\n",
        "my.yaml:2:26: core.riscv.position: expected an integer <= 1000000000, got 1000000000000.0",
    ),
    "empty event FIFO": (
        "extends: seneca\ncore: {event_fifo: 0}\n",
        "my.yaml:2:20: core.event_fifo: expected an integer > 0, got 0",
    ),
    "no group": (
        "extends: seneca\ncore: {grouping: {size: 0}}\n",
        "my.yaml:2:25: core.grouping.size: expected an integer > 0, got 0",
    ),
    "no window": (
        "extends: seneca\nflow: {window: 0}\n",
        "my.yaml:2:16: flow.window: expected an integer > 0, got 0",
    ),
    "negative energy": (
        "extends: seneca\ninstructions: {MLD: {total_pj: -3.7}}\n",
        "my.yaml:2:32: instructions.MLD.total_pj: expected a finite number >= 0, got -3.7",
    ),
    "not a number": (
        "extends: seneca\nprices: {static_uw_per_core: .nan}\n",
        "my.yaml:2:30: prices.static_uw_per_core: expected a finite number >= 0, got nan",
    ),
    "infinite": (
        "extends: seneca\nprices: {static_uw_per_core: .inf}\n",
        "my.yaml:2:30: prices.static_uw_per_core: expected a finite number >= 0, got inf",
    ),
    "infinite by its exponent": (
        "extends: seneca\nclock_mhz: 1e999\n",
        "my.yaml:2:12: clock_mhz: expected a finite number > 0, got inf",
    ),
    "clock that stands": (
        "extends: seneca\nclock_mhz: 0\n",
        "my.yaml:2:12: clock_mhz: expected a finite number > 0, got 0",
    ),
    "YAML 1.1 truth": (
        "extends: seneca\nflow: {pipelined: on}\n",
        "my.yaml:2:19: flow.pipelined: expected true or false, got 'on'",
    ),
    "choice": (
        "extends: seneca\nnoc: {kind: mseh}\n",
        "my.yaml:2:13: noc.kind: expected mesh or ideal, got 'mseh'; did you mean mesh?",
    ),
    "three choices": (
        "extends: seneca\ncore: {npe: {word_bits: 24}}\n",
        "my.yaml:2:25: core.npe.word_bits: expected 16, 32 or 64, got 24",
    ),
    "type without programs as a price": (
        "extends: seneca\nprice_as: {fp32: fp64}\n",
        "my.yaml:2:18: price_as.fp32: expected bf16, int8 or int4, got 'fp64'",
    ),
    "nothing for a constant": (
        "extends: seneca\ncore:\n  task_fifo:\n",
        "my.yaml:3:13: core.task_fifo: expected an integer > 0, got null",
    ),
    "list for a constant": (
        "extends: seneca\ncore: {task_fifo: [1, 2]}\n",
        "my.yaml:2:8: core.task_fifo: expected an integer > 0, got a list",
    ),
    "number for a group": (
        "extends: seneca\nnoc: 7\n",
        "my.yaml:2:6: noc: expected a mapping, got 7",
    ),
    "value without provenance": (
        "extends: seneca\ncore:\n  task_fifo: {value: 3}\n",
        "my.yaml:3:3: core.task_fifo.status: is missing; expected published, derived, calibrated, assumed or set\n"
        "my.yaml:3:3: core.task_fifo.source: is missing; expected a text",
    ),
    "empty source": (
        "extends: seneca\ncore:\n  task_fifo: {value: 3, status: assumed, source: ''}\n",
        "my.yaml:3:50: core.task_fifo.source: expected a text that is not empty, got ''",
    ),
    "unknown status": (
        "extends: seneca\ncore:\n  task_fifo: {value: 3, status: guessed, source: me}\n",
        "my.yaml:3:33: core.task_fifo.status: expected published, derived, calibrated, assumed or set, got 'guessed'",
    ),
    "value outside its range": (
        "extends: seneca\ncore:\n  task_fifo: {value: 3, status: assumed, source: me, low: 4, high: 9}\n",
        "my.yaml:3:3: core.task_fifo: value 3 lies outside its range 4 to 9",
    ),
    "repeated key": (
        "extends: seneca\ncore: {task_fifo: 3}\ncore: {task_fifo: 4}\n",
        "my.yaml:3:1: core: repeated key (first at line 2); remove one",
    ),
    "small router buffer": (
        "extends: seneca\nnoc: {buffer_flits: 8}\n",
        "my.yaml:2:21: noc.buffer_flits: a router buffer of 8 flits cannot hold a packet of noc.max_flits = 9; use at least 9",
    ),
    "small NoC FIFO": (
        "extends: seneca\nnoc: {input_flits: 1}\n",
        "my.yaml:2:20: noc.input_flits: a NoC FIFO of 1 flits cannot hold a packet of noc.max_flits = 9; use at least 9",
    ),
    "packet without room for a value": (
        "extends: seneca-seed-table\nnoc: {max_flits: 2, flit_bits: 32}\n",
        "my.yaml:2:18: noc.max_flits: a packet of 2 flits has no room for a value after 2 header flits; use at least 3",
    ),
    "half a mesh": (
        "extends: seneca\nnoc: {columns: 4}\n",
        "my.yaml:2:16: noc.columns: a mesh of 4 columns and 0 rows is none; give both, or 0 for both to have it chosen",
    ),
    "mesh beyond the limit": (
        "extends: seneca\nnoc: {columns: 4, rows: 4, max_cores: 15}\n",
        "my.yaml:2:39: noc.max_cores: the mesh of 4 x 4 holds more cores than this limit of 15; raise it to 16",
    ),
    "loop controller without lanes": (
        "extends: seneca\ncore: {npe: {enabled: false}, event_generator: {enabled: false}, loop_controller: {enabled: true}}\n",
        "my.yaml:2:93: core.loop_controller.enabled: the loop controller serves the lanes, but core.npe.enabled is false; "
        "switch it off too",
    ),
    "event generator without lanes": (
        "extends: seneca\ncore: {npe: {enabled: false}, loop_controller: {enabled: false}, event_generator: {enabled: true}}\n",
        "my.yaml:2:93: core.event_generator.enabled: the event generator serves the lanes, but core.npe.enabled is false; "
        "switch it off too",
    ),
    "period with a global barrier": (
        "extends: seneca\nflow: {barrier: global, period: 100}\n",
        "my.yaml:2:33: flow.period: steps of a global barrier do not overlap, so an arrival period of 100 cycles has no meaning; "
        "set it to 0 or flow.barrier to layer",
    ),
    "period without pipelining": (
        "extends: seneca\nflow: {period: 100, pipelined: false}\n",
        "my.yaml:2:16: flow.period: a period of 100 cycles has no effect while flow.pipelined is false; "
        "set it to 0 or pipeline the steps",
    ),
    "parts that the total does not round": (
        "extends: seneca\ninstructions: {ADD: {total_pj: 1.4, npe_pj: 2.6}}\n",
        "my.yaml:2:32: instructions.ADD.total_pj: the printed total 1.4 pJ does not round its parts, which give 2.712 pJ "
        "(npe + memory + (loop + event) / 8); change both",
    ),
    "unknown instruction": (
        "extends: seneca\ninstructions: {MAC: {cycles: 1}}\n",
        "my.yaml:2:16: instructions.MAC: unknown key; did you mean MAX?",
    ),
    "unknown preset": (
        "extends: senecca\n",
        "my.yaml:1:10: extends: no chip is named 'senecca' and there is no such file; "
        "shipped chips: seneca, seneca-seed-table; did you mean seneca?",
    ),
    "itself": (
        "extends: my.yaml\n",
        "my.yaml:1:10: extends: my.yaml extends my.yaml; remove one of these lines",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_place_key_and_expectation(case, chip_file):
    text, message = BROKEN[case]
    assert refusal(chip_file(text)) == message


def test_a_file_without_extends_must_hold_every_group(chip_file):
    assert refusal(chip_file("name: bare\nclock_mhz: 500\ncore: {task_fifo: 3}\n")).splitlines() == [
        "my.yaml:1:1: noc: is missing; expected a mapping",
        "my.yaml:1:1: flow: is missing; expected a mapping",
        "my.yaml:1:1: instructions: is missing; expected a mapping",
        "my.yaml:1:1: prices: is missing; expected a mapping",
        "my.yaml:1:1: area: is missing; expected a mapping",
        "my.yaml:2:12: clock_mhz: expected a constant {value, status, source} (a bare value is possible in a file that extends "
        "another), got 500",
        *(f"my.yaml:3:1: core.{group}: is missing; expected a mapping" for group in CORE_GROUPS),
        "my.yaml:3:1: core.data_memory_bits: is missing; expected a constant {value, status, source}",
        "my.yaml:3:1: core.instruction_memory_bits: is missing; expected a constant {value, status, source}",
        "my.yaml:3:1: core.event_fifo: is missing; expected a constant {value, status, source}",
        "my.yaml:3:1: core.task_scope: is missing; expected a constant {value, status, source}",
        "my.yaml:3:1: core.masked: is missing; expected a constant {value, status, source}",
        "my.yaml:3:19: core.task_fifo: expected a constant {value, status, source} (a bare value is possible in a file "
        "that extends another), got 3",
    ]


CORE_GROUPS = ("npe", "loop_controller", "event_generator", "grouping", "riscv")


def test_all_findings_of_a_file_are_reported_at_once_in_its_order(chip_file):
    text = """\
extends: senecca
core:
  npe:
    cuont: 8
    count: abc
    count: 9
  riscv: {packet: -1, cpi: .nan}
noc:
  buffer_flits: 2
  kind: mesch
flow: {period: 5, pipelined: false}
"""
    assert refusal(chip_file(text), ["core.event_fifo=none"]).splitlines() == [
        "--set core.event_fifo=none: core.event_fifo: expected an integer > 0, got 'none'",
        "my.yaml:1:10: extends: no chip is named 'senecca' and there is no such file; shipped chips: seneca, seneca-seed-table; "
        "did you mean seneca?",
        "my.yaml:4:5: core.npe.cuont: unknown key; did you mean count?",
        "my.yaml:5:12: core.npe.count: expected an integer > 0, got 'abc'",
        "my.yaml:6:5: core.npe.count: repeated key (first at line 5); remove one",
        "my.yaml:7:19: core.riscv.packet: expected an integer >= 0, got -1",
        "my.yaml:7:28: core.riscv.cpi: expected a finite number > 0, got nan",
        "my.yaml:9:17: noc.buffer_flits: a router buffer of 2 flits cannot hold a packet of noc.max_flits = 9; use at least 9",
        "my.yaml:10:9: noc.kind: expected mesh or ideal, got 'mesch'; did you mean mesh?",
        "my.yaml:11:16: flow.period: a period of 5 cycles has no effect while flow.pipelined is false; set it to 0 or pipeline the "
        "steps",
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("core.npe.count", "--set core.npe.count: expected KEY=VALUE, such as core.npe.count=16"),
        ("core.npe.cuont=8", "--set core.npe.cuont=8: unknown key 'core.npe.cuont'; did you mean core.npe.count?"),
        ("=8", "--set =8: unknown key ''"),
        (
            "core.npe.count.value=8",
            "--set core.npe.count.value=8: unknown key 'core.npe.count.value'; did you mean core.npe.count?",
        ),
        (
            "core.npe=8",
            "--set core.npe=8: core.npe is a group; set one of its keys: enabled, count, word_bits, register_bits",
        ),
        (
            "name=x",
            "--set name=x: name belongs to the file and cannot be overridden; write a chip file that extends this one",
        ),
        ("core.npe.count=eight", "--set core.npe.count=eight: core.npe.count: expected an integer > 0, got 'eight'"),
        ("clock_mhz=-1", "--set clock_mhz=-1: clock_mhz: expected a finite number > 0, got -1"),
        ("core.npe.count=", "--set core.npe.count=: core.npe.count: expected an integer > 0, got null"),
        (
            "noc.max_flits=19",
            "--set noc.max_flits=19: noc.buffer_flits: a router buffer of 18 flits cannot hold a packet of noc.max_flits = 19; "
            "use at least 19",
        ),
    ],
)
def test_a_wrong_override_is_refused_by_name(override, message):
    found = refusal("seneca", [override])
    if override.startswith("noc"):  # the rule is reported where the buffer stands
        message = message.replace("--set noc.max_flits=19: ", "")
        assert found.startswith("seneca.yaml:")
        found = found.partition(": ")[2]
    assert found == message


def test_an_override_is_a_yaml_scalar_with_status_set():
    chip = load_chip("seneca", ["core.npe.count=1e1", "noc.kind = ideal", "core.npe.count=0x10"])
    count, kind = chip.core.npe.count, chip.noc.kind
    assert (count.value, count.status, count.source, count.low) == (16, "set", "set by the user", None)
    assert (kind.value, kind.status) == ("ideal", "set")


def test_a_bare_value_of_a_user_file_is_set_and_names_the_file(chip_file):
    chip = load_chip(chip_file("extends: seneca\ncore: {task_fifo: 010}\n"))
    constant = chip.core.task_fifo
    assert (constant.value, constant.status, constant.source) == (10, "set", "user file my.yaml")
    assert (constant.low, constant.high) == (None, None)
    assert (chip.name, chip.description, chip.extends) == ("my", "", "seneca")


def test_a_new_value_keeps_nothing_of_the_old_provenance_but_a_range_alone_keeps_the_value(chip_file):
    chip = load_chip(
        chip_file(
            "extends: seneca\n"
            "core:\n"
            "  task_fifo: {value: 3, status: assumed, source: my guess}\n"
            "  event_fifo: {low: 32}\n"
        )
    )
    assert (chip.core.task_fifo.source, chip.core.task_fifo.low) == ("my guess", None)
    preset = load_chip("seneca").core.event_fifo
    assert chip.core.event_fifo == preset.model_copy(update={"low": 32})


def test_all_that_a_file_leaves_out_is_inherited(chip_file):
    chip_file("extends: seneca\nnoc: {kind: ideal}\n", "base.yaml")
    chip = load_chip(chip_file("extends: base.yaml\ncore: {npe: {count: 4}}\n"))
    changed = {key for key, constant in chip.flat().items() if constant.value != load_chip("seneca").flat()[key].value}
    assert changed == {"noc.kind", "core.npe.count"}
    assert chip.noc.kind.source == "user file base.yaml"


def test_what_a_file_extends_is_looked_up_beside_it(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "base.yaml").write_text("extends: seneca\nname: base chip\ncore: {task_fifo: 7}\n")
    (tmp_path / "folder" / "my.yaml").write_text("extends: base.yaml\n")
    chip = load_chip(tmp_path / "folder" / "my.yaml")
    assert (chip.core.task_fifo.value, chip.name) == (7, "my")


def test_a_finding_in_an_extended_file_is_placed_there(chip_file):
    chip_file("extends: seneca\ncore: {task_fifo: 0}\n", "base.yaml")
    assert refusal(chip_file("extends: base.yaml\n")) == (
        "base.yaml:2:19: core.task_fifo: expected an integer > 0, got 0"
    )


def test_files_that_extend_each_other_are_refused(chip_file):
    chip_file("extends: my.yaml\n", "other.yaml")
    assert refusal(chip_file("extends: other.yaml\n")) == (
        "other.yaml:1:10: extends: my.yaml extends other.yaml extends my.yaml; remove one of these lines"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "my.yaml: expected a chip file (a mapping with `extends`, or with all keys), got null"),
        ("- 1\n", "my.yaml: expected a chip file (a mapping with `extends`, or with all keys), got a list"),
        ("seneca\n", "my.yaml: expected a chip file (a mapping with `extends`, or with all keys), got 'seneca'"),
    ],
)
def test_a_file_that_holds_no_mapping_is_refused(text, message, chip_file):
    assert refusal(chip_file(text)) == message


def test_a_number_cannot_be_extended(chip_file):
    assert "my.yaml:1:10: extends: expected a text, got 3" in refusal(chip_file("extends: 3\n")).splitlines()


def test_a_name_that_is_no_chip_lists_those_that_are():
    assert chip_names() == ["seneca", "seneca-seed-table"]
    assert refusal("loihi") == (
        "no chip is named 'loihi' and there is no such file; shipped chips: seneca, seneca-seed-table"
    )


def test_what_is_not_yaml_is_refused_with_its_place(chip_file):
    assert refusal(chip_file("core: [1, 2\nnoc: 3\n"), error=FileFormatError).startswith("my.yaml:2:")


def test_a_copy_of_the_preset_is_a_chip_file(chip_file):
    copy = load_chip(chip_file(PRESET.read_text()))
    assert copy == load_chip("seneca")


def test_rules_hold_for_chips_that_python_builds():
    data = load_chip("seneca").model_dump()
    data["noc"]["max_flits"] = {"value": 19, "status": "set", "source": "me"}
    with pytest.raises(ValueError, match=r"noc\.buffer_flits: a router buffer of 18 flits cannot hold a packet"):
        Chip.model_validate(data)

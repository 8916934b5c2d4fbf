"""The five builds of the keyword-spotting ablation (Tang, talk NCN 2023) are switches of one chip file.

The network is an MLP 390-256-256-29 on one core; its activity is not published. The closed form here takes 126 k synaptic
operations, binary BF16 events and groups of 4: the activity with which the published energies of the last two builds agree.
"""

import pytest

from seneca_sim.chip import load_chip
from seneca_sim.chip.prices import price_table
from seneca_sim.chip.programs import fire_programs, integrate_program
from seneca_sim.graph.network import Precision

NO_LANES = ["core.npe.enabled=false"]
NO_LOOP = ["core.loop_controller.enabled=false"]
NO_GENERATOR = ["core.event_generator.enabled=false"]
NO_GROUPS = ["core.grouping.size=1"]
BUILDS = {
    "RISC-V only": (NO_LANES + NO_LOOP + NO_GENERATOR + NO_GROUPS, 6625, 34.0),
    "+ NPEs": (NO_LOOP + NO_GENERATOR + NO_GROUPS, 1098, 6.71),
    "+ loop controller": (NO_GENERATOR + NO_GROUPS, 541, 2.81),
    "+ event generator": (NO_GROUPS, 400, 2.10),
    "+ spike grouping": ([], 218, 1.20),
}
"""Overrides, published time in us, published energy in uJ."""
LAYERS = (390, 256, 256, 29)
DENSITY = 126_000 / (390 * 256 + 256 * 256 + 256 * 29)
TYPES = Precision("bf16", "bf16", "binary")


def closed_form(overrides):
    """Return (time in us, energy in uJ) of one inference: all units in turn if inline, else the lanes and what cannot overlap."""
    chip = load_chip("seneca", overrides)
    timing, prices = chip.timing(), price_table(chip)
    integrate = integrate_program(chip, TYPES, timing.group_size)
    fire = fire_programs(chip, "Relu", {}, TYPES)
    sources = LAYERS[:-1]
    groups = [DENSITY * source / timing.group_size for source in sources]
    integrated = sum(
        n * -(-target // integrate.neurons_per_chunk) for n, target in zip(groups, LAYERS[1:], strict=True)
    )
    fired = sum(-(-target // fire.update.neurons_per_chunk) for target in LAYERS[1:])
    fire_tasks = sum(-(-target // timing.event_fifo) for target in LAYERS[1:])
    lanes = integrated * integrate.cycles + fired * (fire.update.cycles + fire.emit.cycles)
    lanes += (sum(groups) + fire_tasks) * timing.lc_task
    events_in, events_out = DENSITY * sum(sources), DENSITY * sum(LAYERS[1:])
    control = events_in * (timing.rv_packet + timing.rv_value) + events_out * (timing.rv_out_packet + timing.rv_out)
    control += fire_tasks * timing.rv_fire
    scans = 0 if timing.event_generator else sum(LAYERS[1:]) * timing.rv_scan
    cycles = lanes + control + scans if timing.inline else max(lanes, control) + scans
    riscv = control + scans + (lanes if timing.inline else 0)
    energy_pj = riscv * prices["riscv.busy_cycle"].pj + cycles * prices["core.cycle"].pj
    energy_pj += integrated * sum(prices.program_pj(integrate).values())
    energy_pj += fired * sum(sum(prices.program_pj(program).values()) for program in (fire.update, fire.emit))
    energy_pj += events_out * prices["event.generated"].pj
    return cycles / chip.clock_mhz.value, energy_pj / 1e6


@pytest.mark.parametrize("build", BUILDS)
def test_calibrated_costs_come_near_the_build_in_closed_form(build):
    overrides, time_us, energy_uj = BUILDS[build]
    time, energy = closed_form(overrides)
    assert time == pytest.approx(time_us, rel=0.12)
    assert energy == pytest.approx(energy_uj, rel=0.2)  # every event is a packet of its own here


@pytest.mark.parametrize(
    ("build", "inline", "event_generator", "group_size"),
    [
        ("RISC-V only", True, False, 1),
        ("+ NPEs", True, False, 1),
        ("+ loop controller", False, False, 1),
        ("+ event generator", False, True, 1),
        ("+ spike grouping", False, True, 4),
    ],
)
def test_every_build_is_a_valid_chip_with_its_switches_in_the_timing(build, inline, event_generator, group_size):
    timing = load_chip("seneca", BUILDS[build][0]).timing()
    assert (timing.inline, timing.event_generator, timing.group_size) == (inline, event_generator, group_size)


def test_riscv_only_computes_one_neuron_at_a_time_without_lane_instructions():
    chip = load_chip("seneca", BUILDS["RISC-V only"][0])
    integrate = integrate_program(chip, TYPES, 3)
    assert (integrate.neurons_per_chunk, integrate.instructions) == (1, ())
    assert integrate.cycles == 3 * chip.core.riscv.synapse.value
    fire = fire_programs(chip, "Lif", {}, TYPES, pooled=True)
    assert {program.neurons_per_chunk for program in (fire.update, fire.pool, fire.emit)} == {1}
    assert fire.update.cycles == chip.core.riscv.neuron.value
    assert fire.update.instructions == fire.pool.instructions == fire.emit.instructions == ()


def test_without_loop_controller_riscv_issues_every_instruction_and_no_loop_is_paid():
    chip = load_chip("seneca", BUILDS["+ NPEs"][0])
    integrate = integrate_program(chip, TYPES, 1)
    assert integrate.cycles == 4 * chip.core.riscv.issue.value
    assert price_table(chip).program_pj(integrate)["loop_controller"] == 0
    with_loop = price_table(load_chip("seneca")).program_pj(integrate)
    assert with_loop["loop_controller"] == pytest.approx(0.9 + 3 * 1.6)
    without = price_table(chip).program_pj(integrate)
    assert {name: pj for name, pj in without.items() if pj} == pytest.approx(
        {name: pj for name, pj in with_loop.items() if name in ("npe", "data_memory")}
    )


def test_without_event_generator_values_are_stored_for_the_scan():
    chip = load_chip("seneca", BUILDS["+ loop controller"][0])
    assert fire_programs(chip, "Lif", {}, TYPES).emit.instructions == (("MST", 1),)
    assert price_table(chip)["event.generated"].pj == 0

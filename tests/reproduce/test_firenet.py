"""FireNet with the constants of keyword spotting: within 15 % of what was published, phases and all."""

import pytest

from seneca_sim.reproduce import reproduce
from seneca_sim.reproduce.optical_flow import simulate_flow


@pytest.fixture(scope="module")
def table():
    """Give the table."""
    return reproduce("firenet")


@pytest.fixture(scope="module")
def rows(table):
    """Give the rows by name and quantity."""
    return {(row.row, row.quantity): row for row in table.rows}


def test_times_energies_and_ratios_at_56x56_are_within_fifteen_percent(rows):
    for name in ("56x56, spiking", "56x56, not spiking", "56x56, spiking / not spiking"):
        for quantity in ("time", "energy"):
            assert abs(rows[name, quantity].deviation_percent) < 15, (name, quantity)


def test_what_was_fitted_is_said_to_be(rows):
    fitted = {key for key, row in rows.items() if row.status == "calibrated on these rows"}
    phases = {(f"56x56, spiking, recurrent phase of layer {layer}", "time") for layer in (2, 5)}
    assert fitted == phases | {("56x56, spiking", "time"), ("56x56, spiking", "energy")}
    assert {row.status for key, row in rows.items() if key not in fitted} == {"predicted"}


def test_every_row_has_a_published_value(table):
    assert len(table.rows) == 13
    assert all(row.published is not None and row.ours is not None for row in table.rows)


def test_larger_maps_and_busy_times_are_within_a_fifth(rows):
    assert max(abs(row.deviation_percent) for row in rows.values()) < 20


def test_an_inference_ends_with_the_recurrent_phase_of_its_fifth_layer():
    run = simulate_flow("firenet-snn", side=20)
    counts = run.result.record.counts
    first = counts.part_times[0, :, 2] / 500_000  # done, in ms
    assert run.time_ms == pytest.approx(first[4] + run.recurrent_ms["conv5"])
    assert run.time_ms > first.max()
    assert run.busy_ms < 8 * run.time_ms


def test_recurrent_phases_take_what_their_events_take():
    run = simulate_flow("firenet-snn", side=20, overrides=["core.riscv.position=0", "core.riscv.replay=0"])
    full = simulate_flow("firenet-snn", side=20, overrides=["core.riscv.replay=0"])
    pixels = round(0.4 * 20 * 20)  # of layer 2; those at the border touch 6 or 4 positions
    saved = (full.recurrent_ms["conv2"] - run.recurrent_ms["conv2"]) * 500_000
    assert 0.8 * 9 * 565 * pixels < saved <= 9 * 565 * pixels


def test_pixels_can_be_raised_to_another_mean():
    run, raised = (simulate_flow("firenet-snn", side=20, mean_pixel_density=mean) for mean in (None, 0.435))
    densities = [result.result.layers.pixel_density.iloc[1:8].mean() for result in (run, raised)]
    assert densities == [pytest.approx(0.3916, abs=0.002), pytest.approx(0.435, abs=0.002)]
    assert raised.time_ms > run.time_ms


def test_notes_tell_the_other_reading_and_the_error_of_the_estimate(table):
    assert any(note.startswith("alternative reading, recurrent values replayed") for note in table.notes)
    assert any(note.startswith("engine estimate beside fast") for note in table.notes)

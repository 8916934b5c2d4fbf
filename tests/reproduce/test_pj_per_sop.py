"""Energies composed from instruction table and micro-code are the published ones, as printed."""

import pytest

from seneca_sim.reproduce import reproduce
from seneca_sim.reproduce.scorecard import moved


@pytest.fixture(scope="module")
def table():
    """Give the table."""
    return reproduce("pj-per-sop")


def test_the_table_is_as_accepted(table):
    assert moved([table]) == ()


def test_exact_rows_round_to_what_is_printed(table):
    exact = [row for row in table.rows if row.status == "exact" and row.published is not None]
    assert len(exact) > 30
    for row in exact:
        digits = len(f"{row.published:g}".partition(".")[2])
        assert row.ours == pytest.approx(row.published, abs=0.5 * 10.0**-digits + 1e-9), row.row


def test_energies_that_were_measured_are_predicted(table):
    measured = {row.published: row.status for row in table.rows if row.source == "poster EMEA 2023"}
    assert measured == {13.3: "predicted", 14.2: "predicted", 2.7: "predicted"}


def test_every_published_value_has_ours_beside_it(table):
    assert all(row.ours is not None for row in table.rows)
    assert max(abs(row.deviation_percent or 0) for row in table.rows) < 8


def test_groups_and_narrow_types_take_less(table):
    by_name = {row.row: row.ours for row in table.rows if row.quantity == "pj_per_sop"}
    for kind in ("binary", "graded"):
        for weights, states in (("bf16", "bf16"), ("int8", "bf16"), ("int4", "int8")):
            energies = [by_name[f"{weights} weights, {states} states, {kind}, group of {g}"] for g in (1, 2, 4, 8, 16)]
            assert energies == sorted(energies, reverse=True)
    assert len(by_name) == 5 * 2 * 5 + 3

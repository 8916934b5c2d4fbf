"""Cited platforms, with ours beside SENECA's."""

import pytest

from seneca_sim.reproduce import reproduce
from seneca_sim.reproduce.scorecard import moved


@pytest.fixture(scope="module")
def table():
    """Give the table."""
    return reproduce("platforms")


def test_the_table_is_as_accepted(table):
    assert moved([table]) == ()


def test_only_seneca_has_figures_of_ours(table):
    assert all(row.row.startswith("SENECA") == (row.ours is not None) for row in table.rows)
    assert {row.status for row in table.rows if row.ours is None} == {"cited"}


def test_ten_platforms_have_an_energy_and_five_an_area(table):
    cited = [row.quantity for row in table.rows if row.published is not None]
    assert (cited.count("pj_per_sop"), cited.count("area"), cited.count("memory")) == (10, 5, 5)


def test_a_whole_run_takes_more_than_the_inner_loop(table):
    (run,) = (row for row in table.rows if row.row.endswith("(best mapping)"))
    assert run.ours > 5 * 14.1


def test_the_error_of_the_estimate_stands_beside_the_run(table):
    assert table.notes[-1].startswith("engine estimate beside fast, energy of an operation in digits-lif: ")

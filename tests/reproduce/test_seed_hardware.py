"""The SEED hardware table: what is derived holds in every row, one row is simulated here, the others stand in the scorecard."""

import pytest

from seneca_sim.graph import load_network
from seneca_sim.reproduce.citations import load_published
from seneca_sim.reproduce.detector_frame import memory_bits
from seneca_sim.reproduce.rows import Reproduction
from seneca_sim.reproduce.scorecard import accepted, moved
from seneca_sim.reproduce.tables.seed_hardware import cases, ruled_rows, ruled_run

PUBLISHED = load_published("seed-hardware")
CASES = {case.row: case for case in cases()}
SMALLEST = "SEED 256, sparse recurrent, sparsity loss"


@pytest.fixture(scope="module")
def card():
    """Give the accepted rows of the table by row and quantity, with their deviations [%]."""
    rows = {key[1:3]: row for key, row in accepted().items() if key[0] == PUBLISHED.name}
    return {key: {**row, "off": float(row["deviation_percent"] or "nan")} for key, row in rows.items()}


def test_every_published_row_is_run():
    assert list(CASES) == [row.row for row in PUBLISHED.rows]
    assert {case.budget for case in CASES.values() if case.network.startswith("seed")} == {256}


@pytest.mark.parametrize("row", list(CASES))
def test_memory_is_that_of_convolutions_and_maps_within_a_percent(row):
    published, _ = PUBLISHED.row(row).values["memory"]
    assert memory_bits(load_network(CASES[row].network)) / 1e6 == pytest.approx(published, rel=0.01)


def test_the_smallest_row_is_as_accepted():
    rows = tuple(ruled_rows(PUBLISHED.row(SMALLEST), ruled_run(CASES[SMALLEST])))
    told = [text for text in moved([Reproduction(PUBLISHED.name, PUBLISHED.title, rows)]) if "is gone" not in text]
    assert told == []
    assert len(rows) == 5


def test_accepted_energies_and_memories_are_within_a_percent_and_operations_solved_for(card):
    for row in CASES:
        assert abs(card[row, "energy"]["off"]) < 1
        assert abs(card[row, "memory"]["off"]) < 1
        assert abs(card[row, "gsop"]["off"]) < 0.1
        assert (card[row, "energy"]["status"], card[row, "latency"]["status"]) == ("derived", "predicted")


def test_accepted_latencies_are_within_a_fifth_in_at_least_five_rows(card):
    near = [row for row in CASES if abs(card[row, "latency"]["off"]) <= 20]
    assert len(near) >= 5


def test_our_best_mapping_is_faster_on_no_more_cores_but_for_one_row(card):
    faster = []
    for row in CASES:
        best = f"{row} (best mapping)"
        ours, ruled = float(card[best, "latency"]["ours"]), float(card[row, "latency"]["ours"])
        assert float(card[best, "cores"]["ours"]) <= float(card[row, "cores"]["published"])
        assert ours <= ruled
        if ours < 0.99 * ruled:
            faster.append(row)
    assert set(CASES) - set(faster) <= {"RED without SE, lowest latency"}


def test_admitted_densities_span_an_interval_and_the_full_chip_stands_beside_it(card):
    for row in CASES:
        least, most = (
            float(card[f"{row} (admitted densities, {end} load)", "latency"]["ours"]) for end in ("least", "largest")
        )
        assert least < most
        assert float(card[f"{row} (full chip)", "latency"]["ours"]) > float(card[row, "latency"]["ours"])
        assert float(card[f"{row} (full chip)", "energy"]["ours"]) > float(card[row, "energy"]["ours"])

"""Detectors: parameters from definitions, operations from activities, what nobody has published predicted."""

import pytest

from seneca_sim.activity.fit import ruled_densities
from seneca_sim.graph.lower import lower
from seneca_sim.graph.published import build_published
from seneca_sim.reproduce import reproduce
from seneca_sim.reproduce.detector_frame import prepared_frame
from seneca_sim.reproduce.scorecard import accepted, moved
from seneca_sim.reproduce.tables import detectors
from seneca_sim.reproduce.tables.detectors import _activity, frame_densities, frame_sops, recurrent_sparsity

OWN = (
    *("RED", "SEED-256", "SEED-128"),
    *("SEED-256 with MinimalRNN", "SEED-256 with MGU", "SEED-256 with LSTM"),
)


@pytest.fixture(scope="module")
def table():
    """Give the counted rows, and the first and smallest of the runs; `reproduce detectors` takes minutes for the others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detectors, "_RUNS", (("SEED-128", "gen1"),))
        return reproduce("detectors")


@pytest.fixture(scope="module")
def rows(table):
    """Give the rows by name and quantity."""
    return {(row.row, row.quantity): row for row in table.rows}


def test_what_is_computed_here_is_as_accepted(table):
    told = [text for text in moved([table]) if not text.endswith("is gone")]
    assert told == []
    assert len(accepted()) > len(table.rows)


def test_parameters_are_published_ones_within_a_percent_and_exact_for_red(rows):
    for name in OWN:
        row = rows[name, "parameters"]
        assert row.ours == pytest.approx(row.published, rel=0.01), name
    assert rows["RED", "parameters"].ours == pytest.approx(24.108176)
    assert rows["RED", "parameters"].status == "exact"


def test_methods_without_a_definition_are_cited_only(table):
    cited = {row.row.partition(",")[0] for row in table.rows if row.status == "cited"}
    assert cited == {"ASTMNet", "SNS", "SpikingYOLO", "RVT-B", "RVT-S", "RVT-T"}
    assert all(row.ours is None for row in table.rows if row.status == "cited")


def test_totals_that_activities_were_solved_for_are_met_and_no_prediction(rows):
    for name in ("RED", "SEED-256", "SEED-128"):
        row = rows[f"{name}, 1 Mpx", "gsop"]
        assert row.status == "calibrated on these rows"
        assert row.ours == pytest.approx(row.published, rel=1e-4)


def test_operations_of_other_sizes_and_cells_are_predictions_within_a_fifth(rows):
    predicted = [row for row in rows.values() if row.quantity == "gsop" and row.status == "predicted"]
    assert len(predicted) == 6
    for row in predicted:
        assert row.ours == pytest.approx(row.published, rel=0.2), row.row


def test_operations_are_fewer_than_with_every_value_sent(rows):
    for (name, quantity), row in rows.items():
        if quantity == "gsop" and f"{name}, every value sent" in {key[0] for key in rows}:
            assert row.ours < rows[f"{name}, every value sent", "gsop"].ours


@pytest.mark.parametrize(
    ("network", "activity"),
    [
        ("seed-256-gru", "seed-256-sparsity-loss"),
        ("seed-256-gru", "seed-256-no-loss"),
        ("seed-128-gru", "seed-128-sparsity-loss"),
        ("seed-128-gru", "seed-128-no-loss"),
        *((f"seed-256-{cell}", "seed-256-sparsity-loss") for cell in ("mgu", "minimal", "lstm")),
    ],
)
def test_every_recurrent_layer_of_sparse_rows_has_more_than_92_percent_zeros(network, activity):
    sparsity = recurrent_sparsity(lower(build_published(network, {})), *_activity(activity))
    assert len(sparsity) == 3
    assert min(sparsity.values()) > 0.92


def test_drawn_activity_has_the_operations_of_its_densities():
    network = lower(build_published("seed-128-gru", {"size": (120, 160)}))
    rule, number = _activity("seed-128-sparsity-loss")
    frame = prepared_frame(network, ruled_densities(network, rule, frame_densities(network, rule, number)))
    assert frame.gsop == pytest.approx(frame_sops(network, rule, number) / 1e9, rel=0.01)


def test_hardware_of_what_was_not_measured_stands_with_a_verdict(table):
    runs = [row for row in table.rows if row.row.endswith("(best mapping)")]
    assert [row.quantity for row in runs] == ["energy", "latency", "memory", "cores"]
    assert all(row.published is None and row.status == "predicted" for row in runs)
    assert runs[1].ours < 50
    assert "SEED-128, Gen1: yes" in table.notes[-1]
    assert table.notes[-2].startswith("engine estimate beside fast, latency: SEED-128, Gen1: ")


def test_accepted_runs_hold_every_cell_and_gen1():
    names = {key[1] for key in accepted() if key[0] == "detectors" and key[1].endswith("(best mapping)")}
    assert names == {
        *(f"SEED-256 with {cell}, 1 Mpx (best mapping)" for cell in ("MinimalRNN", "MGU", "LSTM")),
        *(f"{name}, Gen1 (best mapping)" for name in ("SEED-256", "SEED-128", "RED")),
    }

"""EMS-YOLO: parameters to the digit, the operation-count formula, activity at one firing rate; one picture is run here."""

import numpy as np
import pytest

from seneca_sim.graph.lower import lower
from seneca_sim.graph.neurons import Lif
from seneca_sim.graph.published import build_published
from seneca_sim.reproduce.citations import load_published
from seneca_sim.reproduce.rows import Reproduction
from seneca_sim.reproduce.scorecard import accepted, moved
from seneca_sim.reproduce.tables.ems_yolo import (
    CHIPS,
    CORES,
    counted,
    efficiency,
    fired,
    firing_trace,
    on_chip,
    operations,
)

PUBLISHED = load_published("ems-yolo")
SHORTEST = "EMS-Res18, COCO, 1 step", "seneca-seed-table"
"""The run that takes least time here."""


@pytest.fixture(scope="module")
def table():
    """Give the table without its runs."""
    rows, notes = counted(PUBLISHED)
    return Reproduction(PUBLISHED.name, PUBLISHED.title, tuple(rows), tuple(notes))


def told(table):
    """Return what moved among the rows of a part of the table."""
    return [text for text in moved([table]) if "is gone" not in text]


def test_what_is_counted_is_as_accepted(table):
    assert told(table) == []


def test_the_shortest_run_is_as_accepted_with_the_closed_form_beside_it():
    name, chip = SHORTEST
    rows, note = on_chip(PUBLISHED.row(name), chip)
    assert told(Reproduction(PUBLISHED.name, PUBLISHED.title, tuple(rows))) == []
    assert [row.quantity for row in rows] == ["energy", "latency", "cores"]
    assert note.startswith(f"{name}, on {chip}: estimate ")


def test_parameters_are_the_published_ones_to_the_printed_digit(table):
    rows = [row for row in table.rows if row.quantity == "parameters"]
    assert len(rows) == 10
    for row in rows:
        tolerance = 0.01 if row.status == "calibrated on these rows" else 0.005
        assert row.ours == pytest.approx(row.published, abs=tolerance), row.row
    assert [row.row for row in rows if row.status != "exact"] == ["EMS-Res18, Gen1, 5 steps, 4 scales"]


def test_the_formula_by_hand():
    assert efficiency(100, 0, 1.0, 1) == pytest.approx(4.6 / 0.9)
    assert efficiency(100, 100, 0.5, 2) == pytest.approx(4.6 * 200 / (2 * (0.9 * 50 + 4.6 * 100)))
    assert efficiency(0, 10, 0.5, 4) == pytest.approx(0.25)


def test_operations_are_those_of_the_dense_network():
    network = lower(build_published("ems-res18", {"size": (64, 64)}))
    counted = operations(network)
    assert counted.spikes + counted.values == pytest.approx(9.7708032e9 / 100)
    assert counted.picture == 32 * 3 * 9 * 32 * 32
    assert 0 < counted.picture < counted.values < 0.05 * counted.spikes


def test_every_spiking_layer_fires_at_the_stated_rate():
    network = lower(build_published("sew-res18", {"size": (64, 64), "time_steps": 2}))
    trace = firing_trace(network, 0.25, 2)
    for layer, events in zip(network.layers, trace.layers, strict=True):
        share = len(events.channel) / (2 * np.prod(layer.out_shape))
        if isinstance(layer.neuron, Lif):
            assert share == pytest.approx(0.25, abs=0.01)
        elif layer.name == "stage1.1":  # spikes of the block plus spikes of its shortcut
            assert share == pytest.approx(1 - 0.75**2, abs=0.01)


def test_efficiencies_are_predictions_whose_misses_are_explained(table):
    published = [row for row in table.rows if row.quantity == "energy" and row.published is not None]
    assert [row.published for row in published] == [3.31, 3.31, 3.55, 3.55, 5.98, 5.98]
    assert {row.status for row in published} == {"predicted"}
    assert sum("the published efficiency" in note for note in table.notes) == 3


def test_a_picture_of_full_size_was_run_for_every_network_with_a_firing_rate_on_both_chips():
    runs = {key[1:3]: row for key, row in accepted().items() if key[0] == "ems-yolo" and "(best mapping)" in key[1]}
    sizes = {row.row: "320x320" if "Gen1" in row.row else "640x640" for row in fired(PUBLISHED)}
    names = [f"{name}, {size} on {chip} (best mapping)" for name, size in sizes.items() for chip in CHIPS]
    assert len(names) == 2 * 8
    assert set(runs) == {(name, quantity) for name in names for quantity in ("energy", "latency", "cores")}
    for (_, quantity), row in runs.items():
        assert (row["published"], row["status"]) == ("", "predicted")
        assert 0 < float(row["ours"]) <= (CORES if quantity == "cores" else float("inf"))

"""EMS-YOLO: parameters to the digit, the operation-count formula, and activity at one firing rate."""

import numpy as np
import pytest

from seneca_sim.graph.lower import lower
from seneca_sim.graph.neurons import Lif
from seneca_sim.graph.published import build_published
from seneca_sim.reproduce import reproduce
from seneca_sim.reproduce.scorecard import moved
from seneca_sim.reproduce.tables.ems_yolo import efficiency, firing_trace, operations


@pytest.fixture(scope="module")
def table():
    """Give the table."""
    return reproduce("ems-yolo")


def test_the_table_is_as_accepted(table):
    assert moved([table]) == ()


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


def test_seneca_stands_beside_every_network_with_a_firing_rate(table):
    runs = [row for row in table.rows if row.row.endswith("(best mapping)")]
    assert {row.quantity for row in runs} == {"energy", "latency"}
    assert len(runs) == 2 * (8 + 3)
    assert all(row.published is None and row.ours > 0 for row in runs)

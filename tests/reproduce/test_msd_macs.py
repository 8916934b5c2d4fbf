"""Multiply-accumulates of sigma-delta networks: dense ones exact, the others with the published trends."""

import numpy as np
import pytest

from seneca_sim.graph.lower import lower
from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.graph.neurons import SigmaDelta
from seneca_sim.graph.published import build_published
from seneca_sim.reproduce import reproduce
from seneca_sim.reproduce.citations import load_published
from seneca_sim.reproduce.event_macs import (
    drawn,
    event_cells,
    rectified,
    sops,
    stepped,
    submanifold_macs,
    window_changes,
)
from seneca_sim.reproduce.scorecard import moved
from seneca_sim.reproduce.tables import msd_macs

COLUMNS = {
    "PilotNet": ("480 Hz", "120 Hz", "10 Hz"),
    "N-MNIST": ("v = 1", "v = 10", "v = 100"),
    "N-Caltech101": ("v = 1", "v = 10", "v = 1250"),
    "Gen1": ("v = 1", "v = 10", "v = 1250"),
}


@pytest.fixture(scope="module")
def table():
    """Give the table."""
    return reproduce("msd-macs")


@pytest.fixture(scope="module")
def macs(table):
    """Give our figures by row, without gains."""
    return {row.row: row.ours for row in table.rows if row.unit == "M"}


def test_the_table_is_as_accepted(table):
    assert moved([table]) == ()


def test_dense_counts_are_the_printed_ones(table):
    dense = {row.row: row for row in table.rows if row.row.endswith(", dense")}
    assert len(dense) == 4
    for row in dense.values():
        assert float(f"{row.ours:.2g}") == row.published, row.row
    assert dense["PilotNet, dense"].status == dense["N-Caltech101, dense"].status == "exact"


@pytest.mark.parametrize("name", list(COLUMNS))
def test_more_new_input_a_step_takes_more_operations_but_fewer_for_each_event(macs, name):
    for kind in ("sigma-delta (ours), s = 0.25", "sigma-delta (ours), s = 1"):
        few, some, many = (macs[f"{name}, {kind}, {column}"] for column in COLUMNS[name])
        assert few < some < many < macs[f"{name}, dense"]
        if name != "PilotNet":
            events = [float(column.removeprefix("v = ")) for column in COLUMNS[name]]
            each = np.array([few, some, many]) / events
            assert (np.diff(each) < 0).all()


@pytest.mark.parametrize("name", list(COLUMNS))
def test_larger_steps_and_sparser_masks_take_fewer_operations(macs, name):
    for column in COLUMNS[name]:
        by_step = [macs[f"{name}, sigma-delta (ours), s = {s}, {column}"] for s in ("0.000977", "0.25", "1")]
        by_density = [
            macs[f"{name}, masked sigma-delta (ours), density {density}, s = 1, {column}"]
            for density in ("0.5", "0.1", "0.03")
        ]
        assert by_step == sorted(by_step, reverse=True)
        assert [by_step[-1], *by_density] == sorted([by_step[-1], *by_density], reverse=True)


def test_submanifold_counts_are_within_a_factor_of_two_whatever_the_scene(table):
    rows = [row for row in table.rows if ", SSC, v" in row.row]
    far = [row.row for row in rows if not 0.5 < row.ours / row.published < 2]
    assert (len(rows), far) == (9, ["N-MNIST, SSC, v = 1"])


def test_published_figures_that_disagree_are_marked(table):
    marked = [
        row.row for row in table.rows if row.status == "derived" and row.published and abs(row.deviation_percent) > 20
    ]
    assert marked == [
        "N-Caltech101, processing rate, v = 1250",
        "Gen1, masked sigma-delta, TDSS, LSQ, gain from its MACs",
    ]
    assert all(name in table.notes[1] for name in marked)


def tiny():
    """One 3x3 convolution on a map of 5 x 5, and a dense layer."""
    weight = np.ones((2, 1, 3, 3), np.float32)
    layers = (
        Layer("input", None, (1, 5, 5)),
        Layer("conv", SigmaDelta(0.5), (2, 5, 5), (Edge("conv", 0, "conv", weight, padding=(1, 1)),)),
        Layer(
            "dense",
            SigmaDelta(0.5, activation="identity"),
            (3, 1, 1),
            (Edge("dense", 1, "dense", np.ones((3, 2, 5, 5), np.float32)),),
            is_output=True,
        ),
    )
    return Network("tiny", layers, task="other")


def test_submanifold_operations_by_hand():
    pixels = np.zeros((5, 5), bool)
    pixels[2, 1:4] = True  # three neighbours: the ends see two of them, the middle three
    middle = np.zeros((5, 5), bool)
    middle[2, 1] = True
    dense_of = 2 * 3  # channels of a position times outputs
    assert submanifold_macs(tiny(), [pixels], [pixels]) == (2 + 3 + 2) * 2 + 3 * dense_of
    assert submanifold_macs(tiny(), [pixels], [middle]) == 2 * 2 + 2 * dense_of  # it and its neighbour change


def test_masks_keep_the_stated_share_of_weights():
    network = lower(build_published("nmnist-msd", {}))
    maps = window_changes(np.arange(400), (2, 34, 34), 300, 10, 2)
    masked = drawn(network, maps[:1], 0.1)
    for layer in masked.layers[1:]:
        assert layer.edges[0].mask.mean() == pytest.approx(0.1, abs=0.01)
        assert not np.any(layer.edges[0].weight[~layer.edges[0].mask])


@pytest.mark.parametrize("digit", ["nmnist/test/60001.bs2", "nmnist/test/60002.bs2"])
def test_real_digits_show_the_same_trends(shared_data, digit):
    path = shared_data(f"events/{digit}")
    network = lower(build_published("nmnist-msd", {}))
    cells = event_cells(path, 4_000, (34, 34))
    assert 0 <= cells.min() < cells.max() < 2 * 34 * 34
    inputs = [window_changes(cells, (2, 34, 34), 2_000, new, 10) for new in (1, 10, 100)]
    ours = drawn(network, inputs[0][:1])
    counts = np.array([[sops(stepped(ours, s), maps, 1) for maps in inputs] for s in (2.0**-10, 0.25, 1.0)])
    assert (np.diff(counts, axis=1) > 0).all()
    assert (np.diff(counts, axis=0) <= 0).all()
    assert (np.diff(counts / [1, 10, 100], axis=1) < 0).all()
    assert counts[0, -1] < sops(rectified(ours), inputs[0][:1]) < 16.69e6


def test_settings_of_training_are_cited_data(table):
    assert any(note.endswith("Gen1 tau = 25,000 events, v = 1,250 events") for note in table.notes)


def real_note(table):
    """Return what the table says about real recordings of N-MNIST."""
    (case,) = (case for case in msd_macs._CASES if case.real)
    return msd_macs._real_note(load_published("msd-macs"), case, table.rows)


def write_recording(path, events):
    """Write a recording of 34 x 34 pixels, five bytes an event: x, y, polarity and time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(events)
    x, y = generator.integers(0, 34, (2, events), np.uint8)
    stamps = (generator.integers(0, 2, events) << 23 | np.arange(events)).astype(">u4").view(np.uint8).reshape(-1, 4)
    path.write_bytes(np.column_stack((x, y, stamps[:, 1:])).tobytes())


def test_a_note_tells_what_real_recordings_give_that_are_long_enough(table, tmp_path, monkeypatch):
    write_recording(tmp_path / "events/nmnist/test/1.bs2", 2_999)
    write_recording(tmp_path / "events/nmnist/test/2.bs2", 3_000)
    monkeypatch.setenv("SENECA_SHARED_DATA", str(tmp_path))
    note = real_note(table)
    assert note.startswith("real recordings of N-MNIST, mean of 1, MACs of a step [M] at v = 1 / v = 10 / v = 100 ")
    assert "sigma-delta (ours), s = 1: " in note
    assert "(generated: 0.0784 / 0.62 / 2.83)" in note


def test_a_note_tells_that_real_recordings_were_not_there(table, tmp_path, monkeypatch):
    monkeypatch.setenv("SENECA_SHARED_DATA", str(tmp_path))
    assert real_note(table) == (
        "real recordings of N-MNIST were not there, so that none were run beside the generated ones; SENECA_SHARED_DATA names "
        "the folder of real data"
    )


def test_the_note_on_real_digits_finds_the_trends_of_generated_recordings(table, shared_data):
    shared_data("events/nmnist/test")
    (note,) = (note for note in table.notes if note.startswith("real recordings"))
    assert "mean of 10" in note
    assert ". As on generated recordings, more new events a step take more operations, but fewer for each event" in note

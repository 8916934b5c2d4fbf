"""Number types from the file to the report: INT4 and INT8 programs under real networks, prices of other types, saturation."""

import json

import numpy as np
import pytest

import seneca_sim as ss
from seneca_sim.chip import load_chip
from seneca_sim.chip.description import PriceAs
from seneca_sim.engine.counts import INLET_COUNTERS
from seneca_sim.errors import ChipError
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph import Conv2d, Dense, Flatten, GraphBuilder, Input, Output, Relu, load_network, lower, save_graph
from seneca_sim.graph.network import InputContract, Precision
from seneca_sim.report.explain import explain
from tests.audit.books import Books, slow_sops
from tests.cli.conftest import Outcome, seneca_sim  # noqa: F401  (the fixture)

NARROW = Precision("int4", "int8", "int8")
STEPS = 3


@pytest.fixture
def files(tmp_path):
    """Give a network file with INT4 weights on INT8 states, and frames that make some of its sums saturate."""
    rng = np.random.default_rng(8)
    net = GraphBuilder("narrow", default_precision=NARROW, input_contract=InputContract("frame"))
    net.add("input", Input((2, 6, 6)), precision=Precision(event="binary"))
    net.add("conv", Conv2d(rng.integers(-8, 8, (40, 2, 3, 3)).astype(np.int8), padding=1)).add("relu", Relu())
    net.add("flatten", Flatten()).add("dense", Dense(rng.integers(-8, 8, (10, 1440)).astype(np.int8))).add(
        "out", Relu()
    )
    net.add("output", Output())
    save_graph(net.graph(), tmp_path / "narrow.h5")
    np.savez(tmp_path / "frames.npz", frames=(rng.random((STEPS, 2, 6, 6)) < 0.15).astype(np.int32))
    return tmp_path


def bounded(values, sums, weights, wraps):
    """Add weight x value event by event within 8 bits; count what left the range."""
    outside = 0
    for value, column in zip(values, weights, strict=True):
        exact = sums + value * column
        kept = (exact + 128) % 256 - 128 if wraps else np.clip(exact, -128, 127)
        outside += int((kept != exact).sum())
        sums = kept
    return sums, outside


def by_hand(network, frames, wraps):
    """Return (conv output, class output, saturations by layer) of dense integer arithmetic."""
    conv, dense = (layer.edges[0].weight.astype(int) for layer in network.layers[1:])
    maps, outputs, saturations = [], [], [0, 0]
    for frame in frames:
        sums = np.zeros((40, 6, 6), int)
        for y, x in np.ndindex(6, 6):
            # all inputs of an output in raster order, channels ascending
            taps = [
                (c, iy, ix)
                for iy in range(max(0, y - 1), min(6, y + 2))
                for ix in range(max(0, x - 1), min(6, x + 2))
                for c in range(2)
                if frame[c, iy, ix]
            ]
            columns = [conv[:, c, iy - y + 1, ix - x + 1] for c, iy, ix in taps]
            sums[:, y, x], outside = bounded([1] * len(taps), np.zeros(40, int), columns, wraps)
            saturations[0] += outside
        hidden = np.maximum(sums, 0)
        events = [(c, y, x) for y, x in np.ndindex(6, 6) for c in range(40) if hidden[c, y, x]]
        columns = [dense[:, c, y, x] for c, y, x in events]
        classes, outside = bounded([hidden[event] for event in events], np.zeros(10, int), columns, wraps)
        saturations[1] += outside
        maps.append(hidden)
        outputs.append(np.maximum(classes, 0))
    return np.array(maps), np.array(outputs), saturations


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_a_network_of_int4_weights_and_int8_states_computes_what_dense_integers_do(seneca_sim, files, overflow):  # noqa: F811
    network = load_network(files / "narrow.h5")
    frames = np.load(files / "frames.npz")["frames"]
    _, outputs, saturations = by_hand(network, frames, overflow == "wrap")
    from seneca_sim.activity import run_network
    from seneca_sim.events import load_input

    trace = run_network(network, load_input(network, files / "frames.npz"), overflow=overflow)
    maps, _, _ = by_hand(network, frames, overflow == "wrap")
    np.testing.assert_array_equal(dense_steps(trace.layers[1], (40, 6, 6)), maps)
    np.testing.assert_array_equal(dense_steps(trace.layers[2], (10, 1, 1))[:, :, 0, 0], outputs)
    assert saturations[1] > 0
    outcome = seneca_sim(
        "run",
        files / "narrow.h5",
        "--events",
        files / "frames.npz",
        "--overflow",
        overflow,
        "-o",
        files / "out",
        "--json",
    )
    assert isinstance(outcome, Outcome)
    summary = json.loads(outcome.out)
    assert summary["class_scores"] == pytest.approx(outputs.mean(axis=0))
    assert summary["predicted_class"] == int(np.argmax(outputs.mean(axis=0)))
    assert summary["saturations"] == sum(saturations)
    stored = ss.load_result(files / "out")
    assert stored.layers["saturations"].tolist() == [0, *saturations]
    assert summary["sops"] == slow_sops(network, trace)[0].sum()
    assert ("integers that leave their range wrap around" in summary["assumptions"]) == (overflow == "wrap")


def test_int4_and_int8_programs_are_those_that_are_executed_and_charged(files):
    network = load_network(files / "narrow.h5")
    result = ss.simulate(files / "narrow.h5", events=files / "frames.npz", cores=1)
    record = result.record
    conv, dense = (layer.edges[0].integrate for layer in record.layers[1:])
    # 32 neurons a chunk; four events load four words of weights each quarter as wide as a word
    assert dict(conv) == {"MLD": 2 + 4, "SHR": 4, "ADD8": 4 * 2, "MST": 2}
    assert dict(dense) == {"MLD": 2 + 4, "SHR": 4, "MUL8": 4 * 2, "ADD8": 4 * 2, "MST": 2}
    chunks, rounds = (
        record.counts.inlets[:, :, INLET_COUNTERS.index(name)].sum(axis=0).tolist() for name in ("chunks", "rounds")
    )
    assert chunks == [2 * rounds[0], rounds[1]]  # 40 and 10 channels
    books = Books(network, record.chip, record.mapping, record.counts)
    assert result.summary["energy_uj"] == pytest.approx(books.total(), rel=1e-11)
    bits = result.summary["memory_by_kind_bits"]
    assert bits["weights"] + bits["head_weights"] == (40 * 18 + 10 * 1440) * 4
    assert not [sentence for sentence in result.summary["assumptions"] if "priced as" in sentence]


@pytest.mark.parametrize(
    ("numerics", "sentences", "weight_bits"),
    [
        ("fp32", ["function fp32, priced as bf16 (weights, states)"], 16),
        ("int8/int16", ["function int16, priced as bf16 (states)"], 8),
        ("int16/int32", ["function int16, priced as bf16 (weights)", "function int32, priced as bf16 (states)"], 16),
        ("int4/int4", ["function int4, priced as int8 (states)"], 4),
        ("bf16", [], 16),
        ("int4", [], 4),
    ],
)
def test_types_without_programs_are_priced_as_the_chip_file_says_and_the_report_says_so(
    numerics, sentences, weight_bits
):
    result = ss.simulate("digits-lif", steps=2, cores=2, numerics=numerics)
    assert [s for s in result.summary["assumptions"] if s.startswith("function ")] == sentences
    weights = sum(edge.weight.size for layer in load_network("digits-lif").layers for edge in layer.edges)
    bits = result.summary["memory_by_kind_bits"]
    assert bits["weights"] + bits["head_weights"] == weights * weight_bits
    sources = {key for leaf in explain(result, "memory_bits").leaves() for key in leaf.constants}
    assert sources == {f"price_as.{sentence.split()[1].rstrip(',')}" for sentence in sentences}


def test_a_type_is_never_priced_silently():
    bare = load_chip("seneca").model_copy(update={"price_as": PriceAs()})
    with pytest.raises(ChipError) as error:
        ss.simulate("digits-lif", steps=1, numerics="int8/int16", chip=bare)
    assert str(error.value) == (
        "chip seneca: states of type int16 have no programs; say what they are priced as, such as --set price_as.int16=bf16"
    )


def test_pricing_a_type_otherwise_changes_energy_and_memory_but_not_the_function():
    wide = ss.simulate("digits-lif", steps=2, cores=2, numerics="int8/int16")
    narrow = ss.simulate("digits-lif", steps=2, cores=2, numerics="int8/int16", set=["price_as.int16=int8"])
    assert narrow.summary["class_scores"] == wide.summary["class_scores"]
    assert narrow.summary["sops"] == wide.summary["sops"]
    assert narrow.summary["memory_by_kind_bits"]["states"] * 2 == wide.summary["memory_by_kind_bits"]["states"]
    npe = [each.summary["energy_by_component_uj"]["npe"] for each in (narrow, wide)]
    assert npe[0] < npe[1]
    assert "function int16, priced as int8 (states)" in narrow.summary["assumptions"]


def test_every_program_states_the_width_in_which_it_accumulates():
    from seneca_sim.engine.programs import network_programs

    narrow = GraphBuilder("n", default_precision=NARROW)
    narrow.add("input", Input((1,))).add("dense", Dense(np.ones((1, 1), np.int8))).add("r", Relu()).add("o", Output())
    own = network_programs(lower(narrow.graph()), load_chip("seneca"))[1]
    assert own.integrate[0].accumulator_bits == own.fire.update.accumulator_bits == 8

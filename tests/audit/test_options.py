"""Every option of a run, from the command line and from Python under the same name: what it changes, and that it does."""

import numpy as np
import pytest

import seneca_sim as ss
from seneca_sim.errors import RequestError
from seneca_sim.graph import read_graph
from seneca_sim.graph.state_dict import array_names
from seneca_sim.report.files import json_text
from seneca_sim.request import ARGUMENTS
from tests.cli.conftest import seneca_sim  # noqa: F401  (the fixture)
from tests.graph.test_nir_file import line

BASE = {"network": "digits-lif", "steps": 3, "cores": 3}
ROAD = {**BASE, "events": "synthetic:road?size=60x40&duration=20ms"}
SYNTHETIC = {**BASE, "activity": "digits-lif"}
WHOLE = {"network": "digits-lif", "steps": 2}
MOVED = ("latency_us", "energy_uj")

CASES = {  # option: (base, change, fields that must differ, fields that must not)
    "events": (BASE, {"events": "digits-8"}, ("input", "events", "sops"), ("memory_unique_bits", "dense_macs")),
    "activity": (
        BASE,
        {"activity": "digits-lif"},
        ("activity_source", "events", "class_scores"),
        ("memory_unique_bits",),
    ),
    "chip": (BASE, {"chip": "seneca-seed-table"}, ("chip", *MOVED), ("sops", "events", "class_scores")),
    "set": (BASE, {"set": ["core.npe.count=16"]}, ("energy_uj", "latency_us"), ("sops", "events")),
    "mapping": (WHOLE, {"mapping": "digits-lif-16"}, ("mapping", "cores", "latency_us"), ("sops", "class_scores")),
    "goal": (
        {**BASE, "cores": 8},
        {"goal": "fewest-cores"},
        ("mapping", "cores", "area_mm2", "latency_us"),
        ("sops", "memory_unique_bits"),
    ),
    "cores": (BASE, {"cores": 5}, ("cores", "area_mm2", "latency_us"), ("sops", "memory_unique_bits")),
    "engine": (BASE, {"engine": "estimate"}, ("engine", "latency_us"), ("sops", "memory_unique_bits")),
    "noc": (BASE, {"noc": "ideal"}, ("noc", "latency_us"), ("sops", "events")),
    "order": (BASE, {"order": "conventional"}, ("order", "latency_us", "first_output_us"), ("sops",)),
    "steps": (BASE, {"steps": 5}, ("steps", "events", "energy_uj"), ("memory_unique_bits",)),
    "dt_us": ({}, {"dt_us": 4000.0}, ("events", "class_scores"), ("dense_macs",)),
    "slice": (BASE, {"slice": "10ms"}, ("input", "events", "assumptions"), ("steps", "memory_unique_bits")),
    "reset": (BASE, {"reset": "subtract"}, ("events", "assumptions"), ("memory_unique_bits",)),
    "max_spikes": (BASE, {"max_spikes": 3}, ("energy_uj", "assumptions"), ("memory_unique_bits",)),
    "reset_every": (BASE, {"reset_every": 1}, ("events", "assumptions"), ("memory_unique_bits", "dense_macs")),
    "numerics": (BASE, {"numerics": "bf16"}, ("memory_bits", "energy_uj"), ("dense_macs",)),
    "size": (None, {"size": "30x30"}, ("dense_macs", "memory_bits", "energy_uj"), ("steps",)),
    "width": (None, {"width": 2}, ("dense_macs", "memory_bits"), ("steps",)),
    "network_set": (None, {"network_set": ["width=2"]}, ("dense_macs", "memory_bits"), ("steps",)),
    "weights": (None, {"weights": "weights.npz"}, ("assumptions",), ("dense_macs", "events")),
    "overflow": (
        {**BASE, "numerics": "int4/int4"},
        {"overflow": "wrap"},
        ("events", "assumptions"),
        ("memory_unique_bits",),
    ),
    "input": (BASE, {"input": "slice=10ms"}, ("input", "events", "assumptions"), ("steps", "memory_unique_bits")),
    "crop": ({**ROAD, "resize": "20x20"}, {"crop": "10,10,30,30"}, ("events", "assumptions"), ("memory_unique_bits",)),
    "pool": (
        {**ROAD, "crop": "0,0,20,20"},
        {"crop": "0,0,40,40", "pool": 2},
        ("events", "sops"),
        ("memory_unique_bits",),
    ),
    "resize": (
        {**ROAD, "crop": "0,0,20,20"},
        {"crop": "0,0,40,40", "resize": "20x20"},
        ("events", "assumptions"),
        ("memory_unique_bits",),
    ),
    "swap_xy": (BASE, {"swap_xy": True}, ("events", "sops"), ("memory_unique_bits", "steps")),
    "flip_polarity": (BASE, {"flip_polarity": True}, ("events", "class_scores"), ("memory_unique_bits", "steps")),
    "seed": (SYNTHETIC, {"seed": 4}, ("seed", "latency_us"), ("events", "memory_unique_bits")),
    "begin": (BASE, {"begin": 2}, ("steps", "energy_uj", "sops"), ("memory_unique_bits",)),
    "warmup": (BASE, {"warmup": 2}, ("warmup", "latency_us"), ("energy_uj", "sops")),
}


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    """Give a NIR file of leaky neurons, whose time step is open, and frames for it."""
    folder = tmp_path_factory.mktemp("nir")
    fields = {"tau": np.full(2, 0.01), "r": np.ones(2), "v_leak": np.zeros(2), "v_threshold": np.full(2, 0.5)}
    weights = ("Linear", {"weight": np.array([[2.0, 1.0], [0.5, 3.0]], np.float32)})
    frames = (np.random.default_rng(2).random((15, 2, 1, 1)) < 0.6).astype(np.float32)
    np.savez(folder / "frames.npz", frames=frames)
    line(folder / "net.nir", weights, ("LIF", fields))
    return {"network": folder / "net.nir", "events": folder / "frames.npz", "steps": 15, "dt_us": 1000.0}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Give a published network on stated densities, and weights for it."""
    folder = tmp_path_factory.mktemp("published")
    rng = np.random.default_rng(3)
    shapes = array_names(read_graph("nmnist-msd"))
    np.savez(folder / "weights.npz", **{name: rng.normal(size=shape).astype("f4") for name, shape in shapes.items()})
    layers = "".join(
        f"  {name}: {{neuron_density: 0.2, pixel_density: 0.4}}\n" for name in ("input", "conv1", "conv2", "dense1")
    )
    head = "format: seneca_sim/activity/1\nnetwork: nmnist-msd\nprovenance: made up\nsteps: 2\nlayers:\n"
    (folder / "activity.yaml").write_text(head + layers)
    return {"network": "nmnist-msd", "activity": folder / "activity.yaml", "steps": 2}


def arguments(options):
    """Return the words of a command line."""
    words = [str(options["network"])]
    for name, value in options.items():
        if name != "network":
            for item in value if isinstance(value, list) else [value]:
                words += [f"--{name.replace('_', '-')}", *([] if item is True else [str(item)])]
    return words


def test_the_table_of_options_is_complete():
    assert {*CASES, "network", "state"} == set(ARGUMENTS)


@pytest.mark.parametrize("name", CASES)
def test_an_option_changes_what_it_is_for_from_both_sides(seneca_sim, leaky, published, name):  # noqa: F811
    base, change, differ, same = CASES[name]
    base = published if base is None else base or leaky
    if name == "weights":
        change = {"weights": published["activity"].parent / change["weights"]}
    changed = {**base, **change}
    if "mapping" in changed:
        changed.pop("cores", None)
    before, after = (ss.simulate(**options).summary for options in (base, changed))
    for field in differ:
        assert before[field] != after[field], field
    for field in same:
        assert before[field] == after[field], field
    outcome = seneca_sim("run", *arguments(changed), "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.out == json_text(after)


def test_powers_of_two_take_the_fewest_cores_or_spend_what_is_stated():
    alone = ss.simulate(**{**BASE, "cores": None, "goal": "power-of-two"})
    spent = ss.simulate(**{**BASE, "cores": 12, "goal": "power-of-two"})
    assert alone.layers["cores"].tolist() == [0, 1, 1, 1, 1]  # each layer fits one core
    assert all(cores in (0, 1, 2, 4, 8) for cores in spent.layers["cores"])
    assert 4 < spent.summary["cores"] <= 12
    assert spent.summary["sops"] == alone.summary["sops"]


@pytest.mark.parametrize("goal", ["fewest-cores", "balanced", "energy"])
def test_every_goal_reaches_its_end(goal):
    by_goal = {each: ss.simulate(**{**BASE, "cores": 12, "goal": each}).summary for each in {goal, "balanced"}}
    mine, balanced = by_goal[goal], by_goal["balanced"]
    assert mine["sops"] == balanced["sops"]
    assert {
        "fewest-cores": mine["cores"] == 1,
        "balanced": mine["cores"] == 12,
        "energy": mine["energy_uj"] <= balanced["energy_uj"],
    }[goal]


def test_the_reference_engine_gives_the_same_summary_but_for_its_name():
    fast, reference = (ss.simulate(**BASE, engine=engine).summary for engine in ("fast", "reference"))
    assert {**reference, "engine": "fast"} == fast


def test_output_holds_all_files_and_json_is_the_summary_file(seneca_sim, tmp_path):  # noqa: F811
    outcome = seneca_sim("run", *arguments(BASE), "-o", tmp_path / "out", "--json")
    assert (tmp_path / "out" / "summary.json").read_text() == outcome.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"summary.json", "layers.csv", "cores.csv", "links.csv", "steps.csv", "counts.npz", "run.yaml"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slice": "5ms"}, "slice cuts recordings; an activity has its steps already"),
        ({"overflow": "wrap"}, "overflow is about sums; an activity has its values already"),
    ],
)
def test_options_that_a_stored_activity_cannot_follow_are_refused(change, message):
    with pytest.raises(RequestError) as error:
        ss.simulate(**SYNTHETIC, **change)
    assert str(error.value) == message


def test_a_step_graph_runs_with_its_state_from_both_sides(seneca_sim, tmp_path):  # noqa: F811
    onnx = pytest.importorskip("onnx")
    from tests.onnx.models import model, save

    nodes = [
        onnx.helper.make_node("MatMul", ["x", "w"], ["a"], name="a"),
        onnx.helper.make_node("MatMul", ["h", "u"], ["b"], name="b"),
        onnx.helper.make_node("Add", ["a", "b"], ["s"], name="s"),
        onnx.helper.make_node("Relu", ["s"], ["h_out"], name="cell"),
    ]
    constants = {"w": np.eye(3, 2, dtype=np.float32), "u": np.full((2, 2), 0.25, np.float32)}
    path = save(tmp_path, model(nodes, {"x": (1, 3), "h": (1, 2)}, constants, outputs=("h_out",)))
    np.savez(tmp_path / "frames.npz", frames=np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), layout="TCHW")
    options = {"network": path, "events": tmp_path / "frames.npz", "state": ["h_out:h"]}
    summary = ss.simulate(**options).summary
    assert summary["events"] > 5  # beside those of the input, hidden values that live on
    outcome = seneca_sim("run", *arguments(options), "--json")
    assert outcome.out == json_text(summary), outcome.err
    with pytest.raises(RequestError) as error:
        ss.simulate(**{**options, "state": ["h_out=h"]})
    assert str(error.value) == "state 'h_out=h' must name an output and an input, such as h_out:h_in"

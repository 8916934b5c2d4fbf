"""The commands, from the shipped example to the same bytes again."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import seneca_sim as ss
from seneca_sim.graph.native_file import graph_bytes, load_graph
from seneca_sim.report.columns import SUMMARY, TABLES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give the folder of a short run of the shipped example."""
    return ss.simulate(steps=3, cores=4).save(tmp_path_factory.mktemp("run") / "out")


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_the_shipped_example_recognises_its_digit(seneca_sim):
    outcome = seneca_sim("run", "--json")
    summary = json.loads(outcome.out)
    assert outcome.code == 0
    assert outcome.err == ""
    assert list(summary) == [column.name for column in SUMMARY]
    assert summary["network"] == "digits-sigma-delta"
    assert summary["predicted_class"] == 3
    assert summary["energy_uj"] > 0


def test_run_prints_class_energy_latency_memory_cores_and_verdict(seneca_sim):
    out = seneca_sim("run", "digits-lif", "--steps", "2").out
    for word in (
        "digits-lif on seneca",
        "class ",
        "energy ",
        "latency ",
        "memory ",
        "cores ",
        "bound by ",
        "conv1",
        "data memory",
        "assumed:",
    ):
        assert word in out
    assert not any(line != line.rstrip() for line in out.splitlines())


def test_python_command_line_and_run_file_give_the_same_bytes(seneca_sim, folder, tmp_path):
    expected = contents(folder)
    assert seneca_sim("run", "--steps", "3", "--cores", "4", "-o", tmp_path / "again").code == 0
    assert contents(tmp_path / "again") == expected
    assert seneca_sim("run", folder / "run.yaml", "-o", tmp_path / "third").code == 0
    assert contents(tmp_path / "third") == expected


def test_a_run_file_finds_relative_inputs_beside_itself(seneca_sim, tmp_path, monkeypatch):
    from seneca_sim.shipped import shipped_folder

    (tmp_path / "net.h5").write_bytes((shipped_folder("models") / "digits-lif.h5").read_bytes())
    (tmp_path / "run.yaml").write_text("seneca_run: 1\nrun: {network: net.h5, events: digits-8, steps: 2}\n")
    monkeypatch.chdir("/")
    assert json.loads(seneca_sim("run", tmp_path / "run.yaml", "--json").out)["steps"] == 2


def test_a_run_file_says_which_input_changed(seneca_sim, tmp_path, monkeypatch):
    from seneca_sim.shipped import shipped_folder

    monkeypatch.chdir(tmp_path)
    model = shipped_folder("models")
    Path("net.h5").write_bytes((model / "digits-lif.h5").read_bytes())
    assert seneca_sim("run", "net.h5", "--events", "digits", "--steps", "2", "-o", "out").code == 0
    before = contents("out")
    Path("net.h5").write_bytes((model / "digits-sigma-delta.h5").read_bytes())
    outcome = seneca_sim("run", "out/run.yaml", "-o", "out")
    assert outcome.code == 2
    assert outcome.err.startswith(
        "seneca-sim: out/run.yaml: input changed since this run: network (net.h5): SHA-256 was 71bf3ecfde7f..., is "
    )
    assert contents("out") == before


def test_a_run_file_takes_no_further_arguments(seneca_sim, folder):
    outcome = seneca_sim("run", folder / "run.yaml", "--steps", "4")
    assert (
        outcome.err == f"seneca-sim: {folder}/run.yaml says how to run; change steps in the file, or name a network\n"
    )
    assert outcome.code == 2


def test_repricing_a_folder_equals_a_fresh_run(seneca_sim, folder, tmp_path):
    changes = ("--set", "prices.flit_injected_pj=5", "--set", "prices.static_uw_per_core=60")
    assert seneca_sim("reprice", folder, *changes, "-o", tmp_path / "priced").code == 0
    assert seneca_sim("run", "--steps", "3", "--cores", "4", *changes, "-o", tmp_path / "fresh").code == 0
    assert contents(tmp_path / "priced") == contents(tmp_path / "fresh")


def test_explain_unfolds_the_energy_of_a_real_run_to_the_printed_total(seneca_sim, folder):
    total = json.loads((folder / "summary.json").read_text())["energy_uj"]
    lines = seneca_sim("explain", folder, "energy_uj").out.split("\n\nprices:")[0].splitlines()
    leaves = [line for line in lines if line.endswith("]")]
    assert float(lines[0].split(": ")[1].removesuffix(" µJ")) == pytest.approx(total, rel=1e-11)
    products = [line.rsplit(" = ", 1)[1].split(" x ") for line in leaves]
    assert sum(
        int(count.replace(",", "")) * float(price.split()[0]) for count, price in products
    ) / 1e6 == pytest.approx(total, rel=1e-10)


def test_a_real_run_obeys_the_books():
    result = ss.simulate("digits-lif", steps=4, cores=3)
    counts, summary = result.record.counts, result.summary
    assert summary["sops"] == summary["sops_executed"] == result.layers["sops"].sum() == result.steps["sops"].sum()
    assert summary["events"] == result.layers["events"].sum()
    assert result.steps["events_in"].sum() == result.layers["events"][0]
    assert summary["memory_bits"] == result.layers["memory_bits"].sum()
    assert result.layers["energy_uj"].sum() + summary["energy_unassigned_uj"] == pytest.approx(
        summary["energy_uj"], rel=1e-12
    )
    assert result.steps["energy_uj"].sum() == pytest.approx(summary["energy_uj"], rel=1e-12)
    makespan_us = counts.makespan / result.record.chip.clock_mhz.value
    stalls = [name for name in result.cores.columns if name.startswith("stall_")]
    assert (result.cores[["busy_riscv_us", "idle_us", *stalls]].sum(axis=1)).to_numpy() == pytest.approx(makespan_us)


def test_every_busy_cycle_of_every_riscv_is_charged_once():
    from seneca_sim.report.leaves import energy_leaves

    for changes in ([], ["core.loop_controller.enabled=false"]):
        result = ss.simulate("digits-lif", steps=2, cores=3, set=changes)
        leaves = energy_leaves(result.record, result.energy, slice(None))
        charged = sum(
            leaf.count for leaf in leaves if leaf.label.endswith("busy RISC-V cycle") and leaf.part == "riscv"
        )
        assert charged == result.record.counts.cores[:, 0].sum()


def test_time_that_is_not_the_neurons_is_an_assumption():
    for slicing, sentence in (
        ("100events", "slices of 100 events are fed as time steps of 5000 us"),
        ("2ms", "slices of 2000 us of input are fed as time steps of 5000 us"),
    ):
        assert sentence in ss.simulate("digits-lif", slice=slicing, steps=1, cores=2).summary["assumptions"]


def test_reference_and_fast_give_the_same_tables(tmp_path):
    fast, reference = (ss.simulate("digits-lif", steps=1, cores=2, engine=name) for name in ("fast", "reference"))
    one, other = fast.files(), reference.files()
    for name in ("layers.csv", "cores.csv", "links.csv", "steps.csv"):
        assert one[name] == other[name]


def test_a_mapping_of_a_file_needs_the_file(seneca_sim, tmp_path):
    network, target = tmp_path / "own.h5", tmp_path / "map.yaml"
    seneca_sim("convert", "digits-lif", network)
    text = graph_bytes(replace(load_graph(network), name="own"))
    network.write_bytes(text)
    assert seneca_sim("map", network, "-o", target).code == 0
    assert seneca_sim("validate", target).err == (
        f"seneca-sim: {target}: is for the network 'own', which does not ship; say where it is with --network FILE\n"
    )
    assert seneca_sim("validate", target, "--network", network).out.startswith(f"{target}: valid; ")


def test_map_writes_what_validate_and_run_take(seneca_sim, tmp_path):
    target = tmp_path / "mine.yaml"
    outcome = seneca_sim("map", "digits-lif", "--goal", "fewest-cores", "-o", target)
    assert outcome.out.startswith(f"{target}: digits-lif on 1 core of a 1x1 mesh, 4 parts, ")
    assert seneca_sim("validate", target).out.startswith(
        f"{target}: valid; digits-lif on 1 core of a 1x1 mesh, 4 parts, "
    )
    summary = json.loads(seneca_sim("run", "digits-lif", "--mapping", target, "--steps", "1", "--json").out)
    assert (summary["cores"], summary["mapping"]) == (1, "mine.yaml")


def test_noc_and_order_are_short_for_constants_of_the_chip():
    short = ss.simulate(steps=1, cores=2, noc="ideal", order="conventional")
    long = ss.simulate(steps=1, cores=2, set=["noc.kind=ideal", "flow.order=conventional"])
    assert (short.summary["noc"], short.summary["order"]) == ("ideal", "conventional")
    assert short.files()["cores.csv"] == long.files()["cores.csv"]


def test_a_shipped_activity_replaces_events_and_says_so(seneca_sim):
    summary = json.loads(seneca_sim("run", "digits-lif", "--activity", "digits-lif", "--steps", "2", "--json").out)
    assert (summary["activity_source"], summary["predicted_class"], summary["steps"]) == ("synthetic", None, 2)
    assert any(sentence.startswith("activity is synthetic: ") for sentence in summary["assumptions"])


def test_number_types_without_a_price_are_named(seneca_sim):
    summary = json.loads(seneca_sim("run", "--numerics", "fp32", "--steps", "1", "--json").out)
    assert any(sentence.startswith("function fp32, priced as bf16") for sentence in summary["assumptions"])


def test_without_an_input_a_network_of_ones_own_is_refused(tmp_path):
    from seneca_sim.errors import RequestError
    from tests.report.records import small_network

    with pytest.raises(RequestError) as error:
        ss.simulate(small_network())
    assert str(error.value) == "nothing for small to see: give events (a recording) or an activity"


@pytest.mark.parametrize("what", ["chips", "models", "mappings", "activities", "recordings", "tables"])
def test_lists_name_what_ships(seneca_sim, what):
    out = seneca_sim("list", what).out
    expected = {
        "chips": "seneca",
        "models": "digits-lif",
        "mappings": "digits-lif-16",
        "activities": "digits-lif",
        "recordings": "digits",
        "tables": "layers",
    }
    assert out.startswith(f"{expected[what]} ") or f"\n{expected[what]} " in out


def test_show_prints_every_constant_of_a_chip(seneca_sim):
    from seneca_sim.chip import load_chip

    out = seneca_sim("show", "seneca", "--set", "core.npe.count=4").out
    for key in load_chip("seneca").flat():
        assert key in out
    assert "set by the user" in out


def test_show_prints_the_layers_of_a_network(seneca_sim):
    out = seneca_sim("show", "digits-lif").out
    assert "conv2    Lif      32x10x10  int8, bf16, binary" in out


def test_events_describes_a_recording(seneca_sim):
    lines = seneca_sim("events", "digits").out.splitlines()
    assert lines[:2] == ["digits-3.npz", "20x20 pixels, 2,218 events in 116.1 ms, 19,097 events/s, 62% ON"]


def test_explain_defines_columns_and_constants(seneca_sim):
    column = next(column for column in TABLES["layers"] if column.name == "busy_us")
    assert seneca_sim("explain", "busy_us").out == f"layers: busy_us [µs]: {column.meaning}\n"
    assert seneca_sim("explain", "core.npe.count").out.startswith("core.npe.count = 8: ")


def test_version(seneca_sim):
    assert seneca_sim("--version").out == f"seneca-sim {ss.__version__}\n"


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["run", "--help"],
        ["validate", str(Path(__file__).parent.parent.parent / "mappings" / "digits-lif-16.yaml")],
    ],
)
def test_light_commands_import_nothing_heavy(command):
    code = (
        "import sys; from seneca_sim.cli import main; sys.argv = ['seneca-sim', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = [name for name in ('numba', 'pandas', 'matplotlib', 'simpy') if name in sys.modules]\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, seneca_sim; sys.exit(any(name in sys.modules for name in ('numpy', 'numba', 'pandas', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_interrupt_ends_quietly_and_writes_nothing(seneca_sim, monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("seneca_sim.simulation.simulate_request", interrupted)
    outcome = seneca_sim("run", "-o", tmp_path / "out")
    assert outcome.code == 130
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "out").exists()


def test_progress_is_silent_where_stderr_is_no_terminal(capsys):
    from seneca_sim.cli.progress import live_progress

    with live_progress() as progress:
        progress("fast", 1, 2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_network_and_a_recording_of_others_run_to_the_reference_class(seneca_sim, shared_data, tmp_path):
    reference = json.loads(shared_data("models/reference/nir_cnn_nmnist.json").read_text())["single"]
    network, events = shared_data("models/nir/cnn_sinabs.nir"), shared_data("events/nmnist/test/60002.bs2")
    arguments = ("--events", events, "--reset", "subtract", "-o", tmp_path / "out")
    summary = json.loads(seneca_sim("run", network, *arguments, "--json").out)
    assert summary["class_scores"] == reference["out"][1]
    assert summary["steps"] == 300
    assert any("priced as bf16" in sentence for sentence in summary["assumptions"])
    assert ss.load_result(tmp_path / "out").layers["firing_rate"].notna().all()


def test_steps_beyond_the_recording_are_an_assumption():
    sentences = ss.simulate("digits-lif", steps=26, cores=2, engine="estimate").summary["assumptions"]
    assert "the input ends before the run: the last 2 of 26 steps are silent" in sentences

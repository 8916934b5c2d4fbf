"""What a run may be asked, and run files that hold it."""

import pytest
import yaml

from seneca_sim.errors import FileFormatError, RequestError
from seneca_sim.graph.lengths import parse_slice
from seneca_sim.report.record import InputFile
from seneca_sim.report.runfile import check_inputs, is_run_file, load_run_file, run_file_text
from seneca_sim.request import ARGUMENTS, Request
from tests.report.records import small_network, small_run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps must be an integer >= 1, not 0"),
        ({"steps": -5}, "steps must be an integer >= 1, not -5"),
        ({"steps": 2.5}, "steps must be an integer >= 1, not 2.5"),
        ({"cores": 0}, "cores must be an integer >= 1, not 0"),
        ({"max_spikes": 0}, "max_spikes must be an integer >= 1, not 0"),
        ({"seed": -1}, "seed must be an integer >= 0, not -1"),
        ({"begin": -1}, "begin must be an integer >= 0, not -1"),
        ({"begin": None}, "begin must be an integer >= 0, not None"),
        ({"warmup": -1}, "warmup must be an integer >= 0, not -1"),
        ({"dt_us": 0}, "dt_us must be a finite number > 0, not 0"),
        ({"dt_us": float("nan")}, "dt_us must be a finite number > 0, not nan"),
        ({"engine": "fats"}, "engine must be one of reference, fast, estimate, not 'fats'; did you mean fast?"),
        (
            {"goal": "fewest"},
            "goal must be one of fewest-cores, balanced, power-of-two, energy, not 'fewest'; did you mean fewest-cores?",
        ),
        ({"noc": "bus"}, "noc must be one of mesh, ideal, not 'bus'"),
        ({"order": "depth"}, "order must be one of depth-first, conventional, not 'depth'; did you mean depth-first?"),
        ({"reset": "zero"}, "reset must be one of value, subtract, not 'zero'"),
        ({"overflow": "clip"}, "overflow must be one of saturate, wrap, not 'clip'"),
        (
            {"slice": "5 h"},
            "slice must be a time such as 1000us or 5ms, a number such as 500events, or a window such as window:5000,100 "
            "(the last 5000 events, after every 100 new ones), not '5 h'",
        ),
        (
            {"slice": "0ms"},
            "slice must be a time such as 1000us or 5ms, a number such as 500events, or a window such as window:5000,100 "
            "(the last 5000 events, after every 100 new ones), not '0ms'",
        ),
        ({"set": "core.npe.count=16"}, "set must be a list of key=value texts, not the text 'core.npe.count=16'"),
        (
            {"events": "a", "activity": "b"},
            "events and activity exclude each other: a network either runs on events or replays an activity",
        ),
        (
            {"weights": "random:x"},
            "weights must be a file, or random:SEED or random:SEED:DENSITY with a density up to 1, not 'random:x'",
        ),
        (
            {"weights": "random:1:1.5"},
            "weights must be a file, or random:SEED or random:SEED:DENSITY with a density up to 1, not 'random:1:1.5'",
        ),
        ({"width": 0}, "width must be an integer >= 1, not 0"),
        ({"network_set": "a=1"}, "network_set must be a list of key=value texts, not the text 'a=1'"),
        (
            {"mapping": "a", "cores": 3},
            "mapping and cores exclude each other: an explicit mapping says which cores it uses",
        ),
    ],
)
def test_values_that_no_run_can_be_asked_for_are_refused(arguments, message):
    with pytest.raises(RequestError) as error:
        Request(**arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "slicing"),
    [
        ("1000", (1000, None, None)),
        (250, (250, None, None)),
        ("5 ms", (5000, None, None)),
        ("80events", (None, 80, None)),
        ("window:300,10", (None, 10, 300)),
    ],
)
def test_slices_are_times_numbers_of_events_or_windows(text, slicing):
    assert parse_slice(Request(slice=text).slice) == slicing


def test_a_request_survives_its_plain_form():
    request = Request(
        "net.nir", events="a.bs2", set=("core.npe.count=4",), cores=3, noc="ideal", dt_us=500.0, slice="5ms", seed=7,
        size="32x32", width=2, network_set=("step=0.5",), weights="random:3",
    )  # fmt: skip
    assert Request.from_plain(request.plain(), "run.yaml") == request
    assert Request.from_plain({}, "run.yaml") == Request()


def test_objects_in_a_run_file_are_refused_by_name():
    plain = Request(small_network()).plain()
    with pytest.raises(RequestError) as error:
        Request.from_plain(plain, "run.yaml")
    assert (
        str(error.value)
        == "run.yaml: network was a Python object, which a run file cannot hold; save it and give its path"
    )


def written(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    return path


def test_a_run_file_reads_back_as_written(tmp_path):
    run = small_run(request={"network": "net.nir", "events": "a.bs2", "set": ["x=1"], "cores": 2, "seed": 3})
    path = written(tmp_path, run_file_text(run))
    run_file = load_run_file(path)
    assert is_run_file(path)
    assert run_file.arguments == run.request
    assert run_file.inputs == run.inputs
    assert run_file.versions == run.versions
    assert list(yaml.safe_load(path.read_text())) == ["seneca_run", "run", "inputs", "versions"]


def test_a_hand_written_run_file_needs_arguments_only(tmp_path):
    path = written(tmp_path, "# mine\nseneca_run: 1\nrun:\n  network: digits-lif\n")
    assert is_run_file(path)
    assert load_run_file(path).arguments == {"network": "digits-lif"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seneca_run: 2\n", "run.yaml:1:13: seneca_run: expected 1, got 2"),
        ("seneca_run: 1\nrun:\n  netwrk: a\n", "run.yaml:3:3: run.netwrk: unknown key; did you mean network?"),
        ("seneca_run: 1\nrun: fast\n", "run.yaml:2:6: run: expected arguments and their values, got 'fast'"),
        ("seneca_run: 1\ninputs: [3]\n", "run.yaml:2:10: inputs.0: expected the keys argument, path and sha256"),
        (
            "seneca_run: 1\nrun: {seed: 1}\nrun: {seed: 2}\n",
            "run.yaml:3:1: run: repeated key (first at line 2); remove one",
        ),
        ("seneca_run: 1\nrun: {seed: 1\n", "run.yaml:3:1: not YAML: did not find expected ',' or '}'"),
    ],
)
def test_broken_run_files_are_refused_with_their_place(tmp_path, text, message):
    with pytest.raises(FileFormatError) as error:
        load_run_file(written(tmp_path, text))
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": "a"}, "run.yaml: seed must be an integer, not 'a'"),
        ({"steps": True}, "run.yaml: steps must be an integer, not True"),
        ({"set": "core.npe.count=1"}, "run.yaml: set must be a list of texts, not 'core.npe.count=1'"),
        ({"network": 5}, "run.yaml: network must be a text, not 5"),
    ],
)
def test_arguments_of_the_wrong_type_are_refused(arguments, message):
    with pytest.raises(RequestError) as error:
        Request.from_plain(arguments, "run.yaml")
    assert str(error.value) == message


def test_a_changed_input_is_named(tmp_path):
    path = written(tmp_path, run_file_text(small_run()))
    run_file = load_run_file(path)
    check_inputs(run_file, small_run().inputs)
    with pytest.raises(RequestError) as error:
        check_inputs(run_file, [InputFile("events", "small.csv", "1" * 64)])
    assert str(error.value) == (
        f"{path}: input changed since this run: events (small.csv): SHA-256 was 000000000000..., is 111111111111...; "
        "restore it, or delete the section inputs to run with what is there"
    )


def test_python_command_line_and_run_files_share_the_names_of_arguments():
    import inspect

    from seneca_sim.cli.runs import run
    from seneca_sim.simulation import simulate

    own = {"progress"}
    assert [name for name in inspect.signature(simulate).parameters if name not in own] == list(ARGUMENTS)
    shell = [name.rstrip("_") for name in inspect.signature(run).parameters]
    assert set(shell) - {"output", "json"} == set(ARGUMENTS)

"""A result: tables in their declared schema, files that depend on nothing but the record, verdicts, latencies."""

import io
import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from seneca_sim.engine.counts import CORE_STATES
from seneca_sim.errors import RequestError, ResultError
from seneca_sim.report.columns import SUMMARY, TABLES
from seneca_sim.report.result import Result, load_result
from tests.report.records import small_record

DTYPES = {"int": "int64", "float": "float64"}
FILES = {"summary.json", "layers.csv", "cores.csv", "links.csv", "steps.csv", "counts.npz", "run.yaml"}


@pytest.fixture(scope="module")
def result():
    return Result(small_record())


@pytest.mark.parametrize("name", [name for name in TABLES if name != "summary"])
def test_tables_have_the_declared_columns_and_types(result, name):
    table = getattr(result, name)
    assert list(table.columns) == [column.name for column in TABLES[name]]
    for column in TABLES[name]:
        if column.dtype in DTYPES:
            assert table[column.name].dtype == DTYPES[column.dtype], column.name
        else:
            assert all(isinstance(value, str) for value in table[column.name]), column.name


def test_the_summary_has_the_declared_fields_and_types(result):
    kinds = {"int": int, "float": int | float, "str": str, "list": list, "dict": dict}
    for summary in (result.summary, Result(small_record(sigma_delta=True)).summary):
        assert list(summary) == [column.name for column in SUMMARY]
        for column in SUMMARY:
            value = summary[column.name]
            assert value is None or isinstance(value, kinds[column.dtype]), column.name


def test_every_unit_in_a_name_is_the_unit_of_its_column():
    suffixes = {
        "_uj": "µJ",
        "_us": "µs",
        "_bits": "bit",
        "_mw": "mW",
        "_mm2": "mm2",
        "pj_per_sop": "pJ",
        "_uj_per_step": "µJ",
    }
    for columns in TABLES.values():
        for column in columns:
            expected = [unit for suffix, unit in suffixes.items() if column.name.endswith(suffix)]
            assert column.unit in expected or not expected, column.name
            assert column.meaning.endswith("."), column.name


def test_a_folder_holds_exactly_the_declared_files_as_written(result, tmp_path):
    folder = result.save(tmp_path / "out")
    assert {path.name for path in folder.iterdir()} == FILES
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary) == [column.name for column in SUMMARY]
    for name in ("layers", "cores", "links", "steps"):
        written = pd.read_csv(folder / f"{name}.csv")
        assert list(written.columns) == [column.name for column in TABLES[name]]
        expected = getattr(result, name)
        numbers = expected.select_dtypes("number").columns
        assert written[numbers].to_numpy(float) == pytest.approx(
            expected[numbers].to_numpy(float), rel=1e-11, nan_ok=True
        )


def test_a_stored_result_is_the_result_byte_for_byte(result, tmp_path):
    again = load_result(result.save(tmp_path))
    assert again.files() == result.files()


def test_equal_records_give_equal_bytes(result):
    assert Result(small_record()).files() == result.files()


def test_saving_twice_replaces_all_files_and_leaves_nothing_else(result, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    Result(small_record(seed=5)).save(tmp_path)
    result.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*FILES, "notes.txt"}
    assert json.loads((tmp_path / "summary.json").read_text())["seed"] == 0


def test_a_folder_that_cannot_be_written_is_refused_and_untouched(result, tmp_path):
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "out"
    with pytest.raises(RequestError) as error:
        result.save(target)
    assert (
        str(error.value)
        == f"output folder '{target}' cannot be written: '{tmp_path / 'file'}' is a file; choose another with -o"
    )


def test_a_folder_without_counts_is_refused(tmp_path):
    with pytest.raises(ResultError) as error:
        load_result(tmp_path)
    assert (
        str(error.value)
        == f"'{tmp_path}' holds no counts.npz; expected a folder written by `seneca-sim run ... -o DIR`"
    )


def test_truncated_counts_are_refused(result, tmp_path):
    path = result.save(tmp_path) / "counts.npz"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ResultError) as error:
        load_result(tmp_path)
    assert (
        str(error.value)
        == f"'{path}' is not a stored result: the archive is truncated or no .npz file (File is not a zip file); "
        "run the simulation again with -o"
    )


def test_counts_of_the_wrong_shape_are_refused(result, tmp_path):
    record = small_record()
    broken = replace(record, memory=record.memory[:-1])
    from seneca_sim.report.store import record_bytes

    path = tmp_path / "counts.npz"
    path.write_bytes(record_bytes(broken))
    with pytest.raises(ResultError) as error:
        load_result(tmp_path)
    assert (
        str(error.value)
        == f"'{path}' is damaged: array memory has shape (2, 8), expected (3, 8); run the simulation again"
    )


def test_stored_counts_are_read_without_pickle(result, tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, header=np.array([{"format": 1}], dtype=object))
    (tmp_path / "counts.npz").write_bytes(buffer.getvalue())
    with pytest.raises(ResultError) as error:
        load_result(tmp_path)
    assert "Object arrays cannot be loaded when allow_pickle=False" in str(error.value)


def test_ties_between_classes_go_to_the_lowest_index(result):
    assert result.summary["class_scores"] == [1.0, 4.0, 4.0]
    assert result.summary["predicted_class"] == 1
    assert Result(small_record(classifies=False)).summary["predicted_class"] is None


def test_a_step_ends_with_its_last_output_or_without_one_with_its_end_token():
    record = small_record()
    steps = np.array([[0, 10, 100, 400, 450], [0, 460, -1, -1, 960], [0, 970, 1000, 1200, 1210]])
    summary = Result(replace(record, counts=replace(record.counts, steps=steps))).summary
    clock = 500.0
    assert summary["latency_us"] == pytest.approx((390 + 500 + 230) / 3 / clock)
    assert summary["latency_max_us"] == 500 / clock
    assert summary["first_output_us"] == pytest.approx((90 + 30) / 2 / clock)
    assert summary["interval_us"] == pytest.approx((1210 - 450) / 2 / clock)
    assert summary["steps_per_s"] == pytest.approx(1e6 * clock * 2 / (1210 - 450))


def test_warm_up_steps_are_left_out_of_latencies_and_intervals():
    record = small_record(warmup=2)
    summary, steps = Result(record).summary, Result(record).steps
    assert summary["latency_us"] == summary["latency_max_us"] == steps["latency_us"][2]
    assert summary["interval_us"] == steps["interval_us"][2]
    assert summary["energy_uj"] == Result(small_record()).summary["energy_uj"]


def test_the_first_step_of_a_sigma_delta_network_stands_apart():
    plain, apart = Result(small_record()), Result(small_record(sigma_delta=True))
    assert plain.summary["first_step_energy_uj"] is None
    assert apart.summary["first_step_energy_uj"] == pytest.approx(apart.steps["energy_uj"][0])
    assert apart.summary["first_step_sops"] == apart.steps["sops"][0]
    assert apart.summary["first_step_latency_us"] == pytest.approx(apart.steps["latency_us"][0])


def bound(riscv, npe, network, waiting):
    record = small_record()
    states = np.zeros_like(record.counts.cores)
    states[1, [CORE_STATES.index(name) for name in ("busy", "network", "input")]] = riscv, network, waiting
    counts = replace(record.counts, cores=states, npe_busy=np.array([0, npe, 0]), makespan=1000)
    return Result(replace(record, counts=counts)).summary


@pytest.mark.parametrize(
    ("cycles", "bound_by", "verdict"),
    [
        (
            (300, 700, 100, 600),
            "compute",
            "compute (NPEs): the loop controller and the NPEs of core 1 (conv1, fc) work 70% of the time",
        ),
        ((800, 700, 100, 100), "control", "control (RISC-V): the RISC-V of core 1 (conv1, fc) works 80% of the time"),
        (
            (200, 100, 600, 200),
            "network",
            "network: the RISC-V of core 1 (conv1, fc) waits for the network 60% of the time",
        ),
        (
            (200, 100, 0, 800),
            "input",
            "waiting for input: even the busiest core, 1 (conv1, fc), has nothing to work on 80% of the time",
        ),
    ],
)
def test_the_verdict_is_the_largest_share_on_the_busiest_core(cycles, bound_by, verdict):
    summary = bound(*cycles)
    assert (summary["bound_by"], summary["verdict"]) == (bound_by, verdict)


def test_what_is_missing_is_null_in_json_and_empty_in_csv():
    record = small_record()
    steps = record.counts.steps.copy()
    steps[:, 2:4] = -1
    files = Result(replace(record, counts=replace(record.counts, steps=steps))).files()
    assert json.loads(files["summary.json"])["first_output_us"] is None
    assert files["layers.csv"].splitlines()[1].endswith(b",,,,,0,")
    assert math.isnan(pd.read_csv(io.BytesIO(files["steps.csv"]))["first_output_us"][0])


def test_a_notebook_shows_headline_and_layers_with_names_escaped(result):
    page = Result(small_record(network="<b>net</b>"))._repr_html_()
    assert "&lt;b&gt;net&lt;/b&gt; on seneca" in page
    assert "<td>conv1</td>" in page
    assert repr(result).startswith("<Result small on seneca: 0.2")

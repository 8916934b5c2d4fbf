"""The command: lists, one table in all its forms, wrong requests."""

import csv
import json

import pytest

from seneca_sim.reproduce import TABLES
from seneca_sim.reproduce.rows import FIELDS
from seneca_sim.reproduce.text import number_text
from tests.cli.conftest import seneca_sim  # noqa: F401


def test_without_a_name_the_tables_are_listed(seneca_sim):  # noqa: F811
    outcome = seneca_sim("reproduce")
    assert outcome.code == 0
    assert [line.split()[0] for line in outcome.out.splitlines()] == list(TABLES)


def test_a_table_is_printed_and_written_as_csv_markdown_and_plot(seneca_sim, tmp_path):  # noqa: F811
    outcome = seneca_sim("reproduce", "pj-per-sop", "-o", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert "+0.00 %  exact" in outcome.out
    assert outcome.out.endswith(" rows, all as in the accepted scorecard\n")
    rows = list(csv.DictReader((tmp_path / "pj-per-sop.csv").read_text(encoding="utf-8").splitlines()))
    assert tuple(rows[0]) == FIELDS
    assert (tmp_path / "pj-per-sop.md").read_text(encoding="utf-8").count("\n| ") >= len(rows)
    assert (tmp_path / "pj-per-sop.png").read_bytes().startswith(b"\x89PNG")


def test_json_rows_have_exactly_the_fields(seneca_sim):  # noqa: F811
    rows = json.loads(seneca_sim("reproduce", "pj-per-sop", "--json").out)
    assert {tuple(row) for row in rows} == {FIELDS}
    headline = next(row for row in rows if row["row"] == "int4 weights, int8 states, binary, group of 4")
    assert (headline["published"], headline["ours"]) == (2.8, 2.775)
    assert headline["deviation_percent"] == pytest.approx(-0.892857, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pj-per-sopp"], "there is no table 'pj-per-sopp'; did you mean pj-per-sop?"),
        (["--json"], f"nothing to run: name a table ({', '.join(TABLES)}) or all"),
    ],
)
def test_wrong_requests_get_a_sentence_and_exit_code_2(seneca_sim, arguments, sentence):  # noqa: F811
    outcome = seneca_sim("reproduce", *arguments)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"seneca-sim: {sentence}\n")


def test_a_moved_row_fails_and_is_told_on_stderr(seneca_sim, tmp_path, monkeypatch):  # noqa: F811
    from seneca_sim.reproduce import answer, scorecard

    card = tmp_path / "card.csv"
    text = scorecard.SCORECARD.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("pj-per-sop,ADD,"))
    card.write_text(text.replace(line, line.replace("1.4125", "1.5")), encoding="utf-8")
    monkeypatch.setattr(answer, "moved", lambda tables: scorecard.moved(tables, card))
    outcome = seneca_sim("reproduce", "pj-per-sop")
    assert outcome.code == 1
    assert outcome.err == "moved: pj-per-sop: ADD: energy [pJ]: ours was 1.5, is 1.4125\n"
    assert "1 difference from the accepted scorecard; --accept takes them into it" in outcome.out


def test_a_broken_scorecard_is_told_before_anything_is_run_or_written(seneca_sim, tmp_path, monkeypatch):  # noqa: F811
    from seneca_sim.errors import FileFormatError
    from seneca_sim.reproduce import answer

    def broken():
        raise FileFormatError("card.csv: no scorecard")

    monkeypatch.setattr(answer, "accepted", broken)
    monkeypatch.setattr(answer, "reproduce", None)
    outcome = seneca_sim("reproduce", "pj-per-sop", "-o", tmp_path / "out")
    assert (outcome.code, outcome.out, outcome.err) == (2, "", "seneca-sim: card.csv: no scorecard\n")
    assert not (tmp_path / "out").exists()


def test_a_scorecard_that_cannot_be_written_is_told_before_anything_is_run(seneca_sim, tmp_path, monkeypatch):  # noqa: F811
    from seneca_sim.reproduce import answer

    (tmp_path / "file").write_text("", encoding="utf-8")
    card = tmp_path / "file" / "card.csv"
    monkeypatch.setattr(answer, "SCORECARD", card)
    monkeypatch.setattr(answer, "reproduce", None)
    outcome = seneca_sim("reproduce", "pj-per-sop", "--accept")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        f"seneca-sim: '{card}' cannot be written: '{tmp_path}/file' is a file; choose another place: scorecards are accepted in a "
        "clone of the project\n"
    )


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (999.96, "1000"), (-3.0, "-3"), (1e-9, "1e-09")])
def test_numbers_are_printed_with_four_digits(value, text):
    assert number_text(value) == text

"""Tables beside the accepted scorecard: what moves is told, before and after; only accepting changes the file."""

import dataclasses

import pytest

from seneca_sim.errors import FileFormatError, RequestError
from seneca_sim.reproduce import TABLES
from seneca_sim.reproduce.citations import load_published, published_names
from seneca_sim.reproduce.rows import FIELDS, Reproduction, Row
from seneca_sim.reproduce.scorecard import SCORECARD, accept, accepted, check_acceptable, moved, rows_csv

ROWS = (
    Row("t", "first", "energy", "mJ", 40.0, 39.0, "derived", "a talk"),
    Row("t", "second", "latency", "ms", None, 1 / 3, "predicted", "chip seneca"),
    Row("t", "third", "cores", "cores", 7.0, None, "cited", "a talk"),
)
TABLE = Reproduction("t", "a table", ROWS)


@pytest.fixture
def card(tmp_path):
    """Give an accepted scorecard of one table."""
    path = tmp_path / "card.csv"
    assert accept([TABLE], path) == f"accepted: 3 rows of t are in {path}"
    return path


def changed(index, **fields):
    rows = list(ROWS)
    rows[index] = dataclasses.replace(rows[index], **fields)
    return Reproduction("t", "a table", tuple(rows))


def test_a_table_that_was_accepted_has_not_moved(card):
    assert moved([TABLE], card) == ()
    assert card.read_bytes() == rows_csv(ROWS)


@pytest.mark.parametrize(
    ("index", "fields", "told"),
    [
        (0, {"ours": 39.5}, "t: first: energy [mJ]: ours was 39, is 39.5"),
        (0, {"published": 41.0}, "t: first: energy [mJ]: published was 40, is 41"),
        (0, {"status": "predicted"}, "t: first: energy [mJ]: status was derived, is predicted"),
        (1, {"ours": None}, "t: second: latency [ms]: ours was 0.333333333, is missing"),
        (1, {"source": "nowhere"}, "t: second: latency [ms]: source was chip seneca, is nowhere"),
        (2, {"ours": 7.0}, "t: third: cores [cores]: ours was missing, is 7"),
    ],
)
def test_a_row_that_moves_is_told_with_before_and_after(card, index, fields, told):
    assert moved([changed(index, **fields)], card) == (told,)


def test_rows_that_come_and_go_are_told(card):
    renamed = changed(0, row="other")
    assert moved([renamed], card) == (
        "t: other: energy [mJ]: is new: 39 (derived)",
        "t: first: energy [mJ]: was 39 (derived), is gone",
    )


def test_the_last_digit_of_the_file_is_no_move(card):
    assert moved([changed(1, ours=0.33333333334)], card) == ()
    assert moved([changed(0, ours=39.0 * (1 + 2e-6))], card) != ()


def test_accepting_replaces_the_rows_of_its_tables_and_keeps_others(card):
    other = Reproduction("a", "another", (dataclasses.replace(ROWS[0], table="a"),))
    accept([other], card)
    accept([changed(0, ours=38.0)], card)
    assert [key[:2] for key in accepted(card)] == [("a", "first"), ("t", "first"), ("t", "second"), ("t", "third")]
    assert accepted(card)["t", "first", "energy", "mJ"]["ours"] == "38"


def test_what_is_no_scorecard_is_refused(tmp_path):
    path = tmp_path / "card.csv"
    with pytest.raises(FileFormatError) as error:
        accepted(path)
    assert str(error.value).startswith(f"{path}: the accepted scorecard cannot be read: ")
    for text in ("table,row\nt,first\n", "garbage\n", ""):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(FileFormatError) as error:
            accept([TABLE], path)
        assert str(error.value) == f"{path}: no scorecard: expected the columns {', '.join(FIELDS)}"
        assert path.read_text(encoding="utf-8") == text


def test_lines_of_a_scorecard_that_are_none_are_told_all_at_once(card):
    head, first, second, third = card.read_text(encoding="utf-8").splitlines()
    card.write_text("\n".join((head, first.replace(",40,", ",forty,", 1), second[:20], third)), encoding="utf-8")
    with pytest.raises(FileFormatError) as error:
        moved([TABLE], card)
    assert str(error.value) == (
        f"{card}:2: published: expected a number or nothing, got 'forty'\n{card}:3: expected 9 cells, got 5"
    )


def test_a_scorecard_that_cannot_be_written_says_where_to_accept(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RequestError) as error:
        accept([TABLE], tmp_path / "file" / "card.csv")
    assert str(error.value) == (
        f"'{tmp_path}/file/card.csv' cannot be written: file exists; choose another place: scorecards are accepted in a clone "
        "of the project"
    )


def test_whether_a_scorecard_can_be_written_is_known_before(card, tmp_path, monkeypatch):
    check_acceptable(card)
    check_acceptable(tmp_path / "new" / "card.csv")
    assert not (tmp_path / "new").exists()
    with pytest.raises(RequestError) as folder:
        check_acceptable(tmp_path)
    assert str(folder.value).startswith(
        f"'{tmp_path}' cannot be written: it is a folder; name a file in it: scorecards are"
    )
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(RequestError) as denied:
        check_acceptable(card)
    assert str(denied.value) == (
        f"'{card}' cannot be written: permission denied; choose another place: scorecards are accepted in a clone of the project"
    )


def test_the_accepted_scorecard_has_rows_of_every_table():
    assert {key[0] for key in accepted(SCORECARD)} == set(TABLES)


def test_every_table_has_cited_values_and_every_cited_table_is_computed():
    assert set(published_names()) >= set(TABLES)


@pytest.mark.parametrize("name", list(TABLES))
def test_cited_rows_have_sources_and_names_of_their_own(name):
    rows = load_published(name).rows
    assert all(row.source and row.values for row in rows)
    assert len({row.row for row in rows}) == len(rows)

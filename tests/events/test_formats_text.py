"""CSV files, which are read by pandas if they are large and line by line if they are small or broken: both read the same."""

import numpy as np
import pytest

from seneca_sim.errors import SenecaError
from seneca_sim.events import open_recording, read_events
from seneca_sim.events.formats import csv
from tests.events import writers


@pytest.fixture(params=[0, 1 << 20], ids=["pandas", "lines"])
def reader(request, monkeypatch):
    """Choose who reads a small file."""
    monkeypatch.setattr(csv, "SMALL", request.param)


def events_of(path, size=2):
    """Return the events of a file as tuples, and check that blocks hold the same."""
    stream = read_events(path)
    whole = list(zip(*(c.tolist() for c in (stream.t_us, stream.x, stream.y, stream.p)), strict=True))
    columns = [(block.t_us, block.x, block.y, block.p) for block in open_recording(path).blocks(size)]
    assert [event for block in columns for event in zip(*(c.tolist() for c in block), strict=True)] == whole
    return whole


SOUND = {
    "plain": "t,x,y,p\n1,2,3,1\n4,5,6,0\n7,8,9,1\n",
    "no last line end": "t,x,y,p\n1,2,3,1\n4,5,6,0\n7,8,9,1",
    "carriage returns": "t,x,y,p\r\n1,2,3,1\r\n4,5,6,0\r\n7,8,9,1\r\n",
    "spaces": " t , x,y,p\n 1, 2,3 ,1\n4,5,6,0\n7,8,9,1\n",
    "signs": "t,x,y,p\n1,+2,3,+1\n4,5,6,-1\n7,8,9,1\n",
    "comments": "# made by hand\n# start 3\nt,x,y,p\n# one\n1,2,3,1\n4,5,6,0\n#7,7,7,7\n7,8,9,1\n# end\n",
    "blank lines": "\n\nt,x,y,p\n\n1,2,3,1\n   \n4,5,6,0\n7,8,9,1\n\n\n",
    "other columns": "a,p,y,x,t,b\n0,1,3,2,1,9\n0,0,6,5,4,9\n0,1,9,8,7,9\n",
    "two other columns of one name": "a,p,y,x,t,a\n0,1,3,2,1,9\n0,0,6,5,4,9\n0,1,9,8,7,9\n",
    "whole fractions": "t,x,y,p\n1.0,2,3,1\n4,5.0,6,0\n7e0,8,9,1\n",
    "byte order mark": "\ufefft,x,y,p\n1,2,3,1\n4,5,6,0\n7,8,9,1\n",
}


@pytest.mark.parametrize("case", SOUND)
def test_sound_files_are_read(tmp_path, reader, case):
    (tmp_path / "a.csv").write_bytes(SOUND[case].encode())
    assert events_of(tmp_path / "a.csv") == [(1, 2, 3, 1), (4, 5, 6, 0), (7, 8, 9, 1)]


def expected(line, text):
    return f"a.csv: line {line}: expected integers of 64 bits separated by commas, got {text!r}"


HEAD = "t,x,y,p\n1,2,3,1\n4,5,6,0\n"
BROKEN = {
    "word": (HEAD + "7,8,9,on\n", expected(4, "7,8,9,on")),
    "fraction": (HEAD + "7,8.5,9,1\n", expected(4, "7,8.5,9,1")),
    "infinity": (HEAD + "inf,8,9,1\n", expected(4, "inf,8,9,1")),
    "large exponent": (HEAD + "7e300,8,9,1\n", expected(4, "7e300,8,9,1")),
    "missing number": (HEAD + "7,,9,1\n", expected(4, "7,,9,1")),
    "not a number": (HEAD + "7,nan,9,1\n", expected(4, "7,nan,9,1")),
    "truth": (HEAD + "7,8,9,True\n", expected(4, "7,8,9,True")),
    "quotes": (HEAD + '7,8,9,"1"\n', expected(4, '7,8,9,"1"')),
    "beyond 64 bits": (HEAD + "9223372036854775808,8,9,1\n", expected(4, "9223372036854775808,8,9,1")),
    "before 64 bits": (HEAD + "-9223372036854775809,8,9,1\n", expected(4, "-9223372036854775809,8,9,1")),
    "few columns": (HEAD + "7,8\n", "a.csv: line 4: expected 4 columns, got 2; is the file truncated?"),
    "many columns": (HEAD + "7,8,9,1,5\n", "a.csv: line 4: expected 4 columns, got 5; is the file truncated?"),
    "many columns at once": (
        "t,x,y,p\n7,8,9,1,5\n",
        "a.csv: line 2: expected 4 columns, got 5; is the file truncated?",
    ),
    "no text": (HEAD.encode() + b"7,8,9,\xff\n", "a.csv: byte 30: not UTF-8 text; is this a CSV file?"),
    "after a comment": ("# one\n" + HEAD + "\n# two\n7,8,9,x\n", expected(7, "7,8,9,x")),
}


@pytest.mark.parametrize("case", BROKEN)
def test_the_line_at_fault_is_named(tmp_path, reader, case):
    content, message = BROKEN[case]
    (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SenecaError) as error:
        read_events(tmp_path / "a.csv")
    assert str(error.value) == message


def test_large_files_are_read_by_pandas_up_to_the_line_at_fault(tmp_path):
    events = writers.random_events(120_000)
    lines = [",".join(map(str, event)) for event in zip(*(column.tolist() for column in events), strict=True)]
    path = tmp_path / "a.csv"
    path.write_text("# sensor 34x34\nt,x,y,p\n" + "\n".join(lines))
    assert path.stat().st_size > csv.SMALL
    stream = read_events(path)
    assert all(map(np.array_equal, (stream.t_us, stream.x, stream.y, stream.p), events))
    lines[77_777] = "here it ends"
    path.write_text("# sensor 34x34\nt,x,y,p\n" + "\n".join(lines))
    with pytest.raises(SenecaError) as error:
        list(open_recording(path).blocks(10_000))
    assert str(error.value) == expected(77_780, "here it ends")


def test_a_number_that_only_python_reads_is_read_behind_what_pandas_has_given(tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "SMALL", 0)
    (tmp_path / "a.csv").write_text("t,x,y,p\n1,2,3,1\n4,5,6,0\n1_000,8,9,1\n")
    assert events_of(tmp_path / "a.csv") == [(1, 2, 3, 1), (4, 5, 6, 0), (1000, 8, 9, 1)]

"""NumPy archives of events and frames that are broken or hostile are refused with one sentence; nothing is unpickled."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.robustness.recordings import Trap, archive, content, damaged, frames, header, member

PIECES = np.zeros((3, 2, 20, 20))
CASES = [
    (
        "backwards before 0",
        ".npz",
        archive(t=np.array([5, 3, -1])),
        "broken.npz: event 2 has the negative time -1 us; shift the recording to start at 0",
    ),
    (
        "far future",
        ".npz",
        archive(t=np.array([0, 1, 2**62])),
        (
            "broken.npz: 922337203685478 steps from 0 us to the last event are too many; ask for fewer steps or "
            "longer ones, or state where the recording starts (start_us)"
        ),
    ),
    (
        "float times",
        ".npz",
        archive(t=np.array([0.0, 1.0, np.nan])),
        "broken.npz: array t must be a list of integers, not float64 of shape (3,)",
    ),
    (
        "off the sensor",
        ".npz",
        archive(x=np.array([0, 1, 20])),
        (
            "broken.npz: event 2 at x = 20, y = 19 leaves the sensor of 20x20 pixels; the file is damaged or its "
            "stated size is wrong"
        ),
    ),
    (
        "before the sensor",
        ".npz",
        archive(x=np.array([0, -1, 2])),
        (
            "broken.npz: event 1 at x = -1, y = 1 leaves the sensor of 20x20 pixels; the file is damaged or its "
            "stated size is wrong"
        ),
    ),
    (
        "x beyond 32 bits",
        ".npz",
        archive(x=np.array([0, 1, 2**32])),
        (
            "broken.npz: event 2 at x = 2147483646, y = 19 leaves the sensor of 20x20 pixels; the file is "
            "damaged or its stated size is wrong"
        ),
    ),
    (
        "off the input",
        ".npz",
        archive(y=np.array([0, 1, 20]), width=None),
        (
            "broken.npz: event 2 at x = 19, y = 20 lies outside the network's input of 20x20 pixels (width x "
            "height); use --crop 0,0,20,20 or --resize 20x20"
        ),
    ),
    (
        "other sensor",
        ".npz",
        archive(width=np.int64(34), height=np.int64(34)),
        (
            "broken.npz: the recording has 34x34 pixels (width x height), but the network's input has 20x20; "
            "use --crop 7,7,20,20 or --resize 20x20"
        ),
    ),
    (
        "unequal lengths",
        ".npz",
        archive(x=np.array([0, 1])),
        "broken.npz: t, x, y and p must be equally long, not 3, 2, 3 and 3",
    ),
    (
        "two axes",
        ".npz",
        archive(x=np.array([[0, 1, 2]])),
        "broken.npz: array x must be a list of integers, not int64 of shape (1, 3)",
    ),
    (
        "texts",
        ".npz",
        archive(x=np.array(["a", "b", "c"])),
        "broken.npz: array x must be a list of integers, not <U1 of shape (3,)",
    ),
    ("array missing", ".npz", archive(x=None), "broken.npz: the arrays x are missing; found height, p, t, width, y"),
    ("width 0", ".npz", archive(width=np.int64(0)), "broken.npz: width must be one integer >= 1, not 0"),
    (
        "width of two",
        ".npz",
        archive(width=np.array([20, 20])),
        "broken.npz: width must be one integer >= 1, not [20, 20]",
    ),
    ("width nan", ".npz", archive(width=np.float64(np.nan)), "broken.npz: width must be one integer >= 1, not nan"),
    ("duration 0", ".npz", archive(duration_us=np.int64(0)), "broken.npz: duration_us must be one integer >= 1, not 0"),
    (
        "no event",
        ".npz",
        archive(**dict.fromkeys("txyp", np.zeros(0, int))),
        "broken.npz: no event at or after 0 us; state the number of steps or an earlier start_us",
    ),
    (
        "objects",
        ".npz",
        archive(t=np.array([Trap()], dtype=object)),
        (
            "broken.npz: an array cannot be read safely (Object arrays cannot be loaded when "
            "allow_pickle=False); save plain numbers only"
        ),
    ),
    (
        "records of objects",
        ".npz",
        member(header("(1,)", "|O") + pickle.dumps(Trap())),
        (
            "broken.npz: an array cannot be read safely (Object arrays cannot be loaded when "
            "allow_pickle=False); save plain numbers only"
        ),
    ),
    (
        "a pickle",
        ".npz",
        content(pickle.dumps(Trap())),
        "broken.npz: the archive is truncated or no .npz file (File is not a zip file)",
    ),
    (
        "huge declared shape",
        ".npz",
        member(header("(10**12,)".replace("10**12", str(10**12))) + b"abc"),
        "broken.npz: t.npy states 1000000000000 numbers of 8 bytes, but holds 3 bytes; the file is damaged",
    ),
    (
        "negative shape",
        ".npz",
        member(header("(-5,)") + b"abc"),
        "broken.npz: t.npy states -5 numbers of 8 bytes, but holds 3 bytes; the file is damaged",
    ),
    (
        "header nested",
        ".npz",
        member(header("(" * 3000 + ")" * 3000)),
        (
            "broken.npz: an array cannot be read safely (Cannot parse header: \"{'descr': '<i8', 'fortran_order': "
            "False, 'shape': ((((((((((((((((((((((((((((...); save plain numbers only"
        ),
    ),
    (
        "header open",
        ".npz",
        member(b"\x93NUMPY\x01\x00\xff\x00" + b"(" * 255),
        "broken.npz: the archive is truncated or no .npz file (('EOF in multi-line statement', (2, 0)))",
    ),
    (
        "unknown version",
        ".npz",
        member(b"\x93NUMPY\x09\x00" + b"x" * 99),
        (
            "broken.npz: an array cannot be read safely (EOF: reading array header, expected 2021161080 bytes "
            "got 95); save plain numbers only"
        ),
    ),
    (
        "no array",
        ".npz",
        member(b"hello"),
        (
            "broken.npz: an array cannot be read safely (EOF: reading magic string, expected 8 bytes got 5); "
            "save plain numbers only"
        ),
    ),
    (
        "wrong checksum",
        ".npz",
        damaged(100, b"\xff\xff\xff"),
        "broken.npz: the archive is truncated or no .npz file (Bad CRC-32 for file 't.npy')",
    ),
    (
        "cut archive",
        ".npz",
        lambda path: (archive()(path), path.write_bytes(path.read_bytes()[:200])),
        "broken.npz: the archive is truncated or no .npz file (File is not a zip file)",
    ),
    (
        "empty archive",
        ".npz",
        content(b""),
        "broken.npz: the archive is truncated or no .npz file (File is not a zip file)",
    ),
    (
        "text as archive",
        ".npz",
        content("t,x,y,p\n"),
        "broken.npz: the archive is truncated or no .npz file (File is not a zip file)",
    ),
    (
        "frames of another size",
        ".npz",
        frames(frames=PIECES[:, :, :19]),
        (
            "broken.npz: the frames have 20x19 pixels (width x height), but the input events has 20x20; "
            "use --resize 20x20"
        ),
    ),
    (
        "frames nan",
        ".npz",
        frames(frames=PIECES * np.nan),
        "broken.npz: frame 0 holds a value that is not a finite number",
    ),
    (
        "frames beyond fp32",
        ".npz",
        frames(frames=PIECES + 1e39),
        "broken.npz: frame 0 holds a value that is not a finite number",
    ),
    (
        "frames of values",
        ".npz",
        frames(frames=PIECES + 0.5),
        "broken.npz: the network expects frames of 0 and 1, but values reach from 0.5 to 0.5",
    ),
    ("frames of texts", ".npz", frames(frames=np.array(["a"])), "broken.npz: array frames must hold numbers, not <U1"),
    (
        "frames complex",
        ".npz",
        frames(frames=PIECES * 1j),
        "broken.npz: array frames must hold numbers, not complex128",
    ),
    (
        "frames none",
        ".npz",
        frames(frames=PIECES[:0]),
        "broken.npz: there are 0 frames, but the run asks for 1 step; ask for fewer",
    ),
    (
        "frames layout",
        ".npz",
        frames(frames=PIECES, layout=np.array("HWCT")),
        "broken.npz: layout must be TCHW or THWC, not 'HWCT'",
    ),
    (
        "frames under another name",
        ".npz",
        frames(pictures=PIECES),
        "broken.npz: the arrays t, x, y, p are missing; found pictures",
    ),
]


def command(case):
    """Write the file of a case, and return the command that meets it."""
    path = Path(f"broken{case[1]}")
    case[2](path)
    return "run", "digits-lif", "--events", path


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_broken_archives_are_refused(refused, case):
    refused(case[-1], *command(case))
    assert not Path("trapped").exists()


def test_the_trap_of_these_tests_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Trap()))
    assert Path("trapped").exists()

"""Recordings that are broken, or of another sensor than the network's, are refused with one sentence."""

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.robustness.recordings import Trap, archive, content, dat

CASES = [
    (
        "csv empty",
        ".csv",
        content(""),
        "broken.csv: the file holds no lines; expected a header t,x,y,p and one event a line",
    ),
    (
        "csv without events",
        ".csv",
        content("t,x,y,p\n"),
        "broken.csv: no event at or after 0 us; state the number of steps or an earlier start_us",
    ),
    (
        "csv prose",
        ".csv",
        content("hello world\n"),
        "broken.csv: line 1: the header lacks t, x, y, p; expected the column names t, x, y, p",
    ),
    (
        "csv words",
        ".csv",
        content("t,x,y,p\n0,a,0,1\n"),
        "broken.csv: line 2: expected integers of 64 bits separated by commas, got '0,a,0,1'",
    ),
    (
        "csv fractions",
        ".csv",
        content("t,x,y,p\n0,1.5,0,1\n"),
        "broken.csv: line 2: expected integers of 64 bits separated by commas, got '0,1.5,0,1'",
    ),
    (
        "csv cut",
        ".csv",
        content("t,x,y,p\n0,1\n"),
        "broken.csv: line 2: expected 4 columns, got 2; is the file truncated?",
    ),
    (
        "csv negative",
        ".csv",
        content("t,x,y,p\n0,-1,0,1\n"),
        (
            "broken.csv: event 0 at x = -1, y = 0 leaves the sensor of 1x1 pixels; the file is damaged or its "
            "stated size is wrong"
        ),
    ),
    (
        "csv beyond 64 bits",
        ".csv",
        content("t,x,y,p\n99999999999999999999,1,0,1\n"),
        ("broken.csv: line 2: expected integers of 64 bits separated by commas, got '99999999999999999999,1,0,1'"),
    ),
    (
        "csv long line",
        ".csv",
        content("t,x,y,p\n" + "9" * 5000 + ",1,0,1\n"),
        (
            "broken.csv: line 2: expected integers of 64 bits separated by commas, got "
            "'999999999999999999999999999999999999999999999999999999999999'"
        ),
    ),
    (
        "csv column twice",
        ".csv",
        content("t,t,x,y,p\n0,0,0,0,1\n"),
        "broken.csv: line 1: the header names t more than once; keep one column of each",
    ),
    (
        "csv semicolons",
        ".csv",
        content("t;x;y;p\n0;0;0;1\n"),
        "broken.csv: line 1: the header lacks t, x, y, p; expected the column names t, x, y, p",
    ),
    ("csv binary", ".csv", content(b"\xff\xfe\x00"), "broken.csv: byte 0: not UTF-8 text; is this a CSV file?"),
    ("csv pickle", ".csv", content(pickle.dumps(Trap())), "broken.csv: byte 0: not UTF-8 text; is this a CSV file?"),
    (
        "csv sensor",
        ".csv",
        content("# sensor 0x0\nt,x,y,p\n0,0,0,1\n"),
        "broken.csv: the sensor must be at least 1x1 pixels, not 0x0",
    ),
    (
        "csv long sensor",
        ".csv",
        content("# sensor " + "9" * 5000 + "x1\nt,x,y,p\n0,0,0,1\n"),
        (
            "broken.csv: line 1: expected integers of 64 bits, got '# sensor "
            "999999999999999999999999999999999999999999999999999'"
        ),
    ),
    ("bin empty", ".bin", content(b""), "broken.bin: byte 0: the file is empty; a recording has 5 bytes an event"),
    (
        "bin cut",
        ".bin",
        content(b"abc"),
        (
            "broken.bin: byte 0: the file ends inside event 0, after 3 of its 5 bytes; it is truncated or not in "
            "the N-MNIST format"
        ),
    ),
    (
        "bs2 cut",
        ".bs2",
        content(bytes(11)),
        (
            "broken.bs2: byte 10: the file ends inside event 2, after 1 of its 5 bytes; it is truncated or not "
            "in the N-MNIST format"
        ),
    ),
    (
        "bin of another sensor",
        ".bin",
        content(bytes([200, 10, 0, 0, 0])),
        (
            "broken.bin: event 0 (byte 0) at x = 200, y = 10 lies outside the network's input of 20x20 pixels "
            "(width x height); use --resize 20x20"
        ),
    ),
    (
        "dat empty",
        ".dat",
        content(b""),
        "broken.dat: byte 0: expected the event type and size, but the file ends; it is truncated",
    ),
    (
        "dat header cut",
        ".dat",
        content(b"% Width 20"),
        "broken.dat: byte 0: the header line has no end; the file is truncated",
    ),
    (
        "dat of other events",
        ".dat",
        content(b"% Width 20\n\x09\x08" + bytes(8)),
        (
            "broken.dat: byte 11: expected event type 0 or 12 of 8 bytes, got type 9 of 8 bytes; only 2D and CD "
            "events are read"
        ),
    ),
    (
        "dat cut",
        ".dat",
        dat(0, 0, 0),
        "broken.dat: byte 33: the file ends inside event 1, after 4 of its 8 bytes; it is truncated",
    ),
    (
        "dat off the sensor",
        ".dat",
        dat(0, 100),
        (
            "broken.dat: event 0 (byte 25) at x = 100, y = 0 leaves the sensor of 20x20 pixels; the file is "
            "damaged or its stated size is wrong"
        ),
    ),
    ("dat width 0", ".dat", dat(0, 0, width=b"0"), "broken.dat: the sensor must be at least 1x1 pixels, not 0x20"),
    (
        "raw empty",
        ".raw",
        content(b""),
        "broken.raw: byte 0: the file is empty; expected a RAW recording in EVT2 or EVT3",
    ),
    (
        "raw of another kind",
        ".raw",
        content(b"\xff\xd8\xff\xe0" + bytes(50)),
        "broken.raw: byte 0: there are no header lines (% evt 3.0); expected a RAW recording in EVT2 or EVT3",
    ),
    (
        "raw of an unknown version",
        ".raw",
        content(b"% evt 2.1\n% geometry 20x20\n" + bytes(8)),
        ("broken.raw: the encoding is EVT 2.1; EVT2 and EVT3 are read: convert the recording with Prophesee's tools"),
    ),
    (
        "raw cut",
        ".raw",
        content(b"% evt 3.0\n% geometry 20x20\n" + bytes(7)),
        (
            "broken.raw: byte 33: the file ends inside word 3, after 1 of its 2 bytes; it is truncated, copy it "
            "again or cut it to 33 bytes"
        ),
    ),
    (
        "raw off the sensor",
        ".raw",
        content(b"% evt 2.0\n% geometry 20x20\n" + struct.pack("<3I", 8 << 28, 1 << 28, 20 << 11)),
        (
            "broken.raw: event 1 (byte 35) at x = 20, y = 0 leaves the sensor of 20x20 pixels; the file is damaged "
            "or its stated size is wrong"
        ),
    ),
    (
        "aedat cut",
        ".aedat",
        content(b"#!AER-DAT2.0\r\n# AEChip: x.DVS128\r\n" + bytes(9)),
        "broken.aedat: byte 42: the file ends inside event 1, after 1 of its 8 bytes; it is truncated",
    ),
    (
        "aedat of another version",
        ".aedat",
        content(b"#!AER-DAT1.0\r\n" + bytes(8)),
        "broken.aedat: AEDAT 1.0 is not read; convert the recording to AEDAT 2.0 or 4.0",
    ),
    (
        "aedat4 of another kind",
        ".aedat4",
        content(b"hello"),
        ("broken.aedat4: byte 0: got b'hello'; expected an AEDAT 4 recording, which begins with #!AER-DAT4.0"),
    ),
    (
        "es cut",
        ".es",
        content(b"Event Stream\2\0\0\1" + struct.pack("<2H", 20, 20) + b"\1\0"),
        "broken.es: byte 20: the file ends inside an event, after 2 of its 5 bytes; it is truncated",
    ),
    (
        "unknown suffix",
        ".xyz",
        content(b"x"),
        "broken.xyz: no reader for recordings with the suffix '.xyz'; known are .aedat, .aedat4, .avi, .bin, .bs2, .csv, "
        ".dat, .es, .h5, .hdf5, .mkv, .mov, .mp4, .npy, .npz, .raw, .webm",
    ),
]


def command(case):
    """Write the file of a case, and return the command that meets it."""
    path = Path(f"broken{case[1]}")
    case[2](path)
    return "run", "digits-lif", "--events", path


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_broken_recordings_are_refused(refused, case):
    refused(case[-1], *command(case))
    assert not Path("trapped").exists()


@pytest.mark.parametrize("name", ["sound.npz", "sound.NPZ", "bom.csv"])
def test_sound_files_are_read(seneca_sim, tmp_path, name):
    if name == "bom.csv":
        (tmp_path / name).write_text("\ufefft,x,y,p\n0,0,0,1\n", "utf-8")
    else:
        archive()(tmp_path / "sound.npz")
        (tmp_path / "sound.npz").rename(tmp_path / name)
    assert seneca_sim("events", tmp_path / name).code == 0


def test_a_folder_is_no_recording(refused, tmp_path):
    (tmp_path / "recording.npz").mkdir()
    refused("events: 'recording.npz' is a folder; give the path of a file", "run", "--events", "recording.npz")


def test_frames_are_asked_for_where_frames_are_needed(refused, tmp_path):
    from seneca_sim.graph import Conv2d, GraphBuilder, Input, Output, Relu, save_graph
    from seneca_sim.graph.network import InputContract

    net = GraphBuilder("still", input_contract=InputContract("frame")).add("image", Input((2, 20, 20)))
    save_graph(
        net.add("conv", Conv2d(np.ones((1, 2, 1, 1), np.int8))).add("relu", Relu()).add("output", Output()).graph(),
        "n.h5",
    )
    refused(
        "digits-3.npz: still expects frames, not events; give an .npz file with the key frames (T x channels x rows x columns), "
        "or say what its channels are, such as --input representation=histogram",
        *("run", "n.h5", "--events", "digits"),
    )

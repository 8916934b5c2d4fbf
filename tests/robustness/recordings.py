"""Writers of recordings, sound and broken, and an object that does harm when it is unpickled."""

import os
import struct
import zipfile

import numpy as np

SOUND = {
    "t": np.array([0, 10, 5000]),
    "x": np.array([0, 1, 19]),
    "y": np.array([0, 1, 19]),
    "p": np.array([0, 1, 0]),
    "width": np.int64(20),
    "height": np.int64(20),
}


class Trap:
    """Makes a file when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch trapped",)


def archive(**changed):
    """Return a writer of an archive of events; None leaves an array out."""

    def write(path):
        np.savez(path, **{name: value for name, value in {**SOUND, **changed}.items() if value is not None})

    return write


def frames(**arrays):
    """Return a writer of an archive of frames."""
    return lambda path: np.savez(path, **arrays)


def content(data):
    """Return a writer of plain bytes."""
    return lambda path: path.write_bytes(data if isinstance(data, bytes) else data.encode())


def header(shape, descr="<i8", version=b"\x01\x00"):
    """Return the beginning of a .npy file that states a shape."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text


def member(data, method=zipfile.ZIP_STORED):
    """Return a writer of an archive with one member of these bytes."""

    def write(path):
        with zipfile.ZipFile(path, "w", method) as file:
            file.writestr("t.npy", data)

    return write


def damaged(place, new):
    """Return a writer of a sound archive with other bytes at a place."""

    def write(path):
        archive()(path)
        data = bytearray(path.read_bytes())
        data[place : place + len(new)] = new
        path.write_bytes(data)

    return write


def dat(*words, width=b"20"):
    """Return a writer of a .dat file."""
    return content(b"% Width " + width + b"\n% Height 20\n\x00\x08" + struct.pack(f"<{len(words)}I", *words))

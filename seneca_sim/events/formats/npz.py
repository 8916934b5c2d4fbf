"""NumPy archives: events as arrays t, x, y, p, or frames under the key ``frames``.

Times are in microseconds. Beside events there may be single integers: width and height of the sensor, start_us (where the
first time step begins, 0 by default) and duration_us (the length to feed by default). Frames are (T, channels, rows,
columns), or, where the archive's string ``layout`` says ``THWC``, (T, rows, columns, channels); (T, rows, columns) is one
channel. A network with several inputs takes its frames under the names of its input layers. Pickled objects are refused.
"""

from __future__ import annotations

import lzma
import math
import struct
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import FileFormatError
from seneca_sim.events.stream import EventStream, coordinates

__all__ = ["read", "read_arrays", "save_events"]

MAX_BYTES = 1 << 32
"""Unpacked size above which an archive is refused before anything is unpacked."""


_DAMAGE = (
    *(
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        OSError,
        struct.error,
        KeyError,
        TypeError,
        SyntaxError,
    ),
    *(TokenError, RecursionError),  # headers that are no Python literal
    *(NotImplementedError, RuntimeError),  # a damaged byte that says: encrypted, or compressed in an unknown way
)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive by name; refuse what is not an archive of plain arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            for member in archive.infolist():
                _check_size(path, archive, member)
        if size > MAX_BYTES:
            raise FileFormatError(
                f"{path.name}: the archive unpacks to {size} bytes, more than {MAX_BYTES}; split the recording"
            )
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise FileFormatError(f"{path}: there is no such file") from None
    except _DAMAGE as error:
        raise FileFormatError(f"{path.name}: the archive is truncated or no .npz file ({_reason(error)})") from None
    except ValueError as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            f"{path.name}: an array cannot be read safely ({_reason(error)}); save plain numbers only"
        ) from None


def _reason(error: BaseException) -> str:
    """Return the first line of an error's text, shortened: it may quote the file."""
    text = str(error).partition("\n")[0] or type(error).__name__
    return text if len(text) <= 100 else f"{text[:100]}..."


def _check_size(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse an array whose header states another size than the archive holds: it would be allocated before it is read."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
        held = member.file_size - stream.tell()
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != held:
        raise FileFormatError(
            f"{path.name}: {member.filename} states {math.prod(shape)} numbers of {dtype.itemsize} bytes, but holds {held} bytes; "
            "the file is damaged"
        )


def read(path: Path) -> EventStream:
    """Read a `.npz` file of events."""
    arrays = read_arrays(path)
    missing = [name for name in ("t", "x", "y", "p") if name not in arrays]
    if missing:
        raise FileFormatError(
            f"{path.name}: the arrays {', '.join(missing)} are missing; found {', '.join(sorted(arrays)) or 'none'}"
        )
    for name in ("t", "x", "y", "p"):
        if arrays[name].ndim != 1 or arrays[name].dtype.kind not in "iub":
            raise FileFormatError(
                f"{path.name}: array {name} must be a list of integers, not {arrays[name].dtype} of shape {arrays[name].shape}"
            )
    t, x, y, p = (arrays[name].astype(np.int64) for name in ("t", "x", "y", "p"))
    geometry = {"width", "height"} <= arrays.keys()
    return EventStream(
        t_us=t,
        x=coordinates(x),
        y=coordinates(y),
        p=(p > 0).astype(np.uint8),
        width=_number(path, arrays, "width", 1) if geometry else max(int(x.max(initial=0)) + 1, 1),
        height=_number(path, arrays, "height", 1) if geometry else max(int(y.max(initial=0)) + 1, 1),
        source=path.name,
        geometry_stated=geometry,
        start_us=_number(path, arrays, "start_us", 0),
        duration_us=_number(path, arrays, "duration_us", 1) if "duration_us" in arrays else None,
    )


def _number(path: Path, arrays: dict[str, NDArray[Any]], name: str, least: int) -> int:
    """Return a single integer of an archive, 0 where there is none."""
    array = arrays.get(name, np.int64(0))
    if array.shape != () or array.dtype.kind not in "iu" or int(array) < least * (name in arrays):
        raise FileFormatError(f"{path.name}: {name} must be one integer >= {least}, not {array.tolist()!r}")
    return int(array)


def save_events(path: str | Path, stream: EventStream) -> None:
    """Write a recording as a `.npz` file that `read` reads back; coordinates as 16-bit, times as 64-bit integers."""
    arrays: dict[str, Any] = {
        "t": stream.t_us,
        "x": stream.x.astype(np.uint16),
        "y": stream.y.astype(np.uint16),
        "p": stream.p,
        "width": np.int64(stream.width),
        "height": np.int64(stream.height),
    }
    if stream.start_us:
        arrays["start_us"] = np.int64(stream.start_us)
    if stream.duration_us is not None:
        arrays["duration_us"] = np.int64(stream.duration_us)
    np.savez_compressed(Path(path), allow_pickle=False, **arrays)

"""Reading `.npy` arrays and `.npz` archives of strangers piece by piece: sizes are checked first, nothing is unpickled."""

from __future__ import annotations

import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import FileFormatError, SenecaError

__all__ = ["Header", "array_pieces", "member_names", "open_member", "reading", "read_header", "read_small"]

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

MAX_SMALL = 1000
"""Largest number of items, and of bytes an item, of what should be a single number or a short text."""


class Header(NamedTuple):
    """What an array states of itself."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    """Whether the first axis is the fastest."""


@contextmanager
def reading(path: Path, kind: str = ".npz") -> Iterator[None]:
    """Turn every failure of reading a file of arrays into a `FileFormatError`."""
    what = "archive" if kind == ".npz" else "array"
    try:
        yield
    except SenecaError:
        raise
    except FileNotFoundError:
        raise FileFormatError(f"{path}: there is no such file") from None
    except _DAMAGE as error:
        raise FileFormatError(f"{path.name}: the {what} is truncated or no {kind} file ({_reason(error)})") from None
    except ValueError as error:
        raise FileFormatError(
            f"{path.name}: an array cannot be read safely ({_reason(error)}); save plain numbers only"
        ) from None


def _reason(error: BaseException) -> str:
    """Return the first line of an error's text, shortened: it may quote the file."""
    text = str(error).partition("\n")[0] or type(error).__name__
    return text if len(text) <= 100 else f"{text[:100]}..."


def read_header(path: Path, name: str, stream: IO[bytes], n_bytes: int) -> Header:
    """Return an array's header from a stream of `n_bytes`; refuse one that states another size than there is, and objects."""
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(stream)
    held = n_bytes - stream.tell()
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != held:
        raise FileFormatError(
            f"{path.name}: {name} states {math.prod(shape)} numbers of {dtype.itemsize} bytes, but holds {held} bytes; "
            "the file is damaged"
        )
    return Header(shape, dtype, fortran)


@contextmanager
def open_member(path: Path, archive: zipfile.ZipFile, name: str) -> Iterator[tuple[IO[bytes], Header]]:
    """Give a stream that stands at the first number of an archive's array, and the array's header."""
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as stream:
        header = read_header(path, member.filename, stream, member.file_size)
        if header.dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
        yield stream, header


def member_names(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of an archive's arrays."""
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def read_small(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Return an array of few numbers, or one text."""
    with open_member(path, archive, name) as (stream, header):
        if math.prod(header.shape) > MAX_SMALL or header.dtype.itemsize > MAX_SMALL:
            raise FileFormatError(
                f"{path.name}: {name} must be a single number or short text, not {header.shape} of them"
            )
        data = stream.read(math.prod(header.shape) * header.dtype.itemsize)
        return np.frombuffer(data, header.dtype).reshape(header.shape)


def array_pieces(stream: IO[bytes], header: Header, items: int) -> Iterator[NDArray[Any]]:
    """Yield an array in C order from a stream, `items` along the first axis at a time, and touch the stream's end."""
    length = header.shape[0] if header.shape else 1
    inner = header.shape[1:]
    row_bytes = header.dtype.itemsize * math.prod(inner)
    for first in range(0, length, items):
        n = min(items, length - first)
        data = stream.read(n * row_bytes)
        if len(data) < n * row_bytes:
            raise EOFError(f"the array ends after {first * row_bytes + len(data)} of {length * row_bytes} bytes")
        yield np.frombuffer(data, header.dtype).reshape(n, *inner)
    stream.read(1)  # the checksum is compared at the end

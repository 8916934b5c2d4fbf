"""Reading HDF5 files of strangers: nothing is executed, sizes are bounded, and every refusal says where.

Only hard links are followed, only stored numbers and short texts are read; external, virtual and object data are refused.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from seneca_sim.errors import FileFormatError, SenecaError
from seneca_sim.graph.nodes import Array

__all__ = ["SafeGroup", "open_hdf5"]

MAX_BYTES = 1 << 30
"""Largest array that is read [bytes]."""
MAX_TEXT = 10_000
"""Longest text that is read [bytes or letters]."""
MAX_ENTRIES = 100_000
"""Largest number of entries in a group, and of texts in a list."""
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEAP = b"GCOL\x01\0\0\0"
_PIECE = 1 << 16
"""Bytes of a file that are searched at once."""


@contextmanager
def open_hdf5(path: Path) -> Iterator[SafeGroup]:
    """Open a file for reading and give its root; every failure on the way becomes a `FileFormatError`."""
    import h5py

    _check_bytes(path)
    try:
        with h5py.File(path, "r") as file:
            yield SafeGroup(path, file)
    except SenecaError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        truncated = re.search(r"eof = (\d+).*stored_eof = (\d+)", str(error))
        if truncated:
            raise FileFormatError(
                f"{path}: the file ends at byte {truncated[1]} of {truncated[2]}; it is truncated, copy or export it again"
            ) from error
        reason = str(error).strip("'\"").splitlines()[0] if str(error) else type(error).__name__
        raise FileFormatError(f"{path}: the file is damaged ({reason}); copy or export it again") from error


def _check_bytes(path: Path) -> None:
    """Refuse what cannot be an HDF5 file, by its first bytes."""
    if not path.exists():
        raise FileFormatError(f"{path}: there is no such file; check the path")
    if path.is_dir():
        raise FileFormatError(f"{path}: this is a folder; name a file in it")
    try:
        with path.open("rb") as file:
            head = file.read(len(_SIGNATURE))
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror}; check its permissions") from None
    if not head:
        raise FileFormatError(f"{path}: the file is empty; copy or export it again")
    if head != _SIGNATURE:
        raise FileFormatError(f"{path}: not an HDF5 file: it begins with {head!r}, expected {_SIGNATURE!r}")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _check_heaps(path, data)


def _check_heaps(path: Path, data: mmap.mmap) -> None:
    """Refuse heaps of texts whose objects overrun them or have no size: the HDF5 library can read those for ever.

    A heap is "GCOL", version 1, three zeros and its size (64 bits), then objects: number (16 bits; 0: the rest is free),
    six bytes, size (64 bits; of the free rest with this header), content padded to eight bytes.
    """
    for start in _heaps(data):
        place, end = start + 16, start + int.from_bytes(data[start + 8 : start + 16], "little")
        while place + 16 <= end <= len(data):
            number, size = (
                int.from_bytes(data[place : place + 2], "little"),
                int.from_bytes(data[place + 8 : place + 16], "little"),
            )
            need = 16 + -(-size // 8) * 8 if number else size
            if need < 16 or place + need > end:
                raise FileFormatError(
                    f"{path}: the file is damaged (a text at byte {place} has size {size}); copy or export it again"
                )
            place += need


def _heaps(data: mmap.mmap) -> Iterator[int]:
    """Yield where heaps may begin, piece by piece: searching bytes is several times faster than searching a map of a file."""
    reach = len(_HEAP) - 1
    for first in range(0, len(data), _PIECE):
        piece = data[first : first + _PIECE + reach]
        start = piece.find(_HEAP)
        while start >= 0:
            yield first + start
            start = piece.find(_HEAP, start + len(_HEAP))


class SafeGroup:
    """A group of an open file, from which only bounded numbers and texts can be taken."""

    def __init__(self, path: Path, group: Any) -> None:
        self.path = path
        self.group = group

    @property
    def where(self) -> str:
        """How an error names this group."""
        return f"{self.path}: {self.group.name}"

    def names(self) -> list[str]:
        """Return the names of entries in file order."""
        if len(self.group) > MAX_ENTRIES:
            raise FileFormatError(f"{self.where}: {len(self.group)} entries, at most {MAX_ENTRIES} are read")
        return list(self.group)

    def __contains__(self, name: str) -> bool:
        return name in self.group

    def _entry(self, name: str) -> Any:
        """Return a child that is stored in this file."""
        import h5py

        link = self.group.get(name, getlink=True)
        if link is None:
            raise FileFormatError(f"{self.where}: there is no entry {name!r}; the file is incomplete, export it again")
        if not isinstance(link, h5py.HardLink):
            raise FileFormatError(
                f"{self.where}: the entry {name!r} is a link to elsewhere; only data stored in place is read"
            )
        return self.group[name]

    def child(self, name: str) -> SafeGroup:
        """Return a group in this group."""
        import h5py

        entry = self._entry(name)
        if not isinstance(entry, h5py.Group):
            raise FileFormatError(f"{self.where}: the entry {name!r} is an array, expected a group")
        return SafeGroup(self.path, entry)

    def stored(self, name: str) -> Any:
        """Return a dataset of any size whose data lies in this file, to be read piece by piece."""
        import h5py

        entry = self._entry(name)
        if not isinstance(entry, h5py.Dataset):
            raise FileFormatError(f"{self.where}: the entry {name!r} is a group, expected an array")
        if entry.external or entry.is_virtual:
            raise FileFormatError(
                f"{self.where}: the data of {name!r} lies in other files; only data stored in place is read"
            )
        return entry

    def _dataset(self, name: str) -> Any:
        """Return a dataset whose data lies in this file and is not too large."""
        entry = self.stored(name)
        if entry.shape is None or entry.size * max(1, entry.dtype.itemsize) > MAX_BYTES:
            raise FileFormatError(
                f"{self.where}: {name!r} has shape {entry.shape}, arrays are read up to {MAX_BYTES} bytes"
            )
        return entry

    def array(self, name: str) -> Array:
        """Return an array of integers, floats or bools."""
        entry = self._dataset(name)
        if entry.dtype.kind not in "iufb" or entry.dtype.itemsize > 8:
            raise FileFormatError(f"{self.where}: {name!r} holds {entry.dtype}, expected numbers")
        values = np.asarray(entry[()])
        return values.astype(values.dtype.newbyteorder("="))

    def text(self, name: str) -> str:
        """Return one text, also from a list of one."""
        entry = self._dataset(name)
        if entry.shape not in ((), (1,)) or not self._is_text(entry):
            raise FileFormatError(
                f"{self.where}: {name!r} must be one text, it has type {entry.dtype} and shape {entry.shape}"
            )
        return self._decoded(name, entry[()] if entry.shape == () else entry[0])

    def text_pairs(self, name: str) -> list[tuple[str, str]]:
        """Return a list of pairs of texts."""
        entry = self._dataset(name)
        if entry.size == 0:
            return []
        if entry.ndim != 2 or entry.shape[1] != 2 or entry.shape[0] > MAX_ENTRIES or not self._is_text(entry):
            raise FileFormatError(
                f"{self.where}: {name!r} must be pairs of texts, it has type {entry.dtype} and shape {entry.shape}"
            )
        return [(self._decoded(name, source), self._decoded(name, target)) for source, target in entry[()]]

    def has_attribute(self, name: str) -> bool:
        """Return whether there is an attribute of this name."""
        return name in self.group.attrs

    def attributes(self) -> dict[str, int | float | str | tuple[int, ...] | tuple[float, ...]]:
        """Return all attributes: numbers, texts of fixed length, and short lists of numbers as tuples."""
        if len(self.group.attrs) > MAX_ENTRIES:
            raise FileFormatError(f"{self.where}: {len(self.group.attrs)} attributes, at most {MAX_ENTRIES} are read")
        return {name: self._attribute(name) for name in self.group.attrs}

    def _attribute(self, name: str) -> int | float | str | tuple[int, ...] | tuple[float, ...]:
        stored = self.group.attrs.get_id(name)
        shape, dtype = stored.shape, stored.dtype
        if shape == () and dtype.kind == "S":
            return self._decoded(name, self.group.attrs[name])
        if shape == () and dtype.kind in "iuf":
            value: int | float = self.group.attrs[name].item()
            return value
        if shape is not None and len(shape) == 1 and shape[0] <= 16 and dtype.kind in "iuf":
            return tuple(number.item() for number in self.group.attrs[name])
        raise FileFormatError(
            f"{self.where}: the attribute {name!r} has type {dtype} and shape {shape}, expected a number or a text of fixed length"
        )

    def is_text(self, name: str) -> bool:
        """Return whether an entry is one text."""
        entry = self._dataset(name)
        return entry.shape in ((), (1,)) and self._is_text(entry)

    def _is_text(self, entry: Any) -> bool:
        import h5py

        return entry.dtype.kind == "S" or h5py.check_string_dtype(entry.dtype) is not None

    def _decoded(self, name: str, value: Any) -> str:
        if len(value) > MAX_TEXT:
            raise FileFormatError(
                f"{self.where}: {name!r} holds a text of {len(value)} letters, at most {MAX_TEXT} are read"
            )
        try:
            return value.decode() if isinstance(value, bytes) else str(value)
        except UnicodeDecodeError:
            raise FileFormatError(f"{self.where}: {name!r} holds a text that is not UTF-8: {value[:40]!r}") from None

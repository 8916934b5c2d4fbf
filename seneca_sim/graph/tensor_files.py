"""Arrays by name from files of weights: NumPy's .npz, safetensors, and zipped PyTorch checkpoints, none of which is executed.

A PyTorch checkpoint holds a pickle that describes tensors. It is read by an unpickler that knows the handful of functions that
describe tensors, builds plain records with them, and refuses every other name; no code of the file or of torch runs.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import FileFormatError

__all__ = ["DAMAGE", "StoredArray", "read_arrays"]

Array = NDArray[Any]

_LONGEST_HEADER = 100 << 20
_SAFETENSORS = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?",
    "BF16": "bf16",
}  # fmt: skip
_STORAGES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "bf16", "LongStorage": "<i8",
    "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip


DAMAGE: tuple[type[Exception], ...] = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError),
    *(AttributeError, ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError),
)
"""What reading a damaged archive, header or description can raise."""


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array in a file, read when it is needed."""

    shape: tuple[int, ...]
    read: Callable[[], Array]


def read_arrays(path: Path) -> dict[str, StoredArray]:
    """Return the arrays of a file by name; the content decides the format. Raises `FileFormatError` for anything else."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
            description = next((name for name in names if name.endswith("/data.pkl") or name == "data.pkl"), None)
            return _npz_arrays(path) if description is None else _torch_arrays(path, description)
        if start[8:9] == b"{":
            return _safetensors_arrays(path, int.from_bytes(start[:8], "little"))
    except FileFormatError:
        raise
    except DAMAGE as error:
        raise FileFormatError(f"{path}: damaged or not a file of weights ({error}); save the weights again") from None
    raise FileFormatError(
        f"{path}: neither .npz, nor safetensors, nor a zipped PyTorch checkpoint; write the arrays with "
        "numpy.savez(path, **{name: tensor.numpy() for name, tensor in model.state_dict().items()})"
    )


def _npz_arrays(path: Path) -> dict[str, StoredArray]:
    """Return the arrays of a NumPy archive, with the shapes that their headers state."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if not member.endswith(".npy"):
                raise FileFormatError(f"{path}: {member!r} in the archive is no array; write it with numpy.savez")
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
            if dtype.hasobject:
                raise FileFormatError(f"{path}: {member!r} holds Python objects, not numbers; write plain arrays")
            found[member.removesuffix(".npy")] = StoredArray(shape, _npy_reader(path, member))
    return found


def _npy_reader(path: Path, member: str) -> Callable[[], Array]:
    """Return a function that reads one array of an archive."""

    def read() -> Array:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            array: Array = np.lib.format.read_array(file, allow_pickle=False)
        return array

    return read


def _safetensors_arrays(path: Path, length: int) -> dict[str, StoredArray]:
    """Return the arrays of a safetensors file: a JSON header of types, shapes and places, then the numbers."""
    if length > min(_LONGEST_HEADER, path.stat().st_size):
        raise ValueError(f"a header of {length} bytes")
    with path.open("rb") as file:
        file.seek(8)
        header: dict[str, Any] = json.loads(file.read(length))
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        kind, shape, (begin, end) = _SAFETENSORS[entry["dtype"]], tuple(map(int, entry["shape"])), entry["data_offsets"]
        if end - begin != prod(shape) * _width(kind) or 8 + length + end > path.stat().st_size:
            raise ValueError(f"{name}: {end - begin} bytes for shape {shape}")
        found[name] = StoredArray(shape, _bytes_reader(path, 8 + length + begin, kind, shape))
    return found


def _bytes_reader(path: Path, place: int, kind: str, shape: tuple[int, ...]) -> Callable[[], Array]:
    """Return a function that reads an array at a place of a file."""

    def read() -> Array:
        with path.open("rb") as file:
            file.seek(place)
            return _numbers(file.read(prod(shape) * _width(kind)), kind).reshape(shape)

    return read


def _width(kind: str) -> int:
    """Return the bytes of a number."""
    return 2 if kind == "bf16" else np.dtype(kind).itemsize


def _numbers(data: bytes, kind: str) -> Array:
    """Return bytes as numbers; bf16 becomes float32."""
    if kind == "bf16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(data, kind)


@dataclass(frozen=True, slots=True)
class _Storage:
    """Where the numbers of a tensor are: a member of the archive."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor as its pickle describes it."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _Tensor:
    """Stand for torch._utils._rebuild_tensor_v2."""
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _parameter(data: _Tensor, *_: Any) -> _Tensor:
    """Stand for torch._utils._rebuild_parameter."""
    return data


class _Describer(pickle.Unpickler):
    """Reads descriptions of tensors and nothing else."""

    def __init__(self, path: Path, file: io.BytesIO) -> None:
        super().__init__(file)
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        known: dict[tuple[str, str], Any] = {
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
            ("collections", "OrderedDict"): OrderedDict,
        }
        if module in ("torch", "torch.storage") and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) not in known:
            raise FileFormatError(
                f"{self._path}: holds {module}.{name}, not only tensors, and is not executed; save model.state_dict() alone, or "
                "its arrays with numpy.savez"
            )
        return known[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        """Return the storage that a tensor refers to: ("storage", type, key, device, size)."""
        kind, key = pid[1], pid[2]
        if kind not in _STORAGES.values():
            raise ValueError(f"numbers of type {kind!r}")
        return _Storage(kind, str(key))


def _torch_arrays(path: Path, description: str) -> dict[str, StoredArray]:
    """Return the tensors of a zipped PyTorch checkpoint; a `state_dict` inside a dictionary of other things is found."""
    with zipfile.ZipFile(path) as archive:
        content = _Describer(path, io.BytesIO(archive.read(description))).load()
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    folder = description.removesuffix("data.pkl")
    if not isinstance(content, Mapping) or not all(isinstance(value, _Tensor) for value in content.values()):
        raise FileFormatError(f"{path}: not a dictionary of tensors alone; save model.state_dict()")
    return {
        str(name): StoredArray(tensor.shape, _tensor_reader(path, f"{folder}data/{tensor.storage.key}", tensor))
        for name, tensor in content.items()
    }


def _tensor_reader(path: Path, member: str, tensor: _Tensor) -> Callable[[], Array]:
    """Return a function that reads a tensor from its storage."""

    def read() -> Array:
        with zipfile.ZipFile(path) as archive:
            numbers = _numbers(archive.read(member), tensor.storage.kind)
        steps = zip(tensor.shape, tensor.strides, strict=True)
        last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
        if min(tensor.offset, *tensor.strides, 0) < 0 or (0 not in tensor.shape and last >= len(numbers)):
            raise FileFormatError(f"{path}: {member} is cut short; save the weights again")
        strides = [stride * numbers.itemsize for stride in tensor.strides]
        return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False).copy()

    return read

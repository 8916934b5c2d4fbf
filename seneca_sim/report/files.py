"""Files of a result folder: written whole or not at all, with the same bytes for the same content."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import shutil
import tempfile
import zipfile
from collections.abc import Mapping as Dictionary
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import FileFormatError, RequestError
from seneca_sim.units import rounded
from seneca_sim.whole_file import refusal

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["array_bytes", "check_writable", "csv_bytes", "json_text", "sha256_of", "write_folder"]

_FIXED_DATE = (1980, 1, 1, 0, 0, 0)


def json_text(value: object) -> str:
    r"""Return JSON in the order of the fields, with twelve significant digits and null for what is missing.

    >>> json_text({"energy_uj": 0.1 + 0.2, "first_output_us": float("nan")})
    '{\n  "energy_uj": 0.3,\n  "first_output_us": null\n}\n'
    """
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Return a value as JSON types, floats rounded and NaN as None."""
    match value:
        case Dictionary():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case float():
            return rounded(value) if math.isfinite(value) else None
        case _:
            return value


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as CSV: UTF-8, newline ends, twelve significant digits, empty where a value is missing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.itertuples(index=False, name=None):
        writer.writerow([_cell(value) for value in row])
    return text.getvalue().encode()


def _cell(value: object) -> str:
    """Return the text of one CSV cell."""
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        return f"{value:.12g}" if math.isfinite(value) else ""
    return str(value)


def array_bytes(arrays: Dictionary[str, NDArray[np.generic]]) -> bytes:
    """Return arrays as an .npz file that depends on nothing but them: sorted names, fixed dates."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _FIXED_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, member.getvalue())
    return buffer.getvalue()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file; raises `FileFormatError` if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror}") from None


def check_writable(folder: Path, option: str = "-o") -> None:
    """Raise `RequestError` if a folder that may not exist yet could not be written, before hours are spent on its content.

    `option` is the one that names it.
    """
    reason = refusal(folder)
    if reason:
        raise _unwritable(folder, reason, option)


def _unwritable(folder: Path, reason: str, option: str = "-o") -> RequestError:
    """Return the error of a folder that cannot be written."""
    return RequestError(f"output folder {str(folder)!r} cannot be written: {reason}; choose another with {option}")


def write_folder(folder: Path, files: Dictionary[str, bytes]) -> None:
    """Write files into a folder, each complete before any takes its place; other files in the folder stay.

    Raises `RequestError` if the folder cannot be written; then nothing in it has changed.
    """
    check_writable(folder)
    staging: Path | None = None
    for name in files:
        if (folder / name).exists() and not (folder / name).is_file():
            raise _unwritable(folder, f"{name} in it is no regular file")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".seneca-", dir=folder))
        for name, content in files.items():
            (staging / name).write_bytes(content)
        for name in files:
            (staging / name).replace(folder / name)
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)

"""The stored record of a run: `counts.npz`, from which every table and price of the run can be computed again.

Arrays under their own names, and one UTF-8 JSON text (`header`) for everything else. Read without pickle; the header is
validated against its types, so a file from a stranger can at worst be refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from seneca_sim.chip import Chip
from seneca_sim.engine.counts import CORE_STATES, INLET_COUNTERS, PART_COUNTERS, STEP_TIMES, Counts
from seneca_sim.errors import FileFormatError, ResultError
from seneca_sim.events.formats.npz import read_arrays
from seneca_sim.mapping.types import Mapping
from seneca_sim.report.columns import MEMORY_KINDS
from seneca_sim.report.files import array_bytes
from seneca_sim.report.record import Activity, LayerFacts, Record, Run

__all__ = ["load_record", "record_bytes"]

FORMAT = 1
LARGEST = 1 << 53
"""Largest count or time that is read, so that sums stay within 64 bits."""
_COUNTS = tuple(field.name for field in fields(Counts) if field.name != "makespan")
_ACTIVITY = tuple(field.name for field in fields(Activity) if field.name != "class_scores")


@dataclass(frozen=True, slots=True)
class _Header:
    """What is not an array."""

    format: int
    makespan: int
    run: Run
    chip: Chip
    layers: tuple[LayerFacts, ...]
    mapping: Mapping


def record_bytes(record: Record) -> bytes:
    """Return the content of `counts.npz`."""
    header = _Header(FORMAT, record.counts.makespan, record.run, record.chip, record.layers, record.mapping)
    text = json.dumps(TypeAdapter(_Header).dump_python(header, mode="json"), sort_keys=True, separators=(",", ":"))
    arrays: dict[str, NDArray[np.generic]] = {
        "header": np.frombuffer(text.encode(), dtype=np.uint8),
        "memory": record.memory,
        **{f"counts_{name}": getattr(record.counts, name) for name in _COUNTS},
        **{f"activity_{name}": getattr(record.activity, name) for name in _ACTIVITY},
    }
    if record.activity.class_scores is not None:
        arrays["activity_class_scores"] = record.activity.class_scores
    return array_bytes(arrays)


def load_record(folder: Path | str) -> Record:
    """Read the record of a result folder."""
    path = Path(folder) / "counts.npz"
    if not path.is_file():
        raise ResultError(
            f"{str(folder)!r} holds no counts.npz; expected a folder written by `seneca-sim run ... -o DIR`"
        )
    try:
        arrays = read_arrays(path)
        header = TypeAdapter(_Header).validate_json(arrays.pop("header").tobytes())
    except (FileFormatError, ValidationError, KeyError) as error:
        raise ResultError(
            f"{str(path)!r} is not a stored result: {_reason(error)}; run the simulation again with -o"
        ) from None
    if header.format != FORMAT:
        raise ResultError(
            f"{str(path)!r} has format {header.format}, this version reads format {FORMAT}; run the simulation again"
        )
    damage = _array_damage(header, arrays) or _header_damage(header, len(arrays["counts_steps"]))
    if damage is not None:
        raise ResultError(f"{str(path)!r} is damaged: {damage}; run the simulation again")
    counts = Counts(makespan=header.makespan, **{name: arrays[f"counts_{name}"] for name in _COUNTS})
    activity = Activity(
        **{name: arrays[f"activity_{name}"] for name in _ACTIVITY}, class_scores=arrays.get("activity_class_scores")
    )
    return Record(header.run, header.chip, header.layers, header.mapping, arrays["memory"], activity, counts)


def _reason(error: FileFormatError | ValidationError | KeyError) -> str:
    """Return why a file is no stored result."""
    if isinstance(error, FileFormatError):
        return str(error).removeprefix("counts.npz: ")
    if isinstance(error, KeyError):
        return f"the array {error} is missing"
    first = error.errors(include_url=False)[0]
    return ": ".join(["header", *(".".join(map(str, first["loc"])),) * bool(first["loc"]), first["msg"]])


def _array_damage(header: _Header, arrays: dict[str, NDArray[np.generic]]) -> str | None:
    """Return what is wrong with the arrays, given what the header implies; None if nothing is."""
    steps = len(arrays["counts_steps"]) if "counts_steps" in arrays and arrays["counts_steps"].ndim else 0
    if steps == 0:
        return "array counts_steps holds no step"
    for name, shape in _shapes(header, steps).items():
        array = arrays.get(name)
        if array is None or array.shape != shape:
            return f"array {name} has shape {None if array is None else array.shape}, expected {shape}"
        if array.dtype != np.int64:
            return f"array {name} holds {array.dtype}, expected int64"
        if array.size and not -1 <= array.min() <= array.max() <= LARGEST:
            return f"array {name} holds numbers from {array.min()} to {array.max()}, expected -1 to {LARGEST}"
    scores = arrays.get("activity_class_scores")
    if scores is not None and (scores.dtype != np.float64 or scores.ndim != 1 or not np.isfinite(scores).all()):
        return "array activity_class_scores is no list of finite numbers"
    return None


def _shapes(header: _Header, steps: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array of counts."""
    parts, layers, cores = header.mapping.parts, header.layers, len(header.mapping.place)
    inlets = sum(len(layers[part.layer].edges) for part in parts if 0 <= part.layer < len(layers))
    columns, rows = header.mapping.mesh
    return {
        "memory": (len(parts), len(MEMORY_KINDS)),
        "counts_parts": (steps, len(parts), len(PART_COUNTERS)),
        "counts_part_times": (steps, len(parts), 3),
        "counts_inlets": (steps, inlets, len(INLET_COUNTERS)),
        "counts_cores": (cores, len(CORE_STATES)),
        "counts_npe_busy": (cores,),
        "counts_fifo_max": (cores, 3),
        "counts_links": (rows * columns, 5, 2),
        "counts_host": (steps, 6),
        "counts_steps": (steps, len(STEP_TIMES)),
        **{f"activity_{name}": (steps, len(layers)) for name in _ACTIVITY if name != "sops"},
        "activity_sops": (steps, sum(len(layer.edges) for layer in layers)),
    }


def _header_damage(header: _Header, steps: int) -> str | None:
    """Return what in the header contradicts itself or the number of steps; None if nothing does."""
    layers, mapping, run = header.layers, header.mapping, header.run
    (columns, rows), settings = mapping.mesh, run.request.get("set", [])
    if len({layer.name for layer in layers}) < len(layers):
        return "two layers have the same name"
    if any(not (0 <= x < columns and 0 <= y < rows) for x, y in mapping.place):
        return f"a core lies outside the mesh of {columns} x {rows}"
    for part in mapping.parts:
        if not (0 <= part.layer < len(layers) and 0 <= part.core < len(mapping.place)):
            return "a part names a layer or core that does not exist"
        spans = zip((part.channels, part.rows, part.columns), layers[part.layer].out_shape, strict=True)
        if any(not 0 <= first < end <= size for (first, end), size in spans):
            return f"a part lies outside its layer {layers[part.layer].name}"
    if not 0 <= header.makespan <= LARGEST:
        return f"the makespan is {header.makespan}, expected 0 to {LARGEST}"
    if not 0 <= run.warmup < steps:
        return f"a warmup of {run.warmup} leaves none of {steps} steps"
    if run.step_us is not None and not 0 < run.step_us < float("inf"):
        return f"a step takes {run.step_us} us"
    if not isinstance(settings, list) or any(not isinstance(text, str) for text in settings):
        return "the changes to the chip are no list of texts"
    return None

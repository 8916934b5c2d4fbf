"""The stored record of a run: `counts.npz`, from which every table and price of the run can be computed again.

Arrays under their own names, and one UTF-8 JSON text (`header`) for everything else. Read without pickle; the header is
validated against its types, so a file from a stranger can at worst be refused.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from seneca_sim.chip import Chip
from seneca_sim.engine.counts import CORE_STATES, INLET_COUNTERS, PART_COUNTERS, STEP_TIMES, Counts
from seneca_sim.errors import ResultError
from seneca_sim.mapping.types import Mapping
from seneca_sim.report.columns import MEMORY_KINDS
from seneca_sim.report.files import array_bytes
from seneca_sim.report.record import Activity, LayerFacts, Record, Run

__all__ = ["load_record", "record_bytes"]

FORMAT = 1
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
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = TypeAdapter(_Header).validate_json(arrays.pop("header").tobytes())
    except (ValidationError, ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise ResultError(
            f"{str(path)!r} is not a stored result ({reason}); run the simulation again with -o"
        ) from None
    if header.format != FORMAT:
        raise ResultError(
            f"{str(path)!r} has format {header.format}, this version reads format {FORMAT}; run the simulation again"
        )
    _check_shapes(path, header, arrays)
    counts = Counts(makespan=header.makespan, **{name: arrays[f"counts_{name}"] for name in _COUNTS})
    activity = Activity(
        **{name: arrays[f"activity_{name}"] for name in _ACTIVITY}, class_scores=arrays.get("activity_class_scores")
    )
    return Record(header.run, header.chip, header.layers, header.mapping, arrays["memory"], activity, counts)


def _check_shapes(path: Path, header: _Header, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Raise `ResultError` unless every array is there with the shape that the header implies."""
    parts = header.mapping.parts
    layers, cores = len(header.layers), len(header.mapping.place)
    edges = sum(len(layer.edges) for layer in header.layers)
    if any(not 0 <= part.layer < layers or not 0 <= part.core < cores for part in parts):
        raise ResultError(
            f"{str(path)!r} is damaged: a part names a layer or core that does not exist; run the simulation again"
        )
    inlets = sum(len(header.layers[part.layer].edges) for part in parts)
    steps = len(arrays["counts_steps"]) if "counts_steps" in arrays and arrays["counts_steps"].ndim else 0
    columns, rows = header.mapping.mesh
    shapes = {
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
        **{f"activity_{name}": (steps, layers) for name in _ACTIVITY if name != "sops"},
        "activity_sops": (steps, edges),
    }
    for name, shape in shapes.items():
        found = arrays[name].shape if name in arrays else None
        if found != shape or steps == 0:
            raise ResultError(
                f"{str(path)!r} is damaged: array {name} has shape {found}, expected {shape}; run the simulation again"
            )

"""The tables of a result, in the columns that `columns.py` declares; `frame` makes pandas DataFrames of them."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.counts import CORE_STATES
from seneca_sim.report.columns import (
    COMPONENT_TABLE,
    COMPONENTS,
    CORES,
    LAYERS,
    LINKS,
    MEMORY_KINDS,
    STALL_CAUSES,
    STEPS,
    Column,
)
from seneca_sim.report.energy import Energy
from seneca_sim.report.latency import mean, step_times
from seneca_sim.report.record import Record
from seneca_sim.report.sums import summed
from seneca_sim.report.verdict import layer_loads, layer_verdicts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table", "components_table", "cores_table", "frame", "layers_table", "links_table", "steps_table"]

Table = dict[str, NDArray[Any]]
"""Columns by name, all of one length."""

_DTYPES = {"int": "int64", "float": "float64", "str": "object"}
_STATE = {name: number for number, name in enumerate(CORE_STATES)}
_PORTS = ((0, -1), (1, 0), (0, 1), (-1, 0))
"""Steps in (x, y) of the router ports N, E, S, W."""


def _table(schema: Sequence[Column], values: Dictionary[str, Sequence[object] | NDArray[np.generic]]) -> Table:
    """Return values in the order and types of their schema."""
    return {column.name: np.array(values[column.name], dtype=_DTYPES[column.dtype]) for column in schema}


def frame(table: Table) -> pd.DataFrame:
    """Return a table as a DataFrame."""
    import pandas as pd

    return pd.DataFrame(table)


def _energies(pj: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return the energy columns in µJ of a (rows, components) table in pJ."""
    return {f"energy_{name}_uj": pj[:, number] / 1e6 for number, name in enumerate(COMPONENTS)}


def layers_table(record: Record, energy: Energy) -> Table:
    """Return one row for each layer."""
    layers, activity, run = record.layers, record.activity, record.run
    steps, cycles_us = record.n_steps, record.chip.clock_mhz.value
    events = activity.events.sum(axis=0)
    outputs = np.array([np.prod(layer.out_shape) for layer in layers], dtype=np.float64)
    pixels = np.array([layer.out_shape[1] * layer.out_shape[2] for layer in layers], dtype=np.float64)
    senders = np.array([layer.senders for layer in layers], dtype=np.int64)
    sops, executed = activity.sops.sum(axis=0), record.executed_sops()
    masked = np.where([edge.masked for edge in record.edges], np.maximum(executed - sops, 0), 0)
    added = np.where([edge.kind == "add" for edge in record.edges], sops, 0)
    into = record.layer_of_edge()
    return _table(
        LAYERS,
        {
            "layer": [layer.name for layer in layers],
            "neurons": [layer.neurons for layer in layers],
            "events": events,
            "neuron_density": activity.neuron_events.sum(axis=0) / (senders * steps),
            "pixel_density": activity.positions.sum(axis=0) / (pixels * steps),
            "firing_rate": events / (outputs * steps * (run.step_us if run.step_us else np.nan)) * 1e6,
            "sops": summed(sops, into, len(layers)),
            "sops_executed": summed(executed, into, len(layers)),
            "sops_masked": summed(masked, into, len(layers)),
            "sops_added": summed(added, into, len(layers)),
            "dense_macs": [sum(edge.dense_macs for edge in layer.edges) for layer in layers],
            "cores": [len({part.core for part in record.mapping.parts if part.layer == n}) for n in range(len(layers))],
            "memory_bits": summed(record.memory.sum(axis=1), record.layer_of_part(), len(layers)),
            "energy_uj": energy.layers.sum(axis=1) / 1e6,
            **_energies(energy.layers),
            **_layer_times(record, cycles_us),
            "saturations": activity.saturations.sum(axis=0),
        },
    )


def _layer_times(record: Record, clock_mhz: float) -> dict[str, Sequence[object]]:
    """Return the columns about time of the table of layers."""
    riscv, npe = layer_loads(record)
    verdicts = layer_verdicts(record)
    of_layer = record.layer_of_part()
    counted = slice(record.run.warmup, None)
    first_flit = step_times(record).first_flit[counted, None]
    times = np.where(record.counts.part_times >= 0, record.counts.part_times, np.nan)[counted].astype(np.float64)
    columns: dict[str, list[float]] = {
        name: [] for name in ("busy_us", "start_us", "first_output_us", "end_us", "stall_us")
    }
    for number, (part, _) in enumerate(verdicts):
        own = times[:, of_layer == number]
        if part is None or not own.size:
            for values in columns.values():
                values.append(float("nan"))
            continue
        states = record.counts.cores[record.mapping.parts[part].core]
        stalls = sum(int(states[_STATE[cause]]) for cause in STALL_CAUSES if cause != "input")
        columns["busy_us"].append(max(riscv[part], npe[part]) / clock_mhz)
        columns["start_us"].append(mean(_least(own[:, :, 0] - first_flit)) / clock_mhz)
        columns["first_output_us"].append(mean(_least(own[:, :, 1] - first_flit)) / clock_mhz)
        columns["end_us"].append(mean(-_least(first_flit - own[:, :, 2])) / clock_mhz)
        columns["stall_us"].append(stalls / clock_mhz)
    return {**columns, "bound_by": [bound or "" for _, bound in verdicts]}


def _least(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least time of each row that exists, NaN if none does."""
    least = np.min(np.where(np.isnan(times), np.inf, times), axis=1)
    return np.where(np.isinf(least), np.nan, least)


def cores_table(record: Record, energy: Energy) -> Table:
    """Return one row for each core with a part."""
    counts, clock = record.counts, record.chip.clock_mhz.value
    core_of_part = record.core_of_part()
    mapped = np.unique(core_of_part)
    memory = summed(record.memory, core_of_part, len(counts.cores))
    return _table(
        CORES,
        {
            "core": mapped,
            "x": [record.mapping.place[core][0] for core in mapped],
            "y": [record.mapping.place[core][1] for core in mapped],
            "parts": [_parts_text(record, int(core)) for core in mapped],
            "busy_riscv_us": counts.cores[mapped, _STATE["busy"]] / clock,
            "busy_npe_us": counts.npe_busy[mapped] / clock,
            **{f"stall_{cause}_us": counts.cores[mapped, _STATE[cause]] / clock for cause in STALL_CAUSES},
            "idle_us": counts.cores[mapped, _STATE["idle"]] / clock,
            **{f"memory_{kind}_bits": memory[mapped, number] for number, kind in enumerate(MEMORY_KINDS)},
            "task_fifo_max": counts.fifo_max[mapped, 0],
            "event_fifo_max": counts.fifo_max[mapped, 1],
            "noc_fifo_max": counts.fifo_max[mapped, 2],
            **_energies(energy.cores[mapped]),
        },
    )


def _parts_text(record: Record, core: int) -> str:
    """Return the parts of a core, such as ``conv1[0:16, 0:28, 0:28]``."""
    return " ".join(
        f"{record.layers[part.layer].name}[{', '.join(f'{low}:{high}' for low, high in (part.channels, part.rows, part.columns))}]"
        for part in record.mapping.parts
        if part.core == core
    )


def links_table(record: Record) -> Table:
    """Return one row for each link of the mesh: between routers, to cores, and to the host."""
    columns, rows = record.mapping.mesh
    clock, makespan = record.chip.clock_mhz.value, max(1, record.counts.makespan)
    core_at = {place: core for core, place in enumerate(record.mapping.place)}
    ends: list[tuple[str, str]] = []
    counted: list[NDArray[np.int64]] = []
    for router in range(columns * rows):
        y, x = divmod(router, columns)
        for port in range(5):
            end = _link_end(record, x, y, port, core_at)
            if end is not None:
                ends.append((f"x{x}y{y}", end))
                counted.append(record.counts.links[router, port])
    flits, waited = np.array(counted, dtype=np.int64).reshape(-1, 2).T
    return _table(
        LINKS,
        {
            "from": [start for start, _ in ends],
            "to": [end for _, end in ends],
            "flits": flits,
            "busy_share": flits / makespan,
            "stall_us": waited / clock,
        },
    )


def _link_end(record: Record, x: int, y: int, port: int, core_at: dict[tuple[int, int], int]) -> str | None:
    """Return the name of what an output port of router (x, y) leads to, None where the mesh ends."""
    columns, rows = record.mapping.mesh
    if port == len(_PORTS):
        return f"core {core_at[x, y]}" if (x, y) in core_at else None
    to_x, to_y = x + _PORTS[port][0], y + _PORTS[port][1]
    if to_x == -1 and y in record.mapping.host_rows:
        return "host"
    return f"x{to_x}y{to_y}" if 0 <= to_x < columns and 0 <= to_y < rows else None


def steps_table(record: Record, energy: Energy) -> Table:
    """Return one row for each time step."""
    clock, times = record.chip.clock_mhz.value, step_times(record)
    return _table(
        STEPS,
        {
            "step": np.arange(record.n_steps),
            "release_us": times.release / clock,
            "first_flit_us": times.first_flit / clock,
            "events_in": record.counts.host[:, 3],
            "events_out": record.counts.host[:, 5],
            "sops": record.activity.sops.sum(axis=1),
            "energy_uj": energy.steps.sum(axis=1) / 1e6,
            "first_output_us": times.first_output / clock,
            "latency_us": times.latency / clock,
            "latency_from_release_us": times.latency_from_release / clock,
            "end_us": times.end / clock,
            "interval_us": times.interval / clock,
        },
    )


def components_table(energy: Energy) -> Table:
    """Return one row for each energy component."""
    total = energy.components
    return _table(
        COMPONENT_TABLE,
        {"component": COMPONENTS, "energy_uj": total / 1e6, "share": total / (total.sum() or 1.0)},
    )

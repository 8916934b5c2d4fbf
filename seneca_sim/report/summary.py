"""The summary of a run: every field that `columns.SUMMARY` declares."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.report.columns import COMPONENTS, MEMORY_KINDS
from seneca_sim.report.energy import Energy
from seneca_sim.report.latency import mean, step_times
from seneca_sim.report.record import Record
from seneca_sim.report.verdict import run_verdict

__all__ = ["summarise"]


def summarise(record: Record, energy: Energy) -> dict[str, Any]:
    """Return the summary of a run in plain Python values; what is missing is None or NaN."""
    run, verdict = record.run, run_verdict(record)
    return {
        "chip": record.chip.name,
        "network": run.network,
        "input": run.input,
        "activity_source": run.activity_source,
        "mapping": run.mapping,
        "engine": run.engine,
        "noc": record.chip.timing().noc,
        "order": record.chip.timing().order,
        "seed": run.seed,
        "steps": record.n_steps,
        "warmup": run.warmup,
        **_classes(record),
        **_energies(record, energy),
        **_work(record),
        **_times(record),
        **_memory(record),
        "cores": record.mapping.n_cores,
        "area_mm2": record.mapping.n_cores * record.chip.area.core_mm2.value,
        "bound_by": verdict.bound_by,
        "verdict": verdict.sentence,
        **_first_step(record, energy),
        "assumptions": [*run.assumptions, *chip_assumptions(record)],
        "versions": dict(run.versions),
    }


def _classes(record: Record) -> dict[str, Any]:
    """Return the class that the network recognised, if it is a classifier and ran."""
    scores = record.activity.class_scores
    if scores is None or not record.run.classifies:
        return {"predicted_class": None, "class_scores": None}
    return {"predicted_class": int(np.argmax(scores)), "class_scores": [float(score) for score in scores]}


def _energies(record: Record, energy: Energy) -> dict[str, Any]:
    """Return energies and mean power."""
    components = energy.components / 1e6
    total = float(components.sum())
    sops = int(record.activity.sops.sum())
    powered_us = energy.powered.cycles / record.chip.clock_mhz.value
    return {
        "energy_uj": total,
        "energy_uj_per_step": total / record.n_steps,
        "energy_by_component_uj": dict(zip(COMPONENTS, components.tolist(), strict=True)),
        "energy_static_uj": float(components[COMPONENTS.index("static")]),
        "energy_unassigned_uj": float(energy.unassigned.sum()) / 1e6,
        "pj_per_sop": total * 1e6 / sops if sops else None,
        "mean_power_mw": total / powered_us * 1e3 if powered_us else None,
    }


def _work(record: Record) -> dict[str, Any]:
    """Return synaptic operations and events, of the run and per step."""
    sops, events = int(record.activity.sops.sum()), int(record.activity.events.sum())
    return {
        "sops": sops,
        "sops_per_step": sops / record.n_steps,
        "sops_executed": int(record.executed_sops().sum()),
        "events": events,
        "events_per_step": events / record.n_steps,
        "dense_macs": sum(edge.dense_macs for edge in record.edges),
        "saturations": int(record.activity.saturations.sum()),
    }


def _times(record: Record) -> dict[str, Any]:
    """Return latencies and the interval over the steps after warm-up."""
    clock, times, warmup = record.chip.clock_mhz.value, step_times(record), record.run.warmup
    latency: NDArray[np.float64] = times.latency[warmup:] / clock
    after = max(warmup, min(1, record.n_steps - 1))  # no step ends before the first one: its interval holds the filling
    interval = mean(times.interval[after:]) / clock
    return {
        "latency_us": mean(latency),
        "latency_p50_us": float(np.percentile(latency, 50)),
        "latency_p95_us": float(np.percentile(latency, 95)),
        "latency_max_us": float(latency.max()),
        "latency_from_release_us": mean(times.latency_from_release[warmup:]) / clock,
        "first_output_us": mean(times.first_output[warmup:]) / clock,
        "interval_us": interval,
        "steps_per_s": 1e6 / interval if interval > 0 else None,
    }


def _memory(record: Record) -> dict[str, Any]:
    """Return the reserved data memory, by kind and in all."""
    by_kind = dict(zip(MEMORY_KINDS, record.memory.sum(axis=0).tolist(), strict=True))
    total = sum(by_kind.values())
    return {
        "memory_bits": total,
        "memory_unique_bits": total - by_kind["replicas"],
        "memory_by_kind_bits": by_kind,
    }


def _first_step(record: Record, energy: Energy) -> dict[str, Any]:
    """Return the figures of the first step of a sigma-delta network; None for others."""
    apart = record.run.sigma_delta
    return {
        "first_step_energy_uj": float(energy.steps[0].sum()) / 1e6 if apart else None,
        "first_step_events": int(record.activity.events[0].sum()) if apart else None,
        "first_step_sops": int(record.activity.sops[0].sum()) if apart else None,
        "first_step_latency_us": float(step_times(record).latency[0]) / record.chip.clock_mhz.value if apart else None,
    }


def chip_assumptions(record: Record) -> list[str]:
    """Return how the chip's constants are known: those set by the user one by one, the others counted."""
    constants = record.chip.flat()
    known = Counter(constant.status for constant in constants.values())
    sentences = [
        f"{key} = {constant.value} was set by the user"
        for key, constant in constants.items()
        if constant.status == "set"
    ]
    counted = ", ".join(
        f"{known[status]} {status}" for status in ("published", "derived", "calibrated", "assumed") if known[status]
    )
    return [*sentences, f"chip {record.chip.name}: {counted} constants (seneca-sim show {record.chip.name})"]

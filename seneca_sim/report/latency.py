"""When steps begin and end: latencies and intervals from the step times of the counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.counts import STEP_TIMES
from seneca_sim.report.record import Record

__all__ = ["StepTimes", "mean", "step_times"]


@dataclass(frozen=True, slots=True, eq=False)
class StepTimes:
    """Times of each step in cycles, (T,) each; NaN where there is none."""

    release: NDArray[np.float64]
    first_flit: NDArray[np.float64]
    first_output: NDArray[np.float64]
    """From the first flit to the first output event."""
    latency: NDArray[np.float64]
    """From the first flit to the last output event, or to the end token of a step without output events."""
    latency_from_release: NDArray[np.float64]
    """The same from the release at the host."""
    end: NDArray[np.float64]
    interval: NDArray[np.float64]
    """From the end of the step before."""


def step_times(record: Record) -> StepTimes:
    """Return the times of all steps."""
    column = dict(zip(STEP_TIMES, record.counts.steps.T.astype(np.float64), strict=True))
    release, end = column["release"], column["end"]
    first = np.where(column["first_flit"] >= 0, column["first_flit"], release)
    heard = column["last_output"] >= 0
    last = np.where(heard, column["last_output"], end)
    return StepTimes(
        release=release,
        first_flit=first,
        first_output=np.where(heard, column["first_output"] - first, np.nan),
        latency=last - first,
        latency_from_release=last - release,
        end=end,
        interval=np.diff(end, prepend=0.0),
    )


def mean(values: NDArray[np.float64]) -> float:
    """Return the mean of the values that exist, NaN if none does.

    >>> mean(np.array([1.0, np.nan, 3.0]))
    2.0
    """
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else float("nan")

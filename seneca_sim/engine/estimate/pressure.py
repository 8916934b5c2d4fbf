"""Back-pressure in tables: what consumers must have done before a row may leave (`engine/timing.md` 3 and 10)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.design import Design, Inlet
from seneca_sim.engine.estimate.outline import InletAxis, part_axis

__all__ = ["grants_of", "rooms_of"]

Index = NDArray[np.int64]
Real = NDArray[np.float64]


def grants_of(design: Design, inlet: Inlet, rows: InletAxis) -> Index:
    """Return (T, source rows): how many output rows an inlet's part must have fired, from its first step on, to grant a row."""
    part = design.mapping.parts[inlet.part]
    axis = part_axis(design.network.layers[part.layer], 0, part.rows)
    step = np.arange(design.steps)[:, None]
    if design.timing.order == "conventional":
        return np.where(rows.reached, step * len(axis.windows), 0)
    height = axis.neurons[1] - axis.neurons[0]
    lowest = (step * height + axis.low).ravel()
    wanted = step * height + rows.highest - part.state_rows + 1
    return np.where(rows.reached, np.searchsorted(lowest, wanted), 0)


def rooms_of(flits: Index, item: Index, items: int, held: float) -> tuple[Index, Real]:
    """Return what must have been served of an inlet's items before there is room for each row of some of its producers.

    `flits` (T, R) of these rows, `item` (R,) their items in a step, -1 for none, `items` a step; buffers on the way hold `held`
    flits. Returns (T, R) items through time, -1 where there is room from the start, and shares of them.
    """
    through = np.cumsum(flits)
    before = through - flits.ravel() - held
    at = np.searchsorted(through, before)
    share = np.clip((before - through[at]) / np.maximum(1, flits.ravel()[at]) + 1.0, 0.0, 1.0)
    step, row = np.divmod(at, flits.shape[1])
    last = np.where((before > 0) & (item[row] >= 0), step * items + item[row], -1)
    return last.reshape(flits.shape), share.reshape(flits.shape)

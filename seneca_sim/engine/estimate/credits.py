"""Row credits between every consumer and producer: how many are sent in each step (`engine/timing.md` 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.design import Design, Inlet
from seneca_sim.engine.estimate.outline import InletAxis, PartAxis
from seneca_sim.engine.estimate.reach import Reach

__all__ = ["Credits", "credits_of"]

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Credits:
    """Credits of one inlet to its producers and to host ports."""

    senders: Index
    """(F,) number of the producer in its `Reach`."""
    number: Index
    """(F, steps)"""

    def without(self, reach: Reach, core: int) -> Credits:
        """Return those that leave a core: the others cost nothing."""
        own = (reach.senders[self.senders] >= 0) & (reach.core[self.senders] == core)
        return Credits(self.senders[~own], self.number[~own]) if own.any() else self


def credits_of(
    design: Design, inlet: Inlet, reach: Reach, part: PartAxis, rows: InletAxis, columns: InletAxis
) -> Credits:
    """Return the credits of an inlet: one for each row and producer, without those that are known at cycle 0."""
    wide = np.concatenate([[0], np.cumsum(columns.reached)])
    x, y = reach.boxes[:, 1], reach.boxes[:, 0]
    tall = np.concatenate([[0], np.cumsum(rows.reached)])
    number = tall[y[:, 1]] - tall[y[:, 0]]
    fed = (wide[x[:, 1]] > wide[x[:, 0]]) & (number > 0)
    senders = np.flatnonzero(fed)
    steps, height = design.steps, part.neurons[1] - part.neurons[0]
    if design.timing.flow_control == "none":
        return Credits(senders[:0], np.zeros((0, steps), np.int64))
    if design.timing.order == "conventional":
        known = np.arange(steps) == 0
        return Credits(senders, np.broadcast_to((~known).astype(np.int64), (len(senders), steps)))
    granted = np.zeros((len(senders), steps), np.int64)
    whole = np.ones(len(senders), np.bool_)
    low, high = y[senders].T
    for step in range(steps):
        late = rows.reached & (step * height + rows.highest > design.mapping.parts[inlet.part].state_rows - 1)
        if late[rows.reached].all() or not whole.any():
            break
        place = np.where(late, np.arange(len(late)), len(late))
        first_late = np.append(np.minimum.accumulate(place[::-1])[::-1], len(late))[low]
        granted[:, step] = (tall[np.minimum(first_late, high)] - tall[low]) * whole
        whole &= granted[:, step] == number[senders]
    return Credits(senders, number[senders][:, None] - granted)

"""The machine of rows of a design point (`kernels/rows_machine.py`), and the times that a run leaves in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.work import Work
from seneca_sim.kernels.rows_machine import Machine

__all__ = ["Line", "host_flits", "latencies"]

Real = NDArray[np.float64]
Index = NDArray[np.int64]
Records = NDArray[np.void]


@dataclass(slots=True, eq=False)
class Line:
    """A run of a design point row by row; T steps, R output rows of a part."""

    work: Work
    machine: Machine

    def rows(self, sender: int) -> Records:
        """Return the (T, R) rows of a sender."""
        who = self.machine["senders"][sender]
        at, total = int(who["row_at"]), int(who["total"])
        return self.machine["rows"][at : at + total].reshape(self.work.design.steps, -1)

    def items(self, inlet: int) -> Records:
        """Return the (T, n) items of an inlet."""
        where = self.machine["inlets"][inlet]
        at, number = int(where["item_at"]), int(where["items"])
        steps = self.work.design.steps
        return self.machine["items"][at : at + steps * number].reshape(steps, number)

    def host(self, layer: int) -> int:
        """Return the sender of an input layer."""
        return len(self.machine["senders"]) - len(self.work.design.hosts) + self.work.design.hosts.index(layer)


def latencies(work: Work, source: Index, target: Index) -> Index:
    """Return the cycles from the end of an injection to the arrival of its last flit, between indices of `Design.node`."""
    node = np.array(work.design.node, np.int64)
    hops = np.abs(node[source] - node[target]).sum(axis=-1)
    return np.asarray(np.where(source == target, 0, (hops + 1) * (work.design.timing.router_cycles + 1)), np.int64)


def host_flits(work: Work, layer: int) -> Index:
    """Return (T, rows) flits that the host sends for a layer."""
    packets, reach = work.packets[layer, 0], work.reach[layer, 0]
    reached = packets.at(reach.reached(packets))
    return np.asarray(reached.per_row(reached.flits, 1)[0] + reach.token_reached()[0])

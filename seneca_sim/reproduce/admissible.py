"""Densities that a published total admits, and those of them that load the busiest core most and least.

The lanes of a core work in proportion to the densities of the layers that it receives: load = base + sum of rate x density.
Admitted are all densities within their bounds that cause the published operations, which are linear in them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Admissible", "Loads", "largest_load", "least_load"]

Real = NDArray[np.floating[Any]]
_ROUNDS = 4000
"""Rounds in which the weights of cores settle; the gap to the bound falls with their square root."""


@dataclass(frozen=True, slots=True)
class Loads:
    """What the lanes of each core do in a step, by densities [cycles]."""

    base: Real
    """(cores,) whatever arrives."""
    rates: Real
    """(cores, layers) for each layer that sends with density 1."""

    def of(self, densities: Real) -> Real:
        """Return (cores,) the loads under some densities."""
        return np.asarray(self.base + self.rates @ densities)


@dataclass(frozen=True, slots=True)
class Admissible:
    """Bounds of the densities of layers, and the operations that all of them must sum to."""

    lowest: Real
    """(layers,)"""
    highest: Real
    """(layers,)"""
    operations: Real
    """(layers,) operations that a layer causes when every neuron sends."""
    total: float

    def most(self, rates: Real) -> Real:
        """Return the admitted densities with the largest sum of rate x density (exact: a continuous knapsack).

        >>> Admissible(np.zeros(2), np.ones(2), np.array([2.0, 4.0]), 3.0).most(np.array([1.0, 1.0])).tolist()
        [1.0, 0.25]
        """
        sending = np.flatnonzero(self.operations > 0)
        order = sending[np.argsort(-rates[sending] / self.operations[sending], kind="stable")]
        room = self.operations[order] * (self.highest[order] - self.lowest[order])
        left = self.total - float(self.operations @ self.lowest)
        taken = np.clip(left - (np.cumsum(room) - room), 0.0, room)
        densities = self.lowest.copy()
        densities[order] += taken / self.operations[order]
        return densities


def largest_load(admissible: Admissible, loads: Loads) -> tuple[float, Real]:
    """Return (load, densities): the largest load [cycles] that any core gets under admitted densities."""
    found = [admissible.most(rates) for rates in loads.rates]
    worst = [float(loads.of(densities).max()) for densities in found]
    core = int(np.argmax(worst))
    return worst[core], found[core]


def least_load(admissible: Admissible, loads: Loads) -> tuple[float, float, Real]:
    """Return (load of the busiest core, bound below it, densities) of densities that load the busiest core least [cycles].

    Multiplicative weights: cores bid for relief, and the mean of the densities that serve the bids best comes near the least
    that is possible; no densities can be below the bound.
    """
    scale = largest_load(admissible, loads)[0]
    bids = np.zeros(len(loads.base))
    mean, bound = np.zeros(loads.rates.shape[1]), 0.0
    step = np.sqrt(8 * np.log(max(len(bids), 2)) / _ROUNDS)
    for _ in range(_ROUNDS):
        share = np.exp(bids - bids.max())
        share /= share.sum()
        densities = admissible.most(-(share @ loads.rates))
        found = loads.of(densities)
        bound = max(bound, float(share @ found))
        mean += densities / _ROUNDS
        bids += step * found / max(scale, 1.0)
    return float(loads.of(mean).max()), bound, mean

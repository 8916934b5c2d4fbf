"""The best placement of a few cores, proven: an optional check of annealing by CP-SAT of OR-Tools (extra `ortools`).

The problem is a quadratic assignment. CP-SAT proves it for systems of about a dozen cores within seconds; beyond that
it returns the best placement and the bound that it has when its time ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seneca_sim.errors import MappingError
from seneca_sim.mapping.placement import SHARES, Traffic, flit_hops

__all__ = ["CheckedPlacement", "optimal_placement"]


@dataclass(frozen=True, slots=True)
class CheckedPlacement:
    """A placement and what no placement is below."""

    place: tuple[tuple[int, int], ...]
    flit_hops: float
    """Flits x links per step of the placement (`placement.flit_hops`)."""
    bound: float
    """No placement has fewer."""
    proven: bool
    """Whether the placement is the best there is."""

    def gap(self, found: float) -> float:
        """Return how far another placement's flits x links are above the bound, as a share of it."""
        return found / self.bound - 1 if self.bound else 0.0


def optimal_placement(
    load: Traffic, mesh: tuple[int, int], ports: Sequence[int], *, seconds: float = 10.0
) -> CheckedPlacement:
    """Return the best placement of cores on a mesh that CP-SAT finds within some seconds, and its bound.

    Raises
    ------
    MappingError
        If OR-Tools is not installed, or the mesh is too small.
    """
    number, nodes = len(load.cores), mesh[0] * mesh[1]
    if number > nodes:
        raise MappingError(f"{number} cores do not fit a mesh of {mesh[0]} x {mesh[1]} = {nodes}; use a larger mesh")
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        raise MappingError(
            "the check of placements needs OR-Tools, which is not installed; install seneca-sim[ortools]"
        ) from None
    model = cp_model.CpModel()
    x = [model.new_int_var(0, mesh[0] - 1, f"x{core}") for core in range(number)]
    y = [model.new_int_var(0, mesh[1] - 1, f"y{core}") for core in range(number)]
    model.add_all_different([column + mesh[0] * row for column, row in zip(x, y, strict=True)])
    model.minimize(_way(model, load, mesh, ports, x, y))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise MappingError(f"CP-SAT found no placement of {number} cores within {seconds:g} s; allow more seconds")
    place = tuple((solver.value(column), solver.value(row)) for column, row in zip(x, y, strict=True))
    bound = solver.best_objective_bound / SHARES
    return CheckedPlacement(place, flit_hops(load, place, ports), bound, status == cp_model.OPTIMAL)


def _way(
    model: Any, load: Traffic, mesh: tuple[int, int], ports: Sequence[int], x: Sequence[Any], y: Sequence[Any]
) -> Any:
    """Return the flits x links of a placement, in fractions of a flit."""

    def apart(one: Any, other: Any, most: int, name: str) -> Any:
        distance = model.new_int_var(0, most, name)
        model.add_abs_equality(distance, one - other)
        return distance

    terms = []
    cores, hosts = (np.rint(amount * SHARES).astype(np.int64).tolist() for amount in (load.cores, load.hosts))
    for a in range(len(cores)):
        for b in range(a):
            if cores[a][b]:
                terms.append(cores[a][b] * apart(x[a], x[b], mesh[0] - 1, f"x{a}-{b}"))
                terms.append(cores[a][b] * apart(y[a], y[b], mesh[1] - 1, f"y{a}-{b}"))
        for port, row in enumerate(ports):
            if hosts[a][port]:
                terms.append(hosts[a][port] * (x[a] + 1 + apart(y[a], row, mesh[1] - 1, f"h{a}-{port}")))
    return sum(terms)

"""Annealing of places on a mesh: swaps of two cores, or of a core and an empty place, ever closer to each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import inner_kernel, kernel

__all__ = ["anneal_places"]

Index = NDArray[np.int64]


@inner_kernel
def way_added(
    core: int,
    but: int,
    here: tuple[int, int],
    there: tuple[int, int],
    load: tuple[Index, Index, Index, Index],
    x: Index,
    y: Index,
    ports: Index,
) -> int:
    """Return what moving a core adds to its flits x links to all cores but one, and to the host ports."""
    starts, others, flits, hosts = load
    added = 0
    for index in range(starts[core], starts[core + 1]):
        other = others[index]
        if other != but:
            before = abs(x[other] - here[0]) + abs(y[other] - here[1])
            added += flits[index] * (abs(x[other] - there[0]) + abs(y[other] - there[1]) - before)
    for port in range(len(ports)):
        before = here[0] + abs(here[1] - ports[port])
        added += hosts[core, port] * (there[0] + abs(there[1] - ports[port]) - before)
    return int(added)


@kernel
def anneal_places(
    load: tuple[Index, Index, Index, Index],
    x: Index,
    y: Index,
    mesh: tuple[int, int],
    ports: Index,
    draws: tuple[Index, NDArray[np.float64]],
    schedule: tuple[float, float],
) -> tuple[Index, Index]:
    """Return the places (x, y) with the fewest flits x links that swaps came by.

    `load` is the traffic: others and flits of core c at [starts[c], starts[c + 1]), flits to host ports as (cores, ports). Each
    move has a core and three draws from [0, 1): two for the place to swap with, in a window that shrinks from the mesh to the
    next neighbours, one for the luck of a swap that makes the way longer. `schedule` is (first, last temperature) [flits x links].
    """
    columns, rows = mesh
    first, chance = draws
    hot, cold = schedule
    x, y = x.copy(), y.copy()
    best_x, best_y = x.copy(), y.copy()
    at = np.full(columns * rows, -1, dtype=np.int64)
    for core in range(len(x)):
        at[y[core] * columns + x[core]] = core
    total = least = 0
    for move in range(len(first)):
        done = move / len(first)
        reach = max(1, int(max(columns, rows) * (1.0 - done)))
        core = first[move]
        here = (x[core], y[core])
        there = (
            here[0] - reach + int(chance[0, move] * (2 * reach + 1)),
            here[1] - reach + int(chance[1, move] * (2 * reach + 1)),
        )
        if there == here or not (0 <= there[0] < columns and 0 <= there[1] < rows):
            continue
        other = at[there[1] * columns + there[0]]
        added = way_added(core, other, here, there, load, x, y, ports)
        if other >= 0:
            added += way_added(other, core, there, here, load, x, y, ports)
        if added > 0 and chance[2, move] >= np.exp(-added / (hot * (cold / hot) ** done)):
            continue
        x[core], y[core] = there
        at[there[1] * columns + there[0]] = core
        at[here[1] * columns + here[0]] = other
        if other >= 0:
            x[other], y[other] = here
        total += added
        if total < least:
            least = total
            best_x[:] = x
            best_y[:] = y
    return best_x, best_y

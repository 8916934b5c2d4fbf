"""Energy: the counts of a run times the prices of its chip, one product at the end.

Output work and flits belong to the layer that produces, input work to the layer that consumes, static energy to the layers
of a core by the memory they reserve on it. What belongs to no layer is `unassigned`; layers and unassigned make the total.
Every count is an integer and is split into integers, so the parts of a count add up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.counts import CORE_STATES, INLET_COUNTERS, PART_COUNTERS
from seneca_sim.report.columns import COMPONENTS
from seneca_sim.report.record import Record
from seneca_sim.report.sums import summed
from seneca_sim.report.tariff import HOST_COUNTERS, Charge, tariff

__all__ = ["Energy", "PoweredTime", "price", "powered_time"]

_BUSY = CORE_STATES.index("busy")
_PART_CYCLES = PART_COUNTERS.index("rv_cycles")
_INLET_CYCLES = INLET_COUNTERS.index("rv_cycles")


@dataclass(frozen=True, slots=True, eq=False)
class PoweredTime:
    """Core-cycles by step: when each core is powered, and when its RISC-V waits."""

    cycles: int
    """Cycles in which the chip is powered: to the end of the last step, or steps x period if that is later."""
    static_parts: NDArray[np.int64]
    """(T, P) powered core-cycles that a part answers for: its share of its core's reserved memory."""
    static_free: NDArray[np.int64]
    """(T,) powered core-cycles of cores that hold no reserved memory; where all are powered, of all routers without a part."""
    waiting: NDArray[np.int64]
    """(T, C) cycles in which the RISC-V of a core with parts did not work."""


@dataclass(frozen=True, slots=True, eq=False)
class Energy:
    """Energy in pJ by component (last axis, in the order of `COMPONENTS`)."""

    charges: tuple[Charge, ...]
    powered: PoweredTime
    layers: NDArray[np.float64]
    """(L, components)"""
    unassigned: NDArray[np.float64]
    """(components,)"""
    cores: NDArray[np.float64]
    """(C, components); the energy of host packets is in no core."""
    steps: NDArray[np.float64]
    """(T, components)"""

    @property
    def components(self) -> NDArray[np.float64]:
        """Energy of the run by component, (components,)."""
        total: NDArray[np.float64] = self.layers.sum(axis=0) + self.unassigned
        return total


def powered_time(record: Record) -> PoweredTime:
    """Return who is powered when. A step's share runs from the end of the step before it to its own end."""
    counts, timing = record.counts, record.chip.timing()
    steps = record.n_steps
    ends = np.maximum.accumulate(counts.steps[:, -1])
    ends[-1] = max(int(ends[-1]), steps * timing.period)
    slices = np.diff(ends, prepend=0)
    core_of_part = record.core_of_part()
    reserved = record.memory.sum(axis=1)
    static_parts = np.zeros((steps, len(core_of_part)), dtype=np.int64)
    mapped = np.unique(core_of_part)
    columns, rows = record.mapping.mesh
    free_cores = columns * rows - len(mapped) if record.chip.prices.powered.value == "all" else 0
    for core in mapped:
        parts = np.flatnonzero(core_of_part == core)
        if reserved[parts].sum() > 0:
            static_parts[:, parts] = shares(slices, reserved[parts])
        else:
            free_cores += 1
    waiting = np.zeros((steps, len(counts.cores)), dtype=np.int64)
    waiting[:, mapped] = shares(max(counts.makespan, int(ends[-1])) - counts.cores[mapped, _BUSY], slices).T
    return PoweredTime(int(ends[-1]), static_parts, free_cores * slices, waiting)


def shares(amounts: NDArray[np.int64], weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Split each integer amount by integer weights into integers that add up to it, (amounts, weights).

    >>> shares(np.array([10]), np.array([1, 1, 1])).tolist()
    [[3, 3, 4]]
    """
    total = max(1, int(weights.sum()))
    bounds: NDArray[np.generic] = np.concatenate(([0], np.cumsum(weights)))
    if total > 3_000_000_000:  # the product below would not fit 64 bits
        bounds = bounds.astype(object)
    whole, rest = np.divmod(amounts[:, None], total)
    split: NDArray[np.int64] = np.diff(whole * bounds + rest * bounds // total, axis=1).astype(np.int64)
    return split


def price(record: Record) -> Energy:
    """Multiply the counts of a run with the prices of its chip."""
    charges = tariff(record)
    powered = powered_time(record)
    rates = _Rates(charges, len(record.layers), len(record.edges))
    part, edge = record.inlets()
    layer_of_part, core_of_part = record.layer_of_part(), record.core_of_part()
    counts = record.counts
    parts = np.einsum("pk,pkc->pc", counts.parts.sum(axis=0), rates.part[layer_of_part])
    parts += np.outer(powered.static_parts.sum(axis=0), rates.static)
    inlets = np.einsum("ik,ikc->ic", counts.inlets.sum(axis=0), rates.inlet[edge])
    host = counts.host.sum(axis=0) @ rates.host
    waiting = np.outer(powered.waiting.sum(axis=0), rates.waiting)
    layers = summed(parts, layer_of_part, len(record.layers)) + summed(inlets, layer_of_part[part], len(record.layers))
    unassigned = waiting.sum(axis=0) + powered.static_free.sum() * rates.static
    sender = record.host_layer
    if sender is None:
        unassigned = unassigned + host
    else:
        layers[sender] += host
    n_cores = len(counts.cores)
    cores = waiting + summed(parts, core_of_part, n_cores) + summed(inlets, core_of_part[part], n_cores)
    cores += np.outer(_busy_elsewhere(record), rates.busy_cycle)
    return Energy(charges, powered, layers, unassigned, cores, _by_step(record, rates, powered))


def _busy_elsewhere(record: Record) -> NDArray[np.int64]:
    """Return the RISC-V cycles by core that are counted at parts of other cores, (C,); they add up to zero.

    A credit is counted where it was sent, at the consumer that needs the row, but decoded by the producer's core.
    """
    counts, (part, _), core_of_part = record.counts, record.inlets(), record.core_of_part()
    n_cores = len(counts.cores)
    own = summed(counts.parts[:, :, _PART_CYCLES].sum(axis=0), core_of_part, n_cores)
    own += summed(counts.inlets[:, :, _INLET_CYCLES].sum(axis=0), core_of_part[part], n_cores)
    elsewhere: NDArray[np.int64] = counts.cores[:, _BUSY] - own
    return elsewhere


class _Rates:
    """Prices in pJ per count, by owner, counter and component."""

    def __init__(self, charges: Sequence[Charge], layers: int, edges: int) -> None:
        n = len(COMPONENTS)
        self.part = np.zeros((layers, len(PART_COUNTERS), n))
        self.inlet = np.zeros((edges, len(INLET_COUNTERS), n))
        self.host = np.zeros((len(HOST_COUNTERS), n))
        self.static = np.zeros(n)
        self.waiting = np.zeros(n)
        for charge in charges:
            component = COMPONENTS.index(charge.component)
            amount = charge.factor * charge.price_pj
            match charge.table:
                case "part":
                    self.part[charge.owner, PART_COUNTERS.index(charge.counter), component] += amount
                case "inlet":
                    self.inlet[charge.owner, INLET_COUNTERS.index(charge.counter), component] += amount
                case "host":
                    self.host[HOST_COUNTERS.index(charge.counter), component] += amount
                case "static":
                    self.static[component] += amount
                case "waiting":
                    self.waiting[component] += amount
        self.busy_cycle = self.part[0, _PART_CYCLES]


def _by_step(record: Record, rates: _Rates, powered: PoweredTime) -> NDArray[np.float64]:
    """Return the energy of each step, (T, components)."""
    counts = record.counts
    of_part, (_, of_inlet) = record.layer_of_part(), record.inlets()
    steps: NDArray[np.float64] = counts.host @ rates.host
    for layer, rate in enumerate(rates.part):
        steps += counts.parts[:, of_part == layer].sum(axis=1) @ rate
    for edge, rate in enumerate(rates.inlet):
        steps += counts.inlets[:, of_inlet == edge].sum(axis=1) @ rate
    steps += np.outer(powered.static_parts.sum(axis=1) + powered.static_free, rates.static)
    steps += np.outer(powered.waiting.sum(axis=1), rates.waiting)
    return steps

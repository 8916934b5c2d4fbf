"""The leaves of every explanation: counts times prices, each with the layer and the component (or kind of memory) it is part of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seneca_sim.engine.counts import INLET_COUNTERS, PART_COUNTERS
from seneca_sim.mapping.types import Part
from seneca_sim.report.columns import MEMORY_KINDS
from seneca_sim.report.energy import Energy
from seneca_sim.report.record import Record, Width, Widths
from seneca_sim.report.sums import summed
from seneca_sim.report.tariff import HOST_COUNTERS, Charge

__all__ = ["UNASSIGNED", "Leaf", "area_leaves", "energy_leaves", "memory_leaves"]

UNASSIGNED = "unassigned"
"""In place of a layer: what belongs to none."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A count times a price."""

    layer: str
    part: str
    """Energy component or kind of memory."""
    label: str
    count: int
    price: float
    price_unit: str
    formula: str
    """How the price follows from constants of the chip."""
    constants: tuple[str, ...] = ()
    """Dotted names of those constants."""
    scale: float = 1.0
    """From the unit of the price to that of the value."""

    @property
    def value(self) -> float:
        """Count times price, in the unit of the tree."""
        return self.count * self.price * self.scale


def energy_leaves(record: Record, energy: Energy, steps: slice) -> Iterator[Leaf]:
    """Yield the leaves of the energy of some steps in µJ, layer after layer, what is unassigned last."""
    totals = _Totals(record, energy, steps)
    for number, facts in enumerate(record.layers):
        for charge in energy.charges:
            yield from _charged(facts.name, charge, totals.of_layer(charge, number))
    for charge in energy.charges:
        yield from _charged(UNASSIGNED, charge, totals.of_none(charge))


def _charged(layer: str, charge: Charge, count: int) -> Iterator[Leaf]:
    """Yield the leaf of one charge, nothing if it was never counted."""
    if count:
        amount, price = count * charge.factor, charge.price_pj
        yield Leaf(layer, charge.component, charge.thing, amount, price, "pJ", charge.formula, charge.constants, 1e-6)


class _Totals:
    """How often each charge was counted in some steps, for each layer and for none."""

    def __init__(self, record: Record, energy: Energy, steps: slice) -> None:
        counts, powered = record.counts, energy.powered
        of_part = record.layer_of_part()
        self.layer_of_edge = record.layer_of_edge()
        self.sender = record.host_layer
        self.parts = summed(counts.parts[steps].sum(axis=0), of_part, len(record.layers))
        self.inlets = summed(counts.inlets[steps].sum(axis=0), record.inlets()[1], len(self.layer_of_edge))
        self.static = summed(powered.static_parts[steps].sum(axis=0), of_part, len(record.layers))
        self.host = counts.host[steps].sum(axis=0)
        self.free = powered.static_free[steps].sum()
        self.waiting = powered.waiting[steps].sum()

    def of_layer(self, charge: Charge, layer: int) -> int:
        """Return how often a charge was counted for a layer."""
        match charge.table:
            case "part" if charge.owner == layer:
                return int(self.parts[layer, PART_COUNTERS.index(charge.counter)])
            case "inlet" if self.layer_of_edge[charge.owner] == layer:
                return int(self.inlets[charge.owner, INLET_COUNTERS.index(charge.counter)])
            case "host" if self.sender == layer:
                return int(self.host[HOST_COUNTERS.index(charge.counter)])
            case "static":
                return int(self.static[layer])
            case _:
                return 0

    def of_none(self, charge: Charge) -> int:
        """Return how often a charge was counted for no layer."""
        match charge.table:
            case "host" if self.sender is None:
                return int(self.host[HOST_COUNTERS.index(charge.counter)])
            case "static":
                return int(self.free)
            case "waiting":
                return int(self.waiting)
            case _:
                return 0


def memory_leaves(record: Record) -> Iterator[Leaf]:
    """Yield the leaves of the memory in bits: one for each part and kind, numbers times their width."""
    for kind, column in zip(MEMORY_KINDS, record.memory.T, strict=True):
        for part, bits in zip(record.mapping.parts, column.tolist(), strict=True):
            facts = record.layers[part.layer]
            if bits:
                width = _width(facts.widths, kind)
                if width.bits == 0 or bits % width.bits:  # a stored result that nobody computed
                    width = _BIT
                count = bits // width.bits
                yield Leaf(facts.name, kind, _box(part), count, width.bits, "bit", width.meaning, width.constants)


_BIT = Width(1, "one bit")
_COPY = Width(1, "one bit of a further copy of weights, biases or masks, whose widths differ")
_CHUNK = Width(1, "one bit for each chunk of weights, input channel and kernel position", ("core.masked",))


def _width(widths: Widths, kind: str) -> Width:
    """Return the width of one number of a kind of memory."""
    match kind:
        case "weights" | "head_weights":
            return widths.weight
        case "biases" | "states" | "row_buffers":
            return widths.state
        case "held_outputs":
            return widths.held_output
        case "masks":
            return _CHUNK
        case _:
            return _COPY


def _box(part: Part) -> str:
    """Return the place and the ranges of a part in words."""
    ranges = zip(("channels", "rows", "columns"), (part.channels, part.rows, part.columns), strict=True)
    return f"core {part.core}: {', '.join(f'{name} {low}:{high}' for name, (low, high) in ranges)}"


def area_leaves(record: Record) -> Iterator[Leaf]:
    """Yield the only leaf of the area in mm2."""
    price = record.chip.area.core_mm2.value
    yield Leaf("", "", "cores with a part", record.mapping.n_cores, price, "mm2", "core_mm2", ("area.core_mm2",))

"""Where values leave (outlets), where they come in (inlets), and what has not come in yet (frontiers)."""

from __future__ import annotations

from collections import deque
from functools import cached_property
from typing import TYPE_CHECKING

from seneca_sim.engine.costs import EdgeCosts
from seneca_sim.engine.reference.geometry import Box, Position, touched_line
from seneca_sim.graph.network import Edge, Layer

if TYPE_CHECKING:
    from seneca_sim.engine.reference.part import Part

__all__ = ["Frontier", "Inlet", "Outlet"]

Grant = tuple[int, int]
"""(step, input row); in the conventional order (step, -1), which stands for all rows."""


class Outlet:
    """A box of a layer's outputs as a producer: the sends of a part, its replay, or an input layer at the host."""

    def __init__(self, name: str, order: int, layer: int, core: int | None, box: Box, to_host: bool = False) -> None:
        self.name = name
        self.order = order
        self.layer = layer
        self.core = core
        self.box = box
        self.to_host = to_host
        self.inlets: list[Inlet] = []
        self.granted: dict[Inlet, set[Grant]] = {}
        self.paced = True
        """Whether credits pace this producer (`flow_control: row_credits`)."""
        self._reached: dict[Position, tuple[Inlet, ...]] = {}
        self._reached_rows: dict[int, tuple[Inlet, ...]] = {}

    def connect(self, inlet: Inlet) -> None:
        """Add a consumer."""
        self.inlets.append(inlet)
        self.inlets.sort(key=lambda entry: entry.decode_order)
        self.granted[inlet] = set()
        self._reached.clear()
        self._reached_rows.clear()

    def reached(self, position: Position) -> tuple[Inlet, ...]:
        """Return the inlets at which a position touches a neuron, in the order in which a core decodes for them."""
        if position not in self._reached:
            self._reached[position] = tuple(inlet for inlet in self.inlets if inlet.touched(position))
        return self._reached[position]

    def reached_by_row(self, row: int) -> tuple[Inlet, ...]:
        """Return the inlets at which some position of a row touches a neuron."""
        if row not in self._reached_rows:
            places = [(row, column) for column in self.box.columns]
            self._reached_rows[row] = tuple(
                inlet for inlet in self.inlets if any(inlet.touched(place) for place in places)
            )
        return self._reached_rows[row]

    def ungranted(self, step: int, row: int) -> list[Inlet]:
        """Return the inlets that the row reaches and that have not granted it."""
        if not self.paced:
            return []
        return [inlet for inlet in self.reached_by_row(row) if inlet.grant(step, row) not in self.granted[inlet]]


class Frontier:
    """The positions of one producer's box that an inlet may still hear of, in the step that is coming in."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self.step = 0
        self.open = set(box.positions())

    def pass_before(self, step: int, position: Position) -> None:
        """Pass every position that comes before one of a step."""
        self._enter(step)
        self.open = {place for place in self.open if place >= position}

    def pass_row(self, step: int, row: int) -> None:
        """Pass a row of a step and what comes before."""
        self._enter(step)
        self.open = {place for place in self.open if place[0] > row}

    def has_passed(self, step: int, places: frozenset[Position]) -> bool:
        """Return whether nothing more can come from any of the places in a step."""
        if step < self.step or not places:
            return True
        return step == self.step and self.open.isdisjoint(places)

    def _enter(self, step: int) -> None:
        if step > self.step:
            self.step = step
            self.open = set(self._box.positions())


class Inlet:
    """A part together with one incoming edge of its layer."""

    def __init__(self, index: int, part: Part, number: int, edge: Edge, source: Layer, costs: EdgeCosts) -> None:
        self.index = index
        self.part = part
        self.number = number
        self.edge = edge
        self.source = source
        self.costs = costs
        self.frontiers: dict[Outlet, Frontier] = {}
        self.ungranted: dict[Outlet, deque[Grant]] = {}
        self.open_groups: dict[int, list[tuple[Position, int]]] = {}
        """By step, the (position, channel) of values that wait for their group to fill."""
        self._needs: dict[tuple[Outlet, Position], frozenset[Position]] = {}

    @property
    def decode_order(self) -> tuple[int, int, int]:
        """Latest layer first, then lowest part, then edge order."""
        return -self.part.layer_index, self.part.index, self.number

    @cached_property
    def touched_rows(self) -> dict[int, tuple[int, ...]]:
        """Neuron rows of the part that each input row touches."""
        rows = self.source.out_shape[1]
        return {row: touched_line(self.edge, 0, row, rows, self.part.neurons.rows) for row in range(rows)}

    @cached_property
    def touched_columns(self) -> dict[int, tuple[int, ...]]:
        """Neuron columns of the part that each input column touches."""
        columns = self.source.out_shape[2]
        line = self.part.neurons.columns
        return {column: touched_line(self.edge, 1, column, columns, line) for column in range(columns)}

    def touched(self, position: Position) -> list[Position]:
        """Return the neuron positions of the part that an input position touches, in raster order."""
        return [(row, column) for row in self.touched_rows[position[0]] for column in self.touched_columns[position[1]]]

    def connect(self, outlet: Outlet, steps: int) -> None:
        """Add a producer, if it touches the part at all."""
        if not any(self.touched(position) for position in outlet.box.positions()):
            return
        outlet.connect(self)
        self.frontiers[outlet] = Frontier(outlet.box)
        rows = [row for row in outlet.box.rows if self in outlet.reached_by_row(row)]
        grants = [self.grant(step, row) for step in range(steps) for row in rows]
        self.ungranted[outlet] = deque(dict.fromkeys(grants))

    def grant(self, step: int, row: int) -> Grant:
        """Return the grant that covers an input row of a step."""
        return (step, -1) if self.part.conventional else (step, row)

    def is_free(self, grant: Grant) -> bool:
        """Return whether the part has state for all that a grant covers."""
        step, row = grant
        if self.part.conventional:
            return self.part.step >= step
        last = self.part.row_number(step, max(self.touched_rows[row]))
        return last <= self.part.lowest_row + self.part.state_rows - 1

    def new_grants(self, outlet: Outlet) -> list[Grant]:
        """Take the grants that have become possible for a producer, in order."""
        waiting = self.ungranted[outlet]
        grants = []
        while waiting and self.is_free(waiting[0]):
            grants.append(waiting.popleft())
        return grants

    def is_complete(self, position: Position, step: int) -> bool:
        """Return whether every producer has passed all that an output position needs in a step."""
        return not self.incomplete(position, step)

    def incomplete(self, position: Position, step: int) -> list[Outlet]:
        """Return the producers that have not passed all that an output position needs in a step."""
        return [
            outlet
            for outlet, frontier in self.frontiers.items()
            if not frontier.has_passed(step, self.needs(outlet, position))
        ]

    def needs(self, outlet: Outlet, position: Position) -> frozenset[Position]:
        """Return the positions of a producer that touch a neuron of an output position's window."""
        key = outlet, position
        if key not in self._needs:
            window = self.part.neurons if self.part.conventional else self.part.window(position)
            self._needs[key] = frozenset(
                (row, column)
                for row, column in outlet.box.positions()
                if any(line in window.rows for line in self.touched_rows[row])
                and any(line in window.columns for line in self.touched_columns[column])
            )
        return self._needs[key]

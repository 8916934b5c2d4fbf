"""A part of a layer as it runs: what it fires next, which rows it has state for, and what it has sent."""

from __future__ import annotations

from functools import lru_cache

from seneca_sim.engine.costs import LayerCosts
from seneca_sim.engine.reference.geometry import Box, Position, neuron_box, window_line
from seneca_sim.engine.reference.inlet import Inlet, Outlet
from seneca_sim.graph.network import Layer
from seneca_sim.mapping.types import Part as PartSpec

__all__ = ["Part"]


class Part:
    """A box of one layer's outputs on one core."""

    def __init__(self, index: int, spec: PartSpec, layer: Layer, costs: LayerCosts, steps: int, room: int) -> None:
        self.index = index
        self.spec = spec
        self.layer_index = spec.layer
        self.layer = layer
        self.core = spec.core
        self.costs = costs
        self.steps = steps
        self.state_rows = spec.state_rows
        self.conventional = False
        self.depth = 1
        """Longest path from the inputs, for global barriers."""
        self.outputs = Box(range(*spec.rows), range(*spec.columns))
        self.neurons = neuron_box(layer, self.outputs)
        self.order = self.outputs.positions()
        self.channels = range(*spec.channels)
        self.slices = [self.channels[start : start + room] for start in range(0, len(self.channels), room)]
        """Channels of each fire task of a position."""
        name = f"part {index} of layer {layer.name!r}"
        self.outlet = Outlet(name, index, spec.layer, spec.core, self.outputs, layer.is_output)
        self.replay: Outlet | None = None
        self.inlets: list[Inlet] = []
        self.step = 0
        self.cursor = 0
        self.slice = 0
        """Fire tasks of the present position that have been pushed."""
        self.touched: dict[int, set[Position]] = {}
        """By step, the neurons with a synaptic operation."""
        self.held: set[Position] = set()
        """Neurons that windows of earlier positions of the present step hold (windows may overlap)."""
        self.done_rows: set[tuple[int, int]] = set()
        self.replayed_rows: set[tuple[int, int]] = set()
        self.heard_step = -1
        """Latest step of which an inlet without delay has decoded a packet."""
        self.window = lru_cache(maxsize=None)(self._window)

    @property
    def name(self) -> str:
        """The part in words."""
        return self.outlet.name

    @property
    def is_finished(self) -> bool:
        """Whether every position of every step has fired."""
        return self.step == self.steps

    @property
    def position(self) -> Position:
        """The next output position to fire."""
        return self.order[self.cursor]

    @property
    def closes_row(self) -> bool:
        """Whether the next position is the last of its row."""
        return self.position[1] == self.outputs.columns[-1]

    @property
    def lowest_row(self) -> int:
        """Number of the lowest neuron row that the next position needs (U in the rules)."""
        if self.is_finished:
            return self.steps * len(self.neurons.rows)
        return self.row_number(self.step, self.window(self.position).rows.start)

    def row_number(self, step: int, row: int) -> int:
        """Return the number of a neuron row, counted through time."""
        return step * len(self.neurons.rows) + row - self.neurons.rows.start

    def _window(self, position: Position) -> Box:
        lines = [window_line(self.layer.pool, axis, position[axis], self.layer.shape[1 + axis]) for axis in (0, 1)]
        return Box(lines[0], lines[1])

    def is_touched(self) -> bool:
        """Return whether a neuron of the next position's window has had a synaptic operation in this step."""
        touched = self.touched.get(self.step, set())
        return any(neuron in touched for neuron in self.window(self.position).positions())

    def touch(self, step: int, neuron: Position) -> None:
        """Note a synaptic operation."""
        self.touched.setdefault(step, set()).add(neuron)

    def is_ready(self) -> bool:
        """Return whether all inputs of the next position have passed."""
        return all(inlet.is_complete(self.position, self.step) for inlet in self.inlets)

    def may_follow_replay(self) -> bool:
        """Return whether the held row that the next position overwrites has been replayed."""
        return self.replay is None or (self.step, self.position[0]) in self.replayed_rows

    def fresh(self) -> int:
        """Return how many neurons of the next position's window no earlier window of this step holds."""
        return sum(neuron not in self.held for neuron in self.window(self.position).positions())

    def advance(self) -> None:
        """Count the next position as fired and look at the one after it."""
        self.held.update(self.window(self.position).positions())
        self.slice = 0
        self.cursor += 1
        if self.cursor == len(self.order):
            self.touched.pop(self.step, None)
            self.held.clear()
            self.cursor = 0
            self.step += 1

"""A chip with its network, mapping and input, put together and run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seneca_sim.activity.trace import LayerTrace, Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs
from seneca_sim.engine.counts import Counts
from seneca_sim.engine.reference.clock import Clock, Job
from seneca_sim.engine.reference.core import Core
from seneca_sim.engine.reference.deadlock import explain, is_unfinished
from seneca_sim.engine.reference.geometry import Box, Position
from seneca_sim.engine.reference.host import Host
from seneca_sim.engine.reference.ideal import Ideal
from seneca_sim.engine.reference.inlet import Inlet, Outlet
from seneca_sim.engine.reference.ledger import Ledger
from seneca_sim.engine.reference.loop_controller import EventGenerator, LoopController
from seneca_sim.engine.reference.mesh import Mesh
from seneca_sim.engine.reference.network import NetworkOnChip
from seneca_sim.engine.reference.packet import Node, PacketSize
from seneca_sim.engine.reference.part import Part
from seneca_sim.engine.reference.replaying import Replay
from seneca_sim.engine.reference.riscv import RiscV
from seneca_sim.errors import DeadlockError, GraphError
from seneca_sim.graph.network import Network
from seneca_sim.mapping.types import Mapping

__all__ = ["Entry", "Progress", "System"]

Progress = Callable[[int, int], None]
"""Called with the steps that have ended and the number of steps."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the journal: what a unit did in the cycles from `start` up to `end`."""

    unit: str
    start: int
    end: int
    work: str


class System:
    """Everything that runs, and the clock that it runs by."""

    def __init__(
        self,
        network: Network,
        mapping: Mapping,
        trace: Trace,
        timing: Timing,
        costs: Costs,
        progress: Progress | None = None,
        shuffle: int | None = None,
    ) -> None:
        self.network = network
        self.mapping = mapping
        self.trace = trace
        self.timing = timing
        self.costs = costs
        self.progress = progress
        self.clock = Clock(shuffle)
        self.ledger = Ledger()
        self.entries: list[Entry] = []
        self.open_phases = 0
        self.sizes = [
            PacketSize.of(timing, layer.shape[0], cost.value_bits)
            for layer, cost in zip(network.layers, costs.layers, strict=True)
        ]
        self._values = [_by_position(layer) for layer in trace.with_held()]
        self.parts = self._build_parts()
        self.depths = self._set_depths()
        outlets = self._build_outlets()
        self.inlets = self._connect(outlets)
        self.noc: NetworkOnChip = Mesh(self) if timing.noc == "mesh" else Ideal(self)
        self.cores = [self._build_core(number) for number in range(len(mapping.place))]
        self.core_at = {place: self.cores[number] for number, place in enumerate(mapping.place)}
        self.host = Host(self, outlets)
        self.n_output_parts = sum(part.layer.is_output for part in self.parts)
        if not self.n_output_parts:
            raise GraphError(
                f"network {network.name!r} has no output layer, so no step would ever end; mark one as output"
            )

    def run(self) -> Counts:
        """Run to the end and return the counts."""
        for core in self.cores:
            for part in core.parts:
                self._grant_at_start(part)
        self.host.release()
        self.clock.environment.run()
        while self.open_phases < self.trace.n_steps * (self.depths + 1) and self.timing.barrier == "global":
            if self.timing.order != "conventional":
                break
            self.clock.at(self.clock.last_effect + self.timing.barrier_cycles, self._open_phase)
            self.clock.environment.run()
        if self.host.ended < self.trace.n_steps or is_unfinished(self):
            raise DeadlockError(explain(self))
        makespan = self.clock.last_effect
        for core in self.cores:
            core.riscv.close(makespan)
        routers = self.mapping.mesh[0] * self.mapping.mesh[1]
        sizes = self.trace.n_steps, len(self.parts), len(self.inlets), len(self.cores), routers
        return self.ledger.counts(makespan, *sizes)

    def phase_is_open(self, step: int, depth: int) -> bool:
        """Return whether layers at a depth may work on a step; only global barriers keep them from it."""
        if self.timing.order != "conventional" or self.timing.barrier != "global":
            return True
        return step * (self.depths + 1) + depth < self.open_phases

    def values(self, part: Part, step: int, position: Position, channels: range) -> tuple[int, ...]:
        """Return the channels of a part that send a value at a position in a step."""
        return self.layer_values(part.layer_index, step, position, channels)

    def layer_values(self, layer: int, step: int, position: Position, channels: range) -> tuple[int, ...]:
        """Return the channels of a layer, among some, that send a value at a position in a step; -1 is the one before the run."""
        place = position[0] * self.network.layers[layer].out_shape[2] + position[1]
        return tuple(channel for channel in self._values[layer].get((step, place), ()) if channel in channels)

    def node(self, outlet: Outlet) -> Node:
        """Return where a producer is attached to the network."""
        if outlet.core is not None:
            return "core", outlet.core
        return "host", self.mapping.host_rows[outlet.order]

    def journal(self, unit: str, job: Job) -> None:
        """Write down a job that starts in this cycle."""
        self.entries.append(Entry(unit, self.clock.now, self.clock.now + job.cycles, job.name))

    def step_ended(self, step: int) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(step + 1, self.trace.n_steps)

    def _open_phase(self) -> None:
        self.open_phases += 1
        self.host.release()
        for core in self.cores:
            core.riscv.wake()

    def _build_parts(self) -> list[Part]:
        parts = []
        for index, spec in enumerate(self.mapping.parts):
            layer, costs = self.network.layers[spec.layer], self.costs.layers[spec.layer]
            part = Part(index, spec, layer, costs, self.trace.n_steps, self.timing.event_fifo)
            part.conventional = self.timing.order == "conventional"
            parts.append(part)
        return parts

    def _set_depths(self) -> int:
        depths: list[int] = []
        for layer in self.network.layers:
            sources = [depths[edge.source] for edge in layer.edges if edge.delay == 0]
            depths.append(0 if layer.is_input else 1 + max(sources, default=0))
        for part in self.parts:
            part.depth = depths[part.layer_index]
        return max(depths)

    def _build_outlets(self) -> list[Outlet]:
        """Return the outlets of the input layers, and give parts with delay edges their replay."""
        inputs: list[Outlet] = []
        for index, layer in enumerate(self.network.layers):
            if layer.is_input:
                box = Box(range(layer.shape[1]), range(layer.shape[2]))
                inputs.append(Outlet(f"input {layer.name!r}", len(inputs), index, None, box))
        delayed = {edge.source for layer in self.network.layers for edge in layer.edges if edge.delay}
        for part in self.parts:
            if part.layer_index in delayed:
                name = f"the replay of {part.name}"
                part.replay = Outlet(name, part.index, part.layer_index, part.core, part.outputs)
        return inputs

    def _connect(self, inputs: list[Outlet]) -> list[Inlet]:
        inlets: list[Inlet] = []
        first_edge = [0]
        for layer in self.network.layers:
            first_edge.append(first_edge[-1] + len(layer.edges))
        for part in self.parts:
            for number, edge in enumerate(part.layer.edges):
                costs = self.costs.edges[first_edge[part.layer_index] + number]
                inlet = Inlet(len(inlets), part, number, edge, self.network.layers[edge.source], costs)
                inlets.append(inlet)
                part.inlets.append(inlet)
                for outlet in self._producers(edge.source, edge.delay, inputs):
                    outlet.paced = self.timing.flow_control == "row_credits"
                    inlet.connect(outlet, self.trace.n_steps)
        return inlets

    def _producers(self, layer: int, delay: int, inputs: list[Outlet]) -> list[Outlet]:
        parts = [part for part in self.parts if part.layer_index == layer]
        if delay:
            return [part.replay for part in parts if part.replay is not None]
        return [part.outlet for part in parts] or [outlet for outlet in inputs if outlet.layer == layer]

    def _build_core(self, number: int) -> Core:
        core = Core(self, number, [part for part in self.parts if part.core == number])
        replays = [Replay(core, part, self._is_early(part)) for part in core.parts if part.replay is not None]
        core.riscv = RiscV(core, replays)
        core.loop_controller = LoopController(core)
        core.generator = EventGenerator(core)
        return core

    def _is_early(self, part: Part) -> bool:
        targets = [
            index
            for index, layer in enumerate(self.network.layers)
            if any(edge.delay and edge.source == part.layer_index for edge in layer.edges)
        ]
        return self.timing.early_replay or any(target < part.layer_index for target in targets)

    def _grant_at_start(self, part: Part) -> None:
        for inlet in part.inlets:
            for outlet in inlet.frontiers:
                outlet.granted[inlet].update(inlet.new_grants(outlet))


def _by_position(layer: LayerTrace) -> dict[tuple[int, int], tuple[int, ...]]:
    """Return the channels that send a value, by (step, position), of a trace whose first step is the one before the run."""
    values = {}
    for step in range(layer.n_steps):
        for index in range(int(layer.step_start[step]), int(layer.step_start[step + 1])):
            channels = layer.channel[layer.first_event[index] : layer.first_event[index + 1]]
            values[step - 1, int(layer.position[index])] = tuple(int(channel) for channel in channels)
    return values

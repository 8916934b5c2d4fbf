"""All the work of a design point: what every inlet, part, core and link has to do in each step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.counts import INLET_COUNTERS, PART_COUNTERS
from seneca_sim.engine.estimate.credits import Credits, credits_of
from seneca_sim.engine.estimate.design import Design, Inlet
from seneca_sim.engine.estimate.groups import is_grouped
from seneca_sim.engine.estimate.intake import Intake, Source, intake_of
from seneca_sim.engine.estimate.outline import InletAxis, inlet_axis, part_axis
from seneca_sim.engine.estimate.output import Output, firing_of, replay_of, sending_of
from seneca_sim.engine.estimate.packets import Packets, packets_of
from seneca_sim.engine.estimate.reach import Reach, reach_of
from seneca_sim.engine.estimate.trees import paths_of, trees_of

__all__ = ["Work", "work_of"]

Index = NDArray[np.int64]


@dataclass(slots=True, eq=False)
class Work:
    """The work of a design point; T steps."""

    design: Design
    packets: dict[tuple[int, int], Packets] = field(default_factory=dict)
    """By layer and delay."""
    reach: dict[tuple[int, int], Reach] = field(default_factory=dict)
    intakes: list[Intake] = field(default_factory=list)
    """By inlet."""
    outputs: dict[int, Output] = field(default_factory=dict)
    """By part."""
    axes: list[tuple[InletAxis, InletAxis]] = field(default_factory=list)
    """Rows and columns of every inlet."""
    credits: list[Credits] = field(default_factory=list)
    """By inlet."""
    credit_riscv: Index = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    """(T, cores) RISC-V cycles of decoding credits."""
    host: Index = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    """(T, 6) as in `Counts.host`."""
    links: Index = field(default_factory=lambda: np.zeros((0, 0, 0), np.int64))
    """(routers, 5, T) flits."""

    def parts(self) -> Index:
        """(T, P, counters) of all parts."""
        return np.stack([self.outputs[number].counts for number in range(len(self.outputs))], axis=1)

    def inlets(self) -> Index:
        """(T, I, counters) of all inlets."""
        return np.stack([intake.counts for intake in self.intakes], axis=1)

    def riscv_busy(self) -> Index:
        """(T, cores) RISC-V cycles."""
        busy = self.credit_riscv.copy()
        for number, part in enumerate(self.design.mapping.parts):
            busy[:, part.core] += self.outputs[number].counts[:, PART_COUNTERS.index("rv_cycles")]
        for inlet, intake in zip(self.design.inlets, self.intakes, strict=True):
            busy[:, self.design.mapping.parts[inlet.part].core] += intake.riscv.sum(axis=1)
        return busy

    def lanes_busy(self) -> Index:
        """(T, cores) loop-controller cycles."""
        busy = np.zeros_like(self.credit_riscv)
        for number, part in enumerate(self.design.mapping.parts):
            busy[:, part.core] += self.outputs[number].lanes.sum(axis=1)
        for inlet, intake in zip(self.design.inlets, self.intakes, strict=True):
            busy[:, self.design.mapping.parts[inlet.part].core] += intake.lanes.sum(axis=1)
        return busy


def work_of(design: Design) -> Work:
    """Return all the work of a design point."""
    work = Work(design)
    for layer in range(len(design.network.layers)):
        _add_packets(work, layer)
    _add_intakes(work)
    for layer in range(len(design.network.layers)):
        _add_firing(work, layer)
    for (layer, delay), reach in work.reach.items():
        if design.network.layers[layer].is_input:
            continue
        (replay_of if delay else sending_of)(design, layer, work.packets[layer, delay], reach, work.outputs)
    work.host = np.zeros((design.steps, 6), np.int64)
    nodes = design.mapping.mesh[0] * design.mapping.mesh[1]
    work.links = np.zeros((nodes, 5, design.steps), np.int64)
    work.credit_riscv = np.zeros((design.steps, len(design.mapping.place)), np.int64)
    _add_credits(work)
    _add_flows(work)
    return work


def _add_packets(work: Work, layer: int) -> None:
    """Add what a layer sends, and what it replays."""
    design = work.design
    for delay in (0, 1) if layer in design.network.replayed else (0,):
        work.packets[layer, delay] = packets_of(design, layer, delay)
        work.reach[layer, delay] = reach_of(design, layer, delay)


def _add_intakes(work: Work) -> None:
    """Add the work of all inlets: those that see the same rows and columns with as many channels share it."""
    design = work.design
    sources: dict[tuple[int, int], Source] = {}
    shared: dict[tuple[object, ...], Intake] = {}
    axes: dict[tuple[object, ...], tuple[InletAxis, InletAxis]] = {}
    for inlet in design.inlets:
        key = inlet.link.source, inlet.link.delay
        if key not in sources:
            sources[key] = Source(work.packets[key], design.trace.sent(*key).channel)
        part = design.mapping.parts[inlet.part]
        box = inlet.edge, part.rows, part.columns
        if box not in axes:
            axes[box] = _axes_of(design, inlet)
        alike = is_grouped(inlet.link) or inlet.link.mask is not None
        seen = *box, part.channels if alike else part.channels[1] - part.channels[0]
        if seen not in shared:
            watched = design.costs.layers[part.layer].evaluate != "always"
            shared[seen] = intake_of(
                design, inlet, sources[key], axes[box], work.reach[key].tokens[inlet.number], watched
            )
        work.intakes.append(replace(shared[seen], counts=shared[seen].counts.copy()))
        work.axes.append(axes[box])


def _axes_of(design: Design, inlet: Inlet) -> tuple[InletAxis, InletAxis]:
    """Return the rows and columns of an inlet."""
    part = design.mapping.parts[inlet.part]
    layer, source = design.network.layers[part.layer], design.network.layers[inlet.link.source]
    rows = inlet_axis(inlet.link, source, 0, part_axis(layer, 0, part.rows))
    return rows, inlet_axis(inlet.link, source, 1, part_axis(layer, 1, part.columns))


def _add_firing(work: Work, layer: int) -> None:
    """Add the firing work of the parts of a layer."""
    design, packets = work.design, work.packets[layer, 0]
    parts = design.parts_of[layer]
    sent = np.zeros((len(parts), *packets.shape), np.bool_)
    if parts:
        sent[packets.sender, packets.step, packets.y, packets.x] = True
    for place, number in enumerate(parts):
        part, touched = design.mapping.parts[number], None
        for inlet in design.inlets_of[number]:
            seen = work.intakes[inlet].touched
            if seen is not None:
                touched = seen if touched is None else touched | seen
        values = sent[place][:, slice(*part.rows), slice(*part.columns)]
        work.outputs[number] = firing_of(design, number, values, touched)


def _add_credits(work: Work) -> None:
    """Add the credits of all inlets to the counts of who sends and who decodes them."""
    design, token = work.design, max(1, work.design.timing.rv_token)
    flits, riscv = PART_COUNTERS.index("flits"), PART_COUNTERS.index("rv_cycles")
    number = PART_COUNTERS.index("credits")
    decoded, cycles = INLET_COUNTERS.index("credits"), INLET_COUNTERS.index("rv_cycles")
    source, target, amount, owner = [], [], [], []
    shared: dict[tuple[object, ...], Credits] = {}
    for inlet, axes in zip(design.inlets, work.axes, strict=True):
        part = design.mapping.parts[inlet.part]
        reach = work.reach[inlet.link.source, inlet.link.delay]
        alike = inlet.edge, part.rows, part.columns, part.state_rows
        if alike not in shared:
            rows = part_axis(design.network.layers[part.layer], 0, part.rows)
            shared[alike] = credits_of(design, inlet, reach, rows, *axes)
        credits = shared[alike].without(reach, part.core)
        work.credits.append(credits)
        total = credits.number.sum(axis=0)
        counts = work.outputs[inlet.part].counts
        counts[:, number] += total
        counts[:, flits] += total
        counts[:, riscv] += total * (token + 1)
        if not len(credits.senders):
            continue
        at_cores = reach.senders[credits.senders] >= 0
        to_cores = credits.number[at_cores]
        work.intakes[inlet.number].counts[:, decoded] += to_cores.sum(axis=0)
        work.intakes[inlet.number].counts[:, cycles] += to_cores.sum(axis=0) * token
        cores = reach.core[credits.senders]
        np.add.at(work.credit_riscv.T, cores[at_cores], to_cores * token)
        source.append(np.full(len(cores), part.core))
        owner.append(np.full(len(cores), inlet.part))
        target.append(cores)
        amount.append(credits.number)
    if source:
        paths = paths_of(design, np.concatenate(source), np.concatenate(target), np.concatenate(amount))
        work.links += paths.load
        _charge(work, np.concatenate(owner), np.concatenate(amount), paths.links, paths.exits)


def _add_flows(work: Work) -> None:
    """Add the multicast flows of all layers to the links and to the counts of who sends them."""
    for (layer, delay), reach in work.reach.items():
        packets = work.packets[layer, delay]
        flows = reach.flows(packets.at(reach.reached(packets)))
        trees = trees_of(work.design, flows)
        work.links += trees.load
        if work.design.network.layers[layer].is_input:
            reached = reach.reached(packets)
            work.host[:, 0] += flows.flits.sum(axis=0)
            work.host[:, 1] += trees.links @ flows.flits
            work.host[:, 2] += trees.exits @ flows.flits
            work.host[:, 3] += packets.at(reached).grid(packets.count[reached]).sum(axis=(1, 2))
            work.host[:, 4] += packets.at(~reached).grid(packets.count[~reached]).sum(axis=(1, 2))
        else:
            _charge(work, flows.owner, flows.flits, trees.links, trees.exits)
        if reach.to_host:
            work.host[:, 5] += packets.grid(packets.count).sum(axis=(1, 2))


def _charge(work: Work, owner: Index, flits: Index, links: Index, exits: Index) -> None:
    """Add flits on links and at destinations to the counts of the parts that sent them."""
    for name, times in (("link_flits", links), ("ejected_flits", exits)):
        total = np.zeros((len(work.outputs), flits.shape[1]), np.int64)
        np.add.at(total, owner, flits * times[:, None])
        for number in np.unique(owner).tolist():
            work.outputs[number].counts[:, PART_COUNTERS.index(name)] += total[number]

"""The slow twin of row provision: fire rows of an empty system until nothing can, straight from the rules of credits."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.mapping.types import Part


def touched(edge: Edge, size: int, row: int, first: int, end: int, axis: int) -> set[int]:
    """Neurons of [first, end) that input position `row` touches on one axis, by the definition of a convolution."""
    if row // edge.pool[axis] >= size // edge.pool[axis]:
        return set()
    if edge.broadcast:
        return set(range(first, end))
    place = row // edge.pool[axis] * edge.upsample[axis]
    return {
        neuron
        for neuron in range(first, end)
        for tap in range(edge.kernel[axis])
        if neuron * edge.stride[axis] - edge.padding[axis] + tap * edge.dilation[axis] == place
    }


def window(layer: Layer, output: int, axis: int) -> range:
    if layer.pool is None:
        return range(output, output + 1)
    first = output * layer.pool.stride[axis] - layer.pool.padding[axis]
    return range(max(first, 0), min(first + layer.pool.kernel[axis], layer.shape[1 + axis]))


@dataclass(eq=False)
class Unit:
    """A part, a host port or a replay; `fired` counts rows through all steps."""

    layer: int
    part: Part | None
    rows: range
    replay_of: Unit | None = None
    fired: int = 0
    inlets: list[Inlet] = field(default_factory=list)
    replay: Unit | None = None
    reached: list[tuple[Inlet, int, int]] = field(default_factory=list)


@dataclass(eq=False)
class Inlet:
    edge: Edge
    consumer: Unit
    sources: list[tuple[Unit, dict[int, set[int]]]] = field(default_factory=list)


def deadlocks(network: Network, parts: tuple[Part, ...], steps: int = 3, early_replay: bool = False) -> bool:
    """Return whether an empty system of the given `state_rows` stops before all rows of all steps have fired."""
    units = _units(network, parts)
    while True:
        moved = False
        for unit in units:
            while unit.fired < steps * len(unit.rows) and _possible(network, unit, early_replay):
                unit.fired += 1
                moved = True
        if not moved:
            return any(unit.fired < steps * len(unit.rows) for unit in units)


def _units(network: Network, parts: tuple[Part, ...]) -> list[Unit]:
    hosts = [Unit(i, None, range(each.out_shape[1])) for i, each in enumerate(network.layers) if each.is_input]
    fired = [Unit(part.layer, part, range(*part.rows)) for part in parts]
    delayed = {edge.source for each in network.layers for edge in each.edges if edge.delay}
    replays = [Unit(unit.layer, unit.part, unit.rows, unit) for unit in fired if unit.layer in delayed]
    for replay in replays:
        replay.replay_of.replay = replay
    now, before = defaultdict(list), defaultdict(list)
    for unit in hosts + fired:
        now[unit.layer].append(unit)
    for unit in replays:
        before[unit.layer].append(unit)
    for unit in fired:
        layer = network.layers[unit.layer]
        box = [neuron_box(layer, unit.part, axis) for axis in (0, 1)]
        for edge in layer.edges:
            inlet = Inlet(edge, unit)
            unit.inlets.append(inlet)
            size = network.layers[edge.source].out_shape
            for source in (before if edge.delay else now)[edge.source]:
                columns = range(size[2]) if source.part is None else range(*source.part.columns)
                if not any(touched(edge, size[2], column, *box[1], 1) for column in columns):
                    continue
                rows = {row: touched(edge, size[1], row, *box[0], 0) for row in source.rows}
                inlet.sources.append((source, rows))
                highest = -1
                for row, neurons in rows.items():
                    if neurons:
                        highest = max(highest, *neurons)
                        source.reached.append((inlet, row, highest))
    return hosts + fired + replays


def neuron_box(layer: Layer, part: Part, axis: int) -> tuple[int, int]:
    first, end = (part.rows, part.columns)[axis]
    return window(layer, first, axis)[0], window(layer, end - 1, axis)[-1] + 1


def _possible(network: Network, unit: Unit, early_replay: bool) -> bool:
    step, index = divmod(unit.fired, len(unit.rows))
    row = unit.rows[index]
    if not all(_granted(network, inlet, highest, step) for inlet, reached, highest in unit.reached if reached == row):
        return False
    if unit.replay_of is not None:
        if step and unit.replay_of.fired <= (step - 1) * len(unit.rows) + index:
            return False
        backwards = any(inlet.consumer.layer < unit.layer for inlet, _, _ in unit.reached)
        return early_replay or backwards or _started(unit.replay_of, step)
    if unit.part is None:
        return True
    if unit.replay is not None and unit.replay.fired <= unit.fired:
        return False
    return all(_passed(network, inlet, row, step) for inlet in unit.inlets)


def _started(unit: Unit, step: int) -> bool:
    sources = [pair for inlet in unit.inlets if not inlet.edge.delay for pair in inlet.sources if any(pair[1].values())]
    if not sources:
        return True
    for source, rows in sources:
        first = next(index for index, row in enumerate(source.rows) if rows[row])
        if source.fired > step * len(source.rows) + first:
            return True
    return False


def _passed(network: Network, inlet: Inlet, row: int, step: int) -> bool:
    layer = network.layers[inlet.consumer.layer]
    for source, rows in inlet.sources:
        fired = source.fired - step * len(source.rows)
        for index, input_row in enumerate(source.rows):
            if rows[input_row] & set(window(layer, row, 0)) and fired <= index:
                return False
    return True


def _granted(network: Network, inlet: Inlet, highest: int, step: int) -> bool:
    consumer = inlet.consumer
    layer = network.layers[consumer.layer]
    first, end = neuron_box(layer, consumer.part, 0)
    fired_steps, index = divmod(consumer.fired, len(consumer.rows))
    lowest = fired_steps * (end - first) + window(layer, consumer.rows[index], 0)[0] - first
    return step * (end - first) + highest - first <= lowest + consumer.part.state_rows - 1


def with_rows(parts: tuple[Part, ...], rows: tuple[int, ...]) -> tuple[Part, ...]:
    return tuple(replace(part, state_rows=number) for part, number in zip(parts, rows, strict=True))

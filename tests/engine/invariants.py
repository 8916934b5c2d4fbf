"""What must hold of every run, counted the slow way from the network, its activity and its mapping."""

from __future__ import annotations

from collections import Counter

import numpy as np

from seneca_sim.activity.trace import Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs
from seneca_sim.engine.counts import INLET_COUNTERS, PART_COUNTERS, Counts
from seneca_sim.graph.network import Edge, Layer, Network
from seneca_sim.mapping.types import Mapping, Part

Event = tuple[int, int, int, int]


def events_of(trace: Trace, network: Network, layer: int) -> list[Event]:
    """Return (step, row, column, channel) of every event of a layer; what it holds at the begin is of step -1."""
    columns = network.layers[layer].out_shape[2]
    return [
        (first + step, int(own.position[k]) // columns, int(own.position[k]) % columns, int(channel))
        for first, own in [(-1, held) for held in trace.held[layer : layer + 1]] + [(0, trace.layers[layer])]
        for step in range(own.n_steps)
        for k in range(int(own.step_start[step]), int(own.step_start[step + 1]))
        for channel in own.channel[own.first_event[k] : own.first_event[k + 1]]
    ]


def window(layer: Layer, axis: int, place: int) -> range:
    """Return the neurons under an output row or column."""
    if layer.pool is None:
        return range(place, place + 1)
    first = place * layer.pool.stride[axis] - layer.pool.padding[axis]
    return range(max(0, first), min(first + layer.pool.kernel[axis], layer.shape[axis + 1]))


def box(layer: Layer, part: Part) -> tuple[range, range]:
    """Return the neuron rows and columns of a part."""
    lines = []
    for axis, (low, high) in enumerate((part.rows, part.columns)):
        lines.append(range(window(layer, axis, low).start, window(layer, axis, high - 1).stop))
    return lines[0], lines[1]


def touched(edge: Edge, axis: int, place: int, size: int, line: range) -> list[int]:
    """Return the neurons of a line that an input row or column touches: every tap is tried."""
    pool = edge.pool[axis]
    hits = []
    for neuron in line:
        for tap in range(edge.kernel[axis]):
            acts_at = neuron * edge.stride[axis] + tap * edge.dilation[axis] - edge.padding[axis]
            pooled, between = divmod(acts_at, edge.upsample[axis])
            if between == 0 and 0 <= pooled < size // pool and pooled * pool <= place < (pooled + 1) * pool:
                hits.append(neuron)
    return hits


def reach(network: Network, part: Part, edge: Edge, row: int, column: int) -> int:
    """Return how many neurons of a part an input position touches."""
    rows, columns = box(network.layers[part.layer], part)
    if edge.broadcast:
        return len(rows) * len(columns)
    _, height, width = network.layers[edge.source].out_shape
    return len(touched(edge, 0, row, height, rows)) * len(touched(edge, 1, column, width, columns))


def targets(network: Network, part: Part, edge: Edge, channel: int) -> int:
    """Return how many sums of channels of a part an input channel has weights to."""
    if edge.kind == "add":
        own = {channel + edge.target_offset}
    else:
        inputs, outputs = network.layers[edge.source].shape[0] // edge.groups, network.layers[part.layer].shape[0]
        group = channel // inputs
        own = set(range(group * (outputs // edge.groups), (group + 1) * (outputs // edge.groups)))
    return edge.sums * len(own & set(range(*part.channels)))


def check_events_arrive(network: Network, mapping: Mapping, trace: Trace, counts: Counts, skips: bool) -> None:
    """Every event is received once by every inlet that its position touches, with the SOPs of the slow count."""
    column = {name: index for index, name in enumerate(INLET_COUNTERS)}
    index = 0
    for part in mapping.parts:
        for edge in network.layers[part.layer].edges:
            values, dropped, sops = Counter[int](), Counter[int](), Counter[int]()
            for step, row, place, channel in events_of(trace, network, edge.source):
                reached = reach(network, part, edge, row, place)
                values[step + edge.delay] += reached > 0
                addressed = targets(network, part, edge, channel)
                dropped[step + edge.delay] += reached > 0 and addressed == 0
                sops[step + edge.delay] += (reached > 0 if edge.broadcast else reached) * addressed
            own = counts.inlets[:, index]
            for step in range(trace.n_steps):
                assert own[step, column["values"]] == values[step]
                assert own[step, column["dropped_values"]] == dropped[step]
                assert own[step, column["sops"]] <= sops[step] if skips else own[step, column["sops"]] == sops[step]
            index += 1


def check_tokens_arrive(network: Network, mapping: Mapping, trace: Trace, counts: Counts) -> None:
    """Every inlet hears one token per step from each producer for each row that touches it."""
    index = 0
    for part in mapping.parts:
        for edge in network.layers[part.layer].edges:
            source = network.layers[edge.source]
            boxes = [(p.rows, p.columns) for p in mapping.parts if p.layer == edge.source]
            if source.is_input:
                boxes = [((0, source.shape[1]), (0, source.shape[2]))]
            rows = sum(
                any(reach(network, part, edge, row, place) for place in range(*columns))
                for rows, columns in boxes
                for row in range(*rows)
            )
            assert counts.inlets[:, index, INLET_COUNTERS.index("tokens")].tolist() == [rows] * trace.n_steps
            index += 1


def check_parts_send(
    network: Network, mapping: Mapping, trace: Trace, costs: Costs, timing: Timing, counts: Counts
) -> None:
    """Every part emits the events of the trace, and updates every neuron once a step where all are evaluated."""
    column = {name: index for index, name in enumerate(PART_COUNTERS)}
    for index, part in enumerate(mapping.parts):
        layer, cost = network.layers[part.layer], costs.layers[part.layer]
        own = counts.parts[:, index]
        emitted = Counter(
            step
            for step, row, place, channel in events_of(trace, network, part.layer)
            if row in range(*part.rows) and place in range(*part.columns) and channel in range(*part.channels)
        )
        assert own[:, column["events"]].tolist() == [emitted[step] for step in range(trace.n_steps)]
        neurons = {
            (y, x)
            for row in range(*part.rows)
            for place in range(*part.columns)
            for y in window(layer, 0, row)
            for x in window(layer, 1, place)
        }
        channels = part.channels[1] - part.channels[0]
        slices = [min(timing.event_fifo, channels - start) for start in range(0, channels, timing.event_fifo)]
        chunks = sum(-(-size // cost.neurons_per_chunk) for size in slices)
        updates = own[:, column["update_chunks"]]
        if cost.evaluate == "always":
            assert updates.tolist() == [len(neurons) * chunks] * trace.n_steps
        assert (updates <= len(neurons) * chunks).all()
        positions = (part.rows[1] - part.rows[0]) * (part.columns[1] - part.columns[0])
        evaluated = own[:, column["fire_tasks"]] / len(slices)
        assert (evaluated + own[:, column["untouched_positions"]]).tolist() == [positions] * trace.n_steps


def check_flits(network: Network, mapping: Mapping, trace: Trace, counts: Counts) -> None:
    """What is ejected has crossed the ports to cores and host; what the host sends and receives is in the trace."""
    flits = counts.links[:, :, 0]
    west = [y * mapping.mesh[0] for y in range(mapping.mesh[1])]
    ejected = flits[:, 4].sum() + flits[west, 3].sum()
    column = {name: index for index, name in enumerate(PART_COUNTERS)}
    assert counts.parts[:, :, column["ejected_flits"]].sum() + counts.host[:, 2].sum() == ejected
    crossed = counts.parts[:, :, column["link_flits"]].sum() + counts.host[:, 1].sum()
    assert crossed == flits.sum() - ejected
    for step in range(trace.n_steps):
        sent = [len([e for e in events_of(trace, network, i) if e[0] == step]) for i in range(len(network.layers))]
        inputs = sum(sent[i] for i, layer in enumerate(network.layers) if layer.is_input)
        outputs = sum(sent[i] for i, layer in enumerate(network.layers) if layer.is_output)
        assert counts.host[step, 3] + counts.host[step, 4] == inputs
        assert counts.host[step, 5] == outputs


def check_states(mapping: Mapping, counts: Counts) -> None:
    """The states of every core sum to the makespan; a core without parts is idle all the time."""
    assert (counts.cores.sum(axis=1) == counts.makespan).all()
    for core in range(len(mapping.place)):
        if all(part.core != core for part in mapping.parts):
            assert counts.cores[core, -1] == counts.makespan
            assert counts.npe_busy[core] == 0
    rv = counts.parts[:, :, PART_COUNTERS.index("rv_cycles")].sum()
    rv += counts.inlets[:, :, INLET_COUNTERS.index("rv_cycles")].sum()
    assert rv == counts.cores[:, 0].sum()
    lc = counts.parts[:, :, PART_COUNTERS.index("lc_cycles")].sum()
    lc += counts.inlets[:, :, INLET_COUNTERS.index("lc_cycles")].sum()
    assert lc == counts.npe_busy.sum()


def check_steps(counts: Counts) -> None:
    """Steps are released and end in order, and nothing arrives before it was sent."""
    release, first_flit, first_output, last_output, end = np.moveaxis(counts.steps, 1, 0)
    assert (np.diff(release) >= 0).all()
    assert (np.diff(end) > 0).all()
    assert (end <= counts.makespan).all()
    assert (release <= first_flit)[first_flit >= 0].all()
    assert (first_output <= last_output).all()
    assert (last_output < end).all()


def check_all(network: Network, mapping: Mapping, trace: Trace, timing: Timing, costs: Costs, counts: Counts) -> None:
    """Check every invariant of a run."""
    check_states(mapping, counts)
    check_events_arrive(network, mapping, trace, counts, skips=timing.masked == "chunk_skip")
    check_tokens_arrive(network, mapping, trace, counts)
    check_parts_send(network, mapping, trace, costs, timing, counts)
    check_flits(network, mapping, trace, counts)
    check_steps(counts)

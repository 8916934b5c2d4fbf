"""The books of a run kept by hand: plain Python over counts, chip constants, programs, events and weights.

Nothing here is taken from the report room: prices are spelt out from the chip's constants, sums are loops.
"""

from collections import defaultdict

import numpy as np

from seneca_sim.engine.counts import CORE_STATES, INLET_COUNTERS, PART_COUNTERS
from seneca_sim.engine.programs import network_programs
from seneca_sim.graph.neurons import SigmaDelta, is_stateful

WIDTHS = {"binary": 0, "int4": 4, "int8": 8, "bf16": 16, "fp32": 16, "int16": 16, "int32": 16}
"""Bits of each type as the shipped chip charges it."""


def instruction_pj(chip, name):
    """Energy of one instruction on all lanes by component."""
    row, lanes = getattr(chip.instructions, name), chip.core.npe.count.value
    own = row.total_pj.value - row.memory_pj.value - (row.loop_pj.value + row.event_pj.value) / 8
    shares = {"npe": lanes * own, "data_memory": lanes * row.memory_pj.value}
    looped = row.loop_pj.value if chip.core.loop_controller.enabled.value else 0
    return {**shares, "loop_controller": looped, "event_generator": row.event_pj.value}


def cycle_pj(chip):
    """Energy of a busy RISC-V cycle by component."""
    cpi, prices = chip.core.riscv.cpi.value, chip.prices
    accesses = chip.core.riscv.access_rate.value * prices.riscv_access_pj.value
    return {
        "riscv": prices.riscv_instruction_pj.value / cpi,
        "instruction_memory": prices.instruction_memory_pj.value / cpi,
        "data_memory": accesses / cpi,
    }


class Books:
    """Energy in pJ of every (layer or None, core or None, step, component), from the counts of a run."""

    def __init__(self, network, chip, mapping, counts):
        self.network, self.chip, self.mapping, self.counts = network, chip, mapping, counts
        self.programs = network_programs(network, chip)
        self.entries = defaultdict(float)
        self.counted_cycles = defaultdict(int)
        for step in range(len(counts.steps)):
            self.work(step)
            self.host(step)
        self.static()
        self.waiting()

    def pay(self, owner, amount, prices):
        for component, pj in prices.items():
            self.entries[(*owner, component)] += int(amount) * pj

    def run_program(self, owner, chunks, program):
        for name, executions in program.instructions:
            self.pay(owner, int(chunks) * executions, instruction_pj(self.chip, name))

    def cycles(self, owner, count):
        self.counted_cycles[owner[1]] += int(count)
        self.pay(owner, count, cycle_pj(self.chip))

    def core_total(self, core, component):
        """Energy of a core in uJ: its RISC-V is paid for the cycles that it was busy, for whatever part they were counted."""
        busy = int(self.counts.cores[core, CORE_STATES.index("busy")])
        moved = (busy - self.counted_cycles[core]) * cycle_pj(self.chip).get(component, 0)
        return self.total(core=core, component=component) + moved * 1e-6

    def flits(self, owner, injected, links, ejected):
        prices = self.chip.prices
        for count, price in (
            (injected, prices.flit_injected_pj),
            (links, prices.flit_link_pj),
            (ejected, prices.flit_ejected_pj),
        ):
            self.pay(owner, count, {"noc": price.value})

    def work(self, step):
        inlet = 0
        for number, part in enumerate(self.mapping.parts):
            owner = (part.layer, part.core, step)
            count = dict(zip(PART_COUNTERS, self.counts.parts[step, number].tolist(), strict=True))
            fire = self.programs[part.layer].fire
            self.run_program(owner, count["update_chunks"], fire.update)
            self.run_program(owner, count["emit_chunks"], fire.emit)
            if fire.pool is not None:
                self.run_program(owner, count["pool_chunks"], fire.pool)
            if self.chip.core.event_generator.enabled.value:
                self.pay(owner, count["events"], {"event_generator": self.chip.prices.event_generated_pj.value})
            self.cycles(owner, count["rv_cycles"])
            self.flits(owner, count["flits"], count["link_flits"], count["ejected_flits"])
            for program in self.programs[part.layer].integrate:
                came = dict(zip(INLET_COUNTERS, self.counts.inlets[step, inlet].tolist(), strict=True))
                self.run_program(owner, came["chunks"], program)
                self.cycles(owner, came["rv_cycles"])
                inlet += 1

    def host(self, step):
        inputs = [number for number, layer in enumerate(self.network.layers) if layer.is_input]
        owner = (inputs[0] if len(inputs) == 1 else None, None, step)
        self.flits(owner, *self.counts.host[step, :3])

    def powered_cycles(self):
        """Cycles from the end of one step to the end of the next; the last one reaches to steps x period."""
        ends, before, slices = self.counts.steps[:, -1].tolist(), 0, []
        ends[-1] = max(ends[-1], len(ends) * self.chip.flow.period.value)
        for end in ends:
            slices.append(end - before)
            before = end
        return slices

    def static(self):
        pj = self.chip.prices.static_uw_per_core.value / self.chip.clock_mhz.value  # uW / MHz = pJ per cycle
        bits = [sum(part) for part in part_bits(self.network, self.chip, self.mapping)]
        columns, rows = self.mapping.mesh
        empty = columns * rows - self.mapping.n_cores if self.chip.prices.powered.value == "all" else 0
        for step, cycles in enumerate(self.powered_cycles()):
            for core in {part.core for part in self.mapping.parts}:
                here = [number for number, part in enumerate(self.mapping.parts) if part.core == core]
                for number in here:
                    share = bits[number] / sum(bits[other] for other in here)
                    self.entries[self.mapping.parts[number].layer, core, step, "static"] += cycles * share * pj
            self.entries[None, None, step, "static"] += empty * cycles * pj

    def waiting(self):
        until = max(self.counts.makespan, sum(self.powered_cycles()))
        for core in {part.core for part in self.mapping.parts}:
            cycles = until - self.counts.cores[core, CORE_STATES.index("busy")]
            self.entries[None, core, None, "riscv"] += int(cycles) * self.chip.core.riscv.idle_pj.value

    def total(self, layer="any", core="any", step="any", component="any"):
        """Sum the entries that match, in uJ."""
        asked = (layer, core, step, component)
        return 1e-6 * sum(
            pj for key, pj in self.entries.items() if all(a in ("any", k) for a, k in zip(asked, key, strict=True))
        )


def part_bits(network, chip, mapping):
    """Bits of each part: (weights, biases, masks, states, held outputs, row buffers), every copy on a core counted."""
    held = {}
    rows = []
    for part in mapping.parts:
        layer = network.layers[part.layer]
        here = held.setdefault((part.core, part.layer), set())
        new = sorted(set(range(*part.channels)) - here)
        here.update(new)
        weight, state = WIDTHS[layer.precision.weight], WIDTHS[layer.precision.state]
        weights = sum(np.size(edge.weight[new]) for edge in layer.edges if edge.weight is not None) * weight
        biases = 0 if layer.bias is None else len(new) * state
        rows.append((weights, biases, _mask_bits(network, chip, layer, new), *_map_bits(network, part, layer, state)))
    return rows


def _mask_bits(network, chip, layer, channels):
    """One bit for each chunk of output channels, input channel that reaches it, and kernel position."""
    if chip.core.masked.value != "chunk_skip":
        return 0
    bits = 0
    programs = network_programs(network, chip)[network.layers.index(layer)].integrate
    for edge, program in zip(layer.edges, programs, strict=True):
        if edge.mask is not None:
            outputs, inputs, kernel_rows, kernel_columns = edge.mask.shape
            per_group = outputs // edge.groups
            for group in range(edge.groups):
                mine = [channel for channel in channels if channel // per_group == group]
                bits += -(-len(mine) // program.neurons_per_chunk) * inputs * kernel_rows * kernel_columns
    return bits


def _map_bits(network, part, layer, state):
    """States, held outputs and row buffers of a part."""
    channels = part.channels[1] - part.channels[0]
    outputs = channels * (part.rows[1] - part.rows[0]) * (part.columns[1] - part.columns[0])
    rows, columns = (_neurons(layer, span, axis) for axis, span in enumerate((part.rows, part.columns)))
    held = any(edge.delay and edge.source == part.layer for each in network.layers for edge in each.edges)
    held_bits = outputs * max(1, WIDTHS[layer.precision.event]) if held else 0
    maps = 2 if type(layer.neuron).__name__ in ("CubaLif", "SigmaDelta") else 1
    if not is_stateful(layer.neuron):
        return 0, held_bits, channels * min(part.state_rows, rows) * columns * state
    if isinstance(layer.neuron, SigmaDelta) and layer.pool is not None:
        return (channels * rows * columns + outputs) * state, held_bits, 0
    return channels * rows * columns * maps * state, held_bits, 0


def _neurons(layer, span, axis):
    """Neurons behind a range of outputs along one axis, before fused pooling."""
    if layer.pool is None:
        return span[1] - span[0]
    kernel, stride, padding = layer.pool.kernel[axis], layer.pool.stride[axis], layer.pool.padding[axis]
    size = layer.shape[1 + axis]
    low, high = max(0, span[0] * stride - padding), min(size, (span[1] - 1) * stride - padding + kernel)
    return high - low


def slow_sops(network, trace):
    """Count (T, E) weights applied to neurons, event by event and tap by tap: (unmasked, all)."""
    shape = (trace.n_steps, sum(len(layer.edges) for layer in network.layers))
    free, every = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    number = 0
    for layer in network.layers:
        for edge in layer.edges:
            for step in range(edge.delay, trace.n_steps):
                for channel, y, x in events_of(trace.layers[edge.source], step - edge.delay, network, edge.source):
                    for o, i, ky, kx in _taps(edge, layer, network.layers[edge.source], channel, y, x):
                        every[step, number] += len(o)
                        free[step, number] += len(o) if edge.mask is None else int(edge.mask[o, i, ky, kx].sum())
            number += 1
    return free, every


def events_of(layer_trace, step, network, number):
    """Yield (channel, y, x) of each event of a step."""
    columns = network.layers[number].out_shape[2]
    for k in range(layer_trace.step_start[step], layer_trace.step_start[step + 1]):
        y, x = divmod(int(layer_trace.position[k]), columns)
        for e in range(layer_trace.first_event[k], layer_trace.first_event[k + 1]):
            yield int(layer_trace.channel[e]), y, x


def _taps(edge, layer, source, channel, y, x):
    """Yield (output channels, weight input, ky, kx) of the weights that an event meets."""
    (ph, pw), (_, rows, columns) = edge.pool, source.out_shape
    y, x = y // ph, x // pw
    if y >= rows // ph or x >= columns // pw:
        return
    if edge.weight is None:
        yield [channel + edge.target_offset], 0, 0, 0
        return
    outputs, inputs, kernel_rows, kernel_columns = edge.weight.shape
    per_group, group = outputs // edge.groups, channel // inputs
    reached = list(range(group * per_group, (group + 1) * per_group))
    if edge.kind == "dense":
        yield list(range(outputs)), channel, y, x
        return
    for ky in range(kernel_rows):
        for kx in range(kernel_columns):
            oy = y + edge.padding[0] - ky * edge.dilation[0]
            ox = x + edge.padding[1] - kx * edge.dilation[1]
            if oy % edge.stride[0] or ox % edge.stride[1]:
                continue
            oy, ox = oy // edge.stride[0], ox // edge.stride[1]
            if 0 <= oy < layer.shape[1] and 0 <= ox < layer.shape[2]:
                yield reached, channel % inputs, ky, kx

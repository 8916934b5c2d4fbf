"""Records of parts and their inlets: geometry, programs, and where the next position is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.fast.blank import fill, filled
from seneca_sim.engine.fast.plan import (
    ALWAYS,
    PartPlan,
    Plan,
    depth_of,
    fresh_tables,
    gathers,
    is_grouped,
    mask_bits,
    outputs_of,
)
from seneca_sim.kernels import chip_machine as records

__all__ = ["inlet_records", "mask_words", "part_records"]


def part_records(plan: Plan, emission_start: NDArray[np.int64]) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return the records of the parts and the touched stamps of those that need them."""
    table = records.zeros(len(plan.parts), records.PART)
    depth, stamps = depth_of(plan.network), 0
    for number, (part, plan_part) in enumerate(zip(plan.mapping.parts, plan.parts, strict=True)):
        record, layer, costs = table[number], plan.network.layers[part.layer], plan.costs.layers[part.layer]
        n_rows, n_columns = part.rows[1] - part.rows[0], part.columns[1] - part.columns[0]
        first, n_inlets = (plan_part.inlets[0] if plan_part.inlets else 0), len(plan_part.inlets)
        gates = [gate for inlet in plan_part.inlets for gate in plan.inlets[inlet].gates]
        fresh, windows = zip(*(fresh_tables(plan, plan_part, axis) for axis in (0, 1)), strict=True)
        low = [begin - plan_part.neurons[0][0] for begin, _ in plan_part.windows[0]]
        channels = part.channels[1] - part.channels[0]
        later = 0 if plan.trace.continues else 1
        touched_from = {"always": ALWAYS, "touched": 0, "touched_later": later}[costs.evaluate]
        bubble = plan.timing.lc_chunk
        fill(
            record,
            core=part.core,
            layer=part.layer,
            sender=number,
            replay_sender=plan_part.replay,
            c0=part.channels[0],
            channels=channels,
            y0=part.rows[0],
            rows=n_rows,
            x0=part.columns[0],
            columns=n_columns,
            height_neurons=plan_part.height,
            state_rows=plan_part.state_rows,
            depth=depth[part.layer],
            low_row_at=plan.table.add(low),
            fresh_row_at=plan.table.add(fresh[0]),
            fresh_column_at=plan.table.add(fresh[1]),
            window_row_at=plan.table.add(windows[0]),
            window_column_at=plan.table.add(windows[1]),
            per_chunk=costs.neurons_per_chunk,
            update_cycles=costs.update_cycles + bubble,
            pool_cycles=costs.pool_cycles + bubble,
            emit_cycles=costs.emit_cycles + bubble,
            pooled=layer.pool is not None,
            touched_from=touched_from,
            touched_at=stamps,
            out_rows_at=plan.table.add_ragged(outputs_of(plan_part, 0)),
            out_columns_at=plan.table.add_ragged(outputs_of(plan_part, 1)),
            neuron_y0=plan_part.neurons[0][0],
            neuron_x0=plan_part.neurons[1][0],
            pieces=-(-channels // plan.timing.event_fifo),
            inlet_first=first,
            n_inlets=n_inlets,
            gate_first=min(gates, default=0),
            n_gates=len(gates),
            emission=emission_start[number, 1],
            replay_emission=emission_start[number, 0],
            noted_step=-1,
            early_replay=plan.timing.early_replay or _feeds_back(plan, plan_part.layer) or not _hears(plan, plan_part),
        )
        stamps += n_rows * n_columns if touched_from < ALWAYS else 0
    return table, filled(stamps + 1, records.TOUCHED)


def _hears(plan: Plan, part: PartPlan) -> bool:
    """Return whether any producer reaches a part on an edge without delay."""
    return any(plan.inlets[inlet].feeds and not plan.inlets[inlet].link.delay for inlet in part.inlets)


def _feeds_back(plan: Plan, layer: int) -> bool:
    """Return whether a layer has a delay edge into an earlier layer."""
    return any(
        edge.delay and edge.source == layer and number < layer
        for number, other in enumerate(plan.network.layers)
        for edge in other.edges
    )


def inlet_records(plan: Plan, mask_at: list[tuple[int, int]]) -> NDArray[np.void]:
    """Return the records of the inlets."""
    table = records.zeros(len(plan.inlets), records.INLET)
    first_feed = 0  # feeds are numbered inlet by inlet; some inlets have none
    for number, inlet in enumerate(plan.inlets):
        edge, part = inlet.link, plan.mapping.parts[inlet.part]
        plan_part, costs = plan.parts[inlet.part], plan.costs.edges[inlet.edge]
        source = plan.network.layers[inlet.source].out_shape
        channels = (part.channels[1] - part.channels[0]) * edge.sums
        outputs = [outputs_of(plan_part, axis) for axis in (0, 1)]
        touched = [_touched_outputs(inlet.touch[axis], outputs[axis], plan_part.neurons[axis][0]) for axis in (0, 1)]
        positions = inlet.touch
        if edge.broadcast:
            touched, positions = [[[]], [[]]], ([[0]], [[0]])
        shape = (1, 1, 1, 1) if edge.weight is None else edge.weight.shape
        first = plan_part.neurons[0][0]
        fill(
            table[number],
            part=inlet.part,
            edge=inlet.edge,
            layer=part.layer,
            one_position=edge.kind == "dense" or edge.broadcast,
            broadcast=edge.broadcast,
            gathers=gathers(plan, edge),
            grouped=is_grouped(edge),
            delayed=edge.delay,
            offset=edge.target_offset,
            group_inputs=shape[1],
            group_outputs=shape[0] // edge.groups if edge.kind != "add" else 1,
            masked=mask_at[number][0] >= 0,
            mask_at=max(0, mask_at[number][0]),
            mask_words=mask_at[number][1],
            per_chunk=costs.neurons_per_chunk,
            chunk_cycles=costs.chunk_cycles + plan.timing.lc_chunk,
            chunks=-(-channels // costs.neurons_per_chunk),
            channels=channels,
            c0=part.channels[0],
            width=source[2],
            plane=source[1] * source[2],
            rows_at=plan.table.add_ragged(positions[0]),
            columns_at=plan.table.add_ragged(positions[1]),
            touch_rows_at=plan.table.add_ragged(touched[0]),
            touch_columns_at=plan.table.add_ragged(touched[1]),
            hi_row_at=plan.table.add([max(rows) - first if rows else 0 for rows in inlet.touch[0]]),
            kernel_rows=shape[2],
            kernel_columns=shape[3],
            stride_y=edge.stride[0],
            stride_x=edge.stride[1],
            padding_y=edge.padding[0],
            padding_x=edge.padding[1],
            dilation_y=edge.dilation[0],
            dilation_x=edge.dilation[1],
            pool_y=edge.pool[0],
            pool_x=edge.pool[1],
            upsample_y=edge.upsample[0],
            upsample_x=edge.upsample[1],
            feed_first=first_feed,
            n_feeds=len(inlet.feeds),
        )
        first_feed += len(inlet.feeds)
    return table


def _touched_outputs(touch: list[list[int]], outputs: list[list[int]], first: int) -> list[list[int]]:
    """Return, per input position, the outputs whose windows hold a touched neuron."""
    return [sorted({out for neuron in neurons for out in outputs[neuron - first]}) for neurons in touch]


def mask_words(plan: Plan) -> tuple[NDArray[np.uint64], list[tuple[int, int]]]:
    """Return all chunk bits, and per inlet (offset or -1, words)."""
    bits, places, size = [np.zeros(1, np.uint64)], [], 1
    for inlet in plan.inlets:
        mask = mask_bits(plan, inlet)
        if mask is None:
            places.append((-1, 1))
            continue
        places.append((size, mask.shape[-1]))
        bits.append(mask.ravel())
        size += mask.size
    return np.concatenate(bits), places

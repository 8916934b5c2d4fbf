"""Automatic mapping: parts of layers on cores for a goal, with state rows and places, checked like a mapping by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import Chip
from seneca_sim.errors import RequestError
from seneca_sim.graph.network import Network
from seneca_sim.mapping.geometry import neuron_box
from seneca_sim.mapping.goals import GOALS, ROOMY, STRATEGIES, STRIPED, items
from seneca_sim.mapping.memory import Memory, core_memory, layer_memory
from seneca_sim.mapping.packing import lower_bound
from seneca_sim.mapping.placement import host_rows, mesh_size, place_cores, traffic
from seneca_sim.mapping.provision import provision_rows
from seneca_sim.mapping.strips import COUNTS
from seneca_sim.mapping.task import USEFUL_WINDOW, Draft, Task, runs_ahead
from seneca_sim.mapping.types import Mapping, Part
from seneca_sim.mapping.validate import routing_fits, validate_mapping
from seneca_sim.yaml_positions import did_you_mean

__all__ = ["GOALS", "automatic_mapping", "fewest_cores_bound"]

STRIPS = (COUNTS[-1], 8, 2, 1)
"""Most strips of a layer: fewer are tried where the multicast groups of many strips do not fit the chip's tables."""
ROUNDS = 4
"""Attempts at parts that still fit with the state rows that they turn out to need."""


def automatic_mapping(
    network: Network,
    chip: Chip,
    *,
    goal: str = "balanced",
    cores: int | None = None,
    trace: Trace | None = None,
    seed: int = 0,
) -> Mapping:
    """Return a valid mapping for a goal of `GOALS`.

    Loads and traffic are those of the trace, or of dense maps without one. `cores` is the most cores to use; without it,
    `balanced` takes the whole mesh if the chip states one, else as many as the layers need on cores of their own.

    Raises
    ------
    RequestError
        If there is no such goal, or `cores` is not positive.
    MappingError
        If the network cannot be mapped: what is needed, what there is, and a way out.
    """
    if goal not in GOALS:
        raise RequestError(f"unknown goal {goal!r}{did_you_mean(goal, GOALS)}; the goals are {', '.join(GOALS)}")
    if cores is not None and cores < 1:
        raise RequestError(f"cores: expected an integer >= 1, got {cores}")
    for strips in STRIPS:
        task = Task(network, chip, cores, trace, _rows_of_whole_layers(network, chip), strips)
        mapping = _placed(task, goal, seed)
        if goal not in STRIPED or routing_fits(network, chip, mapping):
            break
    validate_mapping(network, chip, mapping)
    return mapping


def _placed(task: Task, goal: str, seed: int) -> Mapping:
    """Return a mapping whose parts fit with the state rows that they turn out to need, and places of its cores."""
    network, chip, assumed = task.network, task.chip, dict(task.state_rows)
    for _ in range(ROUNDS):
        parts = _parts(network, chip, STRATEGIES[goal](replace(task, state_rows=assumed)))
        n_cores = max(part.core for part in parts) + 1
        memory = core_memory(network, chip, Mapping(network.name, parts, (n_cores, 1), ((0, 0),) * n_cores))
        if (memory.cores.sum(axis=1) <= chip.core.data_memory_bits.value).all():
            break
        for part in parts:
            assumed[part.layer] = max(assumed[part.layer], part.state_rows)
    if goal in ROOMY:
        parts = _with_more_rows(network, chip, parts, memory)
    mesh = mesh_size(chip, n_cores)
    ports = host_rows(sum(layer.is_input for layer in network.layers), mesh[1])
    place = place_cores(traffic(network, chip, parts, n_cores, task.trace), mesh, ports, seed)
    return Mapping(network.name, parts, mesh, place, ports)


def _with_more_rows(network: Network, chip: Chip, parts: tuple[Part, ...], memory: Memory) -> tuple[Part, ...]:
    """Give layers, first to last, as many state rows as are of use and as the memory left on all of their cores holds."""
    wanted = _provisioned(network, chip, parts, max(USEFUL_WINDOW, chip.flow.window.value))
    free = chip.core.data_memory_bits.value - memory.cores.sum(axis=1)
    found = list(parts)
    for number in dict.fromkeys(part.layer for part in parts if runs_ahead(network.layers[part.layer])):
        here = [index for index, part in enumerate(parts) if part.layer == number]
        per_row = np.zeros_like(free)
        for index in here:
            columns = neuron_box(network.layers[number], parts[index])[1]
            channels = parts[index].channels[1] - parts[index].channels[0]
            bits = layer_memory(network, chip, number).neuron_bits
            per_row[parts[index].core] += channels * (columns[1] - columns[0]) * bits
        room = int((free // np.maximum(per_row, 1))[per_row > 0].min()) if per_row.any() else 0
        for index in here:
            found[index] = replace(parts[index], state_rows=min(wanted[index], parts[index].state_rows + room))
        free -= per_row * max((found[index].state_rows - parts[index].state_rows for index in here), default=0)
    return tuple(found)


def fewest_cores_bound(network: Network, chip: Chip) -> int:
    """Return a number of cores below which the network cannot fit, however its layers are cut by channels."""
    task = Task(network, chip, None, None, _rows_of_whole_layers(network, chip))
    return lower_bound(items(task), task.limit)


def _rows_of_whole_layers(network: Network, chip: Chip) -> dict[int, int]:
    """Return the state rows of each layer if it is not cut."""
    parts = [
        Part(number, 0, (0, layer.shape[0]), (0, layer.out_shape[1]), (0, layer.out_shape[2]), 1)
        for number, layer in enumerate(network.layers)
        if not layer.is_input
    ]
    return {part.layer: rows for part, rows in zip(parts, _provisioned(network, chip, parts), strict=True)}


def _provisioned(network: Network, chip: Chip, parts: Sequence[Part], window: int | None = None) -> tuple[int, ...]:
    """Return the state rows of parts by the chip's flow settings, or for another window."""
    flow = chip.flow
    rows = flow.window.value if window is None else window
    return provision_rows(network, parts, window=rows, order=flow.order.value, early_replay=flow.early_replay.value)


def _parts(network: Network, chip: Chip, drafts: Sequence[Draft]) -> tuple[Part, ...]:
    """Return parts in mapping order, cores numbered by their first part, with state rows."""
    ordered = sorted(drafts, key=lambda draft: (draft.layer, draft.rows, draft.columns, draft.channels))
    number: dict[int, int] = {}
    for draft in ordered:
        number.setdefault(draft.core, len(number))
    parts = [Part(each.layer, number[each.core], each.channels, each.rows, each.columns, 1) for each in ordered]
    rows = _provisioned(network, chip, parts)
    return tuple(replace(part, state_rows=row) for part, row in zip(parts, rows, strict=True))

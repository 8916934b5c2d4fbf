"""The memory of a mapping in the kinds that the report lists: first copies by kind, further copies as replicas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.chip import Chip
from seneca_sim.graph.network import Network
from seneca_sim.mapping.memory import MEMORY_KINDS as MAPPED_KINDS
from seneca_sim.mapping.memory import SHARED_KINDS, core_memory, layer_memory, weight_owners
from seneca_sim.mapping.types import Mapping
from seneca_sim.report.columns import MEMORY_KINDS

__all__ = ["part_memory"]


def part_memory(network: Network, chip: Chip, mapping: Mapping) -> NDArray[np.int64]:
    """Return the bits that each part reserves, (P, len(MEMORY_KINDS)).

    The first part that stores a channel of a layer, or of one with the same weights, counts its weights, biases and mask; parts
    on other cores that store it again count replicas.
    """
    mapped = core_memory(network, chip, mapping).parts
    bits = np.zeros((len(mapping.parts), len(MEMORY_KINDS)), dtype=np.int64)
    stored: dict[int, set[int]] = {}
    owners = weight_owners(network)
    for row, own, part in zip(bits, mapped, mapping.parts, strict=True):
        first = stored.setdefault(owners[part.layer], set())
        new = set(range(*part.channels)) - first
        first |= new
        once = np.minimum(own[:SHARED_KINDS], layer_memory(network, chip, part.layer).channel_kinds(len(new)))
        kept = np.concatenate((once, own[SHARED_KINDS:]))
        for kind, value in zip(MAPPED_KINDS, kept, strict=True):
            row[MEMORY_KINDS.index(kind)] = value
        row[MEMORY_KINDS.index("replicas")] = own[:SHARED_KINDS].sum() - once.sum()
    return bits

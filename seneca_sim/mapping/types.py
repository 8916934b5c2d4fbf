"""A mapping: which part of which layer lives on which core."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Mapping", "Part"]


@dataclass(frozen=True, slots=True)
class Part:
    """A box of one layer's outputs on one core; ranges are half open, in the layer's `out_shape` (after fused pooling)."""

    layer: int
    """Index in `Network.layers`; input layers have no parts."""
    core: int
    channels: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]
    state_rows: int
    """Rows of neuron states (before fused pooling) that the core holds for this part; all of them for stateful neurons."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Parts, in the order (layer, rows, columns, channels), and where the cores and host ports sit on the mesh.

    Core k is at ``place[k]`` = (x, y). Input layer number i (counting input layers only) enters at the west edge of row
    ``host_rows[i]``; output events leave at the west edge of row ``host_rows[0]``.
    """

    network: str
    parts: tuple[Part, ...]
    mesh: tuple[int, int]
    """(columns, rows)"""
    place: tuple[tuple[int, int], ...]
    host_rows: tuple[int, ...] = (0,)

    @property
    def n_cores(self) -> int:
        """Number of cores with at least one part."""
        return len({part.core for part in self.parts})

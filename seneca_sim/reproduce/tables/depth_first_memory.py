"""State memory of a 3x3 convolution with 2x2 max pooling: the whole map, or the rows that depth-first convolution provisions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from seneca_sim.chip import Chip, load_chip
from seneca_sim.graph.network import Edge, Layer, MaxPool, Network
from seneca_sim.graph.neurons import Relu
from seneca_sim.graph.placeholders import placeholder
from seneca_sim.graph.transpose import transposed
from seneca_sim.mapping.memory import core_memory
from seneca_sim.mapping.provision import provision_rows
from seneca_sim.mapping.types import Mapping, Part
from seneca_sim.reproduce.citations import PublishedTable
from seneca_sim.reproduce.rows import Reproduction

if TYPE_CHECKING:
    from seneca_sim.reproduce.tables import Progress

__all__ = ["pooled_convolution", "reproduce", "row_buffer_bits"]

Order = Literal["depth-first", "conventional"]
_CASES: dict[str, tuple[int, int, Order, bool]] = {
    "56x56x32, conventional": (56, 56, "conventional", False),
    "120x120x32, conventional": (120, 120, "conventional", False),
    "56x56x32, depth-first": (56, 56, "depth-first", False),
    "120x120x32, depth-first": (120, 120, "depth-first", False),
    "120 rows x 160 columns x 32, transposed, depth-first": (120, 160, "depth-first", True),
}
_CHANNELS = 32


def reproduce(published: PublishedTable, progress: Progress | None = None) -> Reproduction:
    """Provision the rows of each map, from geometry alone."""
    chip = load_chip("seneca")
    rows, notes = [], []
    limit = chip.core.data_memory_bits.value
    for name, (height, width, order, turned) in _CASES.items():
        network = pooled_convolution(height, width)
        bits = row_buffer_bits(transposed(network) if turned else network, chip, order)
        rows.append(published.row(name).beside("memory", bits / 1e6, "exact"))
        notes.append(f"{name}: {'fits' if bits <= limit else 'does not fit'} the {limit:,} bits of a core")
    wide = row_buffer_bits(pooled_convolution(120, 160), chip, "depth-first") / 1e6
    notes += [
        f"120x160x32 as it stands holds rows of the long side, {wide:.3f} Mb; transposed, rows of the short one",
        "counted are the fewest rows that cannot deadlock (a window of one row); chip seneca provisions more, for rows to arrive "
        "while one fires",
    ]
    return Reproduction(published.name, published.title, tuple(rows), tuple(notes))


def pooled_convolution(rows: int, columns: int, channels: int = _CHANNELS) -> Network:
    """Return a 3x3 convolution of a map onto as many channels, with 2x2 max pooling behind its neurons."""
    edge = Edge("weights", 0, "conv", placeholder(channels, channels, 3, 3), padding=(1, 1))
    pool = MaxPool((2, 2), (2, 2))
    layers = (
        Layer("input", None, (channels, rows, columns)),
        Layer("conv", Relu(), (channels, rows, columns), (edge,), pool=pool, is_output=True),
    )
    return Network("conv3x3-pool2x2", layers, task="other", weights="absent")


def row_buffer_bits(network: Network, chip: Chip, order: Order) -> int:
    """Return the bits of states of the convolution on one core, by the fewest rows that cannot deadlock."""
    layer = network.layers[1]
    part = Part(1, 0, (0, layer.shape[0]), (0, layer.out_shape[1]), (0, layer.out_shape[2]), 1)
    (rows,) = provision_rows(network, (part,), window=1, order=order)
    mapping = Mapping(network.name, (replace(part, state_rows=rows),), (1, 1), ((0, 0),))
    return core_memory(network, chip, mapping).by_kind()["row_buffers"]

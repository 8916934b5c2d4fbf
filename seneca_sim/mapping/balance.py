"""Lowest bottleneck within a number of cores: how many cores each layer gets, and which parts share one.

With every part on a core of its own the result is optimal for the loads of `cost.py`: the cores that a layer needs fall as the
allowed load rises, so the least load at which all layers together need no more than the cores at hand is found by bisection.
Sharing cores is a packing problem; it is solved by best fit and used where it beats that optimum, or where the layers are
more than the cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seneca_sim.mapping.packing import pack_pieces
from seneca_sim.mapping.splits import UNLIMITED, LayerSplits, Split

__all__ = ["Allocation", "balanced_apart", "balanced_shared", "energy_per_step", "least_load", "packed"]

PRECISION = 1e-9
"""Relative gap at which a bisection on loads ends."""
SHARED_PRECISION = 1e-3
FULL = 1.0 + 1e-9


@dataclass(frozen=True, slots=True)
class Allocation:
    """Splits of all layers and the core of each part, in the order (split, rows, channels)."""

    splits: tuple[Split, ...]
    cores: tuple[int, ...]

    @property
    def n_cores(self) -> int:
        """Number of cores."""
        return len(set(self.cores))


def balanced_apart(layers: Sequence[LayerSplits], cores: int) -> Allocation | None:
    """Return the splits with the least largest load if every part has a core of its own; None if there are too few cores."""

    def enough(most_load: float) -> bool:
        total = 0
        for layer in layers:
            number = layer.fewest_parts(most_load)
            if number is None or (total := total + number) > cores:
                return False
        return True

    if not enough(UNLIMITED):
        return None
    splits = _splits_at(layers, UNLIMITED)
    most = least_load(enough, max(split.load for split in splits), PRECISION)
    splits = _splits_at(layers, most)
    return Allocation(splits, tuple(range(sum(split.n_parts for split in splits))))


def balanced_shared(layers: Sequence[LayerSplits], cores: int, limit: int) -> Allocation | None:
    """Return a split and packing with a low largest load per core; None if best fit finds none within the cores."""

    def enough(most_load: float) -> bool:
        numbers = [layer.fewest_parts(most_load) for layer in layers]
        if any(number is None for number in numbers):
            return False
        splits = _splits_at(layers, most_load)
        if sum(sum(split.loads) * len(split.channels) for split in splits) > cores * most_load * FULL:
            return False
        return packed(splits, most_load, limit).n_cores <= cores

    splits = _splits_at(layers, UNLIMITED)
    if packed(splits, UNLIMITED, limit).n_cores > cores:
        return None
    most = least_load(enough, sum(split.n_parts * split.load for split in splits), SHARED_PRECISION)
    return packed(_splits_at(layers, most), most, limit)


def packed(splits: tuple[Split, ...], most_load: float, limit: int, light: float = 1.0) -> Allocation:
    """Return splits with their parts packed onto as few cores as best fit finds, within a load and a memory limit.

    No core gets two parts with more than the share `light` of the load.
    """
    sizes = [
        (load if most_load < UNLIMITED else 0.0, float(bits), float(load > light * most_load))
        for split in splits
        for load, bits in zip(split.loads, split.bits, strict=True)
        for _ in split.channels
    ]
    return Allocation(splits, tuple(pack_pieces(sizes, (most_load, float(limit), 1.0))))


def energy_per_step(layer: LayerSplits, split: Split, lane_pj: float, control_pj: float) -> float:
    """Return the estimated energy of a layer's parts [pJ per step], from the price of a cycle of lanes and of RISC-V."""
    total = 0.0
    for start, end in split.channels:
        energy = layer.cost.lanes(end - start) * lane_pj + layer.cost.control(end - start) * control_pj
        total += sum(float(energy[first, last - 1]) for first, last in split.rows)
    return total


def _splits_at(layers: Sequence[LayerSplits], most_load: float) -> tuple[Split, ...]:
    return tuple(split for layer in layers if (split := layer.fewest(most_load)) is not None)


def least_load(enough: Callable[[float], bool], high: float, precision: float) -> float:
    """Return the least load that is enough, to a relative precision; `high` must be."""
    low = 0.0
    while high - low > precision * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high

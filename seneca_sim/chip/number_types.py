"""Number types on the chip: which it computes with, how wide they are, and what other types are priced as."""

from __future__ import annotations

from typing import Literal, Protocol

from seneca_sim.chip.description import Chip
from seneca_sim.errors import ChipError

__all__ = ["NumberTypes", "Role", "bits_of", "priced_type"]

Role = Literal["weight", "state", "event"]

BITS = {"binary": 0, "int4": 4, "int8": 8, "bf16": 16}
"""Width of each type that the chip knows [bits]; a binary event carries no value."""
KNOWN: dict[Role, tuple[str, ...]] = {
    "weight": ("int4", "int8", "bf16"),
    "state": ("int8", "bf16"),
    "event": ("binary", "int4", "int8", "bf16"),
}
"""Types that the lanes have programs for, by role (poster EMEA 2023: INT4, INT8 and BF16; the table adds 8-bit and BF16 states)."""


class NumberTypes(Protocol):
    """Number types of a layer, by role; `graph.network.Precision` is one."""

    @property
    def weight(self) -> str:
        """Type of the incoming weights."""

    @property
    def state(self) -> str:
        """Type of the neuron states."""

    @property
    def event(self) -> str:
        """Type of the event values."""


def priced_type(chip: Chip, role: Role, number_type: str) -> str:
    """Return the type whose programs and width a type is charged as: itself, or what the chip file maps it to.

    >>> from seneca_sim.chip import load_chip
    >>> chip = load_chip("seneca")
    >>> priced_type(chip, "state", "int32"), priced_type(chip, "weight", "int4"), priced_type(chip, "state", "int4")
    ('bf16', 'int4', 'int8')
    """
    if number_type in KNOWN[role]:
        return number_type
    mapped = chip.price_as.named(number_type)
    if mapped in KNOWN[role]:
        return mapped
    if mapped is not None:
        raise ChipError(
            f"chip {chip.name}: price_as.{number_type} is {mapped}, which has no programs as a {role}; "
            f"name one of {', '.join(KNOWN[role])}"
        )
    raise ChipError(
        f"chip {chip.name}: {role}s of type {number_type} have no programs; "
        f"say what they are priced as, such as --set price_as.{number_type}=bf16"
    )


def bits_of(chip: Chip, role: Role, number_type: str) -> int:
    """Return the width of a type in memories and packets [bits], as it is priced; 0 for binary events.

    >>> from seneca_sim.chip import load_chip
    >>> bits_of(load_chip("seneca"), "weight", "fp32")
    16
    """
    return BITS[priced_type(chip, role, number_type)]

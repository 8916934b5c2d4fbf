"""What readers of binary words share: room for decoded events, and the byte of an event that is off the sensor."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.events.recording import Columns
from seneca_sim.events.stream import EventStream

__all__ = ["Decoded", "refuse_outside", "room"]


def room(n_events: int) -> Columns:
    """Return arrays for so many events, to be filled."""
    places = np.empty(n_events, np.int32), np.empty(n_events, np.int32)
    return Columns(np.empty(n_events, np.int64), *places, np.empty(n_events, np.uint8))


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """One call of a decoder, which can be repeated for fewer words."""

    decode: Callable[..., int]
    words: NDArray[Any]
    step: int
    """Words of the smallest piece that can be decoded."""
    byte: int
    """Where the words begin in the file."""
    before: NDArray[np.int64]
    """State of the decoder before the words."""
    arguments: tuple[NDArray[Any], ...]
    """What the decoder gets behind its words and state; overwritten when it is called again."""

    def events_in(self, n: int) -> int:
        """Return the number of events in the first n pieces."""
        return int(self.decode(self.words[: n * self.step], self.before.copy(), *self.arguments))

    def place(self, k: int) -> int:
        """Return the byte of the piece that holds event k."""
        pieces = range(len(self.words) // self.step + 1)
        return self.byte + (bisect_right(pieces, k, key=self.events_in) - 1) * self.step * self.words.itemsize


def refuse_outside(path: Path, columns: Columns, size: tuple[int, int] | None, first_event: int, made: Decoded) -> None:
    """Refuse a block with an event off the sensor, naming its number and byte."""
    if size is None or not len(columns.x) or (columns.x.max() < size[0] and columns.y.max() < size[1]):
        return
    k = int(np.argmax((columns.x >= size[0]) | (columns.y >= size[1])))
    t_us, x, y, p = columns.piece(k, k + 1).arrays
    one = t_us.copy(), x.copy(), y.copy(), p.copy()
    EventStream(*one, *size, path.name, first_byte=made.place(k), first_event=first_event + k)

"""Which pixels of a camera a network sees, and in which of its own.

In this order: axes swapped, polarities exchanged, a crop, then blocks of pixels as one (`pool`) or every pixel moved to the
nearest of another size (`resize`: column x of w becomes x * width // w; no event is lost, several may meet in one pixel).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError, RequestError
from seneca_sim.graph.lengths import parse_size
from seneca_sim.graph.network import InputContract

__all__ = ["View", "check_crop", "fitted_view", "parse_crop", "parse_view", "ways_out"]

Crop = tuple[int, int, int, int]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class View:
    """How a camera's pixels become a network's: `crop` is (left, top, width, height), `resize` (width, height)."""

    swap_xy: bool = False
    flip_polarity: bool = False
    crop: Crop | None = None
    pool: int = 1
    resize: Size | None = None

    def __post_init__(self) -> None:
        """Refuse empty crops, pools and sizes."""
        if self.pool < 1:
            raise RequestError(f"pool must be at least 1, not {self.pool}")
        if self.crop is not None and (min(self.crop[:2]) < 0 or min(self.crop[2:]) < 1):
            raise RequestError(f"crop must be left, top >= 0 and width, height >= 1, not {self.crop}")
        if self.resize is not None and min(self.resize) < 1:
            raise RequestError(f"resize must be a width and a height >= 1, not {self.resize}")
        if self.resize is not None and self.pool > 1:
            raise RequestError("pool and resize exclude each other: resize alone states the size that is fed")

    def cropped(self, size: Size) -> Size:
        """Return width and height after swapping and cropping a camera of a size."""
        width, height = (size[1], size[0]) if self.swap_xy else size
        return (width, height) if self.crop is None else self.crop[2:]

    def seen(self, size: Size) -> Size:
        """Return width and height that the network sees of a camera of a size.

        >>> View(crop=(0, 0, 9, 6), pool=2).seen((640, 480))
        (5, 3)
        """
        width, height = self.cropped(size)
        return self.resize or (-(-width // self.pool), -(-height // self.pool))

    def tables(self, size: Size) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the network's column for each of its columns of the camera, and row for each row, -1: not seen.

        With `swap_xy` the first table is for the camera's y.
        """
        width, height = (size[1], size[0]) if self.swap_xy else size
        left, top, inner_width, inner_height = self.crop or (0, 0, width, height)
        new_width, new_height = self.resize or (0, 0)
        return (
            _table(width, left, inner_width, new_width, self.pool),
            _table(height, top, inner_height, new_height, self.pool),
        )


def _table(length: int, first: int, inner: int, new: int, pool: int) -> NDArray[np.int32]:
    """Return the new place of each of `length` places, of which `inner` from `first` on are kept."""
    place = np.arange(length) - first
    moved = place * new // inner if new else place // pool
    return np.where((place >= 0) & (place < inner), moved, -1).astype(np.int32)


def parse_crop(text: str) -> Crop:
    """Return the numbers of a crop; raises a `RequestError` for other texts and empty crops.

    >>> parse_crop("160, 0, 320, 240")
    (160, 0, 320, 240)
    """
    words = [word.strip() for word in str(text).split(",")]
    if len(words) != 4 or not all(word.isascii() and word.isdigit() and len(word) <= 5 for word in words):
        raise RequestError(f"crop must be LEFT,TOP,WIDTH,HEIGHT in pixels such as 160,120,320,240, not {text!r}")
    left, top, width, height = map(int, words)
    if not width or not height:
        raise RequestError(f"crop must be at least 1 pixel wide and high, not {text!r}")
    return left, top, width, height


def parse_view(
    crop: str | None = None,
    pool: int | None = None,
    resize: str | None = None,
    swap_xy: bool = False,
    flip_polarity: bool = False,
) -> View:
    """Return the view that options ask for."""
    return View(
        swap_xy,
        flip_polarity,
        None if crop is None else parse_crop(crop),
        1 if pool is None else pool,
        None if resize is None else parse_size("resize", resize),
    )


def fitted_view(
    source: str, size: Size, stated: bool, map_size: Size, contract: InputContract, asked: View
) -> tuple[View, tuple[str, ...]]:
    """Return how a camera of `size` fills a map of `map_size` (both width, height), and what was assumed.

    `asked` is what the user wants on top of the contract. A recording that does not state its camera's size (`stated`
    False: `size` just holds its events) may be smaller than the map.
    """
    view = replace(
        asked,
        swap_xy=asked.swap_xy != contract.swap_xy,
        flip_polarity=asked.flip_polarity != contract.flip_polarity,
    )
    notes = []
    if stated:
        check_crop(source, "recording's", size[::-1] if view.swap_xy else size, view.crop)
    chosen = view.pool > 1 or view.resize is not None
    if contract.pool > 1 and not chosen:
        if view.cropped(size) == map_size:
            notes.append(f"{source} has the size of the network's map already, so it is not pooled")
        else:
            view = replace(view, pool=contract.pool)
    smaller = not stated and view.crop is None and view.resize is None
    if smaller and contract.sensor_width is not None and contract.sensor_height is not None:
        sensor = contract.sensor_width, contract.sensor_height
        sensor = sensor[::-1] if view.swap_xy else sensor
        if size[0] <= sensor[0] and size[1] <= sensor[1] and view.seen(sensor) == map_size:
            return view, (*notes, f"{source} does not state its camera's size; taken as {sensor[0]}x{sensor[1]}")
    seen = view.seen(size)
    if seen != map_size:
        if not (smaller and seen[0] <= map_size[0] and seen[1] <= map_size[1]):
            raise EventsError(_mismatch(source, size, stated, map_size, view, seen))
        notes.append(
            f"{source} does not state its camera's size; its events reach {seen[0]}x{seen[1]} pixels of {map_size[0]}x{map_size[1]}"
        )
    if asked.resize is not None:
        width, height = view.cropped(size)
        notes.append(f"{width}x{height} pixels resized to {seen[0]}x{seen[1]}: each event moves to the nearest pixel")
    return view, tuple(notes)


def check_crop(source: str, whose: str, size: Size, crop: Crop | None) -> None:
    """Refuse a crop that leaves a camera or a frame of a size.

    >>> check_crop("digits.npz", "recording's", (20, 20), (2, 2, 18, 18))
    """
    if crop is None:
        return
    left, top, width, height = crop
    if left + width > size[0] or top + height > size[1]:
        raise EventsError(
            f"{source}: the crop {left},{top},{width},{height} leaves the {whose} {size[0]}x{size[1]} pixels "
            "(width x height); choose one inside"
        )


def _mismatch(source: str, size: Size, stated: bool, map_size: Size, view: View, seen: Size) -> str:
    """Return the refusal of a recording whose pixels are not those of the network's map."""
    if seen == view.cropped(size):
        what = f"{source}: the recording has {size[0]}x{size[1]} pixels"
        if not stated:
            what = f"{source}: the events reach {size[0]}x{size[1]} pixels"
        if view.crop is not None or view.swap_xy:
            what += f", of which {seen[0]}x{seen[1]} are seen"
    else:
        what = f"{source}: {seen[0]}x{seen[1]} pixels are seen of the recording's {size[0]}x{size[1]}"
    return (
        f"{what} (width x height), but the network's input has {map_size[0]}x{map_size[1]}; "
        f"{ways_out(view.cropped(size), map_size)}"
    )


def ways_out(size: Size, map_size: Size) -> str:
    """Return the options that would make pixels of one size fit a map, as a request.

    >>> ways_out((640, 480), (320, 240))
    'use --pool 2, --crop 160,120,320,240 or --resize 320x240'
    """
    (width, height), (columns, rows) = size, map_size
    ways = []
    if (height, width) == (columns, rows):
        ways.append("--swap-xy")
    pools = [
        pool for pool in range(2, max(width // columns, 1) + 2) if (-(-width // pool), -(-height // pool)) == map_size
    ]
    ways += [f"--pool {pool}" for pool in pools[:1]]
    if width >= columns and height >= rows:
        ways.append(f"--crop {(width - columns) // 2},{(height - rows) // 2},{columns},{rows}")
    ways.append(f"--resize {columns}x{rows}")
    return f"use {', '.join(ways[:-1])}{' or ' if len(ways) > 1 else ''}{ways[-1]}"

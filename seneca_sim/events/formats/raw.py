"""Prophesee's `.raw` files: text lines that start with `%`, then a stream of typed words, EVT2 (32 bits) or EVT3 (16 bits).

The header states the version (`% evt 3.0` or `% format EVT3;height=720;width=1280`) and the sensor's size (`% geometry
1280x720`, or in the format); older files state only the camera, whose size is then taken. The clock runs freely: the first
time step begins with the first event. Events before the first word of time have none and are left out; triggers and
other words without pixels are passed over. A reserved type of word is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seneca_sim.errors import FileFormatError
from seneca_sim.events.formats.cameras import PROPHESEE, sensor_size
from seneca_sim.events.formats.header import header_lines
from seneca_sim.events.formats.words import Decoded, refuse_outside, room
from seneca_sim.events.recording import Columns, EventSource

__all__ = ["open_source"]

VERSIONS = {"2.0": "EVT2", "3.0": "EVT3"}
WORD_BYTES = {"EVT2": 4, "EVT3": 2}
VECTOR = 12
"""Most events of one word."""


class _Header(NamedTuple):
    """What the text lines state."""

    offset: int
    version: str
    size: tuple[int, int] | None
    assumptions: tuple[str, ...]


def open_source(path: Path) -> EventSource:
    """Open a `.raw` file; times in microseconds."""
    header = _read_header(path)
    word = WORD_BYTES[header.version]
    whole, rest = divmod(path.stat().st_size - header.offset, word)
    if rest:
        raise FileFormatError(
            f"{path.name}: byte {header.offset + whole * word}: the file ends inside word {whole}, after {rest} of its "
            f"{word} bytes; it is truncated, copy it again or cut it to {header.offset + whole * word} bytes"
        )
    return EventSource(
        path,
        header.version,
        lambda max_events: _decode(path, header, max_events),
        size=header.size,
        start_us=None,
        assumptions=header.assumptions,
    )


def _read_header(path: Path) -> _Header:
    """Return what the text lines state; refuse a file without them, and versions that are not read."""
    with path.open("rb") as file:
        offset, stated = header_lines(path, file, b"% ")
    if not offset:
        what = "the file is empty" if not path.stat().st_size else "there are no header lines (% evt 3.0)"
        raise FileFormatError(f"{path.name}: byte 0: {what}; expected a RAW recording in EVT2 or EVT3")
    name, *fields = stated.get("format", "").split(";")
    version = name.upper() or VERSIONS.get(stated.get("evt", ""), f"EVT {stated.get('evt', '')}".strip())
    if version not in WORD_BYTES:
        found = f"the encoding is {version}" if version != "EVT" else "the header states no version (% evt 3.0)"
        raise FileFormatError(
            f"{path.name}: {found}; EVT2 and EVT3 are read: convert the recording with Prophesee's tools"
        )
    parts = dict(field.partition("=")[::2] for field in fields)
    geometry = stated.get("geometry", "") or f"{parts.get('width', '')}x{parts.get('height', '')}"
    if found_size := re.fullmatch(r"(\d{1,6})x(\d{1,6})", geometry, re.ASCII):
        return _Header(offset, version, (int(found_size[1]), int(found_size[2])), ())
    for key in ("sensor_name", "plugin_name", "camera_integrator_name"):
        size = sensor_size(PROPHESEE, stated.get(key, ""))
        if size is not None:
            said = f"{path.name}: {size[0]}x{size[1]} pixels, the size of the camera ({key} {stated[key]})"
            return _Header(offset, version, size, (said,))
    return _Header(offset, version, None, ())


def _decode(path: Path, header: _Header, max_events: int) -> Iterator[Columns]:
    """Yield the events of a file."""
    from seneca_sim.kernels.decode_raw import decode_evt2, decode_evt3

    decode, state = (
        (decode_evt2, np.array([0, -1, -1]))
        if header.version == "EVT2"
        else (decode_evt3, np.array([0, -1, 0, *[-1] * 4]))
    )
    word, n_words = WORD_BYTES[header.version], max(max_events, 4096)
    byte, first_event = header.offset, 0
    with path.open("rb") as file:
        file.seek(header.offset)
        words = np.fromfile(file, f"<u{word}", n_words)
        while len(words):
            before, events = state.copy(), room(max(max_events, VECTOR))
            n = decode(words, state, *events.arrays)
            if state[1] >= 0:
                raise FileFormatError(
                    f"{path.name}: byte {byte + int(state[1]) * word}: word {int(words[state[1]]):#0{2 * word + 2}x} is of a type "
                    f"that {header.version} reserves; the file is damaged or of another version"
                )
            columns = events.piece(0, n, fixed=False)
            made = Decoded(decode, words, 1, byte, before, events.arrays)
            refuse_outside(path, columns, header.size, first_event, made)
            yield columns
            first_event += n
            byte += int(state[0]) * word
            words = words[state[0] :] if state[0] < len(words) else np.fromfile(file, f"<u{word}", n_words)

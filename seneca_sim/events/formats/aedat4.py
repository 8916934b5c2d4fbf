"""iniVation's AEDAT 4 (`.aedat4`), read by the package `aedat` (extra `[aedat4]`): the first stream of events counts.

The clock is that of the day: the first time step begins with the first event. Packets may overlap in time; their events
are sorted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from seneca_sim.errors import FileFormatError
from seneca_sim.events.recording import Columns, EventSource

__all__ = ["open_source"]

MAGIC = b"#!AER-DAT4.0\r\n"


def open_source(path: Path) -> EventSource:
    """Open an `.aedat4` file; times in microseconds."""
    with path.open("rb") as file:
        start = file.read(len(MAGIC))
    if start != MAGIC:
        what = "the file is empty" if not start else f"got {start!r}"
        raise FileFormatError(
            f"{path.name}: byte 0: {what}; expected an AEDAT 4 recording, which begins with #!AER-DAT4.0"
        )
    streams = _decoder(path).id_to_stream()
    events = [(number, stream) for number, stream in sorted(streams.items()) if stream["type"] == "events"]
    if not events:
        kinds = ", ".join(sorted({str(stream["type"]) for stream in streams.values()})) or "nothing"
        raise FileFormatError(f"{path.name}: the recording holds no stream of events; it holds {kinds}")
    number, stream = events[0]
    said = (f"{path.name}: of {len(events)} streams of events the first was read",) if len(events) > 1 else ()
    return EventSource(
        path,
        "AEDAT 4.0",
        lambda max_events: _decode(path, number, max_events),
        size=(int(stream["width"]), int(stream["height"])),
        start_us=None,
        assumptions=said,
    )


def _decoder(path: Path) -> Any:
    """Return an open decoder."""
    try:
        import aedat
    except ImportError:
        raise FileFormatError(
            f"{path.name}: AEDAT 4 is read by the package aedat; install it: pip install 'seneca-sim[aedat4]'"
        ) from None
    with _reading(path):
        return aedat.Decoder(str(path))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn a failure of the package, which may be a panic of its compiled code, into a `FileFormatError`."""
    try:
        with _silent():
            yield
    except BaseException as error:
        if not isinstance(error, (OSError, RuntimeError, ValueError)) and type(error).__name__ != "PanicException":
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise FileFormatError(
            f"{path.name}: the recording is damaged or truncated ({reason}); copy or export it again"
        ) from None


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what compiled code writes to stderr, such as the trace of a panic, from the user, who gets one sentence."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  a device
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _decode(path: Path, number: int, max_events: int) -> Iterator[Columns]:
    """Yield the events of a stream, packets gathered to blocks of at most `max_events` (more where one packet is larger)."""
    waiting: list[Any] = []
    held = 0
    packets = iter(_decoder(path))
    while True:
        with _reading(path):
            packet = next(packets, None)
        events = None if packet is None or packet["stream_id"] != number else packet["events"]
        if waiting and (packet is None or (events is not None and held + len(events) > max_events)):
            yield _columns(np.concatenate(waiting))
            waiting, held = [], 0
        if packet is None:
            return
        if events is not None:
            waiting.append(events)
            held += len(events)


def _columns(events: Any) -> Columns:
    """Return structured events as columns."""
    return Columns(
        events["t"].astype(np.int64),
        events["x"].astype(np.int32),
        events["y"].astype(np.int32),
        events["on"].astype(np.uint8),
    )

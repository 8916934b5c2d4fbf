"""A recording of an event camera, and the registry of file formats that it can be read from."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError, FileFormatError
from seneca_sim.shipped import shipped_folder

if TYPE_CHECKING:
    from seneca_sim.events.recording import EventSource, FrameRecording, Recording

__all__ = [
    "FORMATS",
    "EventStream",
    "coordinates",
    "find_recording",
    "open_recording",
    "read_events",
    "recording_names",
]

FORMATS = {
    ".aedat": "aedat",
    ".aedat4": "aedat4",
    ".avi": "video",
    ".bin": "nmnist",
    ".bs2": "nmnist",
    ".csv": "csv",
    ".dat": "dat",
    ".es": "es",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".mkv": "video",
    ".mov": "video",
    ".mp4": "video",
    ".npy": "frames",
    ".npz": "npz",
    ".raw": "raw",
    ".webm": "video",
}
"""Suffix to module of `seneca_sim.events.formats`; each has one function ``open_source(path) -> EventSource | FrameRecording``."""


@dataclass(frozen=True, slots=True, eq=False)
class EventStream:
    """Events of one sensor, N of them, in the order of the file (nearly always that of time)."""

    t_us: NDArray[np.int64]
    """(N,) time [us], >= 0."""
    x: NDArray[np.int32]
    """(N,) column, 0 at the left."""
    y: NDArray[np.int32]
    """(N,) row, 0 at the top."""
    p: NDArray[np.uint8]
    """(N,) polarity: 1 for ON (brighter), 0 for OFF (darker)."""
    width: int
    """Columns of the sensor [pixels]."""
    height: int
    """Rows of the sensor [pixels]."""
    source: str
    """Name of the file or of the model that made the events; error messages begin with it."""
    geometry_stated: bool = True
    """False where the file does not state the sensor's size: width and height then just hold all events."""
    start_us: int = 0
    """Where the first time step begins; cameras with a free-running clock put their first event here."""
    duration_us: int | None = None
    """Length that the format's users agree on (N-MNIST: 300 ms), what comes later counts at its end; None: up to the last event."""
    first_byte: int | None = None
    """Where event 0 begins in the file; None where events have no fixed place (text, archives)."""
    event_bytes: int = 0
    """Bytes an event, where `first_byte` is known."""
    first_event: int = 0
    """Number of the first of these events in the recording; not 0 in later blocks of one that is read in blocks."""
    disordered: int = 0
    """Events that stood behind a later one in the file, before they were sorted."""

    def __post_init__(self) -> None:
        """Refuse arrays of unequal length, and events before time zero or off the sensor."""
        lengths = {len(self.t_us), len(self.x), len(self.y), len(self.p)}
        if len(lengths) > 1:
            raise EventsError(
                f"{self.source}: t, x, y and p must be equally long, "
                f"not {len(self.t_us)}, {len(self.x)}, {len(self.y)} and {len(self.p)}"
            )
        if self.width < 1 or self.height < 1:
            raise EventsError(f"{self.source}: the sensor must be at least 1x1 pixels, not {self.width}x{self.height}")
        if not self._is_inside():
            outside = (self.x < 0) | (self.x >= self.width) | (self.y < 0) | (self.y >= self.height)
            k = int(np.argmax(outside))
            raise EventsError(
                f"{self.source}: {self.place(k)} at x = {self.x[k]}, y = {self.y[k]} leaves the sensor of "
                f"{self.width}x{self.height} pixels; the file is damaged or its stated size is wrong"
            )
        if len(self.t_us) and self.t_us.min() < 0:
            k = int(np.argmax(self.t_us < 0))
            raise EventsError(
                f"{self.source}: {self.place(k)} has the negative time {self.t_us[k]} us; shift the recording to start at 0"
            )

    def _is_inside(self) -> bool:
        """Return whether all events lie on the sensor."""
        sides = ((self.x, self.width), (self.y, self.height))
        return not len(self.t_us) or all(int(axis.min()) >= 0 and int(axis.max()) < side for axis, side in sides)

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.t_us)

    def place(self, k: int) -> str:
        """Say where event k is: its number, and its byte in the file where that is known."""
        k += self.first_event
        return f"event {k}" if self.first_byte is None else f"event {k} (byte {self.first_byte + k * self.event_bytes})"


def coordinates(values: NDArray[np.integer[Any] | np.bool_]) -> NDArray[np.int32]:
    """Return pixel coordinates as 32-bit integers; what does not fit stays off every sensor instead of wrapping onto it.

    >>> coordinates(np.array([7, 2**32 + 7, -(2**40)]))
    array([         7, 2147483646,         -1], dtype=int32)
    """
    if values.dtype.kind in "bu" and values.dtype.itemsize < 4:
        return values.astype(np.int32)
    return np.clip(values.astype(np.int64), -1, 2**31 - 2).astype(np.int32)


def _open_source(path: Path) -> EventSource | FrameRecording:
    """Return what the header of a recording states; the suffix of the file name chooses the format (`FORMATS`)."""
    module = FORMATS.get(path.suffix.lower())
    if module is None:
        raise FileFormatError(
            f"{path.name}: no reader for recordings with the suffix {path.suffix!r}; known are {', '.join(sorted(FORMATS))}"
        )
    if not path.is_file():
        raise FileFormatError(
            f"{path}: there is no such recording; give the path of an events file or one of {', '.join(recording_names())}"
        )
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror}; check its permissions") from None
    source = import_module(f"seneca_sim.events.formats.{module}").open_source(path)
    return cast("EventSource | FrameRecording", source)


def open_recording(path: str | Path) -> Recording | FrameRecording:
    """Open a recording of events or of frames, to be read block by block. Nothing in it is executed.

    >>> recording = open_recording(find_recording("digits"))
    >>> recording.width, recording.height, sum(block.n_events for block in recording.blocks(500))
    (20, 20, 2218)
    """
    from seneca_sim.events.recording import EventSource, event_recording

    source = _open_source(Path(path))
    return event_recording(source) if isinstance(source, EventSource) else source


def read_events(path: str | Path) -> EventStream:
    """Read a recording of events as a whole, in the order of time. Nothing in it is executed.

    Raises `FileFormatError` for what is no recording or a broken one, `EventsError` for frames and events off the sensor.

    >>> events = read_events(find_recording("digits"))
    >>> events.n_events, events.width, events.t_us[:3]
    (2218, 20, array([3821, 3836, 4127]))
    """
    from seneca_sim.events.recording import EventSource, whole_stream

    path = Path(path)
    source = _open_source(path)
    if not isinstance(source, EventSource):
        raise EventsError(
            f"{path.name}: the file holds frames ({source.format}), not events; give it to a network that expects frames"
        )
    return whole_stream(source)


def recording_names() -> list[str]:
    """Return the names of the recordings that ship with the package.

    >>> recording_names()
    ['digits', 'digits-3', 'digits-8']
    """
    stems = {file.stem for file in (shipped_folder("models") / "recordings").iterdir() if file.suffix in FORMATS}
    return sorted(stems | {stem.partition("-")[0] for stem in stems})


def find_recording(name_or_path: str | Path) -> Path:
    """Return the file of a shipped recording by its name (``digits`` is the first of ``digits-*``), or the path as it is.

    >>> find_recording("digits").name
    'digits-3.npz'
    """
    folder = shipped_folder("models") / "recordings"
    name = str(name_or_path)
    if "/" in name or Path(name).suffix or Path(name).is_file():
        return Path(name)
    for pattern in (f"{name}.*", f"{name}-*.*"):
        found = sorted(file for file in folder.glob(pattern) if file.suffix in FORMATS)
        if found:
            return found[0]
    raise EventsError(
        f"{name!r} is neither a file nor a shipped recording; give the path of an events file "
        f"or one of {', '.join(recording_names())}"
    )

"""A synthetic event camera on a car: shapes that move over a textured road, seen by pixels with noise.

``synthetic:road?size=640x480&duration=500ms&seed=1`` names a recording wherever a file does. Every pixel remembers the
log intensity at its last event and sends ON or OFF events, one for each contrast `threshold` that it has moved since; the
thresholds differ from pixel to pixel, a pixel is silent for the refractory time after an event, all pixels send `noise`
events at random, and a few hot pixels many. Latency, the bandwidth of pixels and the read-out's bus are not modelled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import RequestError
from seneca_sim.events.recording import Columns, EventSource, Recording, event_recording
from seneca_sim.graph.lengths import parse_size, parse_time
from seneca_sim.yaml_positions import did_you_mean

__all__ = ["Camera", "is_synthetic", "road_pictures", "synthetic_camera", "synthetic_recording"]

PREFIX = "synthetic:"
LARGEST = (1280, 720)
GRAIN = 256
"""Side of the table of random texture."""
EYE_M = 1.4
"""Height of the camera above the road."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera on a car, and what it passes."""

    width: int = 640
    height: int = 480
    duration_us: int = 1_000_000
    seed: int = 0
    speed: float = 14.0
    """Of the car [m/s]."""
    threshold: float = 0.25
    """Mean contrast threshold: change of the natural logarithm of intensity."""
    mismatch: float = 0.03
    """Standard deviation of the thresholds."""
    refractory_us: int = 200
    noise: float = 0.1
    """Background events of a pixel in a second."""
    hot: float = 2e-5
    """Share of hot pixels."""
    hot_rate: float = 500.0
    """Events of a hot pixel in a second."""
    tick_us: int = 2000
    """Time between computed pictures; intensity is linear in between."""

    def __post_init__(self) -> None:
        """Refuse what no camera can be."""
        if not (1 <= self.width <= LARGEST[0] and 1 <= self.height <= LARGEST[1]):
            raise RequestError(
                f"size must be from 1x1 to {LARGEST[0]}x{LARGEST[1]} pixels, not {self.width}x{self.height}"
            )
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise RequestError(f"{name.removesuffix('_us')} must be from {low:g} to {high:g}, not {value:g}")


_RANGES = (
    ("duration_us", 1, 3.6e9), ("seed", 0, 2**63 - 1), ("speed", 0, 100), ("threshold", 0.05, 5), ("mismatch", 0, 1),
    ("refractory_us", 0, 1e6), ("noise", 0, 1000), ("hot", 0, 1), ("hot_rate", 0, 10_000), ("tick_us", 100, 100_000),
)  # fmt: skip


def is_synthetic(name: str | Path) -> bool:
    """Return whether a name asks for a synthetic recording.

    >>> is_synthetic("synthetic:road?seed=1"), is_synthetic("road.dat")
    (True, False)
    """
    return str(name).startswith(PREFIX)


def synthetic_camera(name: str) -> Camera:
    """Return the camera that a name describes; raises a `RequestError` for what no camera has.

    >>> camera = synthetic_camera("synthetic:road?size=320x240&duration=50ms&seed=7")
    >>> camera.width, camera.duration_us, camera.seed
    (320, 50000, 7)
    """
    scene, _, query = name.removeprefix(PREFIX).partition("?")
    if scene != "road":
        raise RequestError(f"{name}: there is no scene {scene!r}; expected road, such as synthetic:road?seed=1")
    values: dict[str, Any] = {}
    known = ["size", *(entry.name.removesuffix("_us") for entry in fields(Camera)[2:])]
    for part in query.split("&") if query else []:
        key, _, text = part.partition("=")
        if key not in known:
            raise RequestError(
                f"{name}: unknown key {key!r}{did_you_mean(key, known) or '; expected ' + ', '.join(known)}"
            )
        try:
            values.update(_setting(key, text))
        except RequestError as error:
            raise RequestError(f"{name}: {error}") from None
    try:
        return replace(Camera(), **values)
    except RequestError as error:
        raise RequestError(f"{name}: {error}") from None


def _setting(key: str, text: str) -> dict[str, Any]:
    """Return the fields that a part of a name sets."""
    if key == "size":
        return dict(zip(("width", "height"), parse_size("size", text), strict=True))
    if key in ("duration", "refractory", "tick"):
        time_us = parse_time(text)
        if time_us is None:
            raise RequestError(f"{key} must be a time such as 500us, 50ms or 1s, not {text!r}")
        return {f"{key}_us": time_us}
    try:
        value = int(text) if key == "seed" else float(text)
    except ValueError:
        raise RequestError(f"{key} must be a number, not {text!r}") from None
    if not math.isfinite(value):
        raise RequestError(f"{key} must be a finite number, not {text!r}")
    return {key: value}


def synthetic_recording(name: str) -> Recording:
    """Return the recording of a name such as ``synthetic:road?seed=1``; its blocks are computed as they are read.

    >>> recording = synthetic_recording("synthetic:road?size=64x48&duration=20ms")
    >>> recording.geometry_stated, next(recording.blocks()).n_events > 0
    (True, True)
    """
    camera = synthetic_camera(name)
    return event_recording(
        EventSource(
            Path(name),
            "synthetic",
            lambda max_events: _events(camera, max_events),
            size=(camera.width, camera.height),
            duration_us=camera.duration_us,
        )
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Road:
    """What a car passes: texture, and objects as rows (kind, x, z, width, height, shade, seed, speed, sideways, period)."""

    grain: NDArray[np.float32]
    objects: NDArray[np.float64]


def _road(random: np.random.Generator) -> _Road:
    """Return a road with trees, poles, cars and people at random places."""
    rows = []
    for _ in range(34):
        side = random.choice([-1.0, 1.0])
        tree = random.random() < 0.6
        size = (random.uniform(3, 5), random.uniform(5, 9)) if tree else (0.18, random.uniform(4, 6))
        place = side * random.uniform(8, 16) if tree else side * 7.0
        far, shade, seed = random.uniform(0, 160), random.uniform(0.1, 0.3), random.uniform(0, 99)
        rows.append([0.0 if tree else 1.0, place, far, *size, shade, seed, 0, 0, 160])
    for lane, speed in ((0.0, 1.02), (-3.5, -0.9), (-3.5, -0.9), (3.6, 0.8)):
        far = random.uniform(12, 30) if lane == 0 else random.uniform(0, 90)
        shade = random.uniform(0.15, 0.8)
        rows.append([2.0, lane, far, 1.8, 1.5, shade, random.uniform(0, 99), speed, 0, 90])
    for _ in range(4):
        far = random.uniform(5, 60)
        aside = random.choice([-1.0, 1.0]) * random.uniform(1.0, 1.6)
        rows.append(
            [3.0, -np.sign(aside) * random.uniform(5, 8), far, 0.6, 1.75, random.uniform(0.1, 0.7), 0, 0, aside, 60]
        )
    grain = random.standard_normal((GRAIN, GRAIN)).astype(np.float32)
    return _Road(grain, np.array(rows, np.float64))


def _picture(camera: Camera, road: _Road, time_us: int, picture: NDArray[np.float32]) -> None:
    """Draw what the camera sees at a time; the car sways a little."""
    from seneca_sim.kernels.road_scene import draw_objects, draw_road

    seconds = time_us / 1e6
    focal = 0.9 * max(camera.width, camera.height * 4 / 3)
    pitch = 0.0022 * math.sin(2 * math.pi * 1.4 * seconds) + 0.0008 * math.sin(2 * math.pi * 5.3 * seconds)
    yaw = 0.006 * math.sin(2 * math.pi * 0.35 * seconds)
    horizon, centre = camera.height * 0.45 + focal * pitch, camera.width / 2 + focal * yaw
    moved = camera.speed * seconds
    draw_road(picture, road.grain, focal, horizon, centre, EYE_M, moved)
    objects = road.objects[:, :7].copy()
    closing = camera.speed * seconds * (1 - road.objects[:, 7])
    objects[:, 2] = (objects[:, 2] - closing) % road.objects[:, 9] + 4.0
    objects[:, 1] += road.objects[:, 8] * seconds
    draw_objects(picture, road.grain, objects[np.argsort(-objects[:, 2], kind="stable")], focal, horizon, centre, EYE_M)


def road_pictures(camera: Camera, times_us: list[int]) -> NDArray[np.float32]:
    """Return the (T, rows, columns) intensities, 0 to 1, that the camera looks at.

    >>> road_pictures(Camera(width=64, height=48), [0, 2000]).shape
    (2, 48, 64)
    """
    road = _road(np.random.default_rng([camera.seed, 1]))
    pictures = np.empty((len(times_us), camera.height, camera.width), np.float32)
    for time_us, picture in zip(times_us, pictures, strict=True):
        _picture(camera, road, time_us, picture)
    return pictures


def _events(camera: Camera, max_events: int) -> Iterator[Columns]:
    """Yield the camera's events in the order of time, at most `max_events` in a block."""
    from seneca_sim.kernels.road_scene import sense

    road = _road(np.random.default_rng([camera.seed, 1]))
    random = np.random.default_rng([camera.seed, 2])
    n = camera.width * camera.height
    thresholds = _thresholds(camera, random), _thresholds(camera, random)
    hot = random.choice(n, round(camera.hot * n), replace=False)
    picture = np.empty((camera.height, camera.width), np.float32)
    _picture(camera, road, 0, picture)
    before = np.log(0.02 + picture).ravel()
    memory = (before + random.uniform(-0.5, 0.5, n) * camera.threshold).astype(np.float32)
    silent_until = np.zeros(n, np.int64)
    space = np.empty(1 << 18, np.int64), np.empty(1 << 18, np.int32), np.empty(1 << 18, np.uint8)
    for start in range(0, camera.duration_us, camera.tick_us):
        tick = min(camera.tick_us, camera.duration_us - start)
        _picture(camera, road, start + tick, picture)
        now = np.log(0.02 + picture).ravel()
        parts, pixel = [_noise(camera, random, hot, start, tick)], 0
        while pixel < n:
            found, pixel = sense(
                before, now, memory, thresholds, silent_until, (start, tick, camera.refractory_us), pixel, space
            )
            parts.append((space[0][:found].copy(), space[1][:found].copy(), space[2][:found].copy()))
        before = now
        time, place, polarity = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(time, kind="stable")
        y, x = np.divmod(place[order], np.int32(camera.width))
        time, polarity = time[order], polarity[order]
        for first in range(0, len(order), max_events):
            part = slice(first, first + max_events)
            yield Columns(time[part], x[part], y[part], polarity[part])


def _thresholds(camera: Camera, random: np.random.Generator) -> NDArray[np.float32]:
    """Return the contrast threshold of each pixel."""
    drawn = random.normal(camera.threshold, camera.mismatch, camera.width * camera.height)
    return np.maximum(drawn, 0.02).astype(np.float32)


def _noise(
    camera: Camera, random: np.random.Generator, hot: NDArray[np.int64], start: int, tick: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    """Return times, pixels and polarities of the events that nothing in the scene caused."""
    n = camera.width * camera.height
    plain = random.poisson(camera.noise * n * tick / 1e6)
    often = random.poisson(camera.hot_rate * tick / 1e6, len(hot))
    pixel = np.concatenate([random.integers(0, n, plain), np.repeat(hot, often)]).astype(np.int32)
    time = start + random.integers(0, tick, len(pixel))
    return time, pixel, (random.random(len(pixel)) < 0.6).astype(np.uint8)

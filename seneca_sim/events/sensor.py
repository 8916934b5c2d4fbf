"""A model of an event camera that moves over a still picture, as the cameras did that recorded N-MNIST.

Every pixel remembers the log intensity at its last event and sends ON or OFF events, one per `threshold` that it has
moved since. Noise, refractory time, latency and mismatch of pixels are not modelled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import RequestError
from seneca_sim.events.stream import EventStream

__all__ = ["moving_sensor", "view", "way"]


def view(
    picture: NDArray[np.float64], top: float, left: float, zoom: float, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the (rows, columns) that a sensor sees of a picture whose corner lies at (top, left) [pixels of the sensor].

    The picture is enlarged `zoom` times and sampled bilinearly; beyond its border it is dark (0).

    >>> view(np.array([[0.0, 1.0]]), top=0.0, left=0.5, zoom=1.0, shape=(1, 3))
    array([[0. , 0.5, 0.5]])
    """

    def tents(n: int, offset: float, size: int) -> NDArray[np.float64]:
        """Return the (n, size) weights of linear interpolation between `size` picture pixels; rows sum to 1 inside."""
        place = ((np.arange(n) + 0.5 - offset) / zoom - 0.5)[:, None]
        weights: NDArray[np.float64] = np.maximum(0.0, 1.0 - np.abs(place - np.arange(size)))
        return weights

    seen: NDArray[np.float64] = (
        tents(shape[0], top, picture.shape[0]) @ picture @ tents(shape[1], left, picture.shape[1]).T
    )
    return seen


def way(corners: NDArray[np.float64], corner_us: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the (times, 2) places (top, left) on straight lines between `corners`, which are reached at `corner_us`.

    >>> way(np.array([[0.0, 0.0], [2.0, 4.0]]), np.array([0, 100]), np.array([0, 50]))
    array([[0., 0.],
           [1., 2.]])
    """
    return np.stack([np.interp(time_us, corner_us, axis) for axis in corners.T], axis=1)


def _crossings(
    before: NDArray[np.float64], now: NDArray[np.float64], remembered: NDArray[np.float64], threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return share of the tick (0 to 1), pixel and sign of each crossed threshold; what pixels remember moves with them."""
    steps = np.trunc((now - remembered) / threshold + 1e-9 * np.sign(now - remembered)).astype(np.int64)
    pixel = np.repeat(np.flatnonzero(steps), np.abs(steps[steps != 0]))
    first = np.flatnonzero(np.diff(pixel, prepend=-1))
    rank = np.arange(len(pixel)) - np.repeat(first, np.diff(np.append(first, len(pixel)))) + 1
    sign = np.sign(steps[pixel])
    crossing = remembered[pixel] + sign * rank * threshold
    share = np.clip((crossing - before[pixel]) / (now - before)[pixel], 0.0, 1.0)
    remembered += steps * threshold
    return share, pixel, sign


def moving_sensor(
    picture: NDArray[np.float64],
    corners: NDArray[np.float64],
    corner_us: NDArray[np.int64],
    *,
    shape: tuple[int, int],
    zoom: float = 1.0,
    threshold: float = 0.4,
    dark: float = 0.1,
    tick_us: int = 500,
    source: str = "moving sensor",
) -> EventStream:
    """Return the events of a sensor of `shape` (rows, columns) while a picture (values 0 to 1) moves through its view.

    The picture's corner is at ``corners[k]`` (top, left) [pixels] at the time ``corner_us[k]``. The log intensity is
    log(dark + value); it is computed every `tick_us` and taken as linear in between, so event times are finer than that.
    Raises a `RequestError` for a threshold, darkness or tick that is not positive.

    >>> to_the_right = np.array([[0.0, 0.0], [0.0, 1.0]])
    >>> events = moving_sensor(np.ones((1, 1)), to_the_right, np.array([0, 1000]), shape=(1, 2), threshold=1.0)
    >>> events.x, events.p
    (array([1, 0, 1, 0], dtype=int32), array([1, 0, 1, 0], dtype=uint8))
    """
    if threshold <= 0 or dark <= 0 or tick_us < 1:
        raise RequestError(f"threshold, dark and tick_us must be positive, not {threshold}, {dark} and {tick_us}")
    time_us = np.arange(corner_us[0], corner_us[-1] + tick_us, tick_us)
    places = way(corners, corner_us, time_us)
    before = np.log(dark + view(picture, places[0, 0], places[0, 1], zoom, shape)).ravel()
    remembered = before.copy()
    parts = []
    for start_us, (top, left) in zip(time_us[:-1], places[1:], strict=True):
        now = np.log(dark + view(picture, top, left, zoom, shape)).ravel()
        share, pixel, sign = _crossings(before, now, remembered, threshold)
        parts.append(np.stack([start_us + np.floor(share * (tick_us - 1)).astype(np.int64), pixel, sign]))
        before = now
    t_us, pixel, sign = np.concatenate(parts, axis=1)
    order = np.argsort(t_us, kind="stable")
    y, x = np.divmod(pixel[order], shape[1])
    return EventStream(
        t_us=t_us[order] - corner_us[0],
        x=x.astype(np.int32),
        y=y.astype(np.int32),
        p=(sign[order] > 0).astype(np.uint8),
        width=shape[1],
        height=shape[0],
        source=source,
        duration_us=int(corner_us[-1] - corner_us[0]),
    )

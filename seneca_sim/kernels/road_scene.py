"""Pictures of a road as a driver sees it, and the pixels of an event camera that look at them. H, W = rows, columns.

The picture is linear intensity, 0 (dark) to 1. Distances are metres: the road is the plane y = 0, the camera stands
`eye` above it and looks along z. What is finer than a pixel fades into its mean, so that far texture does not flicker.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import inner_kernel, kernel
from seneca_sim.kernels.landing import Int32, Int64

__all__ = ["draw_objects", "draw_road", "sense"]

Picture = NDArray[np.float32]
Float64 = NDArray[np.float64]


@inner_kernel
def _texture(grain: Picture, u: float, v: float) -> float:
    """Return the grain at a place, linear between its points; it repeats at its borders and is 0 in the mean."""
    n = grain.shape[0]
    fu, fv = math.floor(u), math.floor(v)
    a, b = u - fu, v - fv
    i, j = int(fu) % n, int(fv) % n
    k, m = (i + 1) % n, (j + 1) % n
    top = grain[i, j] * (1 - b) + grain[i, m] * b
    bottom = grain[k, j] * (1 - b) + grain[k, m] * b
    value: float = top * (1 - a) + bottom * a
    return value


@inner_kernel
def _cover(distance: float, pixel: float) -> float:
    """Return how much of a pixel lies inside an edge: `distance` inwards, in the unit of `pixel`."""
    return min(max(distance / pixel + 0.5, 0.0), 1.0)


@inner_kernel
def _ground(x: float, z: float, moved: float, pixel_x: float, pixel_z: float, grain: Picture) -> float:
    """Return the intensity of the road plane: asphalt with lane marks, verges of grass."""
    along = z + moved
    fine = min(1.0, 0.1 / pixel_z) * _texture(grain, x * 8.0, along * 8.0)
    coarse = min(1.0, 1.2 / pixel_z) * _texture(grain, x * 1.1, along * 0.7)
    grass = _cover(abs(x) - 6.0, pixel_x)
    asphalt = 0.20 + 0.012 * fine + 0.016 * coarse
    verge = 0.30 + 0.05 * fine + 0.05 * coarse
    place = along % 12.0
    dash = _cover(2.0 - abs(place - 4.0), pixel_z)
    dash = max(dash, _cover(2.0 - abs(place - 16.0), pixel_z))
    mark = _cover(0.07 - abs(abs(x) - 1.75), pixel_x) * min(1.0, 0.14 / pixel_x) * dash
    mark = max(mark, _cover(0.08 - abs(abs(x) - 5.4), pixel_x) * min(1.0, 0.16 / pixel_x))
    base = asphalt * (1 - grass) + verge * grass
    return base * (1 - mark) + 0.85 * mark


@kernel
def draw_road(
    picture: Picture, grain: Picture, focal: float, horizon: float, centre: float, eye: float, moved: float
) -> None:
    """Draw sky, skyline and ground; `focal`, `horizon` and `centre` in pixels, `moved` the way driven [m]."""
    rows, columns = picture.shape
    skyline = np.empty(columns)
    for c in range(columns):
        angle = (c - centre) / focal
        skyline[c] = focal * (
            0.025 + 0.02 * max(_texture(grain, angle * 9.0, 3.0), -0.5) + 0.012 * _texture(grain, 7.0, angle * 60.0)
        )
    for r in range(rows):
        below = r + 0.5 - horizon
        depth = focal * eye / max(below, 0.5)
        pixel_z = max(depth * depth / (focal * eye), 1e-6)
        pixel_x = depth / focal
        for c in range(columns):
            angle = (c + 0.5 - centre) / focal
            if below <= 0:
                height = -below / focal
                sky = 0.80 + 0.05 * _texture(grain, angle * 5.0, height * 12.0 + 40.0) - 0.25 * min(height, 0.6)
                wood = 0.16 + 0.06 * _texture(grain, angle * 90.0, height * 90.0)
                inside = _cover(skyline[c] + below, 1.0)
                picture[r, c] = max(sky * (1 - inside) + wood * inside, 0.01)
            else:
                haze = min(depth / 250.0, 1.0)
                ground = _ground(angle * depth, depth, moved, pixel_x, pixel_z, grain)
                picture[r, c] = max(ground * (1 - haze) + 0.45 * haze, 0.01)


@kernel
def draw_objects(
    picture: Picture, grain: Picture, objects: Float64, focal: float, horizon: float, centre: float, eye: float
) -> None:
    """Draw objects, the farthest first: kind (0 tree, 1 pole, 2 car, 3 person), x, z, width, height [m], shade, seed."""
    rows, columns = picture.shape
    for k in range(objects.shape[0]):
        kind, x, z, width, height = int(objects[k, 0]), objects[k, 1], objects[k, 2], objects[k, 3], objects[k, 4]
        shade, seed = objects[k, 5], objects[k, 6]
        scale = focal / z
        left, right = centre + (x - width / 2) * scale, centre + (x + width / 2) * scale
        bottom, top = horizon + eye * scale, horizon + (eye - height) * scale
        for r in range(max(int(top) - 1, 0), min(int(bottom) + 2, rows)):
            for c in range(max(int(left) - 1, 0), min(int(right) + 2, columns)):
                u = (c + 0.5 - left) / (right - left)
                v = (r + 0.5 - top) / (bottom - top)
                inside = min(c + 0.5 - left, right - c - 0.5, r + 0.5 - top, bottom - r - 0.5)
                rough = _texture(grain, u * width * 6.0 + seed, v * height * 6.0) * min(1.0, scale / 6.0)
                value = shade + 0.03 * rough
                if kind == 0:
                    crown = (1.0 - math.sqrt((2 * u - 1) ** 2 + (v / 0.36 - 1) ** 2)) * 0.36 * height * scale
                    trunk = min(0.07 - abs(u - 0.5), v - 0.5) * width * scale
                    inside = min(inside, max(crown, trunk))
                    value = shade + (0.07 * rough if crown > trunk else -0.06)
                elif kind == 2:
                    body = min((v - 0.42) * height, (0.5 - abs(u - 0.5)) * width) * scale
                    roof = min(v * height, (0.38 - abs(u - 0.5) + 0.12 * v) * width) * scale
                    inside = min(inside, max(body, roof))
                    if 0.08 < v < 0.4 and abs(u - 0.5) < 0.32 + 0.1 * v:
                        value = 0.08 + 0.03 * rough
                    elif v > 0.82 and abs(abs(u - 0.5) - 0.36) < 0.1:
                        value = 0.03
                    elif 0.5 < v < 0.62 and abs(abs(u - 0.5) - 0.42) < 0.06:
                        value = 0.95
                elif kind == 3:
                    head = (0.09 - math.sqrt((u - 0.5) ** 2 * (width / height) ** 2 + (v - 0.09) ** 2)) * height * scale
                    trunk = min((v - 0.17) * height, (0.32 - abs(u - 0.5) - 0.12 * abs(v - 0.4)) * width) * scale
                    inside = min(inside, max(head, trunk))
                cover = min(max(inside + 0.5, 0.0), 1.0)
                picture[r, c] += cover * (max(value, 0.01) - picture[r, c])


@kernel
def sense(
    before: Picture,
    now: Picture,
    memory: Picture,
    thresholds: tuple[Picture, Picture],
    silent_until: Int64,
    clock: tuple[int, int, int],
    first: int,
    events: tuple[Int64, Int32, NDArray[np.uint8]],
) -> tuple[int, int]:
    """Let pixels from `first` on compare their log intensity with the one at their last event; fill times, pixels, polarities.

    The arrays are flat. Intensity is linear in time from `before` to `now`; `clock` holds the time of `before`, the time
    to `now` and the refractory time [us]. Return the number of events, and the pixel to go on with when the space is full.
    """
    start, tick, refractory = clock
    on, off = thresholds
    time, pixel, polarity = events
    n = 0
    for p in range(first, len(now)):
        change = now[p] - memory[p]
        if -off[p] < change < on[p]:
            continue
        if n + 64 > len(time):
            return n, p
        step = on[p] if change > 0 else -off[p]
        slope = now[p] - before[p]
        levels = min(int(change / step), 64)
        for _ in range(levels):
            memory[p] += step
            share = (memory[p] - before[p]) / slope if slope != 0 else 0.0
            at = start + int(min(max(share, 0.0), 1.0) * (tick - 1))
            if at >= silent_until[p]:
                time[n], pixel[n], polarity[n] = at, p, 1 if step > 0 else 0
                silent_until[p] = at + refractory
                n += 1
    return n, len(now)

"""Cameras that the headers of recordings name, and the sizes of their sensors."""

from __future__ import annotations

import re

__all__ = ["JAER", "PROPHESEE", "sensor_size"]

Sizes = tuple[tuple[str, tuple[int, int]], ...]
JAER: Sizes = (
    ("davis240", (240, 180)),
    ("davis346", (346, 260)),
    ("davis640", (640, 480)),
    ("davis208", (208, 192)),
    ("davis128", (128, 128)),
    ("dvs128|tmpdiff128", (128, 128)),
)
"""Cameras of AEDAT 2.0 and 3.1: what their names hold, and width and height [pixels]."""
PROPHESEE: Sizes = (
    ("gen31|gen3", (640, 480)),
    ("gen41|gen4|imx636", (1280, 720)),
    ("imx646", (640, 512)),
    ("genx320", (320, 320)),
)
"""The same of `.raw` files, where also the names of drivers count."""


def sensor_size(cameras: Sizes, name: str) -> tuple[int, int] | None:
    """Return width and height of the sensor of a camera by its name [pixels], None if it is not known.

    >>> sensor_size(JAER, "eu.seebetter.ini.chips.davis.DAVIS240C"), sensor_size(PROPHESEE, "IMX636")
    ((240, 180), (1280, 720))
    """
    return next((size for pattern, size in cameras if re.search(pattern, name.lower())), None)

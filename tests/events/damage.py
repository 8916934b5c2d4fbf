"""Damage at random: whatever the bytes of a recording are, it is read, or refused by a sentence that names it."""

from __future__ import annotations

import numpy as np

from seneca_sim.errors import SenecaError
from seneca_sim.events.stream import read_events


def refusal(path):
    """Return the sentence with which a recording is refused, nothing if it is read."""
    try:
        read_events(path)
    except SenecaError as error:
        return str(error)
    return ""


def damage(path, whole, seed, times):
    """Damage up to three bytes of a file, or cut it, so many times; return how often it was refused, always by its name."""
    random, refused = np.random.default_rng(seed), 0
    for _ in range(times):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 4)):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(bytes(damaged[: random.integers(1, len(whole) + 1)] if random.random() < 0.3 else damaged))
        message = refusal(path)
        assert message.startswith(path.name) or not message
        refused += bool(message)
    return refused

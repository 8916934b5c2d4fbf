"""Names of synthetic recordings."""

from __future__ import annotations

from pathlib import Path

from seneca_sim.errors import RequestError
from seneca_sim.events.recording import Recording

__all__ = ["is_synthetic", "synthetic_recording"]


def is_synthetic(name: str | Path) -> bool:
    """Return whether a name asks for a synthetic recording."""
    return str(name).startswith("synthetic:")


def synthetic_recording(name: str) -> Recording:
    """Refuse a scene that is not known."""
    raise RequestError(f"{name}: there is no such scene")

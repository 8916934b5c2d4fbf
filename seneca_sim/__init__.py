"""seneca_sim: the cycle-level, discrete-event simulator of SENECA.

``import seneca_sim as ss; result = ss.simulate()`` runs the shipped example; see `seneca_sim.simulation.simulate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seneca_sim import reproduce
    from seneca_sim.report.result import Result, load_result
    from seneca_sim.simulation import rerun, simulate

__version__ = "0.1.0"
__all__ = ["Result", "load_result", "reproduce", "rerun", "simulate"]

_HOMES = {
    "Result": "seneca_sim.report.result",
    "load_result": "seneca_sim.report.result",
    "rerun": "seneca_sim.simulation",
    "simulate": "seneca_sim.simulation",
}

_ROOMS = ("reproduce",)
"""Subpackages that are found without an import of their own."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import seneca_sim` stays light."""
    from importlib import import_module

    if name in _ROOMS:
        return import_module(f"seneca_sim.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'seneca_sim' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

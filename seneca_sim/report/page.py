"""The result as a notebook shows it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seneca_sim.report.result import Result

__all__ = ["result_html"]

_HEADLINE = (
    "predicted_class", "energy_uj", "energy_uj_per_step", "pj_per_sop", "latency_us", "interval_us", "sops", "events",
    "steps", "memory_bits", "cores", "area_mm2", "verdict",
)  # fmt: skip


def result_html(result: Result) -> str:
    """Return headline figures and the table of layers as HTML."""
    summary = result.summary
    rows = "".join(f"<tr><th>{name}</th><td>{escape(_text(summary[name]))}</td></tr>" for name in _HEADLINE)
    title = escape(f"{summary['network']} on {summary['chip']}")
    layers = result.layers.to_html(index=False, float_format=lambda value: f"{value:.4g}", na_rep="", border=0)
    return f"<h4>{title}</h4><table>{rows}</table>{layers}"


def _text(value: object) -> str:
    """Return a summary value for reading."""
    return (
        f"{value:.5g}"
        if isinstance(value, float)
        else ""
        if value is None
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )

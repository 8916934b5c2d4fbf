"""Plots of a result. Each takes an optional axis and returns it; colours are told apart by colour-blind readers (Okabe and Ito)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from seneca_sim.report.columns import COMPONENTS
from seneca_sim.report.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_breakdown", "plot_timeline"]

_COLOURS = ("#0072B2", "#56B4E9", "#009E73", "#F0E442", "#D55E00", "#E69F00", "#CC79A7", "#999999")


def plot_breakdown(result: Result, ax: Axes | None = None, *, by: Literal["layer", "core"] = "layer") -> Axes:
    """Draw the energy of each layer (or core) as a bar split into components, in µJ."""
    axes = _axes(ax)
    table = result.layers if by == "layer" else result.cores
    names = [str(name) for name in table[by]]
    left = [0.0] * len(names)
    for component, colour in zip(COMPONENTS, _COLOURS, strict=True):
        widths = [float(value) for value in table[f"energy_{component}_uj"]]
        axes.barh(names, widths, left=left, color=colour, label=component.replace("_", " "))
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("energy (µJ)")
    axes.set_ylabel(by)
    axes.set_title(f"{result.summary['network']} on {result.summary['chip']}")
    axes.legend(fontsize="small", frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes


def plot_timeline(result: Result, ax: Axes | None = None) -> Axes:
    """Draw when each layer works within a step: from its first job to its last row, its first packet marked, in µs."""
    axes = _axes(ax)
    table = result.layers.dropna(subset=["start_us"])
    names = [str(name) for name in table["layer"]]
    start, end = table["start_us"], table["end_us"]
    axes.barh(
        names,
        end - start,
        left=start,
        color=_COLOURS[1],
        edgecolor=_COLOURS[0],
        height=0.6,
        label="first job to last row",
    )
    axes.plot(table["first_output_us"], names, "D", color=_COLOURS[4], markersize=5, label="first packet")
    axes.set_xlim(left=min(0.0, float(start.min())))
    axes.invert_yaxis()
    axes.set_xlabel("time after the step's first flit (µs), mean over steps")
    axes.set_ylabel("layer")
    axes.set_title(f"{result.summary['network']} on {result.summary['chip']}")
    axes.legend(fontsize="small", frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes


def _axes(ax: Axes | None) -> Axes:
    """Return the given axis, or that of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]

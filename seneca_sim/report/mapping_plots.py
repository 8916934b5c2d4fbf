"""Load and memory of the cores of a mapping, drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seneca_sim.mapping.relief import MappingReport
from seneca_sim.units import counted
from seneca_sim.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["cores_png", "plot_cores"]


def plot_cores(report: MappingReport, ax: Axes | None = None) -> Axes:
    """Draw the load of each core as bars, in milliseconds a step, and its memory as points, in percent."""
    from matplotlib.figure import Figure

    axes = Figure(figsize=(9, 4), layout="constrained").add_subplot() if ax is None else ax
    cores = [core.core for core in report.cores]
    to_ms = 1.0 / report.clock_mhz / 1e3
    axes.bar(cores, [core.cycles * to_ms for core in report.cores], width=1.0, color="#0072B2", label="load")
    bound = report.bound_cycles * to_ms
    axes.axhline(bound, color="#D55E00", linestyle="--", label="lower bound of the largest load")
    axes.set_xlabel("core")
    axes.set_ylabel("load (ms a step)")
    axes.set_title(f"{report.network}: {counted(len(cores), 'core')}, {report.bound_by}-bound")
    right = axes.twinx()
    share = [100 * core.bits / report.limit_bits for core in report.cores]
    right.plot(cores, share, "o", markerfacecolor="white", markeredgecolor="black", markersize=4, label="memory")
    right.set_ylim(0, 105)
    right.set_ylabel("data memory used (%)")
    for one, place in ((axes, 0.35), (right, 0.8)):
        one.legend(fontsize="small", loc="upper center", ncols=2, bbox_to_anchor=(place, -0.15), frameon=False)
    return axes


def cores_png(report: MappingReport, path: Path) -> None:
    """Write the drawing of `plot_cores` as a PNG file."""
    figure = plot_cores(report).get_figure(root=True)
    if figure is not None:
        with whole_file(path) as file:
            figure.savefig(file, dpi=120, format="png")

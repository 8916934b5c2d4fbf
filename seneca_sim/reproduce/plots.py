"""A reproduced table as a plot: a panel for each quantity, published values as open markers, ours filled."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from seneca_sim.reproduce.rows import Reproduction, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_table", "png_bytes"]

_PUBLISHED, _OURS = "#D55E00", "#0072B2"
"""Vermilion and blue of Okabe and Ito, told apart by colour-blind readers."""
_WIDE_RANGE = 30.0
"""Panels whose values span more are logarithmic."""
_ROW_INCHES = 0.21
_PANEL_INCHES = 0.75
_LONGEST_PANEL, _LONGEST_COLUMN = 60, 120
"""Rows of a panel that is not split, and of a plot in one column."""


def plot_table(table: Reproduction) -> Figure:
    """Draw a table: a panel for each quantity and unit, its rows from top to bottom; long ones one for each subject."""
    from matplotlib.figure import Figure

    panels = _panels(table)
    columns = 2 if sum(map(len, panels.values())) > _LONGEST_COLUMN else 1
    lines = [list(panels.items())[first : first + columns] for first in range(0, len(panels), columns)]
    heights = [_PANEL_INCHES + _ROW_INCHES * max(len(rows) for _, rows in line) for line in lines]
    figure = Figure(figsize=(9.0 * columns, sum(heights) + 0.6), layout="constrained")
    grid = figure.subplots(len(lines), columns, squeeze=False, height_ratios=heights)
    for axes, panel in zip(grid.flat, [panel for line in lines for panel in line], strict=False):
        (_, quantity, unit), rows = panel
        _draw(axes, rows, f"{quantity.replace('_', ' ')}{f' ({unit})' if unit else ''}")
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    grid[0, 0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, fontsize="small")
    figure.suptitle(table.name, x=0.02, ha="left", fontsize="medium", fontweight="bold")
    return figure


def _panels(table: Reproduction) -> dict[tuple[str, str, str], list[Row]]:
    """Return the rows with a value by subject (of long panels: what a row's name begins with), quantity and unit."""
    shown = [row for row in table.rows if row.published is not None or row.ours is not None]
    many = Counter((row.quantity, row.unit) for row in shown)
    panels: dict[tuple[str, str, str], list[Row]] = {}
    for row in shown:
        long = many[row.quantity, row.unit] > _LONGEST_PANEL
        subject = row.row.partition(", ")[0] if long else ""
        panels.setdefault((subject, row.quantity, row.unit), []).append(row)
    return panels


def _draw(axes: Axes, rows: list[Row], label: str) -> None:
    """Draw one panel."""
    places = range(len(rows))
    for place, row in zip(places, rows, strict=True):
        if row.published is not None and row.ours is not None:
            axes.plot((row.published, row.ours), (place, place), color="#BBBBBB", linewidth=1.0, zorder=1)
    published = [(row.published, place) for place, row in zip(places, rows, strict=True) if row.published is not None]
    ours = [(row.ours, place) for place, row in zip(places, rows, strict=True) if row.ours is not None]
    axes.plot(*_columns(published), "o", markersize=7, markerfacecolor="none", color=_PUBLISHED, label="published")
    axes.plot(*_columns(ours), "o", markersize=4, color=_OURS, label="ours")
    values = [value for value, _ in (*published, *ours)]
    if min(values) > 0 and max(values) > _WIDE_RANGE * min(values):
        axes.set_xscale("log")
    elif min(values) >= 0:
        axes.set_xlim(left=0, right=1.06 * max(values) or 1.0)
    axes.set_yticks(list(places), [row.row for row in rows], fontsize="x-small")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x", linewidth=0.4, color="#DDDDDD")
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", which="both", labelsize="x-small")
    axes.set_xlabel(label, fontsize="small")


def _columns(points: list[tuple[float, int]]) -> tuple[list[float], list[int]]:
    """Return values and places of some points."""
    return [value for value, _ in points], [place for _, place in points]


def png_bytes(table: Reproduction) -> bytes:
    """Return the plot of a table as PNG; the same table gives the same bytes."""
    import io

    buffer = io.BytesIO()
    plot_table(table).savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()

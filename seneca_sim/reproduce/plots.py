"""A reproduced table as a plot: a panel for each quantity, published values as open markers, ours filled."""

from __future__ import annotations

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


def plot_table(table: Reproduction) -> Figure:
    """Draw a table: a panel for each quantity and unit, its rows from top to bottom."""
    from matplotlib.figure import Figure

    panels: dict[tuple[str, str], list[Row]] = {}
    for row in table.rows:
        if row.published is not None or row.ours is not None:
            panels.setdefault((row.quantity, row.unit), []).append(row)
    heights = [_PANEL_INCHES + _ROW_INCHES * len(rows) for rows in panels.values()]
    figure = Figure(figsize=(9.0, sum(heights) + 0.6), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
    for axes, ((quantity, unit), rows) in zip(grid[:, 0], panels.items(), strict=True):
        _draw(axes, rows, f"{quantity.replace('_', ' ')}{f' ({unit})' if unit else ''}")
    grid[0, 0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, fontsize="small")
    figure.suptitle(table.name, x=0.02, ha="left", fontsize="medium", fontweight="bold")
    return figure


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
    axes.tick_params(axis="x", labelsize="x-small")
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

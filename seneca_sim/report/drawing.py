"""A network as a drawing: one row for each layer, in order; links that skip rows are arcs, recurrent ones dashed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seneca_sim.graph.network import Network
from seneca_sim.graph.table import LayerRow, layer_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_network", "plot_network"]

_BOX, _HEAD, _INPUT = "#56B4E9", "#E69F00", "#999999"
_FORWARD, _RECURRENT = "#333333", "#D55E00"
_WIDTH = 3.4
_MACS_FROM, _MACS_WIDTH = 4.1, 2.4
"""Where the bars of dense multiplications begin, and the length of the longest, in units of the row height."""


def plot_network(network: Network, ax: Axes | None = None) -> Axes:
    """Draw the layers of a network top down with their maps and weights; bars show the dense multiplications of each."""
    from matplotlib import pyplot

    table = layer_table(network)
    if ax is None:
        _, ax = pyplot.subplots(figsize=(11.0, 0.42 * len(table) + 1.2), layout="constrained")
    most = max((row.dense_macs for row in table), default=0) or 1
    for index, (layer, row) in enumerate(zip(network.layers, table, strict=True)):
        colour = _INPUT if layer.is_input else _HEAD if layer.is_head else _BOX
        ax.barh(index, _WIDTH, height=0.72, left=0, color=colour, alpha=0.55, edgecolor=colour)
        name = row.name if len(row.name) <= 24 else f"{row.name[:23]}…"
        ax.text(0.08, index, name, va="center", fontsize=8, weight="bold", parse_math=False)
        ax.text(_WIDTH - 0.08, index, row.kind, va="center", ha="right", fontsize=7)
        ax.barh(index, _MACS_WIDTH * row.dense_macs / most, height=0.3, left=_MACS_FROM, color="#0072B2")
        ax.text(_MACS_FROM + _MACS_WIDTH + 0.1, index, _row_text(row, layer.is_output), va="center", fontsize=7)
    _draw_links(network, ax)
    ax.set_xlim(-1.1, _MACS_FROM + _MACS_WIDTH + 3.6)
    ax.set_ylim(len(table) - 0.4, -1.1)
    ax.text(_MACS_FROM, -0.75, f"dense MACs a step (longest bar: {_short(most)})", fontsize=7)
    ax.set_axis_off()
    ax.set_title(f"{network.name}: {_short(sum(row.dense_macs for row in table))} dense MACs a step", fontsize=10)
    return ax


def _row_text(row: LayerRow, is_output: bool) -> str:
    """Return map, parameters and multiplications of a layer in a few words."""
    parts = ["x".join(map(str, row.out_shape))]
    parts += [f"{_short(row.parameters)} weights"] if row.parameters else []
    parts += [f"{_short(row.dense_macs)} MAC"] if row.dense_macs else []
    parts += ["output"] if is_output else []
    return "   ".join(parts)


def _short(number: int) -> str:
    """Return a count in at most four digits.

    >>> _short(950), _short(24_108_176)
    ('950', '24.1 M')
    """
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return str(number)


def _draw_links(network: Network, ax: Axes) -> None:
    """Draw links between neighbours as short lines, others as arcs: skips at the left, recurrences at the right."""
    from matplotlib.patches import FancyArrowPatch

    for target, layer in enumerate(network.layers):
        for source, delay in sorted({(edge.source, edge.delay) for edge in layer.edges}):
            neighbours = target == source + 1 and not delay
            x = _WIDTH / 2 if neighbours else _WIDTH if delay else 0.0
            reach = abs(target - source)
            bend = 0.0 if neighbours else min(1.0, 0.9 / max(1.0, reach**0.5))
            colour, style = (_RECURRENT, "--") if delay else (_FORWARD, "-")
            start, end = (x, source + 0.36), (x, target - 0.36)
            if not neighbours:
                start, end = (x, source + (0.15 if delay else 0)), (x, target - (0.15 if delay else 0))
            sign = 1.0 if delay and source == target else -1.0 if delay else 1.0
            arrow = FancyArrowPatch(
                start,
                end,
                connectionstyle=f"arc3,rad={sign * bend if reach else 1.6}",
                arrowstyle="-|>",
                mutation_scale=7,
                color=colour,
                linestyle=style,
                linewidth=0.8,
                shrinkA=0,
                shrinkB=0,
            )
            ax.add_patch(arrow)


def draw_network(network: Network, path: str | Path) -> None:
    """Save the drawing of a network; the suffix decides the format (png, svg, pdf)."""
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    from seneca_sim.report.recording_plots import save_figure

    figure = plot_network(network).get_figure()
    if isinstance(figure, Figure):
        try:
            save_figure(figure, Path(path), dpi=130)
        finally:
            pyplot.close(figure)

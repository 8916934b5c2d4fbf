"""Pictures of recordings, and of what a network sees of them. Colours are told apart by colour-blind readers."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import RequestError
from seneca_sim.graph.contract import channel_names, contract_text
from seneca_sim.report.recordings import RecordingFacts, SeenInput, recording_line
from seneca_sim.whole_file import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["facts_figure", "picture_of", "save_figure", "seen_figure"]

ON_COLOUR, OFF_COLOUR = (0, 114, 178), (213, 94, 0)
"""Blue and vermilion of Okabe and Ito."""
MOST_CHANNELS = 12
"""Channels that are drawn side by side."""
SUFFIXES = (".png", ".pdf", ".svg")


def picture_of(on: NDArray[np.int64], off: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return (rows, columns, 3) colours: blue where ON prevails, vermilion where OFF does, darker the more events there are."""
    total = on + off
    positive = total[total > 0]
    top = max(float(np.quantile(positive, 0.995)), 1.0) if len(positive) else 1.0
    strength = np.clip(np.log1p(total) / np.log1p(top), 0, 1)[..., None]
    share = (on / np.maximum(total, 1))[..., None]
    colour = share * np.array(ON_COLOUR) + (1 - share) * np.array(OFF_COLOUR)
    picture: NDArray[np.uint8] = np.rint(255 * (1 - strength) + colour * strength).astype(np.uint8)
    return picture


def facts_figure(facts: RecordingFacts) -> Figure:
    """Draw all events of a recording as a picture, and their rate over time."""
    figure = _figure(9.0, 3.2 + 8.0 * facts.on.shape[0] / facts.on.shape[1])
    upper, lower = figure.subplots(2, 1, height_ratios=[8.0 * facts.on.shape[0] / facts.on.shape[1], 2.0])
    upper.imshow(picture_of(facts.on, facts.off), interpolation="nearest")
    upper.set_title(f"{facts.recording.path.name}\n{recording_line(facts)}", fontsize="medium")
    upper.set_xlabel("x (pixels); blue: ON, vermilion: OFF")
    upper.set_ylabel("y (pixels)")
    time = (np.arange(len(facts.rate_bins)) + 0.5) * facts.bin_us / 1000
    per = max(len(time) // 400, 1)
    used = len(time) // per * per
    rate = facts.rate_bins[:used].reshape(-1, per).mean(axis=1) / facts.bin_us
    lower.fill_between(time[:used].reshape(-1, per).mean(axis=1), rate, step="mid", color="#0072B2", linewidth=0)
    lower.set_ylim(bottom=0)
    lower.margins(x=0)
    lower.set_xlabel("time after the first event (ms)")
    lower.set_ylabel("million events/s")
    return figure


def seen_figure(seen: SeenInput) -> Figure:
    """Draw the maps that a network sees in a few steps, channels side by side."""
    steps, maps = seen.shown_steps()
    contract = seen.network.input_contract
    channels, rows, columns = seen.shape
    shown = min(channels, MOST_CHANNELS)
    width = max(min(4.0, 18.0 / shown), 1.4)
    figure = _figure(max(width * shown + 1.2, 6.0), len(steps) * (width * rows / columns + 0.35) + 1.0)
    axes = figure.subplots(len(steps), shown, squeeze=False)
    names = channel_names(contract, channels)
    top = float(np.quantile(np.abs(maps[maps != 0]), 0.99)) if np.any(maps) else 1.0
    signed = bool((maps < 0).any())
    drawn: Any = None
    for row, step in enumerate(steps):
        for channel in range(shown):
            axis = axes[row, channel]
            style = (
                {"cmap": "PuOr_r", "vmin": -top, "vmax": top} if signed else {"cmap": "cividis", "vmin": 0, "vmax": top}
            )
            drawn = axis.imshow(maps[row, channel], interpolation="nearest", **style)
            axis.set_xticks([])
            axis.set_yticks([])
            if row == 0:
                axis.set_title(names[channel] if channel < len(names) else str(channel), fontsize="small")
        axes[row, 0].set_ylabel(f"step {step}", fontsize="small")
    figure.colorbar(
        drawn,
        ax=axes,
        fraction=0.05,
        pad=0.02,
        aspect=30,
        shrink=0.6,
        label="change" if contract.differences else "value",
    )
    more = f", {shown} of {channels} channels" if shown < channels else ""
    figure.suptitle(f"{seen.source} for {seen.network.name}{more}\n{contract_text(contract)}", fontsize="small")
    return figure


def _figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, min(height, 30.0)), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path, dpi: int = 120) -> None:
    """Write a figure, whole or not at all; the suffix chooses the format."""
    if path.suffix.lower() not in SUFFIXES:
        raise RequestError(f"{path}: pictures are written as {', '.join(SUFFIXES)}")
    picture = BytesIO()
    figure.savefig(picture, format=path.suffix.lower()[1:], dpi=dpi)
    write_whole(path, picture.getvalue())

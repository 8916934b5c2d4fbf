"""The summary of a result for people: what was recognised, energy, latency, memory, cores, and what bounds it."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from seneca_sim.report.columns import COMPONENTS, MEMORY_KINDS
from seneca_sim.report.result import Result
from seneca_sim.report.tables import layers_table
from seneca_sim.units import counted, with_prefix

__all__ = ["print_summary", "summary_view"]

_PLAIN_WIDTH = 120
_BAR = 24
"""Characters of the longest bar."""


def print_summary(result: Result, console: Console | None = None) -> None:
    """Print the summary of a result: in colour and as wide as the terminal is, or plainly into a file or pipe."""
    console = console or Console(highlight=False)
    if console.is_terminal:
        console.print(summary_view(result))
        return
    plain = Console(width=_PLAIN_WIDTH, file=StringIO(), highlight=False, no_color=True)
    with plain.capture() as captured:
        plain.print(summary_view(result))
    console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def summary_view(result: Result) -> RenderableType:
    """Return the summary of a result as something that rich can print."""
    summary = result.summary
    head = Text(f"{summary['network']} on {summary['chip']}", style="bold")
    how = Text(
        f"engine {summary['engine']}, network {summary['noc']}, {summary['order']} order, "
        f"mapping: {summary['mapping']}\n{summary['input']}",
        style="dim",
    )
    figures = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    figures.add_column(style="bold")
    figures.add_column()
    for name, value in _figures(summary):
        figures.add_row(name, Text(value))
    return Group(head, how, "", figures, "", _layers(result), "", _bars(summary), "", _assumptions(summary))


def _class(predicted: int, scores: list[float]) -> str:
    """Return the predicted class and how clear it is; `scores` begin with the largest.

    >>> _class(3, [12.0, 4.0, 0.0]), _class(0, [0.0, 0.0])
    ('3 (score 12 against 4)', '0 (undecided: 2 of 2 classes have the score 0)')
    """
    equal = scores.count(scores[0])
    if equal > 1:
        return f"{predicted} (undecided: {equal} of {len(scores)} classes have the score {scores[0]:.4g})"
    return f"{predicted} (score {scores[0]:.4g}" + (f" against {scores[1]:.4g})" if len(scores) > 1 else ")")


def _figures(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headline figures with their names."""
    if summary["predicted_class"] is not None:
        yield "class", _class(summary["predicted_class"], sorted(summary["class_scores"], reverse=True))
    per_sop = "" if summary["pj_per_sop"] is None else f", {summary['pj_per_sop']:.1f} pJ per SOP"
    yield "energy", f"{_si(summary['energy_uj'], 'J')} ({_si(summary['energy_uj_per_step'], 'J')} per step{per_sop})"
    yield "latency", _latency(summary)
    if summary["mean_power_mw"] is not None:
        yield "power", f"{with_prefix(summary['mean_power_mw'] * 1e-3, 'W')} on average"
    yield "work", f"{summary['sops']:,} SOPs, {summary['events']:,} events in {counted(summary['steps'], 'step')}"
    kinds = ", ".join(
        f"{kind.replace('_', ' ')} {_bits(summary['memory_by_kind_bits'][kind])}"
        for kind in MEMORY_KINDS
        if summary["memory_by_kind_bits"][kind]
    )
    yield "memory", f"{_bits(summary['memory_bits'])} ({kinds})"
    yield "cores", f"{summary['cores']} ({summary['area_mm2']:.2f} mm2)"
    if summary["first_step_energy_uj"] is not None:
        yield (
            "first step",
            (
                f"{_si(summary['first_step_energy_uj'], 'J')}, {_si(summary['first_step_latency_us'], 's')}, "
                f"{summary['first_step_events']:,} events (states start at zero)"
            ),
        )
    if summary["saturations"]:
        yield "saturated", f"{summary['saturations']:,} values at the end of their integer range"
    yield "bound by", summary["verdict"]


def _latency(summary: dict[str, Any]) -> str:
    """Return latency with its spread, and the interval between steps."""
    text = _si(summary["latency_us"], "s")
    if summary["steps"] - summary["warmup"] > 1:
        text += f" (median {_si(summary['latency_p50_us'], 's')}, largest {_si(summary['latency_max_us'], 's')})"
    if summary["steps_per_s"]:
        text += f"; a step every {_si(summary['interval_us'], 's')}"
    return text


def _si(value_in_millionths: float, unit: str) -> str:
    """Return a value given in µJ or µs with a prefix."""
    return with_prefix(value_in_millionths * 1e-6, unit)


def _bits(value: int) -> str:
    """Return a number of bits with a prefix."""
    return with_prefix(value, "bit") if value >= 1000 else f"{value} bit"


def _layers(result: Result) -> Table:
    """Return the main columns of the table of layers."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("layer", no_wrap=True, min_width=8)
    for name in ("events", "density", "SOPs", "cores", "memory", "energy", "busy"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("bound by", no_wrap=True)
    layers = layers_table(result.record, result.energy)
    for row in (dict(zip(layers, values, strict=True)) for values in zip(*layers.values(), strict=True)):
        table.add_row(
            Text(row["layer"]),
            f"{row['events']:,}",
            f"{row['neuron_density']:.1%}",
            f"{row['sops']:,}",
            str(row["cores"] or ""),
            _bits(row["memory_bits"]) if row["memory_bits"] else "",
            _si(row["energy_uj"], "J"),
            "" if row["busy_us"] != row["busy_us"] else _si(row["busy_us"], "s"),
            row["bound_by"],
        )
    return table


def _bars(summary: dict[str, Any]) -> Table:
    """Return the energy by component as bars."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    energies, total = summary["energy_by_component_uj"], summary["energy_uj"]
    largest = max(energies.values()) or 1.0
    for name in COMPONENTS:
        share = energies[name] / total if total else 0.0
        bar = "█" * round(_BAR * energies[name] / largest)
        table.add_row(name.replace("_", " "), Text(bar, style="cyan"), _si(energies[name], "J"), f"{share:.0%}")
    return table


def _assumptions(summary: dict[str, Any]) -> Text:
    """Return the assumptions as a list."""
    lines = [f"  - {sentence}" for sentence in summary["assumptions"]]
    return Text("\n".join(["assumed:", *lines]) if lines else "", style="dim")

"""Answers to questions without a run: what ships, what a chip, a network or a recording is, what a word means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from seneca_sim.chip import chip_names, load_chip
from seneca_sim.errors import RequestError
from seneca_sim.report.columns import TABLES
from seneca_sim.yaml_positions import did_you_mean, read_yaml

__all__ = ["explanation", "listing", "shown_text"]

Rows = list[tuple[str, str]]
"""Names, each with what it is."""


def listing(what: str) -> str:
    """Return what ships of one kind, or the output tables, one a line.

    >>> print(listing("tables").splitlines()[0][:39])
    summary     chip, network, input, activ
    """
    if what not in _LISTS:
        guess = did_you_mean(what, _LISTS) or f"; expected one of {', '.join(_LISTS)}"
        raise RequestError(f"nothing to list under {what!r}{guess}")
    return _aligned(_LISTS[what]()) or f"no {what} ship with this version"


def _aligned(rows: Rows) -> str:
    """Return names and texts in two columns."""
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {text}".rstrip() for name, text in rows)


def _chips() -> Rows:
    return [(name, load_chip(name).description) for name in chip_names()]


def _models() -> Rows:
    from seneca_sim.graph import network_names
    from seneca_sim.report.networks import network_line

    return [(name, network_line(name)) for name in network_names()]


def _mappings() -> Rows:
    from seneca_sim.shipped import shipped_folder

    return [_yaml_row(path, ("network",)) for path in sorted(shipped_folder("mappings").glob("*.yaml"))]


def _activities() -> Rows:
    from seneca_sim.shipped import shipped_folder

    files = (shipped_folder("models") / "activities").glob("*.yaml")
    return [_yaml_row(path, ("network", "provenance")) for path in sorted(files)]


def _yaml_row(path: Path, keys: Sequence[str]) -> tuple[str, str]:
    """Return the name of a shipped YAML file, and what some of its keys hold."""
    data = read_yaml(path).data
    return path.stem, "; ".join(f"{key} {data[key]}" for key in keys if isinstance(data, dict) and key in data)


def _recordings() -> Rows:
    from seneca_sim.events.stream import find_recording, recording_names
    from seneca_sim.report.recordings import recording_text

    return [(name, recording_text(find_recording(name)).splitlines()[1]) for name in recording_names()]


def _tables() -> Rows:
    return [(name, ", ".join(column.name for column in columns)) for name, columns in TABLES.items()]


_LISTS: dict[str, Callable[[], Rows]] = {
    "chips": _chips,
    "models": _models,
    "mappings": _mappings,
    "activities": _activities,
    "recordings": _recordings,
    "tables": _tables,
}


def shown_text(
    name: str, overrides: Sequence[str] = (), json: bool = False, draw: Path | None = None, **options: Any
) -> str:
    """Return every constant of a chip with its source, or the layers of a network; a name or a file of either.

    Of networks, `json` and `draw` (a file to draw into) choose another form; `options` are those of `load_network`.
    """
    from seneca_sim.chip.show import chip_text

    stated = {option: value for option, value in options.items() if value not in (None, ())}
    forms = {"json": json or None, "draw": draw}
    if name in chip_names() or (Path(name).suffix in (".yaml", ".yml") and _is_chip_file(Path(name))):
        chosen = [*stated, *(form for form, value in forms.items() if value is not None)]
        if chosen:
            raise RequestError(f"{', '.join(chosen)}: {name!r} is a chip; this is for networks, leave it out")
        return chip_text(load_chip(name, overrides))
    if overrides:
        raise RequestError(f"--set changes chips, and {name!r} is none; leave it out")
    from seneca_sim.graph import network_names
    from seneca_sim.report.networks import network_json, network_text, save_drawing, shown_network

    known = [*chip_names(), *network_names()]
    if name not in known and not Path(name).exists():
        guess = did_you_mean(name, known) or f" ({', '.join(known)})"
        raise RequestError(f"{name!r} is neither a file nor a chip or network that ships{guess}")
    network, totals = shown_network(name, **stated)
    if draw is not None:
        return save_drawing(network, draw)
    return network_json(network, totals) if json else network_text(network, totals)


def _is_chip_file(path: Path) -> bool:
    """Return whether a YAML file reads as a chip: it extends one, or has cores."""
    data = read_yaml(path).data
    return isinstance(data, dict) and bool({"extends", "core", "clock_mhz"} & set(data))


def explanation(subject: str, question: str | None, chip: str) -> str:
    """Return the unfolded number of a result folder, or the definition of a word of the output."""
    if question is None:
        from seneca_sim.report.terms import explain_term

        if Path(subject).is_dir():
            raise RequestError(f"what of {subject!r}? ask for a field, such as energy_uj or memory_bits:LAYER")
        return explain_term(subject, load_chip(chip))
    from seneca_sim.report.explain import explain, tree_text
    from seneca_sim.report.result import load_result

    result = load_result(subject)
    return tree_text(explain(result, question), result.record.chip)

"""YAML files read key by key; everything that is wrong is found before anything is refused."""

from __future__ import annotations

from collections.abc import Iterable

from seneca_sim.yaml_positions import KeyPath, YamlFile, did_you_mean, shown

__all__ = ["KeyReader"]


class KeyReader:
    """Takes values out of a file; each that is wrong becomes a finding with its place, and a default takes its place."""

    def __init__(self, file: YamlFile) -> None:
        self.file = file
        self.findings = [str(finding) for finding in file.findings]

    def refuse(self, path: KeyPath, text: str, *, at_key: bool = False) -> None:
        """Note what is wrong with one key."""
        self.findings.append(str(self.file.finding(path, text, at_key=at_key)))

    def mapping(self, value: object, path: KeyPath, known: Iterable[str], what: str = "key") -> dict[str, object]:
        """Return a mapping with known keys only; `what` says what its keys are."""
        if not isinstance(value, dict):
            self.refuse(path, f"expected a mapping, got {shown(value)}")
            return {}
        for key in value:
            if key not in known:
                self.refuse((*path, key), f"unknown {what}{did_you_mean(str(key), known)}", at_key=True)
        return value

    def number(self, group: dict[str, object], path: KeyPath, default: float | None, low: float, high: float) -> float:
        """Return a number from `low` to `high`; without a default it must be stated."""
        value = group.get(str(path[-1]), default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.refuse(path, f"expected a number from {low:g} to {high:g}, got {shown(value)}")
            return low if default is None else default
        return float(value)

    def integer(self, group: dict[str, object], path: KeyPath, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        value = group.get(str(path[-1]), default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.refuse(path, f"expected an integer from {low} to {high}, got {shown(value)}")
            return default
        return value

    def text(self, group: dict[str, object], path: KeyPath, default: str | None, says: str) -> str:
        """Return a text on one line; `says` is what it must say."""
        value = group.get(str(path[-1]), default)
        if not isinstance(value, str) or not value.strip():
            self.refuse(path, f"expected a text that {says}, got {shown(value)}")
            return ""
        return " ".join(value.split())

"""Run files: the arguments of a run as YAML, with what its input files held.

``seneca_run: 1`` marks the file. ``run`` holds arguments of `simulate` by their names, ``inputs`` the SHA-256 of each file that
was read, ``versions`` the packages. A hand-written run file needs only the first two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from seneca_sim.errors import FileFormatError, RequestError
from seneca_sim.report.record import InputFile, Run
from seneca_sim.request import ARGUMENTS
from seneca_sim.yaml_positions import Finding, KeyPath, YamlFile, did_you_mean, read_yaml, shown

__all__ = ["RunFile", "check_inputs", "is_run_file", "load_run_file", "run_file_text"]

FORMAT = 1
_MARK = "seneca_run"


@dataclass(frozen=True, slots=True)
class RunFile:
    """A run file as read: arguments of `simulate`, and the input files of the run that wrote it (none if by hand)."""

    path: Path
    arguments: dict[str, Any]
    inputs: tuple[InputFile, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)


def run_file_text(run: Run) -> str:
    """Return the text of a run's run.yaml."""
    content = {
        _MARK: FORMAT,
        "run": {name: run.request[name] for name in ARGUMENTS if name in run.request},
        "inputs": [{"argument": file.argument, "path": file.path, "sha256": file.sha256} for file in run.inputs],
        "versions": dict(sorted(run.versions.items())),
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def load_run_file(path: Path | str) -> RunFile:
    """Read a run file."""
    path = Path(path)
    file = read_yaml(path, path.name)
    findings = list(file.findings)
    data = file.data if isinstance(file.data, dict) else {}
    if data.get(_MARK) != FORMAT:
        findings.append(file.finding((_MARK,), f"expected {FORMAT}, got {shown(data.get(_MARK))}"))
    findings += _unknown_keys(file, (), data, (_MARK, "run", "inputs", "versions"))
    arguments = data.get("run", {})
    if isinstance(arguments, dict):
        findings += _unknown_keys(file, ("run",), arguments, ARGUMENTS)
    else:
        findings.append(file.finding(("run",), f"expected arguments and their values, got {shown(arguments)}"))
    versions = data.get("versions", {})
    if not isinstance(versions, dict):
        findings.append(file.finding(("versions",), f"expected packages and their versions, got {shown(versions)}"))
    inputs = data.get("inputs", [])
    for number, entry in enumerate(inputs if isinstance(inputs, list) else [inputs]):
        if not isinstance(entry, dict) or set(entry) != {"argument", "path", "sha256"}:
            findings.append(file.finding(("inputs", number), "expected the keys argument, path and sha256"))
        elif not re.fullmatch("[0-9a-f]{64}", str(entry["sha256"])):
            wrong = f"expected 64 hexadecimal digits, got {shown(entry['sha256'])}"
            findings.append(file.finding(("inputs", number, "sha256"), wrong))
    if findings:
        raise FileFormatError("\n".join(map(str, findings)))
    files = tuple(InputFile(**{key: str(text) for key, text in entry.items()}) for entry in inputs)
    return RunFile(path, arguments, files, {name: str(number) for name, number in versions.items()})


def _unknown_keys(file: YamlFile, path: KeyPath, data: dict[str, Any], allowed: Sequence[str]) -> list[Finding]:
    """Return a finding for each key that may not stand there."""
    return [
        file.finding(
            (*path, key), f"unknown key{did_you_mean(key, allowed) or '; expected ' + ', '.join(allowed)}", at_key=True
        )
        for key in data
        if key not in allowed
    ]


def check_inputs(run_file: RunFile, found: Sequence[InputFile]) -> None:
    """Raise `RequestError`, naming each input of a run file that is not what it was when the run file was written."""
    before = {file.argument: file for file in run_file.inputs}
    changed = [
        f"{file.argument} ({file.path}): SHA-256 was {before[file.argument].sha256[:12]}..., is {file.sha256[:12]}..."
        for file in found
        if file.argument in before and before[file.argument].sha256 != file.sha256
    ]
    if changed:
        text = "; ".join(changed)
        raise RequestError(
            f"{run_file.path}: input changed since this run: {text}; "
            "restore it, or delete the section inputs to run with what is there"
        )


def is_run_file(path: Path | str) -> bool:
    """Return whether a path looks like a run file: a YAML file whose first words are ``seneca_run:``.

    >>> is_run_file("digits-sigma-delta")
    False
    """
    path = Path(path)
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return False
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror}; check its permissions") from None
    return next((line for line in lines if line.strip() and not line.startswith("#")), "").startswith(f"{_MARK}:")

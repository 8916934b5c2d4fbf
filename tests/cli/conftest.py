"""Run the command line inside the test's process."""

import sys
from dataclasses import dataclass

import pytest

from seneca_sim.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def seneca_sim(monkeypatch, capsys):
    """Give a function that runs ``seneca-sim`` with arguments."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["seneca-sim", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code or 0
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run

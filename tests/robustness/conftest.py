"""What all tests of refusals share: one message, exit code 2, nothing written."""

import pytest

from tests.cli.conftest import seneca_sim

__all__ = ["refused", "seneca_sim"]


@pytest.fixture
def refused(seneca_sim, tmp_path, monkeypatch):
    """Give a function that checks how a command is refused, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def check(message, *command):
        before = sorted(tmp_path.rglob("*"))
        outcome = seneca_sim(*command)
        assert outcome.err == f"seneca-sim: {message}\n"
        assert (outcome.code, outcome.out) == (2, "")
        assert sorted(tmp_path.rglob("*")) == before

    return check

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seneca_sim.shipped import shipped_folder

SCRIPTS = sorted(shipped_folder("experiments").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_experiment_prints_what_stands_beside_it(script, tmp_path):
    root = Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.stderr.decode() == ""
    assert done.stdout.decode() == script.with_suffix(".out").read_text("utf-8")
    assert not list(tmp_path.iterdir())


def test_there_are_experiments_and_each_has_its_output():
    assert len(SCRIPTS) >= 3
    assert {path.stem for path in shipped_folder("experiments").glob("*.out")} == {path.stem for path in SCRIPTS}

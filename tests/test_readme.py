import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from seneca_sim.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def write_nir_network(path):
    import nir

    draw = np.random.default_rng(5)
    conv = nir.Conv2d((34, 34), draw.normal(size=(4, 2, 5, 5)), 2, 1, 1, 1, np.zeros(4))
    spikes = nir.IF(np.ones((4, 16, 16)), np.ones((4, 16, 16)))
    dense = nir.Affine(draw.normal(size=(10, 1024)) / 8, np.zeros(10))
    graph = nir.NIRGraph.from_list(
        nir.Input({"input": np.array([2, 34, 34])}), conv, spikes, nir.Flatten({"input": np.array([4, 16, 16])}, 0, -1),
        dense, nir.IF(np.ones(10), np.ones(10)), nir.Output({"output": np.array([10])}),
    )  # fmt: skip
    nir.write(path, graph)


def run_blocks(found, folder):
    for block in found:
        command = [sys.executable, "-W", "error", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{block}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        assert (done.returncode, done.stderr.decode()) == (0, "")
        assert done.stdout


def test_python_blocks_run_as_they_are(tmp_path):
    found = [block for block in blocks("python") if "import torch" not in block]
    assert len(found) >= 2
    run_blocks(found, tmp_path)
    assert (tmp_path / "results" / "digits" / "summary.json").is_file()


def test_the_block_about_pytorch_runs_as_it_is(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed (pip install seneca-sim[torch])")
    found = [block for block in blocks("python") if "import torch" in block]
    assert len(found) == 1
    run_blocks(found, tmp_path)


def test_commands_run_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_nir_network(tmp_path / "my_network.nir")
    draw = np.random.default_rng(6)
    bytes_ = np.stack([*draw.integers(0, 34, (2, 500)), *draw.integers(0, [[5], [256], [256]], (3, 500))], axis=1)
    (tmp_path / "my_recording.bs2").write_bytes(bytes_.astype(np.uint8).tobytes())
    (tmp_path / "wide.yaml").write_text(blocks("yaml")[0])
    commands = [
        shlex.split(line)[1:]
        for block in blocks("bash")
        for line in block.splitlines()
        if line.startswith("seneca-sim")
    ]
    assert len(commands) >= 10
    for command in commands:
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, (command, done.output, done.exception)
        assert done.output.strip(), command


@pytest.mark.parametrize("script", ["run", "test"])
def test_the_two_scripts_of_the_start_exist_and_are_executable(script):
    assert f"./{script}\n" in README
    assert (ROOT / script).stat().st_mode & 0o111


def test_files_and_folders_that_the_readme_names_exist():
    for name in re.findall(r"`((?:seneca_sim|models|experiments)/(?:[\w./]+\.\w+)?)`", README):
        assert (ROOT / name).exists(), name

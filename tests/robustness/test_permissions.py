"""Files that may not be read and places that cannot be written are refused with one sentence, by every reader."""

from pathlib import Path

import pytest

DENIED = "Permission denied; check its permissions"
RECORDINGS = (".aedat", ".aedat4", ".bin", ".csv", ".dat", ".es", ".h5", ".npy", ".npz", ".raw")
NETWORKS = (".h5", ".net", ".nir", ".tflite")


@pytest.fixture
def denied(monkeypatch):
    """Give a function that makes a file which the system does not let anybody open, whoever runs the tests."""
    opened = Path.open

    def make(path):
        path.write_bytes(b"something")

        def refuse(self, *arguments, **named):
            if self.name == path.name:
                raise PermissionError(13, "Permission denied", str(self))
            return opened(self, *arguments, **named)

        monkeypatch.setattr(Path, "open", refuse)
        return path.name

    return make


@pytest.mark.parametrize("suffix", RECORDINGS)
def test_a_recording_that_may_not_be_read_is_refused(refused, denied, tmp_path, suffix):
    name = denied(tmp_path / f"mine{suffix}")
    refused(f"{name}: cannot be read: {DENIED}", "events", name)


@pytest.mark.parametrize("suffix", NETWORKS)
def test_a_network_that_may_not_be_read_is_refused(refused, denied, tmp_path, suffix):
    if suffix == ".tflite":
        pytest.importorskip("tflite", reason="the package tflite (extra [tflite]) is not installed")
    name = denied(tmp_path / f"mine{suffix}")
    refused(f"{name}: cannot be read: {DENIED}", "show", name)


def test_a_run_file_that_may_not_be_read_is_refused(refused, denied, tmp_path):
    name = denied(tmp_path / "run.yaml")
    refused(f"{name}: cannot be read: {DENIED}", "run", name)


@pytest.mark.parametrize("command", [("events", "digits", "-o"), ("show", "digits-lif", "--draw")])
def test_pictures_are_written_whole_or_refused(seneca_sim, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    assert seneca_sim(*command, "new/folder/a.png").code == 0
    assert Path("new/folder/a.png").read_bytes().startswith(b"\x89PNG")
    Path("file").write_bytes(b"x")
    outcome = seneca_sim(*command, "file/a.png")
    assert (outcome.code, outcome.err) == (
        2,
        "seneca-sim: 'file/a.png' cannot be written: file exists; choose another place\n",
    )


@pytest.mark.parametrize("name", ["a.foo", "a", "."])
def test_drawings_of_unknown_kinds_are_refused(refused, name):
    refused(f"{name}: pictures are written as .png, .pdf, .svg", "show", "digits-lif", "--draw", name)


def test_a_path_that_the_system_refuses_ends_in_one_sentence(seneca_sim, tmp_path):
    outcome = seneca_sim("show", tmp_path / ("x" * 300 + ".h5"))
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)

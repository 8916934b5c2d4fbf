"""The command that turns a network file into another format."""

import pytest

from seneca_sim.graph import read_graph
from seneca_sim.graph.native_file import graph_bytes, load_graph


def test_a_network_survives_the_way_to_nir_and_back(seneca_sim, tmp_path):
    there, back = tmp_path / "a.nir", tmp_path / "sub" / "a.h5"
    outcome = seneca_sim("convert", "digits-lif", there)
    assert (outcome.code, outcome.out) == (0, f"digits-lif: 11 nodes written to {there}\n")
    assert seneca_sim("convert", there, back).code == 0
    assert graph_bytes(load_graph(back)) == graph_bytes(read_graph("digits-lif"))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("a.onnx", "networks are written as .h5 or .nir; give the file one of these suffixes"),
        ("folder.nir", "cannot be written: it is a folder; name a file in it"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused(seneca_sim, tmp_path, target, message):
    (tmp_path / "folder.nir").mkdir()
    outcome = seneca_sim("convert", "digits-lif", tmp_path / target)
    assert outcome.code == 2
    assert outcome.err.startswith("seneca-sim: ")
    assert outcome.err.endswith(f"{message}\n")


def test_nothing_is_written_where_the_source_is_broken(seneca_sim, tmp_path):
    (tmp_path / "broken.nir").write_bytes(b"\x89HDF\r\n\x1a\n")
    outcome = seneca_sim("convert", tmp_path / "broken.nir", tmp_path / "out.h5")
    assert outcome.code == 2
    assert not (tmp_path / "out.h5").exists()

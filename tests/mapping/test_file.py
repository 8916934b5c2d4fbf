"""Mapping files: round trips, what may be left out, and a table of broken files with the whole text of each refusal."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.errors import FileFormatError, MappingError
from seneca_sim.mapping.automatic import automatic_mapping
from seneca_sim.mapping.file import load_mapping, mapping_text, network_of_mapping, save_mapping
from seneca_sim.mapping.types import Mapping, Part
from seneca_sim.mapping.validate import validate_mapping
from tests.mapping.systems import chain
from tests.networks import random_network

SENECA = load_chip("seneca")
NET = chain()
PARTS = (
    Part(1, 0, (0, 4), (0, 5), (0, 8), 4),
    Part(1, 2, (0, 4), (5, 8), (0, 8), 3),
    Part(2, 1, (0, 10), (0, 1), (0, 1), 1),
)
MAPPING = Mapping("small", PARTS, (2, 2), ((0, 0), (1, 0), (1, 1)), (1,))
TEXT = """\
# made by hand
format: seneca_sim/mapping/1
network: small
mesh: {columns: 2, rows: 2}
host_rows: [1]  # mesh row of each input layer; output leaves at the first
places:  # core: column, row of the mesh
  0: [0, 0]
  1: [1, 0]
  2: [1, 1]
layers:  # ranges name first and last; rows and columns after fused pooling, state rows before it
  conv:  # 4 channels x 8 rows x 8 columns
    - {core: 0, channels: 0-3, rows: 0-4, columns: 0-7, state_rows: 4}
    - {core: 2, channels: 0-3, rows: 5-7, columns: 0-7, state_rows: 3}
  out:  # 10 channels x 1 rows x 1 columns
    - {core: 1, channels: 0-9, rows: 0-0, columns: 0-0, state_rows: 1}
"""
HEAD = "format: seneca_sim/mapping/1\nnetwork: small\n"


def written(tmp_path, text, name="m.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_mapping_is_written_to_be_read_and_edited(tmp_path):
    assert mapping_text(NET, MAPPING, "made by hand") == TEXT
    path = tmp_path / "m.yaml"
    save_mapping(NET, MAPPING, path, "made by hand")
    assert path.read_bytes() == TEXT.encode()
    assert load_mapping(path, NET, SENECA) == MAPPING
    assert network_of_mapping(path) == "small"


def test_automatic_mappings_of_random_networks_come_back_as_they_were(tmp_path):
    for seed in range(12):
        net = random_network(np.random.default_rng(seed))
        for goal in ("fewest-cores", "balanced"):
            mapping = automatic_mapping(net, SENECA, goal=goal, cores=7)
            path = tmp_path / "m.yaml"
            save_mapping(net, mapping, path)
            assert load_mapping(path, net, SENECA) == mapping


@pytest.mark.parametrize("name", ["true", "12", "a b", 'quo"te', "back\\slash", "new\nline", "äöü", "- x", "#1", ""])
def test_any_layer_name_survives(tmp_path, name):
    net = replace(NET, layers=(NET.layers[0], replace(NET.layers[1], name=name), NET.layers[2]))
    path = tmp_path / "m.yaml"
    save_mapping(net, MAPPING, path)
    assert load_mapping(path, net, SENECA) == MAPPING


def test_what_is_left_out_is_whole_and_follows_from_geometry(tmp_path):
    path = written(tmp_path, HEAD + "layers:\n  conv:\n    - core: 0\n  out:\n    - {core: 1, channels: 0-9}\n")
    mapping = load_mapping(path, NET, SENECA)
    assert mapping.parts == (
        Part(1, 0, (0, 4), (0, 8), (0, 8), 4),
        Part(2, 1, (0, 10), (0, 1), (0, 1), 1),
    )
    assert mapping.mesh == (2, 1)
    validate_mapping(NET, SENECA, mapping)


def test_a_table_of_parts_is_read_and_written_as_csv(tmp_path):
    path = tmp_path / "m.csv"
    save_mapping(NET, MAPPING, path)
    assert (
        path.read_text()
        == "layer,core,channels,rows,columns\nconv,0,0-3,0-4,0-7\nconv,2,0-3,5-7,0-7\nout,1,0-9,0-0,0-0\n"
    )
    mapping = load_mapping(path, NET, SENECA)
    assert [replace(part, state_rows=1) for part in mapping.parts] == [replace(part, state_rows=1) for part in PARTS]
    short = load_mapping(written(tmp_path, "layer,core,channels\nconv,0,0-3\nout,1,0-9\n", "s.csv"), NET, SENECA)
    validate_mapping(NET, SENECA, short)


BROKEN = {
    "no mapping": (
        "- 1\n",
        "m.yaml: not a mapping file: expected the keys format, network, mesh, host_rows, places, layers",
    ),
    "no yaml": ("a: [\n", "m.yaml:2:1: not YAML: did not find expected node content"),
    "another format": (
        "network: small\nformat: other/1\n",
        "m.yaml:2:9: format: expected seneca_sim/mapping/1, got 'other/1'; write mapping files with `seneca-sim map`",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_files_that_are_no_mappings_are_refused(tmp_path, case):
    text, message = BROKEN[case]
    with pytest.raises(FileFormatError) as refusal:
        load_mapping(written(tmp_path, text), NET, SENECA)
    assert str(refusal.value) == message


FINDINGS = {
    "another network": (
        "format: seneca_sim/mapping/1\nnetwork: big\nlayers: {}\n",
        ["m.yaml:2:10: network: expected small, got 'big'"],
    ),
    "unknown layer": (
        HEAD + "layers:\n  cnov: [{core: 0}]\n  out: [{core: 0}]\n",
        ["m.yaml:4:3: layers.cnov: unknown layer 'cnov'; did you mean conv?"],
    ),
    "unknown key": (
        HEAD + "layers:\n  conv: [{core: 0, chanels: 0-3}]\n",
        ["m.yaml:4:20: layers.conv.0.chanels: unknown key 'chanels'; did you mean channels?"],
    ),
    "several": (
        HEAD + "mesh: {columns: 0, rows: two}\nlayers:\n  conv: [{core: -1, rows: 7-3}]\n  out: 5\n",
        [
            "m.yaml:3:17: mesh.columns: expected an integer >= 1, got 0",
            "m.yaml:3:26: mesh.rows: expected an integer >= 1, got 'two'",
            "m.yaml:5:27: layers.conv.0.rows: expected first-last, such as 0-31, got '7-3'",
            "m.yaml:5:17: layers.conv.0.core: expected an integer >= 0, got -1",
            "m.yaml:6:8: layers.out: expected a list of parts, such as - {core: 0}, got 5",
        ],
    ),
    "repeated layer": (
        HEAD + "layers:\n  conv: [{core: 0}]\n  conv: [{core: 1}]\n",
        ["m.yaml:5:3: layers.conv: repeated key (first at line 4); remove one"],
    ),
    "no core": (
        HEAD + "layers:\n  conv: [{rows: 0-7}]\n",
        ["m.yaml:4:10: layers.conv.0.core: expected an integer >= 0, got null"],
    ),
    "no layers": (HEAD, ["m.yaml:1:1: layers: expected layers with values, got null"]),
    "places": (
        HEAD + "places: {0: 5, 1: [0, a], x: [1, 1]}\nlayers: {conv: [{core: 0}]}\n",
        [
            "m.yaml:3:13: places.0: expected [column, row] of the mesh, such as [2, 1], got 5",
            "m.yaml:3:23: places.1.1: expected an integer >= 0, got 'a'",
            "m.yaml:3:27: places.x: expected the number of a core, got 'x'",
        ],
    ),
    "missing place": (
        HEAD + "places: {0: [0, 0], 2: [1, 0]}\nlayers: {conv: [{core: 0}]}\n",
        ["m.yaml:3:1: places: core 1 has no place; number cores from 0 and place each"],
    ),
    "host rows": (
        HEAD + "host_rows: 3\nlayers: {}\n",
        ["m.yaml:3:12: host_rows: expected a list with one mesh row for each input layer, got 3"],
    ),
    "too many cores": (
        HEAD + "layers: {conv: [{core: 99999}]}\n",
        ["core 99999: chip seneca has at most 4096 cores; number them from 0"],
    ),
    "mesh too small": (
        HEAD + "mesh: {columns: 1, rows: 1}\nlayers: {conv: [{core: 0}], out: [{core: 1}]}\n",
        ["the mapping uses 2 cores, but its mesh has 1 x 1 places; enlarge the mesh"],
    ),
}


@pytest.mark.parametrize("case", FINDINGS)
def test_all_findings_of_a_file_come_with_their_place(tmp_path, case):
    text, messages = FINDINGS[case]
    with pytest.raises(MappingError) as refusal:
        load_mapping(written(tmp_path, text), NET, SENECA)
    assert str(refusal.value).splitlines() == messages


def test_parts_outside_their_layer_are_left_to_validation(tmp_path):
    path = written(tmp_path, HEAD + "layers:\n  conv: [{core: 0, rows: 0-99}]\n  input: [{core: 0}]\n")
    with pytest.raises(MappingError) as refusal:
        validate_mapping(NET, SENECA, load_mapping(path, NET, SENECA))
    assert str(refusal.value).splitlines() == [
        "input on core 0: an input layer lives on the host and has no parts; remove it",
        "conv on core 0: rows 0-99 are no range within the layer's 0-7",
    ]


CSV = {
    "heading": ("layer,core\n", "m.csv:1:1: expected the heading layer,core,channels,rows,columns, got layer,core"),
    "layer": ("layer,core,channels\nkonv,0,0-3\n", "m.csv:2:1: layer: unknown layer 'konv'; did you mean conv?"),
    "core": ("layer,core,channels\nconv,a,0-3\n", "m.csv:2:1: core: expected the number of a core, got 'a'"),
    "range": ("layer,core,channels\nconv,0,3-1\n", "m.csv:2:1: channels: expected first-last, such as 0-31, got '3-1'"),
    "too long": ("layer,core,channels\nconv,0,0-3,5\n", "m.csv:2:1: expected 3 cells, got 4"),
}


@pytest.mark.parametrize("case", CSV)
def test_broken_tables_are_refused(tmp_path, case):
    text, message = CSV[case]
    with pytest.raises((MappingError, FileFormatError)) as refusal:
        load_mapping(written(tmp_path, text, "m.csv"), NET, SENECA)
    assert str(refusal.value) == message


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileFormatError) as refusal:
        load_mapping(tmp_path / "none.yaml", NET, SENECA)
    assert str(refusal.value) == "none.yaml: cannot be read: No such file or directory"
    with pytest.raises(FileFormatError) as refusal:
        load_mapping(tmp_path / "none.csv", NET, SENECA)
    assert str(refusal.value) == "none.csv: cannot be read: No such file or directory"

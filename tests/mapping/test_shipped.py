"""Mappings that ship with the package fit their networks and the published chip."""

import pytest

from seneca_sim.chip import load_chip
from seneca_sim.graph import load_network
from seneca_sim.mapping.file import load_mapping, network_of_mapping
from seneca_sim.mapping.validate import mapping_findings
from seneca_sim.shipped import shipped_folder

SHIPPED = sorted(shipped_folder("mappings").glob("*.yaml"))


def test_mappings_ship():
    assert [path.stem for path in SHIPPED] == ["digits-lif-16", "digits-sigma-delta-16"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_mappings_run_on_the_published_chip(path):
    network, chip = load_network(network_of_mapping(path)), load_chip("seneca")
    mapping = load_mapping(path, network, chip)
    assert mapping_findings(network, chip, mapping) == ()
    assert mapping.n_cores == 16

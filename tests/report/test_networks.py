"""What `show` says of a network is what a run of it sees."""

from seneca_sim.graph import load_network, read_graph, save_graph
from seneca_sim.report.networks import network_text, shown_network


def test_a_network_is_shown_with_the_input_contract_beside_its_file(tmp_path):
    save_graph(read_graph("digits-lif"), tmp_path / "net.h5")
    (tmp_path / "net.input.yaml").write_text("representation: count\nslice: 2ms\nclip: 3\n")
    network, totals = shown_network(tmp_path / "net.h5")
    assert network.input_contract == load_network(tmp_path / "net.h5").input_contract
    heading = network_text(network, totals).splitlines()[0]
    assert heading == "digits-lif: classification; input as count, 2000 us a step; clip 3"

from dataclasses import replace

import numpy as np

from seneca_sim.chip import load_chip
from seneca_sim.graph import load_network
from seneca_sim.mapping.automatic import automatic_mapping
from seneca_sim.mapping.memory import core_memory, weight_owners
from seneca_sim.mapping.validate import mapping_findings
from tests.mapping.systems import conv, host, layer, network

TABLE = load_chip("seneca-seed-table")


def parts_of(network, mapping):
    counts = {}
    for part in mapping.parts:
        name = network.layers[part.layer].name
        counts[name] = counts.get(name, 0) + 1
    return counts


def test_a_shared_head_stands_on_the_same_cores_with_one_copy_of_its_weights():
    network = load_network("seed-128-gru", size="120x160")
    mapping = automatic_mapping(network, TABLE, goal="power-of-two")
    cores = {
        name: {part.core for part in mapping.parts if network.layers[part.layer].name == name}
        for name in ("head1.hidden", "head2.hidden", "head4.hidden", "head1", "head4")
    }
    assert cores["head1.hidden"] == cores["head2.hidden"] == cores["head4.hidden"]
    assert cores["head1"] == cores["head4"] != cores["head1.hidden"]
    kinds = core_memory(network, TABLE, mapping).by_kind()
    assert kinds["head_weights"] == 16 * (128 * 128 * 9 + 216 * 128 * 9)
    assert kinds["replicas"] == 0


def test_owners_are_the_first_layers_with_the_same_weights():
    network = load_network("red", size="120x160")
    names = [layer.name for layer in network.layers]
    owners = {names[number]: names[owner] for number, owner in enumerate(weight_owners(network)) if owner != number}
    assert owners == {f"head{k}{end}": f"head1{end}" for k in (2, 3, 4, 5) for end in ("", ".hidden")}


def test_what_is_left_of_a_budget_goes_to_the_largest_load():
    network = load_network("seed-128-gru", size="120x160")
    least = automatic_mapping(network, TABLE, goal="power-of-two")
    more = automatic_mapping(network, TABLE, goal="power-of-two", cores=least.n_cores + 20)
    assert least.n_cores < more.n_cores <= least.n_cores + 20
    before, after = parts_of(network, least), parts_of(network, more)
    grown = {name: after[name] // before[name] for name in before}
    assert all(np.log2(factor).is_integer() and factor >= 1 for factor in grown.values())
    assert max(grown, key=grown.__getitem__) in (
        "block3.a",
        "block3",
        "block4.a",
        "block4",
        "block5.a",
        "block5",
        "block2",
        "block2.a",
    )


def test_no_range_is_cut_below_a_chunk_of_lanes_for_time():
    network = load_network("seed-128-gru", size="120x160")
    mapping = automatic_mapping(network, TABLE, goal="power-of-two", cores=400)
    sizes = {
        (part.channels[1] - part.channels[0]) * network.layers[part.layer].sums
        for part in mapping.parts
        if not network.layers[part.layer].is_head
    }
    assert min(sizes) >= 8


def cuts_of(mapping, number):
    """(ranges of channels, strips of columns) of a layer; every part has all rows."""
    parts = [part for part in mapping.parts if part.layer == number]
    assert len({part.rows for part in parts}) == 1
    return len({part.channels for part in parts}), len({part.columns for part in parts})


def two_layers(first, second, size=32):
    return network(
        host(size=size),
        layer("a", first, size, conv(0, 2, first)),
        layer("b", second, size, conv(1, first, second), is_output=True),
    )


def test_where_channels_end_at_a_chunk_of_lanes_columns_are_cut():
    """Each doubling of b halves it: to 2 x 16 channels (one chunk), then to 2, 4 strips; a has 1/16 of its work."""
    net = two_layers(16, 32)
    found = [cuts_of(automatic_mapping(net, TABLE, goal="power-of-two", cores=cores), 2) for cores in (2, 3, 5, 9)]
    assert found == [(1, 1), (2, 1), (2, 2), (2, 4)]
    assert cuts_of(automatic_mapping(net, TABLE, goal="power-of-two", cores=5), 1) == (1, 1)


def test_without_a_number_of_cores_nothing_is_cut_for_time():
    mapping = automatic_mapping(two_layers(8, 16), TABLE, goal="power-of-two")
    assert mapping.n_cores == 2


def test_small_input_fifos_have_the_strips_of_what_feeds_a_layer_cut_with_it():
    """With deep FIFOs b alone is cut; with 9 flits it is served strip after strip unless a is in as many."""
    net = two_layers(8, 8)
    shallow = load_chip(
        "seneca-seed-table", ["noc.input_flits=9", "noc.max_flits=9", "noc.buffer_flits=18", "noc.flit_bits=32"]
    )
    cuts = {
        chip: [cuts_of(automatic_mapping(net, chip, goal="power-of-two", cores=cores), number) for number in (1, 2)]
        for chip, cores in ((TABLE, 5), (shallow, 4))
    }
    assert cuts[TABLE] == [(1, 1), (1, 4)]
    assert cuts[shallow] == [(1, 2), (1, 2)]


def test_small_maps_of_a_shared_head_take_as_many_strips_as_they_have_columns():
    """Heads on 24 x 24 and 3 x 3 with the same weights: the small one is on the first two of four cores."""
    large, small = layer("a", 16, 24, conv(0, 2, 16)), layer("b", 16, 3, conv(1, 16, 16, stride=8))
    edge = conv(1, 16, 16, 5)
    heads = [layer(f"head{k}", 16, size, replace(edge, source=k), is_head=True) for k, size in ((1, 24), (2, 3))]
    net = network(host(size=24), large, small, *(replace(head, is_output=True) for head in heads))
    mapping = automatic_mapping(net, TABLE, goal="power-of-two", cores=6)
    assert (cuts_of(mapping, 3), cuts_of(mapping, 4)) == ((1, 4), (1, 2))
    assert [part.core for part in mapping.parts if part.layer == 4] == [2, 3]
    assert mapping_findings(net, TABLE, mapping) == ()

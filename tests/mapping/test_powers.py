import numpy as np

from seneca_sim.chip import load_chip
from seneca_sim.graph import load_network
from seneca_sim.mapping.automatic import automatic_mapping
from seneca_sim.mapping.memory import core_memory, weight_owners

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

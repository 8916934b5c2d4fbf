"""A table of mappings that cannot run, each with the whole text of its refusal."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.errors import MappingError
from seneca_sim.graph.neurons import Lif
from seneca_sim.mapping.routing import routing
from seneca_sim.mapping.types import Mapping, Part
from seneca_sim.mapping.validate import mapping_findings, validate_mapping
from tests.mapping.naive import neuron_box, touched
from tests.mapping.splits import random_parts
from tests.mapping.systems import chain, conv, host, layer, network
from tests.networks import random_network

SENECA = load_chip("seneca")
NET = chain()
CONV = Part(1, 0, (0, 4), (0, 8), (0, 8), 4)
OUT = Part(2, 1, (0, 10), (0, 1), (0, 1), 1)
GOOD = Mapping("small", (CONV, OUT), (2, 1), ((0, 0), (1, 0)), (0,))


def parts(*given, **more):
    return replace(GOOD, parts=given, **more)


def test_a_sound_mapping_has_no_findings():
    assert mapping_findings(NET, SENECA, GOOD) == ()
    validate_mapping(NET, SENECA, GOOD)


REFUSED = {
    "another network": (
        replace(GOOD, network="large"),
        "the mapping is for network 'large', not for 'small'; map this network or name the other one",
    ),
    "unknown layer": (
        parts(CONV, replace(OUT, layer=7)),
        "a part on core 1 names layer 7, but the network has layers 0-2",
    ),
    "input layer": (
        parts(replace(CONV, layer=0, channels=(0, 2)), OUT),
        "input on core 0: an input layer lives on the host and has no parts; remove it",
    ),
    "outside the map": (
        parts(replace(CONV, rows=(0, 9)), OUT),
        "conv on core 0: rows 0-8 are no range within the layer's 0-7",
    ),
    "empty range": (
        parts(replace(CONV, channels=(3, 3)), OUT),
        "conv on core 0: channels 3-2 are no range within the layer's 0-3",
    ),
    "no state rows": (
        parts(replace(CONV, state_rows=0), OUT),
        "conv on core 0: 0 state rows; a part needs at least 1",
    ),
    "gap": (
        parts(replace(CONV, rows=(0, 6)), OUT),
        "conv: channels 0-3, rows 6-7, columns 0-7 are on no core; add a part for them",
    ),
    "several gaps": (
        parts(replace(CONV, rows=(0, 6), channels=(1, 4)), OUT),
        "conv: channels 0, rows 0-5, columns 0-7 are on no core (and 2 more such boxes); add a part for them",
    ),
    "overlap": (
        parts(replace(CONV, rows=(0, 5)), replace(CONV, rows=(3, 8), core=1), OUT),
        "conv: channels 0-3, rows 3-4, columns 0-7 are on core 0 and core 1; give each neuron to one part",
    ),
    "no part at all": (
        parts(CONV),
        "out: channels 0-9, rows 0, columns 0 are on no core; add a part for them",
    ),
    "too few state rows": (
        parts(replace(CONV, state_rows=2), OUT),
        "conv on core 0: 2 state rows, 3 needed (with fewer the chip deadlocks); set state_rows: 3",
    ),
    "too many state rows": (
        parts(replace(CONV, state_rows=9), OUT),
        "conv on core 0: 9 state rows, but the part has 8 rows of neurons; set state_rows: 8",
    ),
    "no mesh": (
        replace(GOOD, mesh=(0, 3)),
        "the mesh of 0 x 3 has no routers; give it at least 1 column and 1 row",
    ),
    "outside the mesh": (
        replace(GOOD, place=((0, 0), (2, 0))),
        "core 1 is at (2, 0), outside the mesh of 2 x 1; move it or enlarge the mesh",
    ),
    "same place": (
        replace(GOOD, place=((1, 0), (1, 0))),
        "cores 0 and 1 are both at (1, 0); move one of them",
    ),
    "no place": (
        parts(CONV, replace(OUT, core=5)),
        "core 5 has a part but no place; give it one",
    ),
    "host rows": (
        replace(GOOD, host_rows=(0, 0)),
        "2 host rows for 1 input layers; give one for each",
    ),
    "host row outside": (
        replace(GOOD, host_rows=(4,)),
        "host row 4 is outside the mesh, whose rows are 0-0",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_impossible_mappings_are_refused_in_a_sentence(case):
    mapping, text = REFUSED[case]
    with pytest.raises(MappingError) as refusal:
        validate_mapping(NET, SENECA, mapping)
    assert str(refusal.value) == text


LIMITS = {
    "memory": (
        ["core.data_memory_bits=8000"],
        "out on core 1: 20640 bits needed (weights 20480, states 160), 8000 bits there; split it over at least 3 cores",
    ),
    "header y": (
        ["noc.y_bits=2"],
        "input: 8 rows need 3 bits in the packet header, noc.y_bits is 2; set noc.y_bits=3\n"
        "conv: 8 rows need 3 bits in the packet header, noc.y_bits is 2; set noc.y_bits=3",
    ),
    "header x": (
        ["noc.x_bits=2"],
        "input: 8 columns need 3 bits in the packet header, noc.x_bits is 2; set noc.x_bits=3\n"
        "conv: 8 columns need 3 bits in the packet header, noc.x_bits is 2; set noc.x_bits=3",
    ),
    "groups": (
        ["noc.group_bits=1"],
        "the mapping needs 3 multicast groups, noc.group_bits = 1 names 2; use fewer parts, or set noc.group_bits=2",
    ),
    "routing entries": (
        ["noc.routing_entries=2"],
        "the router at (0, 0) of core 0 needs 3 entries, noc.routing_entries is 2 (1 routers have too few); "
        "use fewer parts or set noc.routing_entries=3",
    ),
    "another mesh": (
        ["noc.columns=3", "noc.rows=3"],
        "the mapping is for a mesh of 2 x 1, chip seneca has 3 x 3; map again or change noc.columns and noc.rows",
    ),
    "most cores": (
        ["noc.max_cores=1"],
        "the mapping places 2 cores, chip seneca has at most 1; use fewer cores or raise noc.max_cores",
    ),
    "conventional order": (
        ["flow.order=conventional"],
        "conv on core 0: 4 state rows, 8 needed (the conventional order needs all rows); set state_rows: 8",
    ),
}


@pytest.mark.parametrize("case", LIMITS)
def test_limits_of_the_chip_are_named_with_need_and_way_out(case):
    overrides, text = LIMITS[case]
    assert "\n".join(mapping_findings(NET, load_chip("seneca", overrides), GOOD)) == text


def test_neurons_that_remember_need_all_their_rows():
    net = chain(neuron=Lif(decay=0.5))
    text = "conv on core 0: 4 state rows, 8 needed (neurons that remember need all their rows); set state_rows: 8"
    assert mapping_findings(net, SENECA, GOOD) == (text,)


def test_layers_that_share_a_core_are_named_together():
    shared = parts(CONV, replace(OUT, core=0))
    small = load_chip("seneca", ["core.data_memory_bits=20000"])
    assert mapping_findings(NET, small, shared) == (
        "conv and out on core 0: 23264 bits needed (weights 21056, states 160, row buffers 2048), 20000 bits there; "
        "move a layer away or split one over at least 2 cores in all",
    )


def test_all_findings_come_at_once():
    small = load_chip("seneca", ["core.data_memory_bits=8000", "noc.y_bits=2"])
    assert len(mapping_findings(NET, small, parts(replace(CONV, rows=(0, 6)), OUT))) == 4


def test_an_ideal_network_has_no_routing_tables():
    assert mapping_findings(NET, load_chip("seneca", ["noc.kind=ideal", "noc.routing_entries=1"]), GOOD) == ()


def naive_sets(net, mapping, number, part, delay):
    """Cores that each position of a part, and each of its row tokens, is sent to, position by position."""
    source = net.layers[number]
    rows = range(source.out_shape[1]) if part is None else range(*part.rows)
    columns = range(source.out_shape[2]) if part is None else range(*part.columns)
    found = set()
    for row in rows:
        token = set()
        for column in columns:
            cores = set()
            for index, each in enumerate(net.layers):
                for edge in each.edges:
                    if edge.source != number or edge.delay != delay:
                        continue
                    for consumer in mapping.parts:
                        if consumer.layer == index and all(
                            touched(edge, source.out_shape[1 + axis], at, *neuron_box(each, consumer, axis), axis)
                            for axis, at in ((0, row), (1, column))
                        ):
                            cores.add(consumer.core)
            token |= cores
            found.add(frozenset(cores | ({-1} if source.is_output and not delay else set())))
        found.add(frozenset(token | ({-1} if source.is_output and not delay else set())))
    return found - {frozenset()}


def test_multicast_groups_are_the_sets_that_occur_position_by_position():
    for seed in range(25):
        rng = np.random.default_rng(seed)
        net = random_network(rng, max_layers=4, max_side=6)
        cut = random_parts(rng, net)
        mesh = (4, -(-len(cut) // 4))
        inputs = [number for number, each in enumerate(net.layers) if each.is_input]
        place = tuple((core % 4, core // 4) for core in range(len(cut)))
        mapping = Mapping(net.name, cut, mesh, place, (0,) * len(inputs))
        groups, tables = 0, np.zeros((mesh[1], mesh[0]), np.int64)
        for number, each in enumerate(net.layers):
            for part in [None] if each.is_input else [part for part in cut if part.layer == number]:
                sets = naive_sets(net, mapping, number, part, 0)
                if part is not None:
                    sets = (sets | naive_sets(net, mapping, number, part, 1)) - {frozenset({part.core})}
                groups += len(sets)
                x, y = (0, 0) if part is None else place[part.core]
                for cores in sets:
                    visited = set()
                    for to_x, to_y in [(0, 0) if core < 0 else place[core] for core in cores]:
                        visited |= {(step, y) for step in range(min(x, to_x), max(x, to_x) + 1)}
                        visited |= {(to_x, step) for step in range(min(y, to_y), max(y, to_y) + 1)}
                    for at_x, at_y in visited:
                        tables[at_y, at_x] += 1
        found = routing(net, mapping)
        assert found.groups == groups, seed
        assert (found.entries == tables).all(), seed


def test_a_row_split_needs_a_group_for_the_halo():
    """Row 3 and 4 of the first layer reach both halves of the second, the others one."""
    net = network(host(), layer("a", 2, 8, conv(0, 2, 2)), layer("b", 2, 8, conv(1, 2, 2), is_output=True))
    halves = [Part(2, 1 + half, (0, 2), (4 * half, 4 * half + 4), (0, 8), 4) for half in (0, 1)]
    mapping = Mapping("small", (Part(1, 0, (0, 2), (0, 8), (0, 8), 4), *halves), (3, 1), ((0, 0), (1, 0), (2, 0)))
    assert routing(net, mapping).groups == 1 + 3 + 2

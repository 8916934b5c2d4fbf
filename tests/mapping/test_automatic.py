"""Automatic mapping: optimal where it claims to be, against brute force; valid always; refusals in full."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.chip import load_chip
from seneca_sim.errors import MappingError, RequestError
from seneca_sim.graph.neurons import Lif
from seneca_sim.mapping.automatic import automatic_mapping, fewest_cores_bound
from seneca_sim.mapping.balance import balanced_apart
from seneca_sim.mapping.cost import layer_cost
from seneca_sim.mapping.goals import GOALS
from seneca_sim.mapping.memory import LayerMemory, core_memory, layer_memory
from seneca_sim.mapping.packing import Item, lower_bound, pack
from seneca_sim.mapping.splits import LayerSplits, part_bits
from seneca_sim.mapping.validate import mapping_findings
from tests.mapping.systems import chain, conv, dense, host, layer, network
from tests.mapping.traces import random_trace
from tests.networks import random_network

SENECA = load_chip("seneca")
COMPUTE_BOUND = load_chip("seneca-seed-table")
TINY = load_chip("seneca", ["core.data_memory_bits=6000"])


def three_layers():
    first = layer("a", 24, 6, conv(0, 2, 24))
    second = layer("b", 40, 6, conv(1, 24, 40), neuron=Lif(decay=0.5))
    return network(host(size=6), first, second, layer("out", 10, 1, dense(second, 2, 10), is_output=True))


def splits_of(net, chip, limit, trace=None):
    return [
        LayerSplits(number, each, layer_cost(net, chip, number, trace), layer_memory(net, chip, number), 4, limit)
        for number, each in enumerate(net.layers)
        if not each.is_input
    ]


def all_splits(splits):
    """(parts, largest load) of every cut into channel ranges of at most c and every set of row ranges."""
    found = set()
    rows = splits.cost.rows
    for most in range(1, splits.cost.channels + 1):
        ranges = -(-splits.cost.channels // most)
        loads = splits.cost.cycles(most)
        bits = part_bits(splits.layer, splits.memory, most, splits.state_rows)
        for n_cuts in range(rows):
            for cuts in itertools.combinations(range(1, rows), n_cuts):
                bounds = [0, *cuts, rows]
                spans = [(a, b - 1) for a, b in itertools.pairwise(bounds)]
                if all(bits[span] <= splits.limit for span in spans):
                    found.add((ranges * len(spans), float(max(loads[span] for span in spans))))
    return found


@pytest.mark.parametrize("chip", [SENECA, COMPUTE_BOUND], ids=["seneca", "compute-bound"])
@pytest.mark.parametrize("limit", [2_000_000, 40_000])
def test_parts_on_cores_of_their_own_have_the_least_bottleneck_of_all_splits(chip, limit):
    net = three_layers()
    trace = random_trace(np.random.default_rng(0), net)
    for given in (None, trace):
        layers = splits_of(net, chip, limit, given)
        options = [sorted(all_splits(splits)) for splits in layers]
        for cores in (3, 5, 8, 13, 21, 60):
            fitting = [
                max(load for _, load in pick)
                for pick in itertools.product(*map(pareto, options))
                if sum(parts for parts, _ in pick) <= cores
            ]
            found = balanced_apart(layers, cores)
            if not fitting:
                assert found is None
            else:
                assert found.n_cores <= cores
                assert max(split.load for split in found.splits) == pytest.approx(min(fitting), rel=1e-8)


def pareto(options):
    best, kept = np.inf, []
    for parts, load in options:
        if load < best:
            best = load
            kept.append((parts, load))
    return kept


def fewest_bins(items, limit):
    """The optimum, by trying all ways to put the channels of each item into bins."""

    def fits(bins, rest):
        if not rest:
            return True
        item, *others = rest
        if item.channels == 0:
            return fits(bins, others)
        seen = set()
        for index, free in enumerate(bins):
            if free >= item.map_bits and free not in seen:
                seen.add(free)
                one_less = replace(item, channels=item.channels - 1)
                if fits([*bins[:index], free - item.map_bits, *bins[index + 1 :]], [one_less, *others]):
                    return True
        return False

    number = lower_bound(items, limit)
    while not fits([limit] * number, sorted(items, key=lambda item: -item.map_bits)):
        number += 1
    return number


def test_packings_are_at_most_one_core_above_the_optimum_and_mostly_on_it():
    free = LayerMemory(0, False, 0, (), 0, 0, 0, 0, 0, False)
    rng = np.random.default_rng(5)
    gaps = []
    for _ in range(150):
        items = [
            Item(number, int(rng.integers(1, 6)), (0, 1), free, int(rng.integers(1, 11)))
            for number in range(int(rng.integers(1, 4)))
        ]
        pieces = pack(items, 10)
        used = {}
        for piece in pieces:
            used[piece.core] = used.get(piece.core, 0) + piece.item.bits(piece.channels[1] - piece.channels[0])
        assert max(used.values()) <= 10
        for item in items:
            held = sorted(piece.channels for piece in pieces if piece.item is item)
            assert [held[0][0], *(end for _, end in held)] == [*(start for start, _ in held), item.channels]
        gaps.append(len(used) - fewest_bins(items, 10))
    assert set(gaps) <= {0, 1}
    assert gaps.count(0) >= 145


@pytest.mark.parametrize("goal", GOALS)
def test_every_goal_gives_valid_mappings_of_random_networks(goal):
    for seed in range(12):
        net = random_network(np.random.default_rng(seed))
        for chip in (SENECA, TINY):
            mapping = automatic_mapping(net, chip, goal=goal, cores=40)
            assert mapping_findings(net, chip, mapping) == (), seed
            assert mapping.n_cores <= 40
            assert mapping == automatic_mapping(net, chip, goal=goal, cores=40)


def test_fewest_cores_reaches_its_bound_where_layers_can_share():
    net = three_layers()
    mapping = automatic_mapping(net, load_chip("seneca", ["core.data_memory_bits=50000"]), goal="fewest-cores")
    assert mapping.n_cores == fewest_cores_bound(net, load_chip("seneca", ["core.data_memory_bits=50000"])) == 5
    assert automatic_mapping(net, SENECA, goal="fewest-cores").n_cores == 1


def test_channel_splits_alone_hold_no_replicas():
    net = three_layers()
    chip = load_chip("seneca", ["core.data_memory_bits=50000"])
    for goal in ("fewest-cores", "power-of-two"):
        assert core_memory(net, chip, automatic_mapping(net, chip, goal=goal)).replica_bits == 0


def test_powers_of_two_cut_channels_evenly():
    net = three_layers()
    mapping = automatic_mapping(net, load_chip("seneca", ["core.data_memory_bits=30000"]), goal="power-of-two")
    counts = [len([part for part in mapping.parts if part.layer == number]) for number in (1, 2, 3)]
    assert counts == [1, 4, 8]
    assert [part.channels for part in mapping.parts if part.layer == 2] == [(0, 10), (10, 20), (20, 30), (30, 40)]


@pytest.mark.parametrize(
    ("preset", "ranges"),
    [("seneca-seed-table", [(0, 16), (16, 32), (32, 40)]), ("seneca", [(0, 20), (20, 40)])],
)
def test_energy_weighs_padded_chunks_against_repeated_deliveries(preset, ranges):
    """Two parts of 20 channels execute four chunks of 16, three aligned ones three; but every part decodes every packet."""
    chip = load_chip(preset, ["core.data_memory_bits=50000"])
    mapping = automatic_mapping(three_layers(), chip, goal="energy")
    assert [part.channels for part in mapping.parts if part.layer == 2] == ranges
    assert [part.channels for part in mapping.parts if part.layer == 1] == [(0, 24)]


def test_more_cores_never_raise_the_bottleneck():
    net = three_layers()
    loads = []
    for cores in (3, 6, 12, 24):
        found = balanced_apart(splits_of(net, SENECA, 2_000_000), cores)
        loads.append(max(split.load for split in found.splits))
    assert loads == sorted(loads, reverse=True)
    assert loads[-1] < loads[0] / 3


def test_a_layer_too_large_for_one_row_of_one_channel_is_cut_by_rows_only_as_far_as_memory_asks():
    """A whole map of one channel is 36 states of 16 bits; with 2 x 24 x 9 weights of 8 bits, two rows fit into 2000 bits."""
    net = network(host(channels=24, size=6), layer("wide", 1, 6, conv(0, 24, 1), neuron=Lif(decay=0.5), is_output=True))
    small = load_chip("seneca", ["core.data_memory_bits=2000"])
    rows = [part.rows for part in automatic_mapping(net, small, goal="fewest-cores").parts]
    assert rows == [(0, 2), (2, 4), (4, 6)]
    assert [part.rows for part in automatic_mapping(net, small, goal="power-of-two").parts] == [
        (0, 2),
        (2, 4),
        (4, 5),
        (5, 6),
    ]


NOT_ENOUGH = "but only 2 may be used; allow more cores, or use narrower weights or more data memory"
REFUSED = {
    "fewest-cores": (
        "fewest-cores",
        "core.data_memory_bits=50000",
        f"network small needs 5 cores of 50000 bits (at least 5, by its bits alone), {NOT_ENOUGH}",
    ),
    "balanced": (
        "balanced",
        "core.data_memory_bits=50000",
        f"network small needs 5 cores of 50000 bits (at least 5, by its bits alone), {NOT_ENOUGH}",
    ),
    "power-of-two": (
        "power-of-two",
        "core.data_memory_bits=50000",
        f"network small needs 7 cores of 50000 bits for equal parts on cores of their own, {NOT_ENOUGH}",
    ),
    "too large": (
        "balanced",
        "core.data_memory_bits=2000",
        "out: one row of one channel needs 11536 bits, a core has 2000; input channels are not split: use narrower weights or "
        "more data memory (core.data_memory_bits)",
    ),
    "max cores": (
        "power-of-two",
        "noc.max_cores=2",
        "the mapping needs 3 cores, but chip seneca has at most 2; raise noc.max_cores or use fewer cores",
    ),
    "mesh": (
        "power-of-two",
        "noc.columns=2 noc.rows=1",
        "the mapping needs 3 cores, but the mesh of chip seneca has 2 x 1 = 2; use a larger mesh (noc.columns, noc.rows) "
        "or fewer cores",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_impossible_requests_are_refused_with_need_and_limit(case):
    goal, overrides, text = REFUSED[case]
    chip = load_chip("seneca", overrides.split())
    cores = 2 if NOT_ENOUGH in text else None
    with pytest.raises(MappingError) as refusal:
        automatic_mapping(three_layers(), chip, goal=goal, cores=cores)
    assert str(refusal.value) == text


@pytest.mark.parametrize("goal", ["balanced", "power-of-two"])
def test_fewer_ranges_of_the_map_are_cut_where_the_groups_of_many_do_not_fit(goal):
    """Each range sends at its border to other cores than inside: on 24 cores that is far more than 32 groups."""
    net = network(
        host(size=24), layer("a", 16, 24, conv(0, 2, 16)), layer("b", 32, 24, conv(1, 16, 32), is_output=True)
    )
    wide, narrow = (load_chip("seneca-seed-table", [f"noc.group_bits={bits}"]) for bits in (14, 5))
    strips = {
        chip: {(part.rows, part.columns) for part in automatic_mapping(net, chip, goal=goal, cores=24).parts}
        for chip in (wide, narrow)
    }
    assert len(strips[wide]) > len(strips[narrow])
    assert mapping_findings(net, narrow, automatic_mapping(net, narrow, goal=goal, cores=24)) == ()


def test_what_no_cut_of_strips_relieves_is_refused_with_a_way_out():
    net = network(
        host(size=24), layer("a", 16, 24, conv(0, 2, 16)), layer("b", 32, 24, conv(1, 16, 32), is_output=True)
    )
    with pytest.raises(MappingError) as refusal:
        automatic_mapping(net, load_chip("seneca-seed-table", ["noc.group_bits=1"]), goal="power-of-two", cores=24)
    assert str(refusal.value) == (
        "the mapping needs 4 multicast groups, noc.group_bits = 1 names 2; use fewer parts, or set noc.group_bits=2"
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"goal": "balance"},
            "unknown goal 'balance'; did you mean balanced?; the goals are fewest-cores, balanced, power-of-two, energy",
        ),
        ({"cores": 0}, "cores: expected an integer >= 1, got 0"),
    ],
)
def test_senseless_requests_are_refused(arguments, text):
    with pytest.raises(RequestError) as refusal:
        automatic_mapping(chain(), SENECA, **arguments)
    assert str(refusal.value) == text

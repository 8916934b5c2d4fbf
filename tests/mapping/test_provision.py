"""State rows: hand-worked cases, and freedom from deadlock, tight, against the slow twin that fires rows one by one."""

from dataclasses import replace

import numpy as np
import pytest

from seneca_sim.graph.neurons import Lif, is_stateful
from seneca_sim.mapping.provision import minimum_rows, provision_rows
from seneca_sim.mapping.types import Part
from tests.mapping.naive import deadlocks, with_rows
from tests.mapping.splits import random_parts
from tests.mapping.systems import add, chain, conv, host, layer, network, whole
from tests.networks import random_network


@pytest.mark.parametrize(
    ("pool", "window", "rows"),
    [(0, 1, 3), (0, 2, 4), (0, 3, 5), (0, 9, 8), (2, 1, 4), (2, 2, 5)],
)
def test_a_3x3_convolution_needs_three_rows_four_with_pooling_and_one_more_for_each_row_of_window(pool, window, rows):
    net = chain(pool=pool)
    assert provision_rows(net, whole(net), window=window) == (rows, 1)


def test_a_strided_convolution_touches_two_rows_at_a_time():
    net = network(host(size=16), layer("conv", 2, 8, conv(0, 2, 2, stride=2)))
    assert provision_rows(net, whole(net), window=1) == (2,)


def test_a_residual_block_waits_in_the_rows_of_its_join():
    """Two 3x3 convolutions lag two rows behind the identity, which therefore needs 3 rows where 1 would do."""
    net = network(
        host(),
        layer("first", 2, 8, conv(0, 2, 2, 1)),
        layer("second", 2, 8, conv(1, 2, 2)),
        layer("third", 2, 8, conv(2, 2, 2)),
        layer("join", 2, 8, add(3), add(1)),
    )
    assert provision_rows(net, whole(net), window=1) == (1, 3, 3, 3)
    assert provision_rows(net, whole(net), window=2) == (2, 4, 4, 4)


def test_a_concatenation_of_unequal_paths_waits_for_the_longer_one():
    net = network(
        host(),
        layer("long", 2, 8, conv(0, 2, 2, 5)),
        layer("concat", 4, 8, add(0), add(1, target_offset=2)),
    )
    assert provision_rows(net, whole(net), window=1) == (5, 3)


def test_stateful_layers_and_the_conventional_order_hold_the_whole_map():
    spiking = chain(neuron=Lif(decay=0.5))
    assert provision_rows(spiking, whole(spiking), window=1) == (8, 1)
    rectifier = chain()
    assert provision_rows(rectifier, whole(rectifier), window=1, order="conventional") == (8, 1)


def test_two_joins_that_wait_for_each_other_crosswise_get_rows_enough():
    """B adds the second input to a long path from the first, D the first to a long path from the second."""
    layers = [host(name="left"), host(name="right")]
    paths = {}
    for side in (0, 1):
        last = side
        for number in range(3):
            layers.append(layer(f"{side}.{number}", 2, 8, conv(last, 2, 2)))
            last = len(layers) - 1
        paths[side] = last
    layers += [layer("B", 2, 8, add(paths[0]), add(1)), layer("D", 2, 8, add(paths[1]), add(0))]
    net = network(*layers)
    rows = provision_rows(net, whole(net), window=1)
    assert rows == (3, 3, 3, 3, 3, 3, 1, 6)
    assert not deadlocks(net, with_rows(whole(net), rows))
    assert deadlocks(net, with_rows(whole(net), (*rows[:-1], 5)))


def test_the_minimum_of_a_layer_follows_from_the_rows_of_the_layers_before_it():
    net = network(host(), layer("a", 2, 8, conv(0, 2, 2)), layer("join", 2, 8, add(1), add(0)))
    assert minimum_rows(net, with_rows(whole(net), (3, 8))) == (3, 2)


def test_row_splits_need_no_more_rows_than_whole_layers():
    net = chain(size=16)
    parts = tuple(Part(1, core, (0, 4), rows, (0, 16), 1) for core, rows in enumerate([(0, 2), (2, 9), (9, 16)]))
    assert provision_rows(net, (*parts, Part(2, 3, (0, 10), (0, 1), (0, 1), 1)), window=1) == (2, 3, 3, 1)


@pytest.mark.parametrize("early_replay", [False, True])
@pytest.mark.parametrize("window", [1, 2])
def test_provisioned_systems_never_deadlock(window, early_replay):
    for seed in range(60):
        rng = np.random.default_rng(seed)
        net = random_network(rng, max_layers=6)
        parts = random_parts(rng, net, most=4 if seed % 2 else 1)
        rows = provision_rows(net, parts, window=window, early_replay=early_replay)
        assert not deadlocks(net, with_rows(parts, rows), early_replay=early_replay), seed


def test_one_row_less_anywhere_deadlocks():
    tried = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        net = random_network(rng, max_layers=6)
        parts = random_parts(rng, net, most=4 if seed % 2 else 1)
        parts = with_rows(parts, provision_rows(net, parts, window=1))
        for part in parts:
            if part.state_rows > 1 and not is_stateful(net.layers[part.layer].neuron):
                less = tuple(
                    replace(each, state_rows=each.state_rows - 1)
                    if (each.layer, each.rows) == (part.layer, part.rows)
                    else each
                    for each in parts
                )
                assert deadlocks(net, less), (seed, part)
                tried += 1
    assert tried > 50


def test_the_minimum_of_a_provisioned_mapping_is_never_above_what_it_has():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        net = random_network(rng, max_layers=6)
        parts = random_parts(rng, net)
        for window in (1, 2):
            given = with_rows(parts, provision_rows(net, parts, window=window))
            needed = minimum_rows(net, given)
            assert all(few <= part.state_rows for few, part in zip(needed, given, strict=True)), seed

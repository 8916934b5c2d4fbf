"""Published networks on small maps: mapped automatically, both engines agree and every invariant holds.

They have what random systems have one at a time: convolutional cells with detection heads at three levels, squeeze-excite,
upsampled heads, a decoder with skip paths and thresholds that a vector sets.
"""

from __future__ import annotations

import numpy as np
import pytest

from seneca_sim.activity.trace import Trace
from seneca_sim.chip import load_chip
from seneca_sim.engine import fast, reference
from seneca_sim.engine.costs import costs_of
from seneca_sim.graph import load_network
from seneca_sim.mapping import automatic_mapping
from tests.engine.invariants import check_all
from tests.engine.random_systems import random_layer_trace
from tests.engine.test_differential import differences


@pytest.mark.parametrize(
    ("name", "size", "steps", "density"),
    [
        ("seed-128-gru", (16, 16), 2, 0.01),
        ("seed-128-minimal", (16, 16), 2, 0.01),
        ("red-se", (16, 16), 1, 0.002),
        ("ems-res18-gen1-4scale", (32, 32), 1, 0.01),
        ("ev-flownet", (16, 16), 1, 0.002),
        ("firenet-snn", (8, 8), 3, 0.05),
    ],
)
def test_published_networks_run_alike_in_both_engines(
    name: str, size: tuple[int, int], steps: int, density: float
) -> None:
    chip, network, rng = load_chip("seneca"), load_network(name, size=size), np.random.default_rng(0)
    layers = tuple(random_layer_trace(rng, layer.out_shape, steps, density) for layer in network.layers)
    trace = Trace(layers, "synthetic", np.zeros((steps, 1), np.int64))
    inputs = network, automatic_mapping(network, chip), trace, chip.timing(), costs_of(network, chip)
    counts = fast.run(*inputs)
    assert differences(reference.run(*inputs), counts) == []
    check_all(*inputs, counts)

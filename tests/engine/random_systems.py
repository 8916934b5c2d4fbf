"""Random small systems for the comparison of the two engines: network, activity, mapping, chip and costs from one seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from seneca_sim.activity.trace import LayerTrace, Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs, EdgeCosts, Evaluate, LayerCosts, evaluate_rule
from seneca_sim.graph.network import Network
from seneca_sim.mapping.provision import provision_rows
from seneca_sim.mapping.types import Mapping, Part
from tests.engine.random_features import enriched
from tests.networks import random_network

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class RandomSystem:
    """Everything that an engine needs."""

    network: Network
    mapping: Mapping
    trace: Trace
    timing: Timing
    costs: Costs


def random_system(seed: int, **timing: object) -> RandomSystem:
    """Return the system of a seed; timing fields that are given overrule the drawn ones."""
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_layers=int(rng.integers(1, 6)), max_side=int(rng.integers(2, 8)), max_channels=8)
    return _system_of(rng, network, timing)


def enriched_system(seed: int, **timing: object) -> RandomSystem:
    """Return the system of a seed whose network has cells, products, upsampling, forward delays and several outputs."""
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_layers=int(rng.integers(1, 4)), max_side=int(rng.integers(2, 6)), max_channels=6)
    system = _system_of(rng, enriched(rng, network), timing)
    layers = [replace(costs, evaluate=RULES[int(rng.integers(5))] or costs.evaluate) for costs in system.costs.layers]
    return replace(system, costs=replace(system.costs, layers=tuple(layers)))


RULES: tuple[Evaluate | None, ...] = (None, None, None, "touched", "touched_later")
"""None: the layer's own. The engines take any rule for any layer."""


def _system_of(rng: np.random.Generator, network: Network, timing: dict[str, object]) -> RandomSystem:
    """Return a system that runs a network."""
    drawn = random_timing(rng)
    drawn = Timing(**({name: getattr(drawn, name) for name in drawn.__slots__} | timing))
    costs = random_costs(rng, network)
    trace = random_trace(rng, network, steps=int(rng.integers(1, 4)))
    return RandomSystem(network, random_mapping(rng, network, drawn), trace, drawn, costs)


def random_timing(rng: np.random.Generator) -> Timing:
    """Return timing parameters that make everything happen: small FIFOs, all switches."""

    def one_of(*choices):
        return choices[int(rng.integers(len(choices)))]

    max_flits = int(rng.integers(3, 7))
    return Timing(
        group_size=int(rng.integers(1, 5)),
        group_scope=one_of("packet", "step"),
        task_scope=one_of("position", "row", "pixel"),
        masked=one_of("dense", "chunk_skip"),
        inline=bool(rng.random() < 0.15),
        event_generator=bool(rng.random() < 0.8),
        evgen_rate=int(rng.integers(1, 4)),
        task_fifo=int(rng.integers(1, 5)),
        event_fifo=int(rng.integers(1, 13)),
        lc_task=int(rng.integers(0, 4)),
        lc_chunk=int(rng.integers(0, 2)),
        **{f"rv_{name}": int(rng.integers(0, 6)) for name in RV_COSTS},
        noc=one_of("mesh", "mesh", "mesh", "ideal"),
        router_cycles=int(rng.integers(0, 3)),
        max_flits=max_flits,
        buffer_flits=max_flits + int(rng.integers(0, 4)),
        input_flits=max_flits + int(rng.integers(0, 6)),
        group_bits=one_of(8, 30),
        y_bits=8,
        x_bits=8,
        order=one_of("depth-first", "depth-first", "depth-first", "conventional"),
        barrier=one_of("layer", "global"),
        barrier_cycles=int(rng.integers(0, 5)),
        early_replay=bool(rng.random() < 0.3),
        pipelined=bool(rng.random() < 0.6),
        period=one_of(0, 0, 50, 700),
    )


RV_COSTS = ("packet", "value", "position", "fire", "untouched", "out_packet", "out", "token", "replay", "skip", "scan")


def random_costs(rng: np.random.Generator, network: Network) -> Costs:
    """Return costs of a few cycles a chunk."""
    layers = tuple(
        LayerCosts(
            neurons_per_chunk=int(rng.integers(1, 5)),
            update_cycles=int(rng.integers(1, 6)),
            pool_cycles=int(rng.integers(0, 3)) if layer.pool else 0,
            emit_cycles=int(rng.integers(1, 3)),
            evaluate="always" if layer.is_input else evaluate_rule(layer),
            value_bits=int(rng.choice([0, 8, 16])),
        )
        for layer in network.layers
    )
    n_edges = sum(len(layer.edges) for layer in network.layers)
    return Costs(layers, tuple(EdgeCosts(int(rng.integers(1, 5)), int(rng.integers(1, 8))) for _ in range(n_edges)))


def random_trace(rng: np.random.Generator, network: Network, steps: int) -> Trace:
    """Return random events of every layer; they need not follow from one another, which no engine looks at."""
    layers = tuple(
        random_layer_trace(rng, layer.out_shape, steps, rng.choice([0.0, 0.05, 0.3, 0.8])) for layer in network.layers
    )
    (own,) = rng.spawn(1)
    held = tuple(random_layer_trace(own, layer.out_shape, 1, 0.3) for layer in network.layers)
    return Trace(layers, "synthetic", np.zeros((steps, 1), dtype=np.int64), held=held if own.random() < 0.5 else ())


def random_layer_trace(rng: np.random.Generator, shape: tuple[int, int, int], steps: int, density: float) -> LayerTrace:
    """Return random events, each channel of each position active with a probability."""
    channels, rows, columns = shape
    active = rng.random((steps, rows * columns, channels)) < density
    step, position, channel = np.nonzero(active)
    sites, counts = np.unique(step * rows * columns + position, return_counts=True)
    return LayerTrace(
        step_start=np.searchsorted(sites, np.arange(steps + 1) * rows * columns).astype(np.int64),
        position=(sites % (rows * columns)).astype(np.int32),
        first_event=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        channel=channel.astype(np.int32),
        value=None,
        neuron_events=active.sum(axis=(1, 2)).astype(np.int64),
        saturations=np.zeros(steps, dtype=np.int64),
    )


def random_mapping(rng: np.random.Generator, network: Network, timing: Timing) -> Mapping:
    """Return a mapping of random boxes on a few cores of a small mesh, with provisioned state rows."""
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    n_cores = int(rng.integers(1, columns * rows + 1))
    parts = [
        Part(number, int(rng.integers(n_cores)), c, r, x, 1)
        for number, layer in enumerate(network.layers)
        if not layer.is_input
        for r in _cuts(rng, layer.out_shape[1])
        for x in _cuts(rng, layer.out_shape[2])
        for c in _cuts(rng, layer.out_shape[0])
    ]
    window = int(rng.integers(1, 4))
    state_rows = provision_rows(network, parts, window=window, order=timing.order, early_replay=timing.early_replay)
    parts = [replace(part, state_rows=rows) for part, rows in zip(parts, state_rows, strict=True)]
    nodes = rng.permutation(columns * rows)[:n_cores]
    place = tuple((int(node % columns), int(node // columns)) for node in nodes)
    n_hosts = sum(layer.is_input for layer in network.layers)
    return Mapping(
        "random", tuple(parts), (columns, rows), place, tuple(int(rng.integers(rows)) for _ in range(n_hosts))
    )


def _cuts(rng: np.random.Generator, size: int) -> list[Span]:
    """Return 1 to 3 ranges that cover 0..size."""
    inner = (
        sorted(set(rng.integers(1, size, int(rng.integers(0, 3))).tolist())) if size > 1 and rng.random() < 0.5 else []
    )
    bounds = [0, *inner, size]
    return list(pairwise(bounds))

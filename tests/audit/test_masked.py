"""A network with masked layers from end to end, executed densely and with masked chunks skipped, on both engines."""

import numpy as np
import pytest

import seneca_sim as ss
from seneca_sim.activity import run_network
from seneca_sim.engine.counts import INLET_COUNTERS
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.graph.neurons import Relu
from seneca_sim.mapping.provision import provision_rows
from seneca_sim.mapping.types import Mapping, Part
from tests.activity.test_random_networks import as_trace
from tests.audit.books import Books, events_of, slow_sops

CHUNK = 16
"""Neurons of a chunk: 8 lanes, two int8 weights in a word."""
GROUP = 4


def masked_network():
    """A 3x3 convolution of 40 channels (3 chunks), a depthwise one (a chunk for each channel), and a dense head, all masked."""
    rng = np.random.default_rng(3)

    def masked(source, name, shape, **geometry):
        mask = rng.random(shape) < 0.3
        mask[: min(CHUNK, shape[0] - 1)] &= (
            rng.random((1, *shape[1:])) < 0.5
        )  # most of the first chunk is empty somewhere
        weight = (rng.integers(1, 9, shape) * rng.choice([-1, 1], shape) * mask).astype(np.int8)
        return Edge(name, source, weight=weight, mask=mask, **geometry)

    conv = masked(0, "conv", (40, 3, 3, 3), kind="conv", padding=(1, 1))
    depthwise = masked(1, "depthwise", (40, 1, 3, 3), kind="conv", stride=(2, 2), padding=(1, 1), groups=40)
    head = masked(2, "head", (20, 40, 3, 3), kind="dense")
    head.mask[:CHUNK, 4:] = False
    head.weight[:CHUNK, 4:] = 0
    graded = Precision("int8", "bf16", "bf16")
    layers = (
        Layer("input", None, (3, 6, 6), precision=Precision(event="binary")),
        Layer("conv", Relu(), (40, 6, 6), (conv,), precision=graded),
        Layer("depthwise", Relu(), (40, 3, 3), (depthwise,), precision=graded),
        Layer("head", Relu(), (20, 1, 1), (head,), precision=graded, is_output=True),
    )
    return Network("masked", layers)


def masked_run(masked, engine="fast", network=None):
    network = network or masked_network()
    maps = (np.random.default_rng(4).random((2, 3, 6, 6)) < 0.25).astype(np.int32)
    trace = run_network(network, [as_trace(maps, binary=True)])
    boxes = [(n, n - 1, *((0, size) for size in network.layers[n].out_shape)) for n in (1, 2, 3)]
    rows = provision_rows(network, [Part(*box, 1) for box in boxes], window=2)
    parts = tuple(Part(*box, row) for box, row in zip(boxes, rows, strict=True))
    mapping = Mapping(network.name, parts, (2, 2), ((0, 0), (1, 0), (0, 1)))
    # packets long enough for all values of a position, so that groups are those of the position
    changes = [f"core.masked={masked}", "noc.max_flits=65", "noc.buffer_flits=65", "noc.input_flits=130"]
    return network, trace, ss.simulate(network, activity=trace, mapping=mapping, set=changes, engine=engine)


@pytest.fixture(scope="module")
def dense():
    return masked_run("dense")


@pytest.fixture(scope="module")
def skipping():
    return masked_run("chunk_skip")


def inlet_counts(result, name):
    return result.record.counts.inlets[:, :, INLET_COUNTERS.index(name)]


def chunks_by_hand(network, trace, edge, layer, step):
    """Return (tests, executed chunks, executed SOPs) of a step: groups of a position (dense: of the step), taps, chunks."""
    source = network.layers[edge.source]
    tests = executed = sops = 0
    for members in _groups(network, trace, edge, step):
        for ky, kx in np.ndindex(*(edge.kernel if edge.kind == "conv" else (1, 1))):
            if edge.kind == "conv" and not _lands(edge, layer, *members[0][1:], ky, kx):
                continue
            per_group, inputs = len(edge.mask) // edge.groups, edge.mask.shape[1]
            group = members[0][0] // inputs
            for begin in range(group * per_group, (group + 1) * per_group, CHUNK):
                chunk = slice(begin, min(begin + CHUNK, (group + 1) * per_group))
                free = [
                    edge.mask[chunk, c % inputs, *((ky, kx) if edge.kind == "conv" else (y, x))] for c, y, x in members
                ]
                tests += 1
                if np.any(free):
                    executed += 1
                    sops += len(members) * (chunk.stop - chunk.start)
    assert source.out_shape
    return tests, executed, sops


def _groups(network, trace, edge, step):
    """Return lists of at most four events that are integrated together."""
    pools = {}
    for channel, y, x in events_of(trace.layers[edge.source], step, network, edge.source):
        key = (channel // edge.mask.shape[1], y, x) if edge.kind == "conv" else ()
        pools.setdefault(key, []).append((channel, y, x))
    return [pool[i : i + GROUP] for pool in pools.values() for i in range(0, len(pool), GROUP)]


def _lands(edge, layer, y, x, ky, kx):
    oy, ox = y + edge.padding[0] - ky, x + edge.padding[1] - kx
    if oy % edge.stride[0] or ox % edge.stride[1]:
        return False
    return 0 <= oy // edge.stride[0] < layer.shape[1] and 0 <= ox // edge.stride[1] < layer.shape[2]


def test_dense_layout_executes_the_masked_weights_and_reports_them_apart(dense):
    network, trace, result = dense
    free, every = slow_sops(network, trace)
    assert result.layers["sops"].tolist() == [0, *free.sum(axis=0)]
    assert result.layers["sops_executed"].tolist() == [0, *every.sum(axis=0)]
    assert result.layers["sops_masked"].tolist() == [0, *(every - free).sum(axis=0)]
    assert (free.sum(axis=0) > 0).all()
    assert free.sum() < 0.5 * every.sum()
    assert result.summary["memory_by_kind_bits"]["masks"] == 0
    assert inlet_counts(result, "skip_tests").sum() == 0


def test_skipping_layout_executes_the_chunks_that_hold_an_unmasked_weight(skipping):
    network, trace, result = skipping
    free, every = slow_sops(network, trace)
    for step in range(trace.n_steps):
        for number, layer in enumerate(network.layers[1:]):
            tests, executed, sops = chunks_by_hand(network, trace, layer.edges[0], layer, step)
            assert inlet_counts(result, "skip_tests")[step, number] == tests, layer.name
            assert inlet_counts(result, "chunks")[step, number] == executed, layer.name
            assert inlet_counts(result, "sops")[step, number] == sops, layer.name
            assert 0 < executed < tests
            assert free[step, number] <= sops <= every[step, number]
    assert result.layers["sops"].tolist() == [0, *free.sum(axis=0)]


def test_chunk_bits_are_one_for_each_input_channel_kernel_position_and_chunk(skipping):
    _, _, result = skipping
    bits = result.cores["memory_masks_bits"].tolist()
    assert bits == [3 * 3 * 9, 40 * 9, 2 * 40 * 9]  # depthwise: each channel is a chunk of its own
    assert result.summary["memory_by_kind_bits"]["masks"] == sum(bits)


def test_skipping_saves_the_energy_of_the_skipped_chunks_and_pays_its_tests(dense, skipping):
    network, _, executed = dense
    result = skipping[2]
    for each in (executed, result):
        record = each.record
        books = Books(network, record.chip, record.mapping, record.counts)
        assert each.summary["energy_uj"] == pytest.approx(books.total(), rel=1e-11)
    before, after = (each.summary["energy_by_component_uj"] for each in (executed, result))
    assert after["npe"] < 0.9 * before["npe"]
    assert after["loop_controller"] < before["loop_controller"]
    conv = 0  # three input channels make one group a position, whose job the tests lengthen
    tests = inlet_counts(result, "skip_tests")[:, conv].sum()
    cycles = inlet_counts(result, "rv_cycles")[:, conv] - inlet_counts(executed, "rv_cycles")[:, conv]
    assert cycles.sum() == tests * result.record.chip.core.riscv.skip.value


def test_what_a_masked_network_computes_is_that_of_zeroed_weights(dense):
    network, trace, _ = dense
    layers = tuple(
        Layer(layer.name, layer.neuron, layer.shape, _unmasked(layer), layer.bias, layer.pool, layer.precision)
        for layer in network.layers
    )
    maps = (np.random.default_rng(4).random((2, 3, 6, 6)) < 0.25).astype(np.int32)
    zeroed = run_network(Network("zeroed", layers), [as_trace(maps, binary=True)])
    for number, layer in enumerate(network.layers):
        got, expected = (dense_steps(each.layers[number], layer.out_shape) for each in (trace, zeroed))
        np.testing.assert_array_equal(got, expected)
    assert (zeroed.sops.sum(axis=0) > trace.sops.sum(axis=0)).all()


def _unmasked(layer):
    return tuple(
        Edge(e.name, e.source, e.kind, e.weight, e.scale, e.stride, e.padding, groups=e.groups) for e in layer.edges
    )


@pytest.mark.parametrize("masked", ["dense", "chunk_skip"])
def test_both_engines_count_masked_layers_alike(masked, dense, skipping):
    fast = (dense if masked == "dense" else skipping)[2].record.counts
    slow = masked_run(masked, "reference")[2].record.counts
    assert slow.makespan == fast.makespan
    for name in ("parts", "inlets", "cores", "host", "steps", "links", "npe_busy", "fifo_max"):
        np.testing.assert_array_equal(getattr(slow, name), getattr(fast, name), err_msg=name)
